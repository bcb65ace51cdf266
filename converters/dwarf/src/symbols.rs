//! Symbols of the file's table or of a separate map, and the types of those that are variables.
//!
//! Symbols borrow their names. The names of a file's own symbols may together have four times the size of the file.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use maps::{MapSymbol, MappedKernel, SystemMap};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use profile::{Binding, Name, Profile, Report, System, TypeId};

use crate::Error;
use crate::container::ObjectFile;
use crate::identity::module_release;

/// The symbols of the file's own table, sorted by name, the order in which they are chosen later. Empty for a file
/// that is not linked, since nothing in it has an address.
///
/// # Errors
/// [`Error::Repeated`] if the names overlap so much that they are larger than the file.
pub(crate) fn of_file<'a>(container: &ObjectFile<'a>) -> Result<Vec<MapSymbol<'a>>, Error> {
    if container.relocatable {
        return Ok(Vec::new());
    }
    let limit = container.size.saturating_mul(MAX_NAMES);
    let mut named = 0u64;
    let linux = container.system == System::Linux;
    let mut symbols = Vec::new();
    for symbol in container.file.symbols() {
        let Ok(name) = symbol.name_bytes() else { continue };
        named = named.saturating_add(name.len() as u64);
        if named > limit {
            return Err(Error::Repeated { named, file: container.size });
        }
        let listed = if linux {
            !symbol.is_undefined() && !matches!(symbol.kind(), SymbolKind::Section | SymbolKind::File)
        } else {
            symbol.is_definition() || symbol.section() == object::SymbolSection::Absolute
        };
        let hidden = linux && (is_left_out(name) || (symbol.is_local() && is_absolute(&symbol)));
        if !listed || name.is_empty() || hidden {
            continue;
        }
        let binding = match (symbol.is_weak(), symbol.is_local()) {
            (true, _) => Binding::Weak,
            (_, true) => Binding::Local,
            _ => Binding::Global,
        };
        let data = symbol.kind() == SymbolKind::Data;
        symbols.push(MapSymbol { address: symbol.address(), name, binding, data });
    }
    // As [`profile::choose_symbols`] orders them, so that it has little to do.
    symbols.sort_unstable_by_key(|symbol| (symbol.name, Reverse((symbol.binding, symbol.address))));
    Ok(symbols)
}

/// How many times the size of the file the names of its symbols may have together. Linkers let a name be the end of
/// another.
const MAX_NAMES: u64 = 4;

/// The symbols that a kernel's build leaves out of its `System.map` (scripts/mksysmap): checksums and names of
/// exported symbols, and the marks that assemblers put into code (`$x`, `$d.3`, `.L12`).
fn is_left_out(name: &[u8]) -> bool {
    [&b"__crc_"[..], b"__kstrtab_", b"__kstrtabns_", b".L"].iter().any(|prefix| name.starts_with(prefix))
        || matches!(name, [b'$', b'a' | b'd' | b't' | b'x'] | [b'$', b'a' | b'd' | b't' | b'x', b'.', ..])
}

/// Whether a symbol is a number from the assembler and not a place.
fn is_absolute<'a>(symbol: &impl ObjectSymbol<'a>) -> bool {
    symbol.section() == object::SymbolSection::Absolute
}

/// A map as given.
pub(crate) struct Map<'m> {
    pub(crate) text: &'m [u8],
    /// The release in its name.
    pub(crate) release: Option<&'m str>,
}

/// The symbols of a map, with link addresses ([`SystemMap::link`]). `known` are the addresses in the file itself.
///
/// # Errors
/// [`Error::Map`] if the map gives no symbols of this build.
pub(crate) fn of_map<'m>(
    map: &Map<'m>,
    container: &ObjectFile<'_>,
    known: &[(&[u8], u64)],
    report: &mut Report,
) -> Result<Vec<MapSymbol<'m>>, Error> {
    let &Map { text, release } = map;
    let mut map = SystemMap::parse(text);
    // A module that is not loaded has no addresses to compare.
    let known = if container.relocatable { &[] } else { known };
    let named = |section: &object::Section<'_, '_>| {
        Some((section.name().ok()?.to_owned(), section.address(), section.size()))
    };
    let sections: Vec<_> = container.file.sections().filter_map(|section| named(&section)).collect();
    let is_kernel = !container.relocatable && container.system == System::Linux;
    let sections = sections.iter().filter(|_| is_kernel && !container.has_symbols());
    let bounds = maps::section_bounds(sections.map(|(name, address, size)| (name.as_str(), *address, *size)));
    let kernel = MappedKernel {
        arch: container.arch,
        known,
        bounds: &bounds,
        text: if known.is_empty() { first_code(container) } else { None },
        release: module_release(container).or(release),
        config: None,
        running: false,
    };
    let linked = map.link(&kernel)?;
    if map.skipped > 0 {
        report.lose_many("lines of the symbol map that are not symbols", map.skipped, || {
            map.first_skipped.map_or_else(String::new, |(number, line)| {
                format!("line {number}: {}", String::from_utf8_lossy(line))
            })
        });
    }
    if linked.shift != 0 {
        report.warn(format!("the symbol map is shifted by {:#x}; the shift is taken back", linked.shift));
    }
    if linked.elsewhere > 0 {
        let total = linked.shared;
        report.lose_many("symbols of the map that lie elsewhere in the file", linked.elsewhere, || {
            format!("of {total} that both have")
        });
    }
    Ok(map.symbols)
}

