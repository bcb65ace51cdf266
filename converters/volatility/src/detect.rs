//! Detects the machine and the kernel of a pack from everything in it.

use maps::{Banner, KernelConfig, MapSymbol, SymbolTable, arch_of_flags, arch_of_release, arch_of_symbols};
use profile::{Arch, Report};

/// The evidence for the architecture and the release, the most reliable first.
#[derive(Default)]
pub(crate) struct Evidence {
    /// The compilers' command lines.
    pub(crate) producers: Vec<String>,
    /// Folders and file names that were compiled in.
    pub(crate) folders: Vec<String>,
    pub(crate) config: Option<KernelConfig>,
    pub(crate) banner: Option<Banner>,
    /// The map's name in the pack.
    pub(crate) map_name: Option<String>,
    /// The architecture according to the map's symbols.
    pub(crate) map_arch: Option<Arch>,
    /// The architecture in a symbol table's title.
    pub(crate) table_arch: Option<Arch>,
    /// The size of a pointer in the types.
    pub(crate) pointer_size: Option<u8>,
    /// The pack's own name, the least reliable: users name packs freely.
    pub(crate) pack_name: String,
}

/// The architecture as `dsymutil` prints it.
pub(crate) fn arch_of_table(table: &SymbolTable<'_>) -> Option<Arch> {
    match table.arch {
        b"x86_64" | b"x86_64h" => Some(Arch::Amd64),
        b"i386" => Some(Arch::I386),
        b"arm64" | b"arm64e" => Some(Arch::Arm64),
        arch if arch.starts_with(b"arm") => Some(Arch::Arm),
        _ => None,
    }
}

/// The architecture according to a map's symbols.
pub(crate) fn arch_of_map(symbols: &[MapSymbol<'_>]) -> Option<Arch> {
    arch_of_symbols(symbols)
}

impl Evidence {
    /// The architecture. Evidence that contradicts the size of a pointer is ignored. If there is no other evidence,
    /// that size decides between the two x86 architectures, and the user is warned.
    pub(crate) fn arch(&self, report: &mut Report) -> Arch {
        let release = self.release();
        let candidates = [
            self.table_arch,
            self.producers.iter().find_map(|producer| arch_of_flags(producer)),
            self.config.as_ref().and_then(KernelConfig::arch),
            self.map_name.as_deref().and_then(maps::release_in_path).and_then(arch_of_release),
            self.folders.iter().find_map(|folder| arch_of_release(maps::release_in_path(folder)?)),
            self.map_arch,
            release.as_deref().and_then(arch_of_release),
            arch_of_release(&self.pack_name),
        ];
        let fits = |arch: &Arch| self.pointer_size.is_none_or(|size| size == arch.address_size());
        if let Some(arch) = candidates.into_iter().flatten().find(fits) {
            return arch;
        }
        let arch = if self.pointer_size == Some(4) { Arch::I386 } else { Arch::Amd64 };
        report.warn(format!(
            "nothing in the pack gives the architecture; {arch} is assumed from the size of pointers"
        ));
        arch
    }

    /// Whether the machine is big-endian.
    pub(crate) fn is_big_endian(&self, arch: Arch) -> bool {
        let flag = |wanted: &[&str]| {
            self.producers.iter().any(|producer| producer.split(' ').any(|flag| wanted.contains(&flag)))
        };
        if self.producers.iter().any(|producer| maps::is_big_endian(producer)) {
            return true;
        }
        if flag(&["-mel", "-EL", "-mlittle-endian", "-mlittle"]) {
            return false;
        }
        if let Some(config) = &self.config
            && !config.options.is_empty()
        {
            return config.is_set("CONFIG_CPU_BIG_ENDIAN") || arch == Arch::S390x;
        }
        matches!(arch, Arch::Mips | Arch::Mips64 | Arch::Ppc | Arch::S390x)
    }

    /// The kernel's release: from the kernel itself, otherwise from the names of the files.
    pub(crate) fn release(&self) -> Option<String> {
        let of_map = self.map_name.as_deref().and_then(maps::release_in_path);
        let of_folder = || self.folders.iter().find_map(|folder| maps::release_in_path(folder));
        self.banner
            .as_ref()
            .map(|banner| banner.release.as_str())
            .or(of_map)
            .or_else(|| self.config.as_ref()?.release.as_deref())
            .or_else(of_folder)
            .map(str::to_owned)
    }

    /// The reason why the map belongs to another kernel than the pack's banner, if it does.
    pub(crate) fn other_kernel(&self) -> Option<String> {
        let of_map = maps::release_in_path(self.map_name.as_deref()?)?;
        let release = self.banner.as_ref()?.release.as_str();
        (!same_kernel(of_map, release)).then(|| {
            format!(
                "it is the map of {of_map}, and the pack's banner is that of {release}; take the System.map of \
                 exactly that build"
            )
        })
    }

    /// Warns if members belong to different kernels.
    pub(crate) fn compare_releases(&self, report: &mut Report) {
        let Some(map_name) = &self.map_name else { return };
        let Some(of_map) = maps::release_in_path(map_name) else { return };
        let of_types = self.folders.iter().find_map(|folder| maps::release_in_path(folder));
        if let Some(of_types) = of_types
            && !same_kernel(of_map, of_types)
        {
            report.warn(format!(
                "the map is of {of_map}, the types were compiled for {of_types}: offsets may not fit the symbols"
            ));
        }
    }
}

/// Whether two releases name the same kernel. The folder of the headers may add the architecture to the release, as in
/// Red Hat's and SUSE's packages; `pae` is a kernel of its own.
fn same_kernel(of_map: &str, of_types: &str) -> bool {
    let rest = match of_types.strip_prefix(of_map) {
        Some(rest) => rest,
        None => return of_map.strip_prefix(of_types).is_some_and(|rest| rest.is_empty()),
    };
    rest.is_empty() || arch_of_release(rest).is_some_and(|_| !rest.contains("pae"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_that_contradicts_the_pointers_is_ignored() {
        let evidence = Evidence {
            map_name: Some("boot/System.map-3.0-686".to_owned()),
            map_arch: Some(Arch::Arm64),
            pointer_size: Some(8),
            ..Evidence::default()
        };
        let mut report = Report::default();
        assert_eq!(evidence.arch(&mut report), Arch::Arm64);
        assert!(report.warnings().is_empty());
        let nothing = Evidence { pointer_size: Some(4), ..Evidence::default() };
        assert_eq!(nothing.arch(&mut report), Arch::I386);
        assert_eq!(report.warnings().len(), 1);
    }

    #[test]
    fn a_map_of_another_kernel_is_noticed() {
        let told = |map: &str, folder: &str| {
            let mut report = Report::default();
            let evidence = Evidence {
                map_name: Some(map.to_owned()),
                folders: vec![folder.to_owned()],
                ..Evidence::default()
            };
            evidence.compare_releases(&mut report);
            !report.warnings().is_empty()
        };
        assert!(!told("System.map-2.6.18-194.el5", "/usr/src/kernels/2.6.18-194.el5-i686"));
        assert!(!told("System.map-3.2.0-4-amd64", "/usr/src/linux-headers-3.2.0-4-amd64"));
        assert!(told("System.map-4.19.0-11-686", "/usr/src/linux-headers-4.19.0-11-686-pae"));
        assert!(told("System.map-3.13.0-27", "/usr/src/linux-headers-3.11.0-15"));
        assert!(!told("System.map", "/usr/src/linux-headers-3.11.0-15"));
    }
}
