//! Finds the kernel that a symbol table belongs to, in physical and in virtual memory.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use image::{AddressSpace, Image, Memory, Paging, PhysicalAddress, VirtualAddress};
use profile::Arch;

use super::sightings::Sightings;
use super::tables::Table;
use crate::Space;
use crate::linux::carried::delta_of;
use crate::linux::locate::{PAGE_TABLES, modes};
use crate::linux::{START_KERNEL_MAP, VmCoreInfo};

/// The result for a table.
pub(super) struct Placed<'a> {
    pub(super) arch: Arch,
    pub(super) space: AddressSpace<'a>,
    /// The difference between the physical and virtual addresses of the kernel's image, modulo 2^64.
    pub(super) delta: u64,
    /// How far above the table's addresses the kernel runs.
    pub(super) moved: u64,
    /// The start of its code.
    pub(super) stext: Option<u64>,
    pub(super) info: Option<VmCoreInfo>,
    /// How it was placed, in words.
    pub(super) by: String,
}

/// A guess that the page tables have to confirm.
struct Guess {
    /// The difference between physical addresses and those in the table.
    delta: u64,
    /// How far above the table's addresses the kernel runs, if known.
    moved: Option<u64>,
    info: Option<VmCoreInfo>,
    by: String,
}

/// The symbols that are needed here.
const ANCHORS: [&str; 6] = ["_stext", "linux_banner", "init_task", "panic", "schedule", "_text"];
/// Symbols in the VMCOREINFO of kernels of all ages.
const NAMED: [&str; 3] = ["_stext", "swapper_pg_dir", "init_uts_ns"];
/// The names of the page table roots from the container, in addition to those with a kernel symbol.
const MOST_ROOTS: usize = 8;
/// How often all mappings of a kernel are listed for one image, which is necessary if a table does not give the
/// kernel's addresses.
const MOST_LISTINGS: usize = 32;

/// Finds the kernel to which this table belongs, and proves it by its own page tables. `None` if nothing in the image
/// leads to them.
pub(super) fn settle<'a>(image: &'a Image, table: &Table, sightings: &Sightings) -> Option<Placed<'a>> {
    let names = names(table);
    let arch = arch(table, &names);
    let mut listings = MOST_LISTINGS;
    guesses(table, &names, sightings).into_iter().find_map(|guess| {
        // A place-relative table does not show how wide addresses are.
        let narrow = (!table.placed && arch.is_none()).then_some(Arch::I386);
        let archs = arch.into_iter().chain(narrow);
        archs.into_iter().find_map(|arch| confirm(image, arch, &guess, &names, sightings, &mut listings))
    })
}

/// The most likely place of the kernel to which this table belongs, without proof: its page tables lead nowhere, as in a file
/// whose offsets are not physical addresses. Its virtual memory cannot be read.
pub(super) fn unproved<'a>(image: &'a Image, table: &Table, sightings: &Sightings) -> Option<Placed<'a>> {
    let names = names(table);
    let arch = arch(table, &names)?;
    let guess = guesses(table, &names, sightings).into_iter().find(|guess| guess.moved.is_some())?;
    let moved = guess.moved?;
    let stext = names.get("_stext").or_else(|| names.get("_text"));
    Some(Placed {
        arch,
        space: AddressSpace::new(image, *modes(arch)?.first()?, PhysicalAddress(u64::MAX)),
        delta: guess.delta.wrapping_sub(moved),
        moved,
        stext: stext.map(|address| address.wrapping_add(moved)),
        info: guess.info,
        by: guess.by,
    })
}

/// The addresses of the symbols that are asked for here.
fn names(table: &Table) -> HashMap<&str, u64, RandomState> {
    let wanted = ANCHORS.iter().chain(&PAGE_TABLES).chain(&NAMED).chain(&["__start_BTF", "_end"]);
    let wanted: HashMap<&str, (), RandomState> = wanted.map(|name| (*name, ())).collect();
    let mut names: HashMap<&str, u64, RandomState> = HashMap::default();
    for symbol in table.symbols.iter().filter(|symbol| wanted.contains_key(symbol.name.as_str())) {
        if symbol.kind.is_ascii_uppercase() || !names.contains_key(symbol.name.as_str()) {
            names.insert(&symbol.name, symbol.address);
        }
    }
    names
}

/// The processor, by symbols that only its kernels have.
fn arch(table: &Table, names: &HashMap<&str, u64, RandomState>) -> Option<Arch> {
    if names.contains_key("init_top_pgt") || names.contains_key("init_level4_pgt") {
        return Some(Arch::Amd64);
    }
    let has = |wanted: &str| table.symbols.iter().any(|symbol| symbol.name == wanted);
    if table.pointer == 4 || has("initial_page_table") || has("startup_32_smp") && !has("startup_64") {
        return Some(Arch::I386);
    }
    if has("startup_64") || has("secondary_startup_64") || has("asm_exc_page_fault") {
        return Some(Arch::Amd64);
    }
    ["__cpu_setup", "primary_entry", "el1_sync", "el1h_64_sync", "__primary_switched"]
        .into_iter()
        .any(has)
        .then_some(Arch::Arm64)
}

