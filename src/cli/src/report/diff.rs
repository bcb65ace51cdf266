use serde::Serialize;

use super::history::ChangedStruct;

/// `diff`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Diff {
    pub old: String,
    pub new: String,
    /// Whether nothing differs.
    pub equal: bool,
    pub equal_structs: usize,
    /// How many of the structs, from the first on, are looked up by the analyzer or other readers.
    pub used_structs: usize,
    pub structs: Vec<ChangedStruct>,
    pub enumerations: Vec<Enumeration>,
    /// Variables whose type changed.
    pub variables: Vec<Variable>,
    pub symbols: Symbols,
}

/// An enumeration that differs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Enumeration {
    pub name: String,
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    pub labels: Vec<Label>,
}

/// A label that differs. Values are decimal numbers.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Label {
    pub name: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

/// A variable whose type changed, as C declares it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Variable {
    pub name: String,
    pub old: String,
    pub new: String,
}

/// Symbols that differ.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Symbols {
    /// How many are where they were.
    pub equal: usize,
    pub added: Vec<Symbol>,
    pub removed: Vec<Symbol>,
    /// Symbols in a row that moved by the same distance.
    pub moved: Vec<Run>,
}

/// A symbol that only one build has.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Symbol {
    pub name: String,
    pub value: u64,
}

/// Symbols in a row that moved by the same distance.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Run {
    pub first: String,
    pub last: String,
    pub count: usize,
    /// The old value of the first.
    pub from: u64,
    /// The new value of the first.
    pub to: u64,
}
