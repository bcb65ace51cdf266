use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::thread::{self, ScopedJoinHandle};

use frontend::Converted;
use maps::{Banner, KernelConfig, MapError, MappedKernel, SymbolTable, SystemMap, add_symbols};
use profile::{Arch, Profile, Progress, Report, System, Type};

use crate::detect::{self, Evidence};
use crate::dump::{self, Dialect, lines};
use crate::lower::{Lowering, NamesDestroyed, Target};
use crate::pack::{Chosen, Content, TypeSource};
use crate::vtypes::{literal::Problem, lower as vtypes};
use crate::{Error, Pack};

/// This front-end and its revision, as written to `Generator` in `$METADATA`. The revision changes when the same pack
/// can give a different profile.
pub const GENERATOR: &str = "rekall-profile volatility 1";

/// How a pack is converted.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The class with which Rekall loads the profile, in place of the one derived from the pack.
    pub profile_class: Option<String>,
    /// How many threads may be used; 0 means 1. A kernel module is read on all of them; beside a text of types, the map is
    /// unpacked and read on a second one.
    pub threads: usize,
}

/// Makes a profile of a pack.
///
/// # Errors
/// If the pack holds no types, or types that cannot be read. Never returns an empty profile.
pub fn convert(pack: &Pack, options: &Options, progress: &dyn Progress) -> Result<Converted, Error> {
    let chosen = pack.choose();
    let Some(first) = chosen.types.first() else {
        return Err(Error::NoTypeSource { found: listed(pack) });
    };
    // Of several maps the last is used, as in Volatility. The maker of the pack decides by its name otherwise.
    let map_member = chosen.maps.last().copied().filter(|_| chosen.mac_symbols.is_empty());
    let map_text = OnceLock::new();
    let read_map = || MapText::read(pack, map_member?, &map_text).into();
    thread::scope(|scope| {
        let (map, digest) = match options.threads > 1 {
            true => (Aside::Thread(scope.spawn(read_map)), Aside::Thread(scope.spawn(|| pack.sha256()))),
            false => (Aside::Here(read_map()), Aside::Here(pack.sha256())),
        };
        let mut converting = Converting::new(pack, &chosen, options, progress);
        converting.map_aside = Some(map);
        converting.read_small_texts()?;
        let mut types = converting.read_types(*first);
        // A map that cannot be read is told of before types that cannot.
        converting.settle_map()?;
        // A dump that cannot be read may be next to a module that can.
        if let Err(error) = &types
            && let Some(module) = chosen.types.iter().find(|source| matches!(source, TypeSource::Module(_)))
            && module != first
        {
            let module_name = pack.name_of(module.member());
            converting.report.warn(format!("{error}; the types come from '{module_name}'"));
            types = converting.read_types(*module);
        }
        types?;
        converting.warn_of_other_sources(*first);
        converting.link_map();
        converting.describe(digest.wait()?);
        Ok(Converted { profile: converting.profile, report: converting.report })
    })
}

/// Something that is read beside the types, on a thread of its own if there may be one.
enum Aside<'s, T> {
    Thread(ScopedJoinHandle<'s, T>),
    Here(T),
}

impl<T> Aside<'_, T> {
    fn wait(self) -> T {
        match self {
            Self::Thread(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Self::Here(value) => value,
        }
    }
}

/// The text of a map, and what it says.
struct MapText<'a> {
    text: &'a [u8],
    map: SystemMap<'a>,
    arch: Option<Arch>,
}

impl<'a> MapText<'a> {
    fn read(pack: &Pack, member: usize, kept: &'a OnceLock<Content>) -> Result<Self, Error> {
        let text = pack.read(member)?;
        let text: &[u8] = kept.get_or_init(|| text);
        let map = SystemMap::parse(text);
        let arch = detect::arch_of_map(&map.symbols);
        Ok(Self { text, map, arch })
    }
}

