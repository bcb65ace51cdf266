//! Looks up one struct, symbol or enumeration in a table without reading the rest of it.
//!
//! One pass over the text finds every struct and enumeration ([`Skeleton`]); an entry is parsed when it is looked up.
//! Symbols are searched for as bytes, as in [`crate::Text`], because there are many and few are needed. The text is
//! used in place, so that a plain file is never copied.

use std::borrow::Cow;

use memchr::memmem;
use serde_json::Value;
use serde_json::value::RawValue;

use super::descriptor::Descriptors;
use super::metadata::{Identity, Sources, check_format, parse};
use super::reader::{self, add_bases, add_wide_character, address_size, bases};
use super::skeleton::Skeleton;
use super::structure::Struct;
use super::{entry, structure, symbol};
use crate::json::walk;
use crate::read::{is_isf, utf8};
use crate::{Arch, MappedFile, Name, Profile, ReadError, RecordId, Report, Structure, Symbol, System};

/// The text of a symbol table of Volatility 3 (ISF), unpacked, in which single entries are looked up.
#[derive(Debug)]
pub struct Table {
    text: MappedFile,
    /// The number of bytes before the document.
    start: usize,
    skeleton: Skeleton,
    /// A profile with the base types, and the lookup tables for them: every struct that is looked up begins as a
    /// copy.
    empty: Profile,
    bases: Vec<(Name, crate::TypeId, u32)>,
    wide_character: Option<Name>,
    address_size: u8,
    /// Whether the keys of `symbols` may contain escapes.
    escaped_symbols: bool,
}

impl Table {
    /// Whether a text is a table, by its keys.
    pub fn recognises(text: &[u8]) -> bool {
        is_isf(text.strip_prefix(MARK).unwrap_or(text))
    }

    /// Opens a table of a Linux or Windows build. Returns `None` for any other text, and for every faulty or unusual
    /// table: [`crate::read_text`] reads those, or reports the problem.
    pub fn new(text: MappedFile) -> Option<Self> {
        let start = if text.starts_with(MARK) { MARK.len() } else { 0 };
        let bytes = text.get(start..)?;
        let skeleton = Skeleton::find(bytes)?;
        let section =
            |name| skeleton.section(bytes, name).map_or(Some("{}"), |text| std::str::from_utf8(text).ok());
        let mut report = Report::default();
        let metadata = parse(section("metadata")?).ok()?;
        check_format(&metadata, &mut report).ok()?;
        let bases = bases(("base_types", section("base_types")?), &mut report).ok()?;
        if skeleton.escapes {
            return None;
        }
        let identity = Identity::new(&metadata, &bases);
        let symbols = skeleton.section(bytes, "symbols").unwrap_or_default();
        let escaped_symbols = memchr::memchr(b'\\', symbols).is_some();
        let mut table = Self {
            start,
            skeleton,
            empty: Profile::new(identity.system?, identity.arch),
            bases: Vec::new(),
            wide_character: None,
            address_size: address_size(&identity, &bases),
            escaped_symbols,
            text,
        };
        let (system, arch, metadata) = identity.settle(
            table.address_size,
            &Sources {
                structure: &|name| table.size(name),
                constant: &|name| table.symbol(name).map(|symbol| symbol.address),
                highest: &|| {
                    let mut highest = 0;
                    table.each_symbol(|_, value, _| highest = highest.max(value));
                    highest
                },
                content: &|name| symbol::content(&table.symbol_entry(name)?),
            },
        );
        // For macOS, the canonical profile's names of unnamed structs are needed to read the table.
        if !matches!(system, System::Linux | System::Windows) {
            return None;
        }
        table.empty = Profile::new(system, arch);
        table.empty.metadata = metadata.into_iter().collect();
        table.wide_character = add_wide_character(&identity, &bases, &mut table.empty);
        let mut descriptors = Descriptors::new(table.address_size, table.wide_character, None);
        add_bases(bases, &mut descriptors, &mut table.empty, &mut report);
        table.bases = descriptors.bases.into_all();
        Some(table)
    }

    /// The system of the table.
    pub fn system(&self) -> System {
        self.empty.system
    }

    /// The architecture of the table.
    pub fn arch(&self) -> Arch {
        self.empty.arch
    }

    /// A field of `$METADATA` in the profile of the whole table.
    pub fn metadata(&self, key: &str) -> Option<&Value> {
        self.empty.metadata.get(key)
    }

