use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use memchr::memmem::Finder;
use profile::{Progress, Report, Silent};

use crate::PhysicalAddress;
use crate::memory::{Memory, Run};

/// The parameters of a search in physical memory.
#[derive(Clone, Copy)]
pub struct ScanPlan<'a> {
    /// How many threads share the work; at least one is used.
    pub threads: usize,
    /// How many bytes beyond its own part every window contains, if memory follows: the length of the longest needle
    /// minus one.
    pub overlap: usize,
    /// The observer of the progress, in bytes.
    pub progress: &'a dyn Progress,
    /// The name of the step for the observer.
    pub step: &'a str,
}

impl Default for ScanPlan<'_> {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, overlap: 0, progress: &Silent, step: "Searching memory" }
    }
}

/// A contiguous part of physical memory.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The address of its first byte.
    pub start: PhysicalAddress,
    /// Its bytes, including the overlap.
    pub bytes: &'a [u8],
    /// How many of `bytes` belong to this window; the following ones are also in the next window.
    pub own: usize,
}

/// The results of a search.
#[derive(Clone, Debug)]
pub struct Scanned<T> {
    /// In the order of addresses.
    pub found: Vec<T>,
    /// The parts that could not be read.
    pub report: Report,
}

/// A place where a needle was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// Its start.
    pub at: PhysicalAddress,
    /// The index of the needle.
    pub needle: usize,
}

/// How many bytes a thread takes at once: an amount that stays in its cache.
const WINDOW: u64 = 512 << 10;
/// If a window cannot be read as a whole, it is read in pieces of this size.
const PIECE: u64 = 4096;

/// Passes all of `memory` to `look`, window by window, except parts that are known to be zero. Every window is within
/// one run. `look` adds its findings in any order, and the result is in the order of addresses. Unreadable parts are
/// left out and counted; a match that extends over one is not found.
pub fn scan<T: Send>(
    memory: &dyn Memory,
    plan: &ScanPlan<'_>,
    look: impl Fn(Window<'_>, &mut Vec<T>) + Sync,
) -> Scanned<T> {
    let total = memory.runs().iter().map(|run| run.length).sum();
    let cursor = Mutex::new(Cursor { memory, run: 0, at: 0, passed: 0 });
    let (results, report) = (Mutex::new(Vec::new()), Mutex::new(Report::default()));
    let work = || {
        let mut reader =
            Reader { memory, overlap: plan.overlap as u64, buffer: Vec::new(), report: Report::default() };
        // Not in the condition of the loop, where the lock would be held while its body runs.
        let next = || locked(&cursor).next_window();
        while let Some((run, data, passed)) = next() {
            let mut found = Vec::new();
            let start = data.start;
            reader.show(run, data, &mut |window| look(window, &mut found));
            if !found.is_empty() {
                locked(&results).push((start, found));
            }
            plan.progress.advance(plan.step, passed);
        }
        locked(&report).absorb(reader.report);
    };
    plan.progress.begin(plan.step, Some(total));
    let most = usize::try_from(u64::div_ceil(total, WINDOW)).unwrap_or(usize::MAX);
    std::thread::scope(|scope| {
        for _ in 1..plan.threads.min(most) {
            scope.spawn(work);
        }
        work();
    });
    plan.progress.end(plan.step);
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(start, _)| *start);
    Scanned {
        found: results.into_iter().flat_map(|(_, found)| found).collect(),
        report: report.into_inner().unwrap_or_else(PoisonError::into_inner),
    }
}

