use std::collections::HashMap;

use serde_json::{Map, Value};

use super::entry::{fields, string, unsigned};
use super::machine;
use crate::read::identity::{Evidence, pdb_class, settle};
use crate::{Arch, GuidAge, NativeKind, ReadError, Report, System};

/// `metadata.windows.pe` and the corresponding fields of `$METADATA`.
pub(super) const PE_FIELDS: [(&str, &str); 4] =
    [("major", "major"), ("minor", "minor"), ("revision", "rev"), ("build", "build")];

/// The newest supported format is 6.3.0.
const NEWEST_MINOR: u32 = 3;

/// Reads the section `metadata`.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, ReadError> {
    let refuse = |found: String| {
        let expected = "an object that names the format and the system";
        Err(ReadError::Section { section: "metadata".to_owned(), expected, found })
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(metadata)) => Ok(metadata),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => refuse("another value".to_owned()),
        Err(error) => refuse(error.to_string()),
    }
}

/// Refuses formats that are not supported.
pub(super) fn check_format(metadata: &Map<String, Value>, report: &mut Report) -> Result<(), ReadError> {
    let refuse = |found: String| {
        let expected = "a table of format 4.x.y or 6.x.y";
        Err(ReadError::Section { section: "metadata".to_owned(), expected, found })
    };
    let Some(format) = metadata.get("format").and_then(Value::as_str) else {
        return refuse("none named".to_owned());
    };
    let mut numbers = format.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(4)), Some(Ok(_))) | (Some(Ok(6)), Some(Ok(..=NEWEST_MINOR))) => Ok(()),
        (Some(Ok(6)), Some(Ok(_))) => {
            report.warn(format!(
                "the table's format is {format}; what it adds to 6.{NEWEST_MINOR} is not read"
            ));
            Ok(())
        }
        _ => refuse(format!("format {format}")),
    }
}

/// `element_base_type`.
pub(super) struct BaseType {
    pub(super) size: u32,
    pub(super) signed: bool,
    pub(super) kind: NativeKind,
    big_endian: bool,
}

/// Counted for base types that are incomplete or do not follow the schema.
const DAMAGED: &str = "base types that are not as the schema has them";

impl BaseType {
    /// Reads an entry of `base_types`; `None` if it has no size. An unknown kind is read as an integer.
    pub(super) fn parse(name: &str, text: &str, report: &mut Report) -> Option<Self> {
        let known = fields(text, ["size", "signed", "kind", "endian"]);
        let [size, signed, kind, endian] = known.unwrap_or([None; 4]);
        let size = unsigned(size).and_then(|size| u32::try_from(size).ok());
        let signed = signed == Some("true");
        let kind = match (string(kind).as_deref(), signed) {
            (Some("bool"), _) => Some(NativeKind::Bool),
            (Some("float"), _) => Some(NativeKind::Float),
            (Some("char"), true) => Some(NativeKind::Char),
            (Some("char" | "int"), false) => Some(NativeKind::Unsigned),
            (Some("int"), true) => Some(NativeKind::Signed),
            (Some("void"), _) => Some(NativeKind::Other),
            _ => None,
        };
        if size.is_none() || kind.is_none() {
            report.lose(DAMAGED, || name.to_owned());
        }
        let integer = if signed { NativeKind::Signed } else { NativeKind::Unsigned };
        let big_endian = string(endian).is_some_and(|endian| endian == "big");
        Some(Self { size: size?, signed, kind: kind.unwrap_or(integer), big_endian })
    }
}

/// The build that a table belongs to, as far as its metadata and base types show.
pub(super) struct Identity {
    pub(super) system: Option<System>,
    pub(super) arch: Arch,
    /// Whether `arch` is stated in the table, not guessed.
    told: bool,
    metadata: Map<String, Value>,
}

/// The parts of a table's other sections that help to identify it.
pub(super) struct Sources<'a> {
    /// The size of the struct of this name, if it exists.
    pub(super) structure: &'a dyn Fn(&str) -> Option<u64>,
    /// The address of the symbol of this name, if it exists.
    pub(super) constant: &'a dyn Fn(&str) -> Option<u64>,
    /// The highest address.
    pub(super) highest: &'a dyn Fn() -> u64,
    /// The bytes at the symbol of this name, if the table holds them.
    pub(super) content: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

