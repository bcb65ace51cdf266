//! Batch regeneration: makes the profiles in a configuration that do not exist yet.
//!
//! Start here: a [`BuildPlan`] lists the profiles, a [`Builder`] makes them, and [`seal`] records them.
//!
//! - **Independent items.** Each profile is made separately and appears complete or not at all. Whether it is up to
//!   date depends on content: its source, the front-end's revision, and the settings in the configuration.
//! - **Parts.** A builder records its work in objects of its own below `src/parts/`, one every few seconds, which are
//!   never changed; [`seal`] merges these into the inventory. A builder that is killed loses a record but never a
//!   profile: an object without a record is judged by its content.
//! - **Many machines.** A [`Shard`] is determined by names alone; any number of builders may share a storage.

mod add;
mod adopt;
mod claims;
mod contents;
mod import;
mod indexes;
mod item;
mod items;
mod make;
mod objects;
mod pipeline;
mod seal;
mod shard;
mod state;
mod tables;
mod verify;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use profile::Progress;
use symbols::{Downloads, Fetcher};

pub use add::{Addition, Binary, add_guids, link};
pub use import::{Imported, import};
pub use item::{BuildPlan, DebugSource, Item, Remote, Selection, Source, read_config};
pub use items::Items;
pub use make::{Failure, Made};
pub use seal::{Sealed, seal};
pub use shard::{Shard, ShardError};
pub use tables::{TableVerdict, import_tables};
pub use verify::{Check, Verified};

use crate::{Condition, Error, Key, ProfileName, Storage};
pub(crate) use indexes::configuration;
pub(crate) use pipeline::locked;
pub(crate) use state::{PROFILE_LIMIT, State, describe};

use claims::{Conflict, Stored};
use pipeline::Fate;
use state::{NewPart, PARTS};

/// The generator of imported profiles, instead of a front-end.
pub(crate) const IMPORTED: &str = "imported";

/// The largest source that is read from a repository, in bytes.
pub(crate) const SOURCE_LIMIT: u64 = 1 << 30;

/// The largest debug file or package that is read from a repository, in bytes.
pub(crate) const DEBUG_LIMIT: u64 = 16 << 30;

/// How often a builder records its work.
const NOTE: Duration = Duration::from_secs(5);
/// How many profiles and rejects wait to be recorded at most.
const NOTED: usize = 1024;

/// Makes profiles.
pub struct Builder<'a> {
    /// The repository.
    pub storage: &'a dyn Storage,
    /// Fetches PDBs.
    pub fetcher: &'a Fetcher,
    /// What fetches the packages, debug files and tables of collections.
    pub archives: &'a Downloads,
    /// The observer of the progress.
    pub progress: &'a dyn Progress,
    /// How many profiles are made at once.
    pub threads: usize,
    /// How many PDBs are fetched at once.
    pub downloads: usize,
    /// Whether profiles that could not be made before are tried again.
    pub retry: bool,
    /// What others see and decide while it works.
    pub watch: &'a Watch,
}

/// What others see of a builder at work, and how they end it.
#[derive(Debug, Default)]
pub struct Watch {
    failed: AtomicU64,
    stopped: AtomicBool,
}

impl Watch {
    /// How many profiles could not be made so far.
    pub fn failures(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Has the builder begin with no other profile. What is being made is made to its end, and recorded.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the builder was told to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// The results for an entry's profiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Made.
    pub made: usize,
    /// Already existed.
    pub unchanged: usize,
    /// Skipped, because they could not be made before.
    pub rejected: usize,
    /// Could not be made.
    pub failed: usize,
    /// The size of those made, in bytes.
    pub bytes: u64,
    /// The number of losses.
    pub losses: u64,
}

/// The results of a builder.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The counts of each entry, in the order of the configuration.
    pub entries: Vec<(ProfileName, Counts)>,
    /// The profiles that could not be made, by their name or, if that is unknown, by the debug file.
    pub failures: BTreeMap<String, Failure>,
}

impl Summary {
    /// The counts of all entries together.
    pub fn total(&self) -> Counts {
        self.entries.iter().fold(Counts::default(), |sum, (_, counts)| Counts {
            made: sum.made + counts.made,
            unchanged: sum.unchanged + counts.unchanged,
            rejected: sum.rejected + counts.rejected,
            failed: sum.failed + counts.failed,
            bytes: sum.bytes + counts.bytes,
            losses: sum.losses + counts.losses,
        })
    }

    fn counts(&mut self, entry: &ProfileName) -> Option<&mut Counts> {
        self.entries.iter_mut().find(|(name, _)| name == entry).map(|(_, counts)| counts)
    }
}

/// The results so far, those that no part has recorded yet, and the time since the last part.
struct Notes {
    summary: Summary,
    part: NewPart,
    last: Instant,
}

