use profile::Arch;

/// Why a file gives no profile at all. A problem that affects only single records is counted in the report instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The header of the blob.
    #[error("the BTF blob of {size} bytes is damaged: {what}")]
    Header {
        /// The problem.
        what: &'static str,
        /// The size of the blob in bytes.
        size: usize,
    },
    /// A version of the format that this program does not know.
    #[error("the BTF blob has version {found}, expected version 1")]
    Version {
        /// The version stated.
        found: u8,
    },
    /// A section of the blob.
    #[error(
        "the BTF blob is damaged: the section {name} {what} (offset {offset:#x}, {length:#x} bytes, in a blob of {size:#x})"
    )]
    Section {
        /// The section.
        name: &'static str,
        /// What is wrong.
        what: &'static str,
        /// Where it begins, counted from the end of the header.
        offset: u32,
        /// How many bytes it has.
        length: u32,
        /// The size of the blob in bytes.
        size: usize,
    },
    /// A record that reaches beyond the section of types.
    #[error(
        "the BTF blob is damaged: type {id} at offset {offset:#x} takes {needed} bytes, but the section of types ends \
         after {available}"
    )]
    CutOff {
        /// The number of the type.
        id: usize,
        /// Where its record begins in the blob.
        offset: usize,
        /// How many bytes it needs.
        needed: usize,
        /// How many there are.
        available: usize,
    },
    /// A record of an unknown kind, without a layout section that gives its size.
    #[error(
        "type {id} at offset {offset:#x} of the BTF blob is of kind {kind}, which this version does not know, and the \
         blob does not say how long such a record is (pahole 1.31 and later write that with --btf_features=+layout)"
    )]
    UnknownKind {
        /// The number of the type.
        id: usize,
        /// Where its record begins in the blob.
        offset: usize,
        /// The kind.
        kind: u8,
    },
    /// The BTF of a module, without that of its kernel.
    #[error(
        "this is the BTF of a module, whose types continue those of its kernel: name the kernel's BTF or vmlinux with \
         --base FILE (of a running system, /sys/kernel/btf/vmlinux)"
    )]
    NoBase,
    /// The BTF of a module, with that of another kernel.
    #[error(
        "the base belongs to another build: of {checked} names and types that the module takes from it {wrong} are not \
         there; --base has to name the kernel that the module was built for"
    )]
    OtherBase {
        /// How many were looked at.
        checked: u64,
        /// How many of them are not in the base.
        wrong: u64,
    },
    /// A base that is not needed.
    #[error("--base is for the BTF of a module, and this BTF stands alone; leave it out")]
    UnusedBase,
    /// A blob and a base with different byte orders.
    #[error("the BTF is {} and its base is {}", order(*.blob), order(!*.blob))]
    ByteOrder {
        /// Whether the blob is big-endian.
        blob: bool,
    },
    /// An ELF file without BTF.
    #[error("the ELF file has no .BTF section{hint}")]
    NoBtf {
        /// The next step.
        hint: &'static str,
    },
    /// The requested architecture is not that of the types.
    #[error("the BTF is for {stated} (by {by}), not for {asked}: leave out --arch")]
    OtherArchitecture {
        /// The requested architecture.
        asked: Arch,
        /// The architecture of the BTF, or what is known about it.
        stated: String,
        /// The evidence for it.
        by: &'static str,
    },
    /// A core file: memory, not debug information.
    #[error("expected a BTF blob or an ELF file with a .BTF section, found an ELF core file: a memory image")]
    Core,
    /// The ELF file's own tables are damaged.
    #[error("the ELF file is damaged: {reason}")]
    Elf {
        /// What is wrong, as the reader of ELF puts it.
        reason: String,
    },
    /// A section of the ELF file cannot be unpacked.
    #[error("section {name}: {limit}")]
    Limit {
        /// The section.
        name: &'static str,
        /// The limit and what was found.
        limit: profile::UnpackLimitError,
    },
    /// The symbol map gives no symbols of this build.
    #[error(transparent)]
    Map(#[from] maps::MapError),
    /// The symbol map of another kernel.
    #[error(
        "the symbol map belongs to another build: {}of {} variables that the BTF and the map share {elsewhere} lie \
         elsewhere; take the map of exactly this build",
        lengths(*.map, *.blob), .agree + .elsewhere
    )]
    MapOfOtherBuild {
        /// The size of the BTF of the map's kernel, if the map gives it (`__start_BTF` and `__stop_BTF`).
        map: Option<u64>,
        /// The size of the blob.
        blob: u64,
        /// How many variables have the address of their symbol.
        agree: u64,
        /// How many have another address.
        elsewhere: u64,
    },
    /// Something is wrong with the base.
    #[error("--base: {0}")]
    Base(#[source] Box<Error>),
}

fn lengths(map: Option<u64>, blob: u64) -> String {
    map.filter(|map| *map != blob).map_or_else(String::new, |map| {
        format!("by the map its kernel's BTF has {map} bytes, and this BTF has {blob}; ")
    })
}

fn order(big_endian: bool) -> &'static str {
    if big_endian { "big-endian" } else { "little-endian" }
}
