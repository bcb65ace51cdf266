use std::collections::HashMap;

use foldhash::fast::FixedState;
use profile::Arch;

use crate::MapSymbol;

/// The architecture that a compiler's command line, as debug information records it, compiles for.
pub fn arch_of_flags(producer: &str) -> Option<Arch> {
    let flags = || producer.split_ascii_whitespace();
    let has = |wanted: &str| flags().any(|flag| flag == wanted);
    let starts = |wanted: &str| flags().any(|flag| flag.starts_with(wanted));
    if starts("-march=mips") || starts("-mips") || has("-mabi=32") || starts("-mno-lxc1") {
        let wide = has("-mabi=64") || starts("-march=mips64");
        return Some(if wide { Arch::Mips64 } else { Arch::Mips });
    }
    if starts("-march=rv64") || starts("-march=rv32") {
        return Some(if starts("-march=rv64") { Arch::Riscv64 } else { Arch::Riscv32 });
    }
    if has("-mabi=lp64") || starts("-march=armv8") && !starts("-mfloat-abi") {
        return Some(Arch::Arm64);
    }
    if starts("-march=armv") || starts("-mfloat-abi") || has("-marm") || has("-mthumb") {
        return Some(Arch::Arm);
    }
    if starts("-march=z") {
        return Some(Arch::S390x);
    }
    if starts("-mcpu=power") {
        return Some(if has("-m32") { Arch::Ppc } else { Arch::Ppc64 });
    }
    if has("-m64") || has("-march=x86-64") || starts("-mcmodel=kernel") {
        return Some(Arch::Amd64);
    }
    if has("-m32") || starts("-march=i") || starts("-mregparm=") {
        return Some(Arch::I386);
    }
    None
}

/// Whether a compiler's command line, as debug information records it, asks for big-endian code.
pub fn is_big_endian(producer: &str) -> bool {
    const FLAGS: [&str; 4] = ["-meb", "-EB", "-mbig-endian", "-mbig"];
    producer.split_ascii_whitespace().any(|flag| FLAGS.contains(&flag))
}

/// The architecture named by a kernel release, or by a similar name: `amd64`, `el7.x86_64`, `686-pae`, `arm64`.
pub fn arch_of_release(release: &str) -> Option<Arch> {
    const WORDS: [(&str, Arch); 24] = [
        ("x86_64", Arch::Amd64),
        ("amd64", Arch::Amd64),
        ("x64", Arch::Amd64),
        ("i386", Arch::I386),
        ("i486", Arch::I386),
        ("i586", Arch::I386),
        ("i686", Arch::I386),
        ("486", Arch::I386),
        ("586", Arch::I386),
        ("686", Arch::I386),
        ("k7", Arch::I386),
        ("x86", Arch::I386),
        ("pae", Arch::I386),
        ("aarch64", Arch::Arm64),
        ("arm64", Arch::Arm64),
        ("armhf", Arch::Arm),
        ("armel", Arch::Arm),
        ("armv7l", Arch::Arm),
        ("armmp", Arch::Arm),
        ("arm", Arch::Arm),
        ("mips", Arch::Mips),
        ("ppc64le", Arch::Ppc64),
        ("ppc64", Arch::Ppc64),
        ("s390x", Arch::S390x),
    ];
    let release = release.to_ascii_lowercase();
    let is_edge = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    WORDS.iter().find_map(|(word, arch)| {
        let bytes = release.as_bytes();
        let whole = |start: &usize| {
            is_edge(start.checked_sub(1).and_then(|before| bytes.get(before)))
                && is_edge(bytes.get(start + word.len()))
        };
        release.match_indices(word).map(|(start, _)| start).any(|start| whole(&start)).then_some(*arch)
    })
}