impl Builder<'_> {
    fn is_stopped(&self) -> bool {
        self.watch.is_stopped()
    }

    /// Makes the selected items of a plan that do not exist yet, and records them in a part for sealing.
    ///
    /// # Errors
    /// If the repository cannot be written (a full disk). Profiles made before that stay, and are recorded.
    pub fn build(&self, plan: &BuildPlan, selection: &Selection) -> Result<Summary, Error> {
        let mut summary = Summary::default();
        for entry in &plan.config.entries {
            summary.entries.push((entry.name.clone(), Counts::default()));
        }
        let mut chosen = Vec::new();
        for (position, item) in plan.items.iter().enumerate().filter(|(_, item)| selection.takes(item)) {
            // A user who names a profile wants it tried again.
            let passed_over = !self.retry && selection.only.is_none() && plan.rejected(&item).is_some();
            // A profile that exists anyway (an imported one, for example) does not count as rejected. A debug file
            // was rejected in its current version; an older profile from it does not matter.
            let present = !matches!(item.source, Source::Debug { .. })
                && item.key().is_some_and(|key| plan.state.present.contains(&key));
            if passed_over && !present {
                if let Some(counts) = summary.counts(&item.entry) {
                    counts.rejected += 1;
                }
            } else {
                chosen.push(position);
            }
        }
        let notes = Mutex::new(Notes { summary, part: NewPart::default(), last: Instant::now() });
        let keep = |item: &Item, made: &Made| {
            let displaced = match self.store(plan, item, made)? {
                Ok(displaced) => displaced,
                Err(failure) => return Ok(Err(failure)),
            };
            let part = {
                let mut notes = locked(&notes);
                notes.part.made(made.name.as_str(), &made.content);
                if let (Some(other), Source::Debug { key, list, .. }) = (displaced, &item.source) {
                    let reason = same_build(&made.name, key);
                    notes.reject(list, other.to_string(), reason.recorded());
                    notes.summary.failures.insert(other.key.to_string(), reason);
                    if let Some(counts) = notes.summary.counts(&item.entry) {
                        counts.failed += 1;
                    }
                }
                notes.due()
            };
            part.map_or(Ok(()), |part| part.finish().write(self.storage)).map(Ok)
        };
        let trouble: Mutex<Option<Error>> = Mutex::new(None);
        let done = |item: &Item, fate: Fate| {
            let part = {
                let mut notes = locked(&notes);
                note(&mut notes, plan, self.storage, item, fate);
                notes.due()
            };
            if let Some(Err(error)) = part.map(|part| part.finish().write(self.storage)) {
                self.watch.stop();
                locked(&trouble).get_or_insert(error);
            }
        };
        let result = pipeline::run(self, plan, &chosen, true, &keep, &done);
        let notes = notes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let noted = notes.part.finish().write(self.storage);
        result?;
        noted?;
        match trouble.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(notes.summary),
        }
    }

    /// Writes a profile. Returns the other debug file of the same build that gave it before, or why it is not
    /// written.
    fn store(
        &self,
        plan: &BuildPlan,
        item: &Item,
        made: &Made,
    ) -> Result<Result<Option<DebugSource>, Failure>, Error> {
        let key = made.name.key();
        let mark = state::mark(&key)?;
        let marked = plan.state.present.contains(&mark);
        let is_debug_file = matches!(item.source, Source::Debug { .. });
        if is_debug_file && marked && self.storage.stat(&key)?.is_some() {
            return Ok(Err(Failure::lasting(Conflict::Imported { name: made.name.clone() })));
        }
        // A user who removed an imported profile wants the one that is made.
        if marked {
            self.storage.remove(&mark)?;
        }
        if is_debug_file {
            let Some(source) = DebugSource::parse(&made.content.source) else {
                return Ok(Err(Failure::passing("its debug file was not brought")));
            };
            let stored = claims::store(self.storage, made, &source, &|other| plan.asks_for(other))?;
            return Ok(match stored {
                Stored::Other(other) => Err(same_build(&made.name, &other)),
                Stored::Kept { displaced } => Ok(displaced),
            });
        }
        self.storage.write(&key, &made.bytes, &Condition::Always)?;
        Ok(Ok(None))
    }
}

impl Notes {
    fn reject(&mut self, list: &Key, source: String, reason: &str) {
        self.part.rejected(list, source, reason);
    }

    /// What has to be recorded now.
    fn due(&mut self) -> Option<NewPart> {
        if self.last.elapsed() < NOTE && self.part.len() < NOTED {
            return None;
        }
        self.last = Instant::now();
        Some(std::mem::take(&mut self.part))
    }
}

/// Why the debug file of an item gives no profile: `other`, whose key comes first, belongs to the same build.
fn same_build(name: &ProfileName, other: &Key) -> Failure {
    Failure::lasting(Conflict::SameBuild { name: name.clone(), other: other.clone() })
}

fn note(notes: &mut Notes, plan: &BuildPlan, storage: &dyn Storage, item: &Item, fate: Fate) {
    let Some(counts) = notes.summary.counts(&item.entry) else { return };
    match fate {
        Fate::Made { content, losses } => {
            counts.made += 1;
            counts.bytes += content.size;
            counts.losses += losses;
        }
        Fate::Found(content) => {
            counts.unchanged += 1;
            notes.part.made(item.name.as_str(), &content);
        }
        Fate::Unchanged => counts.unchanged += 1,
        Fate::Failed(failure) => {
            counts.failed += 1;
            if failure.lasting && plan.rejected(item) != Some(failure.recorded()) {
                match &item.source {
                    Source::Pdb { guids, guid_age, .. } => {
                        notes.reject(guids, guid_age.to_string(), failure.recorded());
                    }
                    // This version of the file is rejected, not a later one.
                    Source::Debug { key, list, .. } => {
                        if let Ok(sha256) = item.source_sha256(storage, &plan.state) {
                            let source = DebugSource { key: key.clone(), sha256 };
                            notes.reject(list, source.to_string(), failure.recorded());
                        }
                    }
                    _ => {}
                }
            }
            notes.summary.failures.insert(item.name.to_string(), failure);
        }
    }
}

/// An object that no other process writes. Later ones have later keys.
fn part_key() -> Result<Key, Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = format!("{} {} {:?}", std::process::id(), now.as_nanos(), std::thread::current().id());
    // An address distinguishes processes of two machines whose numbers and clocks agree.
    let seed = format!("{seed} {:p} {}", &seed, fresh());
    let digest = crate::packed::sha256(seed.as_bytes());
    format!("{PARTS}/{:013}-{}.json", now.as_millis(), digest.get(..24).unwrap_or(&digest)).parse()
}

/// A random number from the system.
fn fresh() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
