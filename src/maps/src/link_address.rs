//! The address at which a kernel's image is linked, by its architecture and version.
//!
//! Sources: `arch/*/kernel/vmlinux.lds.S`, `arch/arm64/include/asm/memory.h`, and the load addresses in
//! `arch/mips/*/Platform` of the kernel sources.

use profile::Arch;

use crate::contradiction::WHOLE;
use crate::linked::MIB;
use crate::{KernelConfig, SystemMap};

/// What the architecture says about the shift of a map, if the kernel's own file is not available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// As far as can be known, the image is at its link address.
    Linked,
    /// The image was moved by this many bytes.
    Moved(u64),
    /// The image was moved, and its link address is unknown.
    Unknown,
}

/// The shift of a map. `loaded` is the address at which the image begins in the map; `running` says that the map was
/// taken from a running kernel.
pub(crate) fn start(
    map: &SystemMap<'_>,
    loaded: u64,
    running: bool,
    arch: Arch,
    release: Option<&str>,
    config: Option<&KernelConfig>,
) -> Start {
    match arch {
        Arch::Amd64 => amd64(map, loaded, config),
        Arch::I386 => i386(map, loaded, config),
        Arch::Arm64 => arm64(map, loaded, running, release),
        Arch::Mips | Arch::Mips64 => mips(map, loaded, running),
        Arch::Riscv64 => moved_from(RISCV64, loaded, 2 * MIB, 1024 * MIB),
        Arch::S390x if running && loaded < S390X_VIRTUAL => moved_from(S390X, loaded, 4096, S390X_VIRTUAL),
        Arch::S390x if running => Start::Unknown,
        Arch::Ppc64 if running => moved_from(PPC64, loaded, 65536, 1 << 40),
        // Kernels of the other architectures are not moved.
        _ => Start::Linked,
    }
}

const GIB: u64 = 1 << 30;

/// Whether kernels of this architecture may be moved when they start.
pub(crate) fn is_moved(arch: Arch) -> bool {
    use Arch::{Amd64, Arm64, I386, Mips, Mips64, Ppc64, Riscv64, S390x};
    matches!(arch, Amd64 | I386 | Arm64 | Mips | Mips64 | Riscv64 | S390x | Ppc64)
}

/// `__START_KERNEL_map`, where x86-64 kernels map their image, and the end of that mapping.
const AMD64_MAP: u64 = 0xffff_ffff_8000_0000;
const AMD64_END: u64 = 0xffff_ffff_c000_0000;
/// The default of `CONFIG_PHYSICAL_START`.
const PHYSICAL_START: u64 = 0x100_0000;
/// The values of `CONFIG_PAGE_OFFSET` on i386, one for each choice of `VMSPLIT`.
const I386_PAGE_OFFSETS: [u64; 5] = [0xc000_0000, 0xb000_0000, 0x8000_0000, 0x7800_0000, 0x4000_0000];
/// How far a kernel of i386 can be moved (`KERNEL_IMAGE_SIZE`).
const I386_RANGE: u64 = 512 * MIB;
/// `KERNEL_LINK_ADDR` since 5.13.
const RISCV64: u64 = 0xffff_ffff_8000_0000;
const S390X: u64 = 0x10_0000;
/// Below this the image is at its physical address, as until 6.9.
const S390X_VIRTUAL: u64 = 1 << 40;
/// `KERNELBASE`.
const PPC64: u64 = 0xc000_0000_0000_0000;

/// Moved up from `linked` in steps of `step`, by less than `range`.
fn moved_from(linked: u64, loaded: u64, step: u64, range: u64) -> Start {
    match loaded.checked_sub(linked) {
        Some(shift) if shift > 0 && shift < range && shift.is_multiple_of(step) => Start::Moved(shift),
        _ => Start::Linked,
    }
}

/// The map that a build makes also holds `phys_startup_64`, an absolute number that KASLR does not change.
fn amd64(map: &SystemMap<'_>, loaded: u64, config: Option<&KernelConfig>) -> Start {
    if let Some(shift) = by_physical(map, "phys_startup_64", "startup_64", |_| Some(AMD64_MAP)) {
        return if shift < AMD64_END - AMD64_MAP { Start::moved(shift) } else { Start::Linked };
    }
    if !(AMD64_MAP..AMD64_END).contains(&loaded) {
        return Start::Linked;
    }
    let physical = physical_start(config);
    let linked = AMD64_MAP + physical.unwrap_or(PHYSICAL_START);
    moved_from(linked, loaded, 2 * MIB, GIB)
}

