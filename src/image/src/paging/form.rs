use std::fmt;

/// The layout of a processor's page tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Paging {
    /// x86, 32 bits: two levels, pages of 4 KiB and 4 MiB (Intel SDM volume 3, 4.3).
    X86,
    /// x86 with physical address extension: three levels, pages of 4 KiB and 2 MiB (4.4).
    X86Pae,
    /// x86-64: four levels, pages of 4 KiB, 2 MiB and 1 GiB (4.5).
    X64,
    /// x86-64 with five levels (4.5, "LA57").
    X64Level5,
    /// ARM64 (Arm ARM D8, "VMSAv8-64"). The root is that of one half of the address space: `TTBR0` for the lower one,
    /// `TTBR1` for the upper one, without the ASID in its upper bits.
    Arm64 {
        /// The size of a page.
        granule: Granule,
        /// The number of translated address bits: 64 minus `T0SZ` or `T1SZ`; 36, 39, 42, 47, 48 or 52 in practice.
        bits: u8,
    },
}

/// The size of a page on ARM64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Granule {
    /// 4 KiB.
    K4,
    /// 16 KiB.
    K16,
    /// 64 KiB.
    K64,
}

impl Granule {
    fn shift(self) -> u8 {
        match self {
            Self::K4 => 12,
            Self::K16 => 14,
            Self::K64 => 16,
        }
    }
}

impl fmt::Display for Paging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X86 => f.write_str("x86"),
            Self::X86Pae => f.write_str("x86 with PAE"),
            Self::X64 => f.write_str("x86-64, 4 levels"),
            Self::X64Level5 => f.write_str("x86-64, 5 levels"),
            Self::Arm64 { granule, bits } => write!(f, "ARM64, pages of {granule}, {bits} bits"),
        }
    }
}

impl fmt::Display for Granule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} KiB", 1u32 << (self.shift() - 10))
    }
}

/// The meaning of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Nothing is mapped.
    Absent,
    /// The next table.
    Table(u64),
    /// A page: the physical address of its first byte.
    Page(u64),
}

impl Paging {
    /// The number of translated address bits.
    pub(super) fn bits(self) -> u32 {
        match self {
            Self::X86 | Self::X86Pae => 32,
            Self::X64 => 48,
            Self::X64Level5 => 57,
            // Real machines have at least two pages' worth and no more bits than exist.
            Self::Arm64 { granule, bits } => u32::from(bits.clamp(granule.shift() + 1, 52)),
        }
    }

    /// The number of address bits that select an entry of a full table.
    fn index_bits(self) -> u8 {
        match self {
            Self::X86 => 10,
            Self::X86Pae | Self::X64 | Self::X64Level5 => 9,
            Self::Arm64 { granule, .. } => granule.shift() - 3,
        }
    }

    fn page_shift(self) -> u8 {
        match self {
            Self::Arm64 { granule, .. } => granule.shift(),
            _ => 12,
        }
    }

    /// The number of levels; the table of the highest one is the root.
    pub(super) fn levels(self) -> u8 {
        let above_page = self.bits() as u8 - self.page_shift();
        above_page.div_ceil(self.index_bits())
    }

    /// The lowest address bit that selects the entry of a table at `level`, 1 being the lowest level.
    pub(super) fn shift(self, level: u8) -> u8 {
        self.page_shift() + (level - 1) * self.index_bits()
    }

    /// The number of entries in a table at `level`; the root may be smaller than the others.
    pub(super) fn entries(self, level: u8) -> usize {
        let bits = (self.bits() as u8).saturating_sub(self.shift(level)).min(self.index_bits());
        1 << bits
    }

    pub(super) fn entry_size(self) -> usize {
        if self == Self::X86 { 4 } else { 8 }
    }

    /// The address of the root table in its register, without the register's other bits.
    pub(super) fn root(self, register: u64) -> u64 {
        match self {
            Self::X86 => register & 0xffff_f000,
            Self::X86Pae => register & 0xffff_ffe0,
            Self::X64 | Self::X64Level5 => register & ADDRESS,
            Self::Arm64 { .. } => register & 0x000f_ffff_ffff_ffc0,
        }
    }

