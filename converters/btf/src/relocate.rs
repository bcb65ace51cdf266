//! The small base of a module (`.BTF.base`, Linux 6.11): finds the kernel's types for its types.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::kind::BtfKind;
use crate::table::Table;

/// Finds, for every type of the small base, the kernel's type with the same kind, name and size. A struct without a
/// size in the base is only used through pointers, and matches any struct of its name. Types that are not found stay
/// unchanged: names without a layout.
pub(crate) fn relocate(table: &mut Table<'_>, kernel: usize, distilled: usize) {
    let moved = {
        let range = |part: usize| {
            let first = table.parts.get(part).map_or(0, |part| part.first);
            let end = table.parts.get(part + 1).map_or(table.len(), |next| next.first);
            first.saturating_add(1)..=end
        };
        let mut wanted = Wanted::default();
        let described = |id: u32| {
            let view = table.view(id)?;
            let group = Group::of(view.kind(), view.record.flag)?;
            Some((group, view.name(), view.record.size())).filter(|(_, name, _)| !name.is_empty())
        };
        for id in range(distilled) {
            if let Some((group, name, _)) = described(id) {
                wanted.entry((group, name)).or_default();
            }
        }
        for id in range(kernel) {
            if let Some((group, name, size)) = described(id)
                && let Some(found) = wanted.get_mut(&(group, name))
                && table.view(id).is_some_and(|view| view.kind() != BtfKind::Forward)
            {
                found.push((id, size));
            }
        }
        let means = |id: u32| {
            let (group, name, size) = described(id)?;
            let found = wanted.get(&(group, name))?;
            let forward = table.view(id)?.kind() == BtfKind::Forward || size == 0;
            found.iter().find(|(_, known)| forward || *known == size).map(|(id, _)| *id)
        };
        range(distilled).map(means).collect()
    };
    if let Some(part) = table.parts.get_mut(distilled) {
        part.moved = moved;
    }
}

/// The kernel's types of each kind and name, with their sizes.
type Wanted<'a> = HashMap<(Group, &'a [u8]), Vec<(u32, u32)>, RandomState>;

/// Kinds that are found by name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Group {
    Integer,
    Float,
    Struct,
    Union,
    Enumeration,
}

impl Group {
    fn of(kind: BtfKind, flag: bool) -> Option<Self> {
        Some(match kind {
            BtfKind::Int => Self::Integer,
            BtfKind::Float => Self::Float,
            BtfKind::Struct => Self::Struct,
            BtfKind::Union => Self::Union,
            BtfKind::Forward if flag => Self::Union,
            BtfKind::Forward => Self::Struct,
            BtfKind::Enum | BtfKind::Enum64 => Self::Enumeration,
            _ => return None,
        })
    }
}
