use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::keys::Map;
use crate::{Name, Profile, RecordId, Report};

/// Renames a second member of one name in a struct to `<name>_1`, a third to `<name>_2`, and so on; numbers that
/// other members already have are skipped.
pub(super) fn number_repeated_members(profile: &mut Profile, report: &mut Report) {
    let (names, types) = (&mut profile.names, &profile.types);
    // For each name, the last record that had a member of that name.
    let mut last_owners: Vec<Option<RecordId>> = vec![None; names.len()];
    let mut repeating: Vec<RecordId> = Vec::new();
    for (id, _) in types.records() {
        for member in types.members(id) {
            let last_owner = last_owners.get_mut(member.name.index());
            if last_owner.is_some_and(|owner| owner.replace(id) == Some(id)) && repeating.last() != Some(&id)
            {
                repeating.push(id);
            }
        }
    }
    let mut renamed: Vec<(RecordId, usize, Name)> = Vec::new();
    for id in repeating {
        let members = types.members(id);
        let mut held: HashSet<Name, RandomState> = members.iter().map(|member| member.name).collect();
        let mut counts: Map<Name, u32> = Map::default();
        for (position, member) in members.iter().enumerate() {
            let Some(number) = counts.get_mut(&member.name) else {
                counts.insert(member.name, 0);
                continue;
            };
            report.lose("members that repeat a name in their struct (numbered)", || {
                let owner = types.record(id).and_then(|record| record.name);
                let owner = owner.map_or("(unnamed)", |name| names.get(name));
                format!("{owner}.{}", names.get(member.name))
            });
            loop {
                *number += 1;
                let text = format!("{}_{number}", names.get(member.name));
                let name = names.intern(&text);
                if held.insert(name) {
                    renamed.push((id, position, name));
                    break;
                }
            }
        }
    }
    profile.types.rename_members(renamed);
}
