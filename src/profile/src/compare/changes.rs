//! What changed from one build to another, from the entries of their canonical texts.
//!
//! Entries whose text is equal are equal, which nearly all are between neighbouring builds, so only the others are taken
//! apart.

use std::collections::BTreeMap;

use super::walk::{Build, Presentation, pairs, walk};
use crate::canonical::{Section, SplitMember, split_structure, split_text};
use crate::json::walk as json;
use crate::judge::needs;
use crate::{ReadError, System};

/// What changed from one build to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Structs that were added, removed or changed, sorted by name.
    pub structs: Vec<StructChange>,
    /// Enumerations likewise.
    pub enumerations: Vec<EnumerationChange>,
    /// Symbols likewise.
    pub symbols: SymbolChanges,
    /// Types of variables that changed, sorted by name: the old and the new descriptor. Variables that only one build has
    /// are among the symbols.
    pub variables: Vec<(String, String, String)>,
    /// How many structs are equal.
    pub equal_structs: usize,
}

/// A struct that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructChange {
    /// The struct's name.
    pub name: String,
    /// Its size in bytes before; `None` if it was added.
    pub old_size: Option<u64>,
    /// Its size in bytes after; `None` if it was removed.
    pub new_size: Option<u64>,
    /// Its members that differ, in the order of their offsets.
    pub members: Vec<MemberChange>,
}

/// A member that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// The member's name.
    pub name: String,
    /// Offset in bytes and descriptor before; `None` if it was added.
    pub old: Option<(u64, String)>,
    /// Offset in bytes and descriptor after; `None` if it was removed.
    pub new: Option<(u64, String)>,
}

impl MemberChange {
    /// What happened to the member: `added`, `removed`, `moved`, `retyped` or `moved and retyped`.
    pub fn kind(&self) -> &'static str {
        match (&self.old, &self.new) {
            (None, _) => "added",
            (_, None) => "removed",
            (Some((old, ty)), Some((new, other))) if old != new && ty != other => "moved and retyped",
            (Some((old, _)), Some((new, _))) if old != new => "moved",
            _ => "retyped",
        }
    }

    fn offset(&self) -> u64 {
        self.new.as_ref().or(self.old.as_ref()).map_or(0, |(offset, _)| *offset)
    }
}

/// An enumeration that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumerationChange {
    /// The enumeration's name.
    pub name: String,
    /// Labels that differ, sorted: the value before and after; `None` where the label is absent.
    pub labels: Vec<(String, Option<i128>, Option<i128>)>,
    /// Whether the whole enumeration was added or removed.
    pub whole: Option<Presence>,
}

/// Which of two builds has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The new one alone.
    Added,
    /// The old one alone.
    Removed,
}

/// Symbols that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SymbolChanges {
    /// Symbols of the new build alone, sorted by name, with their values.
    pub added: Vec<(String, u64)>,
    /// Symbols of the old build alone.
    pub removed: Vec<(String, u64)>,
    /// Symbols that moved, in runs that moved by the same distance, in the order of the old values.
    pub moved: Vec<SymbolRun>,
    /// How many symbols stayed where they were.
    pub equal: usize,
}

/// Symbols that follow each other in the old build and moved by the same distance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolRun {
    /// The first symbol.
    pub first: String,
    /// The last symbol.
    pub last: String,
    /// How many they are.
    pub count: usize,
    /// The old value of the first.
    pub from: u64,
    /// The new value of the first. The distance is the same for all.
    pub to: u64,
}

impl Changes {
    /// Compares what `takes` accepts by name in the canonical texts of two builds.
    ///
    /// # Errors
    /// [`ReadError`] where one of them is not the text of a profile.
    pub fn between(old: &str, new: &str, takes: &dyn Fn(&str) -> bool) -> Result<Self, ReadError> {
        let (old, new) = (split_text(old)?, split_text(new)?);
        let mut found = Finder { takes, changes: Self::default(), symbols: Vec::new() };
        walk(&Entries { sections: &old }, &Entries { sections: &new }, &mut found);
        Ok(found.changes)
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.structs.is_empty()
            && self.enumerations.is_empty()
            && self.variables.is_empty()
            && self.symbols.added.is_empty()
            && self.symbols.removed.is_empty()
            && self.symbols.moved.is_empty()
    }

    /// Puts the structs first that the analyzer, Rekall, Volatility 3, LibVMI or DRAKVUF look up in kernels of `system`.
    /// Returns how many they are.
    pub fn sort_by_use(&mut self, system: System) -> usize {
        let used = |change: &StructChange| needs::uses_struct(system, &change.name);
        self.structs.sort_by_key(|change| !used(change));
        self.structs.iter().take_while(|change| used(change)).count()
    }
}

