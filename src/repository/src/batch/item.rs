use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use pe::PdbName;
use profile::{GuidAge, pdb_class};
use symbols::{BuildId, Manifest, Wanted};
use url::Url;

use super::adopt::adopt;
use super::claims::{CLAIMS, Conflict};
use super::indexes::specification;
use super::items::{Group, Items, Names};
use super::shard::Shard;
use super::state::{Builds, IMPORTS, PARTS, State};
use crate::collection::{Collection, ItemKind, LISTINGS, Listing, Mode, Origin, Place, Row, stem};
use crate::packed::sha256;
use crate::pattern::matches;
use crate::{CONFIG, Config, Content, Entry, Error, Guids, Handler, Key, ProfileName, Rejects, Storage};

/// One profile in the configuration, independent of all others.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name.
    pub name: ProfileName,
    /// The key of the configuration it comes from.
    pub entry: ProfileName,
    /// Its source.
    pub source: Source,
    /// The class for Rekall's loader, if the configuration gives one.
    pub profile_class: Option<String>,
    /// The names of profiles that are merged into it.
    pub merge: Vec<String>,
}

/// The source of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A PDB.
    Pdb {
        /// Its possible names, in the order in which they are tried.
        names: Vec<PdbName>,
        /// The build.
        guid_age: GuidAge,
        /// The list with the build.
        guids: Key,
        /// Whether a profile without types is a failure.
        has_structs: bool,
    },
    /// A text in YAML or JSON.
    Text(Key),
    /// A pack: an object, an object with `.zip` after its name, or the objects below it.
    Pack(Key),
    /// The definitions in these texts.
    Artifacts(Vec<Key>),
    /// A file with debug information.
    Debug {
        /// The file.
        key: Key,
        /// The list to which its rejects belong.
        list: Key,
        /// Whether the item's name is the profile's. It is not before the file has been read for the first time.
        named: bool,
        /// Why it gave no profile before, if the file has not changed.
        rejected: Option<String>,
        /// Where it is fetched from, if it is not an object of the repository.
        origin: Option<Remote>,
    },
}

/// What is fetched over the network when it is needed: a package, a debug file or a table of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote(pub(crate) Box<Origin>);

/// The placeholder for the SHA-256 of a source in a record if nothing states it before the source has been fetched.
pub(crate) const UNKNOWN: &str = "unknown";

/// Makes symbol tables of Volatility 3 into profiles; the number changes when the outcome can.
pub(crate) const TABLE_GENERATOR: &str = "rekall-profile isf 1";

/// A version of a file with debug information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebugSource {
    /// The file.
    pub key: Key,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

impl DebugSource {
    /// The separator between the two in a record.
    const BETWEEN: &str = " sha256:";

    /// How the text of any version of a file begins.
    pub(crate) fn prefix(key: &Key) -> String {
        format!("{key}{}", Self::BETWEEN)
    }

    /// Reads the [`Content::source`] of a profile that was made from a debug file.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (key, sha256) = text.rsplit_once(Self::BETWEEN)?;
        Some(Self { key: key.parse().ok()?, sha256: sha256.to_owned() })
    }
}

impl fmt::Display for DebugSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.key, Self::BETWEEN, self.sha256)
    }
}

/// The generator of profiles from texts and definitions; the number changes when the result can change.
pub(crate) const COPY_GENERATOR: &str = "rekall-profile copy 1";

