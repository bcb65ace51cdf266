use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// `inspect`: a whole profile, entries of it, or members in many profiles.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Inspection {
    Whole {
        metadata: BTreeMap<String, Value>,
        /// How many entries each section has.
        counts: BTreeMap<String, usize>,
    },
    Items {
        items: Vec<Item>,
        /// Names that the profile does not have.
        missing: Vec<String>,
    },
    Across {
        /// The members that are compared.
        members: Vec<String>,
        /// The profiles that have one of them.
        profiles: Vec<Row>,
        /// Why objects of the repository could not be read.
        unread: Vec<String>,
    },
}

/// The entry for a name.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Item {
    Struct {
        name: String,
        /// In bytes.
        size: u64,
        members: Vec<Member>,
        /// Bytes between and behind the members that no member uses.
        padding: Vec<Padding>,
    },
    /// A struct that a pattern stands for.
    StructName {
        name: String,
        /// In bytes.
        size: u64,
    },
    /// An enumeration that a pattern stands for.
    EnumerationName {
        name: String,
    },
    Member {
        #[serde(rename = "struct")]
        owner: String,
        member: Member,
    },
    Enumeration {
        name: String,
        labels: Vec<Label>,
    },
    Symbol {
        name: String,
        value: u64,
        function: bool,
    },
    Address {
        address: u64,
        /// The symbols with this type.
        symbols: Vec<Symbol>,
        /// The next symbols above it.
        above: Vec<Symbol>,
    },
}

/// A symbol at or below an address.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Symbol {
    /// `symbol`.
    pub kind: String,
    pub name: String,
    pub value: u64,
    pub function: bool,
}

/// A member of a struct.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Member {
    pub name: String,
    /// In bytes, from the beginning of the struct that is shown.
    pub offset: u64,
    /// Its declaration in C.
    pub declaration: String,
    /// For a bit-field: its first bit, and the bit after its last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<(u16, u16)>,
    /// With --deep, the members of the struct that the member holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
}

/// Bytes of a struct that no member uses.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Padding {
    /// In bytes.
    pub offset: u64,
    /// In bytes.
    pub size: u64,
}

/// A label of an enumeration. The value is a decimal text, because it can be too large for JSON numbers.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Label {
    pub label: String,
    pub value: String,
}

/// The offsets of members in one profile.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Row {
    pub profile: String,
    /// The build of the profile.
    pub build: String,
    /// For each member its offset in hexadecimal digits, with the bits of a bit-field; null if the profile lacks it.
    pub offsets: Vec<Option<String>>,
}
