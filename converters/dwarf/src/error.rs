use formats::WrongKind;

/// Why a file gives no profile at all. What costs single units or records only is counted in the report
/// instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another kind of file.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// The container's own tables are damaged.
    #[error("the {format} file is damaged: {reason}")]
    Container {
        /// ELF or Mach-O.
        format: &'static str,
        /// What is wrong, as the reader of that format puts it.
        reason: String,
    },
    /// A processor no profile was made for yet.
    #[error("the file is for a processor that no profile names: {0}")]
    Architecture(String),
    /// A fat file with several slices.
    #[error("the file holds several architectures ({0}): choose one with --arch")]
    Slices(String),
    /// A fat file without the slice wanted.
    #[error("expected a slice for {wanted}, found {found}")]
    NoSlice {
        /// The architecture asked for.
        wanted: String,
        /// Those there are.
        found: String,
    },
    /// There is a place for types, and there are none.
    #[error("no debug information: the section .debug_info is empty or missing")]
    NoDebugInfo,
    /// A section cannot be read.
    #[error("section {name} cannot be read: {reason}")]
    Section {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The compressed sections grow beyond what the process allows.
    #[error("section {name}: {limit}")]
    Limit {
        /// The section that was to be unpacked when the limit was reached.
        name: String,
        /// The limit and what was found.
        limit: profile::UnpackLimitError,
    },
    /// The tables of sections, notes or symbols name the same bytes again and again.
    #[error(
        "the file is damaged: its tables name {named} bytes in a file of {file}, \
         expected next to no byte to be named twice"
    )]
    Repeated {
        /// How many bytes they name, at least.
        named: u64,
        /// The size of the file in bytes.
        file: u64,
    },
    /// Not one unit could be read.
    #[error("nothing in .debug_info can be read: {reason}")]
    Unreadable {
        /// What is wrong with the first unit.
        reason: String,
    },
    /// The symbol map gives no symbols of this build.
    #[error(transparent)]
    Map(#[from] maps::MapError),
}
