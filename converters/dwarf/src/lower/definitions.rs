//! The chosen definitions, one after another.

use profile::{Choice, ChoiceOption, Name, Type, TypeId};

use super::ahead::Ahead;
use super::lowering::Lowering;
use super::records::record_kind;
use crate::fold::{First, Firsts, FoundVariable};
use crate::site::Site;
use crate::symbols::TypedVariable;

/// How deep records without a size of their own are looked for in each other.
const MAX_SIZELESS_DEPTH: usize = 8;
/// Counted for uses of a name that several definitions fit.
const AMBIGUOUS: &str = "definitions that point to different definitions of one name in different units";

impl<'a> Lowering<'_, '_, 'a> {
    /// Reads every chosen definition.
    pub(crate) fn definitions(&mut self) {
        let records = sorted(&self.found.records);
        let enumerations = sorted(&self.found.enumerations);
        // Names first, since a definition may use any other.
        let named_records = self.reserve(&records, true);
        let named_enumerations = self.reserve(&enumerations, false);
        self.place_in_units();
        for (first, name, ty) in named_enumerations {
            self.define_enumeration(first, name, ty);
        }
        for (first, name, ty) in named_records {
            self.define_record(first, name, ty);
        }
        // Unnamed definitions are read where they are used; this finds those that are not used anywhere.
        for (_, first) in records.iter().chain(&enumerations) {
            self.ty(first.site);
        }
        for (_, first) in sorted(&self.found.typedefs) {
            let ty = self.ty(first.site);
            self.count_units(ty, first.units);
        }
        for (_, first) in sorted(&self.found.second_names) {
            self.second_name(first.site);
        }
        for site in &self.found.ambiguous {
            let name = self.entry(*site).and_then(|entry| self.name(*site, &entry));
            let text =
                name.map_or_else(|| self.units.place(*site), |name| self.profile.names.get(name).to_owned());
            self.report.lose(AMBIGUOUS, || text);
        }
    }

    /// Reserves types for the named definitions: their sites, names and types.
    fn reserve(&mut self, chosen: &[(u64, First)], records: bool) -> Vec<(First, Name, TypeId)> {
        let mut named = Vec::new();
        for (print, first) in chosen {
            let Some(entry) = self.entry(first.site) else { continue };
            let Some(name) = self.name(first.site, &entry) else { continue };
            let ty = self.profile.types.reserve(1);
            let kind = if records { &mut self.records } else { &mut self.enumerations };
            kind.by_name.entry(name).or_default().push(ty);
            kind.by_print.insert(*print, (name, ty));
            if records {
                self.reserved.insert(ty, name);
            }
            self.known.insert(first.site, ty);
            named.push((*first, name, ty));
        }
        named
    }

    /// For names with several definitions, finds the one in each unit.
    fn place_in_units(&mut self) {
        for (site, print) in &self.found.exact {
            for kind in [&mut self.records, &mut self.enumerations] {
                let Some((name, ty)) = kind.by_print.get(print).copied() else { continue };
                let place = kind.in_unit.entry((site.unit, name)).or_insert(Some(ty));
                *place = place.filter(|known| *known == ty);
            }
        }
    }

    /// The names and types of the variables that were found, with their addresses. Their entries have been read.
    pub(crate) fn variables(&mut self, ahead: &Ahead<'a>) -> Vec<TypedVariable> {
        let found = self.found.variables().zip(ahead.each());
        let typed = found.filter_map(|(FoundVariable { site, address, .. }, parts)| {
            let (name, ty) = self.variable(*site, parts)?;
            Some(TypedVariable { name, ty, address: *address })
        });
        typed.collect()
    }

