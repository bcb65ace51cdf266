//! Parts that several files are put together from.

/// Puts `value` at `offset`; the file grows as far as needed.
pub fn put(bytes: &mut Vec<u8>, offset: usize, value: &[u8]) {
    let end = offset + value.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(value);
}

/// A file that begins with `start` and is filled up with zeros.
pub fn filled(start: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = start.to_vec();
    bytes.resize(length, 0);
    bytes
}

/// An ELF file of 64 bits in little-endian order, with a section of each name and content.
pub fn elf(kind: u16, sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = filled(b"\x7fELF\x02\x01\x01", 64);
    put(&mut bytes, 16, &kind.to_le_bytes());
    put(&mut bytes, 18, &62u16.to_le_bytes());
    put(&mut bytes, 20, &1u32.to_le_bytes());
    put(&mut bytes, 52, &64u16.to_le_bytes());
    put(&mut bytes, 58, &64u16.to_le_bytes());
    let mut names = vec![0];
    let mut headers = vec![0; 64];
    let mut add = |bytes: &mut Vec<u8>, name: &str, content: &[u8], kind: u32, names: &mut Vec<u8>| {
        let mut header = vec![0; 64];
        put(&mut header, 0, &(names.len() as u32).to_le_bytes());
        put(&mut header, 4, &kind.to_le_bytes());
        put(&mut header, 24, &(bytes.len() as u64).to_le_bytes());
        put(&mut header, 32, &(content.len() as u64).to_le_bytes());
        put(&mut header, 48, &1u64.to_le_bytes());
        headers.extend(header);
        bytes.extend_from_slice(content);
        names.extend(name.bytes());
        names.push(0);
    };
    for (name, content) in sections {
        let kind = if name.starts_with(".note") { 7 } else { 1 };
        add(&mut bytes, name, content, kind, &mut names);
    }
    let mut all = names.clone();
    all.extend(b".shstrtab\0");
    add(&mut bytes, ".shstrtab", &all, 3, &mut names);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let table = bytes.len() as u64;
    bytes.extend(headers);
    put(&mut bytes, 40, &table.to_le_bytes());
    put(&mut bytes, 60, &(sections.len() as u16 + 2).to_le_bytes());
    put(&mut bytes, 62, &(sections.len() as u16 + 1).to_le_bytes());
    bytes
}

/// A note with a build-id.
pub fn build_id(id: &[u8]) -> Vec<u8> {
    let mut note = Vec::new();
    for number in [4, id.len() as u32, 3] {
        note.extend(number.to_le_bytes());
    }
    note.extend(b"GNU\0");
    note.extend(id);
    note
}

/// A Mach-O file of 64 bits with a segment of each name.
pub fn mach(kind: u32, segments: &[&str]) -> Vec<u8> {
    let mut bytes = filled(b"\xcf\xfa\xed\xfe\x07\0\0\x01\x03\0\0\0", 32);
    put(&mut bytes, 12, &kind.to_le_bytes());
    put(&mut bytes, 16, &(segments.len() as u32).to_le_bytes());
    put(&mut bytes, 20, &(segments.len() as u32 * 72).to_le_bytes());
    for (index, name) in segments.iter().enumerate() {
        let at = 32 + index * 72;
        put(&mut bytes, at, &0x19u32.to_le_bytes());
        put(&mut bytes, at + 4, &72u32.to_le_bytes());
        put(&mut bytes, at + 8, name.as_bytes());
        put(&mut bytes, at + 71, &[0]);
    }
    bytes
}

/// An executable of 64-bit Windows with one section, and a debug record for each path of a PDB.
pub fn pe(paths: &[&str]) -> Vec<u8> {
    let mut bytes = filled(b"MZ", 0x80);
    put(&mut bytes, 0x3c, &0x80u32.to_le_bytes());
    put(&mut bytes, 0x80, b"PE\0\0\x64\x86\x01\0");
    put(&mut bytes, 0x80 + 20, &240u16.to_le_bytes());
    put(&mut bytes, 0x80 + 22, &0x22u16.to_le_bytes());
    let optional = 0x80 + 24;
    put(&mut bytes, optional, &0x20bu16.to_le_bytes());
    put(&mut bytes, optional + 24, &0x1_4000_0000u64.to_le_bytes());
    put(&mut bytes, optional + 32, &0x1000u32.to_le_bytes());
    put(&mut bytes, optional + 36, &0x200u32.to_le_bytes());
    put(&mut bytes, optional + 56, &0x2000u32.to_le_bytes());
    put(&mut bytes, optional + 60, &0x400u32.to_le_bytes());
    put(&mut bytes, optional + 108, &16u32.to_le_bytes());
    put(&mut bytes, optional + 112 + 48, &0x1000u32.to_le_bytes());
    put(&mut bytes, optional + 112 + 52, &(28 * paths.len() as u32).to_le_bytes());
    let section = optional + 240;
    put(&mut bytes, section, b".rdata\0\0");
    for (at, number) in [(8, 0x1000u32), (12, 0x1000), (16, 0x200), (20, 0x400), (36, 0x4000_0040)] {
        put(&mut bytes, section + at, &number.to_le_bytes());
    }
    bytes.resize(0x600, 0);
    for (index, path) in paths.iter().enumerate() {
        let record = 0x400 + index * 28;
        let content = 0x500 + index * 0x80;
        for (at, number) in
            [(12, 2), (16, 25 + path.len() as u32), (20, content as u32 + 0xc00), (24, content as u32)]
        {
            put(&mut bytes, record + at, &number.to_le_bytes());
        }
        put(
            &mut bytes,
            content,
            b"RSDS\xc9\xb5\xa8\xe2\xb7\xf4\x4b\xf8\xa6\xe4\xa4\x8f\x18\x00\x99\x94\x02\0\0\0",
        );
        put(&mut bytes, content + 24, path.as_bytes());
    }
    bytes
}

/// A zip archive of empty members, which are stored.
pub fn zip(names: &[&str], comment: &[u8]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for name in names {
        let length = name.len() as u16;
        let mut entry = filled(b"PK\x01\x02\x14\0\x14\0", 46);
        put(&mut entry, 28, &length.to_le_bytes());
        put(&mut entry, 42, &(bytes.len() as u32).to_le_bytes());
        directory.extend(entry);
        directory.extend(name.bytes());
        let mut header = filled(b"PK\x03\x04\x14\0", 30);
        put(&mut header, 26, &length.to_le_bytes());
        bytes.extend(header);
        bytes.extend(name.bytes());
    }
    let mut end = filled(b"PK\x05\x06", 22);
    for at in [8, 10] {
        put(&mut end, at, &(names.len() as u16).to_le_bytes());
    }
    put(&mut end, 12, &(directory.len() as u32).to_le_bytes());
    put(&mut end, 16, &(bytes.len() as u32).to_le_bytes());
    put(&mut end, 20, &(comment.len() as u16).to_le_bytes());
    bytes.extend(directory);
    bytes.extend(end);
    bytes.extend(comment);
    bytes
}
