use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use profile::Progress;
use repository::batch::Watch;

use crate::console::Console;

/// Shows how far long work is: on a terminal beside its bar, elsewhere as a line now and then.
pub struct Watched<'a> {
    console: &'a Console,
    watch: &'a Watch,
    total: AtomicU64,
    done: AtomicU64,
    step: Mutex<String>,
    since: Instant,
}

/// When the first line appears; each further one after twice the time, up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);
/// How often a terminal is brought up to date.
const BLINK: Duration = Duration::from_millis(500);

impl<'a> Watched<'a> {
    pub fn new(console: &'a Console, watch: &'a Watch) -> Self {
        let (total, done) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { console, watch, total, done, step: Mutex::default(), since: Instant::now() }
    }

    /// Does the work, which reports to the observer that it is given.
    pub fn during<T>(&self, work: impl FnOnce(&dyn Progress) -> T) -> T {
        let (finished, waiting) = channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut pause = FIRST;
                let mut next = Instant::now() + pause;
                let mut told = false;
                while waiting.recv_timeout(BLINK) == Err(RecvTimeoutError::Timeout) {
                    if self.watch.is_stopped() && !told {
                        told = true;
                        self.console.warn(
                            "Stopping: what is being made is finished and kept; Ctrl-C again ends at once",
                        );
                    }
                    let Some(line) = self.line() else { continue };
                    if self.console.progress().is_visible() {
                        let step = self.step.lock().map(|step| step.clone()).unwrap_or_default();
                        self.console.progress().describe(&step, &line);
                    } else if Instant::now() >= next {
                        self.console.info(line);
                        pause = (pause * 2).min(LONGEST);
                        next = Instant::now() + pause;
                    }
                }
            });
            let result = work(self);
            drop(finished);
            result
        })
    }

    /// How far the work is; `None` before it began.
    fn line(&self) -> Option<String> {
        let total = self.total.load(Ordering::Relaxed);
        let done = self.done.load(Ordering::Relaxed);
        (total > 0).then(|| line(done, total, self.watch.failures(), self.since.elapsed()))
    }
}

fn line(done: u64, total: u64, failed: u64, elapsed: Duration) -> String {
    let remaining = total.saturating_sub(done);
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    let left = match done {
        0 => "time left unknown".to_owned(),
        _ => format!("about {} left", duration(remaining as f64 / rate)),
    };
    format!(
        "{done} of {total} done, {remaining} remaining, {failed} failed, {:.1} a minute, {left}",
        rate * 60.0
    )
}

/// A time in words.
fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 5400.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

impl Progress for Watched<'_> {
    fn begin(&self, step: &str, total: Option<u64>) {
        self.total.store(total.unwrap_or(0), Ordering::Relaxed);
        if let Ok(mut known) = self.step.lock() {
            step.clone_into(&mut known);
        }
        self.console.progress().begin(step, total);
    }

    fn advance(&self, step: &str, done: u64) {
        self.done.fetch_max(done, Ordering::Relaxed);
        self.console.progress().advance(step, done);
    }

    fn end(&self, step: &str) {
        self.console.progress().end(step);
    }

    fn debug(&self, line: &str) {
        self.console.progress().debug(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_the_work_is() {
        let minute = Duration::from_secs(60);
        let expected = "30 of 120 done, 90 remaining, 2 failed, 30.0 a minute, about 3 min left";
        assert_eq!(line(30, 120, 2, minute), expected);
        assert_eq!(
            line(0, 5, 0, minute),
            "0 of 5 done, 5 remaining, 0 failed, 0.0 a minute, time left unknown"
        );
        assert_eq!(duration(7300.0), "2.0 h");
    }
}
