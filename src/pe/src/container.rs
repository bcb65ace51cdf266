use std::fmt;

/// What a file is by its first bytes: what may be a PDB, what may hold one, and what is met in its stead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Container {
    /// An MSF 7.00 file, as every PDB of today.
    Pdb,
    /// A PDB of the generation before ("JG").
    OldPdb,
    /// The compact form of a PDB (MSFZ, also called PDZ).
    Msfz,
    /// A cabinet.
    Cabinet,
    /// A portable PDB of .NET.
    PortablePdb,
    /// A PE file.
    Pe,
    /// An ELF file.
    Elf,
    /// An HTML page, as captive portals and proxies send it.
    Html,
    /// Other text.
    Text,
    /// gzip.
    Gzip,
    /// A zip archive.
    Zip,
    /// Nothing at all.
    Empty,
    /// Zero bytes only.
    Zeros,
    /// Anything else, by its first four bytes.
    Unknown([u8; 4]),
}

impl Container {
    /// How many bytes from the start [`Container::of`] looks at.
    pub const LOOK: usize = 512;

    /// The first bytes of an MSF 7.00 file.
    pub const PDB_MAGIC: &[u8; 32] = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0";
    const OLD_PDB_MAGIC: &[u8] = b"Microsoft C/C++ program database 2.00\r\n\x1aJG";
    const MSFZ_MAGIC: &[u8; 32] = b"Microsoft MSFZ Container\r\n\x1aALD\0\0";

    /// Judges by the start of a file.
    pub fn of(start: &[u8]) -> Self {
        let head = start.get(..Self::LOOK).unwrap_or(start);
        match head {
            [] => Self::Empty,
            _ if head.starts_with(Self::PDB_MAGIC) => Self::Pdb,
            _ if head.starts_with(Self::OLD_PDB_MAGIC) => Self::OldPdb,
            _ if head.starts_with(Self::MSFZ_MAGIC) => Self::Msfz,
            [b'M', b'S', b'C', b'F', ..] => Self::Cabinet,
            [b'B', b'S', b'J', b'B', ..] => Self::PortablePdb,
            [b'M', b'Z', ..] => Self::Pe,
            [0x7f, b'E', b'L', b'F', ..] => Self::Elf,
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'P', b'K', 3, 4, ..] => Self::Zip,
            _ if head.iter().all(|byte| *byte == 0) => Self::Zeros,
            _ => Self::of_text(head),
        }
    }

    fn of_text(head: &[u8]) -> Self {
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let begins = |tag: &[u8]| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
        if begins(b"<!doctype") || begins(b"<html") || begins(b"<head") || begins(b"<body") {
            return Self::Html;
        }
        let printable = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..);
        if head.iter().all(printable) {
            return Self::Text;
        }
        let mut first = [0; 4];
        for (to, from) in first.iter_mut().zip(head) {
            *to = *from;
        }
        Self::Unknown(first)
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pdb => "a PDB (MSF 7.00)",
            Self::OldPdb => "a PDB of the old generation (program database 2.00, JG)",
            Self::Msfz => "a compact PDB (MSFZ)",
            Self::Cabinet => "a cabinet",
            Self::PortablePdb => "a portable PDB (.NET)",
            Self::Pe => "a PE file",
            Self::Elf => "an ELF file",
            Self::Html => "an HTML page",
            Self::Text => "text",
            Self::Gzip => "a gzip file",
            Self::Zip => "a zip archive",
            Self::Empty => "an empty file",
            Self::Zeros => "zero bytes",
            Self::Unknown([a, b, c, d]) => {
                return write!(f, "a file that begins with {a:02x} {b:02x} {c:02x} {d:02x}");
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_pages_of_portals_however_they_begin() {
        for page in ["<!DOCTYPE html><html>", "\u{feff}\r\n <HTML>", "<html lang=en>"] {
            assert_eq!(Container::of(page.as_bytes()), Container::Html, "{page}");
        }
        assert_eq!(Container::of(b"Please log in."), Container::Text);
    }

    #[test]
    fn knows_nothing_and_zeros() {
        assert_eq!(Container::of(b""), Container::Empty);
        assert_eq!(Container::of(&[0; 600]), Container::Zeros);
        assert_eq!(Container::of(&[1, 2]), Container::Unknown([1, 2, 0, 0]));
    }
}
