//! The names of kernels' PDBs, the build numbers of Windows, and which of them share one kernel.

/// The names of kernels' PDBs: for one processor and for several, without PAE, with PAE, and with five-level paging.
pub const KERNELS: [&str; 5] =
    ["ntkrnlmp.pdb", "ntkrnlpa.pdb", "ntoskrnl.pdb", "ntkrpamp.pdb", "ntkrla57.pdb"];

/// Builds that an enablement package makes from another one: the kernel of the first number, with its PDB and its
/// `NtBuildLab`, has any of the others in `NtBuildNumber`. Source: the release pages of Windows 10 and 11, and
/// reports on the trackers of Volatility 3 and others.
const FAMILIES: [(u64, &[u64]); 4] = [
    // Windows 10 1909 over 1903.
    (18362, &[18363]),
    // Windows 10 20H2, 21H1, 21H2 and 22H2 over 2004.
    (19041, &[19042, 19043, 19044, 19045]),
    // Windows 11 23H2 over 22H2.
    (22621, &[22631]),
    // Windows 11 25H2 over 24H2.
    (26100, &[26200]),
];

/// The largest distance of an enablement package from its base.
const REACH: u64 = 100;

/// Whether a kernel whose `NtBuildLab` begins with `lab` can have the number `build` in `NtBuildNumber`.
///
/// A base that is newer than all known families may get packages of its own: for these any number up to 100 above the
/// base is accepted.
pub(super) fn is_of_family(build: u64, lab: u64) -> bool {
    let newest = FAMILIES.iter().map(|(base, _)| *base).max().unwrap_or(0);
    let known = FAMILIES.iter().any(|(base, others)| *base == lab && others.contains(&build));
    build == lab || known || lab > newest && (lab..=lab + REACH).contains(&build)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enablement_packages_keep_the_lab_of_their_base() {
        for (build, lab) in [(18363, 18362), (19042, 19041), (19045, 19041), (22631, 22621), (26200, 26100)] {
            assert!(is_of_family(build, lab), "{build} over {lab}");
            assert!(!is_of_family(lab, build), "{lab} over {build}");
        }
    }

    #[test]
    fn other_builds_are_not_mixed_up() {
        for (build, lab) in [(7601, 7600), (19041, 18362), (22000, 19041), (22631, 19041), (19046, 19041)] {
            assert!(!is_of_family(build, lab), "{build} over {lab}");
        }
        assert!(is_of_family(7601, 7601));
    }

    #[test]
    fn a_future_base_may_have_packages() {
        assert!(is_of_family(28010, 28000));
        assert!(!is_of_family(29000, 28000));
    }
}