impl Identity {
    pub(super) fn new(metadata: &Map<String, Value>, bases: &HashMap<String, BaseType>) -> Self {
        let mut fields = Map::new();
        let mut set = |key: &str, value: Value| drop(fields.insert(key.to_owned(), value));
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        set("Type", "Profile".into());
        if let Some(producer) = metadata.get("producer")
            && let Some(name) = text(producer, "name").filter(|name| !name.is_empty())
        {
            let version = text(producer, "version").unwrap_or_default();
            set("Generator", format!("{name} {version}").trim_end().into());
        }
        let (mut system, mut told) = (None, None);
        if let Some(windows) = metadata.get("windows").filter(|value| value.is_object()) {
            system = Some(System::Windows);
            set("ProfileClass", "BasicPEProfile".into());
            if let Some(pdb) = windows.get("pdb") {
                if let Some(database) = text(pdb, "database") {
                    set("ProfileClass", pdb_class(&database).into());
                    set("PDBFile", database.into());
                }
                let age = pdb.get("age").and_then(Value::as_u64);
                if let Some((guid, age)) = text(pdb, "GUID").zip(age) {
                    let guid_age = format!("{guid}{age:X}");
                    let known = guid_age.parse::<GuidAge>().map(|known| known.to_string());
                    set("GUID_AGE", known.unwrap_or(guid_age).into());
                }
                told = pdb.get("machine_type").and_then(Value::as_u64).and_then(machine::of_pe);
            }
            for (field, key) in PE_FIELDS {
                if let Some(number) = windows.get("pe").and_then(|pe| pe.get(field)?.as_u64()) {
                    set(key, number.to_string().into());
                }
            }
        } else {
            let of = |key: &str| metadata.get(key).and_then(Value::as_object);
            let found = of("linux").map(|sources| (System::Linux, "Linux", sources));
            let found = found.or_else(|| of("mac").map(|sources| (System::Mac, "Darwin", sources)));
            if let Some((found, class, sources)) = found {
                system = Some(found);
                set("ProfileClass", class.into());
                if !sources.is_empty() {
                    set("Sources", Value::Object(sources.clone()));
                }
            }
        }
        let big = bases.values().any(|base| base.big_endian);
        let guess = match (bases.get("pointer").map(|base| base.size), big) {
            (Some(4), true) => Arch::Ppc,
            (_, true) => Arch::Ppc64,
            (Some(4), false) => Arch::I386,
            (_, false) => Arch::Amd64,
        };
        Self { system, arch: told.unwrap_or(guess), told: told.is_some(), metadata: fields }
    }

    pub(super) fn windows(&self) -> bool {
        self.system == Some(System::Windows)
    }

    /// Decides system, architecture and `$METADATA`, after the other sections have been read.
    pub(super) fn settle(
        &self,
        address_size: u8,
        sources: &Sources<'_>,
    ) -> (System, Arch, Map<String, Value>) {
        let mut metadata = self.metadata.clone();
        let arch = match self.told {
            true => self.arch,
            false => machine::of_structs(address_size, |name| (sources.structure)(name).is_some())
                .unwrap_or(self.arch),
        };
        if self.system.is_some() {
            metadata.insert("arch".to_owned(), arch.name().into());
        }
        let evidence = Evidence {
            structure: sources.structure,
            constant: sources.constant,
            highest: sources.highest,
            config: &|_| None,
            empty_arguments: &|| false,
        };
        let settled = settle(&mut metadata, &evidence);
        let symbol = crate::banner_symbol(settled.system);
        let content = symbol.and_then(|symbol| (sources.content)(symbol));
        if let Some(banner) = content.as_deref().and_then(first_line) {
            let release = banner.strip_prefix("Linux version ").and_then(|rest| rest.split(' ').next());
            if let Some(release) = release {
                metadata.insert("Release".to_owned(), release.into());
            }
            metadata.insert("Banner".to_owned(), banner.into());
        }
        let arch = if settled.system == System::Other { arch } else { settled.arch };
        (settled.system, arch, metadata)
    }
}

/// The kernel's banner.
fn first_line(content: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(content);
    let line = text.split(['\0', '\n']).next().filter(|line| !line.is_empty())?;
    Some(line.to_owned())
}
