//! Definitions that differ only in a member whose own name has several definitions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::model::Definition;
use crate::model::layout::{LayoutHash, Layouts, push_hex};
use crate::{Name, Names, Types};

/// How often separated definitions are used to separate others: structs in structs in structs.
const MAX_ROUNDS: usize = 16;

/// Gives definitions of one name different layout hashes if their members have the same names and offsets but refer
/// to different definitions. Without that they would be treated as one.
///
/// `wanted` lists every definition with the name that it wants.
pub(super) fn tell_apart(names: &Names, types: &Types, layouts: &mut Layouts, wanted: &[(Name, Definition)]) {
    let mut sorted: Vec<(Name, Definition)> = wanted.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let groups: Vec<&[(Name, Definition)]> =
        sorted.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1).collect();
    if groups.is_empty() {
        return;
    }
    let mut marks: HashMap<Definition, String, RandomState> = HashMap::default();
    // Definitions that are equal so far.
    let mut alike: Vec<Vec<Definition>> = Vec::new();
    for group in &groups {
        let mut classes: BTreeMap<LayoutHash, Vec<Definition>> = BTreeMap::new();
        for (_, definition) in *group {
            classes.entry(layouts.hash(names, types, *definition)).or_default().push(*definition);
        }
        if classes.len() > 1 {
            for (hash, members) in &classes {
                marks.extend(members.iter().map(|definition| (*definition, mark(hash))));
            }
        }
        alike.extend(classes.into_values().filter(|members| members.len() > 1));
    }
    for _ in 0..MAX_ROUNDS {
        if marks.is_empty() || alike.is_empty() {
            return;
        }
        let mut marked = Layouts::with_marks(marks.clone());
        let mut rest = Vec::new();
        let mut split = false;
        for group in alike {
            let hashes: Vec<LayoutHash> =
                group.iter().map(|definition| marked.hash(names, types, *definition)).collect();
            if hashes.iter().collect::<BTreeSet<_>>().len() == 1 {
                rest.push(group);
                continue;
            }
            split = true;
            let mut classes: BTreeMap<LayoutHash, Vec<Definition>> = BTreeMap::new();
            for (definition, hash) in group.iter().zip(hashes) {
                layouts.set(*definition, hash);
                marks.insert(*definition, mark(&hash));
                classes.entry(hash).or_default().push(*definition);
            }
            rest.extend(classes.into_values().filter(|members| members.len() > 1));
        }
        if !split {
            return;
        }
        alike = rest;
    }
}

fn mark(hash: &LayoutHash) -> String {
    let mut text = String::from("__");
    push_hex(&mut text, hash, 64);
    text
}