impl StructChange {
    /// Compares two definitions of a struct, each its size and members. Returns `None` if they are equal.
    pub fn between(
        name: &str,
        old: Option<&(u64, Vec<SplitMember<'_>>)>,
        new: Option<&(u64, Vec<SplitMember<'_>>)>,
    ) -> Option<Self> {
        let places = |side: Option<&(u64, Vec<SplitMember<'_>>)>| -> BTreeMap<String, (u64, String)> {
            let members = side.into_iter().flat_map(|(_, members)| members);
            members.map(|one| (one.name.to_string(), (one.offset, one.descriptor.to_owned()))).collect()
        };
        let mut members = Vec::new();
        pairs(places(old), places(new), |name, old, new| {
            if old != new {
                members.push(MemberChange { name, old, new });
            }
        });
        members.sort_by(|a, b| a.offset().cmp(&b.offset()).then_with(|| a.name.cmp(&b.name)));
        let size = |side: Option<&(u64, Vec<SplitMember<'_>>)>| side.map(|(size, _)| *size);
        let (old_size, new_size) = (size(old), size(new));
        let differs = old_size != new_size || !members.is_empty();
        differs.then(|| Self { name: name.to_owned(), old_size, new_size, members })
    }
}

impl SymbolChanges {
    /// Adds symbols that both builds have: the old and the new value, and the name.
    fn add_runs(&mut self, mut both: Vec<(u64, u64, &str)>) {
        both.sort_unstable();
        let mut run: Option<SymbolRun> = None;
        for (old, new, name) in both {
            let shift = new.wrapping_sub(old);
            if let Some(open) =
                run.as_mut().filter(|run| run.to.wrapping_sub(run.from) == shift && shift != 0)
            {
                open.last = name.to_owned();
                open.count += 1;
                continue;
            }
            self.moved.extend(run.take());
            if shift == 0 {
                self.equal += 1;
            } else {
                let name = || name.to_owned();
                run = Some(SymbolRun { first: name(), last: name(), count: 1, from: old, to: new });
            }
        }
        self.moved.extend(run);
    }
}

/// The entries of a canonical text.
struct Entries<'a> {
    sections: &'a [Section<'a>],
}

impl<'a> Entries<'a> {
    fn of(&self, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let section = self.sections.iter().find(|section| section.name == name);
        let entries = section.and_then(|section| section.entries.as_deref()).unwrap_or_default();
        entries.iter().map(|(key, text)| (&**key, *text))
    }
}

impl<'a> Build<'a> for Entries<'a> {
    type Struct = &'a str;
    type Enumeration = &'a str;
    type Variable = &'a str;
    type Symbol = &'a str;

    fn structs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.of("$STRUCTS")
    }

    fn enumerations(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.of("$REVENUMS")
    }

    fn variables(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.of("$CONSTANT_TYPES")
    }

    fn symbols(&self) -> [impl Iterator<Item = (&'a str, &'a str)>; 2] {
        ["$CONSTANTS", "$FUNCTIONS"].map(|section| self.of(section))
    }
}

/// Gathers changes during the walk.
struct Finder<'a, 'f> {
    takes: &'f dyn Fn(&str) -> bool,
    changes: Changes,
    /// Symbols that both builds have: the old and the new value, and the name.
    symbols: Vec<(u64, u64, &'a str)>,
}

impl<'a> Presentation<'a, Entries<'a>> for Finder<'a, '_> {
    fn structure(&mut self, name: &'a str, old: Option<&'a str>, new: Option<&'a str>) {
        if !(self.takes)(name) {
            return;
        }
        if old == new {
            self.changes.equal_structs += 1;
            return;
        }
        let (old, new) = (old.and_then(split_structure), new.and_then(split_structure));
        self.changes.structs.extend(StructChange::between(name, old.as_ref(), new.as_ref()));
    }

    fn enumeration(&mut self, name: &'a str, old: Option<&'a str>, new: Option<&'a str>) {
        if old != new && (self.takes)(name) {
            self.changes.enumerations.push(enumeration(name, old, new));
        }
    }

    fn variable(&mut self, name: &'a str, old: Option<&'a str>, new: Option<&'a str>) {
        if let (Some(old), Some(new)) = (old, new)
            && old != new
            && (self.takes)(name)
        {
            self.changes.variables.push((name.to_owned(), old.to_owned(), new.to_owned()));
        }
    }

    fn symbol(&mut self, name: &'a str, old: Option<&'a str>, new: Option<&'a str>) {
        if !(self.takes)(name) {
            return;
        }
        let value = |text: &str| {
            json::integer(text).and_then(|number| u64::try_from(number).ok()).unwrap_or_default()
        };
        let symbols = &mut self.changes.symbols;
        match (old.map(value), new.map(value)) {
            (Some(old), Some(new)) => self.symbols.push((old, new, name)),
            (Some(old), None) => symbols.removed.push((name.to_owned(), old)),
            (None, Some(new)) => symbols.added.push((name.to_owned(), new)),
            (None, None) => {}
        }
    }

    fn end_symbols(&mut self) {
        let both = std::mem::take(&mut self.symbols);
        self.changes.symbols.add_runs(both);
    }
}

