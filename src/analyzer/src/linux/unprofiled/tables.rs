use std::collections::HashMap;

use foldhash::fast::RandomState;
use image::{Image, Memory, PhysicalAddress};
use maps::kallsyms::{self, Parts, Symbol};

use super::sightings::Sightings;
use crate::linux::carried::{Linear, delta_of};
use crate::linux::{VmCoreInfo, kallsyms as tables};
use crate::{Layout, Physical};

/// The maximum number of tables that are decoded.
const MOST_TABLES: usize = 8;

/// A kernel's table of symbols in an image.
pub(super) struct Table {
    /// The symbols, in its order.
    pub(super) symbols: Vec<Symbol>,
    /// The size of a pointer, if the table shows it.
    pub(super) pointer: u8,
    /// Whether the addresses are those at which the kernel runs; otherwise all are off by the same distance.
    pub(super) placed: bool,
    /// The record that led to it, with the difference between physical and virtual addresses.
    pub(super) named_by: Option<(u64, VmCoreInfo)>,
    /// How it was found, in words.
    pub(super) by: String,
}

/// Every table in the image: first those that VMCOREINFO names (since 6.0), then those that are found by their form.
pub(super) fn all(image: &Image, sightings: &Sightings) -> Vec<Table> {
    let mut found = Vec::new();
    // The physical addresses of the names in the known tables.
    let mut known: Vec<u64> = Vec::new();
    let layout = Layout::bare();
    for (at, info) in &sightings.infos {
        let Some(delta) = delta_of(info).filter(|_| found.len() < MOST_TABLES) else { continue };
        let space = Linear { memory: image, delta };
        let Ok(parts) = tables::parts_from(&layout, &space, info) else { continue };
        let names = parts.names.wrapping_add(delta);
        if known.contains(&names) {
            continue;
        }
        let Ok(symbols) = tables::symbols(&space, &parts) else { continue };
        known.push(names);
        let by = match at {
            0 => "kallsyms named by the container's VMCOREINFO".to_owned(),
            at => format!("kallsyms named by VMCOREINFO at physical {at:#x}"),
        };
        let named_by = Some((delta, info.clone()));
        found.push(Table { symbols, pointer: parts.format.pointer, placed: true, named_by, by });
    }
    let source = |at: u64, into: &mut [u8]| image.read(PhysicalAddress(at), into).is_ok();
    let mut tried = 0;
    for digit in &sightings.digits {
        if found.len() >= MOST_TABLES || tried >= 4 * MOST_TABLES {
            break;
        }
        if !kallsyms::is_token_table(&source, *digit) {
            continue;
        }
        tried += 1;
        let Some(parts) = kallsyms::find_near(&source, *digit) else { continue };
        let Parts { names, placed, .. } = parts;
        if known.contains(&names) {
            continue;
        }
        let Ok(symbols) = tables::symbols(&Physical(image), &parts) else { continue };
        known.push(names);
        let by = format!("kallsyms found by its form at physical {names:#x}");
        found.push(Table { symbols, pointer: parts.format.pointer, placed, named_by: None, by });
    }
    found
}

/// Adds a symbol under its name. Of several, a global one is kept, otherwise the first.
pub(super) fn enter(by_name: &mut HashMap<String, u64, RandomState>, symbol: &Symbol) {
    match by_name.get_mut(&symbol.name) {
        None => drop(by_name.insert(symbol.name.clone(), symbol.address)),
        Some(known) if symbol.kind.is_ascii_uppercase() => *known = symbol.address,
        Some(_) => {}
    }
}
