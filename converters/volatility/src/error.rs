use std::io;

use formats::WrongKind;

use crate::vtypes::Found;

/// Why a pack gave no profile. Members have their names in the pack; lines and columns count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file or folder could not be opened.
    #[error("cannot open {path}")]
    Open {
        /// Its path.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file is neither a pack nor a file that belongs into one.
    #[error("{path}: {wrong}")]
    WrongKind {
        /// Its path.
        path: String,
        /// What it is instead.
        wrong: WrongKind,
    },
    /// A zip archive whose directory cannot be read.
    #[error("{path}: the archive is damaged ({reason})")]
    DamagedArchive {
        /// Its path.
        path: String,
        /// The problem.
        reason: String,
    },
    /// The pack holds nothing with types.
    #[error(
        "no types: the pack holds {found}, expected a dump (*.dwarf), vtypes (*.vtypes, *.py) or a kernel module (*.ko)"
    )]
    NoTypeSource {
        /// The members in the pack.
        found: String,
    },
    /// A member could not be read.
    #[error("member '{member}': {reason}")]
    Member {
        /// Its name in the pack.
        member: String,
        /// The problem.
        reason: String,
    },
    /// The dump's dialect is unknown.
    #[error(
        "member '{member}' is not a known dump of DWARF: its first line is '{first_line}', expected the text of \
         libdwarf's dwarfdump (-di), llvm-dwarfdump, Darwin's dwarfdump or readelf --debug-dump=info"
    )]
    UnknownDialect {
        /// The member.
        member: String,
        /// Its first line that is not blank.
        first_line: String,
    },
    /// The dump was read but holds no definitions.
    #[error(
        "member '{member}' ({dialect}) holds no struct: {entries} entries were read, none of them defines one"
    )]
    NoTypes {
        /// The member.
        member: String,
        /// Its dialect.
        dialect: String,
        /// The number of its entries.
        entries: u64,
    },
    /// All strings in the dump are the same.
    #[error(
        "member '{member}', line {line}: the names are destroyed: two different base types of one unit are both \
         called '{name}'. The dump was made from a file whose strings had not been relocated; it has to be made \
         again with a newer dwarfdump"
    )]
    NamesDestroyed {
        /// The member.
        member: String,
        /// The line of the second one.
        line: u64,
        /// The name of both.
        name: String,
    },
    /// A file of vtypes contains something other than literals.
    #[error("member '{member}', line {line}, column {column}: expected {expected}, found {found}")]
    NotLiteral {
        /// The member.
        member: String,
        /// The line.
        line: u64,
        /// The column, in bytes.
        column: u64,
        /// What is allowed there.
        expected: &'static str,
        /// What was found.
        found: Found,
    },
    /// The kernel module does not give types.
    #[error("member '{member}'")]
    Module {
        /// The member.
        member: String,
        /// The cause.
        #[source]
        source: dwarf_converter::Error,
    },
    /// `--compat rekall` was requested for a pack of which Rekall itself made no profile.
    #[error("there is no text of Rekall's to be compatible with: {reason}")]
    NoLegacyText {
        /// Where Rekall's converter stops.
        reason: String,
    },
    /// The profile could not be written.
    #[error("cannot write the profile")]
    Write(#[source] io::Error),
}
