use std::collections::HashMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use profile::Progress;

use super::Lines;
use super::escape::escaped;

/// Shows steps that take longer than half a second as bars, only on a terminal; with `-v` it prints log lines.
pub struct Bar {
    bars: MultiProgress,
    steps: Mutex<HashMap<String, Step>>,
    visible: bool,
    telling: bool,
}

struct Step {
    bar: ProgressBar,
    since: Instant,
    shown: bool,
}

/// How long a step may take before it gets a bar.
const PATIENCE: Duration = Duration::from_millis(500);

impl Bar {
    /// `visible` if bars are useful (a terminal, not quiet), `telling` if log lines are wanted.
    pub fn new(visible: bool, telling: bool) -> Self {
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), steps: Mutex::default(), visible, telling }
    }

    /// A line on standard error, above the bars, with escaped text.
    pub fn line(&self, line: &str) {
        self.raw(&escaped(line));
    }

    /// Several lines on standard error.
    pub fn lines(&self, lines: &Lines) {
        lines.text().lines().for_each(|line| self.raw(line));
    }

    /// A line with one of our words between two texts, in bold and in this terminal colour.
    pub fn coloured(&self, before: &str, word: &str, colour: u8, after: &str) {
        let (before, word, after) = (escaped(before), escaped(word), escaped(after));
        self.raw(&format!("{before}\u{1b}[1;{colour}m{word}\u{1b}[0m{after}"));
    }

    /// A line that has been escaped. A closed standard error is ignored.
    fn raw(&self, line: &str) {
        if !self.visible || self.bars.println(line).is_err() {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    /// Whether bars are shown.
    pub fn is_visible(&self) -> bool {
        self.visible
    }

    /// Says more of a step beside its bar.
    pub fn describe(&self, step: &str, text: &str) {
        if let Some(known) = self.steps().get(step) {
            known.bar.set_message(format!("{}: {}", escaped(step), escaped(text)));
        }
    }

    fn steps(&self) -> MutexGuard<'_, HashMap<String, Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Bar {
    fn begin(&self, step: &str, total: Option<u64>) {
        if !self.visible {
            return;
        }
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        let template = if total.is_some() { "  {msg} {percent}% {bar:30}" } else { "  {msg} {human_pos}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(escaped(step).into_owned());
        self.steps().insert(step.to_owned(), Step { bar, since: Instant::now(), shown: false });
    }

    fn advance(&self, step: &str, done: u64) {
        let mut steps = self.steps();
        let Some(step) = steps.get_mut(step) else { return };
        if !step.shown && step.since.elapsed() > PATIENCE {
            step.shown = true;
            step.bar = self.bars.add(step.bar.clone());
        }
        if step.shown {
            step.bar.set_position(done);
        }
    }

    fn end(&self, step: &str) {
        if let Some(step) = self.steps().remove(step)
            && step.shown
        {
            step.bar.finish_and_clear();
        }
    }

    fn debug(&self, line: &str) {
        if self.telling {
            self.line(line);
        }
    }
}
