/// The role of a member, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// DWARF as text.
    Dump,
    /// Python literals.
    Vtypes,
    /// A kernel module with DWARF in it.
    Module,
    /// `System.map`.
    Map,
    /// The text of `dsymutil -s`.
    MacSymbols,
    Config,
    Banner,
}

impl Role {
    /// Whether such a member can give types.
    pub(super) fn has_types(self) -> bool {
        matches!(self, Role::Dump | Role::Vtypes | Role::Module)
    }
}

/// The role of a member; `None` for members that are not used, such as the extra files of archivers.
pub(super) fn of(name: &str) -> Option<Role> {
    let name = name.to_ascii_lowercase();
    if name.split('/').any(|part| part == "__macosx") {
        return None;
    }
    let base = name.rsplit('/').next()?;
    if base.is_empty() || base.starts_with("._") {
        return None;
    }
    let ends = |endings: &[&str]| endings.iter().any(|ending| base.ends_with(ending));
    if ends(&["dsymutil", ".dsymutil.txt"]) {
        Some(Role::MacSymbols)
    } else if base.contains("system.map") || base.starts_with("kallsyms") {
        Some(Role::Map)
    } else if ends(&[".vtypes", ".vtype", ".py"]) {
        Some(Role::Vtypes)
    } else if ends(&[".dwarf", ".dwarfdump", "dwarf.txt"]) {
        Some(Role::Dump)
    } else if ends(&[".ko", ".ko.debug"]) || base == "module.o" {
        Some(Role::Module)
    } else if base.starts_with("config") || base == ".config" || base.starts_with("kconfig") {
        Some(Role::Config)
    } else if matches!(base, "banner" | "banner.txt" | "version" | "version.txt" | "proc_version") {
        Some(Role::Banner)
    } else {
        None
    }
}

/// The possible sources of a pack's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TypeSource {
    Dump(usize),
    Vtypes(usize),
    Module(usize),
}

impl TypeSource {
    pub(crate) fn member(self) -> usize {
        match self {
            TypeSource::Dump(member) | TypeSource::Vtypes(member) | TypeSource::Module(member) => member,
        }
    }
}

/// The members of a pack by their role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// The best first: of several dumps the last in the archive, as in Volatility.
    pub(crate) types: Vec<TypeSource>,
    /// In the order of the archive.
    pub(crate) maps: Vec<usize>,
    /// In the order of the archive.
    pub(crate) mac_symbols: Vec<usize>,
    pub(crate) config: Option<usize>,
    pub(crate) banner: Option<usize>,
}

impl Chosen {
    pub(crate) fn among(names: &[&str]) -> Self {
        let mut chosen = Self::default();
        let mut types: Vec<((u8, usize), TypeSource)> = Vec::new();
        for (member, name) in names.iter().enumerate() {
            // Within one kind, a later member is better.
            let mut offer = |rank: u8, source| types.push(((rank, usize::MAX - member), source));
            match of(name) {
                Some(Role::Dump) => offer(0, TypeSource::Dump(member)),
                // A copy with a mangled name comes after its original.
                Some(Role::Vtypes) if name.ends_with(".vtype") => offer(2, TypeSource::Vtypes(member)),
                Some(Role::Vtypes) => offer(1, TypeSource::Vtypes(member)),
                Some(Role::Module) => offer(3, TypeSource::Module(member)),
                Some(Role::Map) => chosen.maps.push(member),
                Some(Role::MacSymbols) => chosen.mac_symbols.push(member),
                Some(Role::Config) => chosen.config = chosen.config.or(Some(member)),
                Some(Role::Banner) => chosen.banner = chosen.banner.or(Some(member)),
                None => {}
            }
        }
        types.sort_unstable_by_key(|(rank, _)| *rank);
        chosen.types = types.into_iter().map(|(_, source)| source).collect();
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_real_packs() {
        for (name, role) in [
            ("boot/System.map-3.2.0-4-amd64", Some(Role::Map)),
            ("volatility/tools/linux//module.dwarf", Some(Role::Dump)),
            ("__MACOSX/._module.dwarf", None),
            ("Ubuntu/.DS_Store", None),
            ("tempdir/dwarf.txt.symbol.dsymutil", Some(Role::MacSymbols)),
            ("tempdir/dwarf.txt.conv.vtypes", Some(Role::Vtypes)),
            ("MODULE.DWARF", Some(Role::Dump)),
            ("module.ko", Some(Role::Module)),
            ("boot/config-6.1", Some(Role::Config)),
            ("boot/", None),
        ] {
            assert_eq!(of(name), role, "{name}");
        }
    }

    #[test]
    fn dumps_come_first_then_vtypes_then_modules_and_the_last_of_a_kind_first() {
        let names = ["module.ko", "a/module.dwarf", "x.vtypes", "x.vtype", "b/module.dwarf", "System.map"];
        let chosen = Chosen::among(&names);
        assert_eq!(
            chosen.types,
            [
                TypeSource::Dump(4),
                TypeSource::Dump(1),
                TypeSource::Vtypes(2),
                TypeSource::Vtypes(3),
                TypeSource::Module(0)
            ]
        );
        assert_eq!(chosen.maps, [5]);
    }
}
