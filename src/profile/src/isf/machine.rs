use crate::Arch;

/// The PE machine types in `metadata.windows.pdb.machine_type`.
const MACHINES: [(u64, Arch); 5] = [
    (0x8664, Arch::Amd64),
    (0x14c, Arch::I386),
    (0xaa64, Arch::Arm64),
    (0x1c0, Arch::Arm),
    (0x1c4, Arch::Arm),
];

/// The architecture with this PE machine type.
pub(super) fn of_pe(machine: u64) -> Option<Arch> {
    MACHINES.iter().find(|(number, _)| *number == machine).map(|(_, arch)| *arch)
}

/// The PE machine type of an architecture; 0, which means any, if Windows never ran on it.
pub(super) fn pe_number(arch: Arch) -> u64 {
    MACHINES.iter().rev().find(|(_, known)| *known == arch).map_or(0, |(number, _)| *number)
}

/// Structs that only one family of architectures has, with its 32-bit and 64-bit member.
const STRUCTS: [(&str, Arch, Arch); 11] = [
    // Linux (arch/*/include)
    ("cpuinfo_x86", Arch::I386, Arch::Amd64),
    ("cpuinfo_arm64", Arch::Arm64, Arch::Arm64),
    ("cpuinfo_arm", Arch::Arm, Arch::Arm),
    ("cpuinfo_mips", Arch::Mips, Arch::Mips64),
    ("cpu_spec", Arch::Ppc, Arch::Ppc64),
    ("riscv_isainfo", Arch::Riscv32, Arch::Riscv64),
    ("riscv_hwprobe", Arch::Riscv32, Arch::Riscv64),
    ("lowcore", Arch::S390x, Arch::S390x),
    // macOS (osfmk)
    ("x86_saved_state", Arch::I386, Arch::Amd64),
    ("arm_saved_state64", Arch::Arm, Arch::Arm64),
    ("x86_saved_state64", Arch::I386, Arch::Amd64),
];

/// The architecture of a table without a machine type, by its structs and the size of its pointers.
pub(super) fn of_structs(pointer: u8, has: impl Fn(&str) -> bool) -> Option<Arch> {
    let (_, narrow, wide) = STRUCTS.iter().find(|(name, ..)| has(name))?;
    [*narrow, *wide].into_iter().find(|arch| arch.address_size() == pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_show_the_family_and_pointers_the_width() {
        let of = |pointer, known: &'static str| of_structs(pointer, |name| name == known);
        assert_eq!(of(8, "cpuinfo_x86"), Some(Arch::Amd64));
        assert_eq!(of(4, "cpuinfo_x86"), Some(Arch::I386));
        assert_eq!(of(8, "cpuinfo_arm64"), Some(Arch::Arm64));
        assert_eq!(of(4, "cpu_spec"), Some(Arch::Ppc));
        assert_eq!((of(4, "cpuinfo_arm64"), of(8, "task_struct")), (None, None));
        assert_eq!(of_pe(0x8664), Some(Arch::Amd64));
        assert_eq!((pe_number(Arch::Arm), pe_number(Arch::S390x)), (0x1c4, 0));
    }
}
