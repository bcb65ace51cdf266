use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::model::vocabulary;
use crate::{Arch, Name, NativeKind, NewMember, Profile, RecordId, RecordKind, System, Type, TypeId};

/// A kernel's variable and its type: a struct or native by name; `*` before it means a pointer, `[n]` an array. Of
/// several types separated by `|`, the first that the profile has is used; they have the same size, or belong to
/// kernels without the others. Words in braces depend on the architecture or version ([`Made`]).
type Variable = (&'static str, &'static str);

/// The variables of a Linux kernel from which Volatility 3's plug-ins start (the kernel's own declarations).
const LINUX: &[Variable] = &[
    ("_etext", "[0]char"),
    ("_text", "[0]char"),
    ("__start___tracepoints_ptrs", "{tracepoints}"),
    ("boot_cpu_data", "cpuinfo_x86"),
    ("bpf_kallsyms", "list_head"),
    ("cap_last_cap", "int"),
    ("ftrace_list_end", "ftrace_ops"),
    ("ftrace_mod_maps", "list_head"),
    ("ftrace_ops_list", "*ftrace_ops"),
    ("ftrace_ops_trampoline_list", "list_head"),
    ("idt_table", "{gates}"),
    ("init_files", "files_struct"),
    ("init_fs", "fs_struct"),
    ("init_mm", "mm_struct"),
    ("init_net", "net"),
    ("init_pid_ns", "pid_namespace"),
    ("init_task", "task_struct"),
    ("init_user_ns", "user_namespace"),
    ("init_uts_ns", "uts_namespace"),
    ("iomem_resource", "resource"),
    ("jiffies", "unsigned long"),
    ("kallsyms_markers", "[0]{count}"),
    ("kallsyms_names", "[0]unsigned char"),
    ("kallsyms_num_syms", "{count}"),
    ("kallsyms_offsets", "[0]int"),
    ("kallsyms_relative_base", "unsigned long"),
    ("kallsyms_token_index", "[0]unsigned short"),
    ("kallsyms_token_table", "[0]char"),
    ("keyboard_notifier_list", "atomic_notifier_head"),
    ("linux_banner", "[0]char"),
    ("log_buf", "*char"),
    ("log_buf_len", "unsigned int"),
    ("log_end", "unsigned int"),
    ("log_first_idx", "unsigned int"),
    ("log_next_idx", "unsigned int"),
    ("mem_map", "*page"),
    ("mod_tree", "mod_tree_root|{module_tree}"),
    ("module_addr_max", "unsigned long"),
    ("module_addr_min", "unsigned long"),
    ("module_kset", "*kset"),
    ("modules", "list_head"),
    ("net_namespace_list", "list_head"),
    ("num_registered_fb", "int"),
    ("page_offset_base", "unsigned long"),
    ("phys_base", "unsigned long"),
    ("pid_hash", "*hlist_head"),
    ("pidhash_shift", "unsigned int"),
    ("prb", "*printk_ringbuffer"),
    ("prog_idr", "idr"),
    ("registered_fb", "[32]*fb_info"),
    ("saved_command_line", "*char"),
    ("sockfs_dentry_operations", "dentry_operations"),
    ("socket_file_ops", "file_operations"),
    ("super_blocks", "list_head"),
    ("taint_flags", "{taint_flags}"),
    ("timekeeper", "timekeeper"),
    ("timekeeper_data", "{all_timekeepers}"),
    ("tk_core", "tk_data|{timekeepers}"),
    ("tty_drivers", "list_head"),
    ("vmemmap_base", "unsigned long"),
    ("wall_to_monotonic", "timespec64|timespec"),
];

/// The same of a macOS kernel (the declarations of xnu).
const MAC: &[Variable] = &[
    ("_allproc", "proclist"),
    ("_ifnet_head", "ifnethead"),
    ("_kmod", "*kmod_info"),
    ("_mac_policy_list", "mac_policy_list"),
    ("_mountlist", "mntlist"),
    ("_msgbufp", "*msgbuf"),
    ("_pgrphash", "unsigned long"),
    ("_pgrphashtbl", "*pgrphashhead"),
    ("_pidhash", "unsigned long"),
    ("_pidhashtbl", "*pidhashhead"),
    ("_real_ncpus", "unsigned int"),
    ("_sesshash", "unsigned long"),
    ("_sesshashtbl", "*sesshashhead"),
    ("_sysctl__children", "sysctl_oid_list"),
    ("_tasks", "queue_entry"),
    ("_version", "[0]char"),
];

