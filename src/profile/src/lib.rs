#![doc = "The profile."]
mod file;
mod guid_age;
mod progress;
mod report;

pub use file::{AtomicFile, MappedFile};
pub use guid_age::{GuidAge, GuidAgeError};
pub use progress::{Progress, Silent};
pub use report::{Report, Tally};
