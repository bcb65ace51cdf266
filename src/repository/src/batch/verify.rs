use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::Builder;
use super::adopt::{Rules, adopt};
use super::item::{BuildPlan, Item, Selection};
use super::make::Made;
use super::pipeline::{self, Fate, locked};
use super::state::{PROFILE_LIMIT, is_listed};
use crate::packed::{sha256, unpack};
use crate::{Content, Error, Key, ProfileName};

/// The comparison of a profile with the one that would be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// All bytes are equal.
    Same,
    /// It differs.
    Different {
        /// Its SHA-256.
        found: String,
        /// The SHA-256 of the profile that was made.
        expected: String,
    },
    /// Its object is missing.
    Absent,
    /// It was imported, and cannot be made again.
    Imported,
    /// It is a symlink to a missing profile.
    Dangling(ProfileName),
    /// It could not be made again.
    Unproven(String),
    /// All bytes are equal, but the record in the inventory is wrong.
    Misrecorded(String),
}

/// The findings, by name.
pub type Verified = BTreeMap<ProfileName, Check>;

impl Builder<'_> {
    /// Makes the selected items of a plan again and compares them, byte for byte, with the existing profiles, and
    /// their records with those of an undisturbed builder. If the whole plan is selected, the records of all other
    /// objects are compared too. Nothing is written.
    ///
    /// # Errors
    /// If an existing profile cannot be read.
    pub fn verify(&self, plan: &BuildPlan, selection: &Selection) -> Result<Verified, Error> {
        let verified: Mutex<Verified> = Mutex::default();
        let mut chosen = Vec::new();
        for (position, item) in plan.items.iter().enumerate().filter(|(_, item)| selection.takes(item)) {
            let Some(key) = item.key() else {
                if plan.rejected(&item).is_none() {
                    locked(&verified).insert(item.name.clone(), Check::Absent);
                }
                continue;
            };
            let adopted = || self.adopted(plan, Some(&item), &key);
            if plan.content(&item, self.storage).is_some_and(|known| known.generator == super::IMPORTED) {
                let check = match adopted()? {
                    Some(content) => recorded_as(plan, &key, &content, Check::Imported),
                    None => Check::Absent,
                };
                locked(&verified).insert(item.name.clone(), check);
            } else if plan.state.present.contains(&key) {
                chosen.push(position);
            } else if plan.rejected(&item).is_none() {
                locked(&verified).insert(item.name.clone(), Check::Absent);
            }
        }
        let compare = |item: &Item, made: &Made| {
            let key = made.name.key();
            let check = match self.storage.read(&key, PROFILE_LIMIT)? {
                Some(object) if object.bytes == made.bytes => {
                    recorded_as(plan, &key, &made.content, Check::Same)
                }
                Some(object) => {
                    Check::Different { found: sha256(&object.bytes), expected: made.content.sha256.clone() }
                }
                None => Check::Absent,
            };
            locked(&verified).insert(item.name.clone(), check);
            Ok(Ok(()))
        };
        let done = |item: &Item, fate: Fate| {
            if let Fate::Failed(failure) = fate {
                locked(&verified).insert(item.name.clone(), Check::Unproven(failure.reason));
            }
        };
        pipeline::run(self, plan, &chosen, false, &compare, &done)?;
        let mut verified = verified.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        if selection.is_everything() {
            self.verify_others(plan, &mut verified)?;
        }
        Ok(verified)
    }

    /// Compares the records of objects that no item makes (imported profiles, symlinks, indexes) with the objects,
    /// and finds records without objects.
    fn verify_others(&self, plan: &BuildPlan, verified: &mut Verified) -> Result<(), Error> {
        let rules = Rules::new(&plan.config, &plan.items);
        let names = plan.state.inventory.names().filter_map(|name| name.parse::<ProfileName>().ok());
        let listed = plan.state.present.keys().filter(|key| is_listed(key));
        let listed = listed.filter_map(|key| ProfileName::of_key(&key.parse().ok()?));
        let others: BTreeSet<ProfileName> =
            names.chain(listed).filter(|name| !verified.contains_key(name)).collect();
        for name in others {
            let key = name.key();
            let Some(content) = self.adopted(plan, rules.item(&key).as_ref(), &key)? else {
                verified.insert(
                    name,
                    Check::Misrecorded("the inventory lists it; its object is not there".to_owned()),
                );
                continue;
            };
            if let Check::Misrecorded(how) = recorded_as(plan, &key, &content, Check::Same) {
                verified.insert(name, Check::Misrecorded(how));
            } else if content.health == "symlink"
                && let Some(target) = self.target(&key)?
                && !target.keys().iter().any(|key| plan.state.present.contains(key))
            {
                verified.insert(name, Check::Dangling(target));
            }
        }
        Ok(())
    }

    /// The target of a symlink profile.
    fn target(&self, key: &Key) -> Result<Option<ProfileName>, Error> {
        let Some(object) = self.storage.read(key, PROFILE_LIMIT)? else { return Ok(None) };
        let value = unpack(&object.bytes, &self.storage.place_of(key))?;
        let target = value.get("$METADATA").and_then(|metadata| metadata.get("Target")?.as_str());
        Ok(target.and_then(|target| target.parse().ok()))
    }

    /// The record that an undisturbed builder would have written for an object.
    fn adopted(&self, plan: &BuildPlan, item: Option<&Item>, key: &Key) -> Result<Option<Content>, Error> {
        let adopted = adopt(item, key, self.storage, &plan.state)?;
        Ok(adopted.map(|adopted| adopted.content))
    }
}

/// `good` if an object is correctly recorded, in the inventory or in a part.
fn recorded_as(plan: &BuildPlan, key: &Key, expected: &Content, good: Check) -> Check {
    match plan.state.newest(key) {
        None => Check::Misrecorded("the inventory does not list it; manage_repo seal records it".to_owned()),
        Some(found) if found.agrees(expected) => good,
        Some(found) => Check::Misrecorded(format!("recorded with {}", found.differences(expected))),
    }
}
