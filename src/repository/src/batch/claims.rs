//! Which debug file gives the profile of a build.
//!
//! The name of such a profile is the build of the debug file, which is known only after the file has been read. Two
//! files may belong to one build (a vmlinux and the package that it came in), and builders on other machines may read
//! them at the same time. So that all end with the same bytes, the file with the first key gives the profile, and the
//! others are rejected. A claim is the object that names that file; it also names the profile's source in case the
//! inventory is lost.

use std::fmt;

use serde_json::{Value, json};

use super::item::DebugSource;
use super::make::Made;
use super::state::State;
use crate::packed::sha256;
use crate::{Condition, Error, Key, ProfileName, Storage, Version};

/// The folder of claims.
pub(crate) const CLAIMS: &str = "src/builds";

/// The largest claim that is read, in bytes.
const LIMIT: u64 = 64 << 10;
/// How often storing is repeated because another builder was faster.
const ATTEMPTS: usize = 32;

/// The source of a profile, and the hash of the profile made from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The debug file.
    pub(crate) source: DebugSource,
    /// The SHA-256 of the profile's object.
    pub(crate) profile: String,
    /// The address that the debug file was fetched from; empty for an object of the repository.
    pub(crate) origin: String,
}

/// The result of storing a profile.
#[derive(Debug)]
pub(crate) enum Stored {
    /// It is stored. Another debug file of the same build that gave it before no longer does.
    Kept { displaced: Option<DebugSource> },
    /// It is not stored: this debug file, whose key comes first, gives it.
    Other(Key),
}

/// Why a readable debug file gives no profile. This is valid only as long as the other file or profile exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Another debug file of the same build gives it.
    SameBuild { name: ProfileName, other: Key },
    /// A profile was imported.
    Imported { name: ProfileName },
}

const MADE_FROM: &str = " is made from ";
const SAME_BUILD: &str = ", which is of the same build; leave one of the two out";
const IMPORTED: &str = " was imported, and stays until it is removed";

impl Conflict {
    /// Reads the reason of a reject; `None` for other reasons.
    fn parse(reason: &str) -> Option<Self> {
        if let Some(name) = reason.strip_suffix(IMPORTED) {
            return Some(Self::Imported { name: name.parse().ok()? });
        }
        let (name, other) = reason.strip_suffix(SAME_BUILD)?.split_once(MADE_FROM)?;
        Some(Self::SameBuild { name: name.parse().ok()?, other: other.parse().ok()? })
    }

    /// Whether the reason of a reject is no longer valid.
    pub(crate) fn is_settled(reason: &str, state: &State, is_asked_for: &dyn Fn(&Key) -> bool) -> bool {
        match Self::parse(reason) {
            Some(Self::SameBuild { other, .. }) => !is_asked_for(&other),
            Some(Self::Imported { name }) => !state.present.contains(&name.key()),
            None => false,
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameBuild { name, other } => write!(f, "{name}{MADE_FROM}{other}{SAME_BUILD}"),
            Self::Imported { name } => write!(f, "{name}{IMPORTED}"),
        }
    }
}

impl Claim {
    pub(crate) fn key(name: &ProfileName) -> Result<Key, Error> {
        format!("{CLAIMS}/{name}.json").parse()
    }

    /// The profile of a claim, by the claim's key.
    pub(crate) fn profile_of(key: &str) -> Option<ProfileName> {
        let name = key.strip_prefix(CLAIMS)?.strip_prefix('/')?;
        name.strip_suffix(".json")?.parse().ok()
    }

    /// Reads the claim for a profile; `None` if there is none, or it cannot be parsed.
    pub(crate) fn read(
        storage: &dyn Storage,
        name: &ProfileName,
    ) -> Result<Option<(Option<Self>, Version)>, Error> {
        let object = storage.read(&Self::key(name)?, LIMIT)?;
        Ok(object.map(|object| (Self::parse(&object.bytes), object.version)))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let source = DebugSource { key: text("source")?.parse().ok()?, sha256: text("sha256")?.to_owned() };
        let origin = text("origin").unwrap_or_default().to_owned();
        Some(Self { source, profile: text("profile")?.to_owned(), origin })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut value = json!({"source": self.source.key.as_str(), "sha256": self.source.sha256,
            "profile": self.profile});
        if !self.origin.is_empty() {
            value["origin"] = self.origin.as_str().into();
        }
        format!("{value:#}\n").into_bytes()
    }
}

