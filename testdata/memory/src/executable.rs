//! A PE file as a loader maps it.

/// A PE file, mapped and relocated.
pub struct Mapped {
    /// The bytes from its base address on; as long as the image.
    pub bytes: Vec<u8>,
    /// Its sections.
    pub sections: Vec<Section>,
    /// The address of the entry point from the base.
    pub entry: u32,
    /// The raw record that names its PDB (`RSDS`, GUID, age, zero-terminated name), and its offset from the base.
    pub debug: (u32, Vec<u8>),
}

/// A section of a PE file.
pub struct Section {
    /// Its name.
    pub name: String,
    /// Where it begins, from the base.
    pub start: u32,
    /// Its bytes in memory.
    pub size: u32,
    /// Discarded after start-up.
    pub discardable: bool,
}

impl Mapped {
    /// Maps a file to a base address.
    pub fn load(file: &[u8], base: u64) -> Self {
        let pe = u32_at(file, 0x3c) as usize;
        assert_eq!(&file[pe..pe + 4], b"PE\0\0");
        let optional = pe + 24;
        let wide = u16_at(file, optional) == 0x20b;
        let preferred =
            if wide { u64_at(file, optional + 24) } else { u64::from(u32_at(file, optional + 28)) };
        let directories = optional + if wide { 112 } else { 96 };
        let mut bytes = vec![0; u32_at(file, optional + 56) as usize];
        let headers = u32_at(file, optional + 60) as usize;
        bytes[..headers].copy_from_slice(&file[..headers]);
        let table = optional + usize::from(u16_at(file, pe + 20));
        let sections: Vec<_> = (0..usize::from(u16_at(file, pe + 6)))
            .map(|index| {
                let header = &file[table + index * 40..][..40];
                let (start, size) = (u32_at(header, 12) as usize, u32_at(header, 16) as usize);
                let content = &file[u32_at(header, 20) as usize..][..size];
                let size = size.min(bytes.len() - start);
                bytes[start..start + size].copy_from_slice(&content[..size]);
                Section {
                    name: text(&header[..8]),
                    start: u32_at(header, 12),
                    size: u32_at(header, 8),
                    discardable: u32_at(header, 36) & 0x0200_0000 != 0,
                }
            })
            .collect();
        let directory = |index: usize| {
            let entry = directories + index * 8;
            (u32_at(file, entry) as usize, u32_at(file, entry + 4) as usize)
        };
        relocate(&mut bytes, directory(5), base.wrapping_sub(preferred));
        // A loader writes the address of the image.
        let field = optional + if wide { 24 } else { 28 };
        let width = if wide { 8 } else { 4 };
        bytes[field..field + width].copy_from_slice(&base.to_le_bytes()[..width]);
        let (at, size) = directory(6);
        let debug = (0..size / 28)
            .map(|index| &bytes[at + index * 28..][..28])
            .find(|entry| u32_at(entry, 12) == 2)
            .map(|entry| {
                let (length, place) = (u32_at(entry, 16) as usize, u32_at(entry, 20));
                (place, bytes[place as usize..][..length].to_vec())
            })
            .expect("a debug record");
        Self { entry: u32_at(file, optional + 16), bytes, sections, debug }
    }

    /// The identity of its PDB in the spelling of symbol servers, and the PDB's name.
    pub fn identity(&self) -> (String, String) {
        let record = &self.debug.1;
        let mut guid =
            format!("{:08X}{:04X}{:04X}", u32_at(record, 4), u16_at(record, 8), u16_at(record, 10));
        for byte in &record[12..20] {
            guid += &format!("{byte:02X}");
        }
        (format!("{guid}{:X}", u32_at(record, 20)), text(&record[24..]))
    }

    /// A section by its name.
    pub fn section(&self, name: &str) -> &Section {
        self.sections.iter().find(|section| section.name == name).expect("a section of this name")
    }
}

/// Applies base relocations: blocks of a page address, a length, and entries of a kind and an offset.
fn relocate(bytes: &mut [u8], (mut at, size): (usize, usize), delta: u64) {
    let end = at + size;
    while at < end {
        let (page, length) = (u32_at(bytes, at) as usize, u32_at(bytes, at + 4) as usize);
        for index in (8..length).step_by(2) {
            let entry = u16_at(bytes, at + index);
            let place = page + usize::from(entry & 0xfff);
            match entry >> 12 {
                0 => {}
                3 => {
                    let value = u32_at(bytes, place).wrapping_add(delta as u32);
                    bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
                }
                10 => {
                    let value = u64_at(bytes, place).wrapping_add(delta);
                    bytes[place..place + 8].copy_from_slice(&value.to_le_bytes());
                }
                kind => panic!("relocation of kind {kind}"),
            }
        }
        at += length;
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8(bytes[..end].to_vec()).expect("ASCII")
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}
