use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use profile::Progress;

use super::Builder;
use super::item::{BuildPlan, Item};
use super::make::{Bringer, Failure, Made, Material, bring, make};
use crate::{Content, Error};

/// The result for an item.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It was made.
    Made { content: Content, losses: u64 },
    /// It already exists in the right form, but without a record.
    Found(Content),
    /// It already exists.
    Unchanged,
    /// It cannot be made.
    Failed(Failure),
}

/// How the progress of the work is shown.
const STEP: &str = "Building profiles";

/// Accepts a profile, or returns why it does not.
pub(crate) type Keep<'a> = &'a (dyn Fn(&Item, &Made) -> Result<Result<(), Failure>, Error> + Sync);

/// Fetches, makes and stores many profiles at once. Each stage waits for the next one if that is slower, so the
/// number of items in progress is bounded by the number of threads.
///
/// `chosen` are the positions of the items in the plan. `keep` accepts each profile, unless it returns a reason not to; its error ends the work. `done` is called with
/// each result as soon as it is known.
pub(crate) fn run(
    builder: &Builder<'_>,
    plan: &BuildPlan,
    chosen: &[usize],
    look: bool,
    keep: Keep<'_>,
    done: &(dyn Fn(&Item, Fate) + Sync),
) -> Result<(), Error> {
    let (storage, state) = (builder.storage, &plan.state);
    let threads = builder.threads.max(1);
    let next = AtomicUsize::new(0);
    let finished = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let trouble: Mutex<Option<Error>> = Mutex::new(None);
    let told = Told(builder.progress);
    let end = |item: &Item, fate: Fate| {
        if let Fate::Failed(failure) = &fate {
            builder.watch.failed();
            builder.progress.debug(&format!("{} rejected: {}", item.name, failure.reason));
        }
        done(item, fate);
        builder.progress.advance(STEP, finished.fetch_add(1, Ordering::Relaxed) as u64 + 1);
    };
    builder.progress.begin(STEP, Some(chosen.len() as u64));
    let (brought, to_make) = sync_channel::<(Item, Material)>(threads);
    let (made, to_keep) = sync_channel::<(Item, Made)>(threads);
    let (to_make, to_keep) = (Mutex::new(to_make), Mutex::new(to_keep));
    thread::scope(|scope| {
        for _ in 0..builder.downloads.clamp(1, chosen.len().max(1)) {
            let brought = brought.clone();
            let (end, told, next, stopped) = (&end, &told, &next, &stopped);
            scope.spawn(move || {
                while let Some(position) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(item) = plan.items.get(*position) else { continue };
                    if stopped.load(Ordering::Relaxed) || builder.is_stopped() {
                        break;
                    }
                    if look && let Some(fate) = already(plan, &item, storage) {
                        end(&item, fate);
                        continue;
                    }
                    let bringer =
                        Bringer { fetcher: builder.fetcher, downloads: builder.archives, progress: told };
                    match bring(&item, storage, state, &bringer) {
                        Ok(material) => {
                            if brought.send((item, material)).is_err() {
                                break;
                            }
                        }
                        Err(failure) => end(&item, Fate::Failed(failure)),
                    }
                }
            });
        }
        drop(brought);
        for _ in 0..threads {
            let made = made.clone();
            let (end, to_make, stopped) = (&end, &to_make, &stopped);
            scope.spawn(move || {
                while let Some((item, material)) = receive(to_make) {
                    if stopped.load(Ordering::Relaxed) {
                        continue;
                    }
                    match make(&item, material, storage, state) {
                        Ok(profile) => {
                            if made.send((item, profile)).is_err() {
                                break;
                            }
                        }
                        Err(failure) => end(&item, Fate::Failed(failure)),
                    }
                }
            });
        }
        drop(made);
        for _ in 0..threads.max(2) {
            let (end, to_keep, stopped, trouble) = (&end, &to_keep, &stopped, &trouble);
            scope.spawn(move || {
                while let Some((item, profile)) = receive(to_keep) {
                    if stopped.load(Ordering::Relaxed) {
                        continue;
                    }
                    match keep(&item, &profile) {
                        Ok(Err(failure)) => end(&item, Fate::Failed(failure)),
                        Ok(Ok(())) => {
                            end(&item, Fate::Made { content: profile.content, losses: profile.losses });
                        }
                        Err(error) => {
                            stopped.store(true, Ordering::Relaxed);
                            locked(trouble).get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    builder.progress.end(STEP);
    match trouble.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Whether the profile is up to date: by its record or, without one, by its content.
fn already(plan: &BuildPlan, item: &Item, storage: &dyn crate::Storage) -> Option<Fate> {
    let key = item.key()?;
    if let Some(content) = plan.state.recorded(&key, storage) {
        return item.is_made(&content, storage, &plan.state).then_some(Fate::Unchanged);
    }
    let content = plan.content(item, storage)?;
    item.is_made(&content, storage, &plan.state).then_some(Fate::Found(content))
}

fn receive<T>(channel: &Mutex<Receiver<T>>) -> Option<T> {
    locked(channel).recv().ok()
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes log lines of single profiles on, but not progress steps, which would conflict if many run at once.
struct Told<'a>(&'a dyn Progress);

impl Progress for Told<'_> {
    fn debug(&self, line: &str) {
        self.0.debug(line);
    }
}