/// Gives well-known variables of a Linux or macOS kernel the types in the kernel's sources, if the profile has the
/// symbol and the types it needs but no type for the symbol: profiles made from symbol maps, BTF or Volatility's
/// packs. Volatility 3 reads no variable without a type. Returns how many were added.
///
/// Call this before names are settled ([`crate::Resolution`]).
pub fn add_well_known_types(profile: &mut Profile) -> usize {
    let table = match profile.system {
        System::Linux => LINUX,
        System::Mac => MAC,
        System::Windows | System::Other => return 0,
    };
    let typed: HashSet<Name, RandomState> = profile.constant_types.iter().map(|(name, _)| *name).collect();
    let known: HashSet<Name, RandomState> = profile.constants.iter().map(|(name, _)| *name).collect();
    let Some(mut types) = Made::new(profile) else { return 0 };
    let mut added = 0;
    for (variable, descriptions) in table {
        let Some(name) =
            profile.names.find(variable).filter(|name| known.contains(name) && !typed.contains(name))
        else {
            continue;
        };
        if let Some(ty) = descriptions.split('|').find_map(|text| types.describe(profile, text)) {
            profile.constant_types.push((name, ty));
            added += 1;
        }
    }
    added
}

/// Gives a Linux kernel the names that stock plug-ins of Volatility 3 ask for and that newer kernels have lost: `tk_core`,
/// which is the first element of `timekeeper_data` since 6.17. Gives how many were added.
///
/// Such a name is not a symbol of the kernel, so this is for tables that are made for Volatility 3 alone
/// ([`crate::Compat::Volatility3`]), and to be called before names are settled ([`crate::Resolution`]).
pub fn add_lost_names(profile: &mut Profile) -> usize {
    if profile.system != System::Linux {
        return 0;
    }
    let find = |profile: &Profile, name: &str| {
        let name = profile.names.find(name)?;
        profile.constants.iter().find(|(known, _)| *known == name).map(|(_, address)| *address)
    };
    let Some(address) = find(profile, "timekeeper_data") else { return 0 };
    if find(profile, "tk_core").is_some() {
        return 0;
    }
    let Some(mut types) = Made::new(profile) else { return 0 };
    let Some(ty) = types.describe(profile, "tk_data") else { return 0 };
    let name = profile.names.intern("tk_core");
    profile.constants.push((name, address));
    profile.constant_types.push((name, ty));
    1
}

/// The structs from which types are made.
struct Made {
    records: HashMap<Name, RecordId, RandomState>,
}

/// More clocks than the kernel has (it has nine) are not believed.
const MOST_CLOCKS: u64 = 64;

impl Made {
    /// `None` if the profile has no structs, since a variable's type would be useless then.
    fn new(profile: &Profile) -> Option<Self> {
        let named = profile.types.records().filter_map(|(id, record)| Some((record.name?, id)));
        let records: HashMap<Name, RecordId, RandomState> = named.collect();
        (!records.is_empty()).then_some(Self { records })
    }

    /// The type described by `text`; `None` if its struct is missing.
    fn describe(&mut self, profile: &mut Profile, text: &str) -> Option<TypeId> {
        if let Some(target) = text.strip_prefix('*') {
            let target = self.describe(profile, target)?;
            let size = profile.arch.address_size();
            return Some(profile.types.add(Type::Pointer { target, size }));
        }
        if let Some((count, element)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let (count, target) = (count.parse().ok()?, self.describe(profile, element)?);
            return Some(profile.types.add(Type::Array { target, count }));
        }
        match text {
            "{all_timekeepers}" => return self.all_timekeepers(profile),
            "{count}" => return self.describe(profile, self.count_of_symbols(profile)),
            "{gates}" => return self.gates(profile),
            "{module_tree}" => return self.module_tree(profile),
            "{taint_flags}" => return self.taint_flags(profile),
            "{timekeepers}" => return self.timekeepers(profile),
            "{tracepoints}" => return self.tracepoints(profile),
            _ => {}
        }
        let ty = match vocabulary::known(text) {
            Some(native) => {
                let size = native.size(profile.system, profile.arch);
                profile.native(native.name, size, native.kind)
            }
            None => self.structure(profile, text)?,
        };
        Some(profile.types.add(ty))
    }

