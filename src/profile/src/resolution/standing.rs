//! Ranks several definitions of one name.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::bounds::MAX_DEPTH;
use crate::model::Definition;
use crate::model::layout::{LayoutHash, Layouts};
use crate::{Names, RecordId, Type, TypeId, Types};

/// How many members are searched for pointers in a definition.
const MAX_MEMBERS: usize = 4096;

/// How often the source uses each definition: the number of compile units that hold it, if the front-end sets that,
/// otherwise the number of members (arrays included) and variables that hold it by value.
///
/// It is computed only if a name has several definitions.
#[derive(Debug, Default)]
pub(super) struct Standing {
    counted: bool,
    records: Vec<u64>,
    enums: Vec<u64>,
}

/// Definitions of one layout, and the criteria that rank them among others of the same name; the first in order keeps
/// the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Whether all pointers in it have another size than the architecture's.
    foreign: bool,
    uses: Reverse<u64>,
    size: Reverse<u64>,
    members: Reverse<usize>,
    pub(super) hash: LayoutHash,
    /// The first definition of this layout.
    pub(super) definition: Definition,
}

impl Standing {
    /// The distinct layouts among `definitions`, the one that ranks first in front.
    pub(super) fn rank(
        &mut self,
        names: &Names,
        types: &Types,
        layouts: &mut Layouts,
        (variables, address): (&[(crate::Name, TypeId)], u8),
        definitions: &[Definition],
    ) -> Vec<Rank> {
        let mut distinct: HashMap<LayoutHash, Rank, RandomState> = HashMap::default();
        for definition in definitions {
            let hash = layouts.hash(names, types, *definition);
            let uses = self.uses(types, variables, *definition);
            let rank = distinct.entry(hash).or_insert_with(|| {
                let (size, members) = types.extent(*definition);
                Rank {
                    foreign: is_foreign(types, *definition, address),
                    uses: Reverse(0),
                    size: Reverse(size),
                    members: Reverse(members),
                    hash,
                    definition: *definition,
                }
            });
            rank.uses.0 = rank.uses.0.saturating_add(uses);
        }
        let mut ranked: Vec<Rank> = distinct.into_values().collect();
        ranked.sort_unstable();
        ranked
    }

    fn uses(&mut self, types: &Types, variables: &[(crate::Name, TypeId)], definition: Definition) -> u64 {
        if types.has_units() {
            return types.units(definition).into();
        }
        if !self.counted {
            self.count(types, variables);
        }
        let counts = match definition {
            Definition::Record(_) => &self.records,
            Definition::Enumeration(_) => &self.enums,
        };
        counts.get(definition.index()).copied().unwrap_or(0)
    }

    fn count(&mut self, types: &Types, variables: &[(crate::Name, TypeId)]) {
        self.counted = true;
        self.records.resize(types.records().len(), 0);
        self.enums.resize(types.enumerations().len(), 0);
        let members = types.all_members().map(|member| member.ty);
        for ty in members.chain(variables.iter().map(|(_, ty)| *ty)) {
            let count = match held(types, ty) {
                Some(Definition::Record(id)) => self.records.get_mut(id.index()),
                Some(Definition::Enumeration(id)) => self.enums.get_mut(id.index()),
                None => None,
            };
            if let Some(count) = count {
                *count += 1;
            }
        }
    }
}

/// The definition that a type holds by value, alone or as the element of an array.
fn held(types: &Types, mut ty: TypeId) -> Option<Definition> {
    for _ in 0..=MAX_DEPTH {
        match types.peel(ty) {
            Type::Array { target, .. } => ty = target,
            Type::Record(id) => return Some(Definition::Record(id)),
            Type::Enumeration(id) => return Some(Definition::Enumeration(id)),
            _ => return None,
        }
    }
    None
}

/// Whether a definition holds pointers, directly or in members held by value, none of which has the size of an
/// address: a 32-bit struct in the debug information of a 64-bit program.
fn is_foreign(types: &Types, definition: Definition, address: u8) -> bool {
    let Definition::Record(id) = definition else { return false };
    let mut pending: Vec<(RecordId, usize)> = vec![(id, 0)];
    let mut left = MAX_MEMBERS;
    let mut others = false;
    while let Some((id, depth)) = pending.pop() {
        for member in types.members(id) {
            let Some(fewer) = left.checked_sub(1) else { return false };
            left = fewer;
            let mut ty = member.ty;
            for _ in 0..=MAX_DEPTH {
                match types.peel(ty) {
                    Type::Array { target, .. } => ty = target,
                    Type::Pointer { size, .. } if size == address => return false,
                    Type::Pointer { .. } => {
                        others = true;
                        break;
                    }
                    Type::Record(inner) if depth < MAX_DEPTH => {
                        pending.push((inner, depth + 1));
                        break;
                    }
                    _ => break,
                }
            }
        }
    }
    others
}
