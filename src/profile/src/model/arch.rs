use std::fmt;
use std::str::FromStr;

/// A processor architecture, by its name in Rekall's `$METADATA`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// 32-bit x86.
    I386,
    /// 32-bit ARM.
    Arm,
    /// 64-bit ARM.
    Arm64,
    /// 32-bit MIPS.
    Mips,
    /// 64-bit MIPS.
    Mips64,
    /// 32-bit PowerPC.
    Ppc,
    /// 64-bit PowerPC.
    Ppc64,
    /// 32-bit RISC-V.
    Riscv32,
    /// 64-bit RISC-V.
    Riscv64,
    /// IBM Z.
    S390x,
}

const NAMES: [(Arch, &str, u8); 11] = [
    (Arch::Amd64, "AMD64", 8),
    (Arch::I386, "I386", 4),
    (Arch::Arm, "ARM", 4),
    (Arch::Arm64, "ARM64", 8),
    (Arch::Mips, "MIPS", 4),
    (Arch::Mips64, "MIPS64", 8),
    (Arch::Ppc, "PPC", 4),
    (Arch::Ppc64, "PPC64", 8),
    (Arch::Riscv32, "RISCV32", 4),
    (Arch::Riscv64, "RISCV64", 8),
    (Arch::S390x, "S390X", 8),
];

impl Arch {
    /// The name in `$METADATA`.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(arch, ..)| *arch == self).map_or("", |(_, name, _)| name)
    }

    /// The size of an address in bytes.
    pub fn address_size(self) -> u8 {
        NAMES.iter().find(|(arch, ..)| *arch == self).map_or(8, |(.., size)| *size)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that does not name a known architecture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "architecture '{0}' is not known, expected one of AMD64, I386, ARM, ARM64, MIPS, MIPS64, PPC, PPC64, RISCV32, RISCV64, S390X"
)]
pub struct ArchError(pub String);

impl FromStr for Arch {
    type Err = ArchError;

    /// Accepts names in any case.
    fn from_str(text: &str) -> Result<Self, ArchError> {
        NAMES
            .iter()
            .find(|(_, name, _)| name.eq_ignore_ascii_case(text))
            .map(|(arch, ..)| *arch)
            .ok_or_else(|| ArchError(text.to_owned()))
    }
}