/// The members of a pack, for a message.
fn listed(pack: &Pack) -> String {
    const SHOWN: usize = 8;
    let names: Vec<&str> = pack.member_names().filter(|name| !name.ends_with('/')).collect();
    match names.len() {
        0 => "nothing".to_owned(),
        count if count > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
        _ => names.join(", "),
    }
}

struct Converting<'s, 'a> {
    pack: &'a Pack,
    chosen: &'a Chosen,
    options: &'a Options,
    progress: &'a dyn Progress,
    profile: Profile,
    report: Report,
    evidence: Evidence,
    /// The map, until [`Converting::settle_map`] waits for it.
    map_aside: Option<Aside<'s, Option<Result<MapText<'a>, Error>>>>,
    /// The text of the map, and its symbols until they have been added to the profile.
    map_text: Option<&'a [u8]>,
    map: Option<SystemMap<'a>>,
    /// Whether the symbols came with the types of a module.
    linked_with_module: bool,
}

impl<'a> Converting<'_, 'a> {
    fn new(pack: &'a Pack, chosen: &'a Chosen, options: &'a Options, progress: &'a dyn Progress) -> Self {
        let system = if chosen.mac_symbols.is_empty() { System::Linux } else { System::Mac };
        Self {
            pack,
            chosen,
            options,
            progress,
            // The architecture is known only after everything has been read.
            profile: Profile::new(system, Arch::Amd64),
            report: Report::default(),
            evidence: Evidence { pack_name: pack.name(), ..Evidence::default() },
            map_aside: None,
            map_text: None,
            map: None,
            linked_with_module: false,
        }
    }

    /// Reads the members besides the types: configuration, banner and symbols.
    fn read_small_texts(&mut self) -> Result<(), Error> {
        if let Some(member) = self.chosen.config {
            let config = KernelConfig::parse(&self.pack.read(member)?);
            if config.skipped > 0 {
                self.report.lose_many(
                    "lines of the configuration that are neither options nor comments",
                    config.skipped,
                    || self.pack.name_of(member).to_owned(),
                );
            }
            self.evidence.config = Some(config);
        }
        if let Some(member) = self.chosen.banner {
            self.evidence.banner = Banner::find(&self.pack.read(member)?);
        }
        match (self.profile.system, self.chosen.maps.as_slice()) {
            (System::Mac, _) => return self.read_mac_symbols(),
            (_, []) => self.report.warn("the pack has no System.map: the profile has no symbols"),
            (_, [_]) => {}
            (_, [.., last]) => {
                let names: Vec<&str> = self.chosen.maps.iter().map(|map| self.pack.name_of(*map)).collect();
                let (names, last) = (names.join(", "), self.pack.name_of(*last));
                self.report.warn(format!("of several maps ({names}) the last is taken: {last}"));
            }
        }
        Ok(())
    }

    /// Waits for the map, if that has not been done, and notes what it says.
    fn settle_map(&mut self) -> Result<(), Error> {
        let Some(read) = self.map_aside.take().and_then(Aside::wait) else { return Ok(()) };
        let MapText { text, map, arch } = read?;
        let member = self.chosen.maps.last().copied().unwrap_or_default();
        let name = self.pack.name_of(member).to_owned();
        if map.symbols.is_empty() {
            let found = map.first_skipped.map_or(String::new(), |(_, line)| shown(line));
            return Err(Error::Member { member: name, reason: MapError::NotAMap { found }.to_string() });
        }
        if map.of_modules > 0 {
            self.report.lose_many("symbols of modules", map.of_modules, || name.clone());
        }
        if let Some((line, text)) = map.first_skipped {
            self.report.lose_many("lines of the map that are not symbols", map.skipped, || {
                format!("line {line} '{}'", shown(text))
            });
        }
        self.evidence.map_arch = arch;
        self.evidence.map_name = Some(name);
        self.progress.debug(&format!("{} symbols", map.symbols.len()));
        self.map_text = Some(text);
        self.map = Some(map);
        Ok(())
    }

    /// Adds the map's symbols to the profile with their link addresses. If the map cannot be used, the profile has no
    /// symbols and fails its checks.
    fn link_map(&mut self) {
        let Some(mut map) = self.map.take() else { return };
        let (name, release) = (self.evidence.map_name.clone().unwrap_or_default(), self.evidence.release());
        let base = name.rsplit('/').next().unwrap_or(&name);
        let kernel = MappedKernel {
            arch: self.profile.arch,
            known: &[],
            bounds: &[],
            text: None,
            release: release.as_deref(),
            config: self.evidence.config.as_ref(),
            running: base.to_ascii_lowercase().contains("kallsyms"),
        };
        if let Some(other) = self.evidence.other_kernel() {
            return self.refuse_map(&name, &other);
        }
        if self.linked_with_module {
            return;
        }
        match map.link(&kernel) {
            Ok(linked) => {
                if linked.shift != 0 {
                    self.report.warn(format!(
                        "{name} was read from a running kernel: its addresses are shifted by {:#x}, and the shift \
                         is taken back",
                        linked.shift
                    ));
                }
                // Files of vtypes may list variables of their own.
                let listed = std::mem::take(&mut self.profile.constants);
                add_symbols(&mut self.profile, map.symbols, self.options.threads, &mut self.report);
                self.profile.constants.extend(listed);
            }
            Err(error) => self.refuse_map(&name, &error.to_string()),
        }
    }

    fn refuse_map(&mut self, name: &str, reason: &str) {
        self.profile.constants.clear();
        self.report.warn(format!("{name}: {reason}; the profile has no symbols"));
    }

    fn read_mac_symbols(&mut self) -> Result<(), Error> {
        let Some(member) = self.chosen.mac_symbols.last().copied() else { return Ok(()) };
        let name = self.pack.name_of(member).to_owned();
        let text = self.pack.read(member)?;
        let mut tables = SymbolTable::parse_all(&text);
        if tables.len() > 1 {
            self.report.warn(format!("{name} holds {} symbol tables; the widest is taken", tables.len()));
        }
        // Some files hold kernels of both widths; the wide kernel ran on every machine that supported it.
        tables.sort_by_key(|table| detect::arch_of_table(table).map(Arch::address_size));
        let Some(table) = tables.pop().filter(|table| !table.symbols.is_empty()) else {
            return Err(Error::Member {
                member: name,
                reason: "it is not a symbol table: expected the text of dsymutil -s".to_owned(),
            });
        };
        if let Some(row) = table.first_skipped {
            self.report
                .lose_many("rows of the symbol table that cannot be read", table.skipped, || shown(row));
        }
        self.evidence.table_arch = detect::arch_of_table(&table);
        self.evidence.folders.push(String::from_utf8_lossy(table.path).into_owned());
        self.progress.debug(&format!("{} symbols", table.symbols.len()));
        add_symbols(&mut self.profile, table.symbols, self.options.threads, &mut self.report);
        Ok(())
    }

    fn read_types(&mut self, source: TypeSource) -> Result<(), Error> {
        let member = source.member();
        self.progress.debug(&format!("types from {}", self.pack.name_of(member)));
        let text = self.pack.read(member)?;
        match source {
            TypeSource::Dump(_) => self.read_dump(member, &text),
            TypeSource::Vtypes(_) => self.read_vtypes(member, &text),
            TypeSource::Module(_) => self.read_module(member, &text),
        }
    }

    /// Reads types from DWARF itself; the symbols stay those of the map.
    fn read_module(&mut self, member: usize, bytes: &[u8]) -> Result<(), Error> {
        self.settle_map()?;
        let convert = |symbol_map| {
            let options = dwarf_converter::Options {
                symbol_map,
                threads: self.options.threads,
                ..dwarf_converter::Options::default()
            };
            dwarf_converter::convert(bytes, &options, &dwarf_converter::Alone, self.progress)
        };
        // The symbols of the map say which variables the module has; `link_map` checks those symbols.
        let mut converted = convert(self.map_text);
        self.linked_with_module = self.map_text.is_some() && converted.is_ok();
        if let Err(dwarf_converter::Error::Map(_)) = converted {
            converted = convert(None);
        }
        let converted = converted
            .map_err(|source| Error::Module { member: self.pack.name_of(member).to_owned(), source })?;
        if converted.profile.types.records().len() == 0 {
            let (member, dialect) = (self.pack.name_of(member).to_owned(), "DWARF".to_owned());
            return Err(Error::NoTypes { member, dialect, entries: 0 });
        }
        if let Some(release) = converted.profile.metadata_text("Release") {
            self.evidence.folders.push(format!("/lib/modules/{release}"));
        }
        let metadata = std::mem::take(&mut self.profile.metadata);
        self.profile = converted.profile;
        self.profile.metadata.extend(metadata);
        self.report.absorb(converted.report);
        Ok(())
    }

    fn read_dump(&mut self, member: usize, text: &[u8]) -> Result<(), Error> {
        // While the dump is read into these, the map may still be read.
        let mut profile = std::mem::replace(&mut self.profile, Profile::new(System::Linux, Arch::Amd64));
        let mut report = Report::default();
        let read = self.lower_dump(member, text, &mut profile, &mut report);
        self.profile = profile;
        self.report.absorb(report);
        read
    }

    fn lower_dump(
        &mut self,
        member: usize,
        text: &[u8],
        profile: &mut Profile,
        report: &mut Report,
    ) -> Result<(), Error> {
        let pack = self.pack;
        let name = || pack.name_of(member).to_owned();
        let Some(dialect) = Dialect::of(text) else {
            let mut lines = lines::Lines::new(text).map(|(_, line)| line.trim_ascii());
            let first_line = shown(lines.find(|line| !line.is_empty()).unwrap_or_default());
            return Err(Error::UnknownDialect { member: name(), first_line });
        };
        self.progress.debug(&format!("a dump of {dialect}"));
        if dialect == Dialect::Darwin {
            profile.system = System::Mac;
        }
        let mut lowering = Lowering::new(profile, report);
        let mut entries = 0u64;
        let end = dump::read(dialect, text, |entry| {
            entries += 1;
            lowering.entry(entry)
        });
        let end = end.map_err(|NamesDestroyed { name: destroyed, position }| Error::NamesDestroyed {
            member: name(),
            line: lines::line_number(text, position),
            name: destroyed,
        })?;
        lowering.end();
        if lowering.records() == 0 {
            return Err(Error::NoTypes { member: name(), dialect: dialect.to_string(), entries });
        }
        let hints = lowering.hints().clone();
        self.evidence.producers = hints.producers;
        self.evidence.folders.extend(hints.folders);
        self.evidence.pointer_size = hints.pointer_size.or(end.address_size);
        self.settle_map()?;
        let mut told = Report::default();
        let arch = self.evidence.arch(&mut told);
        let big_endian = self.evidence.is_big_endian(arch);
        let address_size = self.evidence.pointer_size.unwrap_or(arch.address_size());
        lowering.finish(Target { big_endian, address_size });
        profile.arch = arch;
        report.absorb(told);
        if let Some(position) = end.cut {
            let line = lines::line_number(text, position);
            report.warn(format!(
                "{} ends in the middle of line {line}: everything after it is missing, including members of the last struct",
                self.pack.name_of(member)
            ));
        }
        self.progress.debug(&format!("{entries} entries"));
        Ok(())
    }

    fn read_vtypes(&mut self, member: usize, text: &[u8]) -> Result<(), Error> {
        self.settle_map()?;
        let name = self.pack.name_of(member).to_owned();
        let refused = |problem: Problem| problem.in_member(&name, text);
        if self.evidence.table_arch.is_none() {
            self.evidence.pointer_size = vtypes::pointer_size(text);
            if self.chosen.maps.is_empty() {
                self.profile.system = vtypes::system(text).unwrap_or(System::Other);
            }
        }
        let arch = self.evidence.arch(&mut self.report);
        let widths = vtypes::Widths {
            pointer: arch.address_size(),
            // Windows keeps `long` at four bytes on every machine.
            long: if self.profile.system == System::Windows { 4 } else { arch.address_size() },
        };
        vtypes::lower(text, widths, &mut self.profile, &mut self.report).map_err(refused)?;
        self.profile.arch = arch;
        if self.profile.types.records().len() == 0 {
            let dialect = "vtypes".to_owned();
            return Err(Error::NoTypes { member: name, dialect, entries: 0 });
        }
        Ok(())
    }

    fn warn_of_other_sources(&mut self, taken: TypeSource) {
        let same_kind =
            |source: &&TypeSource| std::mem::discriminant(*source) == std::mem::discriminant(&taken);
        let others: Vec<&str> = self
            .chosen
            .types
            .iter()
            .filter(same_kind)
            .skip(1)
            .map(|source| self.pack.name_of(source.member()))
            .collect();
        if !others.is_empty() {
            let taken = self.pack.name_of(taken.member());
            self.report.warn(format!("types are taken from {taken}, not from {}", others.join(", ")));
        }
    }

    fn describe(&mut self, digest: String) {
        self.profile.settle_natives();
        self.keep_known_variables();
        self.find_pae();
        let profile = &mut self.profile;
        let class = match (profile.system, profile.arch.address_size()) {
            (System::Linux, _) => Some("Linux"),
            (System::Mac, 8) => Some("Darwin64"),
            (System::Mac, _) => Some("Darwin32"),
            (System::Windows, _) => Some("Nt"),
            (System::Other, _) => None,
        };
        match self.options.profile_class.as_deref().or(class) {
            Some(class) => profile.set_metadata("ProfileClass", class),
            None => self.report.warn(
                "nothing shows which system the types belong to, so no reader knows how to use the profile: \
                 name its class with --profile_class",
            ),
        }
        profile.set_metadata("Version", 1);
        profile.set_metadata("Generator", GENERATOR);
        profile.set_metadata("SourceSHA256", digest);
        if profile.system == System::Linux
            && let Some(release) = self.evidence.release()
        {
            profile.set_metadata("Release", release);
        }
        if let Some(banner) = &self.evidence.banner {
            profile.set_metadata("Banner", banner.text.clone());
        }
        self.evidence.compare_releases(&mut self.report);
        if let Some(config) = self.evidence.config.take() {
            profile.config.extend(config.options);
        }
    }

    /// A dump's variables are those that its only module uses; only the kernel's own have an address in the map.
    fn keep_known_variables(&mut self) {
        let profile = &mut self.profile;
        if profile.constants.is_empty() {
            return;
        }
        let known: std::collections::HashSet<profile::Name> =
            profile.constants.iter().map(|(name, _)| *name).collect();
        profile.constant_types.retain(|(name, _)| known.contains(name));
    }

    /// A 32-bit x86 kernel with wide page table entries uses PAE. Readers learn that from the configuration, which
    /// packs seldom contain.
    fn find_pae(&mut self) {
        const OPTION: &str = "CONFIG_X86_PAE";
        let profile = &mut self.profile;
        let has_config = self.evidence.config.as_ref().is_some_and(|config| !config.options.is_empty());
        if profile.arch != Arch::I386 || profile.system != System::Linux || has_config {
            return;
        }
        let Some(entry) = profile.names.find("pte_t") else { return };
        let wide = profile.types.all().any(|ty| match ty {
            Type::Alias { name: Some(name), target } => {
                name == entry && profile.types.size_of(target) == Some(8)
            }
            _ => false,
        });
        if wide {
            profile.config.insert(OPTION.to_owned(), "y".to_owned());
        }
    }
}

/// The beginning of a line, made safe for a message.
fn shown(line: &[u8]) -> String {
    const LONGEST: usize = 80;
    let text = String::from_utf8_lossy(line.get(..LONGEST).unwrap_or(line));
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
