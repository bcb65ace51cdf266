use pe::PdbName;

use crate::collection::{self, Collection, CollectionReader};
use crate::pattern::matches;
use crate::yaml::{At, Node};
use crate::{Error, Key, ProfileName};

/// The contents of a repository: its `config.yaml`, in the order of the text.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// One key of the configuration: a profile or a prefix of profiles, and how they are made.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key (`nt/GUID`, `OSX`, `nt/undocumented`).
    pub name: ProfileName,
    /// Its line.
    pub line: usize,
    /// How its profiles are made.
    pub handler: Handler,
    /// The names of profiles that are merged into each (`transforms: {merge: [...]}`).
    pub merge: Vec<String>,
    /// The indexes over its profiles.
    pub indexes: Vec<IndexSource>,
}

/// How the profiles of an entry are made: its `type`, as Rekall names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handler {
    /// `WindowsGUIDProfile`: one profile per GUID in a list, from PDBs.
    Windows {
        /// The list.
        guids: Key,
        /// Whether a profile without types is a failure.
        has_structs: bool,
        /// The class for Rekall's loader; by default it is derived from the PDB's name.
        profile_class: Option<String>,
        /// The PDB names to try if the list does not give them.
        file_names: Vec<PdbName>,
    },
    /// `CopyAndTransform`: one profile, from a text in YAML or JSON.
    Copy {
        /// The text.
        source: Key,
    },
    /// `OSXProfile`: one profile for each pack.
    Mac {
        /// The packs, with or without `.zip`.
        sources: Vec<Key>,
    },
    /// `LinuxProfile`: one profile per zip below `src/` and the entry's name.
    Linux,
    /// `DebugFile`: one profile per file with debug information, named by the build that the file belongs to.
    DebugFiles {
        /// Patterns of keys, as for [`Handler::Artifacts`].
        patterns: Vec<String>,
    },
    /// `ArtifactProfile`: one profile with the definitions in the texts that match a pattern.
    Artifacts {
        /// Patterns of keys: `*` stands for any characters, including slashes, and `?` for one.
        patterns: Vec<String>,
    },
    /// `DebianArchive`, `RpmArchive`, `Debuginfod`, `IsfList` or `WindowsBuilds`: one profile per kernel, table or build that
    /// is listed.
    Collection(Box<Collection>),
}

/// An index, given by the text that specifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSource {
    /// The text.
    pub source: Key,
    /// The index.
    pub target: ProfileName,
}

/// The object with the configuration.
pub const CONFIG: &str = "config.yaml";

/// The keys that every entry may have.
const COMMON: [&str; 3] = ["type", "index", "transforms"];
/// Those of each handler.
const KEYS: [(&str, &[&str]); 7] = [
    ("WindowsGUIDProfile", &["guids", "has_structs", "profile_class", "possible_guid_filenames"]),
    ("CopyAndTransform", &["source"]),
    ("OSXProfile", &["sources"]),
    ("LinuxProfile", &[]),
    ("ArtifactProfile", &["patterns"]),
    ("DebugFile", &["sources"]),
    ("KernelDebugKits", &["folder"]),
];

/// The keys of a type of entry.
fn keys_of(kind: &str) -> Option<&'static [&'static str]> {
    let all = KEYS.iter().chain(&collection::KEYS);
    all.into_iter().find(|(name, _)| *name == kind).map(|(_, keys)| *keys)
}

fn every_key() -> Vec<&'static str> {
    let mut all = COMMON.to_vec();
    for key in KEYS.iter().chain(&collection::KEYS).flat_map(|(_, keys)| keys.iter()) {
        if !all.contains(key) {
            all.push(key);
        }
    }
    all
}

const HANDLERS: &str = "WindowsGUIDProfile, CopyAndTransform, OSXProfile, LinuxProfile, ArtifactProfile, DebianArchive, \
     RpmArchive, Debuginfod, IsfList, WindowsBuilds, KernelDebugKits or DebugFile";

