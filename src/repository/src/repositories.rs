use std::fmt::Write as _;
use std::path::PathBuf;

use analyzer::Layout;
use profile::{Profile, Progress, ReadError, Report, Text, merge, unpack};
use serde_json::Value;
use symbols::{ClientOptions, Web};
use url::Url;

use crate::storage::{self, Site, Storage};
use crate::{Error, ProfileName};

/// The public repository of Rekall's profiles.
pub const PUBLIC: &str = "https://github.com/google/rekall-profiles/raw/master";

/// Repositories in the order in which they are looked through.
pub struct Repositories {
    places: Vec<Box<dyn Storage>>,
}

/// How repositories are opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where copies of what servers have are kept; none keeps none.
    pub cache: Option<PathBuf>,
    /// How servers are asked. Offline, only the copies of what they have are there.
    pub client: ClientOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache: None, client: Web::options() }
    }
}

/// A profile as it was found.
pub struct Loaded {
    /// The name it has in its repository; behind symlinks, that of what they lead to.
    pub name: ProfileName,
    /// Its object's address.
    pub place: String,
    /// The profile.
    pub text: Text,
    /// The symlinks that led to it, each with its address.
    pub way: Vec<(ProfileName, String)>,
}

/// The largest profile that is read, in bytes, packed.
const LARGEST: u64 = 1 << 30;
/// How many symlinks may follow each other.
const MOST_LINKS: usize = 16;

impl Repositories {
    /// The repositories at these places: folders, addresses (`http://`, `https://`) or buckets (`s3://`). Nothing is read
    /// yet.
    ///
    /// # Errors
    /// [`Error::Storage`] for a text that is none of them.
    pub fn open(places: &[String], options: &Options) -> Result<Self, Error> {
        let open = |place: &String| open(place, options);
        Ok(Self { places: places.iter().map(open).collect::<Result<_, _>>()? })
    }

    /// Their places, in order.
    pub fn places(&self) -> impl Iterator<Item = String> {
        self.places.iter().map(|place| place.place())
    }

    /// Their storages, in order.
    pub fn storages(&self) -> impl Iterator<Item = &dyn Storage> {
        self.places.iter().map(AsRef::as_ref)
    }

    /// The profile of this name, from the first repository that has it, behind any symlinks.
    ///
    /// # Errors
    /// [`Error::NotFound`] with every place that was asked; what [`Storage::read`] gives where no place has it and one
    /// could not be asked stands there too. [`Error::Links`] for symlinks that lead nowhere.
    pub fn load(&self, name: &ProfileName, progress: &dyn Progress) -> Result<Loaded, Error> {
        let mut way: Vec<(ProfileName, String)> = Vec::new();
        let mut wanted = name.clone();
        loop {
            let (name, place, text) = self.find(&wanted, progress)?;
            let metadata = text.metadata();
            let entry = |key: &str| metadata.get(key).and_then(Value::as_str);
            let target = entry("Target").filter(|_| entry("Type") == Some("Symlink"));
            let Some(target) = target else {
                return Ok(Loaded { name, place, text, way });
            };
            let circle = way.iter().any(|(known, _)| known.as_str() == target) || name.as_str() == target;
            let target: ProfileName = target.parse()?;
            way.push((name, place));
            if circle || way.len() > MOST_LINKS {
                let mut names: Vec<String> = way.iter().map(|(name, _)| name.to_string()).collect();
                names.push(target.to_string());
                return Err(Error::Links { names });
            }
            wanted = target;
        }
    }

    fn find(
        &self,
        name: &ProfileName,
        progress: &dyn Progress,
    ) -> Result<(ProfileName, String, Text), Error> {
        let mut tried = Vec::new();
        for storage in self.storages() {
            let place = storage.place();
            let mut answer = None;
            for name in spellings(name) {
                for key in [name.key(), name.plain_key()] {
                    let place = storage.place_of(&key);
                    match storage.read(&key, LARGEST) {
                        Ok(None) => {}
                        Ok(Some(object)) => {
                            progress.tell(&format!("Opened {place}"));
                            match text(&object.bytes) {
                                Ok(text) => return Ok((name, place, text)),
                                Err(error) => answer = Some(format!("{key}: {error}")),
                            }
                        }
                        Err(error) => answer = Some(error.to_string()),
                    }
                }
            }
            let answer = answer.unwrap_or_else(|| "not there".to_owned());
            progress.tell(&format!("Could not find profile {name} in {place}: {answer}"));
            tried.push((place, answer));
        }
        Err(Error::NotFound { name: name.to_string(), tried })
    }

    /// Every profile whose name begins with the folder `prefix`, each once, with the places that cannot tell.
    pub fn names(&self, prefix: &str) -> (Vec<ProfileName>, Vec<Error>) {
        let (mut names, mut failed) = (Vec::new(), Vec::new());
        for storage in self.storages() {
            match storage.list(prefix) {
                Ok(listed) => names.extend(listed.iter().filter_map(|(key, _)| ProfileName::of_key(key))),
                Err(error) => failed.push(error),
            }
        }
        names.sort();
        names.dedup();
        (names, failed)
    }

    /// The first that can be written to: a folder or a bucket.
    pub fn writable(&self) -> Option<&dyn Storage> {
        self.storages().find(|storage| storage.is_writable())
    }

    /// What a profile says of structs and symbols, with the profiles of its `$MERGE` laid over it. Those that are not to
    /// be had are told: they add to a profile that is whole without them.
    ///
    /// # Errors
    /// [`Error::Profile`] where one is damaged.
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
                Err(error) => progress.tell(&format!("{}: without {name}: {error}", loaded.name)),
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

/// Whether laying the profile over another changes what that says of structs and symbols.
fn says_something(profile: &Profile) -> bool {
    let symbols = profile.constants.len() + profile.functions.len() + profile.constant_types.len();
    symbols > 0 || profile.types.records().next().is_some()
}

fn text(bytes: &[u8]) -> Result<Text, ReadError> {
    Text::new(unpack(bytes, profile::MAX_TEXT)?.into_owned())
}

/// The names under which repositories keep the same profile: a build in its canonical spelling, and in today's and the
/// older folder of kernels (`nt/GUID`, `GUID`).
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

/// Opens one repository. An address has its objects in `v1.0`, or is that folder, as on this machine.
fn open(place: &str, options: &Options) -> Result<Box<dyn Storage>, Error> {
    if !place.starts_with("http://") && !place.starts_with("https://") {
        return storage::open(place, &options.client);
    }
    let wrong = |problem: String| Error::Storage { place: place.to_owned(), problem };
    let mut url: Url = place.parse().map_err(|error| wrong(format!("no address: {error}")))?;
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
    fn both_folders_of_kernels_are_looked_into() {
        let guid = "F8E2A8B5C9B74BF4A6E4A48F180099942";
        let lower = guid.to_lowercase();
        let expected = [format!("GUID/{guid}"), format!("nt/GUID/{guid}"), format!("GUID/{lower}")];
        assert_eq!(spelled(&format!("GUID/{lower}")), expected);
        assert_eq!(spelled(&format!("tcpip/GUID/{guid}")), [format!("tcpip/GUID/{guid}")]);
        assert_eq!(spelled("OSX/10.7.4_AMD"), ["OSX/10.7.4_AMD"]);
    }
}
