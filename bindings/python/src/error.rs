//! Errors of the library as exceptions: this is the one place where they are turned into them.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;

pyo3::create_exception!(
    rekall_profile,
    Error,
    PyException,
    "A file, a repository or an image that cannot be used."
);
pyo3::create_exception!(
    rekall_profile,
    NotFound,
    Error,
    "A name that a profile or a repository does not have."
);

/// An error of the library as an exception, with everything that caused it in its text.
pub fn raised(error: impl Into<rekall_profile::Error>) -> PyErr {
    use rekall_profile::repository::Error as Unfound;
    let error = error.into();
    let bare = match &error {
        rekall_profile::Error::File { source, .. } => source.as_ref(),
        error => error,
    };
    let absent = matches!(
        bare,
        rekall_profile::Error::Lacking { .. } | rekall_profile::Error::Repository(Unfound::NotFound { .. })
    );
    let text = words(&error);
    if absent { NotFound::new_err(text) } else { Error::new_err(text) }
}

/// An error and what caused it, each part once.
pub fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
