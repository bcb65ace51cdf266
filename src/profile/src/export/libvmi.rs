//! Rekall's form as LibVMI and DRAKVUF read it (LibVMI's `json_profiles/rekall.c`, DRAKVUF's `json-profile.c`).
//!
//! - Addresses are numbers with a sign to the reader: of a 64-bit kernel the lower 48 bits are written, or all 64
//!   with their sign; unsigned ones are cut to the largest number it has.
//! - Every symbol stands in `$CONSTANTS`: DRAKVUF lists that section or `$FUNCTIONS`, never both.
//! - Members of members without a name are also written into their struct: the reader's own search finds the
//!   first of a name anywhere below.
//! - The symbols that its search for a shifted kernel needs are made of others, where they are missing.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::{Addresses, Arch, Name, Profile, System};

/// Where x86-64 kernels are linked to (`__START_KERNEL_map`): a physical address and its virtual one differ by it.
const START_KERNEL_MAP: u64 = 0xffff_ffff_8000_0000;

/// The symbols of a profile as LibVMI looks them up, those made of others included, unsorted.
pub(crate) fn symbols(profile: &Profile) -> Vec<(&str, u64)> {
    let all = profile.constants.iter().chain(&profile.functions);
    // Data comes before code of the same name, as in the reader's own order.
    let mut seen: HashSet<Name, RandomState> = HashSet::default();
    let named = all.filter(|(name, _)| seen.insert(*name));
    let mut symbols: Vec<(&str, u64)> =
        named.map(|(name, value)| (profile.names.get(*name), *value)).collect();
    symbols.extend(made(profile));
    symbols
}

/// The symbols of an x86-64 Linux kernel that kallsyms lacks, yet follow from others.
fn made(profile: &Profile) -> Vec<(&'static str, u64)> {
    if (profile.system, profile.arch) != (System::Linux, Arch::Amd64) {
        return Vec::new();
    }
    let value = |name: &str| {
        let name = profile.names.find(name)?;
        profile.constants.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    };
    // The kernel's text begins with its 64-bit entry (arch/x86/kernel/head_64.S).
    let entry = value("startup_64").or_else(|| value("_text"));
    let made = [
        ("startup_64", entry),
        ("phys_startup_64", entry.and_then(|entry| entry.checked_sub(START_KERNEL_MAP))),
    ];
    made.into_iter()
        .filter(|(name, _)| value(name).is_none())
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// An address as the form holds it.
pub(crate) fn masked(profile: &Profile, value: u64, addresses: Addresses) -> i64 {
    let wide = matches!(profile.system, System::Linux | System::Mac) && profile.arch.address_size() == 8;
    match addresses {
        Addresses::Masked if wide => (value & 0xffff_ffff_ffff).cast_signed(),
        Addresses::Masked | Addresses::Signed => value.cast_signed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(symbols: &[(&str, u64)]) -> Profile {
        let mut profile = Profile::new(System::Linux, Arch::Amd64);
        profile.constants =
            symbols.iter().map(|(name, value)| (profile.names.intern(name), *value)).collect();
        profile
    }

    #[test]
    fn what_the_search_for_a_shifted_kernel_needs_is_made() {
        let text = ("_text", 0xffff_ffff_8100_0000);
        let kernel_of = kernel(&[text]);
        let mut found = symbols(&kernel_of);
        found.sort_unstable();
        assert_eq!(found, [text, ("phys_startup_64", 0x100_0000), ("startup_64", text.1)]);
        let all = [("phys_startup_64", 0x10), ("startup_64", text.1)];
        assert_eq!(symbols(&kernel(&all)), all);
        assert_eq!(symbols(&kernel(&[("x", 1)])), [("x", 1)]);
    }

    #[test]
    fn addresses_fit_a_number_with_a_sign() {
        let (mut kernel, address) = (kernel(&[]), 0xffff_ffff_8100_0000);
        assert_eq!(masked(&kernel, address, Addresses::Masked), 0xffff_8100_0000);
        assert_eq!(masked(&kernel, address, Addresses::Signed), -0x7f00_0000);
        kernel.arch = Arch::I386;
        assert_eq!(masked(&kernel, 0xc100_0000, Addresses::Masked), 0xc100_0000);
    }
}
