use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use analyzer::Layout;
use profile::{Profile, Progress, ReadError, Report, Text, merge, unpack};
use serde_json::Value;
use symbols::{ClientOptions, Web};

use crate::storage::{self, BundleStorage, Site, Storage};
use crate::{Error, Object, ProfileName};

/// The public repository of Rekall's profiles.
pub const PUBLIC: &str = "https://github.com/google/rekall-profiles/raw/master";

/// Repositories in the order in which they are searched: those on this machine before those on servers, each kind in
/// the given order.
pub struct Repositories {
    places: Vec<Place>,
    /// How many of them are on this machine.
    local: usize,
}

/// A repository. If its server did not answer, it is not asked again in this run, and the reason is kept.
struct Place {
    storage: Box<dyn Storage>,
    /// Repositories on one server have it in common.
    silent: Arc<OnceLock<String>>,
}

/// A server that fails only after this long does not answer, and is not contacted again.
const SILENT: Duration = Duration::from_secs(4);

impl Place {
    /// Sends a request to the repository, unless it did not answer before.
    fn ask<T>(&self, question: impl FnOnce(&dyn Storage) -> Result<T, Error>) -> Result<T, Error> {
        if let Some(problem) = self.silent.get() {
            let problem = format!("not asked again in this run: {problem}");
            return Err(Error::Storage { place: self.storage.place(), problem });
        }
        let begun = Instant::now();
        let answer = question(self.storage.as_ref());
        if let Err(error) = &answer
            && begun.elapsed() >= SILENT
        {
            // The first thread to arrive records the reason.
            let _ = self.silent.set(error.to_string());
        }
        answer
    }
}

/// Selects repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those on this machine.
    Local,
    /// All of them, those on this machine first.
    Everywhere,
}

/// How repositories are opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder for copies of files from servers; `None` keeps none.
    pub cache: Option<PathBuf>,
    /// How servers are contacted. Offline, only the copies are available.
    pub client: ClientOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache: None, client: Web::options() }
    }
}

/// A profile that was found.
pub struct Loaded {
    /// Its name in its repository; after following symlinks, that of their target.
    pub name: ProfileName,
    /// Its object's address.
    pub place: String,
    /// The profile.
    pub text: Text,
    /// The symlinks that led to it, each with its address.
    pub way: Vec<(ProfileName, String)>,
}

/// The largest accepted profile, in bytes, compressed.
const LARGEST: u64 = 1 << 30;
/// The longest chain of symlinks.
const MOST_LINKS: usize = 16;

impl Repositories {
    /// The repositories at these places: folders, bundles, addresses (`http://`, `https://`) or buckets (`s3://`). Nothing
    /// is read yet.
    ///
    /// # Errors
    /// [`Error::Storage`] if a text is something else.
    pub fn open(places: &[String], options: &Options) -> Result<Self, Error> {
        // Servers are not waited for while a folder may have the answer.
        let (local, remote): (Vec<&String>, Vec<&String>) =
            places.iter().partition(|place| !place.contains("://"));
        let count = local.len();
        let mut servers: BTreeMap<&str, Arc<OnceLock<String>>> = BTreeMap::new();
        let mut opened = Vec::new();
        for place in local.into_iter().chain(remote) {
            let silent = Arc::clone(servers.entry(server(place)).or_default());
            opened.push(Place { storage: open(place, options)?, silent });
        }
        Ok(Self { places: opened, local: count })
    }

    /// Their places, in order.
    pub fn places(&self) -> impl Iterator<Item = String> {
        self.places.iter().map(|place| place.storage.place())
    }

    /// Their storages, in order.
    pub fn storages(&self) -> impl Iterator<Item = &dyn Storage> {
        self.places.iter().map(|place| place.storage.as_ref())
    }

    fn within(&self, reach: Reach) -> &[Place] {
        match reach {
            Reach::Local => self.places.get(..self.local).unwrap_or(&self.places),
            Reach::Everywhere => &self.places,
        }
    }

    /// Whether some of them are on servers or in buckets.
    pub fn has_remote(&self) -> bool {
        self.local < self.places.len()
    }

    /// The profile of this name, from the first repository that has it, following symlinks.
    ///
    /// # Errors
    /// [`Error::NotFound`] with every place that was searched, including the errors of places that could not be
    /// searched. [`Error::Links`] for symlinks that form a circle.
    pub fn load(&self, name: &ProfileName, progress: &dyn Progress) -> Result<Loaded, Error> {
        self.load_within(name, Reach::Everywhere, progress)
    }

