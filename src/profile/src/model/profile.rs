use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Arch, Name, Names, Type, TypeId, Types};

/// The operating system of a profile; it determines how addresses and descriptors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum System {
    /// Windows: addresses are RVAs, code and data are kept apart, descriptors carry an empty argument object.
    Windows,
    /// Linux: addresses are link addresses.
    Linux,
    /// macOS: addresses are link addresses.
    Mac,
    /// Something else, or a profile that does not belong to a kernel (an index, an inventory, a symlink).
    Other,
}

/// Everything known about one build: types, symbols and its identity.
///
/// Front-ends fill it, [`crate::Resolution`] settles names and conflicts, and [`crate::write_text`] prints
/// it. The sections are those of Rekall's profiles (docs/format.md).
#[derive(Clone, Debug)]
pub struct Profile {
    /// The operating system.
    pub system: System,
    /// The processor architecture; written as `arch`.
    pub arch: Arch,
    /// `$METADATA` without `arch`: `Type`, `ProfileClass`, `Version` and the identity of the build.
    pub metadata: BTreeMap<String, Value>,
    /// Every name used below.
    pub names: Names,
    /// The types: `$STRUCTS`, `$ENUMS` and `$REVENUMS`.
    pub types: Types,
    /// `$CONSTANTS`: data symbols on Windows, every symbol on other systems. Windows values are RVAs, others full
    /// unsigned addresses.
    pub constants: Vec<(Name, u64)>,
    /// `$FUNCTIONS`: code symbols (Windows only), as RVAs.
    pub functions: Vec<(Name, u64)>,
    /// `$CONSTANT_TYPES`: the types of variables, if the source gives them.
    pub constant_types: Vec<(Name, TypeId)>,
    /// The bytes at symbols, if the source gives them; `constant_data` in ISF, never in Rekall's form.
    pub contents: BTreeMap<Name, Vec<u8>>,
    /// The linker's names of symbols, if they differ; `linkage_name`, only in ISF.
    pub linkage_names: BTreeMap<Name, Name>,
    /// Typedefs of structs with other names, only in ISF: in Rekall's form a struct has one name.
    pub typedefs: Vec<(Name, TypeId)>,
    /// `$CONFIG`: the kernel's configuration (`CONFIG_X86_PAE` to `y`).
    pub config: BTreeMap<String, String>,
    /// `$MERGE`: names of profiles to be applied to this one.
    pub merge: Vec<String>,
    /// Sections of a profile that was read which have no field above (`$INDEX`, `$INVENTORY`, `$DYNAMIC_CONSTANTS`
    /// and others), unchanged.
    pub other: BTreeMap<String, Value>,
}

impl Profile {
    /// An empty profile of `system` and `arch`, whose metadata holds only `Type` "Profile".
    pub fn new(system: System, arch: Arch) -> Self {
        let mut profile = Self {
            system,
            arch,
            metadata: BTreeMap::new(),
            names: Names::default(),
            types: Types::default(),
            constants: Vec::new(),
            functions: Vec::new(),
            constant_types: Vec::new(),
            contents: BTreeMap::new(),
            linkage_names: BTreeMap::new(),
            typedefs: Vec::new(),
            config: BTreeMap::new(),
            merge: Vec::new(),
            other: BTreeMap::new(),
        };
        profile.set_metadata("Type", "Profile");
        profile
    }

    /// A profile that stands for another one: its readers load `target` instead.
    pub fn symlink(target: &str) -> Self {
        let mut profile = Self::new(System::Other, Arch::Amd64);
        profile.set_metadata("Type", "Symlink");
        profile.set_metadata("Target", target);
        profile
    }

    /// The profile that this one stands for, if it stands for one.
    pub fn symlink_target(&self) -> Option<&str> {
        self.metadata_text("Target").filter(|_| self.metadata_text("Type") == Some("Symlink"))
    }

    /// Sets one field of `$METADATA`.
    pub fn set_metadata(&mut self, key: &str, value: impl Into<Value>) {
        self.metadata.insert(key.to_owned(), value.into());
    }

    /// One field of `$METADATA`, if it is a text.
    pub fn metadata_text(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).and_then(Value::as_str)
    }

    /// The name with this text ([`Names::intern`]).
    pub fn intern(&mut self, text: &str) -> Name {
        self.names.intern(text)
    }

    /// Whether the source defines a struct, union or class with this name.
    pub fn defines_struct(&self, name: &str) -> bool {
        let name = self.names.find(name);
        name.is_some() && self.types.records().any(|(_, record)| record.name == name)
    }

    /// Adds a native type by its name in Rekall's spelling.
    pub fn native(&mut self, name: &str, size: u32, kind: crate::NativeKind) -> Type {
        let name = self.names.intern(name);
        Type::Native(self.types.native(crate::Native { name, size, kind }))
    }
}

/// The symbol of a kernel's banner; Volatility 3 finds a kernel's table by its content.
pub fn banner_symbol(system: System) -> Option<&'static str> {
    match system {
        System::Linux => Some("linux_banner"),
        System::Mac => Some("_version"),
        System::Windows | System::Other => None,
    }
}
