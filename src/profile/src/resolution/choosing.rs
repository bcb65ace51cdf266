//! Uses of a name that several definitions fit equally: one of them is chosen, and the others are listed.

use super::bounds::AMBIGUOUS;
use super::keys::Map;
use super::resolver::Resolver;
use super::result::Ambiguity;
use super::standing::{Rank, Standing};
use super::variants;
use crate::model::Definition;
use crate::model::layout::{LayoutHash, Layouts};
use crate::{Name, Profile, Report, Type, TypeId};

/// A use that several definitions fit equally, with the chosen one.
pub(super) struct Settled {
    pub(super) place: String,
    pub(super) taken: Definition,
    pub(super) others: Vec<Definition>,
}

/// Settles every use with several possible definitions to the one that ranks first. Returns those whose layouts
/// differ.
pub(super) fn settle_choices(
    profile: &mut Profile,
    layouts: &mut Layouts,
    standing: &mut Standing,
) -> Vec<Settled> {
    let choices = profile.types.take_choices();
    if choices.is_empty() {
        return Vec::new();
    }
    let (names, types) = (&profile.names, &profile.types);
    // All definitions of each name: a layout counts as much as all of its definitions together.
    let mut by_name: Map<Name, Vec<Definition>> = Map::default();
    for (id, record) in types.records() {
        if let Some(name) = record.name {
            by_name.entry(name).or_default().push(Definition::Record(id));
        }
    }
    let mut enums_by_name: Map<Name, Vec<Definition>> = Map::default();
    for (id, item) in types.enumerations() {
        if let Some(name) = item.name {
            enums_by_name.entry(name).or_default().push(Definition::Enumeration(id));
        }
    }
    let wanted: Vec<(Name, Definition)> = by_name
        .iter()
        .flat_map(|(name, definitions)| definitions.iter().map(|definition| (*name, *definition)))
        .collect();
    variants::tell_apart(names, types, layouts, &wanted);
    let context = (profile.constant_types.as_slice(), profile.arch.address_size());
    let mut ranked_names: Map<Definition, Vec<Rank>> = Map::default();
    let mut settled = Vec::new();
    let mut meanings: Vec<(TypeId, Type)> = Vec::new();
    for choice in choices {
        let options: Vec<(Definition, Type)> = choice
            .options
            .iter()
            .filter_map(|option| match option.definition {
                Type::Record(id) => Some((Definition::Record(id), option.whole)),
                Type::Enumeration(id) => Some((Definition::Enumeration(id), option.whole)),
                _ => None,
            })
            .collect();
        let Some((first, _)) = options.first() else { continue };
        let named = match first {
            Definition::Record(id) => {
                types.record(*id).and_then(|it| it.name).and_then(|name| by_name.get(&name))
            }
            Definition::Enumeration(id) => {
                types.enumeration(*id).and_then(|it| it.name).and_then(|name| enums_by_name.get(&name))
            }
        };
        let ranked = match named.and_then(|group| Some((group, *group.first()?))) {
            Some((group, key)) => ranked_names
                .entry(key)
                .or_insert_with(|| standing.rank(names, types, layouts, context, group)),
            None => {
                let group: Vec<Definition> = options.iter().map(|(definition, _)| *definition).collect();
                &mut standing.rank(names, types, layouts, context, &group)
            }
        };
        let likeliest = choice.ordered.then_some(layouts.hash(names, types, *first));
        let mut of_hash: Map<LayoutHash, (Definition, Type)> = Map::default();
        for (definition, whole) in options {
            of_hash.entry(layouts.hash(names, types, definition)).or_insert((definition, whole));
        }
        let likeliest = likeliest.and_then(|hash| of_hash.remove(&hash));
        let in_order = ranked.iter().filter_map(|rank| of_hash.get(&rank.hash).copied());
        let mut in_order = likeliest.into_iter().chain(in_order);
        let Some((taken, whole)) = in_order.next() else { continue };
        meanings.push((choice.slot, whole));
        let others: Vec<Definition> = in_order.map(|(definition, _)| definition).collect();
        if !others.is_empty() {
            settled.push(Settled { place: choice.place, taken, others });
        }
    }
    for (slot, meaning) in meanings {
        profile.types.set(slot, meaning);
    }
    // Types that contain a settled use may have another hash now.
    *layouts = Layouts::default();
    settled
}

impl Resolver<'_> {
    /// Counts and lists the uses that several definitions fit equally.
    pub(super) fn list_ambiguities(&mut self, settled: Vec<Settled>, report: &mut Report) {
        for Settled { place, taken, others } in settled {
            let taken = self.shown_key(taken);
            let mut others: Vec<String> =
                others.into_iter().map(|definition| self.shown_key(definition)).collect();
            others.sort_unstable();
            self.result.ambiguities.push(Ambiguity { place, taken, others });
        }
        self.result.ambiguities.sort_unstable();
        self.result.ambiguities.dedup();
        for ambiguity in &self.result.ambiguities {
            report.list(AMBIGUOUS, || ambiguity.place.clone());
        }
    }

    fn shown_key(&self, definition: Definition) -> String {
        let (keys, own) = match definition {
            Definition::Record(id) => {
                (&self.result.record_keys, self.types.record(id).and_then(|record| record.name))
            }
            Definition::Enumeration(id) => {
                (&self.result.enum_keys, self.types.enumeration(id).and_then(|item| item.name))
            }
        };
        let key = keys.given(definition).or(own);
        key.map_or_else(|| "(unnamed)".to_owned(), |key| self.names.get(key).to_owned())
    }
}
