//! The scopes of a unit's types, for languages in which they are part of a type's name.

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::RandomState;

use crate::entry::walk;
use crate::plan::{EntryKind, Plans};
use crate::site::Site;
use crate::units::{Strings, Unit};

/// The scopes of types, computed for each unit on demand.
#[derive(Default)]
pub(crate) struct Scopes {
    units: HashMap<u32, HashMap<u32, Rc<str>, RandomState>, RandomState>,
}

/// If a scope's name is longer than this, in bytes, nested scopes are not added to it.
const LONGEST_SCOPE: usize = 4 << 10;

/// How many units' scopes are kept.
const MAX_UNITS: usize = 16;

impl Scopes {
    /// The names of the scopes around an entry, joined by `::`; `None` if it is outside of all scopes.
    pub(crate) fn around(
        &mut self,
        site: Site,
        unit: &Unit<'_>,
        plans: &Plans,
        strings: &Strings<'_>,
    ) -> Option<Rc<str>> {
        if !self.units.contains_key(&site.unit) {
            if self.units.len() >= MAX_UNITS {
                self.units.clear();
            }
            self.units.insert(site.unit, scopes(unit, plans, strings));
        }
        self.units.get(&site.unit)?.get(&site.at).cloned()
    }
}

fn scopes(unit: &Unit<'_>, plans: &Plans, strings: &Strings<'_>) -> HashMap<u32, Rc<str>, RandomState> {
    let mut found = HashMap::default();
    // The scope of the entries on each level.
    let mut levels: Vec<Option<Rc<str>>> = Vec::new();
    walk(unit, plans, |entry, depth| {
        levels.truncate(depth);
        let around = levels.last().cloned().flatten();
        if let Some(around) = &around
            && matches!(entry.kind, EntryKind::Record | EntryKind::Enumeration | EntryKind::Typedef)
        {
            found.insert(entry.at, Rc::clone(around));
        }
        let inner = match entry.kind {
            EntryKind::Record | EntryKind::Namespace => {
                let own = entry.name.and_then(|name| strings.text(name)).map(String::from_utf8_lossy);
                match (own, &around) {
                    // At this depth names would become too long.
                    (_, Some(long)) if long.len() > LONGEST_SCOPE => Some(Rc::clone(long)),
                    (Some(own), Some(around)) => Some(Rc::from(format!("{around}::{own}"))),
                    (Some(own), None) => Some(Rc::from(own)),
                    (None, around) => around.clone(),
                }
            }
            _ => around,
        };
        levels.push(inner);
    });
    found
}