impl Item {
    /// The front-ends that may have made it, each with its revision.
    pub fn generators(&self) -> Vec<&'static str> {
        match &self.source {
            Source::Pdb { .. } => vec![converters::PDB.generator()],
            Source::Pack(_) => vec![converters::VOLATILITY.generator()],
            Source::Text(_) | Source::Artifacts(_) => vec![COPY_GENERATOR],
            Source::Debug { origin: Some(Remote(origin)), .. } => match origin.kind() {
                ItemKind::Package(Mode::Btf) => vec![kernel_converter::GENERATOR],
                ItemKind::Package(Mode::Dwarf) | ItemKind::DebugFile => vec![converters::DWARF.generator()],
                ItemKind::Table => vec![TABLE_GENERATOR],
                ItemKind::Build => vec![converters::PDB.generator()],
            },
            Source::Debug { origin: None, .. } => {
                converters::FRONT_ENDS.iter().map(|front_end| front_end.generator()).collect()
            }
        }
    }

    /// Whether a front-end of the current revision made it.
    pub(crate) fn is_current(&self, content: &Content) -> bool {
        self.generators().contains(&content.generator.as_str())
    }

    /// The object of its profile. `None` if the profile's name is not known yet.
    pub fn key(&self) -> Option<Key> {
        match &self.source {
            Source::Debug { named: false, .. } => None,
            _ => Some(self.name.key()),
        }
    }

    /// The key that decides its shard: the same before and after the profile's name is known.
    fn shard_name(&self) -> &str {
        match &self.source {
            Source::Debug { key, .. } => key.as_str(),
            _ => self.name.as_str(),
        }
    }

    /// Whether a name from the user refers to it: the name of its profile or, for a debug file, of the file.
    pub fn is_called(&self, name: &str) -> bool {
        self.name.as_str() == name
            || matches!(&self.source, Source::Debug { key, .. } if key.as_str() == name)
    }

    /// The PDBs from which it can be made.
    pub fn wanted(&self) -> Vec<Wanted> {
        match &self.source {
            Source::Pdb { names, guid_age, .. } => {
                names.iter().map(|name| Wanted::new(name.clone(), *guid_age)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether making it again would give `content`.
    pub(crate) fn is_made(&self, content: &Content, storage: &dyn Storage, state: &State) -> bool {
        if !self.is_current(content) {
            // An imported profile is the user's choice, and stays.
            return content.generator == super::IMPORTED;
        }
        match &self.source {
            Source::Pdb { names, guid_age, .. } => {
                let made_of = content.source.rsplit_once('/');
                made_of.is_some_and(|(name, build)| {
                    build == guid_age.to_string()
                        && names
                            .iter()
                            .any(|known| known.as_str() == name && content.recipe == self.recipe(Some(known)))
                })
            }
            Source::Debug { key, .. } => {
                let made_of = DebugSource::parse(&content.source).filter(|made_of| made_of.key == *key);
                content.recipe == self.recipe(None)
                    && made_of.is_some_and(|made_of| {
                        let sha256 = self.source_sha256(storage, state);
                        sha256.is_ok_and(|sha256| sha256 == made_of.sha256 || sha256 == UNKNOWN)
                    })
            }
            _ => {
                content.recipe == self.recipe(None)
                    && self.digest(storage, state).is_ok_and(|digest| content.source == digest)
            }
        }
    }

    /// The SHA-256 of the debug file that it is made from: of the object, or as a listing states it. [`UNKNOWN`] if
    /// nothing states it.
    pub(crate) fn source_sha256(&self, storage: &dyn Storage, state: &State) -> Result<String, Error> {
        match &self.source {
            Source::Debug { origin: Some(Remote(origin)), .. } => {
                Ok(origin.sha256().unwrap_or_else(|| UNKNOWN.to_owned()))
            }
            Source::Debug { key, .. } => state.digest(key, storage),
            _ => self.digest(storage, state),
        }
    }

    /// The addresses that a remote source is fetched from.
    pub(crate) fn urls(&self) -> Vec<Url> {
        let Source::Debug { key, origin: Some(Remote(origin)), .. } = &self.source else { return Vec::new() };
        let path = key.as_str().strip_prefix(self.entry.as_str()).and_then(|path| path.strip_prefix('/'));
        path.map(|path| origin.urls(path)).unwrap_or_default()
    }

    /// A digest of the settings from the configuration in the profile.
    pub(crate) fn recipe(&self, name: Option<&PdbName>) -> String {
        let class = match (&self.profile_class, name) {
            (Some(class), _) => class.as_str(),
            (None, Some(name)) => pdb_class(name.as_str()),
            (None, None) => "",
        };
        recipe(class, &self.merge)
    }

    /// The possible recipes for a profile of this PDB: its front-end may recognise a kernel's PDB by its content.
    pub(crate) fn recipes(&self, name: &PdbName) -> Vec<String> {
        let mut recipes = vec![self.recipe(Some(name))];
        if self.profile_class.is_none() {
            recipes.push(recipe("Nt", &self.merge));
        }
        recipes
    }

    /// The identity of the source by its content, for sources in the repository.
    pub(crate) fn digest(&self, storage: &dyn Storage, state: &State) -> Result<String, Error> {
        let keys = self.source_keys(state);
        let mut texts = Vec::with_capacity(keys.len());
        for key in &keys {
            let object = storage.read(key, super::SOURCE_LIMIT)?;
            let object = object.ok_or_else(|| self.absent(storage, key))?;
            texts.push(sha256(&object.bytes));
        }
        match texts.as_slice() {
            [one] => Ok(format!("sha256:{one}")),
            _ => {
                let lines: Vec<String> =
                    keys.iter().zip(&texts).map(|(key, text)| format!("{key} {text}\n")).collect();
                Ok(format!("sha256:{}", sha256(lines.concat().as_bytes())))
            }
        }
    }

    /// The objects that are its source, if they are in the repository.
    pub(crate) fn source_keys(&self, state: &State) -> Vec<Key> {
        match &self.source {
            Source::Pdb { .. } => Vec::new(),
            Source::Debug { key, .. } => vec![key.clone()],
            Source::Text(key) => vec![key.clone()],
            Source::Artifacts(keys) => keys.clone(),
            Source::Pack(key) => {
                let zip = format!("{key}.zip").parse::<Key>().ok().filter(|zip| state.present.contains(zip));
                if state.present.contains(key) {
                    return vec![key.clone()];
                }
                if let Some(zip) = zip {
                    return vec![zip];
                }
                let below = format!("{key}/");
                let inside = state.present.keys_below(&below).filter_map(|known| known.parse().ok());
                let inside: Vec<Key> = inside.collect();
                if inside.is_empty() { vec![key.clone()] } else { inside }
            }
        }
    }

    pub(crate) fn absent(&self, storage: &dyn Storage, key: &Key) -> Error {
        let expected = format!("the source of {}", self.name);
        Error::Absent { place: storage.place_of(key), expected }
    }
}

/// A digest of everything in a profile besides its source.
pub(crate) fn recipe(class: &str, merge: &[String]) -> String {
    let text = format!("{class}\n{}", merge.join("\n"));
    sha256(text.as_bytes()).get(..16).unwrap_or_default().to_owned()
}

/// A repository's configuration, and the existing objects.
#[derive(Debug)]
pub struct BuildPlan {
    /// The configuration.
    pub config: Config,
    /// Every profile in the configuration, in the configuration's order.
    pub items: Items,
    /// The builds of each list that could not be made before, by the list.
    pub rejects: BTreeMap<Key, Rejects>,
    pub(crate) state: State,
    /// Every debug file in the configuration.
    debug_files: Names,
    /// The collections whose listings were not read yet, so that nothing of them is among the items.
    pub unlisted: Vec<ProfileName>,
}

/// Selects plan items.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The items of one shard.
    pub shard: Option<Shard>,
    /// Only these items.
    pub only: Option<BTreeSet<ProfileName>>,
    /// Only the items of these entries of the configuration.
    pub entry: Option<ProfileName>,
}

impl Selection {
    /// Whether an item is selected.
    pub fn takes(&self, item: &Item) -> bool {
        self.shard.is_none_or(|shard| shard.takes(item.shard_name()))
            && self.only.as_ref().is_none_or(|only| only.contains(&item.name))
            && self.entry.as_ref().is_none_or(|entry| *entry == item.entry)
    }

    /// Whether all items are selected.
    pub(crate) fn is_everything(&self) -> bool {
        self.shard.is_none() && self.only.is_none() && self.entry.is_none()
    }
}

/// The largest accepted configuration or list, in bytes.
const TEXT_LIMIT: u64 = 64 << 20;

/// Reads a repository's configuration.
///
/// # Errors
/// [`Error::Absent`] without one; [`Error::Text`] if it is not as it should be.
pub fn read_config(storage: &dyn Storage) -> Result<Config, Error> {
    let key: Key = CONFIG.parse()?;
    let expected = "the repository's configuration (docs/repository.md)";
    Config::parse(&text(storage, &key, expected)?, &storage.place_of(&key))
}

impl BuildPlan {
    /// Reads the configuration, its lists and the existing objects.
    ///
    /// # Errors
    /// [`Error::Absent`] without a configuration or one of its lists; [`Error::Text`] if one is invalid.
    pub fn read(storage: &dyn Storage) -> Result<Self, Error> {
        let config = read_config(storage)?;
        // Reading a list takes more memory than what is kept of it, so it is read before there is anything else.
        let mut lists = Lists::read(&config, storage);
        let state = State::read(storage)?;
        let mut asked = Asked::new(storage, &state);
        for entry in &config.entries {
            asked.add(entry, &mut lists)?;
            // Errors in a specification are reported before hours of work, not after.
            for index in &entry.indexes {
                specification(storage, &index.source)?;
            }
        }
        let Asked { mut items, rejects, debug_files, unlisted, .. } = asked;
        items.keep_first();
        let is_asked_for = |file: &Key| debug_files.contains(file.as_str());
        items.forget_rejects(&|reason| Conflict::is_settled(reason, &state, &is_asked_for));
        Ok(Self { config, items, rejects, state, debug_files, unlisted })
    }

    /// How many profiles of a shard are up to date according to their records, and how many there are.
    pub fn progress(&self, selection: &Selection, storage: &dyn Storage) -> (usize, usize) {
        let (mut done, mut all) = (0, 0);
        for item in self.items.iter().filter(|item| selection.takes(item)) {
            let content = item.key().and_then(|key| self.state.recorded(&key, storage));
            done += usize::from(content.is_some_and(|content| item.is_made(&content, storage, &self.state)));
            all += 1;
        }
        (done, all)
    }

    /// The PDBs that are still missing, for a machine that can download them.
    pub fn missing(&self, selection: &Selection, storage: &dyn Storage) -> Manifest {
        let mut manifest = Manifest::default();
        for item in self.items.iter().filter(|item| selection.takes(item)) {
            // Only PDBs are downloaded.
            if item.wanted().is_empty() {
                continue;
            }
            let kept = item.wanted().first().map(|wanted| format!("src/pdb/{}.pdb.gz", wanted.guid_age));
            let kept = kept.and_then(|kept| kept.parse::<Key>().ok());
            if kept.is_some_and(|kept| self.state.present.contains(&kept)) || self.is_done(&item, storage) {
                continue;
            }
            for mut wanted in item.wanted() {
                wanted.seen.push(item.name.to_string());
                manifest.wanted.push(wanted);
            }
        }
        manifest
    }

    /// Warnings.
    pub fn warnings(&self) -> &[String] {
        &self.state.warnings
    }

    /// Whether a profile exists and would be made identically.
    pub fn is_done(&self, item: &Item, storage: &dyn Storage) -> bool {
        let content = self.content(item, storage);
        content.is_some_and(|content| item.is_made(&content, storage, &self.state))
    }

    /// The description of an item's object: from the records or, if a builder was stopped before it could write any,
    /// from its own content.
    pub(crate) fn content(&self, item: &Item, storage: &dyn Storage) -> Option<Content> {
        let key = item.key()?;
        if let Some(content) = self.state.recorded(&key, storage) {
            return Some(content);
        }
        self.state.present.get(&key)?;
        let adopted = adopt(Some(item), &key, storage, &self.state).ok().flatten();
        adopted.map(|adopted| adopted.content)
    }

    /// Why an item could not be made before, if it could not.
    pub fn rejected<'a>(&'a self, item: &'a Item) -> Option<&'a str> {
        match &item.source {
            Source::Pdb { guid_age, guids, .. } => {
                self.rejects.get(guids)?.reasons.get(&guid_age.to_string()).map(String::as_str)
            }
            Source::Debug { rejected, .. } => rejected.as_deref(),
            _ => None,
        }
    }

    /// Whether the configuration has profiles of this debug file.
    pub(crate) fn asks_for(&self, file: &Key) -> bool {
        self.debug_files.contains(file.as_str())
    }

    /// Adds a build to the plan for the entry `target`, if the list does not have it; returns its name.
    ///
    /// # Errors
    /// [`Error::Storage`] if there is no such entry.
    pub fn ask(
        &mut self,
        target: &str,
        pdb: Option<&PdbName>,
        guid_age: GuidAge,
    ) -> Result<ProfileName, Error> {
        let entry = self.config.entry(target);
        let Some((entry, Handler::Windows { guids, has_structs, profile_class, file_names })) =
            entry.map(|entry| (entry, &entry.handler))
        else {
            let problem = format!("it has no entry '{target}' of type WindowsGUIDProfile");
            return Err(Error::Storage { place: CONFIG.to_owned(), problem });
        };
        let name: ProfileName = format!("{target}/{guid_age}").parse()?;
        let names = match pdb {
            Some(pdb) => vec![pdb.clone()],
            None => unnamed(entry, file_names)?,
        };
        if !self.items.names().any(|known| known == name.as_str()) {
            let mut group = Group::new(entry, guids.clone()).of_pdbs(*has_structs, profile_class.clone());
            group.add_pdb(names, guid_age);
            self.items.add(group);
        }
        Ok(name)
    }
}

/// Every profile in a configuration, for callers that only need to know how an object was made. A missing or
/// unreadable list affects only its own profiles, and is reported.
pub(crate) fn items_of(
    config: &Config,
    lists: &mut Lists,
    state: &State,
    storage: &dyn Storage,
    problems: &mut Vec<String>,
) -> Items {
    let mut asked = Asked::new(storage, state);
    for entry in &config.entries {
        if let Err(error) = asked.add(entry, lists) {
            problems.push(error.to_string());
        }
    }
    let mut items = asked.items;
    items.keep_first();
    items
}

/// The builds of Windows that the lists of a configuration name, or why a list cannot be read, by entry.
#[derive(Default)]
pub(crate) struct Lists(BTreeMap<ProfileName, Result<Group, Error>>);

impl Lists {
    pub(crate) fn read(config: &Config, storage: &dyn Storage) -> Self {
        let mut lists = BTreeMap::new();
        for entry in &config.entries {
            if let Handler::Windows { guids, has_structs, profile_class, file_names } = &entry.handler {
                let group = Group::new(entry, guids.clone()).of_pdbs(*has_structs, profile_class.clone());
                lists.insert(entry.name.clone(), read_builds(entry, guids, file_names, group, storage));
            }
        }
        Self(lists)
    }
}

/// Adds the builds of a list to `group`.
fn read_builds(
    entry: &Entry,
    guids: &Key,
    file_names: &[PdbName],
    mut group: Group,
    storage: &dyn Storage,
) -> Result<Group, Error> {
    let expected = format!("the GUIDs of {}", entry.name);
    let list = Guids::parse(&text(storage, guids, &expected)?, &storage.place_of(guids))?;
    // The builds with their names, of which a build may have several.
    let names: Vec<PdbName> = list.named.keys().cloned().collect();
    let mut builds: Vec<(GuidAge, Option<usize>)> = Vec::new();
    for (position, known) in list.named.into_values().enumerate() {
        builds.extend(known.into_iter().map(|build| (build, Some(position))));
    }
    builds.extend(list.unnamed.iter().map(|build| (*build, None)));
    builds.sort_unstable();
    group.reserve(builds.len());
    for same in builds.chunk_by(|(left, _), (right, _)| left == right) {
        let Some((guid_age, _)) = same.first() else { continue };
        // The name has to be one.
        let _: ProfileName = format!("{}/{guid_age}", entry.name).parse()?;
        let mut all: Vec<PdbName> =
            same.iter().filter_map(|(_, position)| names.get((*position)?).cloned()).collect();
        if same.iter().any(|(_, position)| position.is_none()) {
            all.extend(unnamed(entry, file_names)?);
        }
        group.add_pdb(all, *guid_age);
    }
    Ok(group)
}

/// A configuration, as far as it was read.
struct Asked<'a> {
    storage: &'a dyn Storage,
    state: &'a State,
    items: Items,
    rejects: BTreeMap<Key, Rejects>,
    debug_files: Names,
    /// The profiles of debug files that were read before, by file; loaded when the first entry needs them.
    builds: Option<Builds>,
    /// The entries whose listings were not read yet.
    unlisted: Vec<ProfileName>,
}

impl<'a> Asked<'a> {
    fn new(storage: &'a dyn Storage, state: &'a State) -> Self {
        Self {
            storage,
            state,
            items: Items::default(),
            rejects: BTreeMap::new(),
            debug_files: Names::default(),
            builds: None,
            unlisted: Vec::new(),
        }
    }

    /// The items of debug files whose keys match one of the patterns.
    fn add_debug_files(&mut self, entry: &Entry, patterns: &[String]) -> Result<(), Error> {
        let list: Key = format!("src/{}", entry.name).parse()?;
        let rejects = Rejects::read(self.storage, &list)?;
        if self.builds.is_none() {
            self.builds = Some(self.state.builds(self.storage)?);
        }
        let mut group = Group::new(entry, list.clone());
        for key in self.state.present.keys() {
            if !asks_for(patterns, key) || !self.debug_files.insert(key) {
                continue;
            }
            let known = self.builds.as_ref().and_then(|builds| builds.get(key));
            let key: Key = key.parse()?;
            let source = Source::Debug {
                key: key.clone(),
                list: list.clone(),
                named: known.is_some(),
                rejected: self.state.rejected(&key, &rejects, self.storage),
                origin: None,
            };
            group.add(Item {
                name: known.unwrap_or_else(|| ProfileName::by_source(&key)),
                entry: entry.name.clone(),
                source,
                profile_class: None,
                merge: entry.merge.clone(),
            });
        }
        self.items.add(group);
        self.rejects.insert(list, rejects);
        Ok(())
    }

    /// The items of a collection: those of its listing, or of the repository's own list of build-ids.
    fn add_collection(&mut self, entry: &Entry, collection: &Collection) -> Result<(), Error> {
        let list: Key = format!("src/{}", entry.name).parse()?;
        let rejects = Rejects::read(self.storage, &list)?;
        if self.builds.is_none() {
            self.builds = Some(self.state.builds(self.storage)?);
        }
        let rows = match &collection.place {
            Place::Debuginfod { list, .. } => {
                let expected = format!("the build-ids of {}", entry.name);
                build_ids(&text(self.storage, list, &expected)?, &self.storage.place_of(list))?
            }
            _ => match Listing::read(self.storage, entry, collection)? {
                Some(listing) => listing.rows,
                None => {
                    self.unlisted.push(entry.name.clone());
                    Vec::new()
                }
            },
        };
        let collection = Arc::new(collection.clone());
        let mut group = Group::new(entry, list.clone()).of_collection(&collection);
        for row in rows {
            let path = row.path.clone();
            let Ok(key) = format!("{}/{path}", entry.name).parse::<Key>() else { continue };
            let Some(origin) = Origin::new(&collection, row) else { continue };
            if origin.kind() == ItemKind::Build {
                add_build(entry, &mut group, &path)?;
                continue;
            }
            if !self.debug_files.insert(key.as_str()) {
                continue;
            }
            let fixed = match origin.kind() {
                ItemKind::Table => format!("{}/{}", entry.name, stem(&path)).parse().ok(),
                ItemKind::DebugFile => format!("Linux/{path}").parse().ok(),
                ItemKind::Package(_) | ItemKind::Build => None,
            };
            let known = fixed.or_else(|| self.builds.as_ref()?.get(key.as_str()));
            let source = DebugSource {
                key: key.clone(),
                sha256: origin.sha256().unwrap_or_else(|| UNKNOWN.to_owned()),
            };
            let source = Source::Debug {
                rejected: rejects.reasons.get(&source.to_string()).cloned(),
                named: known.is_some(),
                key: key.clone(),
                list: list.clone(),
                origin: Some(Remote(Box::new(origin))),
            };
            group.add(Item {
                name: known.unwrap_or_else(|| ProfileName::by_source(&key)),
                entry: entry.name.clone(),
                source,
                profile_class: None,
                merge: entry.merge.clone(),
            });
        }
        self.items.add(group);
        self.rejects.insert(list, rejects);
        Ok(())
    }

    fn add(&mut self, entry: &Entry, lists: &mut Lists) -> Result<(), Error> {
        let storage = self.storage;
        let mut others = Group::new(entry, format!("src/{}", entry.name).parse()?);
        let item = |name: ProfileName, source| Item {
            name,
            entry: entry.name.clone(),
            source,
            profile_class: None,
            merge: entry.merge.clone(),
        };
        match &entry.handler {
            Handler::Windows { guids, .. } => {
                let builds = lists.0.remove(&entry.name).transpose()?;
                if !self.rejects.contains_key(guids) {
                    self.rejects.insert(guids.clone(), Rejects::read(storage, guids)?);
                }
                if let Some(builds) = builds {
                    self.items.add(builds);
                }
            }
            Handler::Copy { source } => {
                others.add(item(entry.name.clone(), Source::Text(source.clone())));
            }
            Handler::Mac { sources } => {
                for source in sources {
                    let part = source.file_name();
                    let part = part.strip_suffix(".zip").unwrap_or(part);
                    let name = format!("{}/{part}", entry.name).parse()?;
                    others.add(item(name, Source::Pack(source.clone())));
                }
            }
            Handler::Linux => {
                let below = format!("src/{}/", entry.name);
                for key in self.state.present.keys_below(&below) {
                    // The name is the path between `src/` and `.zip`, unchanged.
                    let name = key.strip_prefix("src/").and_then(|name| name.strip_suffix(".zip"));
                    if let Some(name) = name {
                        others.add(item(name.parse()?, Source::Pack(key.parse()?)));
                    }
                }
            }
            Handler::Artifacts { patterns } => {
                let keys = self.state.present.keys();
                let keys = keys
                    .filter(|key| patterns.iter().any(|pattern| matches(pattern.as_bytes(), key.as_bytes())));
                let keys = keys.filter_map(|key| key.parse().ok()).collect();
                others.add(item(entry.name.clone(), Source::Artifacts(keys)));
            }
            Handler::DebugFiles { patterns } => self.add_debug_files(entry, patterns)?,
            Handler::Collection(collection) => self.add_collection(entry, collection)?,
        }
        self.items.add(others);
        Ok(())
    }
}

/// Adds the item of a PDB that a listing of Windows' builds names (`NAME/GUID`).
fn add_build(entry: &Entry, group: &mut Group, path: &str) -> Result<(), Error> {
    let build = path
        .rsplit_once('/')
        .and_then(|(name, build)| Some((PdbName::from_user(name).ok()?, build.parse::<GuidAge>().ok()?)));
    if let Some((name, guid_age)) = build {
        let _: ProfileName = format!("{}/{guid_age}", entry.name).parse()?;
        group.add_pdb(vec![name], guid_age);
    }
    Ok(())
}

/// The build-ids of a list, one per line; what follows `#` is a comment.
fn build_ids(text: &str, place: &str) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let id = line.split('#').next().unwrap_or_default().trim();
        if id.is_empty() {
            continue;
        }
        let id: BuildId = id.parse().map_err(|error: symbols::BuildIdError| Error::Text {
            place: place.to_owned(),
            line: number + 1,
            key: String::new(),
            expected: "a build-id per line".to_owned(),
            found: format!("'{}': {error}", id.chars().take(64).collect::<String>()),
        })?;
        rows.push(Row { path: id.to_string(), size: None, sha256: None, url: None });
    }
    Ok(rows)
}

