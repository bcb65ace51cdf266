use std::fmt;

/// What a file is that is no PDB, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// No byte at all.
    Empty,
    /// A portable PDB, as .NET compilers write them.
    PortablePdb,
    /// A program database of Visual C++ 2 to 6 ("JG", MSF 2.00).
    OldPdb,
    /// A PDB in Microsoft's compact container (MSFZ, also called PDZ).
    Msfz,
    /// A cabinet, as symbol servers pack PDBs (`.pd_`).
    Cabinet,
    /// A web page, as captive portals and proxies answer with.
    Html,
    /// A Windows executable.
    Pe,
    /// An ELF file.
    Elf,
    /// A gzip file.
    Gzip,
    /// A zip archive.
    Zip,
    /// A text in JSON, such as a profile.
    Json,
    /// A PDB cut within its first 32 bytes.
    CutPdb,
    /// Something else.
    Unknown,
}

/// How an MSF 7.00 file begins.
pub(crate) const MAGIC: &[u8; 32] = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0";

const SIGNATURES: [(&[u8], FileKind); 10] = [
    (b"BSJB", FileKind::PortablePdb),
    (b"Microsoft C/C++ program database 2.00\r\n\x1aJG", FileKind::OldPdb),
    (b"Microsoft MSFZ Container", FileKind::Msfz),
    (b"MSCF", FileKind::Cabinet),
    (b"MZ", FileKind::Pe),
    (b"\x7fELF", FileKind::Elf),
    (b"\x1f\x8b", FileKind::Gzip),
    (b"PK\x03\x04", FileKind::Zip),
    (b"{", FileKind::Json),
    (b"<", FileKind::Html),
];

impl FileKind {
    /// What `bytes` are; `None` for a PDB.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(MAGIC) {
            return None;
        }
        if bytes.is_empty() {
            return Some(Self::Empty);
        }
        if MAGIC.starts_with(bytes) {
            return Some(Self::CutPdb);
        }
        let known = |bytes: &[u8]| SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature));
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
        Some(known(bytes).or_else(|| known(text)).map_or(Self::Unknown, |(_, kind)| *kind))
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::PortablePdb => {
                "a portable PDB (.NET), which holds neither structs nor addresses; the PDB of native code is needed"
            }
            Self::OldPdb => "a program database 2.00 (\"JG\", Visual C++ 2 to 6), which this program does not read",
            Self::Msfz => {
                "a PDB in an MSFZ container (PDZ); fetch the PDB itself, or unpack it first"
            }
            Self::Cabinet => "a cabinet (.pd_); unpack the PDB it holds first",
            Self::Html => "a web page; a proxy or portal answered in the server's place: fetch the PDB again",
            Self::Pe => "a Windows executable; fetch the PDB it names first",
            Self::Elf => "an ELF file, whose debug information is DWARF; use parse_dwarf",
            Self::Gzip => "a gzip file; unpack it first",
            Self::Zip => "a zip archive; a pack of Volatility is for convert_profile",
            Self::Json => "a JSON text, perhaps a profile already",
            Self::CutPdb => "a PDB cut within its first 32 bytes; fetch it again",
            Self::Unknown => "a file of unknown kind",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_first_bytes() {
        for (bytes, kind) in [
            (&b""[..], FileKind::Empty),
            (b"BSJB\x01\0\x01\0", FileKind::PortablePdb),
            (b"Microsoft C/C++ program database 2.00\r\n\x1aJG\0\0", FileKind::OldPdb),
            (b"Microsoft MSFZ Container\r\n\x1aALD", FileKind::Msfz),
            (b"MSCF\0\0\0\0", FileKind::Cabinet),
            (b"MZ\x90\0", FileKind::Pe),
            (b"\x7fELF\x02", FileKind::Elf),
            (b"\r\n <!DOCTYPE html>", FileKind::Html),
            (b"\xef\xbb\xbf<html>", FileKind::Html),
            (b"{\"$METADATA\"", FileKind::Json),
            (&MAGIC[..31], FileKind::CutPdb),
            (b"\0\0\0\0", FileKind::Unknown),
        ] {
            assert_eq!(FileKind::of(bytes), Some(kind), "{}", bytes.escape_ascii());
        }
        assert_eq!(FileKind::of(MAGIC), None);
    }
}
