//! Structs in the form that tests compare: the bits that each member takes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The place of a member: first bit and number of bits in its struct. The size of a member that is not a bit-field is
/// `None` if a reader cannot determine it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub bit: u64,
    pub width: Option<u64>,
}

/// A struct's size in bytes, and its members by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layout {
    pub size: u64,
    pub members: BTreeMap<String, Place>,
}

/// Structs by name; several if definitions differ. The empty name holds all unnamed structs.
pub type Layouts = BTreeMap<String, BTreeSet<Layout>>;

/// The structs in a profile. Definitions that lost their name to a larger one are listed under that name again.
pub fn layouts(profile: &Value) -> Layouts {
    let mut layouts = Layouts::new();
    let Some(structs) = profile["$STRUCTS"].as_object() else { return layouts };
    for (key, entry) in structs {
        let size = entry[0].as_u64().unwrap();
        let members = entry[1].as_object().unwrap();
        let members = members.iter().map(|(name, member)| (name.clone(), place(profile, member))).collect();
        let name = if key.starts_with("__unnamed_") { "" } else { own_name(key) };
        layouts.entry(name.to_owned()).or_default().insert(Layout { size, members });
    }
    layouts
}

/// Returns `name` for `name__0123abcd`, the form in which conflicts are settled.
fn own_name(key: &str) -> &str {
    match key.rsplit_once("__") {
        Some((name, hash))
            if hash.len() == 8 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) =>
        {
            name
        }
        _ => key,
    }
}

fn place(profile: &Value, member: &Value) -> Place {
    let offset = member[0].as_u64().unwrap() * 8;
    let (target, args) = (member[1][0].as_str().unwrap(), &member[1][1]);
    let bits = match target {
        "BitField" => args,
        "Enumeration" if args["target"] == "BitField" => &args["target_args"],
        _ => return Place { bit: offset, width: size(profile, target, args).map(|size| size * 8) },
    };
    let (start, end) = (bits["start_bit"].as_u64().unwrap(), bits["end_bit"].as_u64().unwrap());
    Place { bit: offset + start, width: Some(end - start) }
}

/// The size in bytes of the type in a descriptor; `None` if the profile does not give it.
pub fn size(profile: &Value, target: &str, args: &Value) -> Option<u64> {
    Some(match target {
        "char" | "unsigned char" => 1,
        "short" | "unsigned short" => 2,
        "long" | "unsigned long" | "float" | "Pointer32" => 4,
        "long long" | "unsigned long long" | "double" => 8,
        "long double" => 10,
        "__int128" | "unsigned __int128" => 16,
        "Pointer" => match profile["$METADATA"]["arch"].as_str().unwrap() {
            "I386" | "ARM" => 4,
            _ => 8,
        },
        "UnicodeString" => args["length"].as_u64()?,
        "Array" | "Enumeration" => {
            let one = size(profile, args["target"].as_str()?, &args["target_args"])?;
            args["count"].as_u64().unwrap_or(1) * one
        }
        "Void" | "Function" => return None,
        name => profile["$STRUCTS"].get(name)?[0].as_u64()?,
    })
}

impl Layout {
    /// Adds a member; a second one of its name is `<name>_1`, a third `<name>_2`.
    pub fn add(&mut self, name: String, place: Place) {
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|it| !self.members.contains_key(it));
        self.members.insert(free.unwrap(), place);
    }

    /// Whether they are equal, except for member sizes that the other reader cannot determine.
    pub fn equals(&self, other: &Layout) -> bool {
        self.size == other.size
            && self.members.len() == other.members.len()
            && self.members.iter().zip(&other.members).all(|((name, place), (their_name, their_place))| {
                name == their_name && place.equals(their_place)
            })
    }

    /// The only member with another place or size in `other`, if everything else is equal.
    pub fn differs_only_in(&self, other: &Layout) -> Option<String> {
        let equal = |name: &str, place: &Place| self.members.get(name).is_some_and(|mine| mine.equals(place));
        let mut different = other.members.iter().filter(|(name, place)| !equal(name, place));
        let (name, place) = different.next()?;
        let mut changed = self.clone();
        changed.members.insert(name.clone(), *place);
        changed.equals(other).then(|| name.clone())
    }
}

impl Place {
    fn equals(&self, other: &Place) -> bool {
        self.bit == other.bit && (other.width.is_none() || self.width == other.width)
    }
}
