use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;

use super::base_types::WIDE_CHARACTER;
use super::descriptor::Descriptors;
use super::losses::REPEATED;
use super::metadata::{BaseType, Identity, Sources, check_format, parse};
use super::names::own_name;
use super::structure::Struct;
use super::{enumeration, structure, symbol};
use crate::json::walk;
use crate::model::vocabulary;
use crate::read::keyed::Keyed;
use crate::read::{INVALID_TEXT, ISF_SECTIONS, document};
use crate::{Name, Profile, ReadError, Report, System, Type, TypeId};

/// Reads the profile in an ISF text.
///
/// The sections may come in any order. Data that does not follow the schema affects only itself and is counted in
/// `report`: a type loses its target, a member its offset, a symbol its type. Symbols of type `void` count as symbols
/// without one.
///
/// The text is read once, and memory is proportional to it. With several threads, one finds the texts of entries while
/// another reads those that were found.
pub(crate) fn read(text: &str, threads: usize, report: &mut Report) -> Result<Profile, ReadError> {
    let texts = Texts::find(text)?;
    let metadata = parse(texts.of("metadata").1)?;
    check_format(&metadata, report)?;
    let bases = bases(texts.of("base_types"), report)?;
    let identity = Identity::new(&metadata, &bases);
    let mut profile = Profile::new(identity.system.unwrap_or(System::Other), identity.arch);
    let address_size = address_size(&identity, &bases);
    let wide = add_wide_character(&identity, &bases, &mut profile);
    let descriptors = Descriptors::new(address_size, wide, None);
    let mut reader = Reader { descriptors, profile, threads, report };
    add_bases(bases, &mut reader.descriptors, &mut reader.profile, reader.report);
    reader.enumerations(texts.of("enums"))?;
    reader.structs(texts.of("user_types"))?;
    reader.symbols(texts.of("symbols"))?;
    let mut profile = reader.profile;
    settle(&mut profile, &identity, address_size);
    Ok(profile)
}

/// The texts of the sections; the last one if a section is repeated.
struct Texts<'de> {
    texts: [Option<&'de str>; ISF_SECTIONS.len()],
}

impl<'de> Texts<'de> {
    fn find(text: &'de str) -> Result<Self, ReadError> {
        let mut texts = [None; ISF_SECTIONS.len()];
        let mut other = None;
        document::sections(text, |key, value| {
            let known = ISF_SECTIONS.iter().position(|section| *section == key);
            if let Some(slot) = known.and_then(|place| texts.get_mut(place)) {
                *slot = Some(value);
            } else if key.starts_with('$') {
                other = Some(key.into_owned());
            }
        })?;
        if let Some(other) = other {
            let isf = ISF_SECTIONS.iter().zip(&texts).find(|(_, text)| text.is_some());
            return Err(ReadError::Mixed {
                rekall: other,
                isf: isf.map_or_else(String::new, |(section, _)| (*section).to_owned()),
            });
        }
        Ok(Self { texts })
    }

    /// A section's text; an empty object if it is missing.
    fn of(&self, section: &'static str) -> (&'static str, &'de str) {
        let found = ISF_SECTIONS.iter().zip(&self.texts).find(|(name, _)| **name == section);
        (section, found.and_then(|(_, text)| *text).unwrap_or("{}"))
    }
}

/// Calls `each` with every entry of a section.
fn entries<'de>(
    (section, text): (&'static str, &'de str),
    report: &mut Report,
    mut each: impl FnMut(Cow<'de, str>, &'de str, &mut Report),
) -> Result<(), ReadError> {
    let damaged = walk::entries(text, |name, text| each(name, text, report)).map_err(|error| {
        let (expected, found) = ("an object", error.to_string());
        ReadError::Section { section: section.to_owned(), expected, found }
    })?;
    if damaged > 0 {
        report.lose_many(INVALID_TEXT, damaged, || section.to_owned());
    }
    Ok(())
}

/// How many entries are passed from one thread to the other at once, and how many such batches may wait.
const BATCH: usize = 64;
const WAITING: usize = 8;
/// Shorter sections are read on one thread.
const LONG: usize = 1 << 20;