impl Config {
    /// Reads a configuration; `place` is its name in errors.
    ///
    /// # Errors
    /// [`Error::Text`], with line, key and what was expected.
    pub fn parse(text: &str, place: &str) -> Result<Self, Error> {
        let root = Node::parse(text, place)?;
        let mut config = Self::default();
        for (key, value) in root.entries(&At { place, key: "" })? {
            let name = key.text(&At { place, key: "" })?;
            let entry = Reader { place, name, node: value, line: key.line }.entry()?;
            if config.entries.iter().any(|known| known.name == entry.name) {
                return Err(At { place, key: name }.wrong(key, "every name once"));
            }
            config.entries.push(entry);
        }
        Ok(config)
    }

    /// The entry that reads this object, by its address or by a pattern.
    pub(crate) fn reader_of(&self, key: &Key) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.reads(key))
    }

    /// The entry with this name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name.as_str() == name)
    }
}

impl Entry {
    /// Whether its profiles or indexes are made from this object.
    fn reads(&self, key: &Key) -> bool {
        let by_handler = match &self.handler {
            Handler::Windows { guids, .. } => guids == key,
            Handler::Copy { source } => source == key,
            // Packs are named with or without their ending.
            Handler::Mac { sources } => {
                sources.iter().any(|source| source == key || key.as_str() == format!("{source}.zip"))
            }
            Handler::DebugFiles { patterns } | Handler::Artifacts { patterns } => {
                patterns.iter().any(|pattern| matches(pattern.as_bytes(), key.as_str().as_bytes()))
            }
            Handler::Collection(collection) => {
                matches!(&collection.place, collection::Place::Debuginfod { list, .. } if list == key)
            }
            // Its sources are below src/.
            Handler::Linux => false,
        };
        by_handler || self.indexes.iter().any(|index| index.source == *key)
    }

    /// The first part of its name (`nt` of `nt/GUID`).
    pub fn family(&self) -> &str {
        let name = self.name.as_str();
        name.split('/').next().unwrap_or(name)
    }
}

/// An entry that is being read.
struct Reader<'a> {
    place: &'a str,
    name: &'a str,
    node: &'a Node,
    line: usize,
}

impl<'a> Reader<'a> {
    fn entry(&self) -> Result<Entry, Error> {
        let at = At { place: self.place, key: self.name };
        let name = self.name.parse().map_err(|error: Error| self.not_a_name(self.node, self.name, &error))?;
        // It has to be a mapping before its keys are read.
        self.node.entries(&at)?;
        if self.node.get("type").is_none() {
            // The type itself may be mistyped.
            self.node.only_known(&every_key(), &at)?;
        }
        let kind = self.required("type", HANDLERS)?;
        let kind_name = kind.text(&At { place: self.place, key: &self.key("type") })?;
        if let Some(keys) = keys_of(kind_name) {
            let known: Vec<&str> = COMMON.iter().chain(keys).copied().collect();
            self.node.only_known(&known, &at)?;
        }
        let handler = match kind_name {
            "WindowsGUIDProfile" => self.windows()?,
            "CopyAndTransform" => {
                Handler::Copy { source: self.path("source", self.required("source", "a path")?)? }
            }
            "OSXProfile" => Handler::Mac { sources: self.paths("sources")? },
            "LinuxProfile" => Handler::Linux,
            "DebugFile" => Handler::DebugFiles { patterns: self.texts("sources")? },
            "ArtifactProfile" => Handler::Artifacts { patterns: self.texts("patterns")? },
            "KernelDebugKits" => self.kernel_debug_kits()?,
            other => {
                let reader =
                    CollectionReader { place: self.place, name: self.name, node: self.node, line: self.line };
                match reader.collection(other)? {
                    Some(collection) => Handler::Collection(Box::new(collection)),
                    None => return Err(self.wrong("type", kind, HANDLERS)),
                }
            }
        };
        Ok(Entry { name, line: self.line, handler, merge: self.merge()?, indexes: self.indexes()? })
    }