    /// The struct with a name, or the target of a typedef with that name.
    fn structure(&self, profile: &Profile, text: &str) -> Option<Type> {
        let name = profile.names.find(text)?;
        if let Some(record) = self.records.get(&name) {
            return Some(Type::Record(*record));
        }
        profile.types.all().find(|ty| matches!(ty, Type::Alias { name: Some(alias), .. } if *alias == name))
    }

    /// Whether the kernel has this version or a later one, by its release or, without one, by a struct that 4.20
    /// introduced.
    fn is_since(&self, profile: &Profile, version: (u32, u32)) -> bool {
        let release = profile.metadata_text("Release").map(str::to_owned).or_else(|| {
            let banner = profile.metadata_text("Banner")?.strip_prefix("Linux version ")?;
            banner.split(' ').next().map(str::to_owned)
        });
        let numbers = release.as_deref().and_then(|release| {
            let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
            Some((numbers.next()?.parse::<u32>().ok()?, numbers.next()?.parse::<u32>().ok()?))
        });
        match numbers {
            Some(found) => found >= version,
            None => profile.names.find("xarray").is_some_and(|name| self.records.contains_key(&name)),
        }
    }

    /// The type of kallsyms' counts: `unsigned long` before 4.20. Readers derive the width of its tables from this
    /// type.
    fn count_of_symbols(&self, profile: &Profile) -> &'static str {
        if self.is_since(profile, (4, 20)) { "unsigned int" } else { "unsigned long" }
    }

    /// The table of tracepoints: since 4.19 their distances, if the architecture has relative relocations of 32 bits
    /// (`HAVE_ARCH_PREL32_RELOCATIONS`), otherwise pointers to them.
    fn tracepoints(&mut self, profile: &mut Profile) -> Option<TypeId> {
        let relative =
            matches!(profile.arch, Arch::Amd64 | Arch::I386 | Arch::Arm64 | Arch::Ppc64 | Arch::S390x);
        let relative = relative && self.is_since(profile, (4, 19));
        self.describe(profile, if relative { "[0]int" } else { "[0]*tracepoint" })
    }

    /// The flags of a tainted kernel (`TAINT_FLAGS_COUNT`, include/linux/panic.h). A vendor may have appended more.
    fn taint_flags(&mut self, profile: &mut Profile) -> Option<TypeId> {
        let counts = [((6, 15), "[20]"), ((6, 0), "[19]"), ((4, 17), "[18]"), ((4, 15), "[17]")];
        let known = counts.into_iter().find(|(version, _)| self.is_since(profile, *version));
        let count = known.map_or("[16]", |(_, count)| count);
        self.describe(profile, &format!("{count}taint_flag"))
    }

    /// The tree of modules by address (`struct mod_tree_root`, kernel/module, since 4.2), which packs lack because
    /// their `module.c` does not use it. Every plug-in that resolves addresses to modules reads its two bounds first.
    fn module_tree(&mut self, profile: &mut Profile) -> Option<TypeId> {
        let root = self.structure(profile, "latch_tree_root")?;
        let root = profile.types.add(root);
        let long = self.describe(profile, "unsigned long")?;
        let (size, word) = (profile.types.size_of(root)?, u64::from(profile.arch.address_size()));
        let first = size.checked_next_multiple_of(word)?;
        let members =
            [("root", 0, root), ("addr_min", first, long), ("addr_max", first.checked_add(word)?, long)];
        self.make(profile, "mod_tree_root", first.checked_add(2 * word)?, &members)
    }

    /// Creates a struct with this name, size and members.
    fn make(
        &mut self,
        profile: &mut Profile,
        name: &str,
        size: u64,
        members: &[(&str, u64, TypeId)],
    ) -> Option<TypeId> {
        let members = members.iter().map(|(name, offset, ty)| NewMember {
            name: Some(profile.names.intern(name)),
            offset: *offset,
            ty: *ty,
            bits: None,
        });
        let members: Vec<NewMember> = members.collect();
        let name = profile.names.intern(name);
        let Profile { types, names, .. } = profile;
        let record = types.add_record(names, Some(name), RecordKind::Struct, size, &members);
        self.records.insert(name, record);
        Some(types.add(Type::Record(record)))
    }

    /// The interrupt table of x86: 256 gates, of 16 bytes in 64-bit mode and of 8 in 32-bit mode, whatever structs of
    /// these sizes the profile has. If it has none of 16 bytes, as profiles of Volatility's packs since 4.14, the
    /// gate is created by the processor's definition (Intel's manual, volume 3, 6.14.1; the kernel's `gate_struct`).
    fn gates(&mut self, profile: &mut Profile) -> Option<TypeId> {
        let (names, size): (&[&str], u64) = match profile.arch {
            Arch::Amd64 => (&["gate_desc", "gate_struct", "gate_struct64", "idt_desc"], 16),
            Arch::I386 => (&["gate_desc", "gate_struct", "desc_struct"], 8),
            _ => return None,
        };
        let gate = names.iter().find_map(|name| {
            let ty = self.structure(profile, name)?;
            let ty = profile.types.add(ty);
            (profile.types.size_of(ty) == Some(size)).then_some(ty)
        });
        let target = match (gate, profile.arch) {
            (Some(gate), _) => gate,
            (None, Arch::Amd64) => self.gate(profile)?,
            (None, _) => return None,
        };
        Some(profile.types.add(Type::Array { target, count: 256 }))
    }

    fn gate(&mut self, profile: &mut Profile) -> Option<TypeId> {
        let mut native = |name, size| {
            let native = profile.native(name, size, NativeKind::Unsigned);
            profile.types.add(native)
        };
        let (short, int) = (native("unsigned short", 2), native("unsigned int", 4));
        let members = [
            ("offset_low", 0, short),
            ("segment", 2, short),
            ("bits", 4, short),
            ("offset_middle", 6, short),
            ("offset_high", 8, int),
            ("reserved", 12, int),
        ];
        self.make(profile, "gate_struct", 16, &members)
    }

    /// `timekeeper_data` (kernel/time/timekeeping.c, since 6.17): the system's clock, then those of `CONFIG_POSIX_AUX_CLOCKS`.
    /// The kernel's own enumeration `timekeeper_ids` says how many there are.
    fn all_timekeepers(&mut self, profile: &mut Profile) -> Option<TypeId> {
        let target = self.describe(profile, "tk_data")?;
        let types = &profile.types;
        let count = profile.names.find("TIMEKEEPERS_MAX").and_then(|wanted| {
            let mut labels = types.enumerations().flat_map(|(id, _)| types.labels(id));
            labels.find(|label| label.name == wanted).map(|label| label.bits)
        });
        // The system's clock is always there, and is the first.
        let count = count.filter(|count| (1..=MOST_CLOCKS).contains(count)).unwrap_or(1);
        Some(profile.types.add(Type::Array { target, count }))
    }

    /// The unnamed struct of `tk_core` (kernel/time/timekeeping.c, 3.17 to 6.12): a lock, then the timekeeper.
    fn timekeepers(&mut self, profile: &mut Profile) -> Option<TypeId> {
        let lock = ["seqcount_raw_spinlock_t", "seqcount_raw_spinlock", "seqcount_t", "seqcount"];
        let lock = lock.into_iter().find_map(|name| self.structure(profile, name))?;
        let keeper = self.structure(profile, "timekeeper")?;
        let (lock, keeper) = (profile.types.add(lock), profile.types.add(keeper));
        let (lock_size, keeper_size) = (profile.types.size_of(lock)?, profile.types.size_of(keeper)?);
        // The timekeeper begins with a pointer and 64-bit counts.
        let offset = lock_size.checked_next_multiple_of(8)?;
        let members = [("seq", 0, lock), ("timekeeper", offset, keeper)];
        let members = members.map(|(name, offset, ty)| NewMember {
            name: Some(profile.names.intern(name)),
            offset,
            ty,
            bits: None,
        });
        let Profile { types, names, .. } = profile;
        let size = offset.checked_add(keeper_size)?;
        let record = types.add_record(names, None, RecordKind::Struct, size, &members);
        Some(types.add(Type::Record(record)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Report;

    #[test]
    fn a_kernel_has_the_flags_of_its_version() {
        for (release, count) in [("4.10.1", 16), ("5.10.0-43", 18), ("6.1.0-57", 19), ("7.3.4+deb13", 20)] {
            let text = format!(
                r#"{{"$CONSTANTS": {{"taint_flags": 4096}}, "$METADATA": {{"ProfileClass": "Linux", "Release": "{release}",
                    "Type": "Profile", "arch": "AMD64"}}, "$STRUCTS": {{"taint_flag": [3, {{"c_true": [0, ["char"]]}}]}}}}"#
            );
            let mut profile = crate::read_text(text.as_bytes(), &mut Report::default()).unwrap();
            assert_eq!(add_well_known_types(&mut profile), 1);
            let (_, ty) = profile.constant_types[0];
            assert_eq!(profile.types.size_of(ty), Some(3 * count), "{release}");
        }
    }
}
