//! Dumps of DWARF as text, in all supported dialects: detects the dialect and reads the entries in order.
//!
//! Entries are passed on one by one and borrow from the text, so reading takes one pass and no memory for entries.

pub(crate) mod entry;
mod libdwarf;
pub(crate) mod lines;
mod llvm;
mod readelf;
pub(crate) mod value;

use std::fmt;

use entry::Entry;
use lines::Lines;

/// The tool that printed a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// libdwarf's `dwarfdump`, in either form.
    Libdwarf,
    /// `llvm-dwarfdump`.
    Llvm,
    /// Darwin's own `dwarfdump`, before LLVM's replaced it.
    Darwin,
    /// `readelf --debug-dump=info`.
    Readelf,
}

impl Dialect {
    /// The dialect of a text, by its first line that is an entry; `None` if it has no entries.
    pub fn of(text: &[u8]) -> Option<Self> {
        Lines::new(text).find_map(|(_, line)| {
            if line.starts_with(b"<") && libdwarf::is_entry(line) {
                Some(Dialect::Libdwarf)
            } else if line.trim_ascii_start().starts_with(b"<") && readelf::is_entry(line) {
                Some(Dialect::Readelf)
            } else if line.starts_with(b"0x") {
                llvm::dialect_of(line)
            } else {
                None
            }
        })
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dialect::Libdwarf => "libdwarf's dwarfdump",
            Dialect::Llvm => "llvm-dwarfdump",
            Dialect::Darwin => "Darwin's dwarfdump",
            Dialect::Readelf => "readelf --debug-dump",
        })
    }
}

/// Counts the entries of a dump without copying its text; `None` if the dialect is unknown.
pub fn entries(text: &[u8]) -> Option<u64> {
    let mut count = 0;
    let scanned = read(Dialect::of(text)?, text, |_| {
        count += 1;
        Ok::<(), std::convert::Infallible>(())
    });
    scanned.ok().map(|_| count)
}

/// The properties of a dump besides its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    /// The place of the line in which the text ends prematurely, if it does.
    pub(crate) cut: Option<usize>,
    /// The size of an address, if the dump prints it.
    pub(crate) address_size: Option<u8>,
}

/// Passes every entry of a dump to `each`, in order.
pub(crate) fn read<'a, E>(
    dialect: Dialect,
    text: &'a [u8],
    each: impl FnMut(&Entry<'a>) -> Result<(), E>,
) -> Result<End, E> {
    match dialect {
        Dialect::Libdwarf => libdwarf::read(text, each),
        Dialect::Llvm | Dialect::Darwin => llvm::read(text, each),
        Dialect::Readelf => readelf::read(text, each),
    }
}
