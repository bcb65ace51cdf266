use std::io;
use std::process::ExitCode;

use crate::console::{NoProfile, StandardOutput};

/// How a command ended that could do its work; what it could not do is an error (exit code 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Exit code 0.
    Success,
    /// Exit code 1: no match, a failed verdict, some items of a batch failed, differences found, or losses
    /// where `--strict` forbids them.
    Negative,
}

impl Outcome {
    /// Success where `good` holds.
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

/// Whether whoever reads our standard output, or the pipe that we write to, stopped reading, which is not an error.
pub fn is_closed_output(error: &anyhow::Error) -> bool {
    let standard = error.downcast_ref::<StandardOutput>().map(|StandardOutput(error)| error);
    let through = error.downcast_ref::<WrittenThrough>().map(|WrittenThrough(error)| error);
    standard.or(through).is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Whether the system refused something, which the sandbox may be the reason for.
pub fn is_refused(error: &anyhow::Error) -> bool {
    let kind =
        |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<io::Error>().map(io::Error::kind);
    error.chain().any(|cause| kind(cause) == Some(io::ErrorKind::PermissionDenied))
}

/// The profile that the user named is not of the kernel in the image: an answer (exit code 1), not a failure.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AnotherKernel(pub String);

/// Whether what was asked for is nowhere, or is of another kernel: an answer (exit code 1), not a failure.
pub fn is_not_found(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<repository::Error>(), Some(repository::Error::NotFound { .. }))
        || error.downcast_ref::<AnotherKernel>().is_some()
        || error.downcast_ref::<NoProfile>().is_some()
}
