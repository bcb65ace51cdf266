use formats::WrongKind;
use profile::Arch;

/// Why a file gives no profile at all. What costs single records only is counted in the report instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another kind of file.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// The file ends before its last page.
    #[error(
        "expected a whole PDB, found a PDB that is cut short: its header counts {pages} pages of {page_size} bytes ({expected} bytes), the file has {found}; fetch it again"
    )]
    Cut {
        /// How many pages the header counts.
        pages: u32,
        /// The size of a page in bytes.
        page_size: u32,
        /// The bytes these make.
        expected: u64,
        /// The bytes there are.
        found: u64,
    },
    /// A header field holds what it cannot hold.
    #[error("{place} at byte {offset}: expected {expected}, found {found}")]
    Header {
        /// Which header.
        place: &'static str,
        /// Where in it, in bytes from its start.
        offset: u64,
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A stream without which there is no profile cannot be read.
    #[error("stream {number} ({name}) cannot be read: {reason}")]
    Stream {
        /// The stream's number.
        number: u16,
        /// What it holds.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// The architecture asked for is not that of the file.
    #[error(
        "the PDB is for {stated} (machine field {machine:#06x}), not for {asked}: leave the architecture out"
    )]
    OtherArchitecture {
        /// The architecture asked for.
        asked: Arch,
        /// What the file states.
        stated: Arch,
        /// The machine field of the DBI stream's header.
        machine: u16,
    },
    /// Nothing in the file tells which processor it is for.
    #[error(
        "nothing in the PDB tells its architecture (machine field {machine:#06x}, no compile records, pointers or decorated symbols): name it, for example I386 or AMD64"
    )]
    Architecture {
        /// The machine field of the DBI stream's header.
        machine: u16,
    },
}
