use formats::WrongKind;
use profile::Arch;

/// Why a file gives no profile at all. A problem that affects only single units or records is counted in the report
/// instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is of another kind.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// The container's own tables are damaged.
    #[error("the {format} file is damaged: {reason}")]
    Container {
        /// ELF or Mach-O.
        format: &'static str,
        /// The message of the library that reads this format.
        reason: String,
    },
    /// The processor is not supported in profiles.
    #[error("the file is for a processor that profiles do not support: {0}")]
    Architecture(String),
    /// The architecture asked for is not that of the file.
    #[error("the file is for {stated} (by its header), not for {asked}: leave out --arch")]
    OtherArchitecture {
        /// The architecture asked for.
        asked: Arch,
        /// The one that the file's header states.
        stated: Arch,
    },
    /// A fat file with several slices.
    #[error("the file holds several architectures ({0}): choose one with --arch")]
    Slices(String),
    /// A fat file without the requested slice.
    #[error("expected a slice for {wanted}, found {found}")]
    NoSlice {
        /// The requested architecture.
        wanted: String,
        /// The architectures in the file.
        found: String,
    },
    /// The section for types is empty or missing.
    #[error("no debug information: the section .debug_info is empty or missing")]
    NoDebugInfo,
    /// A section cannot be read.
    #[error("section {name} cannot be read: {reason}")]
    Section {
        /// Its name.
        name: String,
        /// The reason.
        reason: String,
    },
    /// The compressed sections unpack to more than the process allows.
    #[error("section {name}: {limit}")]
    Limit {
        /// The section that exceeded the limit.
        name: String,
        /// The limit and what was found.
        limit: profile::UnpackLimitError,
    },
    /// The tables of sections, notes or symbols describe the same bytes many times.
    #[error(
        "the file is damaged: its tables describe {named} bytes in a file of {file} bytes, \
         expected them to overlap only a little"
    )]
    Repeated {
        /// How many bytes they describe, at least.
        named: u64,
        /// The size of the file in bytes.
        file: u64,
    },
    /// No unit could be read.
    #[error("nothing in .debug_info can be read: {reason}")]
    Unreadable {
        /// The problem in the first unit.
        reason: String,
    },
    /// The symbol map gives no symbols of this build.
    #[error(transparent)]
    Map(#[from] maps::MapError),
}
