use std::fmt;

/// What a file is that holds no DWARF, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// No byte at all.
    Empty,
    /// A compressed kernel as it is booted on a PC.
    BzImage,
    /// A compressed kernel as it is booted on ARM, or wrapped for U-Boot.
    BootImage,
    /// A memory image.
    MemoryImage,
    /// A Debian package.
    Deb,
    /// An RPM package.
    Rpm,
    /// An archive of object files.
    Archive,
    /// A BTF blob.
    Btf,
    /// A Windows executable.
    Pe,
    /// A PDB.
    Pdb,
    /// A compressed file.
    Compressed,
    /// A zip archive.
    Zip,
    /// A text in JSON, such as a profile.
    Json,
    /// A text of symbols.
    SystemMap,
    /// Something else.
    Unknown,
}

const SIGNATURES: [(&[u8], FileKind); 19] = [
    (b"!<arch>\ndebian-binary", FileKind::Deb),
    (b"!<arch>\n", FileKind::Archive),
    (b"\xed\xab\xee\xdb", FileKind::Rpm),
    (b"EMiL", FileKind::MemoryImage),
    (b"PAGEDUMP", FileKind::MemoryImage),
    (b"PAGEDU64", FileKind::MemoryImage),
    (b"KDUMP   ", FileKind::MemoryImage),
    (b"\x9f\xeb\x01", FileKind::Btf),
    (b"\xeb\x9f\x01", FileKind::Btf),
    (b"\x27\x05\x19\x56", FileKind::BootImage),
    (b"\xd0\x0d\xfe\xed", FileKind::BootImage),
    (b"Microsoft C/C++ ", FileKind::Pdb),
    (b"\x1f\x8b", FileKind::Compressed),
    (b"\xfd7zXZ\0", FileKind::Compressed),
    (b"\x28\xb5\x2f\xfd", FileKind::Compressed),
    (b"BZh", FileKind::Compressed),
    (b"PK\x03\x04", FileKind::Zip),
    (b"{", FileKind::Json),
    (b"0000000000000000 ", FileKind::SystemMap),
];

impl FileKind {
    /// What `bytes` are, where they are neither ELF nor Mach-O.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        // The boot protocol's header, and that of ARM and RISC-V kernels; both may look like a PE file.
        if bytes.get(0x202..0x206) == Some(b"HdrS") {
            return Self::BzImage;
        }
        if matches!(bytes.get(0x38..0x3c), Some(b"ARM\x64" | b"RSC\x05"))
            || bytes.get(0x24..0x28) == Some(&[0x18, 0x28, 0x6f, 0x01])
        {
            return Self::BootImage;
        }
        if bytes.starts_with(b"MZ") {
            return Self::Pe;
        }
        if let Some((_, kind)) = SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature)) {
            return *kind;
        }
        let line = bytes.get(..20).unwrap_or_default();
        if line.starts_with(b"ffff") && line.get(16) == Some(&b' ') {
            return Self::SystemMap;
        }
        Self::Unknown
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::BzImage => {
                "a bzImage (vmlinuz), which is booted and holds no debug information; \
                 take the vmlinux of the distribution's debug package, or fetch_debug with its build-id"
            }
            Self::BootImage => {
                "a kernel as it is booted, without debug information; take the vmlinux of the debug package"
            }
            Self::MemoryImage => "a memory image; the debug file of its kernel is wanted here",
            Self::Deb => "a Debian package",
            Self::Rpm => "an RPM package",
            Self::Archive => "an archive of object files; unpack it (ar x) and name one of them",
            Self::Btf => "a BTF blob; use parse_btf",
            Self::Pe => "a Windows executable; fetch the PDB it names, then use parse_pdb",
            Self::Pdb => "a PDB; use parse_pdb",
            Self::Compressed => "a compressed file (gzip, xz, zstd or bzip2); unpack it first",
            Self::Zip => "a zip archive; a pack of Volatility is for convert_profile",
            Self::Json => "a JSON text, perhaps a profile or an ISF file already",
            Self::SystemMap => "a text of symbols; give it with --system-map beside the debug file",
            Self::Unknown => "a file of unknown kind",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_feed_is_named() {
        let mut kernel = vec![0; 0x300];
        kernel[..2].copy_from_slice(b"MZ");
        kernel[0x202..0x206].copy_from_slice(b"HdrS");
        assert_eq!(FileKind::of(&kernel), FileKind::BzImage);
        assert_eq!(FileKind::of(b"!<arch>\ndebian-binary   1"), FileKind::Deb);
        assert_eq!(FileKind::of(b"!<arch>\nfoo.o/"), FileKind::Archive);
        assert_eq!(FileKind::of(b"EMiL\x01"), FileKind::MemoryImage);
        assert_eq!(FileKind::of(b"ffffffff81000000 T _text\n"), FileKind::SystemMap);
        assert_eq!(FileKind::of(b""), FileKind::Empty);
        assert_eq!(FileKind::of(b"MZ"), FileKind::Pe);
    }
}
