//! Containers laid out by hand, from the descriptions of their formats.

/// Fields of a header, in one order of bytes.
#[derive(Clone, Default)]
pub struct Header {
    pub bytes: Vec<u8>,
    pub big_endian: bool,
}

impl Header {
    pub fn little() -> Self {
        Self::default()
    }

    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }

    /// Zeros up to a length.
    pub fn pad_to(&mut self, length: usize) -> &mut Self {
        assert!(self.bytes.len() <= length);
        self.bytes.resize(length, 0);
        self
    }
}

/// An ELF core of a machine.
pub struct Elf {
    pub wide: bool,
    pub big_endian: bool,
    pub ranges: Vec<(u64, Vec<u8>)>,
    pub notes: Vec<(&'static str, u32, Vec<u8>)>,
}

impl Default for Elf {
    fn default() -> Self {
        Self { wide: true, big_endian: false, ranges: Vec::new(), notes: Vec::new() }
    }
}

impl Elf {
    pub fn build(&self) -> Vec<u8> {
        let empty = || Header { bytes: Vec::new(), big_endian: self.big_endian };
        let word = |header: &mut Header, value: u64| {
            if self.wide {
                header.u64(value)
            } else {
                header.u32(value.try_into().unwrap())
            };
        };
        let (header_size, entry_size) = if self.wide { (64, 56) } else { (52, 32) };
        let count = self.ranges.len() + 1;
        let mut notes = empty();
        for (name, kind, body) in &self.notes {
            notes.u32(name.len() as u32 + 1).u32(body.len() as u32).u32(*kind).raw(name.as_bytes()).raw(&[0]);
            let named = notes.bytes.len().next_multiple_of(4);
            notes.pad_to(named).raw(body);
            let whole = notes.bytes.len().next_multiple_of(4);
            notes.pad_to(whole);
        }

        let mut elf = empty();
        let order = if self.big_endian { 2 } else { 1 };
        elf.raw(&[0x7f, b'E', b'L', b'F', if self.wide { 2 } else { 1 }, order, 1]).pad_to(16);
        elf.u16(4).u16(if self.wide { 62 } else { 3 }).u32(1);
        word(&mut elf, 0);
        word(&mut elf, header_size);
        word(&mut elf, 0);
        elf.u32(0).u16(header_size as u16).u16(entry_size).u16(count as u16).u16(0).u16(0).u16(0);
        let mut at = header_size + count as u64 * u64::from(entry_size);
        let notes_at = at;
        at += notes.bytes.len() as u64;
        let mut entry = |kind: u32, offset: u64, address: u64, length: u64| {
            elf.u32(kind);
            if self.wide {
                elf.u32(0);
            }
            for value in [offset, 0, address, length, length] {
                word(&mut elf, value);
            }
            if self.wide {
                elf.u64(0)
            } else {
                elf.u32(0).u32(0)
            };
        };
        entry(4, notes_at, 0, notes.bytes.len() as u64);
        for (address, content) in &self.ranges {
            entry(1, at, *address, content.len() as u64);
            at += content.len() as u64;
        }
        elf.raw(&notes.bytes);
        for (_, content) in &self.ranges {
            elf.raw(content);
        }
        elf.bytes
    }
}

/// A LiME image.
pub fn lime(ranges: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut lime = Header::little();
    for (start, content) in ranges {
        lime.raw(b"EMiL").u32(1).u64(*start).u64(start + content.len() as u64 - 1).u64(0).raw(content);
    }
    lime.bytes
}
