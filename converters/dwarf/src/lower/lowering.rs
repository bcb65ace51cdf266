//! The state of the second pass.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use profile::{Label, Name, Profile, RecordId, RecordKind, Report, Type, TypeId, Types};

use crate::fold::Found;
use crate::plan::{Encoding, Plans, Shapes};
use crate::scope::Scopes;
use crate::site::Site;
use crate::units::{Table, Units};

type Map<K, V> = HashMap<K, V, RandomState>;

/// How deep types are followed before they are treated as circular.
pub(super) const MAX_DEPTH: usize = 96;

/// Reads definitions into `profile`.
pub(crate) struct Lowering<'p, 'u, 'a> {
    pub(super) units: &'u Units<'a>,
    pub(super) found: &'u Found,
    pub(super) profile: &'p mut Profile,
    pub(super) report: &'p mut Report,
    /// By the table that they were compiled from, which several units may share.
    pub(super) plans: Map<Table, Arc<Plans>>,
    /// The plans of the unit that was read last.
    pub(super) last_plans: Option<(u32, Arc<Plans>)>,
    /// The size of these plans in bytes.
    pub(super) plan_bytes: usize,
    pub(super) shapes: Shapes,
    /// How many bytes of abbreviations may still be read.
    pub(super) abbreviations_left: u64,
    /// How many bytes the names may take together.
    pub(super) longest_names: usize,
    pub(super) scopes: Scopes,
    /// The type that each type entry became.
    pub(super) known: Map<Site, TypeId>,
    /// Equal types are stored once.
    pub(super) types: Map<Type, TypeId>,
    pub(super) unnamed_records: Map<(RecordKind, u64, Vec<Member>), TypeId>,
    pub(super) unnamed_enumerations: Map<(TypeId, Vec<Label>), TypeId>,
    pub(super) functions: Map<Vec<TypeId>, TypeId>,
    /// The names of records that have a type but may not have been read yet.
    pub(super) reserved: Map<TypeId, Name>,
    pub(super) records: Chosen,
    pub(super) enumerations: Chosen,
    /// Entries being read. Each has the type that was reserved if an entry led back to it.
    pub(super) open: Vec<(Site, Option<TypeId>)>,
    /// Declarations of names with several definitions, none of which is in the declaring unit.
    pub(super) forward: Map<(bool, Name), TypeId>,
    /// Records whose size the source does not give as a number.
    pub(super) sizeless: Vec<RecordId>,
}

/// The chosen definitions of one kind.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) by_name: Map<Name, Vec<TypeId>>,
    pub(super) by_print: Map<u64, (Name, TypeId)>,
    /// For names with several definitions: the one in each unit; `None` if the unit has several.
    pub(super) in_unit: Map<(u32, Name), Option<TypeId>>,
}

/// A member as a hash key.
pub(super) type Member = (Option<Name>, u64, TypeId, Option<profile::BitRange>);

impl<'p, 'u, 'a> Lowering<'p, 'u, 'a> {
    pub(crate) fn new(
        units: &'u Units<'a>,
        found: &'u Found,
        profile: &'p mut Profile,
        report: &'p mut Report,
    ) -> Self {
        Self {
            units,
            found,
            profile,
            report,
            plans: Map::default(),
            last_plans: None,
            plan_bytes: 0,
            shapes: Shapes::default(),
            abbreviations_left: units.abbreviation_limit(),
            longest_names: units.text_limit(),
            scopes: Scopes::default(),
            known: Map::default(),
            types: Map::default(),
            unnamed_records: Map::default(),
            unnamed_enumerations: Map::default(),
            functions: Map::default(),
            reserved: Map::default(),
            records: Chosen::default(),
            enumerations: Chosen::default(),
            open: Vec::new(),
            forward: Map::default(),
            sizeless: Vec::new(),
        }
    }

    pub(super) fn encoding(&self, site: Site) -> Option<Encoding> {
        self.units.units.get(site.unit as usize).map(|unit| unit.encoding)
    }

    /// Equal types are stored once.
    pub(super) fn intern(&mut self, ty: Type) -> TypeId {
        let types: &mut Types = &mut self.profile.types;
        *self.types.entry(ty).or_insert_with(|| types.add(ty))
    }

    pub(super) fn integer(&mut self, size: u64, signed: bool) -> TypeId {
        let integer = u32::try_from(size).ok().and_then(|size| self.profile.c_integer(size, signed));
        self.intern(integer.unwrap_or(Type::Void))
    }
}