fn i386(map: &SystemMap<'_>, loaded: u64, config: Option<&KernelConfig>) -> Start {
    let page_offset = |address: u64| I386_PAGE_OFFSETS.into_iter().find(|offset| *offset <= address);
    let physical = by_physical(map, "phys_startup_32", "startup_32", page_offset);
    if let Some(shift) = physical {
        return if shift < I386_RANGE { Start::moved(shift) } else { Start::Linked };
    }
    let Some(offset) = page_offset(loaded) else { return Start::Linked };
    let linked = offset + physical_start(config).unwrap_or(PHYSICAL_START);
    moved_from(linked, loaded, 8192, I386_RANGE)
}

/// The shift of an image, from a symbol's address and the physical address that it was linked for.
fn by_physical(
    map: &SystemMap<'_>,
    physical: &str,
    entry: &str,
    virtual_base: impl Fn(u64) -> Option<u64>,
) -> Option<u64> {
    let (physical, entry) = (map.address(physical)?, map.global(entry)?);
    let loaded = entry.checked_sub(physical)?;
    let shift = loaded.checked_sub(virtual_base(loaded)?)?;
    shift.is_multiple_of(4096).then_some(shift)
}

fn physical_start(config: Option<&KernelConfig>) -> Option<u64> {
    let text = config?.options.get("CONFIG_PHYSICAL_START")?;
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).ok().filter(|start| *start < AMD64_END - AMD64_MAP)
}

/// On ARM64 the link address depends on the version and on the number of address bits.
fn arm64(map: &SystemMap<'_>, loaded: u64, running: bool, release: Option<&str>) -> Start {
    // A build's own map has these absolute symbols; /proc/kallsyms does not.
    let of_build = map.address("_kernel_flags_le_lo32").is_some() || map.address("_kernel_size_le").is_some();
    let is_excerpt = map.symbols.len() < WHOLE;
    if of_build && !running && is_excerpt || is_link_address_of_arm64(loaded) {
        return Start::Linked;
    }
    // A whole map that begins at another address was moved, even if nothing else says so. In an excerpt, which may be
    // a build's own, an unusual address is the link address of that build.
    let running = running || !is_excerpt;
    let unknown = if running { Start::Unknown } else { Start::Linked };
    let Some(version) = release.and_then(version) else { return unknown };
    let Some((_, offset, text_offset)) = ARM64_ERAS.into_iter().rev().find(|(since, ..)| *since <= version)
    else {
        // Before 4.6 the image was never moved.
        return Start::Linked;
    };
    let lowest = if version >= FLIPPED { ARM64_FLIPPED } else { ARM64 };
    // The smallest address space that contains the address.
    let Some(base) = lowest.into_iter().rev().find(|base| *base <= loaded) else { return unknown };
    // Until 5.3 the upper half of the space was the linear map.
    if version < FLIPPED && loaded >= base + base.wrapping_neg() / 2 {
        return unknown;
    }
    match loaded.checked_sub(base + offset + text_offset) {
        Some(shift) if shift.is_multiple_of(2 * MIB) => Start::moved(shift),
        _ => unknown,
    }
}

/// Since 5.4 the kernel's half begins with the linear map, and the image comes after it.
const FLIPPED: (u32, u32) = (5, 4);
/// The lowest address of the image's region with 48, 42 and 39 bits of address, before and since 5.4.
const ARM64: [u64; 3] = [0xffff_0000_0000_0000, 0xffff_fc00_0000_0000, 0xffff_ff80_0000_0000];
const ARM64_FLIPPED: [u64; 3] = [0xffff_8000_0000_0000, 0xffff_fe00_0000_0000, 0xffff_ffc0_0000_0000];
/// By version, the distance of the image from that address (`KIMAGE_VADDR`), and the distance of its text from the
/// image's start (`TEXT_OFFSET`).
const ARM64_ERAS: [((u32, u32), u64, u64); 5] = [
    ((4, 6), 128 * MIB, 0x8_0000),
    ((5, 4), 256 * MIB, 0x8_0000),
    ((5, 8), 256 * MIB, 0),
    ((5, 16), 128 * MIB, 0),
    ((6, 5), 2048 * MIB, 0),
];

/// Every address at which some kernel since 4.6 is linked on ARM64, current kernels first.
pub fn link_addresses_of_arm64() -> Vec<u64> {
    let of_era = |(since, offset, text): ((u32, u32), u64, u64)| {
        let bases = if since >= FLIPPED { ARM64_FLIPPED } else { ARM64 };
        bases.map(|base| base + offset + text)
    };
    ARM64_ERAS.into_iter().rev().flat_map(of_era).collect()
}

