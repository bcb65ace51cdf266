//! The entries of variables, read while definitions are read: their attributes depend on nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::plans::compile;
use crate::entry::{self, Entry};
use crate::fold::Found;
use crate::plan::{Plans, Shapes};
use crate::site::{Reference, Site};
use crate::units::{Table, Units};
use crate::value::Value;

/// How many entries a variable's name and type are looked for in: its own, and those that complete it.
pub(super) const MAX_LINKS: usize = 4;

/// What an entry says of a variable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) name: Option<Value<'a>>,
    pub(super) ty: Reference,
    /// The entry with the missing attributes.
    pub(super) link: Reference,
}

impl<'a> Part<'a> {
    pub(super) fn of(entry: &Entry<'a>) -> Self {
        Self { name: entry.name, ty: entry.ty, link: entry.link }
    }
}

/// The parts of every variable that was found.
///
/// Memory is proportional to the variables; of abbreviations no more is compiled than the limit of the file.
pub(crate) struct Ahead<'a> {
    parts: Vec<Part<'a>>,
    /// Where the parts of each variable end.
    ends: Vec<usize>,
}

impl<'a> Ahead<'a> {
    /// Reads the entries of all variables, by plans that are compiled already where there are some.
    pub(crate) fn read(units: &Units<'a>, found: &Found, plans: &[(Table, Arc<Plans>)]) -> Self {
        let compiled = plans.iter().map(|(table, plans)| (*table, Arc::clone(plans))).collect();
        let left = units.abbreviation_limit();
        let mut entries = Entries { units, compiled, last: None, left, shapes: Shapes::default() };
        let mut ahead = Self { parts: Vec::new(), ends: Vec::new() };
        for variable in found.variables() {
            let mut site = variable.site;
            let (mut named, mut typed) = (false, false);
            for _ in 0..MAX_LINKS {
                let Some(entry) = entries.read(site) else { break };
                ahead.parts.push(Part::of(&entry));
                named |= entry.name.is_some();
                typed |= entry.ty != Reference::Nothing;
                if named && typed {
                    break;
                }
                let Some((unit, at)) = units.find(site.unit, entry.link) else { break };
                site = Site { unit, at };
            }
            ahead.ends.push(ahead.parts.len());
        }
        ahead
    }

    /// The parts of each variable, in the order of [`Found::variables`].
    pub(super) fn each(&self) -> impl Iterator<Item = &[Part<'a>]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.parts.get(start..*end).unwrap_or_default())
    }
}

/// Reads entries of any unit.
struct Entries<'u, 'a> {
    units: &'u Units<'a>,
    compiled: HashMap<Table, Arc<Plans>, RandomState>,
    /// The plans of the unit that was read last.
    last: Option<(u32, Arc<Plans>)>,
    /// How many bytes of abbreviations may still be compiled.
    left: u64,
    shapes: Shapes,
}

impl<'a> Entries<'_, 'a> {
    fn read(&mut self, site: Site) -> Option<Entry<'a>> {
        let unit = self.units.units.get(site.unit as usize)?;
        if self.last.as_ref().is_none_or(|(last, _)| *last != site.unit) {
            let plans = match self.compiled.get(&unit.table()) {
                Some(plans) => Arc::clone(plans),
                None if self.left == 0 => return None,
                None => {
                    let (_, plans) = compile(self.units, site.unit, &mut self.shapes)?;
                    self.left = self.left.saturating_sub(plans.read as u64);
                    plans
                }
            };
            self.last = Some((site.unit, plans));
        }
        let (_, plans) = self.last.as_ref()?;
        entry::read(unit, plans, site.at)
    }
}