/// The start of the code in a kernel file without symbols, which is the address of `_text`.
fn first_code(container: &ObjectFile<'_>) -> Option<u64> {
    [".head.text", ".text"].iter().find_map(|name| {
        let section = container.file.section_by_name(name)?;
        Some(section.address()).filter(|address| *address != 0)
    })
}

/// A variable as the debug information has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypedVariable {
    pub(crate) name: Name,
    pub(crate) ty: TypeId,
    pub(crate) address: Option<u64>,
}

/// Gives constants the types of their variables: that of the variable at the symbol's address whose name the symbol
/// has, otherwise that of the declaration with this name. If there are no symbols, the variables themselves become
/// the constants; in a file that is not linked they only give types.
pub(crate) fn add_types(
    profile: &mut Profile,
    mut variables: Vec<TypedVariable>,
    relocatable: bool,
    report: &mut Report,
) {
    // The sort is stable, so the first of equal ones in the file stays first.
    variables.sort_by_key(|variable| variable.address);
    if profile.constants.is_empty() {
        let mut seen: HashMap<Name, (), RandomState> = HashMap::default();
        let (declared, placed): (Vec<&TypedVariable>, Vec<&TypedVariable>) =
            variables.iter().partition(|variable| variable.address.is_none());
        for variable in placed.into_iter().chain(declared) {
            if seen.insert(variable.name, ()).is_none() {
                profile.constant_types.push((variable.name, variable.ty));
                if let (Some(address), false) = (variable.address, relocatable) {
                    profile.constants.push((variable.name, address));
                }
            }
        }
        return;
    }
    let mut declared: HashMap<Name, TypeId, RandomState> = HashMap::default();
    for variable in variables.iter().filter(|variable| variable.address.is_none()) {
        declared.entry(variable.name).or_insert(variable.ty);
    }
    let mut elsewhere = 0u64;
    let placed = variables.partition_point(|variable| variable.address.is_none());
    let placed = variables.get(placed..).unwrap_or_default();
    let defined: HashSet<Name, RandomState> = placed.iter().map(|variable| variable.name).collect();
    // A kernel has three times as many symbols as variables, in the order of their names.
    let mut first_at: HashMap<u64, usize, RandomState> = HashMap::default();
    for (place, variable) in placed.iter().enumerate() {
        first_at.entry(variable.address.unwrap_or_default()).or_insert(place);
    }
    let underscore = profile.system == System::Mac;
    for (name, address) in &profile.constants {
        let symbol = profile.names.get(*name);
        let here = first_at.get(address).and_then(|first| placed.get(*first..)).unwrap_or_default();
        let here = here.iter().take_while(|variable| variable.address == Some(*address));
        let named = |variable: &&TypedVariable| {
            variable.name == *name || bears(symbol, profile.names.get(variable.name), underscore)
        };
        let mut candidates = here.clone().filter(named);
        let plain = || match symbol.strip_prefix('_').filter(|_| underscore) {
            Some(plain) => profile.names.find(plain),
            None => Some(*name),
        };
        match candidates.next() {
            Some(variable) => profile.constant_types.push((*name, variable.ty)),
            None => match plain().and_then(|name| declared.get(&name)) {
                Some(ty) => profile.constant_types.push((*name, *ty)),
                None => elsewhere += u64::from(defined.contains(name)),
            },
        }
    }
    // A function may have the name of another unit's static variable. If most differ, that is not the reason.
    if elsewhere > profile.constant_types.len() as u64 {
        report.warn(format!(
            "the symbols and the debug information disagree: {elsewhere} variables have another address than the symbol with their name"
        ));
    }
}

/// Whether a symbol stands for the variable of this name. A function's static variable has a number after its name,
/// macOS puts an underscore before every C name, and C++ puts names into mangled ones.
fn bears(symbol: &str, variable: &str, underscore: bool) -> bool {
    let symbol = if underscore { symbol.strip_prefix('_').unwrap_or(symbol) } else { symbol };
    match symbol.strip_prefix(variable) {
        Some("") => true,
        Some(rest) => rest.starts_with('.') || rest.starts_with("$"),
        None => symbol.starts_with("_Z") && symbol.contains(variable),
    }
}
