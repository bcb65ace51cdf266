/// Who is told how far long work has come. The command line shows it; libraries only speak.
///
/// Every method has a default that does nothing, so an observer takes what it needs.
pub trait Progress: Send + Sync {
    /// A step of the work begins ("Extracting OMAP Information"); `total` is in the step's own units
    /// (bytes, records), where it is known.
    fn begin(&self, step: &str, total: Option<u64>) {
        let _ = (step, total);
    }

    /// The step named stands at `done` units.
    fn advance(&self, step: &str, done: u64) {
        let _ = (step, done);
    }

    /// The step named is over.
    fn end(&self, step: &str) {
        let _ = step;
    }

    /// A line of the story (shown with `-v`): what was opened, tried, found.
    fn tell(&self, line: &str) {
        let _ = line;
    }
}

/// An observer that shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}