/// The folder of debug files in a dSYM bundle.
const IN_BUNDLE: &str = "/Contents/Resources/DWARF/";

/// Whether a pattern matches a debug file, or the dSYM bundle that contains it. Other files in a bundle do not count,
/// nor do the repository's own files next to its sources.
fn asks_for(patterns: &[String], text: &str) -> bool {
    let named = |name: &str| patterns.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()));
    if [CLAIMS, PARTS, IMPORTS, LISTINGS].iter().any(|folder| text.starts_with(&format!("{folder}/")))
        || text.ends_with(".rejects.gz")
        || text == CONFIG
    {
        return false;
    }
    match text.split_once(".dSYM/") {
        None => named(text),
        Some((bundle, inside)) => {
            let is_debug_file =
                format!("/{inside}").strip_prefix(IN_BUNDLE).is_some_and(|name| !name.contains('/'));
            is_debug_file && (named(&format!("{bundle}.dSYM")) || named(text))
        }
    }
}

/// The text of a required object.
pub(crate) fn text(storage: &dyn Storage, key: &Key, expected: &str) -> Result<String, Error> {
    let place = storage.place_of(key);
    let object = storage.read(key, TEXT_LIMIT)?;
    let object =
        object.ok_or_else(|| Error::Absent { place: place.clone(), expected: expected.to_owned() })?;
    String::from_utf8(object.bytes).map_err(|error| Error::Storage {
        place,
        problem: format!("expected a text in UTF-8: byte {} is not valid", error.utf8_error().valid_up_to()),
    })
}

