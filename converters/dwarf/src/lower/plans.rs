//! Entries and the plans by which they are read.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;

use super::lowering::Lowering;
use crate::entry::{self, Entry};
use crate::fold::Found;
use crate::plan::{Plans, Shapes};
use crate::site::Site;
use crate::units::{Table, Unit, Units};

/// How many bytes of plans are kept. Definitions are visited in several orders, and each of a kernel's thousands of
/// units has its own abbreviations.
const MAX_PLANS: usize = 48 << 20;

/// Compiles the abbreviations of units on several threads, as long as there is space to keep them.
pub(crate) struct Compiler<'u, 'a> {
    units: &'u Units<'a>,
    /// The units, each table once.
    numbers: Vec<u32>,
    next: AtomicUsize,
    bytes: AtomicUsize,
}

impl<'u, 'a> Compiler<'u, 'a> {
    /// For the units of the records and enumerations that were found: what else is read lies in many more units and is
    /// little in each.
    pub(crate) fn new(units: &'u Units<'a>, found: &Found) -> Self {
        let firsts = found.records.values().chain(found.enumerations.values());
        let mut numbers: Vec<u32> = firsts.map(|first| first.site.unit).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut tables: HashSet<Option<Table>, RandomState> = HashSet::default();
        numbers.retain(|number| tables.insert(units.units.get(*number as usize).map(Unit::table)));
        Self { units, numbers, next: AtomicUsize::new(0), bytes: AtomicUsize::new(0) }
    }

    /// Compiles what no other thread has begun to compile.
    pub(crate) fn work(&self) -> Vec<(Table, Arc<Plans>)> {
        let (mut compiled, mut shapes) = (Vec::new(), Shapes::default());
        while self.bytes.load(Ordering::Relaxed) < MAX_PLANS
            && let Some(number) = self.numbers.get(self.next.fetch_add(1, Ordering::Relaxed))
        {
            let Some((table, plans)) = compile(self.units, *number, &mut shapes) else { continue };
            self.bytes.fetch_add(plans.size(), Ordering::Relaxed);
            compiled.push((table, plans));
        }
        compiled
    }
}

impl<'a> Lowering<'_, '_, 'a> {
    /// Adds compiled abbreviations.
    pub(crate) fn add_plans(&mut self, compiled: &[(Table, Arc<Plans>)]) {
        self.plan_bytes += compiled.iter().map(|(_, plans)| plans.size()).sum::<usize>();
        self.plans.extend(compiled.iter().cloned());
    }

    pub(super) fn entry(&mut self, site: Site) -> Option<Entry<'a>> {
        let plans = self.plans_of(site.unit)?;
        entry::read(self.units.units.get(site.unit as usize)?, &plans, site.at)
    }

    pub(super) fn children(&mut self, site: Site, parent: &Entry<'a>) -> Vec<Entry<'a>> {
        let units = self.units;
        let children = match (self.plans_of(site.unit), units.units.get(site.unit as usize)) {
            (Some(plans), Some(unit)) => entry::children(unit, &plans, parent),
            _ => None,
        };
        if children.is_none() {
            self.report.lose("definitions that break off", || self.units.place(site));
        }
        children.unwrap_or_default()
    }

    pub(super) fn plans_of(&mut self, number: u32) -> Option<Arc<Plans>> {
        if let Some((last, plans)) = &self.last_plans
            && *last == number
        {
            return Some(Arc::clone(plans));
        }
        let plans = self.find_plans(number)?;
        self.last_plans = Some((number, Arc::clone(&plans)));
        Some(plans)
    }

    fn find_plans(&mut self, number: u32) -> Option<Arc<Plans>> {
        let table = self.units.units.get(number as usize)?.table();
        if let Some(plans) = self.plans.get(&table) {
            return Some(Arc::clone(plans));
        }
        if self.abbreviations_left == 0 {
            self.report.lose("abbreviations that are named again and again", || {
                self.units.place(Site { unit: number, at: 0 })
            });
            return None;
        }
        let (_, plans) = compile(self.units, number, &mut self.shapes)?;
        self.abbreviations_left = self.abbreviations_left.saturating_sub(plans.read as u64);
        self.plan_bytes += plans.size();
        if self.plan_bytes > MAX_PLANS {
            self.plans.clear();
            self.plan_bytes = plans.size();
        }
        self.plans.insert(table, Arc::clone(&plans));
        Some(plans)
    }
}

/// The plans of a unit, to be kept.
pub(super) fn compile(units: &Units<'_>, number: u32, shapes: &mut Shapes) -> Option<(Table, Arc<Plans>)> {
    let unit = units.units.get(number as usize)?;
    let mut plans = Plans::default();
    plans.compile(unit.abbreviations, unit.abbreviations_at, unit.encoding, shapes)?;
    plans.shrink();
    Some((unit.table(), Arc::new(plans)))
}
