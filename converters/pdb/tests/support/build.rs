//! Builds PDBs record by record, for records that no available compiler writes.

/// Bytes, little-endian, added one field after the other.
#[derive(Clone, Debug, Default)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    pub fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub fn u16(mut self, value: u16) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn u32s(self, values: &[u32]) -> Self {
        values.iter().fold(self, |bytes, value| bytes.u32(*value))
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A text that ends with a zero byte.
    pub fn text(self, text: &str) -> Self {
        self.raw(text.as_bytes()).u8(0)
    }

    /// A text behind its length.
    pub fn counted(self, text: &str) -> Self {
        self.u8(text.len() as u8).raw(text.as_bytes())
    }

    /// A number that fits a numeric leaf's two bytes, or four behind a kind.
    pub fn number(self, number: u64) -> Self {
        match number {
            0..0x8000 => self.u16(number as u16),
            0x8000..0x1_0000_0000 => self.u16(0x8004).u32(number as u32),
            _ => self.u16(0x800a).raw(&number.to_le_bytes()),
        }
    }

    /// Pads to a multiple of four bytes, as field lists and records do.
    pub fn padded(mut self) -> Self {
        while !self.0.len().is_multiple_of(4) {
            let missing = 4 - self.0.len() % 4;
            self.0.push(0xf0 | missing as u8);
        }
        self
    }
}

/// A record of this kind.
pub fn record(kind: u16) -> Bytes {
    Bytes::default().u16(kind)
}

/// `LF_STRUCTURE`.
pub fn structure(name: &str, size: u64, fields: u32) -> Bytes {
    record(0x1505).u16(0).u16(0).u32s(&[fields, 0, 0]).number(size).text(name)
}

/// `LF_STRUCTURE` with a decorated name, defined or only declared.
pub fn decorated(name: &str, unique: &str, size: u64, fields: u32, forward: bool) -> Bytes {
    let properties = 0x200 | if forward { 0x80 } else { 0 };
    record(0x1505).u16(0).u16(properties).u32s(&[fields, 0, 0]).number(size).text(name).text(unique)
}

/// `LF_ENUM` over a type.
pub fn enumeration(name: &str, underlying: u32, fields: u32) -> Bytes {
    record(0x1507).u16(0).u16(0).u32s(&[underlying, fields]).text(name)
}

/// `LF_FIELDLIST` of these entries.
pub fn fields(entries: &[Bytes]) -> Bytes {
    entries.iter().fold(record(0x1203), |list, entry| list.raw(&entry.0).padded())
}

/// `LF_MEMBER`.
pub fn member(name: &str, offset: u64, ty: u32) -> Bytes {
    record(0x150d).u16(3).u32(ty).number(offset).text(name)
}

/// `LF_ENUMERATE`, its value as raw numeric leaf.
pub fn label(name: &str, value: &[u8]) -> Bytes {
    record(0x1502).u16(3).raw(value).text(name)
}

/// `LF_POINTER` of 64 bits.
pub fn pointer(target: u32) -> Bytes {
    record(0x1002).u32s(&[target, 0x1000c])
}

/// `S_PUB32`.
pub fn public(name: &str, function: bool, section: u16, offset: u32) -> Bytes {
    record(0x110e).u32(u32::from(function) * 2).u32(offset).u16(section).text(name)
}

/// `S_GDATA32` or `S_LDATA32`.
pub fn data(name: &str, global: bool, ty: u32, section: u16, offset: u32) -> Bytes {
    record(if global { 0x110d } else { 0x110c }).u32(ty).u32(offset).u16(section).text(name)
}

/// `S_GPROC32` or `S_LPROC32`.
pub fn procedure(name: &str, global: bool, section: u16, offset: u32) -> Bytes {
    let record = record(if global { 0x1110 } else { 0x110f }).u32s(&[0, 0, 0, 16, 0, 0, 0]);
    record.u32(offset).u16(section).u8(0).text(name)
}

/// A module with its symbols.
#[derive(Clone, Debug, Default)]
pub struct Module {
    pub name: &'static str,
    pub symbols: Vec<Bytes>,
}

/// A PDB to build.
#[derive(Clone, Debug)]
pub struct Pdb {
    pub page_size: usize,
    /// Whether the pages of each stream are scattered.
    pub scattered: bool,
    pub info_age: u32,
    pub types: Vec<Bytes>,
    /// How many types the header claims in addition to the existing ones.
    pub claimed_types: u32,
    /// The DBI stream's machine and age; `None` for a PDB without that stream.
    pub dbi: Option<(u16, u32)>,
    pub symbols: Vec<Bytes>,
    pub modules: Vec<Module>,
    /// RVAs of the sections.
    pub sections: Vec<u32>,
    pub original_sections: Vec<u32>,
    pub omap: Vec<(u32, u32)>,
}

impl Default for Pdb {
    fn default() -> Self {
        Self {
            page_size: 512,
            scattered: false,
            info_age: 7,
            types: Vec::new(),
            claimed_types: 0,
            dbi: Some((0x8664, 2)),
            symbols: Vec::new(),
            modules: Vec::new(),
            sections: vec![0x1000, 0x3000],
            original_sections: Vec::new(),
            omap: Vec::new(),
        }
    }
}

