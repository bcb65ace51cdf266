//! Entries and the plans by which they are read.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;

use super::lowering::Lowering;
use crate::entry::{self, Entry};
use crate::plan::Plans;
use crate::site::Site;
use crate::units::{Table, Unit, Units};

/// How many bytes of plans are kept. Definitions are visited in several orders, and each of a kernel's thousands of
/// units has its own abbreviations.
const MAX_PLANS: usize = 48 << 20;

impl<'a> Lowering<'_, '_, 'a> {
    /// Compiles the abbreviations of these units on `threads` threads, as long as there is space to keep them.
    pub(super) fn prepare(&mut self, mut numbers: Vec<u32>, threads: usize) {
        numbers.sort_unstable();
        numbers.dedup();
        let mut tables: HashSet<Option<Table>, RandomState> = HashSet::default();
        numbers.retain(|number| tables.insert(self.units.units.get(*number as usize).map(Unit::table)));
        let (units, next, bytes) = (self.units, AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            let mut compiled = Vec::new();
            while bytes.load(Ordering::Relaxed) < MAX_PLANS
                && let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let Some((table, plans)) = compile(units, *number) else { continue };
                bytes.fetch_add(plans.size(), Ordering::Relaxed);
                compiled.push((table, plans));
            }
            compiled
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            self.plans.extend(work());
            for other in others {
                match other.join() {
                    Ok(compiled) => self.plans.extend(compiled),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        self.plan_bytes = bytes.into_inner();
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
        let (_, plans) = compile(self.units, number)?;
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
fn compile(units: &Units<'_>, number: u32) -> Option<(Table, Arc<Plans>)> {
    let unit = units.units.get(number as usize)?;
    let mut plans = Plans::default();
    plans.compile(unit.abbreviations, unit.abbreviations_at, unit.encoding)?;
    plans.shrink();
    Some((unit.table(), Arc::new(plans)))
}
