use crate::{Arch, System};

/// The PE machine types that `metadata.windows.pdb.machine_type` has.
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

/// The architecture that a table without a machine type is for, by the structs it has and the size of its
/// pointers.
pub(super) fn of_structs(system: Option<System>, pointer: u8, has: impl Fn(&str) -> bool) -> Arch {
    let wide = pointer == 8;
    let known = STRUCTS.iter().find(|(name, ..)| has(name));
    match known {
        Some((_, narrow, _)) if !wide && narrow.address_size() == pointer => *narrow,
        Some((.., arch)) if wide && arch.address_size() == pointer => *arch,
        _ if wide => Arch::Amd64,
        _ if system == Some(System::Windows) || pointer == 4 => Arch::I386,
        _ => Arch::Amd64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_tell_the_family_and_pointers_the_width() {
        let of = |pointer, known: &'static str| of_structs(None, pointer, |name| name == known);
        assert_eq!(of(8, "cpuinfo_x86"), Arch::Amd64);
        assert_eq!(of(4, "cpuinfo_x86"), Arch::I386);
        assert_eq!(of(8, "cpuinfo_arm64"), Arch::Arm64);
        assert_eq!(of(4, "cpu_spec"), Arch::Ppc);
        assert_eq!((of(8, "task_struct"), of(4, "task_struct")), (Arch::Amd64, Arch::I386));
        assert_eq!(of_pe(0x8664), Some(Arch::Amd64));
    }
}