/// Finds the places where `needles` begin in `memory`, without overlapping matches of one needle; an empty needle is
/// never found. At `most` this many matches of each needle are kept in every half megabyte, since an image may be
/// full of them. `plan.overlap` is set accordingly.
pub fn find(memory: &dyn Memory, needles: &[&[u8]], most: usize, plan: &ScanPlan<'_>) -> Scanned<Hit> {
    let longest = needles.iter().map(|needle| needle.len()).max().unwrap_or(0);
    let finders: Vec<(usize, Finder)> = needles
        .iter()
        .enumerate()
        .filter(|(_, needle)| !needle.is_empty())
        .map(|(index, needle)| (index, Finder::new(*needle)))
        .collect();
    let plan = ScanPlan { overlap: longest.saturating_sub(1), ..*plan };
    scan(memory, &plan, |window, found| {
        let before = found.len();
        for (needle, finder) in &finders {
            let hits = finder.find_iter(window.bytes).take_while(|at| *at < window.own).take(most);
            found.extend(
                hits.map(|at| Hit { at: PhysicalAddress(window.start.0 + at as u64), needle: *needle }),
            );
        }
        if let Some(ours) = found.get_mut(before..) {
            ours.sort_unstable();
        }
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How far windows have been given out.
struct Cursor<'m> {
    memory: &'m dyn Memory,
    /// Which run, and where in it.
    run: usize,
    at: u64,
    /// How many bytes are done, including those known to be zero.
    passed: u64,
}

impl Cursor<'_> {
    /// The next window: its run, its addresses, and how many bytes are done after it. Parts that are known to be zero
    /// are skipped in one step, however large.
    fn next_window(&mut self) -> Option<(Run, Range<u64>, u64)> {
        loop {
            let run = *self.memory.runs().get(self.run)?;
            let at = self.at.max(run.start.0);
            let Some(data) = self.memory.next_data(at..run.end()) else {
                self.passed += run.end() - at;
                self.run += 1;
                continue;
            };
            // Windows begin at aligned addresses, so that reads cover whole blocks.
            let end = (data.start / WINDOW).saturating_add(1).saturating_mul(WINDOW).min(data.end);
            self.passed += end - at;
            self.at = end;
            return Some((run, data.start..end, self.passed));
        }
    }
}

/// Reads windows for one thread.
struct Reader<'m> {
    memory: &'m dyn Memory,
    overlap: u64,
    buffer: Vec<u8>,
    report: Report,
}