    fn define_record(&mut self, first: First, name: Name, ty: TypeId) {
        let site = first.site;
        let Some(entry) = self.entry(site) else { return };
        let size = self.record_size(site, &entry);
        let members = self.members(site, &entry, size);
        let kind = record_kind(entry.tag);
        let bytes = size.unwrap_or(0);
        let id = self.profile.types.add_record(&mut self.profile.names, Some(name), kind, bytes, &members);
        if size.is_none() {
            self.sizeless.push(id);
        }
        self.profile.types.set(ty, Type::Record(id));
        self.profile.types.set_record_units(id, first.units);
    }

    fn define_enumeration(&mut self, first: First, name: Name, ty: TypeId) {
        let site = first.site;
        let Some(entry) = self.entry(site) else { return };
        let (underlying, signed, labels) = self.labels(site, &entry);
        let id = self.profile.types.add_enumeration(Some(name), underlying, signed, &labels);
        self.profile.types.set(ty, Type::Enumeration(id));
        self.profile.types.set_enumeration_units(id, first.units);
    }

    /// Keeps a typedef that is another name of a record. Only symbol tables of Volatility 3 contain such names.
    fn second_name(&mut self, site: Site) {
        let ty = self.ty(site);
        if !matches!(self.profile.types.peel(ty), Type::Record(_)) {
            return;
        }
        if let Some(name) = self.entry(site).and_then(|entry| self.name(site, &entry)) {
            self.profile.typedefs.push((name, ty));
        }
    }

    /// Records how many units hold an unnamed definition that a typedef names.
    fn count_units(&mut self, ty: TypeId, units: u32) {
        match self.profile.types.peel(ty) {
            Type::Record(id) if self.profile.types.record(id).is_some_and(|it| it.name.is_none()) => {
                self.profile.types.set_record_units(id, units);
            }
            Type::Enumeration(id)
                if self.profile.types.enumeration(id).is_some_and(|it| it.name.is_none()) =>
            {
                self.profile.types.set_enumeration_units(id, units);
            }
            _ => {}
        }
    }

    /// Gives the records whose size the source does not give the one that their members need: Ada's records with
    /// bounds that are known only at run time end where the last member with a fixed place ends.
    pub(crate) fn settle_sizes(&mut self) {
        // One that holds another one needs that one's size.
        for _ in 0..MAX_SIZELESS_DEPTH {
            let mut changed = false;
            for id in &self.sizeless {
                let types = &self.profile.types;
                let end = |member: &profile::Member| {
                    member.offset.checked_add(types.size_of(member.ty).unwrap_or(0))
                };
                let size = types.members(*id).iter().filter_map(end).max().unwrap_or(0);
                if types.record(*id).is_some_and(|record| record.size != size) {
                    self.profile.types.set_record_size(*id, size);
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
    }

    /// Resolves declarations of names with several definitions, none of which is in the declaring unit, to the
    /// definition that keeps the name. They are counted as ambiguous.
    pub(crate) fn settle_declarations(&mut self) {
        let mut forward: Vec<_> = self.forward.drain().collect();
        forward.sort_unstable();
        for ((is_record, name), slot) in forward {
            let kind = if is_record { &self.records } else { &self.enumerations };
            let mut options = Vec::new();
            for ty in kind.by_name.get(&name).into_iter().flatten() {
                let definition = self.profile.types.get(*ty);
                if matches!(definition, Type::Record(_) | Type::Enumeration(_)) {
                    options.push(ChoiceOption { definition, whole: definition });
                }
            }
            let text = self.profile.names.get(name);
            let word = if is_record { "struct" } else { "enum" };
            let place = format!("{word} {text}, in units that declare it only");
            if !options.is_empty() {
                self.profile.types.add_choice(Choice { slot, options, ordered: false, place });
            }
        }
    }
}

/// Definitions in the order of the file.
fn sorted(firsts: &Firsts) -> Vec<(u64, First)> {
    let mut sorted: Vec<(u64, First)> = firsts.iter().map(|(print, first)| (*print, *first)).collect();
    sorted.sort_unstable_by_key(|(print, first)| (first.site, *print));
    sorted
}
