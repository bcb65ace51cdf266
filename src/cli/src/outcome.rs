use std::io;
use std::process::ExitCode;

use crate::console::{NoProfile, StandardOutput};

/// The result of a command that did its work; a command that could not returns an error (exit code 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Exit code 0.
    Success,
    /// Exit code 1: no match, a failed verdict, some items of a batch failed, differences found, or losses if
    /// `--strict` forbids them.
    Negative,
}

impl Outcome {
    /// Success if `good` is true.
    pub fn from_good(good: bool) -> Self {
        if good { Outcome::Success } else { Outcome::Negative }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => ExitCode::SUCCESS,
            Outcome::Negative => ExitCode::from(1),
        }
    }
}

/// Marks a failure to write to a pipe, device or socket that the user named as the output.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct WrittenThrough(pub io::Error);

/// Whether the reader of our standard output or pipe stopped reading, which is not an error.
pub fn is_closed_output(error: &anyhow::Error) -> bool {
    let standard = error.downcast_ref::<StandardOutput>().map(|StandardOutput(error)| error);
    let through = error.downcast_ref::<WrittenThrough>().map(|WrittenThrough(error)| error);
    standard.or(through).is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Whether the system refused an operation, possibly because of the sandbox.
pub fn is_refused(error: &anyhow::Error) -> bool {
    let kind =
        |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<io::Error>().map(io::Error::kind);
    error.chain().any(|cause| kind(cause) == Some(io::ErrorKind::PermissionDenied))
}

/// The given profile does not belong to the kernel in the image: a negative result (exit code 1), not a failure.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AnotherKernel(pub String);

/// Whether the requested object does not exist, or belongs to another kernel: a negative result (exit code 1), not a
/// failure.
pub fn is_not_found(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<repository::Error>(), Some(repository::Error::NotFound { .. }))
        || error.downcast_ref::<AnotherKernel>().is_some()
        || error.downcast_ref::<NoProfile>().is_some()
}