    /// The meaning of `entry` in a table at `level`.
    pub(super) fn decode(self, entry: u64, level: u8) -> Entry {
        if entry & 1 == 0 {
            return Entry::Absent;
        }
        match self {
            Self::X86 => match (level, entry & LARGE != 0) {
                (1, _) => Entry::Page(entry & 0xffff_f000),
                // Bits 13 to 20 are bits 32 to 39 of the address (PSE-36).
                (_, true) => Entry::Page(entry & 0xffc0_0000 | (entry & 0x001f_e000) << 19),
                (_, false) => Entry::Table(entry & 0xffff_f000),
            },
            Self::X86Pae | Self::X64 | Self::X64Level5 => {
                let largest = if self == Self::X86Pae { 2 } else { 3 };
                if level == 1 {
                    Entry::Page(entry & ADDRESS)
                } else if level <= largest && entry & LARGE != 0 {
                    Entry::Page(entry & ADDRESS & !((1 << self.shift(level)) - 1))
                } else {
                    Entry::Table(entry & ADDRESS)
                }
            }
            Self::Arm64 { granule, bits } => {
                let address = arm64_address(entry, granule, bits);
                let table_or_page = entry & 2 != 0;
                match (level, table_or_page) {
                    (1, true) => Entry::Page(address),
                    (1, false) => Entry::Absent,
                    (_, true) => Entry::Table(address),
                    // 4 KiB pages have blocks of 2 MiB and 1 GiB, 16 KiB ones of 32 MiB, 64 KiB ones of 512 MiB; with
                    // 52 bits one level more.
                    (_, false) => {
                        let largest = if granule == Granule::K4 { 3 } else { 2 } + u8::from(bits == 52);
                        let within = (1 << self.shift(level)) - 1;
                        if level <= largest { Entry::Page(address & !within) } else { Entry::Absent }
                    }
                }
            }
        }
    }
}

/// Bits 12 to 51.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// "Page size": the entry maps a large page.
const LARGE: u64 = 1 << 7;

/// The address in an entry. Addresses of 52 bits have their highest bits below the others: with pages of 64 KiB in
/// bits 12 to 15 (always zero on machines without them), with smaller pages (LPA2, which 52-bit virtual addresses
/// need) in bits 8 and 9.
fn arm64_address(entry: u64, granule: Granule, bits: u8) -> u64 {
    let page = !((1u64 << granule.shift()) - 1);
    match granule {
        Granule::K64 => entry & 0x0000_ffff_ffff_ffff & page | (entry & 0xf000) << 36,
        _ if bits == 52 => entry & 0x0003_ffff_ffff_ffff & page | (entry & 0x300) << 42,
        _ => entry & 0x0000_ffff_ffff_ffff & page,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_from_the_bits() {
        let arm64 = |granule, bits| Paging::Arm64 { granule, bits };
        for (paging, levels, root_entries) in [
            (Paging::X86, 2, 1024),
            (Paging::X86Pae, 3, 4),
            (Paging::X64, 4, 512),
            (Paging::X64Level5, 5, 512),
            (arm64(Granule::K4, 39), 3, 512),
            (arm64(Granule::K4, 48), 4, 512),
            (arm64(Granule::K4, 52), 5, 16),
            (arm64(Granule::K16, 36), 2, 2048),
            (arm64(Granule::K16, 47), 3, 2048),
            (arm64(Granule::K16, 48), 4, 2),
            (arm64(Granule::K64, 42), 2, 8192),
            (arm64(Granule::K64, 48), 3, 64),
            (arm64(Granule::K64, 52), 3, 1024),
        ] {
            assert_eq!(
                (paging.levels(), paging.entries(paging.levels())),
                (levels, root_entries),
                "{paging}"
            );
        }
    }

    #[test]
    fn large_pages_are_distinguished_from_tables() {
        assert_eq!(Paging::X86.decode(0x0040_0083, 2), Entry::Page(0x0040_0000));
        assert_eq!(Paging::X86.decode(0x0040_2083, 2), Entry::Page(0x1_0040_0000));
        assert_eq!(Paging::X86.decode(0x0040_2003, 2), Entry::Table(0x0040_2000));
        assert_eq!(Paging::X86Pae.decode(0x8000_0001_2340_00e3, 2), Entry::Page(0x1_2340_0000));
        assert_eq!(Paging::X86Pae.decode(0x1081, 3), Entry::Table(0x1000));
        assert_eq!(Paging::X64.decode(0x4000_00e3, 3), Entry::Page(0x4000_0000));
        assert_eq!(Paging::X64.decode(0x40e3, 4), Entry::Table(0x4000));
        assert_eq!(Paging::X64.decode(0x4062, 1), Entry::Absent);
    }

    #[test]
    fn arm64_entries() {
        let of = |granule, bits, entry, level| Paging::Arm64 { granule, bits }.decode(entry, level);
        assert_eq!(of(Granule::K4, 48, 0x0060_0000_4020_0701, 2), Entry::Page(0x4020_0000));
        assert_eq!(of(Granule::K4, 48, 0x4020_0703, 2), Entry::Table(0x4020_0000));
        assert_eq!(of(Granule::K4, 48, 0x4020_0701, 4), Entry::Absent);
        assert_eq!(of(Granule::K4, 48, 0x4020_0701, 1), Entry::Absent);
        assert_eq!(of(Granule::K4, 52, 0x4020_0303, 1), Entry::Page(0xc_0000_4020_0000));
        assert_eq!(of(Granule::K16, 47, 0x4200_0401, 2), Entry::Page(0x4200_0000));
        assert_eq!(of(Granule::K64, 48, 0x4001_a003, 1), Entry::Page(0xa_0000_4001_0000));
    }
}