    /// The same, from the selected repositories. The target of a symlink may be anywhere.
    ///
    /// # Errors
    /// As for [`Repositories::load`].
    pub fn load_within(
        &self,
        name: &ProfileName,
        reach: Reach,
        progress: &dyn Progress,
    ) -> Result<Loaded, Error> {
        let mut way: Vec<(ProfileName, String)> = Vec::new();
        let mut wanted = name.clone();
        loop {
            let reach = if way.is_empty() { reach } else { Reach::Everywhere };
            let (name, place, text) = self.find(&wanted, reach, &way, progress)?;
            let metadata = text.metadata();
            let entry = |key: &str| metadata.get(key).and_then(Value::as_str);
            let target = entry("Target").filter(|_| entry("Type") == Some("Symlink"));
            let Some(target) = target else {
                return Ok(Loaded { name, place, text, way });
            };
            let target: ProfileName = target.parse()?;
            let circle = name == target || way.iter().any(|(known, _)| *known == target);
            way.push((name, place));
            if circle || way.len() > MOST_LINKS {
                let mut names: Vec<String> = way.iter().map(|(name, _)| name.to_string()).collect();
                names.push(target.to_string());
                return Err(Error::Links { names });
            }
            wanted = target;
        }
    }

    /// Finds a name to which the symlinks on the `way` led. A symlink on that path is not its own target, under
    /// whatever spelling of the name it is found.
    fn find(
        &self,
        name: &ProfileName,
        reach: Reach,
        way: &[(ProfileName, String)],
        progress: &dyn Progress,
    ) -> Result<(ProfileName, String, Text), Error> {
        let mut tried = Vec::new();
        for repository in self.within(reach) {
            let storage = repository.storage.as_ref();
            let place = storage.place();
            let mut answer = None;
            for name in spellings(name) {
                for key in storage.keys(&name) {
                    let place = storage.place_of(&key);
                    if let Some((link, _)) = way.iter().find(|(_, known)| *known == place) {
                        answer = Some(format!("not there, and {link} is a symlink that leads to it"));
                        continue;
                    }
                    match repository.ask(|storage| storage.read(&key, LARGEST)) {
                        Ok(None) => {}
                        Ok(Some(object)) => {
                            progress.debug(&format!("Opened {place}"));
                            match text(&object.bytes) {
                                Ok(text) => return Ok((name, place, text)),
                                Err(error) => answer = Some(format!("{key}: {error}")),
                            }
                        }
                        Err(error) => answer = Some(error.to_string()),
                    }
                }
            }
            let answer = answer.unwrap_or_else(|| storage.absence().to_owned());
            progress.debug(&format!("Could not find profile {name} in {place}: {answer}"));
            tried.push((place, answer));
        }
        Err(Error::NotFound { name: name.to_string(), tried })
    }

    /// Every profile whose name begins with the folder `prefix`, each once, with the places that cannot list them.
    pub fn names(&self, prefix: &str) -> (Vec<ProfileName>, Vec<Error>) {
        self.names_within(prefix, Reach::Everywhere)
    }

    /// The same, in the selected repositories.
    pub fn names_within(&self, prefix: &str, reach: Reach) -> (Vec<ProfileName>, Vec<Error>) {
        let (mut names, mut failed) = (Vec::new(), Vec::new());
        for repository in self.within(reach) {
            match repository.ask(|storage| storage.list(prefix)) {
                Ok(listed) => names.extend(listed.iter().filter_map(|(key, _)| ProfileName::of_any_key(key))),
                Err(error) => failed.push(error),
            }
        }
        names.sort();
        names.dedup();
        (names, failed)
    }

    /// The object of a profile or index under its own name, in every repository that has one, with its address. A
    /// place that cannot be reached is reported when profiles are loaded.
    pub(crate) fn objects(&self, name: &ProfileName, limit: u64) -> Vec<(String, Object)> {
        let key = name.key();
        let object = |repository: &Place| {
            let object = repository.ask(|storage| storage.read(&key, limit)).ok().flatten()?;
            Some((repository.storage.place_of(&key), object))
        };
        self.places.iter().filter_map(object).collect()
    }

    /// The first writable repository: a folder or a bucket.
    pub fn writable(&self) -> Option<&dyn Storage> {
        self.storages().find(|storage| storage.is_writable())
    }