impl Reader<'_> {
    /// Passes the bytes in `data`, a part of `run`, on.
    fn show(&mut self, run: Run, data: Range<u64>, look: &mut dyn FnMut(Window<'_>)) {
        let seen = data.end.saturating_add(self.overlap).min(run.end());
        if self.read(data.start, seen) {
            look(self.window(data.start, data.end - data.start));
        } else {
            self.show_pieces(data.start, data.end, seen, look);
        }
    }

    /// The same if a part cannot be read: every readable sequence of pieces is a window.
    fn show_pieces(&mut self, start: u64, end: u64, seen: u64, look: &mut dyn FnMut(Window<'_>)) {
        let mut stretch = start;
        let mut at = start;
        loop {
            let piece = at..(at / PIECE * PIECE).saturating_add(PIECE).min(seen);
            let good = at < seen && self.read(piece.start, piece.end);
            if good {
                at = piece.end;
                continue;
            }
            let own = at.min(end).saturating_sub(stretch);
            if own > 0 && self.read(stretch, at) {
                look(self.window(stretch, own));
            }
            if at >= end {
                break;
            }
            self.report.lose("unreadable memory", || format!("{:#x}..{:#x}", piece.start, piece.end));
            at = piece.end;
            stretch = at;
        }
    }

    fn read(&mut self, start: u64, end: u64) -> bool {
        let length = (end - start) as usize;
        self.buffer.resize(length, 0);
        self.memory.read(PhysicalAddress(start), &mut self.buffer).is_ok()
    }

    fn window(&self, start: u64, own: u64) -> Window<'_> {
        Window { start: PhysicalAddress(start), bytes: &self.buffer, own: own as usize }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Condvar;
    use std::time::Duration;

    use super::*;
    use crate::memory::{Pages, ReadError};

    fn plan(threads: usize) -> ScanPlan<'static> {
        ScanPlan { threads, ..ScanPlan::default() }
    }

    #[test]
    fn finds_across_windows_but_not_across_gaps() {
        let mut pages = Pages::default();
        // Two windows and a bit.
        pages.write(PhysicalAddress(0x10_0000), &vec![0; 2 * WINDOW as usize + 10]);
        let places =
            [0x10_0000, 0x10_0000 + WINDOW - 2, 0x10_0000 + 2 * WINDOW - 4, 0x10_0000 + 2 * WINDOW + 20];
        for at in places {
            pages.write(PhysicalAddress(at), b"NEEDLE");
        }
        // A match that would need the page after the gap.
        pages.write(PhysicalAddress(0x80_0ffc), b"NEED");
        pages.write(PhysicalAddress(0x80_2000), b"LE");
        for threads in [1, 3] {
            let scanned = find(&pages, &[b"absent", b"", b"NEEDLE"], 8, &plan(threads));
            assert!(scanned.found.iter().all(|hit| hit.needle == 2));
            assert_eq!(scanned.found.iter().map(|hit| hit.at.0).collect::<Vec<_>>(), places);
            assert_eq!(scanned.report.total(), 0);
        }
    }

    #[test]
    fn the_first_matches_in_every_window_are_found() {
        let mut pages = Pages::default();
        pages.write(PhysicalAddress(0), &vec![b'N'; 2 * WINDOW as usize]);
        let scanned = find(&pages, &[b"N"], 3, &plan(1));
        let places: Vec<u64> = scanned.found.iter().map(|hit| hit.at.0).collect();
        assert_eq!(places, [0, 1, 2, WINDOW, WINDOW + 1, WINDOW + 2]);
    }

    #[test]
    fn threads_search_in_parallel() {
        let mut pages = Pages::default();
        pages.write(PhysicalAddress(0), &vec![1; 2 * WINDOW as usize]);
        let (here, arrived) = (Mutex::new(0), Condvar::new());
        let alone = scan(&pages, &plan(2), |_, alone| {
            let mut looking = locked(&here);
            *looking += 1;
            arrived.notify_all();
            let long = Duration::from_secs(60);
            let (_looking, waited) = arrived.wait_timeout_while(looking, long, |both| *both < 2).unwrap();
            alone.push(waited.timed_out());
        });
        assert_eq!(alone.found, [false, false]);
    }

    /// Memory of which some pages cannot be read.
    struct Torn(Pages, Vec<u64>);

    impl Memory for Torn {
        fn runs(&self) -> &[Run] {
            self.0.runs()
        }

        fn read(&self, at: PhysicalAddress, into: &mut [u8]) -> Result<(), ReadError> {
            let (first, last) = (at.0 / PIECE, (at.0 + into.len() as u64).div_ceil(PIECE));
            match self.1.iter().find(|page| (first..last).contains(page)) {
                Some(page) => Err(ReadError::Missing { at: PhysicalAddress(page * PIECE) }),
                None => self.0.read(at, into),
            }
        }
    }

    #[test]
    fn unreadable_parts_are_counted_and_the_rest_is_searched() {
        let mut pages = Pages::default();
        pages.write(PhysicalAddress(0), &vec![0; WINDOW as usize + 3 * PIECE as usize]);
        for page in 0..WINDOW / PIECE + 3 {
            pages.write(PhysicalAddress(page * PIECE + PIECE - 3), b"NEEDLE");
        }
        let bad = vec![0, 5, 6, WINDOW / PIECE, WINDOW / PIECE + 2];
        let scanned = find(&Torn(pages, bad.clone()), &[b"NEEDLE"], 256, &plan(2));
        let expected: Vec<u64> = (0..WINDOW / PIECE + 2)
            .filter(|page| !bad.contains(page) && !bad.contains(&(page + 1)))
            .map(|page| page * PIECE + PIECE - 3)
            .collect();
        assert_eq!(scanned.found.iter().map(|hit| hit.at.0).collect::<Vec<_>>(), expected);
        assert_eq!(scanned.report.count("unreadable memory"), bad.len() as u64);
    }
}
