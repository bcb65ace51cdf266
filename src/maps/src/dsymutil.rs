use memchr::memchr;
use profile::Binding;

use crate::MapSymbol;
use crate::system_map::hexadecimal;

/// One symbol table of a Mach-O file as `dsymutil -s` prints it, under its line
/// `Symbol table for: 'path' (arch)`.
///
/// Only rows of the symbol table proper (nlist) with an address count. Debugger rows (stabs) repeat them, some with a
/// length or zero in the place of the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SymbolTable<'a> {
    /// The path of the Mach-O file, as printed.
    pub path: &'a [u8],
    /// The architecture, as printed (`x86_64`, `i386`, `arm64`).
    pub arch: &'a [u8],
    /// The symbols with an address, in the order of the text.
    pub symbols: Vec<MapSymbol<'a>>,
    /// How many rows could not be read.
    pub skipped: u64,
    /// The first row that could not be read.
    pub first_skipped: Option<&'a [u8]>,
}

/// Bits of `n_type` that mark a row for the debugger (`N_STAB` in `<mach-o/nlist.h>`).
const STAB: u8 = 0xe0;
/// The bit of `n_type` that marks an external symbol (`N_EXT`).
const EXTERNAL: u8 = 0x01;
/// The bit of `n_type` that marks a private external symbol (`N_PEXT`).
const PRIVATE: u8 = 0x10;

impl<'a> SymbolTable<'a> {
    /// Reads every table of the text: one, or one per architecture of a fat file. A text without any table gives an
    /// empty list.
    pub fn parse_all(text: &'a [u8]) -> Vec<Self> {
        let mut tables: Vec<Self> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let line;
            (line, rest) = match memchr(b'\n', rest) {
                Some(end) => (&rest[..end], &rest[end + 1..]),
                None => (rest, &[][..]),
            };
            let line = line.trim_ascii_end();
            if let Some(title) = line.strip_prefix(b"Symbol table for: ") {
                tables.push(Self::titled(title));
            } else if line.first() == Some(&b'[')
                && let Some(table) = tables.last_mut()
            {
                table.take_row(line);
            }
        }
        tables
    }

    /// `'path' (arch)`
    fn titled(title: &'a [u8]) -> Self {
        let (path, arch) = match title.iter().rposition(|byte| *byte == b'(') {
            Some(position) => title.split_at(position),
            None => (title, &[][..]),
        };
        let path = path.trim_ascii_end();
        let path = path.strip_prefix(b"'").and_then(|path| path.strip_suffix(b"'")).unwrap_or(path);
        let arch = arch.strip_prefix(b"(").and_then(|arch| arch.strip_suffix(b")")).unwrap_or_default();
        Self { path, arch, ..Self::default() }
    }

    fn take_row(&mut self, line: &'a [u8]) {
        match parse_row(line) {
            Some(Row::Symbol(symbol)) => self.symbols.push(symbol),
            Some(Row::Other) => {}
            None => {
                self.skipped += 1;
                self.first_skipped.get_or_insert(line);
            }
        }
    }
}

enum Row<'a> {
    Symbol(MapSymbol<'a>),
    /// A row for the debugger, or a row without an address or name.
    Other,
}

/// `[ 19994] 00085403 0f (     SECT EXT) 01     0000   ffffff80009176b0 '_name'`
fn parse_row(line: &[u8]) -> Option<Row<'_>> {
    let after_index = &line[memchr(b']', line)? + 1..];
    let (_string, rest) = word(after_index);
    let (kind, rest) = word(rest);
    let kind = u8::try_from(hexadecimal(kind)?).ok()?;
    let rest = rest.strip_prefix(b"(")?;
    let rest = &rest[memchr(b')', rest)? + 1..];
    let (_section, rest) = word(rest);
    let (_description, rest) = word(rest);
    let (address, name) = word(rest);
    let address = hexadecimal(address)?;
    if kind & STAB != 0 || address == 0 {
        return Some(Row::Other);
    }
    let name = match name {
        [b'\'', name @ .., b'\''] => name,
        [] => return Some(Row::Other),
        _ => return None,
    };
    if name.trim_ascii().is_empty() {
        return Some(Row::Other);
    }
    let binding = match kind {
        _ if kind & PRIVATE != 0 => Binding::Weak,
        _ if kind & EXTERNAL != 0 => Binding::Global,
        _ => Binding::Local,
    };
    Some(Row::Symbol(MapSymbol { address, name, binding, data: false }))
}

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = memchr(b' ', text).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"----------------------------------------------------------------------
Symbol table for: '/Volumes/Kit (1)/mach_kernel' (x86_64)
----------------------------------------------------------------------
Index    n_strx   n_type             n_sect n_desc n_value
======== -------- ------------------ ------ ------ ----------------
[     0] 00000001 64 (N_SO         ) 00     0000   0000000000000000
[     4] 00077316 24 (N_FUN        ) 01     0000   ffffff800025f960 '_local_log2'
[     5] 00000001 24 (N_FUN        ) 00     0000   0000000000000018
[     6] 00000000 44 (N_SLINE      ) 01     0171   00000000001a1606 ' '
[  1000] 0000001d 0e (     SECT    ) 01     0000   ffffff800077aa60 '_with space'
[  1001] 00000029 0f (     SECT EXT) 01     0000   ffffff800077aa70 '_Assert'
[  1002] 00000030 1f (PEXT SECT EXT) 01     0000   ffffff800077aa80 '_private'
[  1003] 00000038 01 (     UNDF EXT) 00     0000   0000000000000000 '_undefined'
[  1004] 0000003
";

    #[test]
    fn only_rows_of_the_symbol_table_with_an_address_count() {
        let tables = SymbolTable::parse_all(TABLE);
        let [table] = &tables[..] else { panic!("{tables:?}") };
        assert_eq!((table.path, table.arch), (&b"/Volumes/Kit (1)/mach_kernel"[..], &b"x86_64"[..]));
        let found: Vec<_> =
            table.symbols.iter().map(|symbol| (symbol.name, symbol.address, symbol.binding)).collect();
        assert_eq!(
            found,
            [
                (&b"_with space"[..], 0xffff_ff80_0077_aa60, Binding::Local),
                (b"_Assert", 0xffff_ff80_0077_aa70, Binding::Global),
                (b"_private", 0xffff_ff80_0077_aa80, Binding::Weak),
            ]
        );
        assert_eq!(table.skipped, 1);
    }

    #[test]
    fn a_fat_file_has_a_table_per_architecture() {
        let text = b"Symbol table for: 'k' (i386)\n[ 0] 0 0f (SECT EXT) 01 0000 00000010 '_a'\n\
            Symbol table for: 'k' (x86_64)\n[ 0] 0 0f (SECT EXT) 01 0000 00000020 '_a'\n";
        let tables = SymbolTable::parse_all(text);
        assert_eq!(tables.iter().map(|table| table.arch).collect::<Vec<_>>(), [&b"i386"[..], b"x86_64"]);
        assert_eq!(tables[1].symbols[0].address, 0x20);
        assert!(SymbolTable::parse_all(b"[ 0] 0 0f (SECT EXT) 01 0000 10 '_a'").is_empty());
    }
}
