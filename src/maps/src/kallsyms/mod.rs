//! The kallsyms table: the compressed list of its own symbols that a Linux kernel keeps in its read-only data.
//!
//! [`Parts`] gives the places of a table's parts, and [`read`] decodes them. [`find_near`] finds the parts by the
//! form of the token table where no symbols lead to them.
//!
//! The parts follow one another. Their order, alignment and contents have changed over time (`scripts/kallsyms.c` and
//! `kernel/kallsyms.c` in the kernel's sources):
//!
//! | since | order | alignment |
//! |---|---|---|
//! | 2.6.10 | addresses, count, names, markers, tokens, token index | a pointer |
//! | 4.6 | offsets, base, count, names, markers, tokens, token index | a pointer |
//! | 6.2 | offsets, base, count, names, markers, sequence, tokens, token index | a pointer |
//! | 6.4 | count, names, markers, tokens, token index, offsets, base, sequence | a pointer |
//! | 7.0 | count, names, markers, tokens, token index, offsets, sequence | 4 bytes |
//!
//! A kernel built without `CONFIG_KALLSYMS_BASE_RELATIVE` keeps full addresses in place of offsets and base. The
//! count is an `unsigned long` before 4.20 and 32 bits wide since; so are the markers. A name is a length followed by
//! that many token numbers; since 6.1 a length of 128 or more takes two bytes. The first character of the expanded
//! text is the symbol's kind, as `nm` prints it.

mod addresses;
mod names;
mod search;

#[cfg(test)]
mod tests;

pub use addresses::{Encoding, choose};
pub use search::{DIGITS, find_near, is_token_table};

/// The highest number of symbols that is accepted.
pub const MOST_SYMBOLS: u32 = 1 << 20;

/// How the kernel stores numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Whether the most significant byte comes first.
    pub big_endian: bool,
    /// The size of a pointer in bytes, 4 or 8.
    pub pointer: u8,
}

/// The places of a table's parts, as addresses in one [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// How numbers are stored.
    pub format: Format,
    /// The number of symbols.
    pub count: u32,
    /// The packed names.
    pub names: u64,
    /// The 256 token texts, each ended by a zero byte.
    pub tokens: u64,
    /// The 256 offsets of the token texts, 16 bits each.
    pub index: u64,
    /// The symbols' addresses.
    pub encoding: Encoding,
    /// Whether the addresses are those at which the kernel runs or, in a kernel file, those at which it is linked. If
    /// not, all addresses are off by the same distance: the table stores offsets relative to itself (since 7.0), or
    /// its base is filled in at boot.
    pub placed: bool,
}

/// One entry of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The kind letter that `nm` prints: `T` for code, `D` for data and so on.
    pub kind: u8,
    /// The name. Bytes that are not UTF-8 become U+FFFD.
    pub name: String,
    /// The address at which the kernel runs, KASLR included. Per-CPU and absolute symbols keep the value that the
    /// kernel stores.
    pub address: u64,
}

/// The memory or file that a table is read from.
pub trait Source {
    /// Fills `into` with the bytes at `at`. Returns false if any of them is missing.
    fn read(&self, at: u64, into: &mut [u8]) -> bool;
}

impl<F: Fn(u64, &mut [u8]) -> bool> Source for F {
    fn read(&self, at: u64, into: &mut [u8]) -> bool {
        self(at, into)
    }
}

/// Why a table could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes of a part are missing.
    #[error("{length} bytes at {at:#x} are missing")]
    Missing {
        /// Where the missing bytes begin.
        at: u64,
        /// How many bytes were needed.
        length: u64,
    },
    /// The count is zero or above [`MOST_SYMBOLS`].
    #[error("a count of {count} symbols, expected 1 to {MOST_SYMBOLS}")]
    Count {
        /// The count as it was found.
        count: u32,
    },
    /// A name is empty or longer than the kernel allows.
    #[error("symbol {number} has a name of {length} bytes, expected 1 to {}", names::LONGEST_NAME)]
    Name {
        /// The number of the symbol in the table.
        number: u32,
        /// The length of its packed or expanded name.
        length: usize,
    },
    /// No encoding turns the offsets into ascending kernel addresses.
    #[error("no known encoding turns the offsets into kernel addresses")]
    Addresses,
}

/// Decodes a table whose parts are known, in the table's order.
///
/// Memory is bounded by the count (at most [`MOST_SYMBOLS`]) times the longest name of 512 bytes, and in practice by
/// the size of the table.
///
/// # Errors
/// [`Error`] if a part is missing or its content cannot belong to a symbol table.
pub fn read(source: &dyn Source, parts: &Parts) -> Result<Vec<Symbol>, Error> {
    let mut symbols = Vec::new();
    each(source, parts, |kind, name, address| symbols.push(Symbol { kind, name: name.to_owned(), address }))?;
    Ok(symbols)
}

/// Passes every symbol of a table to `take`, in the table's order: its kind, name and address, as in [`Symbol`].
///
/// # Errors
/// As for [`read`]. Symbols before the damage have been passed on by then.
pub fn each(source: &dyn Source, parts: &Parts, mut take: impl FnMut(u8, &str, u64)) -> Result<(), Error> {
    if parts.count == 0 || parts.count > MOST_SYMBOLS {
        return Err(Error::Count { count: parts.count });
    }
    let addresses = parts.encoding.decode(source, parts.format, parts.count)?;
    let tokens = names::Tokens::read(source, parts)?;
    let mut names = names::Names::new(source, parts.names);
    for (number, address) in (0..).zip(addresses) {
        let (kind, name) = names.next(number, &tokens)?;
        take(kind, &name, address);
    }
    Ok(())
}

impl Format {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn u64(self, bytes: [u8; 8]) -> u64 {
        if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) }
    }
}

/// Reads `length` bytes.
fn bytes(source: &dyn Source, at: u64, length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; length];
    match source.read(at, &mut bytes) {
        true => Ok(bytes),
        false => Err(Error::Missing { at, length: length as u64 }),
    }
}
