//! How often each definition is used.
//!
//! Debug information for programs says how many compile units hold a definition, and so which of several definitions
//! of one name is the usual one. BTF shows it indirectly: a struct from a header is a member of others, and an
//! argument of functions, far more often than a struct of one source file.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use profile::Type;

use super::Lowering;
use crate::kind::BtfKind;

/// How many pointers, arrays and qualifiers are followed to a definition.
const MAX_STEPS: usize = 16;

impl Lowering<'_, '_, '_> {
    /// Records, for names with several definitions, how many members, variables and functions use each of them.
    pub(super) fn count_uses(&mut self) {
        let mut definitions: HashMap<(bool, &[u8]), Vec<u32>, RandomState> = HashMap::default();
        for id in 1..=self.table.len() {
            let Some(view) = self.table.view(id) else { continue };
            let is_record = match view.kind() {
                BtfKind::Struct | BtfKind::Union => true,
                BtfKind::Enum | BtfKind::Enum64 => false,
                _ => continue,
            };
            if !view.name().is_empty() {
                definitions.entry((is_record, view.name())).or_default().push(id);
            }
        }
        let several = definitions.into_values().filter(|ids| ids.len() > 1).flatten();
        let mut uses: HashMap<u32, u32, RandomState> = several.map(|id| (id, 0)).collect();
        if uses.is_empty() {
            return;
        }
        for id in 1..=self.table.len() {
            let Some(view) = self.table.view(id) else { continue };
            // The type of a function stands for all functions that have it.
            let user = match view.kind() {
                BtfKind::Struct | BtfKind::Union | BtfKind::Variable | BtfKind::Signature => Some(view),
                BtfKind::Function => view.target().and_then(|target| self.table.view(target)),
                _ => None,
            };
            let Some(user) = user else { continue };
            user.record.references(|target| {
                let meant = user.id(target).and_then(|target| self.definition_behind(target));
                if let Some(uses) = meant.and_then(|meant| uses.get_mut(&meant)) {
                    *uses = uses.saturating_add(1);
                }
            });
        }
        for (id, uses) in uses {
            // A count of zero is treated as one, since the definition exists.
            match self.profile.types.get(self.place(id)) {
                Type::Record(record) => self.profile.types.set_record_units(record, uses.saturating_add(1)),
                Type::Enumeration(item) => {
                    self.profile.types.set_enumeration_units(item, uses.saturating_add(1));
                }
                _ => {}
            }
        }
    }

    /// The definition that a type leads to through pointers, arrays and qualifiers.
    fn definition_behind(&self, mut id: u32) -> Option<u32> {
        for _ in 0..MAX_STEPS {
            id = self.meanings.of(id);
            let view = self.table.view(id)?;
            id = match view.kind() {
                BtfKind::Struct | BtfKind::Union | BtfKind::Enum | BtfKind::Enum64 => return Some(id),
                BtfKind::Pointer => view.target()?,
                BtfKind::Array => view.id(view.record.array().0)?,
                _ => return None,
            };
        }
        None
    }
}