/// The possible places of the kernel, likely ones first.
fn guesses(table: &Table, names: &HashMap<&str, u64, RandomState>, sightings: &Sightings) -> Vec<Guess> {
    let mut guesses = Vec::new();
    if let Some((delta, info)) = &table.named_by {
        let by = "placed by that VMCOREINFO".to_owned();
        guesses.push(Guess { delta: *delta, moved: Some(0), info: Some(info.clone()), by });
    }
    for (at, info) in &sightings.infos {
        // The distances between all common symbols have to be equal.
        let distances: Vec<u64> = NAMED
            .iter()
            .filter_map(|name| Some(info.symbol(name)?.wrapping_sub(*names.get(name)?)))
            .collect();
        let Some((moved, others)) = distances.split_first() else { continue };
        let agrees = others.iter().all(|other| other == moved) && (*moved == 0 || !table.placed);
        if let Some(delta) = delta_of(info).filter(|_| agrees) {
            let by = format!("placed by VMCOREINFO at physical {at:#x}");
            let delta = delta.wrapping_add(*moved);
            guesses.push(Guess { delta, moved: Some(*moved), info: Some(info.clone()), by });
        }
    }
    let moved = table.placed.then_some(0);
    let places = [("linux_banner", "banner", &sightings.banners), ("__start_BTF", "BTF", &sightings.magics)];
    for (symbol, what, places) in places {
        let Some(address) = names.get(symbol) else { continue };
        guesses.extend(places.iter().map(|place| Guess {
            delta: place.wrapping_sub(*address),
            moved,
            info: None,
            by: format!("placed by the {what} at physical {place:#x}"),
        }));
    }
    // A kernel is mapped in whole pages.
    guesses.retain(|guess| !table.placed || guess.delta.is_multiple_of(4096));
    guesses
}

fn confirm<'a>(
    image: &'a Image,
    arch: Arch,
    guess: &Guess,
    names: &HashMap<&str, u64, RandomState>,
    sightings: &Sightings,
    listings: &mut usize,
) -> Option<Placed<'a>> {
    let mask = if arch.address_size() == 4 { u64::from(u32::MAX) } else { u64::MAX };
    let physical = |address: u64| address.wrapping_add(guess.delta) & mask;
    let own = PAGE_TABLES.iter().filter_map(|name| Some((physical(*names.get(name)?), *name)));
    let named = guess.info.iter().flat_map(|info| {
        let delta = guess.delta.wrapping_sub(guess.moved.unwrap_or(0));
        PAGE_TABLES
            .iter()
            .filter_map(move |name| Some((info.symbol(name)?.wrapping_add(delta), "VMCOREINFO")))
    });
    let others = sightings.roots.iter().map(|root| (*root, "the container"));
    // Two symbols at one address are one piece of evidence.
    let mut anchors: Vec<u64> = Vec::new();
    for address in ANCHORS.iter().filter_map(|name| names.get(name).copied()) {
        if !anchors.contains(&address) {
            anchors.push(address);
        }
    }
    for (root, by) in own.chain(named).chain(others).take(MOST_ROOTS) {
        let root = PhysicalAddress(root & 0x000f_ffff_ffff_f000);
        let mut page = [0; 8];
        if image.read(root, &mut page).is_err() {
            continue;
        }
        for paging in modes(arch)? {
            let space = AddressSpace::new(image, paging, root);
            let agrees = |moved: &u64| {
                let leads = |address: &&u64| {
                    let there = space.physical(address.wrapping_add(*moved) & mask);
                    there.is_ok_and(|there| there == physical(**address))
                };
                let agreeing = anchors.iter().filter(leads).count();
                // Initialisation code may be unmapped; everything else must be in its place.
                agreeing >= 2 && agreeing + 1 >= anchors.len()
            };
            let moved = match guess.moved {
                Some(moved) => Some(moved).filter(agrees),
                None => listed(&space, paging, *anchors.first()?, physical(*anchors.first()?), listings)
                    .into_iter()
                    .find(agrees),
            };
            if let Some(moved) = moved {
                let stext = names.get("_stext").or_else(|| names.get("_text"));
                return Some(Placed {
                    arch,
                    space,
                    delta: guess.delta.wrapping_sub(moved),
                    moved,
                    stext: stext.map(|address| address.wrapping_add(moved) & mask),
                    info: guess.info.clone(),
                    by: format!("{}; page tables named by {by}", guess.by),
                });
            }
        }
    }
    None
}

/// The possible distances between the table's addresses and the mappings of `physical` as a part of a kernel's image.
/// The linear map of all memory is left out.
fn listed(
    space: &AddressSpace<'_>,
    paging: Paging,
    address: u64,
    physical: u64,
    left: &mut usize,
) -> Vec<u64> {
    const MOST: usize = 8;
    let Some(less) = left.checked_sub(1) else { return Vec::new() };
    *left = less;
    let first = match paging {
        Paging::X64 | Paging::X64Level5 => START_KERNEL_MAP,
        // Since 5.4 the upper half of the kernel's space; with 52 bits the same as with 48
        // (`_PAGE_END(VA_BITS_MIN)`).
        Paging::Arm64 { bits, .. } => (1_u64 << (u32::from(bits).min(48) - 1)).wrapping_neg(),
        _ => 0,
    };
    let last = if first == 0 { u64::from(u32::MAX) } else { u64::MAX };
    let mapped = space.mapped(VirtualAddress(first), VirtualAddress(last));
    let here = mapped
        .filter(|page| (page.physical.0..page.physical.0.saturating_add(page.length)).contains(&physical));
    let there = here.map(|page| page.start.0.wrapping_add(physical - page.physical.0).wrapping_sub(address));
    there.take(MOST).collect()
}
