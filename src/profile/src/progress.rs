/// The observer of long work. The command line shows it; libraries only report.
///
/// Every method has a default that does nothing, so an observer implements only what it needs.
pub trait Progress: Send + Sync {
    /// A step of the work begins ("Extracting OMAP Information"). `total` is in the step's own units (bytes,
    /// records), if it is known.
    fn begin(&self, step: &str, total: Option<u64>) {
        let _ = (step, total);
    }

    /// This step has done `done` units.
    fn advance(&self, step: &str, done: u64) {
        let _ = (step, done);
    }

    /// This step is over.
    fn end(&self, step: &str) {
        let _ = step;
    }

    /// A log line (shown with `-v`): what was opened, tried, found.
    fn debug(&self, line: &str) {
        let _ = line;
    }
}

/// An observer that shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}
