//! ELF files built by hand, whose headers may describe the same bytes.

/// A section, its content its own or that of another.
pub struct Section {
    pub name: &'static str,
    pub kind: u32,
    pub content: Content,
    pub link: u32,
    pub info: u32,
    pub entry: u64,
}

pub enum Content {
    Own(Vec<u8>),
    /// That of the section with this number among those given.
    Of(usize),
}

impl Section {
    pub fn new(name: &'static str, kind: u32, content: Vec<u8>) -> Self {
        Self { name, kind, content: Content::Own(content), link: 0, info: 0, entry: 0 }
    }

    pub fn same(name: &'static str, kind: u32, number: usize) -> Self {
        Self { content: Content::Of(number), ..Self::new(name, kind, Vec::new()) }
    }
}

pub const PROGBITS: u32 = 1;
pub const SYMTAB: u32 = 2;
pub const STRTAB: u32 = 3;
pub const RELA: u32 = 4;
pub const NOTE: u32 = 7;

/// A little-endian file of 64 bits for x86-64; `kind` is 1 for a file that is not linked, 2 for a program.
pub fn elf(kind: u16, sections: Vec<Section>) -> Vec<u8> {
    let mut sections = sections;
    let mut names = vec![0];
    let mut offsets = Vec::new();
    for name in sections.iter().map(|section| section.name).chain([".shstrtab"]) {
        let known = names.windows(name.len() + 2).position(|part| {
            part[0] == 0 && &part[1..=name.len()] == name.as_bytes() && part[name.len() + 1] == 0
        });
        offsets.push(known.map_or(names.len(), |at| at + 1) as u32);
        if known.is_none() {
            names.extend_from_slice(name.as_bytes());
            names.push(0);
        }
    }
    sections.push(Section::new(".shstrtab", STRTAB, names));
    let mut file = vec![0; 64];
    let mut places: Vec<(u64, u64)> = Vec::new();
    for section in &sections {
        let place = match &section.content {
            Content::Own(bytes) => {
                let at = file.len() as u64;
                file.extend_from_slice(bytes);
                (at, bytes.len() as u64)
            }
            Content::Of(number) => places[*number],
        };
        places.push(place);
    }
    file.resize(file.len().next_multiple_of(8), 0);
    let table = file.len() as u64;
    let count = sections.len() as u64 + 1;
    let large = count >= 0xff00;
    let mut first = [0u8; 64];
    if large {
        first[32..40].copy_from_slice(&count.to_le_bytes());
        first[40..44].copy_from_slice(&(count as u32 - 1).to_le_bytes());
    }
    file.extend_from_slice(&first);
    for ((section, name), (offset, size)) in sections.iter().zip(&offsets).zip(&places) {
        file.extend_from_slice(&name.to_le_bytes());
        file.extend_from_slice(&section.kind.to_le_bytes());
        for value in [0, 0, *offset, *size] {
            file.extend_from_slice(&value.to_le_bytes());
        }
        file.extend_from_slice(&section.link.to_le_bytes());
        file.extend_from_slice(&section.info.to_le_bytes());
        file.extend_from_slice(&1u64.to_le_bytes());
        file.extend_from_slice(&section.entry.to_le_bytes());
    }
    let numbers = if large { (0, 0xffff) } else { (count as u16, count as u16 - 1) };
    let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    header.extend_from_slice(&kind.to_le_bytes());
    header.extend_from_slice(&62u16.to_le_bytes());
    header.extend_from_slice(&1u32.to_le_bytes());
    for value in [0, 0, table] {
        header.extend_from_slice(&value.to_le_bytes());
    }
    header.extend_from_slice(&0u32.to_le_bytes());
    for value in [64u16, 56, 0, 64, numbers.0, numbers.1] {
        header.extend_from_slice(&value.to_le_bytes());
    }
    file[..64].copy_from_slice(&header);
    file
}

/// A core of `headers`: kind, offset, physical address, length; the content follows the table.
pub fn core(headers: &[(u32, u64, u64, u64)], content: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0\x3e\0\x01\0\0\0".to_vec();
    let count = headers.len().min(0xffff) as u16;
    assert!(headers.len() < 0xffff, "such a file needs a section header");
    for value in [0u64, 64, 0] {
        file.extend_from_slice(&value.to_le_bytes());
    }
    file.extend_from_slice(&0u32.to_le_bytes());
    for value in [64u16, 56, count, 0, 0, 0] {
        file.extend_from_slice(&value.to_le_bytes());
    }
    let start = 64 + 56 * headers.len() as u64;
    for (kind, offset, physical, length) in headers {
        file.extend_from_slice(&kind.to_le_bytes());
        file.extend_from_slice(&4u32.to_le_bytes());
        for value in [start + offset, 0, *physical, *length, *length, 0] {
            file.extend_from_slice(&value.to_le_bytes());
        }
    }
    file.extend_from_slice(content);
    file
}

/// A table of abbreviations: a unit (1), a struct named from `.debug_str` (2), one named in place (3), a namespace named in
/// place with children (4), a struct without a name (5), a member of a type in the unit (6), a struct named in place with
/// children (7), a skeleton that names its split file and folder in place (8).
pub fn abbreviations() -> Vec<u8> {
    let mut table = Vec::new();
    table.extend_from_slice(&[1, 0x11, 1, 0x13, 0x0b, 0, 0]);
    table.extend_from_slice(&[2, 0x13, 0, 0x03, 0x0e, 0x0b, 0x0b, 0, 0]);
    table.extend_from_slice(&[3, 0x13, 0, 0x03, 0x08, 0x0b, 0x0b, 0, 0]);
    table.extend_from_slice(&[4, 0x39, 1, 0x03, 0x08, 0, 0]);
    table.extend_from_slice(&[5, 0x13, 1, 0x0b, 0x0b, 0, 0]);
    table.extend_from_slice(&[6, 0x0d, 0, 0x03, 0x08, 0x49, 0x13, 0x38, 0x0b, 0, 0]);
    table.extend_from_slice(&[7, 0x13, 1, 0x03, 0x08, 0x0b, 0x0b, 0, 0]);
    table.extend_from_slice(&[8, 0x11, 0, 0xb0, 0x42, 0x08, 0x1b, 0x08, 0, 0]);
    table.push(0);
    table
}

/// A unit of DWARF 4 in this language with these entries, its abbreviations at `at`.
pub fn unit(language: u8, at: u32, entries: &[u8]) -> Vec<u8> {
    let mut unit = Vec::new();
    unit.extend_from_slice(&(7 + 2 + entries.len() as u32 + 1).to_le_bytes());
    unit.extend_from_slice(&4u16.to_le_bytes());
    unit.extend_from_slice(&at.to_le_bytes());
    unit.push(8);
    unit.extend_from_slice(&[1, language]);
    unit.extend_from_slice(entries);
    unit.push(0);
    unit
}