/// The PDB names for builds in a list without names.
fn unnamed(entry: &Entry, file_names: &[PdbName]) -> Result<Vec<PdbName>, Error> {
    if !file_names.is_empty() {
        return Ok(file_names.to_vec());
    }
    let names: &[&str] = match entry.family() {
        "nt" => &["ntkrnlmp", "ntkrnlpa", "ntkrpamp", "ntoskrnl"],
        family => &[family],
    };
    let name = |name: &&str| {
        PdbName::from_user(name)
            .map_err(|error| Error::Storage { place: entry.name.to_string(), problem: error.to_string() })
    };
    names.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_named_by_its_folder_and_only_its_debug_files_count() {
        let patterns = ["src/OSX/*.dSYM".to_owned(), "src/Linux/*".to_owned()];
        for (key, expected) in [
            ("src/OSX/kernel.dSYM/Contents/Resources/DWARF/kernel", true),
            ("src/OSX/kernel.dSYM/Contents/Info.plist", false),
            ("src/OSX/kernel.dSYM/Contents/Resources/DWARF/a/b", false),
            ("src/Linux/a/b.ddeb", true),
            ("src/Linux/k.dSYM/Contents/Info.plist", false),
            ("src/Linux/k.dSYM/Contents/Resources/DWARF/k", true),
            ("src/Linux/x.rejects.gz", false),
            ("src/Linus", false),
        ] {
            assert_eq!(asks_for(&patterns, key), expected, "{key}");
        }
        let all = ["*".to_owned()];
        for key in ["config.yaml", "src/parts/1.json", "src/builds/Linux/a.json", "src/imported/a.gz.json"] {
            assert!(!asks_for(&all, key), "{key}");
        }
    }
}
