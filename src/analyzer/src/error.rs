use profile::ReadError;

/// Why something could not be read from an image or interpreted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The image does not contain these bytes, or no page table leads to them.
    #[error("{length} bytes at {address:#x} are {}", if *mapped { "not in the image" } else { "not mapped" })]
    Unreadable {
        /// The address, virtual or physical according to the space.
        address: u64,
        /// The number of bytes.
        length: u64,
        /// Whether the address is mapped, but the memory is missing in the image.
        mapped: bool,
    },
    /// The profile has no such member or symbol.
    #[error("the profile has no {what}")]
    Lacking {
        /// The struct, member or symbol; alternatives are joined by "or".
        what: String,
    },
    /// A member has another type than its use requires.
    #[error("{what}: expected {expected} in the profile, found {found}")]
    Kind {
        /// The member.
        what: String,
        /// What was expected.
        expected: &'static str,
        /// The type in the profile.
        found: String,
    },
    /// A list in memory is broken.
    #[error("{list}: {problem} at {address:#x}, after {entries} entries")]
    List {
        /// The list's head: a symbol or member.
        list: String,
        /// The problem.
        problem: String,
        /// Its address.
        address: u64,
        /// How many entries had been read.
        entries: usize,
        /// Whether it continues in memory that the image lacks: then it may be intact.
        absent: bool,
    },
    /// No kernel that fits the profile was found.
    #[error("no kernel that fits the profile was found in the image: {}", tried.join("; "))]
    NoKernel {
        /// What was tried, with the result of each attempt.
        tried: Vec<String>,
        /// The build that the kernel in the image names, if it is another one than the profile's.
        another: Option<String>,
    },
    /// The analysis does not support this system or processor.
    #[error("{what} is not supported, expected {expected}")]
    Unsupported {
        /// The system or processor of the profile or image.
        what: String,
        /// The supported ones.
        expected: &'static str,
    },
    /// The profile cannot be read.
    #[error(transparent)]
    Profile(#[from] ReadError),
    /// The image cannot be read.
    #[error("the image: {0}")]
    Image(#[from] image::Error),
}

/// Why a kernel was not found.
pub(crate) struct Missed {
    /// What was tried, with the result of each attempt.
    pub(crate) tried: Vec<String>,
    /// Whether there is a kernel, which then does not belong to the profile; otherwise the image may lack what leads
    /// to it.
    pub(crate) another: bool,
    /// The build that that kernel names.
    pub(crate) names: Option<String>,
}

impl From<Missed> for Error {
    fn from(Missed { tried, names, .. }: Missed) -> Self {
        Self::NoKernel { tried, another: names }
    }
}

impl Error {
    /// Whether missing memory is the only reason for the failure.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Unreadable { mapped: true, .. } | Self::List { absent: true, .. })
    }
}