/// Whether some kernel, including those before 4.6, is linked at this address on ARM64.
fn is_link_address_of_arm64(loaded: u64) -> bool {
    let usual = link_addresses_of_arm64().contains(&loaded);
    usual || ARM64_FLIPPED.iter().any(|base| base + 0x8_0000 == loaded) || is_rare_on_arm64(loaded)
}

/// Whether a kernel with pages of 16 KiB and 47 or 36 bits of address, or an older one with KASAN's shadow memory before
/// its modules (an eighth or a sixteenth of the address space, until 5.15), is linked at this address.
fn is_rare_on_arm64(loaded: u64) -> bool {
    const OF_16K: [u64; 2] = [0xffff_c000_0000_0000, 0xffff_fff8_0000_0000];
    ARM64_ERAS.into_iter().any(|(since, offset, text)| {
        let bases = if since >= FLIPPED { ARM64_FLIPPED } else { ARM64 };
        let half = |base: u64| if since >= FLIPPED { base.wrapping_neg() } else { base.wrapping_neg() / 2 };
        let shadows = |base: u64| [half(base) / 4, half(base) / 8].map(|shadow| base.wrapping_add(shadow));
        let behind_shadow = bases.into_iter().flat_map(shadows);
        OF_16K.into_iter().chain(behind_shadow).any(|base| base.checked_add(offset + text) == Some(loaded))
    })
}

/// The first two numbers of a release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Each MIPS board has its own link address. Most use the first of these; the others belong to boards in common use.
/// A kernel is moved by at least its own size, in steps of 64 KiB.
fn mips(map: &SystemMap<'_>, loaded: u64, running: bool) -> Start {
    const SEGMENT: u64 = 0xffff_ffff_8000_0000;
    const USUAL: u64 = 0x10_0000;
    const OTHERS: [u64; 10] =
        [0, 0x400, 0x1000, 0x2000, 0x1_0000, 0x4_0000, 0x6_0000, 0x8_0000, 0x20_0000, 0x110_0000];
    let segment = if loaded > u64::from(u32::MAX) { SEGMENT } else { SEGMENT & u64::from(u32::MAX) };
    let Some(offset) = loaded.checked_sub(segment).filter(|offset| *offset < GIB) else {
        return Start::Linked;
    };
    if !running || offset <= USUAL || OTHERS.contains(&offset) {
        return Start::Linked;
    }
    let size = map.address("_end").map_or(0, |end| end.saturating_sub(loaded));
    let shift = offset - USUAL;
    if shift.is_multiple_of(64 << 10) && shift >= size { Start::Moved(shift) } else { Start::Linked }
}

