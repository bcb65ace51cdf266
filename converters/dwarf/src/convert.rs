use std::thread;

use frontend::Converted;
use profile::{Arch, MappedFile, Profile, Progress, Report, System};

use crate::companions::{Companion, Companions};
use crate::container::ObjectFile;
use crate::fold::{Found, fold};
use crate::language::{Languages, left_out};
use crate::lower::{Ahead, Compiler, Lowering};
use crate::scan::{Broken, Root};
use crate::site::Site;
use crate::split::SplitFiles;
use crate::symbols;
use crate::units::{Skeleton, Units, keeps_each_text_once};
use crate::{Error, identity, variants};

/// This front-end and its revision, as written to `Generator` in `$METADATA`. The revision changes when the same file
/// can give a different profile.
pub const GENERATOR: &str = "rekall-profile dwarf 2";

/// The steps after the first pass, for [`Progress`].
const OPENING: &str = "Opening sections";
const READING: &str = "Reading definitions";
const SYMBOLS: &str = "Reading symbols";

/// How a file is converted.
#[derive(Clone, Debug, Default)]
pub struct Options<'a> {
    /// The languages whose definitions are included.
    pub languages: Languages,
    /// The text of a `System.map` or of `/proc/kallsyms`, which replaces the file's own symbols.
    pub symbol_map: Option<&'a [u8]>,
    /// The release of the map's kernel, if the map's name says it.
    pub symbol_map_release: Option<&'a str>,
    /// The slice of a fat file.
    pub arch: Option<Arch>,
    /// How many threads may be used; 0 means 1.
    pub threads: usize,
}

/// Converts an ELF or Mach-O file. `companions` finds the other files that belong to it.
///
/// # Errors
/// If `bytes` is not such a file, has no debug information, or is too damaged to read any of it; and if the symbol
/// map is not a map or belongs to another build. A problem that affects only single units or records is counted in
/// the report.
pub fn convert(
    bytes: &[u8],
    options: &Options<'_>,
    companions: &dyn Companions,
    progress: &dyn Progress,
) -> Result<Converted, Error> {
    progress.begin(OPENING, None);
    let mut report = Report::default();
    let container = ObjectFile::open(bytes, options.arch)?;
    let loaded = container.load(&mut report)?;
    let mut profile = Profile::new(container.system, container.arch);

    let supplement_file = supplement_file(&container, companions, &mut report);
    let supplement = match &supplement_file {
        Some(file) => Some(ObjectFile::open(file, None)?.load(&mut report)?),
        None => None,
    };
    let (split_files, splits);
    let mut units = Units::default();
    let mut sections = loaded.sections();
    if let Some(supplement) = &supplement {
        sections.supplement_str = supplement.sections().str;
    }
    // Offsets can stand for texts only if all units share one table that holds each text once.
    let by_offset = supplement.is_none() && keeps_each_text_once(sections.str);
    let (_, broken) = units.add(&sections, by_offset);
    if units.units.is_empty() {
        let at = broken.map_or(0, |broken| broken.at);
        return Err(Error::Unreadable { reason: format!("no unit begins at offset {at:#x}") });
    }
    if let Some(broken) = broken {
        report.lose("unit headers that cannot be read", || format!(".debug_info offset {:#x}", broken.at));
    }
    let own: Vec<u32> = (0..units.units.len() as u32).collect();
    if let Some(supplement) = &supplement {
        units.supplement = Some(units.add(&supplement.sections(), false).0);
    }
    progress.end(OPENING);
    progress.debug(&format!("{} units of debug information", units.units.len()));
    let walk = |units: &Units<'_>, numbers: &[u32]| {
        fold(units, numbers, &options.languages, options.threads, progress)
    };
    let mut found = walk(&units, &own);
    add_imports(&units, &mut found, walk);

    let mut skeletons: Vec<(u32, &Root)> = found
        .roots
        .iter()
        .filter(|(_, root)| root.split_name.is_some())
        .map(|(unit, root)| (*unit, root))
        .collect();
    skeletons.sort_unstable_by_key(|(unit, _)| *unit);
    if !skeletons.is_empty() {
        let roots: Vec<&Root> = skeletons.iter().map(|(_, root)| *root).collect();
        split_files = SplitFiles::find(&roots, companions, &mut report);
        splits = split_files.load(&mut report)?;
        let skeleton = |root: &&Root| Skeleton {
            id: root.split_id,
            addresses: sections.addr,
            addr_base: root.addr_base,
        };
        let skeletons: Vec<Skeleton<'_>> = roots.iter().map(skeleton).collect();
        let first = units.units.len() as u32;
        for split in &splits {
            split.add_to(&mut units, &skeletons, &mut report);
        }
        let numbers: Vec<u32> = (first..units.units.len() as u32).collect();
        progress.debug(&format!("{} units of {} skeletons", numbers.len(), skeletons.len()));
        found.add(walk(&units, &numbers));
    }
    if found.given_up {
        return Err(Error::Unreadable { reason: "its units share their abbreviations too often".to_owned() });
    }
    let compiler = Compiler::new(&units, &found);
    let plans = thread::scope(|scope| {
        let others: Vec<_> = (1..options.threads).map(|_| scope.spawn(|| compiler.work())).collect();
        variants::tell_apart(&units, &options.languages, &mut found);
        let mut plans = compiler.work();
        for other in others {
            plans.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        plans
    });
    for (unit, broken) in &found.broken {
        report.lose("units that break off", || match broken {
            Broken::Abbreviations => {
                format!("abbreviations of the unit at {}", units.place(Site { unit: *unit, at: 0 }))
            }
            Broken::Entry(at) => units.place(Site { unit: *unit, at: *at }),
        });
    }
    progress.debug(&format!(
        "{} definitions, of which {} are different; {} units in other languages left out",
        found.definitions,
        found.records.len() + found.enumerations.len(),
        found.foreign.values().sum::<u64>()
    ));

    if !found.foreign.is_empty() && found.records.is_empty() && found.enumerations.is_empty() {
        report.warn(left_out(found.foreign.keys().copied()));
    }

    progress.begin(READING, None);
    // The symbol table and the entries of variables are read in parallel, since they do not depend on the definitions.
    let (own, variables) = thread::scope(|scope| {
        let parallel = options.threads > 1;
        let read_ahead = || Ahead::read(&units, &found, &plans);
        let ahead = parallel.then(|| scope.spawn(read_ahead));
        let own = parallel.then(|| scope.spawn(|| symbols::of_file(&container)));
        let mut lowering = Lowering::new(&units, &found, &mut profile, &mut report);
        lowering.add_plans(&plans);
        lowering.definitions();
        let ahead = match ahead {
            Some(ahead) => ahead.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            None => read_ahead(),
        };
        let variables = lowering.variables(&ahead);
        lowering.settle_declarations();
        lowering.settle_sizes();
        let own = own.and_then(|own| own.join().ok()).unwrap_or_else(|| symbols::of_file(&container));
        (own, variables)
    });
    let own = own?;
    profile.settle_natives();
    progress.end(READING);

    progress.begin(SYMBOLS, None);
    let chosen = match options.symbol_map {
        None => own,
        Some(text) => {
            let known: Vec<(&[u8], u64)> = if own.is_empty() {
                let placed = variables.iter().filter_map(|variable| {
                    Some((profile.names.get(variable.name).as_bytes(), variable.address?))
                });
                placed.collect()
            } else {
                own.iter().map(|symbol| (symbol.name, symbol.address)).collect()
            };
            let map = symbols::Map { text, release: options.symbol_map_release };
            symbols::of_map(&map, &container, &known, &mut report)?
        }
    };
    maps::add_symbols(&mut profile, chosen, options.threads, &mut report);
    symbols::add_types(&mut profile, variables, container.relocatable, &mut report);

    progress.end(SYMBOLS);
    describe(&mut profile, &container);
    Ok(Converted { profile, report })
}

