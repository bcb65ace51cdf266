use profile::{Member, Structure, Symbol, Text, declaration};

use super::item::Item;
use super::place;
use crate::report::inspect as report;

/// How deep structs are opened, and how many of them for one item.
const MAX_DEPTH: usize = 16;
const MOST_OPENED: usize = 2048;

/// An item as `--json` prints it.
pub(super) fn to_report(text: &Text, item: &Item, deep: bool) -> report::Item {
    match item {
        Item::Structure(name, structure) => {
            let types = &structure.profile.types;
            let padding = place::holes(text, structure).into_iter();
            let mut opened = if deep { 0 } else { MOST_OPENED };
            report::Item::Struct {
                name: name.clone(),
                size: types.record(structure.record).map_or(0, |record| record.size),
                members: members(text, structure, 0, 0, &mut opened),
                padding: padding.map(|(offset, size)| report::Padding { offset, size }).collect(),
            }
        }
        Item::Member { owner, structure, member, name, offset } => report::Item::Member {
            owner: owner.clone(),
            member: member_report(structure, member, name, *offset),
        },
        Item::Enumeration(name, labels) => {
            let labels = labels
                .iter()
                .map(|(label, value)| report::Label { label: label.clone(), value: value.to_string() });
            report::Item::Enumeration { name: name.clone(), labels: labels.collect() }
        }
        Item::Symbol(symbol) => report::Item::Symbol {
            name: symbol.name.clone(),
            value: symbol.address,
            function: symbol.function,
        },
        Item::StructureName(name, size) => report::Item::StructName { name: name.clone(), size: *size },
        Item::EnumerationName(name) => report::Item::EnumerationName { name: name.clone() },
        Item::Near { address, below, above } => {
            report::Item::Address { address: *address, symbols: symbols(below), above: symbols(above) }
        }
    }
}

fn symbols(symbols: &[Symbol]) -> Vec<report::Symbol> {
    let report = |symbol: &Symbol| report::Symbol {
        kind: "symbol".to_owned(),
        name: symbol.name.clone(),
        value: symbol.address,
        function: symbol.function,
    };
    symbols.iter().map(report).collect()
}

fn members(
    text: &Text,
    structure: &Structure,
    base: u64,
    depth: usize,
    opened: &mut usize,
) -> Vec<report::Member> {
    let mut all = Vec::new();
    for member in structure.profile.types.members(structure.record) {
        let offset = base.saturating_add(member.offset);
        let name = structure.profile.names.get(member.name);
        let mut shown = member_report(structure, member, name, offset);
        if depth < MAX_DEPTH
            && *opened < MOST_OPENED
            && let Some(target) = place::target(structure, member).filter(|target| !target.is_pointer)
            && let Some(inner) = text.structure(&target.name)
        {
            *opened += 1;
            shown.members = members(text, &inner, offset, depth + 1, opened);
        }
        all.push(shown);
    }
    all
}

fn member_report(structure: &Structure, member: &Member, name: &str, offset: u64) -> report::Member {
    report::Member {
        name: name.to_owned(),
        offset,
        declaration: declaration(&structure.profile, member.ty, member.bits, name),
        bits: member.bits.map(|bits| (bits.start, bits.end)),
        members: Vec::new(),
    }
}