    /// The kernels of unpacked Kernel Debug Kits of Apple's: the bundles that lie where kits have them.
    fn kernel_debug_kits(&self) -> Result<Handler, Error> {
        const IN_KIT: &str = "System/Library/Kernels/*.dSYM";
        let folder = self.path("folder", self.required("folder", "the folder of the kits")?)?;
        Ok(Handler::DebugFiles {
            patterns: vec![format!("{folder}/{IN_KIT}"), format!("{folder}/*/{IN_KIT}")],
        })
    }

    fn windows(&self) -> Result<Handler, Error> {
        let mut file_names = Vec::new();
        let key = "possible_guid_filenames";
        if let Some(node) = self.node.get(key) {
            for item in node.items(&At { place: self.place, key: &self.key(key) })? {
                let text = self.text(key, item)?;
                file_names
                    .push(PdbName::from_user(text).map_err(|_| self.wrong(key, item, "the name of a PDB"))?);
            }
        }
        let has_structs = match self.node.get("has_structs") {
            Some(node) => node.boolean(&At { place: self.place, key: &self.key("has_structs") })?,
            None => false,
        };
        let profile_class = match self.node.get("profile_class").filter(|node| !node.is_null()) {
            Some(node) => Some(self.text("profile_class", node)?.to_owned()),
            None => None,
        };
        let guids = self.path("guids", self.required("guids", "the path of a list of GUIDs")?)?;
        Ok(Handler::Windows { guids, has_structs, profile_class, file_names })
    }

    /// `index`, in each of its forms: a path; a mapping of `src` and `dest` (or `dst`); a list of such mappings.
    fn indexes(&self) -> Result<Vec<IndexSource>, Error> {
        let Some(node) = self.node.get("index").filter(|node| !node.is_null()) else { return Ok(Vec::new()) };
        let one = |node: &Node, at: &str| -> Result<IndexSource, Error> {
            let key = |name: &str| format!("{at}.{name}");
            if let Ok(text) = node.text(&At { place: self.place, key: "" }) {
                let source = text.parse().map_err(|_| self.wrong(at, node, "a path below the repository"))?;
                let stem = self.name.strip_suffix("/GUID").unwrap_or(self.name);
                let target = format!("{stem}/index");
                return Ok(IndexSource {
                    source,
                    target: target
                        .parse()
                        .map_err(|_| self.wrong(at, node, "an entry that is a profile name"))?,
                });
            }
            let expected = "a path, {src, dest}, or a list of {src, dest}";
            node.only_known(&["src", "dest", "dst"], &At { place: self.place, key: &self.key(at) })?;
            let source = node.get("src").ok_or_else(|| self.wrong(at, node, expected))?;
            let target =
                node.get("dest").or_else(|| node.get("dst")).ok_or_else(|| self.wrong(at, node, expected))?;
            let name = self.text(&key("dest"), target)?;
            Ok(IndexSource {
                source: self.path(&key("src"), source)?,
                target: name.parse().map_err(|error: Error| self.not_a_name(target, &key("dest"), &error))?,
            })
        };
        match node.items(&At { place: self.place, key: "" }) {
            Ok(items) => {
                items.iter().enumerate().map(|(index, item)| one(item, &format!("index[{index}]"))).collect()
            }
            Err(_) => Ok(vec![one(node, "index")?]),
        }
    }

    fn merge(&self) -> Result<Vec<String>, Error> {
        let Some(transforms) = self.node.get("transforms") else { return Ok(Vec::new()) };
        let key = self.key("transforms");
        let mut names = Vec::new();
        for (name, value) in transforms.entries(&At { place: self.place, key: &key })? {
            let at = At { place: self.place, key: &key };
            let transform = name.text(&at)?;
            if transform != "merge" {
                return Err(at.unknown(name, transform, &["merge"]));
            }
            for item in value.items(&At { place: self.place, key: &format!("{key}.merge") })? {
                let text = self.text("transforms.merge", item)?;
                text.parse::<ProfileName>()
                    .map_err(|_| self.wrong("transforms.merge", item, "the name of a profile"))?;
                names.push(text.to_owned());
            }
        }
        Ok(names)
    }

