use std::collections::BTreeMap;
use std::sync::Mutex;

use super::Builder;
use super::item::{Item, Plan, Selection};
use super::make::Made;
use super::pipeline::{self, Fate, locked};
use super::state::PROFILE_LIMIT;
use crate::packed::sha256;
use crate::{Error, ProfileName};

/// How a profile compares with what would be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// Every byte is the same.
    Same,
    /// It differs.
    Different {
        /// Its SHA-256.
        found: String,
        /// That of what was made.
        expected: String,
    },
    /// Its object is not there.
    Absent,
    /// It was imported, and cannot be made again.
    Imported,
    /// It could not be made again.
    Unproven(String),
}

/// What was found, by name.
pub type Verified = BTreeMap<ProfileName, Check>;

impl Builder<'_> {
    /// Makes what is selected of a plan again and compares it, byte for byte, with what is there; nothing is written.
    ///
    /// # Errors
    /// Where a profile that is there cannot be read.
    pub fn verify(&self, plan: &Plan, selection: &Selection) -> Result<Verified, Error> {
        let verified: Mutex<Verified> = Mutex::default();
        let mut items: Vec<&Item> = Vec::new();
        for item in plan.items.iter().filter(|item| selection.takes(item)) {
            let key = item.name.key();
            let imported = plan.state.recorded(&key).is_some_and(|known| known.generator == super::IMPORTED);
            if imported {
                locked(&verified).insert(item.name.clone(), Check::Imported);
            } else if plan.state.present.contains_key(&key) {
                items.push(item);
            } else if plan.rejected(item).is_none() {
                locked(&verified).insert(item.name.clone(), Check::Absent);
            }
        }
        let compare = |item: &Item, made: &Made| {
            let check = match self.storage.read(&item.name.key(), PROFILE_LIMIT)? {
                Some(object) if object.bytes == made.bytes => Check::Same,
                Some(object) => {
                    Check::Different { found: sha256(&object.bytes), expected: made.content.sha256.clone() }
                }
                None => Check::Absent,
            };
            locked(&verified).insert(item.name.clone(), check);
            Ok(())
        };
        let done = |item: &Item, fate: Fate| {
            if let Fate::Failed(failure) = fate {
                locked(&verified).insert(item.name.clone(), Check::Unproven(failure.reason));
            }
        };
        pipeline::run(self, plan, &items, false, &compare, &done)?;
        Ok(verified.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
