use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bundle::{Build, Bundle, Identity, MAGIC, Source};
use converters::Identity as BuildIdentity;
use profile::{Effort, FileId, GzipWriter, MappedFile, Silent};
use symbols::{ClientOptions, Ranges, Whole};
use url::Url;

use super::{Condition, Object, Stat, Storage, Version};
use crate::inventory::seconds;
use crate::{Content, Error, INVENTORY, Inventory, Key, ProfileName, Record};

/// The builds of a bundle as a repository that is only read: a file, or a file on a server, of which only the parts that
/// are needed are fetched.
///
/// A build is listed under one name: that of its folder in a repository (`nt/GUID/...`), otherwise the name that it has
/// in the bundle, below `Linux` or `OSX`. It is found under each of these, by its name in the bundle, by its version and
/// by what identifies it. An object whose name ends in `.gz` is compressed, all others are text.
pub struct BundleStorage {
    origin: Origin,
    known: Mutex<Option<Known>>,
}

/// Where the bundle is.
enum Origin {
    File(PathBuf),
    Server(Url, Box<ClientOptions>),
}

/// The result of opening the bundle, which is used until its file is another one.
struct Known {
    stamp: Option<Stamp>,
    opened: Result<Arc<Opened>, String>,
}

/// What tells a file from the one that replaces it.
#[derive(PartialEq, Eq)]
struct Stamp {
    id: FileId,
    length: u64,
    modified: Option<SystemTime>,
}

/// A bundle whose list of builds was read.
struct Opened {
    bundle: Bundle,
    /// When the file was changed, if that is known.
    modified: Option<SystemTime>,
    /// The listed names, with the positions of their builds.
    listed: BTreeMap<String, usize>,
    /// The other names under which a build is found.
    aliases: HashMap<String, usize>,
}

/// The largest bundle that is fetched whole from a server that gives no parts of files, in bytes.
const LARGEST_WHOLE: u64 = 256 << 20;
const WHOLE: Whole = Whole { limit: LARGEST_WHOLE, signature: &MAGIC, kind: "a bundle of profiles" };

impl BundleStorage {
    /// The bundle in the file at `path`, which is opened when it is needed, and again when it was replaced.
    pub fn file(path: &Path) -> Self {
        Self { origin: Origin::File(path.to_owned()), known: Mutex::default() }
    }

    /// The bundle at an address.
    pub fn on_server(url: Url, client: ClientOptions) -> Self {
        Self { origin: Origin::Server(url, Box::new(client)), known: Mutex::default() }
    }

    fn opened(&self) -> Result<Arc<Opened>, Error> {
        let stamp = self.origin.stamp();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = match known.as_ref().filter(|known| known.stamp == stamp) {
            Some(known) => known.opened.clone(),
            None => {
                let opened =
                    self.origin.open().map(|(bundle, modified)| Arc::new(Opened::new(bundle, modified)));
                known.insert(Known { stamp, opened }).opened.clone()
            }
        };
        opened.map_err(|problem| Error::Storage { place: self.origin.place(), problem })
    }

    fn find(&self, opened: &Opened, name: &str) -> Result<Option<usize>, Error> {
        opened.find(name).map_err(|problem| Error::Storage { place: self.place(), problem })
    }
}

/// Opens the bundle at `place`: a path, or an address (`http://`, `https://`), of which only the parts that are needed are
/// fetched.
///
/// # Errors
/// [`Error::Storage`] if there is none, it is damaged, or it cannot be read.
pub fn open_bundle(place: &str, client: &ClientOptions) -> Result<Bundle, Error> {
    let origin = match super::url(place)? {
        Some(url) => Origin::Server(url, Box::new(client.clone())),
        None => Origin::File(PathBuf::from(place)),
    };
    let opened = origin.open().map(|(bundle, _)| bundle);
    opened.map_err(|problem| Error::Storage { place: origin.place(), problem })
}