/// The GUID of every PDB that is built here.
pub const GUID: &str = "03020100050407060809101112131415";

impl Pdb {
    /// A PDB with these types, the first of which has index 0x1000.
    pub fn of_types(types: Vec<Bytes>) -> Self {
        Self { types, ..Self::default() }
    }

    /// A PDB with these symbols.
    pub fn of_symbols(symbols: Vec<Bytes>) -> Self {
        Self { symbols, ..Self::default() }
    }

    /// Its streams.
    pub fn streams(&self) -> Vec<Vec<u8>> {
        let guid = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15];
        let info = Bytes::default().u32s(&[20_000_404, 951_782_400, self.info_age]).raw(&guid).u32s(&[0; 5]);
        let records = with_lengths(&self.types);
        let end = 0x1000 + self.types.len() as u32 + self.claimed_types;
        let types = Bytes::default().u32s(&[20_040_203, 56, 0x1000, end, records.len() as u32]);
        let types = types.u16(0xffff).u16(0xffff).u32s(&[4, 0x3ffff, 0, 0, 0, 0, 0, 0]).raw(&records);
        let mut streams = vec![Vec::new(), info.0, types.0, Vec::new(), Vec::new()];
        let Some((machine, age)) = self.dbi else { return streams };

        let mut add = |bytes: Vec<u8>| {
            streams.push(bytes);
            streams.len() as u16 - 1
        };
        let symbols = add(with_lengths(&self.symbols));
        let mut modules = Bytes::default();
        for module in &self.modules {
            let symbols = Bytes::default().u32(4).raw(&with_lengths(&module.symbols)).0;
            let size = symbols.len() as u32;
            let stream = add(symbols);
            modules = modules.raw(&[0; 34]).u16(stream).u32(size).raw(&[0; 24]).text(module.name).text("");
            while !modules.0.len().is_multiple_of(4) {
                modules.0.push(0);
            }
        }
        let headers = |sections: &[u32]| {
            let header =
                |rva: &u32| Bytes::default().text(".s\0\0\0\0\0").u32s(&[0x1000, *rva]).raw(&[0; 24]).0;
            sections.iter().flat_map(header).collect::<Vec<u8>>()
        };
        let mut optional = |bytes: Vec<u8>| if bytes.is_empty() { 0xffff } else { add(bytes) };
        let mut slots = [0xffff; 11];
        slots[4] = optional(
            self.omap.iter().flat_map(|(from, to)| Bytes::default().u32s(&[*from, *to]).0).collect(),
        );
        slots[5] = optional(headers(&self.sections));
        slots[10] = optional(headers(&self.original_sections));

        let dbi = Bytes::default().u32s(&[u32::MAX, 19_990_903, age]).u16(0xffff).u16(0).u16(0xffff).u16(0);
        let dbi = dbi.u16(symbols).u16(0).u32s(&[modules.0.len() as u32, 0, 0, 0, 0, 0, 22, 0]);
        let dbi = dbi.u16(0).u16(machine).u32(0).raw(&modules.0);
        streams[3] = slots.iter().fold(dbi, |dbi, slot| dbi.u16(*slot)).0;
        streams
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        container(&self.streams(), self.page_size, self.scattered)
    }
}

fn with_lengths(records: &[Bytes]) -> Vec<u8> {
    let one = |record: &Bytes| {
        let record = record.clone().padded();
        // The length does not include itself, so records begin at multiples of four after their lengths.
        let padding = (4 - (record.0.len() + 2) % 4) % 4;
        let record = record.raw(&[0xf3, 0xf2, 0xf1][3 - padding..]);
        Bytes::default().u16(record.0.len() as u16).raw(&record.0).0
    };
    records.iter().flat_map(one).collect()
}

/// An MSF 7.00 file of these streams.
pub fn container(streams: &[Vec<u8>], page_size: usize, scattered: bool) -> Vec<u8> {
    let mut pages: Vec<Vec<u8>> = vec![Vec::new(); 3];
    let mut place = |bytes: &[u8]| -> Vec<u32> {
        let mut numbers = Vec::new();
        for page in bytes.chunks(page_size) {
            if scattered {
                pages.push(vec![0xcc; page_size]);
            }
            numbers.push(pages.len() as u32);
            pages.push(page.to_vec());
        }
        numbers
    };
    let sizes = streams.iter().map(|stream| stream.len() as u32);
    let numbers: Vec<u32> = streams.iter().flat_map(|stream| place(stream)).collect();
    let mut directory = Bytes::default().u32(streams.len() as u32);
    for size in sizes {
        directory = directory.u32(size);
    }
    let directory = directory.u32s(&numbers).0;
    let list = Bytes::default().u32s(&place(&directory)).0;
    let root = place(&list);
    let header = Bytes::default().raw(b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0");
    let header =
        header.u32s(&[page_size as u32, 1, pages.len() as u32, directory.len() as u32, 0]).u32s(&root);
    pages[0] = header.0;
    for page in &mut pages {
        page.resize(page_size, 0);
    }
    pages.concat()
}