    /// The profile of the whole table.
    ///
    /// # Errors
    /// As for [`crate::read_text`].
    pub fn profile(&self, report: &mut Report) -> Result<Profile, ReadError> {
        let text = utf8(&self.text, report);
        reader::read(&text, 1, report)
    }

    /// The struct of this name; `None` if there is none. Other structs in it have their names in the table
    /// ([`crate::Type::Named`]).
    pub fn structure(&self, name: &str) -> Option<Structure> {
        let text = lossy(self.skeleton.structure(self.document(), name)?);
        let mut report = Report::default();
        let mut profile = self.empty.clone();
        let find = |name: &str| self.skeleton.enumeration(self.document(), name).map(lossy);
        let mut descriptors = Descriptors::new(self.address_size, self.wide_character, Some(&find));
        for (name, ty, size) in &self.bases {
            descriptors.bases.add(*name, *ty, *size);
        }
        let scanned = structure::scan(name, &text)?;
        let entry = structure::lower(name, scanned, &mut descriptors, &mut profile, &mut report);
        let Struct { kind, size, members } = entry;
        let size = size.unwrap_or_else(|| {
            structure::end_of(&members, &profile.types, |name| self.size(profile.names.get(name)))
        });
        let own = profile.intern(name);
        let Profile { types, names, .. } = &mut profile;
        let record: RecordId = types.add_record(names, Some(own), kind, size, &members);
        Some(Structure { profile, record })
    }

    /// The size in bytes of the struct of this name; `None` if there is none.
    pub fn size(&self, name: &str) -> Option<u64> {
        let text = lossy(self.skeleton.structure(self.document(), name)?);
        let [size] = entry::fields(&text, ["size"])?;
        entry::unsigned(size)
    }

    /// The symbol of this name; `None` if there is none.
    pub fn symbol(&self, name: &str) -> Option<Symbol> {
        let text = self.symbol_entry(name)?;
        let function = self.system() == System::Windows && symbol::is_function(&text);
        Some(Symbol { name: name.to_owned(), address: symbol::place(&text)?, function })
    }

    /// Calls `each` with every symbol in the order of the text: its name, its address, and whether it is a function
    /// (which only tables of Windows builds show).
    pub fn each_symbol(&self, mut each: impl FnMut(&str, u64, bool)) {
        let windows = self.system() == System::Windows;
        let Some(section) = self.skeleton.section(self.document(), "symbols").map(lossy) else { return };
        // In a damaged text the walk ends at the damage.
        let _ = walk::entries(&section, |name, text| {
            if let Some(at) = symbol::place(text) {
                each(&name, at, windows && symbol::is_function(text));
            }
        });
    }

    fn document(&self) -> &[u8] {
        self.text.get(self.start..).unwrap_or_default()
    }

    /// The text of the last entry of `symbols` with this name.
    fn symbol_entry(&self, name: &str) -> Option<Cow<'_, str>> {
        let section = self.skeleton.section(self.document(), "symbols")?;
        let plain = name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
        if plain && let Some(found) = find_symbol(section, name) {
            return Some(found);
        }
        // A key with escapes may still be this name.
        if plain && !self.escaped_symbols {
            return None;
        }
        let mut found = None;
        if let Cow::Borrowed(text) = lossy(section) {
            let _ = walk::entries(text, |key, value| {
                if key == name {
                    found = Some(Cow::Borrowed(value));
                }
            });
        }
        found
    }
}

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The text of the last value in `section` whose key is `name` and which has an address. A symbol may have the name
/// of a key inside entries (`type`), whose values have no address.
fn find_symbol<'t>(section: &'t [u8], name: &str) -> Option<Cow<'t, str>> {
    let needle = format!("\"{name}\"");
    let mut found = None;
    for start in memmem::find_iter(section, needle.as_bytes()) {
        // The end of a longer key, `"x\"NAME"`.
        if start.checked_sub(1).and_then(|before| section.get(before)) == Some(&b'\\') {
            continue;
        }
        let behind = section.get(start + needle.len()..).unwrap_or_default().trim_ascii_start();
        let Some((b':', value)) = behind.split_first() else { continue };
        let value = value.trim_ascii_start();
        if !value.starts_with(b"{") {
            continue;
        }
        let mut reader = serde_json::Deserializer::from_slice(value);
        if let Ok(value) = <&RawValue as serde::Deserialize>::deserialize(&mut reader)
            && symbol::place(value.get()).is_some()
        {
            found = Some(Cow::Borrowed(value.get()));
        }
    }
    found
}
