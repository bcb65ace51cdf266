//! Looks up one struct, symbol or enumeration in a profile without reading the rest of it.
//!
//! Unpacking takes nearly all the time of a lookup. In the unpacked text a name is searched for as bytes: in valid
//! JSON `"NAME"`, with an unescaped first quote and a colon after it, is a key, and the first bytes of its value show
//! the kind of entry. Only the entry that was found is parsed. If bytes are not conclusive (names with escapes, names
//! that look like punctuation), and before a name is reported as missing, its section is walked as JSON.
//! After many lookups in one section, its entries are indexed. Symbols of a canonical text, one on each line in the order of
//! their names, are found by bisection.

mod index;
mod lines;
mod sections;
mod shape;
mod similar;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use index::Index;
use lines::Lines;
use memchr::memmem;
use sections::Sections;
use serde_json::{Map, Value};
use shape::Shape;
use similar::Similar;

use crate::json::walk;
use crate::read::identity::{Evidence, Identity, settle};
use crate::read::{Builder, address, check_kind, document, is_isf};
use crate::{
    Arch, MAX_TEXT, MappedFile, Profile, ReadError, Report, Resolution, Structure, Symbol, System, isf,
    read_text, unpack, write_text,
};

/// The unpacked text of a profile, in which single entries are looked up. For an ISF table it is the canonical text
/// of the profile in the table.
#[derive(Debug)]
pub struct Text {
    text: String,
    sections: Sections,
    indexes: [Index; INDEXED.len()],
    lines: [Lines; SYMBOLS.len()],
    identity: OnceLock<(Identity, Map<String, Value>)>,
}

/// The sections that are indexed. Symbols are many and their text is short: an index of them costs more than it saves.
const INDEXED: [&str; 3] = ["$STRUCTS", "$ENUMS", "$REVENUMS"];
/// The sections that are bisected if they are sorted.
const SYMBOLS: [&str; 2] = ["$CONSTANTS", "$FUNCTIONS"];

