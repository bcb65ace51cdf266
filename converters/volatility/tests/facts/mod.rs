//! The facts that accompany the corpus's packs, and a profile's types in the same notation.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::PathBuf;

use profile::{Member, Profile, RecordId, Silent, Type, TypeId};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use volatility_converter::{Converted, Error, Options, Pack, convert};

/// The folder that `PROFILE_CORPUS` names.
pub struct Corpus(PathBuf);

/// The result of an independent reader for a pack.
#[derive(Deserialize)]
pub struct Facts {
    pub os: String,
    #[serde(default)]
    pub struct_sizes_sha256: String,
    #[serde(default)]
    pub layout_sha256: String,
    /// Sizes and members by struct: `member@offset:type;...`.
    #[serde(default)]
    pub known: BTreeMap<String, (u64, String)>,
    #[serde(default)]
    pub symbols: Symbols,
}

/// The map's part of the result.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Symbols {
    pub distinct: usize,
    pub first_sha256: String,
    pub last_sha256: String,
    pub nlist_n: usize,
    pub nlist_sha256: String,
    /// Some addresses, in hexadecimal.
    pub some: BTreeMap<String, String>,
}

impl Facts {
    pub fn is_mac(&self) -> bool {
        self.os == "mac"
    }
}

impl Corpus {
    pub fn open() -> Self {
        Self(
            std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS names the folder of real files").into(),
        )
    }

    /// The names of all packs, sorted.
    pub fn packs(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.0.join("volatility"))
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".zip").map(str::to_owned))
            .collect();
        names.sort_unstable();
        assert!(names.len() >= 67, "{} packs", names.len());
        names
    }

    /// The facts of a pack; there are none for packs that were made for the guest in `images/`.
    pub fn facts(&self, pack: &str) -> Option<Facts> {
        if pack.starts_with("made__") {
            return None;
        }
        let text = std::fs::read(self.0.join("volatility/facts").join(format!("{pack}.json"))).unwrap();
        Some(serde_json::from_slice(&text).unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn pack(&self, pack: &str) -> Pack {
        Pack::open(&self.0.join("volatility").join(format!("{pack}.zip"))).unwrap()
    }

    pub fn convert(&self, pack: &str) -> Result<Converted, Error> {
        convert(&self.pack(pack), &Options::default(), &Silent)
    }

    /// The last member of a pack whose name holds `part`.
    pub fn member(&self, pack: &str, part: &str) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.0.join("volatility").join(format!("{pack}.zip"))).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<String> = (0..archive.len())
            .map(|index| archive.by_index_raw(index).unwrap().name().unwrap().into_owned())
            .collect();
        let index =
            names.iter().rposition(|name| name.to_lowercase().contains(part) && !name.ends_with('/'))?;
        let mut content = Vec::new();
        archive.by_index(index).unwrap().read_to_end(&mut content).unwrap();
        Some(content)
    }
}

/// Offsets and types by member.
pub type Members = BTreeMap<String, (u64, String)>;

/// Every named struct in the notation of the facts.
pub struct Text {
    /// Sizes and members by struct.
    pub structs: BTreeMap<String, (u64, Members)>,
}

impl Text {
    pub fn of(profile: &Profile, facts: &Facts) -> Self {
        let words = Words { profile, mac: facts.is_mac() };
        let mut structs = BTreeMap::new();
        for (id, record) in profile.types.records() {
            let Some(name) = record.name else { continue };
            let mut members = BTreeMap::new();
            words.flatten(id, 0, &mut members);
            structs.insert(profile.names.get(name).to_owned(), (record.size, members));
        }
        Self { structs }
    }

    pub fn sizes_sha256(&self) -> String {
        hash(self.structs.iter().map(|(name, (size, _))| format!("{name}\t{size}\n")).collect())
    }

    pub fn layout_sha256(&self) -> String {
        let lines = self.structs.iter().flat_map(|(name, (_, members))| {
            members.iter().map(move |(member, (offset, ty))| format!("{name}\t{member}\t{offset}\t{ty}\n"))
        });
        hash(lines.collect())
    }

    /// Replaces a member, which must be equal to `ours`, by the one in the facts.
    pub fn replace(&mut self, name: &str, member: &str, ours: (u64, &str), theirs: (u64, &str)) {
        let place = self.structs.get_mut(name).and_then(|(_, members)| members.get_mut(member)).unwrap();
        assert_eq!((place.0, place.1.as_str()), ours, "{name}.{member}");
        *place = (theirs.0, theirs.1.to_owned());
    }
}

pub fn hash(mut lines: Vec<String>) -> String {
    lines.sort_unstable();
    Sha256::digest(lines.concat().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Words<'a> {
    profile: &'a Profile,
    mac: bool,
}

impl Words<'_> {
    /// Members of unnamed members count as the struct's own, at their offset in it.
    fn flatten(&self, id: RecordId, base: u64, out: &mut Members) {
        for member in self.profile.types.members(id) {
            if member.anonymous
                && let Type::Record(inner) = self.profile.types.peel(member.ty)
            {
                self.flatten(inner, base + member.offset, out);
            } else {
                let name = self.profile.names.get(member.name).to_owned();
                out.insert(name, (base + member.offset, self.described(member)));
            }
        }
    }

    fn described(&self, member: &Member) -> String {
        match member.bits {
            Some(bits) => format!("bits({},{})", bits.start, bits.end),
            None => self.ty(member.ty),
        }
    }

    fn ty(&self, id: TypeId) -> String {
        let types = &self.profile.types;
        let name = |name| self.profile.names.get(name).to_owned();
        match types.peel(id) {
            Type::Void | Type::Function(_) => "void".to_owned(),
            Type::Native(native) => match self.profile.names.get(types.native_of(native).unwrap().name) {
                "_Bool" => "unsigned char".to_owned(),
                "long double" => "double".to_owned(),
                other => other.to_owned(),
            },
            Type::Pointer { target, .. } => format!("ptr({})", self.ty(target)),
            Type::Array { target, count } => format!("arr({count},{})", self.ty(target)),
            Type::Record(id) => types.record(id).unwrap().name.map_or("__anon".to_owned(), name),
            Type::Enumeration(_) if self.mac => "enum".to_owned(),
            Type::Enumeration(id) => {
                format!("enum:{}", types.enumeration(id).unwrap().name.map_or("__anon".to_owned(), name))
            }
            Type::Named(text) => name(text),
            other => panic!("{other:?} in a pack"),
        }
    }
}
