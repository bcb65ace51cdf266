use profile::{Member, Structure, Symbol, System, Text, declaration};

use super::item::Item;
use super::place;
use crate::console::Lines;

/// How items are shown as text.
pub(super) struct StructView<'a> {
    pub(super) text: &'a Text,
    /// Whether structs within structs are opened.
    pub(super) deep: bool,
}

/// How deep structs are opened, and how many of them for one item: a hostile file can make them double with each level.
const MAX_DEPTH: usize = 16;
const MOST_OPENED: usize = 2048;

impl StructView<'_> {
    pub(super) fn show(&self, item: &Item, lines: &mut Lines) {
        match item {
            Item::Structure(name, structure) => self.structure(name, structure, lines),
            Item::Member { owner, structure, member, name, offset } => {
                let shown = member_line(structure, member, name, *offset, 3);
                lines.line(format_args!("{owner}: {shown}"));
            }
            Item::Enumeration(name, labels) => {
                lines.line(format_args!("enum {name} {{"));
                for (label, value) in labels {
                    lines.line(format_args!("  {label} = {value},"));
                }
                lines.line("};");
            }
            Item::Symbol(symbol) => lines.line(symbol_line(symbol, self.text.system())),
            Item::StructureName(name, size) => {
                lines.line(format_args!("struct {name};  // {size} bytes ({size:#x})"));
            }
            Item::EnumerationName(name) => lines.line(format_args!("enum {name};")),
            Item::Near { address, below, above } => {
                if below.is_empty() {
                    lines.line(format_args!("{address:#x} lies below every symbol"));
                }
                for symbol in below {
                    lines.line(format_args!(
                        "{address:#x} is {} + {:#x}",
                        symbol.name,
                        address - symbol.address
                    ));
                }
                for symbol in above {
                    let distance = symbol.address - address;
                    lines.line(format_args!("{address:#x} is {} - {distance:#x}", symbol.name));
                }
            }
        }
    }

    fn structure(&self, name: &str, structure: &Structure, lines: &mut Lines) {
        let size = size_of(structure);
        // As many digits as the last offset needs.
        let digits = format!("{size:x}").len().max(3);
        let word = if place::is_union(structure) { "union" } else { "struct" };
        lines.line(format_args!("{word} {name} {{  // {size} bytes ({size:#x})"));
        let mut opened = 0;
        self.body(structure, 0, 1, digits, &mut opened, lines);
        lines.line("};");
        if opened >= MOST_OPENED {
            lines.line(format_args!("// structs behind the first {MOST_OPENED} are not opened"));
        }
    }

    /// The members of a struct that lies at `base`, and the padding between them.
    fn body(
        &self,
        structure: &Structure,
        base: u64,
        depth: usize,
        digits: usize,
        opened: &mut usize,
        lines: &mut Lines,
    ) {
        let indent = depth * 2;
        let mut members: Vec<&Member> = structure.profile.types.members(structure.record).iter().collect();
        members.sort_by_key(|member| (member.offset, member.bits.map(|bits| bits.start)));
        let mut holes = place::holes(self.text, structure).into_iter().peekable();
        let padding = |(start, size): (u64, u64), lines: &mut Lines| {
            let offset = base.saturating_add(start);
            let word = if size == 1 { "byte" } else { "bytes" };
            lines.line(format_args!("{:indent$}/* 0x{offset:0digits$x} */ // {size} {word} of padding", ""));
        };
        for member in members {
            while let Some(hole) = holes.next_if(|(start, _)| *start < member.offset) {
                padding(hole, lines);
            }
            let offset = base.saturating_add(member.offset);
            let name = structure.profile.names.get(member.name);
            let inner = place::target(structure, member)
                .filter(|target| {
                    self.deep && !target.is_pointer && depth < MAX_DEPTH && *opened < MOST_OPENED
                })
                .and_then(|target| Some((self.text.structure(&target.name)?, target)));
            match inner {
                Some((inner, target)) => {
                    *opened += 1;
                    let word = if place::is_union(&inner) { "union" } else { "struct" };
                    let size = size_of(&inner);
                    lines.line(format_args!(
                        "{:indent$}/* 0x{offset:0digits$x} */ {word} {{  // {}, {size} bytes",
                        "", target.name
                    ));
                    self.body(&inner, offset, depth + 1, digits, opened, lines);
                    // As wide as the comments with offsets.
                    let wide = indent + digits + 9;
                    lines.line(format_args!("{:wide$}}} {name}{};", "", target.bounds));
                }
                None => {
                    let shown = member_line(structure, member, name, offset, digits);
                    lines.line(format_args!("{:indent$}{shown}", ""));
                }
            }
        }
        holes.for_each(|hole| padding(hole, lines));
    }
}

fn size_of(structure: &Structure) -> u64 {
    structure.profile.types.record(structure.record).map_or(0, |record| record.size)
}

fn member_line(structure: &Structure, member: &Member, name: &str, offset: u64, digits: usize) -> String {
    let declared = declaration(&structure.profile, member.ty, member.bits, name);
    let bits = member.bits.map_or(String::new(), |bits| format!("  // bits {} to {}", bits.start, bits.end));
    format!("/* 0x{offset:0digits$x} */ {declared};{bits}")
}

fn symbol_line(symbol: &Symbol, system: System) -> String {
    let kind = match (system, symbol.function) {
        (System::Windows, true) => " (function, RVA)",
        (System::Windows, false) => " (data, RVA)",
        _ => "",
    };
    format!("{} = {:#x}{kind}", symbol.name, symbol.address)
}