impl Origin {
    fn place(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Server(url, _) => symbols::shown_address(url),
        }
    }

    /// The state of the file; `None` on a server, where it is only asked for once.
    fn stamp(&self) -> Option<Stamp> {
        let Self::File(path) = self else { return None };
        let metadata = std::fs::metadata(path).ok()?;
        let (id, length, modified) = (FileId::of_path(path).ok()?, metadata.len(), metadata.modified().ok());
        Some(Stamp { id, length, modified })
    }

    /// Opens the bundle, with the time when its file was changed.
    fn open(&self) -> Result<(Bundle, Option<SystemTime>), String> {
        let (bundle, modified) = match self {
            Self::File(path) => {
                let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
                let file = MappedFile::open(path).map_err(|error| error.to_string())?;
                (Bundle::new(Arc::new(file)), modified)
            }
            Self::Server(url, client) => {
                let remote = Ranges::open(url, client, WHOLE, &Silent);
                let remote = remote.map_err(|tried| tried.answer)?;
                (Bundle::new(Arc::new(Remote(remote))), None)
            }
        };
        match bundle {
            Ok(bundle) => Ok((bundle, modified)),
            Err(bundle::Error::NotABundle { .. }) => {
                let found = match self {
                    Self::File(path) => formats::identify_path(path).map_or_else(
                        |error| format!("a file that cannot be read ({error})"),
                        |found| found.to_string(),
                    ),
                    Self::Server(..) => "another file".to_owned(),
                };
                Err(format!("expected a bundle of profiles, found {found}"))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Opened {
    fn new(bundle: Bundle, modified: Option<SystemTime>) -> Self {
        let (mut listed, mut aliases) = (BTreeMap::new(), HashMap::new());
        for (position, build) in bundle.builds().iter().enumerate() {
            let names = names(build);
            // Of several builds with one name, the others have their own names in the bundle, which are unique.
            let name = names.first().filter(|name| !listed.contains_key(*name)).unwrap_or(&build.name);
            listed.entry(name.clone()).or_insert(position);
            for name in names {
                aliases.entry(name).or_insert(position);
            }
        }
        Self { bundle, modified, listed, aliases }
    }

    fn build(&self, position: usize) -> Option<&Build> {
        self.bundle.builds().get(position)
    }

    fn builds(&self) -> impl Iterator<Item = (&str, &Build)> {
        self.listed.iter().filter_map(|(name, position)| Some((name.as_str(), self.build(*position)?)))
    }

    /// The build with this name; an error if a version or an identity is that of several builds.
    fn find(&self, name: &str) -> Result<Option<usize>, String> {
        let known = self.listed.get(name).or_else(|| self.aliases.get(name)).copied();
        if known.is_some() {
            return Ok(known);
        }
        match self.bundle.find(name) {
            Ok(position) => Ok(Some(position)),
            Err(bundle::Error::NoBuild { .. }) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The inventory, with what the bundle knows of its builds.
    fn inventory(&self) -> Inventory {
        let modified = self.modified.map_or(0.0, seconds);
        let record = |build| Record { modified, content: Some(content(build)) };
        self.builds().map(|(name, build)| (name.to_owned(), record(build))).collect()
    }

    /// The version of the whole bundle.
    fn version(&self) -> Version {
        Version(hexadecimal(&self.bundle.digest()))
    }
}

/// The names that a build has in repositories, that for lists first.
fn names(build: &Build) -> Vec<String> {
    let folder = match build.class.as_str() {
        class if class.starts_with("Linux") => Some("Linux"),
        class if class.starts_with("Darwin") => Some("OSX"),
        _ => None,
    };
    let mut names = Vec::new();
    if let Some(folder) = folder {
        let inside = build.name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        let inside = inside.unwrap_or(&build.name);
        // Kernels are found by their releases too, which therefore have to be in the name.
        names.push(match inside.contains(&build.version) {
            true => format!("{folder}/{inside}"),
            false => format!("{folder}/{}/{inside}", build.version),
        });
    }
    for identity in &build.identities {
        let identity = match identity {
            Identity::BuildId(id) => Some(BuildIdentity::BuildId(id.to_ascii_lowercase())),
            Identity::Uuid(uuid) => Some(BuildIdentity::Uuid(uuid.clone())),
            Identity::GuidAge(text) => text.parse().ok().map(|guid_age| BuildIdentity::Pdb {
                name: build.file.clone().unwrap_or_default(),
                guid_age,
            }),
            Identity::Banner(_) => None,
        };
        let name = identity.and_then(|identity| ProfileName::of_build(&identity).ok());
        names.extend(name.map(|name| name.to_string()));
    }
    names.retain(|name| name.parse::<ProfileName>().is_ok());
    if names.is_empty() {
        names.push(build.name.clone());
    }
    names
}

/// What an inventory says of a build. Its verdict is not known, and its SHA-256 is that of its text.
fn content(build: &Build) -> Content {
    let banner = build.identities.iter().find_map(|identity| match identity {
        Identity::Banner(banner) => Some(banner.clone()),
        _ => None,
    });
    let guid_age = build.identities.iter().find_map(|identity| match identity {
        Identity::GuidAge(guid_age) => Some(guid_age.as_str()),
        _ => None,
    });
    let source = build.file.as_deref().zip(guid_age).map(|(file, build)| format!("{file}/{build}"));
    Content {
        sha256: hexadecimal(&build.sha256),
        size: build.text_length,
        source: source.unwrap_or_default(),
        banner: banner.unwrap_or_default(),
        ..Content::default()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name in a key, and whether the object is compressed.
fn named(key: &Key) -> (&str, bool) {
    let text = key.as_str();
    let (text, is_compressed) = match text.strip_suffix(".gz") {
        Some(text) => (text, true),
        None => (text, false),
    };
    (text.strip_suffix(".json").unwrap_or(text), is_compressed)
}

impl Storage for BundleStorage {
    fn place(&self) -> String {
        self.origin.place()
    }

    /// As the commands name a build of a bundle.
    fn place_of(&self, key: &Key) -> String {
        let (name, _) = named(key);
        let opened = self.opened().ok();
        let build = opened.as_ref().and_then(|opened| opened.build(opened.find(name).ok()??));
        format!("{}:{}", self.place(), build.map_or(name, |build| build.name.as_str()))
    }

    fn keys(&self, name: &ProfileName) -> Vec<Key> {
        vec![name.plain_key()]
    }

    fn read(&self, key: &Key, limit: u64) -> Result<Option<Object>, Error> {
        let place = || self.place_of(key);
        let opened = self.opened()?;
        let object = if key.as_str() == INVENTORY {
            // Whoever copies objects needs their times. The size and the digest of a compressed object are not known.
            let modified = opened.modified.map_or(0.0, seconds);
            let record = Record { modified, content: None };
            let names = opened.builds().map(|(name, _)| (name.to_owned(), record.clone()));
            let inventory: Inventory = names.collect();
            Object { bytes: inventory.to_bytes()?, version: opened.version() }
        } else {
            let (name, is_compressed) = named(key);
            let Some(position) = self.find(&opened, name)? else { return Ok(None) };
            let text = opened.bundle.text(position);
            let text = text.map_err(|error| Error::Storage { place: place(), problem: error.to_string() })?;
            let bytes = if is_compressed { compressed(&text) } else { Ok(text.into_bytes()) };
            let bytes = bytes.map_err(|error| Error::io(place(), error))?;
            let version = opened.build(position).map(|build| hexadecimal(&build.sha256));
            Object { bytes, version: Version(version.unwrap_or_default()) }
        };
        if object.bytes.len() as u64 > limit {
            return Err(Error::TooLarge { place: place(), limit });
        }
        Ok(Some(object))
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>, Error> {
        let opened = self.opened()?;
        let modified = opened.modified;
        if key.as_str() == INVENTORY {
            return Ok(Some(Stat { size: opened.bundle.length(), modified, version: opened.version() }));
        }
        let position = self.find(&opened, named(key).0)?;
        let build = position.and_then(|position| opened.build(position));
        Ok(build.map(|build| Stat {
            size: build.text_length,
            modified,
            version: Version(hexadecimal(&build.sha256)),
        }))
    }

    /// The listed names of the builds, as objects that are text.
    fn list(&self, prefix: &str) -> Result<Vec<(Key, Stat)>, Error> {
        let opened = self.opened()?;
        let prefix = prefix.trim_end_matches('/');
        let below = |name: &str| {
            prefix.is_empty() || name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
        };
        let mut found: Vec<(Key, Stat)> = Vec::new();
        for (name, build) in opened.builds().filter(|(name, _)| below(name)) {
            let version = Version(hexadecimal(&build.sha256));
            let stat = Stat { size: build.text_length, modified: opened.modified, version };
            found.extend(format!("{name}.json").parse().ok().map(|key| (key, stat)));
        }
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(found)
    }

    fn inventory(&self) -> Result<Option<(Inventory, Version)>, Error> {
        let opened = self.opened()?;
        Ok(Some((opened.inventory(), opened.version())))
    }

    fn is_writable(&self) -> bool {
        false
    }

    fn write(&self, key: &Key, _: &[u8], _: &Condition) -> Result<Option<Version>, Error> {
        Err(Error::ReadOnly { place: self.place_of(key) })
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        Err(Error::ReadOnly { place: self.place_of(key) })
    }
}

fn compressed(text: &str) -> io::Result<Vec<u8>> {
    let mut writer = GzipWriter::new(Vec::new(), Effort::Default, 1);
    io::Write::write_all(&mut writer, text.as_bytes())?;
    writer.finish()
}

/// A bundle on a server.
struct Remote(Ranges);

impl Source for Remote {
    fn length(&self) -> u64 {
        self.0.length()
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Cow<'_, [u8]>> {
        let end = offset.checked_add(length as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        let read = self.0.read(offset..end);
        read.map(Cow::Owned).map_err(|tried| io::Error::other(tried.answer))
    }
}