/// Writes a profile, unless a debug file of the same build with an earlier key than `source` is in the configuration
/// too.
///
/// Every write depends on the state that was read before. So of several builders that store at the same time, the one
/// with the first debug file has the last word.
///
/// # Errors
/// Any error from reading and writing; [`Error::Storage`] if others are always faster.
pub(crate) fn store(
    storage: &dyn Storage,
    made: &Made,
    source: &DebugSource,
    is_asked_for: &dyn Fn(&Key) -> bool,
) -> Result<Stored, Error> {
    let (name, key) = (&made.name, made.name.key());
    let origin = made.content.origin.clone();
    let claim = Claim { source: source.clone(), profile: sha256(&made.bytes), origin };
    let mut displaced = None;
    for _ in 0..ATTEMPTS {
        // Read before the claim: a builder that claims and writes in between changes this state.
        let before = storage.stat(&key)?.map_or(Condition::Absent, |stat| Condition::Unchanged(stat.version));
        let known = Claim::read(storage, name)?;
        let condition = match &known {
            None => Condition::Absent,
            Some((_, version)) => Condition::Unchanged(version.clone()),
        };
        let known = known.and_then(|(known, _)| known);
        if let Some(known) = &known
            && known.source.key != source.key
            && is_asked_for(&known.source.key)
        {
            if known.source.key < source.key {
                return Ok(Stored::Other(known.source.key.clone()));
            }
            displaced = Some(known.source.clone());
        }
        if known.as_ref() != Some(&claim)
            && storage.write(&Claim::key(name)?, &claim.to_bytes(), &condition)?.is_none()
        {
            continue;
        }
        if storage.write(&key, &made.bytes, &before)?.is_some() {
            return Ok(Stored::Kept { displaced });
        }
    }
    let problem = "another builder writes it all the time; build it again once that one is done".to_owned();
    Err(Error::Storage { place: storage.place_of(&key), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_read_as_it_was_written() {
        let name: ProfileName = "Linux/0123456789".parse().unwrap();
        for conflict in [
            Conflict::SameBuild { name: name.clone(), other: "src/Linux/a is made from b".parse().unwrap() },
            Conflict::Imported { name },
        ] {
            assert_eq!(Conflict::parse(&conflict.to_string()), Some(conflict));
        }
        assert_eq!(Conflict::parse("the package is damaged: its archive breaks off"), None);
    }

    #[test]
    fn the_first_file_by_name_has_the_last_word_whoever_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let storage = crate::Folder::new(folder.path());
        let name: ProfileName = "Linux/0123456789".parse().unwrap();
        let store = |file: &str, bytes: &[u8], asked_for: &[&str]| {
            let made =
                Made { name: name.clone(), bytes: bytes.to_vec(), content: Default::default(), losses: 0 };
            let source = DebugSource { key: file.parse().unwrap(), sha256: "00".to_owned() };
            let is_asked_for = |key: &Key| asked_for.contains(&key.as_str());
            let stored = store(&storage, &made, &source, &is_asked_for).unwrap();
            let there = storage.read(&name.key(), 100).unwrap().unwrap().bytes;
            (stored, String::from_utf8(there).unwrap())
        };
        let both = ["src/a", "src/b"];
        let (stored, there) = store("src/b", b"B", &both);
        assert!(matches!(stored, Stored::Kept { displaced: None }) && there == "B", "{stored:?} {there}");
        let (stored, there) = store("src/a", b"A", &both);
        let Stored::Kept { displaced: Some(displaced) } = stored else { panic!("{stored:?}") };
        assert_eq!((displaced.key.as_str(), there.as_str()), ("src/b", "A"));
        let (stored, there) = store("src/b", b"B", &both);
        assert!(matches!(&stored, Stored::Other(key) if key.as_str() == "src/a") && there == "A");
        // When the first is no longer in the configuration, the other one may.
        let (stored, there) = store("src/b", b"B", &["src/b"]);
        assert!(matches!(stored, Stored::Kept { displaced: None }) && there == "B", "{stored:?} {there}");
    }
}
