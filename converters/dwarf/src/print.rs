//! Fingerprints of definitions. They are equal if the same members have the same offsets.
//!
//! A kernel's headers are compiled thousands of times, and so is every struct in them. A definition's fingerprint is
//! computed from the data collected in the walk, without reading any text. Only one definition per fingerprint is
//! read in full. Types in a definition count by name, and unnamed types by their content, as in the layout hash of
//! the profile (docs/format.md, invariant 6). If one layout gets two fingerprints, the layout hash still finds them
//! equal.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::language::Languages;
use crate::mix::{Fingerprint, mix};
use crate::plan::EntryKind;
use crate::scan::{Broken, Root, Scanner, UnitTypes};
use crate::site::{Reference, Site};
use crate::units::Units;

/// Stands for unknown types: void, types that are nested too deeply, references that lead nowhere.
const UNKNOWN: Fingerprint = Fingerprint { hash: 0x566f_6964, unnamed: false, named_record: false };

/// How deep types are followed.
const MAX_DEPTH: u32 = 64;

/// How many units besides the current one are kept walked.
const MAX_LOADED: usize = 16;

/// How many marked entries one definition may lead to. The types that lead to them are computed anew each time, and
/// nested function types double with each level.
const MAX_MET: usize = 4096;

/// Computes fingerprints in the unit that was walked last and in other units that its types refer to.
pub(crate) struct Prints<'u, 'a> {
    units: &'u Units<'a>,
    languages: &'u Languages,
    scanner: Scanner,
    /// Walked units; the first is the current one.
    loaded: Vec<(u32, UnitTypes)>,
    reading: Reading,
    /// Marks of definitions that share their name with others.
    pub(crate) marks: Marks,
    /// The marked entries that were met since [`Prints::read_as`].
    met: Vec<Site>,
    left_unit: bool,
}

/// Marks of definitions.
pub(crate) type Marks = HashMap<Site, u64, RandomState>;

/// How named types in a definition count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// By name alone.
    Names,
    /// By name and, if they are held by value, by mark; targets of pointers do not count.
    Values,
    /// By name and mark.
    Everything,
}

impl<'u, 'a> Prints<'u, 'a> {
    pub(crate) fn new(units: &'u Units<'a>, languages: &'u Languages) -> Self {
        Self {
            units,
            languages,
            scanner: Scanner::default(),
            loaded: Vec::new(),
            reading: Reading::Names,
            marks: Marks::default(),
            met: Vec::new(),
            left_unit: false,
        }
    }

    /// Sets how named types count, and forgets all fingerprints.
    pub(crate) fn read_as(&mut self, reading: Reading) {
        self.reading = reading;
        for (_, types) in &mut self.loaded {
            types.nodes.iter_mut().for_each(|node| node.print = None);
        }
        self.met.clear();
    }

    /// Returns the marked entries that were met since the last call.
    pub(crate) fn take_met(&mut self) -> Vec<Site> {
        std::mem::take(&mut self.met)
    }

    /// Whether a type led into another unit.
    pub(crate) fn has_left_unit(&self) -> bool {
        self.left_unit
    }

    /// The mark of a named type, if marks count and it has one.
    fn mark(&mut self, from: usize, at: u32) -> Option<u64> {
        if self.reading == Reading::Names {
            return None;
        }
        let site = Site { unit: self.loaded.get(from)?.0, at };
        let mark = *self.marks.get(&site)?;
        if self.met.len() >= MAX_MET {
            return None;
        }
        self.met.push(site);
        Some(mark)
    }

    /// Walks a unit and makes it the current one.
    pub(crate) fn enter(&mut self, number: u32) -> Option<(Root, Result<(), Broken>)> {
        let unit = self.units.units.get(number as usize)?;
        let mut types = match self.loaded.is_empty() {
            true => UnitTypes::default(),
            false => {
                let (_, first) = self.loaded.swap_remove(0);
                if self.loaded.len() > MAX_LOADED {
                    self.loaded.clear();
                }
                first
            }
        };
        let outcome = self.scanner.scan(unit, self.languages, &mut types);
        self.loaded.push((number, types));
        let last = self.loaded.len() - 1;
        self.loaded.swap(0, last);
        Some(outcome)
    }

    /// How many bytes of abbreviations have been read.
    pub(crate) fn abbreviations_read(&self) -> u64 {
        self.scanner.abbreviations_read
    }

    /// Whether units with a root like this one are included.
    pub(crate) fn wants(&self, root: &Root) -> bool {
        self.languages.wants(root.language)
    }

    /// The current unit's types.
    pub(crate) fn types(&self) -> Option<&UnitTypes> {
        self.loaded.first().map(|(_, types)| types)
    }

    /// The fingerprint of a definition in the current unit, by its node's number: its layout.
    pub(crate) fn definition(&mut self, node: usize) -> u64 {
        self.content(0, node, 0)
    }