impl Start {
    /// Moved by `shift`, or linked if `shift` is 0.
    fn moved(shift: u64) -> Self {
        if shift == 0 { Self::Linked } else { Self::Moved(shift) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(arch: Arch, release: Option<&str>, text: &str) -> Start {
        let map = SystemMap::parse(text.as_bytes());
        let loaded = map.address("_text").unwrap();
        start(&map, loaded, map.of_modules > 0, arch, release, None)
    }

    #[test]
    fn x86_64_uses_the_physical_address_or_the_default() {
        let slid =
            "0000000001000000 A phys_startup_64\nffffffff93000000 T _text\nffffffff93000000 T startup_64\n";
        assert_eq!(told(Arch::Amd64, None, slid), Start::Moved(0x1200_0000));
        assert_eq!(told(Arch::Amd64, None, "ffffffff93000000 T _text\n"), Start::Moved(0x1200_0000));
        for linked in [
            "ffffffff81000000 T _text\n",
            "ffffffff80200000 T _text\n",
            "0000000000000000 A phys_startup_64\nffffffff80000000 A _text\nffffffff80000000 T startup_64\n",
            // A kernel that was built for another address records it.
            "0000000002000000 A phys_startup_64\nffffffff82000000 T _text\nffffffff82000000 T startup_64\n",
        ] {
            assert_eq!(told(Arch::Amd64, None, linked), Start::Linked, "{linked}");
        }
        let map = SystemMap::parse(b"ffffffff82400000 T _text\n");
        let config = KernelConfig::parse(b"CONFIG_PHYSICAL_START=0x2000000\n");
        let built_elsewhere = start(&map, 0xffff_ffff_8240_0000, false, Arch::Amd64, None, Some(&config));
        assert_eq!(built_elsewhere, Start::Moved(0x40_0000));
    }

    #[test]
    fn i386_is_found_for_every_memory_split() {
        for (text, expected) in [
            ("00100000 A phys_startup_32\nc0100000 A _text\nc0100000 T startup_32\n", Start::Linked),
            (
                "01000000 A phys_startup_32\nd1000000 T _text\nd1000000 T startup_32\n",
                Start::Moved(0x1000_0000),
            ),
            ("c1000000 T _text\n", Start::Linked),
            ("c0400000 T _text\n", Start::Linked),
            ("ce400000 T _text\n", Start::Moved(0xd40_0000)),
            ("82200000 T _text\n", Start::Moved(0x120_0000)),
        ] {
            assert_eq!(told(Arch::I386, None, text), expected, "{text}");
        }
    }

    #[test]
    fn arm64_needs_the_version_to_remove_the_shift() {
        let slid = "ffffd2f5c3a00000 T _text\nffffd2f5bf000000 t foo [foo]\n";
        for (release, linked) in [
            ("4.19.0-6-arm64", None),
            ("5.10.0-9-arm64", Some(0xffff_8000_1000_0000u64)),
            ("6.1.0-50-cloud-arm64", Some(0xffff_8000_0800_0000)),
            ("6.12.9", Some(0xffff_8000_8000_0000)),
        ] {
            let expected =
                linked.map_or(Start::Unknown, |linked| Start::Moved(0xffff_d2f5_c3a0_0000 - linked));
            assert_eq!(told(Arch::Arm64, Some(release), slid), expected, "{release}");
        }
        assert_eq!(told(Arch::Arm64, None, slid), Start::Unknown);
        let narrow = "ffffffd1c3a00000 T _text\nffffffd1bf000000 t foo [foo]\n";
        assert_eq!(
            told(Arch::Arm64, Some("6.6.30-android15"), narrow),
            Start::Moved(0xffff_ffd1_c3a0_0000 - 0xffff_ffc0_8000_0000)
        );
        let old = "ffff2ab3c8480000 T _text\nffff2ab3bf000000 t foo [foo]\n";
        assert_eq!(
            told(Arch::Arm64, Some("4.14.0"), old),
            Start::Moved(0xffff_2ab3_c848_0000 - 0xffff_0000_0808_0000)
        );
        for linked in [
            "ffff800008000000 T _text\n",
            "ffffffc010080000 T _text\n",
            "ffffffc000080000 T _text\n",
            "ffff000008080000 T _text\n",
            "0000000000000000 A _kernel_flags_le_lo32\nffff900012340000 T _text\n",
            // An unusual address in a map that is not known to come from a running kernel.
            "ffffffff81001000 T _text\n",
        ] {
            assert_eq!(told(Arch::Arm64, Some("6.1.0"), linked), Start::Linked, "{linked}");
        }
    }

    #[test]
    fn the_shift_of_mips_is_removed_only_from_maps_of_a_running_kernel() {
        assert_eq!(told(Arch::Mips, None, "80100000 T _text\nc0000000 t foo [foo]\n"), Start::Linked);
        assert_eq!(told(Arch::Mips, None, "80060000 T _text\nc0000000 t foo [foo]\n"), Start::Linked);
        assert_eq!(
            told(Arch::Mips, None, "81a00000 T _text\n82000000 B _end\nc0000000 t foo [foo]\n"),
            Start::Moved(0x190_0000)
        );
        assert_eq!(
            told(Arch::Mips64, None, "ffffffff81a00000 T _text\nc000000000000000 t foo [foo]\n"),
            Start::Moved(0x190_0000)
        );
        assert_eq!(told(Arch::Mips, None, "81a00000 T _text\n"), Start::Linked);
    }

    #[test]
    fn the_others() {
        assert_eq!(told(Arch::Riscv64, None, "ffffffff82200000 T _text\n"), Start::Moved(0x220_0000));
        assert_eq!(
            told(Arch::S390x, None, "0000000000100000 T _text\n1000000000 t foo [foo]\n"),
            Start::Linked
        );
        assert_eq!(
            told(Arch::S390x, None, "0000000012300000 T _text\n000003ff00000000 t foo [foo]\n"),
            Start::Moved(0x1220_0000)
        );
        assert_eq!(told(Arch::Arm, None, "c0208000 T _text\nbf000000 t foo [foo]\n"), Start::Linked);
    }
}
