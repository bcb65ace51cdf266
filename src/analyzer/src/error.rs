use profile::ReadError;

/// Why something could not be read from an image, or not be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that the image does not hold, or that no page table leads to.
    #[error("{length} bytes at {address:#x} are {}", if *mapped { "not in the image" } else { "not mapped" })]
    Unreadable {
        /// The address, virtual or physical as the space it was read from.
        address: u64,
        /// How many bytes were wanted.
        length: u64,
        /// Whether something is mapped there, which the image then does not hold.
        mapped: bool,
    },
    /// The profile has no such member or symbol.
    #[error("the profile has no {what}")]
    Lacking {
        /// The struct, member or symbol; alternatives are joined by "or".
        what: String,
    },
    /// A member is of another kind than its use asks for.
    #[error("{what}: expected {expected} in the profile, found {found}")]
    Kind {
        /// The member.
        what: String,
        /// What was expected.
        expected: &'static str,
        /// What the profile says.
        found: String,
    },
    /// A list in memory is broken.
    #[error("{list}: {problem} at {address:#x}, after {entries} entries")]
    List {
        /// The list's head, by symbol or member.
        list: String,
        /// What is wrong.
        problem: String,
        /// Where.
        address: u64,
        /// How many entries were read before.
        entries: usize,
        /// Whether it leads on to memory that the image does not hold: then it may be whole.
        absent: bool,
    },
    /// No kernel that fits the profile was found.
    #[error("no kernel that fits the profile was found in the image: {}", tried.join("; "))]
    NoKernel {
        /// What was tried, each with what was found instead.
        tried: Vec<String>,
        /// The build that the kernel in the image names, if it is another one than the profile's.
        another: Option<String>,
    },
    /// The analysis does not know this system or processor.
    #[error("{what} is not supported, expected {expected}")]
    Unsupported {
        /// What the profile or image is of.
        what: String,
        /// What would do.
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
    /// What was tried, each with what was found instead.
    pub(crate) tried: Vec<String>,
    /// Whether there is a kernel, which then is not the profile's; else the image may lack what leads to it.
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
    /// Whether memory that the image does not hold is all that stood in the way.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Unreadable { mapped: true, .. } | Self::List { absent: true, .. })
    }
}