    /// The fingerprint of a type in the current unit.
    pub(crate) fn reference(&mut self, reference: Reference) -> Fingerprint {
        self.resolve(0, reference, 0)
    }

    fn resolve(&mut self, from: usize, reference: Reference, depth: u32) -> Fingerprint {
        if depth > MAX_DEPTH {
            return UNKNOWN;
        }
        if let Reference::Here(at) = reference {
            let node = self.loaded.get(from).and_then(|(_, types)| types.node_at(at));
            return node.map_or(UNKNOWN, |node| self.node(from, node, depth));
        }
        let unit = match self.loaded.get(from) {
            Some((unit, _)) => *unit,
            None => return UNKNOWN,
        };
        let Some((unit, at)) = self.units.find(unit, reference) else { return UNKNOWN };
        self.left_unit = true;
        let index = match self.loaded.iter().position(|(loaded, _)| *loaded == unit) {
            Some(index) => index,
            None => {
                let Some(foreign) = self.units.units.get(unit as usize) else { return UNKNOWN };
                let mut types = UnitTypes::default();
                // Parts that cannot be read stay unknown; they are counted when the unit itself is walked.
                let _ = self.scanner.scan(foreign, self.languages, &mut types);
                self.loaded.push((unit, types));
                self.loaded.len() - 1
            }
        };
        self.resolve(index, Reference::Here(at), depth + 1)
    }

    /// The number for a type inside another type.
    fn node(&mut self, from: usize, number: usize, depth: u32) -> Fingerprint {
        let Some((_, types)) = self.loaded.get(from) else { return UNKNOWN };
        let Some(node) = types.nodes.get(number) else { return UNKNOWN };
        if let Some(print) = node.print {
            return print;
        }
        let met = self.met.len();
        let (kind, name, ty, content, link) = (node.kind, node.name, node.ty, node.content, node.link);
        let at = node.at;
        let tag = |hash| Fingerprint { hash: mix(hash, kind as u64), unnamed: false, named_record: false };
        let named = |hash| Fingerprint { named_record: kind == EntryKind::Record, ..tag(hash) };
        let print = match kind {
            EntryKind::Record | EntryKind::Enumeration if name != 0 => match self.mark(from, at) {
                Some(mark) => return named(mix(name, mark)),
                None => named(name),
            },
            EntryKind::Pointer | EntryKind::Signature if self.reading == Reading::Values => tag(content),
            EntryKind::Record | EntryKind::Enumeration if link != Reference::Nothing => {
                return self.resolve(from, link, depth + 1);
            }
            EntryKind::Record | EntryKind::Enumeration => {
                // The value for a type that leads back to itself.
                self.settle(from, number, Some(UNKNOWN));
                let hash = self.content(from, number, depth);
                Fingerprint { hash, unnamed: true, named_record: false }
            }
            EntryKind::Qualifier => self.resolve(from, ty, depth + 1),
            EntryKind::Bound => {
                let of = self.resolve(from, ty, depth + 1);
                tag(mix(of.hash, content))
            }
            EntryKind::Typedef => {
                let target = self.resolve(from, ty, depth + 1);
                match target.unnamed {
                    true => Fingerprint { hash: mix(target.hash, name), unnamed: false, named_record: false },
                    false => target,
                }
            }
            EntryKind::Pointer | EntryKind::Array => {
                let target = self.resolve(from, ty, depth + 1);
                tag(mix(target.hash, content))
            }
            EntryKind::Signature => {
                self.settle(from, number, Some(UNKNOWN));
                tag(self.content(from, number, depth))
            }
            _ => tag(mix(name, content)),
        };
        // Types that lead to marked entries are not cached, so that the entries are met wherever they are used.
        self.settle(from, number, (self.met.len() == met).then_some(print));
        print
    }

    fn settle(&mut self, from: usize, number: usize, print: Option<Fingerprint>) {
        if let Some(node) = self.loaded.get_mut(from).and_then(|(_, types)| types.nodes.get_mut(number)) {
            node.print = print;
        }
    }

    /// A node's own attributes and those of its parts, in order.
    fn content(&mut self, from: usize, number: usize, depth: u32) -> u64 {
        let Some((_, types)) = self.loaded.get(from) else { return 0 };
        let Some(node) = types.nodes.get(number) else { return 0 };
        let mut hash = mix(node.name, node.content);
        let (underlying, link, named) = (node.ty, node.link, node.name != 0);
        let mut next = types.first_part(number);
        if !named && link != Reference::Nothing {
            // Its name is at its declaration.
            hash = mix(hash, self.resolve(from, link, depth + 1).hash);
        }
        if underlying != Reference::Nothing {
            hash = mix(hash, self.resolve(from, underlying, depth + 1).hash);
        }
        while let Some((part, behind)) = self.loaded.get(from).and_then(|(_, types)| types.part(next)) {
            let ty = self.resolve(from, part.ty, depth + 1).hash;
            hash = mix(hash ^ part.content, ty);
            next = behind;
        }
        hash
    }
}
