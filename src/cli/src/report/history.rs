use serde::Serialize;

/// `history`: members in all builds, what changed between two, or the builds that have some offsets.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum History {
    Members {
        bundle: String,
        /// The names of all builds, sorted by system, architecture, flavour and version.
        builds: Vec<String>,
        members: Vec<Member>,
    },
    Changes {
        bundle: String,
        from: String,
        to: String,
        structs: Vec<ChangedStruct>,
    },
    Builds {
        bundle: String,
        /// What the builds were asked for.
        members: Vec<String>,
        /// The builds that have all of it.
        builds: Vec<String>,
    },
}

/// A member in all builds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Member {
    /// `STRUCT.MEMBER`.
    pub member: String,
    pub spans: Vec<Span>,
}

/// Builds in a row in which a member is the same.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Span {
    /// The first of these builds.
    pub first: String,
    /// The last of these builds.
    pub last: String,
    /// How many they are.
    pub builds: usize,
    /// `present`, `no member`, or `no struct`.
    pub state: &'static str,
    /// In bytes.
    pub offset: Option<u64>,
    /// As C declares it.
    pub declaration: Option<String>,
}

/// A struct that differs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChangedStruct {
    pub name: String,
    /// In bytes; none if the struct is not there.
    pub old_size: Option<u64>,
    pub new_size: Option<u64>,
    pub members: Vec<ChangedMember>,
}

/// A member that differs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChangedMember {
    pub name: String,
    /// `added`, `removed`, `moved`, `retyped`, or `moved and retyped`.
    pub change: &'static str,
    pub old_offset: Option<u64>,
    pub new_offset: Option<u64>,
    pub old_declaration: Option<String>,
    pub new_declaration: Option<String>,
}
