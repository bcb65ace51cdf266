//! Writes kallsyms tables of every layout, as `scripts/kallsyms.c` of each age does.

/// How the kernel stores numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Whether the most significant byte comes first.
    pub big_endian: bool,
    /// The size of a pointer in bytes, 4 or 8.
    pub pointer: u8,
}

/// The kernel versions at which the layout changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// Count and markers as wide as a pointer, the addresses first.
    V2_6_10,
    /// Offsets from a base, unless the kernel is configured without them.
    V4_6,
    /// Count and markers of 32 bits.
    V4_20,
    /// Lengths of two bytes.
    V6_1,
    /// The sequence of the sorted names lies between markers and tokens.
    V6_2,
    /// The addresses come after the tokens.
    V6_4,
    /// There is no base; offsets are relative to their own address.
    V7_0,
}

/// All ages, in their order.
pub const AGES: [Age; 7] = [Age::V2_6_10, Age::V4_6, Age::V4_20, Age::V6_1, Age::V6_2, Age::V6_4, Age::V7_0];

/// How the addresses are stored, where the version allows several ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// `CONFIG_KALLSYMS_BASE_RELATIVE` is off.
    Pointers,
    /// Without `CONFIG_KALLSYMS_ABSOLUTE_PERCPU`; since 7.0 relative to the offset's own address.
    Relative,
    /// With `CONFIG_KALLSYMS_ABSOLUTE_PERCPU`.
    AbsolutePerCpu,
    /// Since 7.0, a 32-bit kernel that cannot be relocated.
    Words,
}

/// A table as it lies in memory, and where its parts are in it.
pub struct Encoded {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where the packed names are.
    pub names: u64,
    /// Where the token texts are.
    pub tokens: u64,
    /// Where the offsets of the token texts are.
    pub index: u64,
    /// Where the addresses are.
    pub addresses: u64,
}

/// Encodes `symbols` (kind letter with name, and address), which start at `at` in memory, virtual address `virtual_at`.
pub fn encode(
    age: Age,
    choice: Choice,
    format: Format,
    symbols: &[(String, u64)],
    at: u64,
    virtual_at: u64,
) -> Encoded {
    let mut out =
        Out { bytes: Vec::new(), at, format, alignment: if age >= Age::V7_0 { 4 } else { format.pointer } };
    let base = symbols.iter().map(|(_, address)| *address).filter(|address| *address > 0x100_0000).min();
    let base = base.unwrap_or_default();
    let mut addresses = 0;
    if age < Age::V6_4 {
        addresses = out.addresses(choice, symbols, base, virtual_at);
    }
    out.align();
    if age < Age::V4_20 {
        out.pointer(symbols.len() as u64)
    } else {
        out.word(symbols.len() as u32)
    }
    out.align();
    let (names, mut markers) = (out.place(), Vec::new());
    for (number, (name, _)) in symbols.iter().enumerate() {
        if number % 256 == 0 {
            markers.push(out.place() - names);
        }
        let packed = pack(name);
        assert!(packed.len() < 128 || age >= Age::V6_1);
        match packed.len() {
            short if short < 128 => out.bytes.push(short as u8),
            long => out.bytes.extend([(long & 127 | 128) as u8, (long >> 7) as u8]),
        }
        out.bytes.extend(packed);
    }
    out.align();
    for marker in markers {
        if age < Age::V4_20 { out.pointer(marker) } else { out.word(marker as u32) }
    }
    if (Age::V6_2..Age::V6_4).contains(&age) {
        out.sequence(symbols);
    }
    out.align();
    let (tokens, mut starts) = (out.place(), Vec::new());
    for token in 0..=255 {
        starts.push((out.place() - tokens) as u16);
        out.bytes.extend(text(token));
        out.bytes.push(0);
    }
    out.align();
    let index = out.place();
    for start in starts {
        out.bytes.extend(if format.big_endian { start.to_be_bytes() } else { start.to_le_bytes() });
    }
    if age >= Age::V6_4 {
        addresses = out.addresses(choice, symbols, base, virtual_at);
        out.sequence(symbols);
    }
    Encoded { bytes: out.bytes, names, tokens, index, addresses }
}

struct Out {
    bytes: Vec<u8>,
    at: u64,
    format: Format,
    alignment: u8,
}

impl Out {
    fn place(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(usize::from(self.alignment)), 0);
    }

    fn word(&mut self, word: u32) {
        self.bytes.extend(if self.format.big_endian { word.to_be_bytes() } else { word.to_le_bytes() });
    }

    fn pointer(&mut self, value: u64) {
        match (self.format.pointer, self.format.big_endian) {
            (8, true) => self.bytes.extend(value.to_be_bytes()),
            (8, false) => self.bytes.extend(value.to_le_bytes()),
            _ => self.word(value as u32),
        }
    }

    fn addresses(&mut self, choice: Choice, symbols: &[(String, u64)], base: u64, virtual_at: u64) -> u64 {
        self.align();
        let start = self.place();
        for (number, (_, address)) in symbols.iter().enumerate() {
            match choice {
                Choice::Pointers => self.pointer(*address),
                Choice::Words => self.word(*address as u32),
                // Since 7.0 there is no base; each offset is relative to its own address.
                Choice::Relative if self.alignment == 4 && virtual_at != 0 => {
                    let place = virtual_at + (start - self.at) + 4 * number as u64;
                    self.word(address.wrapping_sub(place) as u32);
                }
                Choice::Relative => self.word(address.wrapping_sub(base) as u32),
                Choice::AbsolutePerCpu if *address < base => self.word(*address as u32),
                Choice::AbsolutePerCpu => self.word(base.wrapping_sub(1).wrapping_sub(*address) as u32),
            }
        }
        if choice != Choice::Pointers && choice != Choice::Words && virtual_at == 0 {
            self.align();
            self.pointer(base);
        }
        start
    }

    /// The numbers of the symbols in the order of their names, three bytes each, the highest first.
    fn sequence(&mut self, symbols: &[(String, u64)]) {
        self.align();
        let mut order: Vec<usize> = (0..symbols.len()).collect();
        order.sort_by_key(|number| symbols[*number].0.get(1..));
        for number in order {
            self.bytes.extend(&(number as u32).to_be_bytes()[1..]);
        }
    }
}

/// Tokens for a few pieces of names; every other token stands for its own character.
fn text(token: u8) -> Vec<u8> {
    match token {
        1 => b"function_".to_vec(),
        2 => b"Tfunction_".to_vec(),
        b'!'..=b'~' => vec![token],
        _ => Vec::new(),
    }
}

fn pack(name: &str) -> Vec<u8> {
    if let Some(rest) = name.strip_prefix("Tfunction_") {
        return [&[2], rest.as_bytes()].concat();
    }
    match name.split_once("function_") {
        Some((before, rest)) => [before.as_bytes(), &[1], rest.as_bytes()].concat(),
        None => name.as_bytes().to_vec(),
    }
}