/// Compares two texts of an enumeration, which differ.
fn enumeration(name: &str, old: Option<&str>, new: Option<&str>) -> EnumerationChange {
    let labels = |text: Option<&str>| {
        let mut labels = BTreeMap::new();
        // What is not a number, as no canonical text has it, is not compared.
        let _ = text.map(|text| {
            json::entries(text, |label, value| {
                if let Some(value) = json::integer(value) {
                    labels.insert(label.into_owned(), value);
                }
            })
        });
        labels
    };
    let mut differing = Vec::new();
    pairs(labels(old), labels(new), |label, old, new| {
        if old != new {
            differing.push((label, old, new));
        }
    });
    let whole = match (old, new) {
        (None, _) => Some(Presence::Added),
        (_, None) => Some(Presence::Removed),
        _ => None,
    };
    EnumerationChange { name: name.to_owned(), labels: differing, whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"{"$CONSTANTS": {"a": 100, "b": 200, "c": 300, "d": 400, "gone": 5, "stays": 1},
        "$CONSTANT_TYPES": {"a": ["int"], "b": ["int"]},
        "$METADATA": {"Type": "Profile"},
        "$REVENUMS": {"e": {"ONE": 1, "TWO": 2}, "f": {"F": 0}},
        "$STRUCTS": {"list_head": [16, {"next": [0, ["Pointer"]], "prev": [8, ["Pointer"]]}],
            "old": [4, {}], "task_struct": [24, {"a": [0, ["int"]], "b": [4, ["int"]], "c": [8, ["int"]], "d": [16, ["int"]]}]}}"#;
    const NEW: &str = r#"{"$CONSTANTS": {"a": 100, "b": 216, "c": 316, "d": 400, "fresh": 7, "stays": 1},
        "$CONSTANT_TYPES": {"a": ["int"], "b": ["long"]},
        "$METADATA": {"Type": "Profile"},
        "$REVENUMS": {"e": {"ONE": 1, "THREE": 3, "TWO": 4}, "g": {"G": 0}},
        "$STRUCTS": {"added": [8, {"x": [0, ["int"]]}], "list_head": [16, {"next": [0, ["Pointer"]], "prev": [8, ["Pointer"]]}],
            "task_struct": [32, {"a": [0, ["long"]], "b": [8, ["int"]], "c": [12, ["long"]], "e": [16, ["int"]]}]}}"#;

    #[test]
    fn everything_that_differs_is_named() {
        let mut changes = Changes::between(OLD, NEW, &|_| true).unwrap();
        assert_eq!(changes.equal_structs, 1);
        let names: Vec<&str> = changes.structs.iter().map(|change| &*change.name).collect();
        assert_eq!(names, ["added", "old", "task_struct"]);
        let kinds: Vec<(&str, &str)> =
            changes.structs[2].members.iter().map(|change| (&*change.name, change.kind())).collect();
        assert_eq!(
            kinds,
            [("a", "retyped"), ("b", "moved"), ("c", "moved and retyped"), ("d", "removed"), ("e", "added")]
        );
        assert_eq!(changes.sort_by_use(System::Linux), 1);
        assert_eq!(changes.structs[0].name, "task_struct", "the analyzer uses it");

        assert_eq!(changes.variables, [("b".to_owned(), "[\"int\"]".to_owned(), "[\"long\"]".to_owned())]);
        let labels = vec![("THREE".to_owned(), None, Some(3)), ("TWO".to_owned(), Some(2), Some(4))];
        assert_eq!(changes.enumerations[0], EnumerationChange { name: "e".to_owned(), labels, whole: None });
        assert_eq!(changes.enumerations[1].whole, Some(Presence::Removed));
        assert_eq!(changes.enumerations[2].whole, Some(Presence::Added));
    }

    #[test]
    fn symbols_that_move_together_are_one_run() {
        let symbols = Changes::between(OLD, NEW, &|_| true).unwrap().symbols;
        assert_eq!(symbols.added, [("fresh".to_owned(), 7)]);
        assert_eq!(symbols.removed, [("gone".to_owned(), 5)]);
        assert_eq!(symbols.equal, 3);
        let run = SymbolRun { first: "b".to_owned(), last: "c".to_owned(), count: 2, from: 200, to: 216 };
        assert_eq!(symbols.moved, [run]);
    }

    #[test]
    fn a_symbol_within_a_run_is_found_by_its_name() {
        let changes = Changes::between(OLD, NEW, &|name| name == "c").unwrap();
        let run = SymbolRun { first: "c".to_owned(), last: "c".to_owned(), count: 1, from: 300, to: 316 };
        assert_eq!(changes.symbols, SymbolChanges { moved: vec![run], ..SymbolChanges::default() });
        assert!(
            changes.structs.is_empty() && changes.variables.is_empty() && changes.enumerations.is_empty()
        );
    }

    #[test]
    fn a_text_equals_itself() {
        let changes = Changes::between(OLD, OLD, &|_| true).unwrap();
        assert!(changes.is_empty());
        assert_eq!(changes.equal_structs, 3);
    }
}
