use formats::WrongKind;
use profile::Arch;

/// Why a file gives no profile at all. A problem that affects only single records is counted in the report instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is of another kind.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// The file ends before its last page.
    #[error(
        "expected a whole PDB, found a PDB that is cut short: its header gives {pages} pages of {page_size} bytes ({expected} bytes), the file has {found}; fetch it again"
    )]
    Cut {
        /// The number of pages in the header.
        pages: u32,
        /// The size of a page in bytes.
        page_size: u32,
        /// Their total size in bytes.
        expected: u64,
        /// The size of the file in bytes.
        found: u64,
    },
    /// A header field has a value that is not allowed.
    #[error("{place} at byte {offset}: expected {expected}, found {found}")]
    Header {
        /// The header.
        place: &'static str,
        /// The offset of the field from the start of the header, in bytes.
        offset: u64,
        /// The values that are allowed.
        expected: &'static str,
        /// The value that was found.
        found: String,
    },
    /// A stream that is required for a profile cannot be read.
    #[error("stream {number} ({name}) cannot be read: {reason}")]
    Stream {
        /// The stream's number.
        number: u16,
        /// The name of the stream.
        name: &'static str,
        /// The reason.
        reason: String,
    },
    /// The requested architecture is not that of the file.
    #[error("the PDB is for {stated} ({by}), not for {asked}: leave the architecture out")]
    OtherArchitecture {
        /// The requested architecture.
        asked: Arch,
        /// The architecture in the file.
        stated: Arch,
        /// What states it, in words.
        by: String,
    },
    /// Nothing in the file shows which processor it is for.
    #[error(
        "nothing in the PDB gives its architecture (machine field {machine:#06x}, no compile records, pointers or decorated symbols): name it, for example I386 or AMD64"
    )]
    Architecture {
        /// The machine field of the DBI stream's header.
        machine: u16,
    },
}
