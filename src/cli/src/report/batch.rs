use serde::Serialize;

/// `build_index`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Index {
    /// Its place.
    pub index: String,
    /// How many profiles it compares.
    pub profiles: usize,
    /// How many profiles were read.
    pub read: usize,
    pub bytes: usize,
    pub warnings: Vec<String>,
}

/// `manage_repo build_all`, `build`, `add_guid` and `mirror`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Built {
    pub entries: Vec<Entry>,
    pub failures: Vec<Failure>,
    /// Null if a part was made: parts are sealed together.
    pub sealed: Option<Sealed>,
    /// The listings of collections that were read.
    pub listings: Vec<Listing>,
    /// How many profiles were not begun with, because the command was told to stop.
    pub remaining: usize,
}

/// What reading the listing of a collection came to.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Listing {
    /// The entry of the configuration.
    pub entry: String,
    /// How many items are listed.
    pub items: usize,
    pub new: usize,
    pub gone: usize,
    /// What is listed and not taken: name and reason; the first hundred.
    pub refused: Vec<(String, String)>,
    /// Why the listing was not read, if the one before is used.
    pub kept: Option<String>,
}

/// What was made for an entry of the configuration.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Entry {
    pub name: String,
    pub made: usize,
    pub unchanged: usize,
    pub rejected_before: usize,
    pub failed: usize,
    pub bytes: u64,
    pub losses: u64,
}

/// A profile that could not be made.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    pub name: String,
    pub reason: String,
    /// Whether it is skipped until --retry is given.
    pub rejected: bool,
}

/// `manage_repo seal`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Sealed {
    /// How many profiles the inventory lists.
    pub profiles: usize,
    /// How many parts were merged.
    pub parts: usize,
    /// How many objects were read because no record described them.
    pub looked_into: usize,
    /// Whether the inventory changed.
    pub changed: bool,
    /// Records that were corrected: name and how.
    pub corrected: Vec<(String, String)>,
    /// Objects that cannot be read: name and reason.
    pub unreadable: Vec<(String, String)>,
    pub indexes: Vec<BuiltIndex>,
}

/// An index that was built.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BuiltIndex {
    pub name: String,
    pub profiles: usize,
}

/// `manage_repo verify`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verified {
    pub same: usize,
    pub imported: usize,
    pub different: usize,
    pub unproven: usize,
    pub misrecorded: usize,
    pub profiles: Vec<Checked>,
}

/// A profile that was verified.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Checked {
    pub name: String,
    pub check: String,
    pub detail: String,
}

/// `manage_repo import`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Imports {
    pub imported: Vec<Import>,
}

/// A file on the command line.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Import {
    Taken {
        file: String,
        /// The name of its profile.
        name: String,
        bytes: u64,
        health: String,
    },
    /// A table whose profile is there already.
    Known {
        file: String,
        /// The name of that profile.
        known: String,
    },
    Failed {
        file: String,
        error: String,
    },
}

/// `manage_repo plan`: a matrix as services for continuous integration take it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Plan {
    pub matrix: Matrix,
}

/// The parts of the work.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Matrix {
    pub include: Vec<Part>,
}

/// A part of the work.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Part {
    /// K/N, as --shard takes it.
    pub shard: String,
    pub profiles: usize,
    pub to_make: usize,
}

/// `manage_repo missing --output`: the path of the manifest.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WrittenManifest {
    pub manifest: String,
    /// The number of PDBs in it.
    pub wanted: usize,
}

/// `manage_repo isf`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PublishedTables {
    /// The address of the list of all tables, under which it never changes.
    pub url: String,
    /// How many tables were made.
    pub made: usize,
    /// How many tables were there already.
    pub unchanged: usize,
    /// Profiles that give no table: name and reason.
    pub failed: Vec<(String, String)>,
    pub lists: Vec<TableList>,
}

/// A list of tables.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TableList {
    /// Its path below the folder.
    pub path: String,
    /// The path of the same list that changes with it.
    pub versioned: String,
    pub tables: usize,
}