/// The architecture that a kernel's own symbols show. Each of the names exists in every kernel of one architecture
/// and in no other. Without any of them, the width of the addresses decides between the two x86 architectures.
pub fn arch_of_symbols(symbols: &[MapSymbol<'_>]) -> Option<Arch> {
    // The 32-bit and 64-bit kernels of one family share most names; their addresses tell them apart.
    const NAMES: [(&[u8], Arch, Arch); 24] = [
        (b"arm_syscall", Arch::Arm, Arch::Arm),
        (b"__mmap_switched", Arch::Arm, Arch::Arm64),
        (b"vector_swi", Arch::Arm, Arch::Arm),
        (b"cpu_v7_name", Arch::Arm, Arch::Arm),
        (b"idmap_pg_dir", Arch::Arm, Arch::Arm64),
        (b"el1_sync", Arch::Arm64, Arch::Arm64),
        (b"__cpu_setup", Arch::Arm64, Arch::Arm64),
        (b"arm64_ftr_reg_ctrel0", Arch::Arm64, Arch::Arm64),
        (b"mips_io_port_base", Arch::Mips, Arch::Mips64),
        (b"mips_hpt_frequency", Arch::Mips, Arch::Mips64),
        (b"kernel_entry", Arch::Mips, Arch::Mips64),
        (b"init_level4_pgt", Arch::Amd64, Arch::Amd64),
        (b"init_top_pgt", Arch::Amd64, Arch::Amd64),
        (b"startup_64", Arch::Amd64, Arch::Amd64),
        (b"phys_startup_32", Arch::I386, Arch::I386),
        (b"startup_32_smp", Arch::I386, Arch::Amd64),
        (b"initial_page_table", Arch::I386, Arch::I386),
        (b"gdt_page", Arch::I386, Arch::Amd64),
        (b"per_cpu__gdt_page", Arch::I386, Arch::Amd64),
        (b"idt_table", Arch::I386, Arch::Amd64),
        (b"_savegpr0_14", Arch::Ppc, Arch::Ppc64),
        (b"paca_ptrs", Arch::Ppc64, Arch::Ppc64),
        (b"riscv_isa_bitmap", Arch::Riscv32, Arch::Riscv64),
        (b"s390_base_mcck_handler_fn", Arch::S390x, Arch::S390x),
    ];
    let wide = symbols.iter().any(|symbol| symbol.address > u64::from(u32::MAX));
    // A map has a hundred thousand symbols.
    let ranks: HashMap<&[u8], usize, FixedState> =
        NAMES.iter().enumerate().map(|(rank, (name, ..))| (*name, rank)).collect();
    let best = symbols.iter().filter_map(|symbol| ranks.get(symbol.name)).min();
    let (_, narrow_arch, wide_arch) = NAMES.get(*best?)?;
    Some(if wide { *wide_arch } else { *narrow_arch })
}

#[cfg(test)]
mod tests {
    use profile::Binding;

    use super::*;

    #[test]
    fn flags_of_each_architecture() {
        for (flags, arch) in [
            ("GNU C 4.8.5 -m64 -mtune=generic -mcmodel=kernel", Arch::Amd64),
            ("GNU C17 12.2.0 -mtune=generic -march=x86-64 -gdwarf-4", Arch::Amd64),
            ("GNU C89 8.3.0 -m32 -msoft-float -mregparm=3", Arch::I386),
            ("GNU C17 12.2.0 -mtune=generic -march=i686", Arch::I386),
            ("GNU C17 -meb -march=mips32r2 -mabi=32", Arch::Mips),
            ("GNU C17 -mlittle-endian -mabi=lp64", Arch::Arm64),
            ("GNU C17 -mfloat-abi=hard -mthumb -march=armv7-a+fp", Arch::Arm),
        ] {
            assert_eq!(arch_of_flags(flags), Some(arch), "{flags}");
        }
        assert_eq!(arch_of_flags("GNU C 4.4.7 20120313 (Red Hat 4.4.7-17)"), None);
    }

    #[test]
    fn the_architecture_is_a_separate_word_of_a_release() {
        for (release, arch) in [
            ("2.6.32-642.el6.x86_64", Some(Arch::Amd64)),
            ("3.2.0-4-amd64", Some(Arch::Amd64)),
            ("4.19.0-11-686-pae", Some(Arch::I386)),
            ("2.6.18-6-686", Some(Arch::I386)),
            ("5.10.0-9-arm64", Some(Arch::Arm64)),
            ("3.11.0-12-generic", None),
            ("3.16861.0", None),
        ] {
            assert_eq!(arch_of_release(release), arch, "{release}");
        }
    }

    #[test]
    fn symbols_and_the_width_of_addresses() {
        let at = |address, name: &'static str| MapSymbol {
            address,
            name: name.as_bytes(),
            binding: Binding::Global,
            data: false,
        };
        let wide = 0xffff_ffff_8100_0000;
        assert_eq!(arch_of_symbols(&[at(wide, "idt_table")]), Some(Arch::Amd64));
        assert_eq!(arch_of_symbols(&[at(0xc000_0000, "idt_table")]), Some(Arch::I386));
        assert_eq!(
            arch_of_symbols(&[at(0xc000_0000, "idt_table"), at(0xc000_0004, "arm_syscall")]),
            Some(Arch::Arm)
        );
        assert_eq!(arch_of_symbols(&[at(0xc000_0000, "init_task")]), None);
    }
}