/// Passes every entry of a section to `take`, with what `scan` makes of its text. With several threads, another one
/// scans ahead.
fn scanned<'de, T: Send>(
    section: (&'static str, &'de str),
    threads: usize,
    report: &mut Report,
    scan: impl Fn(&str, &'de str) -> T + Send,
    mut take: impl FnMut(Cow<'de, str>, T, &mut Report),
) -> Result<(), ReadError> {
    if threads < 2 || section.1.len() < LONG {
        return entries(section, report, |name, text, report| {
            let item = scan(&name, text);
            take(name, item, report);
        });
    }
    thread::scope(|running| {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let scanning = running.spawn(move || {
            let (mut batch, mut report) = (Vec::with_capacity(BATCH), Report::default());
            let walked = entries(section, &mut report, |name, text, _| {
                let item = scan(&name, text);
                batch.push((name, item));
                if batch.len() == BATCH {
                    // Nobody receives only if the other thread has panicked.
                    let _ = sender.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
                }
            });
            let _ = sender.send(batch);
            (walked, report)
        });
        for (name, item) in receiver.into_iter().flatten() {
            take(name, item, report);
        }
        let (walked, of_scan) = scanning.join().unwrap_or_else(|panic| resume_unwind(panic));
        report.absorb(of_scan);
        walked
    })
}

/// The base types of a table, by name.
pub(super) fn bases(
    section: (&'static str, &str),
    report: &mut Report,
) -> Result<HashMap<String, BaseType>, ReadError> {
    let mut bases = HashMap::new();
    entries(section, report, |name, text, report| {
        if let Some(base) = BaseType::parse(&name, text, report)
            && bases.insert(name.clone().into_owned(), base).is_some()
        {
            report.lose(REPEATED, || name.into_owned());
        }
    })?;
    Ok(bases)
}

/// The size of an address in bytes.
pub(super) fn address_size(identity: &Identity, bases: &HashMap<String, BaseType>) -> u8 {
    let pointer = bases.get("pointer").and_then(|base| u8::try_from(base.size).ok());
    pointer.filter(|size| *size > 0).unwrap_or(identity.arch.address_size())
}

/// The name of the base type whose arrays are texts of wide characters, if the table has it.
pub(super) fn add_wide_character(
    identity: &Identity,
    bases: &HashMap<String, BaseType>,
    profile: &mut Profile,
) -> Option<Name> {
    let wide = bases.get(WIDE_CHARACTER).filter(|base| base.size == 2 && identity.windows());
    wide.map(|_| profile.intern(WIDE_CHARACTER))
}

/// Adds every base type to a profile.
pub(super) fn add_bases(
    bases: HashMap<String, BaseType>,
    descriptors: &mut Descriptors<'_, '_>,
    profile: &mut Profile,
    report: &mut Report,
) {
    let mut bases: Vec<(String, BaseType)> = bases.into_iter().collect();
    bases.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    for (name, base) in bases {
        let ty = match name.as_str() {
            "void" => Type::Void,
            // The storage of pointers; as a type of its own, a pointer to anything.
            "pointer" | "pointer16" | "pointer32" | "pointer64" => {
                let target = profile.types.add(Type::Void);
                Type::Pointer { target, size: u8::try_from(base.size).unwrap_or_default() }
            }
            _ => native(&name, &base, profile, report),
        };
        let ty = profile.types.add(ty);
        let name = profile.intern(&name);
        descriptors.bases.add(name, ty, base.size);
    }
}

/// The native type of a base type. A base type whose name has another size or meaning for readers of profiles becomes
/// the integer of its size.
fn native(name: &str, base: &BaseType, profile: &mut Profile, report: &mut Report) -> Type {
    let (system, arch) = (profile.system, profile.arch);
    let means_another = match vocabulary::known(name) {
        Some(known) => !matches!(known.size(system, arch), 0) && known.size(system, arch) != base.size,
        None => vocabulary::is_reserved(name),
    };
    if !means_another {
        let native = profile.spelled_native(name, base.size, base.kind);
        let size = match native {
            Type::Native(id) => profile.types.native_of(id).map(|native| native.size),
            _ => None,
        };
        if size == Some(base.size) {
            return native;
        }
    }
    report.lose("base types whose name means something else", || name.to_owned());
    profile.c_integer(base.size, base.signed).unwrap_or(Type::Void)
}

struct Reader<'de, 'r> {
    descriptors: Descriptors<'de, 'static>,
    profile: Profile,
    threads: usize,
    report: &'r mut Report,
}

impl<'de> Reader<'de, '_> {
    fn enumerations(&mut self, section: (&'static str, &'de str)) -> Result<(), ReadError> {
        let Self { descriptors, profile, report, .. } = self;
        let mut enums = Keyed::default();
        entries(section, report, |name, text, report| {
            let key = profile.intern(&name);
            if enums.insert(key, text) {
                report.lose(REPEATED, || name.into_owned());
            }
        })?;
        for (key, text) in enums.entries {
            let ty = enumeration::lower(key, text, &mut descriptors.bases, profile, report);
            descriptors.add_enumeration(key, ty);
        }
        Ok(())
    }

    fn structs(&mut self, section: (&'static str, &'de str)) -> Result<(), ReadError> {
        let Self { descriptors, profile, threads, report } = self;
        let mut structs: Keyed<Struct> = Keyed::default();
        scanned(section, *threads, report, structure::scan, |name, scanned, report| match scanned {
            Some(scanned) => {
                let entry = structure::lower(&name, scanned, descriptors, profile, report);
                let key = profile.intern(&name);
                if structs.insert(key, entry) {
                    report.lose(REPEATED, || name.into_owned());
                }
            }
            None => report.lose("structs that are not objects", || name.into_owned()),
        })?;
        for (key, Struct { kind, size, members }) in &structs.entries {
            let size_of = |name| structs.get(name).and_then(|entry| entry.size);
            let size = size.unwrap_or_else(|| structure::end_of(members, &profile.types, size_of));
            let own = own_name(profile, *key);
            let Profile { types, names, .. } = &mut *profile;
            let id = types.add_record(names, own, *kind, size, members);
            // Symbols come later and may be the first to use it.
            let ty = *descriptors.records.entry(*key).or_insert_with(|| types.add(Type::Void));
            types.set(ty, Type::Record(id));
        }
        Ok(())
    }

    fn symbols(&mut self, section: (&'static str, &'de str)) -> Result<(), ReadError> {
        let Self { descriptors, profile, threads, report } = self;
        let windows = profile.system == System::Windows;
        let mut symbols: Keyed<(u64, Option<TypeId>)> = Keyed::default();
        scanned(section, *threads, report, symbol::scan, |name, scanned, report| {
            let symbol =
                scanned.and_then(|scanned| symbol::lower(&name, scanned, descriptors, profile, report));
            let Some(symbol) = symbol else {
                return report.lose("symbols that are not as the schema has them", || name.into_owned());
            };
            let key = match profile.system {
                System::Mac => profile.intern(&format!("_{name}")),
                _ => profile.intern(&name),
            };
            if symbols.insert(key, (symbol.address, symbol.ty)) {
                report.lose(REPEATED, || name.into_owned());
            }
            if let Some(content) = symbol.content {
                profile.contents.insert(key, content);
            }
            if let Some(linkage) = symbol.linkage {
                let linkage = profile.intern(&linkage);
                profile.linkage_names.insert(key, linkage);
            }
        })?;
        for (name, (at, ty)) in symbols.entries {
            let function = ty.is_some_and(|ty| matches!(profile.types.get(ty), Type::Function(_)));
            match function && windows {
                true => profile.functions.push((name, at)),
                false => profile.constants.push((name, at)),
            }
            profile.constant_types.extend(ty.map(|ty| (name, ty)));
        }
        Ok(())
    }
}

/// Stores system, architecture and metadata in the profile.
fn settle(profile: &mut Profile, identity: &Identity, address_size: u8) {
    let record_size = |name: &str| {
        let name = profile.names.find(name)?;
        let mut records = profile.types.records();
        records.find(|(_, record)| record.name == Some(name)).map(|(_, record)| record.size)
    };
    let (system, arch, metadata) = identity.settle(
        address_size,
        &Sources {
            structure: &record_size,
            constant: &|name| {
                let name = profile.names.find(name)?;
                profile.constants.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
            },
            highest: &|| profile.constants.iter().map(|(_, value)| *value).max().unwrap_or(0),
            content: &|name| profile.contents.get(&profile.names.find(name)?).cloned(),
        },
    );
    profile.system = system;
    profile.arch = arch;
    profile.metadata = metadata.into_iter().collect();
}