impl Text {
    /// Unpacks the profile in the file at `path`: text, gzip, xz or zstd, recognised by content.
    ///
    /// # Errors
    /// [`ReadError`] if the file cannot be read, or is not a profile by its keys. The rest is not checked until it is
    /// used; [`crate::read_file`] checks everything.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let bytes =
            MappedFile::open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        let text = unpack(&bytes, MAX_TEXT).map(Cow::into_owned);
        text.and_then(Self::new).map_err(|error| error.in_file(path, &bytes))
    }

    /// From the unpacked text.
    ///
    /// # Errors
    /// As for [`Text::open`].
    pub fn new(text: Vec<u8>) -> Result<Self, ReadError> {
        check_kind(&text)?;
        let text = match String::from_utf8(text) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        let text = if is_isf(text.as_bytes()) { canonical(&text)? } else { text };
        let sections = Sections::find(&text)?;
        Ok(Self {
            text,
            sections,
            indexes: Default::default(),
            lines: Default::default(),
            identity: OnceLock::new(),
        })
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The whole profile, as returned by [`crate::read_text`].
    ///
    /// # Errors
    /// As for [`crate::read_text`].
    pub fn profile(&self, report: &mut Report) -> Result<Profile, ReadError> {
        read_text(self.text.as_bytes(), report)
    }

    /// `$METADATA` in its current spelling, without `arch`.
    pub fn metadata(&self) -> BTreeMap<String, Value> {
        self.identity().1.clone().into_iter().collect()
    }

    /// The system of the profile.
    pub fn system(&self) -> System {
        self.identity().0.system
    }

    /// The architecture of the profile.
    pub fn arch(&self) -> Arch {
        self.identity().0.arch
    }

    /// The number of entries in each section. Walks the whole text.
    ///
    /// # Errors
    /// [`ReadError`] if the text is not JSON.
    pub fn counts(&self) -> Result<BTreeMap<String, usize>, ReadError> {
        let mut counts = BTreeMap::new();
        document::sections(&self.text, |section, value| {
            let mut count = 0;
            if walk::entries(value, |_, _| count += 1).is_err() {
                count = walk::items(value).map_or(1, |items| items.len());
            }
            counts.insert(section.into_owned(), count);
        })?;
        Ok(counts)
    }

    /// The struct of this name; `None` if there is none.
    pub fn structure(&self, name: &str) -> Option<Structure> {
        let mut entry = self.find("$STRUCTS", name, is_struct)?;
        // An entry that is only a name stands for the struct of that name.
        for _ in 0..MAX_ALIASES {
            let Some((target, _)) = walk::string(entry) else { break };
            entry = self.find("$STRUCTS", &target, is_struct)?;
        }
        let mut report = Report::default();
        let mut builder = Builder::new(&mut report);
        builder.structure(name, entry);
        let (identity, metadata) = self.identity();
        let profile = builder.finish_as(*identity, metadata.clone(), Some(&|name| self.size(name)));
        let record = profile.types.records().next()?.0;
        Some(Structure { profile, record })
    }

    /// The size in bytes of the struct of this name; `None` if there is none.
    pub fn size(&self, name: &str) -> Option<u64> {
        let (size, _) = walk::pair(self.find("$STRUCTS", name, is_struct)?)?;
        u64::try_from(walk::integer(size)?).ok()
    }

    /// The labels of an enumeration with their values, by value; `None` if there is none of this name.
    pub fn enumeration(&self, name: &str) -> Option<Vec<(String, i128)>> {
        let mut labels = Vec::new();
        let by_label = self.find("$REVENUMS", name, is_object);
        if let Some(entry) = by_label {
            let _ = walk::entries(entry, |label, value| {
                labels.extend(walk::integer(value).map(|value| (label.into_owned(), value)));
            });
        }
        // Older profiles have only this section, or lack the zeros in the other.
        let by_value = self.find("$ENUMS", name, is_object);
        if let Some(entry) = by_value {
            let _ = walk::entries(entry, |value, label| {
                let label = walk::string(label).map(|(label, _)| label.into_owned());
                labels.extend(label.zip(walk::integer(&value)));
            });
        }
        by_label.or(by_value)?;
        labels.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        labels.dedup();
        Some(labels)
    }

    /// The symbol of this name; `None` if there is none. Data comes before code, as for LibVMI.
    pub fn symbol(&self, name: &str) -> Option<Symbol> {
        let sections = [("$CONSTANTS", false), ("$FUNCTIONS", true)];
        sections.into_iter().find_map(|(section, function)| {
            let address = address(self.find(section, name, is_integer)?)?;
            Some(Symbol { name: name.to_owned(), address, function })
        })
    }

    /// The symbols at the highest address that is not above `address`, sorted by name; empty if every symbol is above
    /// it.
    pub fn symbols_at(&self, address: u64) -> Vec<Symbol> {
        let mut nearest: Vec<Symbol> = Vec::new();
        let mut best = 0;
        self.each_symbol(|name, value, function| {
            if value > address || (value < best && !nearest.is_empty()) {
                return;
            }
            if value > best {
                nearest.clear();
            }
            best = value;
            nearest.push(Symbol { name: name.to_owned(), address: value, function });
        });
        nearest.sort_by(|a, b| a.name.cmp(&b.name));
        nearest
    }

    /// The symbols at the lowest address above `address`, sorted by name; none where no symbol is above it.
    pub fn symbols_above(&self, address: u64) -> Vec<Symbol> {
        let mut nearest: Vec<Symbol> = Vec::new();
        let mut best = u64::MAX;
        self.each_symbol(|name, value, function| {
            if value <= address || value > best {
                return;
            }
            if value < best {
                nearest.clear();
            }
            best = value;
            nearest.push(Symbol { name: name.to_owned(), address: value, function });
        });
        nearest.sort_by(|a, b| a.name.cmp(&b.name));
        nearest
    }

    /// Up to `limit` names of structs, enumerations and symbols that may have been meant by `name`: those that differ by
    /// case and leading underscores only come first, then those with a letter or two changed, then those that contain
    /// it. Walks the sections.
    pub fn similar(&self, name: &str, limit: usize) -> Vec<String> {
        let mut search = Similar::new(name);
        for section in ["$STRUCTS", "$ENUMS", "$CONSTANTS", "$FUNCTIONS"] {
            if let Some(text) = self.sections.of(&self.text, section) {
                let _ = walk::entries(text, |key, _| search.look_at(key));
            }
        }
        search.best(limit)
    }

    /// Up to `limit` members of the struct `owner` that may have been meant by `name`.
    pub fn similar_members(&self, owner: &str, name: &str, limit: usize) -> Vec<String> {
        let Some(structure) = self.structure(owner) else { return Vec::new() };
        let mut search = Similar::new(name);
        for member in structure.profile.types.members(structure.record) {
            search.look_at(structure.profile.names.get(member.name).to_owned().into());
        }
        search.best(limit)
    }

    /// Shows the name of every struct and its size in bytes, in the order of the text.
    pub fn each_structure(&self, mut each: impl FnMut(&str, u64)) {
        let Some(text) = self.sections.of(&self.text, "$STRUCTS") else { return };
        // A damaged text ends the walk where it is damaged.
        let _ = walk::entries(text, |name, entry| {
            let size = walk::pair(entry).and_then(|(size, _)| walk::integer(size));
            if let Some(size) = size.and_then(|size| u64::try_from(size).ok()) {
                each(&name, size);
            }
        });
    }

    /// Shows the name of every enumeration, in the order of the text.
    pub fn each_enumeration(&self, mut each: impl FnMut(&str)) {
        // Older profiles have the second section alone.
        let sections = ["$REVENUMS", "$ENUMS"];
        let text = sections.into_iter().find_map(|section| self.sections.of(&self.text, section));
        let _ = text.map(|text| walk::entries(text, |name, _| each(&name)));
    }

    /// Calls `each` with every symbol in the order of the text, data before code: its name, its address, and whether
    /// it is a function.
    pub fn each_symbol(&self, mut each: impl FnMut(&str, u64, bool)) {
        for (section, function) in [("$CONSTANTS", false), ("$FUNCTIONS", true)] {
            if let Some(text) = self.sections.of(&self.text, section) {
                // In a damaged text the walk ends at the damage.
                let _ = walk::entries(text, |name, value| {
                    if let Some(value) = address(value) {
                        each(&name, value, function);
                    }
                });
            }
        }
    }

    /// The text of the entry of `section` with this name.
    fn find(&self, section: &str, name: &str, shape: Shape) -> Option<&str> {
        let text = self.sections.of(&self.text, section)?;
        let lines = SYMBOLS.iter().position(|known| *known == section).and_then(|at| self.lines.get(at));
        if let Some(found) = lines.and_then(|lines| lines.find(text, name)) {
            return found;
        }
        let number = INDEXED.iter().position(|known| *known == section);
        let index = number.and_then(|number| self.indexes.get(number));
        if let Some(found) = index.and_then(|index| index.find(text, name, shape)) {
            return found;
        }
        index.inspect(|index| index.searched());
        find_key(text, name, shape).or_else(|| {
            index.inspect(|index| index.walked());
            walk_to_key(text, name)
        })
    }

    fn identity(&self) -> &(Identity, Map<String, Value>) {
        self.identity.get_or_init(|| {
            let metadata = self.sections.of(&self.text, "$METADATA").map(serde_json::from_str);
            let mut metadata = match metadata {
                Some(Ok(Value::Object(metadata))) => metadata,
                _ => Map::new(),
            };
            let config = |name: &str| {
                let entry = walk_to_key(self.sections.of(&self.text, "$CONFIG")?, name)?;
                Some(walk::string(entry)?.0.into_owned())
            };
            let highest = || {
                let mut highest = 0;
                self.each_symbol(|_, value, _| highest = highest.max(value));
                highest
            };
            let evidence = Evidence {
                structure: &|name| self.size(name),
                constant: &|name| self.symbol(name).map(|symbol| symbol.address),
                highest: &highest,
                config: &config,
                empty_arguments: &|| {
                    let structs = self.sections.of(&self.text, "$STRUCTS").unwrap_or_default();
                    memmem::find(structs.as_bytes(), b"{}]]").is_some()
                },
            };
            (settle(&mut metadata, &evidence), metadata)
        })
    }
}

