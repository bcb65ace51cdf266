use std::collections::HashMap;
use std::io::{self, Write};

use memchr::memmem;

use super::text::Printer;
use crate::dump::lines::Lines;

/// `$CONSTANTS` by Rekall's rule: of several symbols with one name, the last.
pub(super) struct Constants<'a> {
    by_name: HashMap<&'a [u8], u64>,
    /// Whether the symbol table's title says that it has 64 bits.
    wide: bool,
}

impl<'a> Constants<'a> {
    /// Lines of exactly three words; only the lower 48 bits of the address count.
    pub(super) fn of_linux(text: &'a [u8]) -> Self {
        let mut by_name = HashMap::new();
        for (_, line) in Lines::new(text) {
            let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let (address, kind, name, rest) = (words.next(), words.next(), words.next(), words.next());
            if let (Some(address), Some(_), Some(name), None) = (address, kind, name, rest)
                && let Some(address) = hexadecimal(address)
            {
                by_name.insert(name, address & 0xffff_ffff_ffff);
            }
        }
        Self { by_name, wide: true }
    }

    /// Rows that contain one of three words anywhere, even in a name, and end in an address and a name.
    pub(super) fn of_mac(text: &'a [u8]) -> Self {
        let mut by_name = HashMap::new();
        let mut wide = false;
        for (_, line) in Lines::new(text) {
            if memmem::find(line, b"Symbol table for").is_some() {
                wide = line.ends_with(b"(x86_64)");
            }
            let taken =
                [&b"N_FUN"[..], b"EXT", b"N_STSYM"].iter().any(|word| memmem::find(line, word).is_some());
            if taken && let Some((address, name)) = row(line) {
                by_name.insert(name, address);
            }
        }
        Self { by_name, wide }
    }

    pub(super) fn mac_class(&self) -> &'static str {
        if self.wide { "Darwin64" } else { "Darwin32" }
    }

    pub(super) fn arch(&self, config: &[(Vec<u8>, Vec<u8>)]) -> &'static str {
        if config.iter().any(|(option, _)| option == b"CONFIG_CPU_MIPS32") {
            "MIPS"
        } else if self.by_name.contains_key(&b"arm_syscall"[..]) {
            "ARM"
        } else if self.by_name.values().any(|address| *address > 1 << 32) {
            "AMD64"
        } else {
            "I386"
        }
    }

    pub(super) fn print<W: Write>(&self, printer: &mut Printer<W>) -> io::Result<()> {
        if self.by_name.is_empty() {
            return Ok(());
        }
        let mut sorted: Vec<(&[u8], u64)> =
            self.by_name.iter().map(|(name, address)| (*name, *address)).collect();
        sorted.sort_unstable();
        printer.key(b"$CONSTANTS");
        printer.open();
        for (name, address) in sorted {
            printer.key(name);
            printer.number(i128::from(address));
        }
        printer.close();
        printer.flush()
    }
}

/// `... ffffff80009176b0 '_name'`
fn row(line: &[u8]) -> Option<(u64, &[u8])> {
    let line = line.trim_ascii_end().strip_suffix(b"'")?;
    let open = memmem::find(line, b" '")?;
    let (before, name) = (line.get(..open)?, line.get(open + 2..)?);
    if name.trim_ascii().is_empty() {
        return None;
    }
    let address = before.rsplit(u8::is_ascii_whitespace).next()?;
    Some((hexadecimal(address)?, name))
}

fn hexadecimal(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(str::from_utf8(text).ok()?, 16).ok()
}