    fn required(&self, key: &str, expected: &str) -> Result<&'a Node, Error> {
        self.node.get(key).ok_or_else(|| Error::Text {
            place: self.place.to_owned(),
            line: self.line,
            key: self.key(key),
            expected: expected.to_owned(),
            found: "no such key".to_owned(),
        })
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, Error> {
        let node = self.required(key, "a list")?;
        let items = node.items(&At { place: self.place, key: &self.key(key) })?;
        items.iter().map(|item| Ok(self.text(key, item)?.to_owned())).collect()
    }

    fn paths(&self, key: &str) -> Result<Vec<Key>, Error> {
        let node = self.required(key, "a list")?;
        let items = node.items(&At { place: self.place, key: &self.key(key) })?;
        items.iter().map(|item| self.path(key, item)).collect()
    }

    fn text<'n>(&self, key: &str, node: &'n Node) -> Result<&'n str, Error> {
        node.text(&At { place: self.place, key: &self.key(key) })
    }

    fn path(&self, key: &str, node: &Node) -> Result<Key, Error> {
        let text = self.text(key, node)?;
        text.parse().map_err(|error| self.not_a_name(node, key, &error))
    }

    fn not_a_name(&self, node: &Node, key: &str, error: &Error) -> Error {
        let key = if key == self.name { key.to_owned() } else { self.key(key) };
        Error::Text {
            place: self.place.to_owned(),
            line: node.line,
            key,
            expected: "a path below the repository".to_owned(),
            found: error.to_string(),
        }
    }

    fn wrong(&self, key: &str, node: &Node, expected: &str) -> Error {
        At { place: self.place, key: &self.key(key) }.wrong(node, expected)
    }

    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Config, Error> {
        Config::parse(text, "config.yaml")
    }

    #[test]
    fn every_handler_is_read() {
        let config = parsed(
            "nt/GUID:\n  type: WindowsGUIDProfile\n  guids: src/nt/guids.yaml\n  has_structs: True\n  \
             profile_class: Nt\n  possible_guid_filenames: [ntkrnlmp.pdb, ntkrnlpa]\n  \
             transforms:\n    merge:\n    - nt/undocumented\n\
             nt/undocumented: {type: CopyAndTransform, source: src/nt/undocumented.yaml}\n\
             OSX: {type: OSXProfile, sources: [src/OSX/a.zip, src/OSX/b]}\n\
             Linux: {type: LinuxProfile}\n\
             artifacts: {type: ArtifactProfile, patterns: ['src/artifacts/*.yaml']}\n\
             kernels: {type: DebugFile, sources: ['src/Linux/*.ddeb', src/Linux/vmlinux]}\n",
        )
        .unwrap();
        let nt = config.entry("nt/GUID").unwrap();
        let names = ["ntkrnlmp.pdb", "ntkrnlpa.pdb"].map(|name| name.parse().unwrap()).to_vec();
        assert_eq!(
            nt.handler,
            Handler::Windows {
                guids: "src/nt/guids.yaml".parse().unwrap(),
                has_structs: true,
                profile_class: Some("Nt".to_owned()),
                file_names: names,
            }
        );
        assert_eq!((nt.merge.as_slice(), nt.line), (["nt/undocumented".to_owned()].as_slice(), 1));
        assert_eq!(config.entries.len(), 6);
        let patterns = ["src/Linux/*.ddeb", "src/Linux/vmlinux"].map(str::to_owned).to_vec();
        assert_eq!(config.entries[5].handler, Handler::DebugFiles { patterns });
        assert_eq!(config.entries[3].handler, Handler::Linux);
    }

    #[test]
    fn an_index_has_three_forms() {
        let index = |text: &str| {
            let config = parsed(&format!("nt/GUID:\n  type: LinuxProfile\n  index: {text}\n")).unwrap();
            let indexes = config.entries[0].indexes.iter();
            indexes.map(|index| format!("{} {}", index.source, index.target)).collect::<Vec<_>>()
        };
        assert_eq!(index("src/nt/index.yaml"), ["src/nt/index.yaml nt/index"]);
        assert_eq!(index("{src: a.yaml, dst: OSX/index}"), ["a.yaml OSX/index"]);
        assert_eq!(
            index("[{src: a.yaml, dest: nt/index}, {src: b.yaml, dest: nt/eprocess_index}]"),
            ["a.yaml nt/index", "b.yaml nt/eprocess_index"]
        );
    }

    #[test]
    fn errors_are_reported_with_their_place() {
        for (text, message) in [
            (
                "nt/GUID:\n  type: WindowsGuidProfile\n",
                "config.yaml:2: nt/GUID.type: expected WindowsGUIDProfile, CopyAndTransform, OSXProfile, \
                 LinuxProfile, ArtifactProfile, DebianArchive, RpmArchive, Debuginfod, IsfList, WindowsBuilds, \
                 KernelDebugKits or DebugFile, found 'WindowsGuidProfile'",
            ),
            (
                "x: 1\n\nnt/GUID:\n  type: WindowsGUIDProfile\n",
                "config.yaml:1: x: expected keys with values, found '1'",
            ),
            (
                "nt/GUID:\n  type: WindowsGUIDProfile\n",
                "config.yaml:1: nt/GUID.guids: expected the path of a list of GUIDs, found no such key",
            ),
            (
                "nt/GUID:\n  type: WindowsGUIDProfile\n  guids: a\n  has_structs: maybe\n",
                "config.yaml:4: nt/GUID.has_structs: expected true or false, found 'maybe'",
            ),
            (
                "a:\n  type: CopyAndTransform\n  source: a\n  transforms:\n    rename: x\n",
                "config.yaml:5: a.transforms.rename: unknown key; expected merge",
            ),
            (
                "nt/GUID:\n  type: WindowsGUIDProfile\n  guids: a\n  has_struct: false\n",
                "config.yaml:4: nt/GUID.has_struct: unknown key (did you mean 'has_structs'?); expected type, \
                 index, transforms, guids, has_structs, profile_class or possible_guid_filenames",
            ),
            (
                "nt/GUID:\n  tpye: WindowsGUIDProfile\n",
                "config.yaml:2: nt/GUID.tpye: unknown key (did you mean 'type'?); expected type, index, \
                 transforms, guids, has_structs, profile_class, possible_guid_filenames, source, sources, patterns, folder, \
                 address, suites, components, architectures, flavours, versions, mode, since, until, servers or list",
            ),
            (
                "OSX:\n  type: OSXProfile\n  sources: []\n  index:\n    - {scr: a, dest: b}\n",
                "config.yaml:5: OSX.index[0].scr: unknown key (did you mean 'src'?); expected src, dest or dst",
            ),
            (
                "a:\n  type: CopyAndTransform\n  source: a\n  transform: {merge: [b]}\n",
                "config.yaml:4: a.transform: unknown key (did you mean 'transforms'?); expected type, index, \
                 transforms or source",
            ),
        ] {
            assert_eq!(parsed(text).unwrap_err().to_string(), message);
        }
        let error = parsed("../../x:\n  type: LinuxProfile\n").unwrap_err().to_string();
        assert!(error.contains("lead out of its folder"), "{error}");
        let error = parsed("a:\n  type: CopyAndTransform\n  source: ../../etc/passwd\n").unwrap_err();
        assert!(error.to_string().starts_with("config.yaml:3: a.source: "), "{error}");
    }
}