/// The canonical text of the profile in an ISF text.
fn canonical(isf_text: &str) -> Result<String, ReadError> {
    let mut report = Report::default();
    let mut profile = isf::read(isf_text, 1, &mut report)?;
    let resolution = Resolution::new(&mut profile, &mut report);
    let text = write_text(&profile, &resolution, Vec::new());
    // The writer refuses only repeated symbol names, which the reader never leaves.
    let text = text.ok().and_then(|text| String::from_utf8(text).ok());
    text.ok_or_else(|| ReadError::Section {
        section: "symbols".to_owned(),
        expected: "each symbol once",
        found: "a symbol twice".to_owned(),
    })
}

/// How many aliases of structs are followed.
const MAX_ALIASES: usize = 16;

/// The text of the last value in `section` whose key is `name` and which looks like an entry; `None` if there is
/// none, or if the bytes are not conclusive.
fn find_key<'a>(section: &'a str, name: &str, shape: Shape) -> Option<&'a str> {
    if !is_plain(name) {
        return None;
    }
    let bytes = section.as_bytes();
    let needle = format!("\"{name}\"");
    let mut found = None;
    for start in memmem::find_iter(bytes, needle.as_bytes()) {
        // The end of a longer key, `"x\"NAME"`.
        if start.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\\') {
            continue;
        }
        let behind = bytes.get(start + needle.len()..).unwrap_or_default().trim_ascii_start();
        let Some((b':', value)) = behind.split_first() else { continue };
        let value = value.trim_ascii_start();
        if shape(value) {
            found = Some(bytes.len() - value.len());
        }
    }
    walk::value(section.get(found?..)?).ok()
}

/// Whether a name is written without escapes and cannot be confused with the text between two strings. Such text
/// begins, after white space, with a comma, a colon or a closing bracket.
fn is_plain(name: &str) -> bool {
    let written = name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
    let first = name.bytes().find(|byte| *byte != b' ');
    written && first.is_some_and(|first| !matches!(first, b',' | b':' | b']' | b'}'))
}

/// The text of the last value whose key is `name`, reading every key of the section.
fn walk_to_key<'a>(section: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    // A value before a damaged place counts.
    let _ = walk::entries(section, |key, value| {
        if key == name {
            found = Some(value);
        }
    });
    found
}

/// `[16, {` begins a struct's entry; a member's begins with `[16, [`.
fn is_struct(value: &[u8]) -> bool {
    let Some(rest) = value.strip_prefix(b"[") else { return false };
    let rest = rest.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = rest.get(digits..).unwrap_or_default().trim_ascii_start();
    let Some(rest) = rest.strip_prefix(b",") else { return false };
    digits > 0 && rest.trim_ascii_start().starts_with(b"{")
}

fn is_object(value: &[u8]) -> bool {
    value.starts_with(b"{")
}

fn is_integer(value: &[u8]) -> bool {
    value.first().is_some_and(|byte| *byte == b'-' || byte.is_ascii_digit())
}