    /// The structs and symbols of a profile, with the profiles of its `$MERGE` applied. Missing ones are reported;
    /// the profile is complete without them.
    ///
    /// # Errors
    /// [`Error::Profile`] if one is damaged.
    pub fn layout(&self, loaded: Loaded, progress: &dyn Progress) -> Result<Layout, Error> {
        if !loaded.text.as_str().contains("\"$MERGE\"") {
            return Ok(Layout::from_text(loaded.text));
        }
        let damaged = |source: ReadError| Error::Profile { place: loaded.place.clone(), source };
        let mut whole = loaded.text.profile(&mut Report::default()).map_err(damaged)?;
        let mut useful = false;
        let mut over = Vec::new();
        for name in std::mem::take(&mut whole.merge) {
            let found = name.parse().and_then(|name| self.load(&name, progress));
            match found {
                Ok(found) => {
                    let part = found.text.profile(&mut Report::default());
                    let part = part.map_err(|source| Error::Profile { place: found.place, source })?;
                    useful |= says_something(&part);
                    over.push(name);
                }
                Err(error) => progress.debug(&format!("{}: without {name}: {error}", loaded.name)),
            }
        }
        if !useful {
            return Ok(Layout::from_text(loaded.text));
        }
        whole.merge = over;
        let mut load = |name: &str| -> Result<Profile, Error> {
            let found = self.load(&name.parse()?, progress)?;
            let read = found.text.profile(&mut Report::default());
            read.map_err(|source| Error::Profile { place: found.place, source })
        };
        let merged = merge(whole, &mut load)
            .map_err(|error| Error::Storage { place: loaded.place.clone(), problem: error.to_string() })?;
        Ok(Layout::from_profile(merged))
    }
}

/// Whether merging the profile into another one changes structs or symbols.
fn says_something(profile: &Profile) -> bool {
    let symbols = profile.constants.len() + profile.functions.len() + profile.constant_types.len();
    symbols > 0 || profile.types.records().next().is_some()
}

fn text(bytes: &[u8]) -> Result<Text, ReadError> {
    Text::new(unpack(bytes, profile::MAX_TEXT)?.into_owned())
}

/// The names under which repositories keep the same profile: a build in its canonical spelling, and in the current
/// and the older folder of kernels (`nt/GUID`, `GUID`).
fn spellings(name: &ProfileName) -> Vec<ProfileName> {
    let mut names = Vec::new();
    let mut add = |text: String| {
        if let Ok(name) = text.parse::<ProfileName>()
            && !names.contains(&name)
        {
            names.push(name);
        }
    };
    if let (Some(guid_age), Some((folder, _))) = (name.guid_age(), name.as_str().rsplit_once('/')) {
        add(format!("{folder}/{guid_age}"));
        match folder {
            "GUID" => add(format!("nt/GUID/{guid_age}")),
            "nt/GUID" => add(format!("GUID/{guid_age}")),
            _ => {}
        }
    }
    add(name.to_string());
    names
}

/// The server of an address, with its scheme and port; any other place is one of its own.
fn server(place: &str) -> &str {
    let Some((scheme, rest)) = place.split_once("://") else { return place };
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    place.get(..scheme.len() + 3 + host).unwrap_or(place)
}

/// Opens one repository. An address is that of a bundle, or it contains `v1.0`, or it is that folder, as on this
/// machine.
fn open(place: &str, options: &Options) -> Result<Box<dyn Storage>, Error> {
    if let Some(url) = storage::bundle_url(place)? {
        return Ok(Box::new(BundleStorage::on_server(url, options.client.clone())));
    }
    let Some(mut url) = storage::url(place)? else { return storage::open(place, &options.client) };
    if !url.path().trim_end_matches('/').ends_with("/v1.0") {
        let mut path = url.path().trim_end_matches('/').to_owned();
        let _ = write!(path, "/v1.0");
        url.set_path(&path);
    }
    let cache = options.cache.as_deref();
    Ok(Box::new(Site::new(url, cache, options.client.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(name: &str) -> Vec<String> {
        spellings(&name.parse().unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn repositories_on_one_server_have_it_in_common() {
        assert_eq!(server("https://a.example:8080/profiles/v1.0"), "https://a.example:8080");
        assert_eq!(server("https://a.example:8080"), "https://a.example:8080");
        assert_eq!(server("http://b?x"), "http://b");
        assert_eq!(server("/srv/profiles"), "/srv/profiles");
    }

    #[test]
    fn both_folders_of_kernels_are_searched() {
        let guid = "F8E2A8B5C9B74BF4A6E4A48F180099942";
        let lower = guid.to_lowercase();
        let expected = [format!("GUID/{guid}"), format!("nt/GUID/{guid}"), format!("GUID/{lower}")];
        assert_eq!(spelled(&format!("GUID/{lower}")), expected);
        assert_eq!(spelled(&format!("tcpip/GUID/{guid}")), [format!("tcpip/GUID/{guid}")]);
        assert_eq!(spelled("OSX/10.7.4_AMD"), ["OSX/10.7.4_AMD"]);
    }
}
