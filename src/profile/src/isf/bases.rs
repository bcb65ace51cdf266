use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::losses::DANGLING;
use crate::{Name, Profile, Report, Type, TypeId};

/// The base types that a table defines, and those it uses without a definition.
#[derive(Default)]
pub(super) struct Bases {
    /// Each base type by name, with its type and its size in bytes.
    bases: HashMap<Name, (TypeId, u32), RandomState>,
}

impl Bases {
    /// All of them, each with its type and its size in bytes.
    pub(super) fn into_all(self) -> Vec<(Name, TypeId, u32)> {
        self.bases.into_iter().map(|(name, (ty, size))| (name, ty, size)).collect()
    }

    pub(super) fn add(&mut self, name: Name, ty: TypeId, size: u32) {
        self.bases.insert(name, (ty, size));
    }

    /// The type of a base type that the table defines, and its size in bytes.
    pub(super) fn known(&self, name: &str, profile: &Profile) -> Option<(TypeId, u32)> {
        self.bases.get(&profile.names.find(name)?).copied()
    }

    /// The type of a base type. A name that the table does not define stays opaque and is counted.
    pub(super) fn of(&mut self, name: &str, profile: &mut Profile, report: &mut Report) -> TypeId {
        let name = profile.intern(name);
        if let Some((ty, _)) = self.bases.get(&name) {
            return *ty;
        }
        // Readers know this type even if a table does not define it.
        let ty = match profile.names.get(name) {
            "void" => profile.types.add(Type::Void),
            _ => dangling(name, profile, report),
        };
        self.bases.insert(name, (ty, 0));
        ty
    }
}

/// The type for a name that nothing defines; counted.
pub(super) fn dangling(name: Name, profile: &mut Profile, report: &mut Report) -> TypeId {
    report.lose(DANGLING, || profile.names.get(name).to_owned());
    profile.types.add(Type::Named(name))
}
