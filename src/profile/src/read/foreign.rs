use std::fmt;

/// A kind of file that is no profile, yet is often given where one is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Foreign {
    /// A page or other markup, as a captive portal or an error of a server gives.
    Markup,
    /// A PDB in the container of today (MSF 7.00).
    Pdb,
    /// A PDB in the container of before 2000 (JG).
    OldPdb,
    /// A PDB in Microsoft's compact container (MSFZ).
    CompactPdb,
    /// A portable PDB of .NET.
    PortablePdb,
    /// A Windows program, library or driver.
    Pe,
    /// A Linux program, kernel or debug file.
    Elf,
    /// A macOS program, kernel or debug file.
    MachO,
    /// A zip archive, such as a Volatility pack.
    Zip,
    /// A cabinet, such as a `.pd_` file.
    Cabinet,
    /// A packed Linux kernel.
    BzImage,
    /// A memory image: LiME, a Windows crash dump.
    MemoryImage,
    /// A Volatility 2 type file in Python (`.vtypes`).
    Vtypes,
    /// A System.map, or a dump of kallsyms.
    SymbolMap,
    /// What git keeps in place of a file in LFS.
    LfsPointer,
}

impl Foreign {
    /// Recognises a file by how it begins; `None` for what may be a profile, or anything else.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        const MAGICS: &[(&[u8], Foreign)] = &[
            (b"Microsoft C/C++ MSF 7.00", Foreign::Pdb),
            (b"Microsoft C/C++ program database", Foreign::OldPdb),
            (b"Microsoft MSFZ Container", Foreign::CompactPdb),
            (b"BSJB", Foreign::PortablePdb),
            (b"\x7fELF", Foreign::Elf),
            (b"\xfe\xed\xfa\xce", Foreign::MachO),
            (b"\xfe\xed\xfa\xcf", Foreign::MachO),
            (b"\xce\xfa\xed\xfe", Foreign::MachO),
            (b"\xcf\xfa\xed\xfe", Foreign::MachO),
            (b"\xca\xfe\xba\xbe", Foreign::MachO),
            (b"PK\x03\x04", Foreign::Zip),
            (b"MSCF", Foreign::Cabinet),
            (b"EMiL", Foreign::MemoryImage),
            (b"PAGEDU64", Foreign::MemoryImage),
            (b"PAGEDUMP", Foreign::MemoryImage),
            (b"version https://git-lfs", Foreign::LfsPointer),
        ];
        if let Some((_, kind)) = MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Some(*kind);
        }
        // The setup header of a Linux kernel image (Documentation/arch/x86/boot.rst).
        if bytes.get(0x202..0x206) == Some(b"HdrS") {
            return Some(Self::BzImage);
        }
        if bytes.starts_with(b"MZ") {
            return Some(Self::Pe);
        }
        let text = bytes.trim_ascii_start();
        if text.starts_with(b"<") {
            return Some(Self::Markup);
        }
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = std::str::from_utf8(line.get(..200).unwrap_or(line)).ok()?;
        if symbol_line(line) {
            return Some(Self::SymbolMap);
        }
        let (name, rest) = line.split_once('=')?;
        let name = name.trim_end();
        let python = name.ends_with("_types") || name.ends_with("_vtypes");
        (python && rest.trim_start().starts_with('{')).then_some(Self::Vtypes)
    }

    /// What to do with it instead.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Markup => "the download gave a page instead of the file; fetch it again",
            Self::Pdb => "run parse_pdb on it",
            Self::OldPdb | Self::CompactPdb | Self::PortablePdb => {
                "a PDB in the MSF 7.00 container is needed"
            }
            Self::Pe => "fetch_pdb brings the PDB that belongs to it",
            Self::Elf | Self::MachO => "run parse_dwarf on it",
            Self::Zip => "run convert_profile on it, if it is a Volatility pack",
            Self::Cabinet => "run parse_pdb on it, if it holds a PDB",
            Self::BzImage => "the kernel's debug file (vmlinux) is needed",
            Self::MemoryImage => "give it with --filename",
            Self::Vtypes => "run convert_profile on the pack it stands in",
            Self::SymbolMap => "it goes with a debug file: parse_dwarf --system-map",
            Self::LfsPointer => "run git lfs pull to get the file itself",
        }
    }
}

/// `ffffffff81000000 T _text`: an address, one letter, a name.
fn symbol_line(line: &str) -> bool {
    let mut fields = line.split_ascii_whitespace();
    let address = |field: &str| field.len() >= 8 && field.bytes().all(|byte| byte.is_ascii_hexdigit());
    fields.next().is_some_and(address)
        && fields.next().is_some_and(|kind| kind.len() == 1)
        && fields.next().is_some()
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Markup => "an HTML or XML page",
            Self::Pdb => "a PDB",
            Self::OldPdb => "a PDB of the time before MSF 7.00 (JG)",
            Self::CompactPdb => "a PDB in Microsoft's compact container (MSFZ)",
            Self::PortablePdb => "a portable PDB of .NET",
            Self::Pe => "a Windows executable",
            Self::Elf => "an ELF file",
            Self::MachO => "a Mach-O file",
            Self::Zip => "a zip archive",
            Self::Cabinet => "a cabinet",
            Self::BzImage => "a packed Linux kernel (bzImage)",
            Self::MemoryImage => "a memory image",
            Self::Vtypes => "a Volatility 2 type file (vtypes)",
            Self::SymbolMap => "a symbol map (System.map or kallsyms)",
            Self::LfsPointer => "a git LFS pointer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_files_are_named() {
        let mut kernel = vec![0; 0x206];
        kernel[0x202..].copy_from_slice(b"HdrS");
        for (bytes, kind) in [
            (&b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"[..], Foreign::Pdb),
            (b"\n <!DOCTYPE html>", Foreign::Markup),
            (b"MZ\x90\0", Foreign::Pe),
            (&kernel, Foreign::BzImage),
            (b"ntkrnlmp_types = {\n", Foreign::Vtypes),
            (b"ffffffff81000000 T _text\n", Foreign::SymbolMap),
            (b"0000000000000000 A fixed_percpu_data\n", Foreign::SymbolMap),
            (b"EMiL\x01", Foreign::MemoryImage),
        ] {
            assert_eq!(Foreign::of(bytes), Some(kind));
        }
        for bytes in [&b"{\"$METADATA\": {}}"[..], b"", b"\0\0", b"hello world foo"] {
            assert_eq!(Foreign::of(bytes), None);
        }
    }
}
