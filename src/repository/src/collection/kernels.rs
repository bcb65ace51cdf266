//! Which packages hold a kernel, by their names.

use super::Mode;

/// A package of a kernel, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KernelPackage {
    /// The kernel's release with its flavour (`6.1.0-9-cloud-amd64`) for Debian's; the flavour alone for RPM's.
    pub release: String,
    /// How well the package serves beside others of the same release: the highest is taken.
    pub rank: u8,
}

/// No package with a kernel in it is smaller, in bytes. Smaller ones only depend on one.
pub(super) const SMALLEST: u64 = 64 << 10;

/// The package that Debian's and Ubuntu's archives name so, if it holds what the mode reads.
///
/// A kernel's package is called `linux-image-RELEASE`; newer ones of Debian have the kernel in `linux-binary-RELEASE`.
/// Before it is signed, it is `linux-image-RELEASE-unsigned` at Debian and `linux-image-unsigned-RELEASE` at Ubuntu.
/// Debug packages end in `-dbg` or `-dbgsym`.
pub(super) fn debian(name: &str, mode: Mode) -> Option<KernelPackage> {
    let (rest, is_binary) = match name.strip_prefix("linux-binary-") {
        Some(rest) => (rest, true),
        None => (name.strip_prefix("linux-image-")?, false),
    };
    let (rest, early) = rest.strip_prefix("unsigned-").map_or((rest, false), |rest| (rest, true));
    let debug = rest.strip_suffix("-dbgsym").or_else(|| rest.strip_suffix("-dbg"));
    let (rest, is_debug) = debug.map_or((rest, false), |rest| (rest, true));
    let (release, late) = rest.strip_suffix("-unsigned").map_or((rest, false), |rest| (rest, true));
    if !release.starts_with(|first: char| first.is_ascii_digit()) || release.ends_with("-signed-template") {
        return None;
    }
    let unsigned = early || late;
    let rank = match mode {
        Mode::Dwarf if !is_debug => return None,
        // Ubuntu's debug package of the unsigned kernel is the one with its vmlinux.
        Mode::Dwarf => u8::from(unsigned),
        Mode::Btf if is_debug => return None,
        Mode::Btf => 2 * u8::from(is_binary) + u8::from(!unsigned),
    };
    Some(KernelPackage { release: release.to_owned(), rank })
}

/// What follows `kernel` in the names of packages that do not hold the kernel itself.
const NO_KERNELS: [&str; 27] = [
    "abi",
    "base",
    "bootwrapper",
    "common",
    "cross",
    "debuginfo",
    "debugsource",
    "devel",
    "doc",
    "docs",
    "extra",
    "firmware",
    "headers",
    "internal",
    "ipaclones",
    "kabi",
    "libbpf",
    "livepatch",
    "macros",
    "modules",
    "obs",
    "selftests",
    "source",
    "srpm",
    "syms",
    "tools",
    "uki",
];

/// The package that archives of RPMs name so, if it holds what the mode reads: `kernel`, `kernel-core`, and those of
/// flavours (`kernel-uek`, `kernel-default`, `kernel-rt-core`), with `-debuginfo` behind for debug packages.
pub(super) fn rpm(name: &str, mode: Mode) -> Option<KernelPackage> {
    let rest = name.strip_prefix("kernel")?;
    // Amazon's name the version: kernel6.12.
    let rest = rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let rest = match mode {
        Mode::Dwarf => rest.strip_suffix("-debuginfo")?,
        Mode::Btf => rest,
    };
    let flavour = match rest {
        "" => "",
        rest => rest.strip_prefix('-')?,
    };
    if flavour.split('-').any(|part| NO_KERNELS.contains(&part)) {
        return None;
    }
    let (flavour, is_core) = match flavour.strip_suffix("core") {
        Some(before) if before.is_empty() || before.ends_with('-') => (before.trim_end_matches('-'), true),
        _ => (flavour, false),
    };
    Some(KernelPackage { release: flavour.to_owned(), rank: u8::from(is_core) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(package: Option<KernelPackage>) -> Option<(String, u8)> {
        package.map(|package| (package.release, package.rank))
    }

    #[test]
    fn kernels_of_debian_and_ubuntu_are_told_by_name() {
        let some = |release: &str, rank| Some((release.to_owned(), rank));
        for (name, btf, dwarf) in [
            ("linux-image-6.1.0-57-cloud-amd64", some("6.1.0-57-cloud-amd64", 1), None),
            ("linux-image-6.1.0-57-amd64-unsigned", some("6.1.0-57-amd64", 0), None),
            ("linux-image-6.1.0-57-amd64-dbg", None, some("6.1.0-57-amd64", 0)),
            ("linux-binary-7.3.4+deb13-amd64", some("7.3.4+deb13-amd64", 3), None),
            ("linux-image-unsigned-5.15.0-91-generic", some("5.15.0-91-generic", 0), None),
            ("linux-image-5.15.0-91-generic", some("5.15.0-91-generic", 1), None),
            ("linux-image-unsigned-5.15.0-91-generic-dbgsym", None, some("5.15.0-91-generic", 1)),
            ("linux-image-5.15.0-91-generic-dbgsym", None, some("5.15.0-91-generic", 0)),
            ("linux-image-amd64", None, None),
            ("linux-image-amd64-dbg", None, None),
            ("linux-image-6.12-amd64-signed-template", None, None),
            ("linux-headers-6.1.0-57-amd64", None, None),
        ] {
            assert_eq!(found(debian(name, Mode::Btf)), btf, "{name}");
            assert_eq!(found(debian(name, Mode::Dwarf)), dwarf, "{name}");
        }
    }

    #[test]
    fn kernels_of_rpm_archives_are_told_by_name() {
        let some = |flavour: &str, rank| Some((flavour.to_owned(), rank));
        for (name, btf, dwarf) in [
            ("kernel", some("", 0), None),
            ("kernel-core", some("", 1), None),
            ("kernel-uek-core", some("uek", 1), None),
            ("kernel-default", some("default", 0), None),
            ("kernel6.12", some("", 0), None),
            ("kernel-debuginfo", None, some("", 0)),
            ("kernel-rt-debuginfo", None, some("rt", 0)),
            ("kernel-debuginfo-common-x86_64", None, None),
            ("kernel-tools-debuginfo", None, None),
            ("kernel-modules-core", None, None),
            ("kernel-default-devel", None, None),
            ("kernels", None, None),
        ] {
            assert_eq!(found(rpm(name, Mode::Btf)), btf, "{name}");
            assert_eq!(found(rpm(name, Mode::Dwarf)), dwarf, "{name}");
        }
    }
}
