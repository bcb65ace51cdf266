//! Rekall's form as LibVMI and DRAKVUF read it (LibVMI's `json_profiles/rekall.c`, DRAKVUF's `json-profile.c`).
//!
//! - The reader parses addresses as signed numbers. For a 64-bit kernel either the lower 48 bits are written or all
//!   64 bits as a signed number; the reader limits larger unsigned numbers to its maximum.
//! - Every symbol is in `$CONSTANTS`: DRAKVUF lists either that section or `$FUNCTIONS`, never both.
//! - Members of unnamed members are also written into their struct, since the reader's own search returns the first
//!   of a name on any level.
//! - The symbols that its search for a shifted kernel needs are derived from others if they are missing.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::{Addresses, Arch, Name, Profile, System};

/// The link address of x86-64 kernels (`__START_KERNEL_map`): the difference between a physical address and its
/// virtual one.
const START_KERNEL_MAP: u64 = 0xffff_ffff_8000_0000;

/// The symbols of a profile as LibVMI looks them up, including derived ones, unsorted.
pub(crate) fn symbols(profile: &Profile) -> Vec<(&str, u64)> {
    let all = profile.constants.iter().chain(&profile.functions);
    // Data precedes code of the same name, as in the reader's own order.
    let mut seen: HashSet<Name, RandomState> = HashSet::default();
    let named = all.filter(|(name, _)| seen.insert(*name));
    let mut symbols: Vec<(&str, u64)> =
        named.map(|(name, value)| (profile.names.get(*name), *value)).collect();
    symbols.extend(made(profile));
    symbols
}

/// The symbols of an x86-64 Linux kernel that kallsyms lacks but that follow from others.
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

/// An address in this form.
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
    fn symbols_for_the_search_of_a_shifted_kernel_are_derived() {
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
    fn addresses_fit_a_signed_number() {
        let (mut kernel, address) = (kernel(&[]), 0xffff_ffff_8100_0000);
        assert_eq!(masked(&kernel, address, Addresses::Masked), 0xffff_8100_0000);
        assert_eq!(masked(&kernel, address, Addresses::Signed), -0x7f00_0000);
        kernel.arch = Arch::I386;
        assert_eq!(masked(&kernel, 0xc100_0000, Addresses::Masked), 0xc100_0000);
    }
}
