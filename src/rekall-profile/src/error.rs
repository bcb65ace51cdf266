use std::io;
use std::path::{Path, PathBuf};

/// Why something could not be read, made, found or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The profile cannot be read.
    #[error(transparent)]
    Profile(#[from] profile::ReadError),
    /// The source gives no profile.
    #[error(transparent)]
    Convert(#[from] converters::Error),
    /// What went wrong with a file that was opened by its name.
    #[error("{}", located(place, source))]
    File {
        /// The file.
        place: String,
        /// What went wrong.
        source: Box<Error>,
    },
    /// The image cannot be opened, or is not a memory image.
    #[error("{place}: {source}")]
    Image {
        /// The file.
        place: String,
        /// Why.
        #[source]
        source: ::image::Error,
    },
    /// The profile's kernel is not in the image, or cannot be followed there.
    #[error(transparent)]
    Analysis(#[from] analyzer::Error),
    /// The image names another build than the profile.
    #[error("the profile is of another build: the image names {image}, the profile {profile}")]
    AnotherBuild {
        /// The build that the profile names.
        profile: String,
        /// The build that the image names.
        image: String,
    },
    /// A repository cannot be opened or asked, or does not have the profile.
    #[error(transparent)]
    Repository(#[from] repository::Error),
    /// The profile has no struct, member, enumeration or symbol of this name.
    #[error("the profile has no {what}{}", alternatives(similar))]
    Lacking {
        /// What was looked for, with its kind.
        what: String,
        /// Names in the profile that are like it.
        similar: Vec<String>,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// The error, with the file that it came from.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::File { place: path.display().to_string(), source: Box::new(self) }
    }
}

/// An error with the file that it came from, unless it names the file itself.
fn located(place: &str, error: &Error) -> String {
    let text = error.to_string();
    if text.contains(place) { text } else { format!("{place}: {text}") }
}

fn alternatives(similar: &[String]) -> String {
    if similar.is_empty() { String::new() } else { format!("; there is {}", similar.join(", ")) }
}