/// The supplementary file made by `dwz`, if there is one.
fn supplement_file(
    container: &ObjectFile<'_>,
    companions: &dyn Companions,
    report: &mut Report,
) -> Option<MappedFile> {
    let (path, build_id) = container.supplement(report)?;
    let before = report.total();
    let file = companions.find(Companion::Supplement { path: &path, build_id: &build_id }, report);
    if file.is_none() && report.total() == before {
        report.lose("supplementary files that were not found", || path);
    }
    file
}

/// Walks the units of the supplementary file that the other units import, and those that these import in turn.
fn add_imports(units: &Units<'_>, found: &mut Found, walk: impl Fn(&Units<'_>, &[u32]) -> Found) {
    loop {
        let mut wanted: Vec<u32> = found.imports.iter().map(|(unit, _)| *unit).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|unit| !found.walked(*unit));
        if wanted.is_empty() {
            return;
        }
        found.add(walk(units, &wanted));
    }
}

fn describe(profile: &mut Profile, container: &ObjectFile<'_>) {
    let class = match (container.system, container.arch.address_size()) {
        (System::Mac, 8) => "Darwin64",
        (System::Mac, _) => "Darwin32",
        _ => "Linux",
    };
    profile.set_metadata("ProfileClass", class);
    profile.set_metadata("Version", 1);
    profile.set_metadata("Generator", GENERATOR);
    let symbol = if container.system == System::Mac { "_version" } else { "linux_banner" };
    let symbol = profile.names.find(symbol);
    let banner_at = profile.constants.iter().find(|(name, _)| Some(*name) == symbol).map(|(_, at)| *at);
    identity::describe(profile, container, banner_at);
}
