//! Counts what the code under test allocates, and compares inputs of three sizes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The system's allocator, with counters.
struct Counting;

static NOW: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);
static TOTAL: AtomicU64 = AtomicU64::new(0);
static CALLS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn grown(size: usize) {
    let now = NOW.fetch_add(size as u64, Ordering::Relaxed) + size as u64;
    PEAK.fetch_max(now, Ordering::Relaxed);
    TOTAL.fetch_add(size as u64, Ordering::Relaxed);
    CALLS.fetch_add(1, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged; the counters are atomics and allocate nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grown(size);
        NOW.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// The cost of some work.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// The peak of allocated bytes, without those allocated before.
    pub peak: u64,
    /// How many bytes were allocated in all.
    pub total: u64,
    /// How many times.
    pub calls: u64,
    /// Processor time, where the system tells it.
    pub time: Duration,
}

/// Measures some work. Only one test measures at a time: [`alone`].
pub fn measure<T>(work: impl FnOnce() -> T) -> (Cost, T) {
    let before = NOW.load(Ordering::Relaxed);
    let (total, calls) = (TOTAL.load(Ordering::Relaxed), CALLS.load(Ordering::Relaxed));
    PEAK.store(before, Ordering::Relaxed);
    let (start, used) = (Instant::now(), processor_time());
    let result = work();
    let cost = Cost {
        peak: PEAK.load(Ordering::Relaxed).saturating_sub(before),
        total: TOTAL.load(Ordering::Relaxed) - total,
        calls: CALLS.load(Ordering::Relaxed) - calls,
        time: match (used, processor_time()) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => start.elapsed(),
        },
    };
    (cost, result)
}

/// The processor time that this process has used, where the system tells it. Time on the clock depends on what else the
/// machine does.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name may hold spaces. User time and system time are fields 14 and 15, in hundredths of a second.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = |field: usize| fields.split_whitespace().nth(field)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

/// Makes all other tests of this program wait.
pub fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The allowed growth of the cost when an input grows fourfold, and the allowed noise.
const FACTOR: f64 = 5.0;
const NOISE: u64 = 1 << 20;

/// Works on inputs of the sizes n, 2n and 4n, and checks that peak memory, bytes and numbers of allocations, and time
/// grow no faster than the input, and that the peak is at most `most` times the input and 8 MiB. A test must not
/// allocate anything large before it calls this, because another test may be measuring.
pub fn proportional<T>(n: usize, most: u64, input: impl Fn(usize) -> Vec<u8>, work: impl Fn(Vec<u8>) -> T) {
    let _alone = alone();
    let mut costs = Vec::new();
    for size in [n, 2 * n, 4 * n] {
        let bytes = input(size);
        let length = bytes.len() as u64;
        let (cost, result) = measure(|| work(bytes));
        drop(result);
        eprintln!("{size}: {length} bytes: {cost:?}");
        let most = length * most + (8 << 20);
        assert!(cost.peak <= most, "{} bytes for an input of {length}, expected at most {most}", cost.peak);
        costs.push((cost, length));
    }
    let [(first, short), .., (last, long)] = costs[..] else { return };
    let factor = FACTOR / 4.0 * long as f64 / short as f64;
    for (name, first, last) in [
        ("peak", first.peak, last.peak),
        ("bytes", first.total, last.total),
        ("allocations", first.calls, last.calls),
    ] {
        let most = (first as f64 * factor) as u64 + NOISE;
        assert!(last <= most, "{name}: {first} for n and {last} for 4n, expected at most {most}");
    }
    // Time is significant only if its growth is much faster than the input's.
    let most = first.time.mul_f64(3.0 * factor) + Duration::from_secs(5);
    assert!(last.time <= most, "{:?} for n and {:?} for 4n", first.time, last.time);
}
