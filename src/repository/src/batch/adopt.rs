use pe::PdbName;
use profile::{GuidAge, Health, Verdict};

use super::claims::Claim;
use super::item::{COPY_GENERATOR, DebugSource, Item, Source};
use super::items::{Items, digest};
use super::make::{Material, make};
use super::state::{PROFILE_LIMIT, State, described};
use crate::{Config, Content, Error, Handler, Key, ProfileName, Storage};

/// An object without a record, judged by its own content.
#[derive(Clone, Debug)]
pub(crate) struct Adopted {
    /// The record that an undisturbed builder would have written.
    pub(crate) content: Content,
    /// Why that is unknown, if it is: the object is not what the configuration makes today.
    pub(crate) doubt: Option<String>,
}

/// Judges an object without a record (its builder was killed, or the inventory was lost) by the rule under which it
/// was built, so that its record equals that of an undisturbed builder. `None` if there is no such object.
///
/// The profile of a PDB names its source, and a kernel's profile without types exists only because `has_structs:
/// false` allowed it: a builder stores no other. A text's profile does not name its source, so it is made again and
/// compared.
///
/// # Errors
/// Any error from reading the object.
pub(crate) fn adopt(
    item: Option<&Item>,
    key: &Key,
    storage: &dyn Storage,
    state: &State,
) -> Result<Option<Adopted>, Error> {
    let Some(object) = storage.read(key, PROFILE_LIMIT)? else { return Ok(None) };
    let (mut content, health) = described(&object.bytes);
    if state.is_marked(key, &content, storage)? {
        content.generator = super::IMPORTED.to_owned();
        return Ok(Some(Adopted { content, doubt: None }));
    }
    let health = health.as_ref();
    let mut doubt = None;
    match item.map(|item| (item, &item.source)) {
        Some((item, Source::Pdb { names, guid_age, has_structs, .. })) => {
            judge_symbols(&mut content, health, *has_structs);
            name_source(&mut content, item, names, *guid_age);
        }
        Some((item, Source::Debug { .. })) => {
            let claim = Claim::read(storage, &item.name)?.and_then(|(claim, _)| claim);
            match claim.filter(|claim| claim.profile == content.sha256) {
                Some(claim) => {
                    content.source = claim.source.to_string();
                    content.origin = claim.origin;
                    content.recipe = item.recipe(None);
                }
                None => doubt = Some("nothing says which debug file it was made from".to_owned()),
            }
        }
        Some((item, source)) if !item.is_made(&content, storage, state) => {
            // A pack from an older revision of the front-end is accepted; everything else is made again here.
            let current = item.is_current(&content) || !matches!(source, Source::Pack(_));
            let made = current.then(|| make(item, Material::Here, storage, state));
            match made {
                Some(Ok(made)) if made.bytes == object.bytes => content = made.content,
                Some(Ok(_)) => {
                    doubt = Some("it is not what its source makes; build_all makes it anew".to_owned());
                }
                Some(Err(failure)) => doubt = Some(failure.reason),
                None => {}
            }
        }
        Some(_) => {}
        None => judge_symbols(&mut content, health, true),
    }
    Ok(Some(Adopted { content, doubt }))
}

/// A kernel's profile without types, which our builders store only if the configuration allows it.
fn judge_symbols(content: &mut Content, health: Option<&Health>, has_structs: bool) {
    let Some(health) = health else { return };
    let ours = family(&content.generator) == family(converters::PDB.generator());
    if health.verdict == Verdict::Failed && is_symbols_alone(health) && (ours || !has_structs) {
        content.health = Verdict::SymbolsOnly.name().to_owned();
    }
}

/// Whether a profile has symbols and no types.
pub(crate) fn is_symbols_alone(health: &Health) -> bool {
    health.structs == 0 && health.symbols > 0
}

/// A front-end without its revision: `rekall-profile pdb`.
fn family(generator: &str) -> &str {
    generator.rsplit_once(' ').map_or(generator, |(family, _)| family)
}

/// Records the PDB and the recipe as the builder does, if the profile is what the builder would make.
fn name_source(content: &mut Content, item: &Item, names: &[PdbName], guid_age: GuidAge) {
    let Some((pdb, build)) = content.source.rsplit_once('/') else { return };
    let exact = names.iter().find(|name| name.as_str() == pdb);
    let named = exact.or_else(|| names.iter().find(|name| name.as_str().eq_ignore_ascii_case(pdb)));
    // No list names the build, so the name that the builder was given is the one in the profile.
    let told = names.is_empty().then(|| pdb.parse().ok()).flatten();
    if let Some(name) = named.or(told.as_ref())
        && build == guid_age.to_string()
        && item.is_current(content)
        && item.recipes(name).contains(&content.recipe)
    {
        content.source = format!("{name}/{guid_age}");
        content.recipe = item.recipe(Some(name));
    }
}

/// How each profile in a repository is made, by name: the items of a configuration, and its entries for Windows,
/// which also apply to builds outside of their lists (`manage_repo nt/GUID build NAME.pdb/GUID`).
pub(crate) struct Rules<'a> {
    config: &'a Config,
    items: &'a Items,
    /// The positions of the items with the digests of their names, in the order of digests.
    positions: Vec<([u8; 16], u32)>,
}

impl<'a> Rules<'a> {
    pub(crate) fn new(config: &'a Config, items: &'a Items) -> Self {
        let positions = items.names().zip(0..).map(|(name, position)| (digest(&name), position));
        let mut positions: Vec<([u8; 16], u32)> = positions.collect();
        positions.sort_unstable();
        Self { config, items, positions }
    }

    fn named(&self, name: &str) -> Option<Item> {
        let digest = digest(name);
        let at = self.positions.binary_search_by_key(&digest, |(known, _)| *known).ok()?;
        self.items.get(self.positions.get(at)?.1 as usize)
    }

    /// The item for the object `key`. An item for a build outside of all lists has no PDB names.
    pub(crate) fn item(&self, key: &Key) -> Option<Item> {
        let name = ProfileName::of_key(key)?;
        if let Some(item) = self.named(name.as_str()) {
            return Some(item);
        }
        let (folder, _) = name.as_str().rsplit_once('/')?;
        let entry = self.config.entry(folder)?;
        let Handler::Windows { guids, has_structs, profile_class, .. } = &entry.handler else { return None };
        let guid_age = name.guid_age()?;
        let source =
            Source::Pdb { names: Vec::new(), guid_age, guids: guids.clone(), has_structs: *has_structs };
        let (entry_name, profile_class) = (entry.name.clone(), profile_class.clone());
        Some(Item { name, entry: entry_name, source, profile_class, merge: entry.merge.clone() })
    }

    /// Whether an undisturbed builder could have written this record: it stores no failed profile of a kernel, and
    /// for a text it records the content of the text.
    pub(crate) fn allow(&self, key: &Key, content: &Content) -> bool {
        if content.generator == super::IMPORTED {
            return true;
        }
        let unmade = match self.named(key.as_str().strip_suffix(".gz").unwrap_or_default()) {
            Some(Item { source: Source::Text(_) | Source::Artifacts(_), .. }) => {
                family(&content.generator) != family(COPY_GENERATOR)
            }
            // One of several debug files of a build gives the profile.
            Some(Item { source: Source::Debug { key, .. }, .. }) => {
                DebugSource::parse(&content.source).is_none_or(|source| source.key != key)
            }
            _ => false,
        };
        content.health != Verdict::Failed.name() && !unmade
    }
}
