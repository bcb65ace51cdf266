use std::io;

use formats::WrongKind;

use crate::vtypes::Found;

/// Why a pack gave no profile. Members are named as the pack names them, lines and columns count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file or folder could not be opened.
    #[error("cannot open {path}")]
    Open {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is neither a pack nor one of those that a pack is made of.
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
        /// What is wrong with it.
        reason: String,
    },
    /// The pack holds nothing that types could come from.
    #[error(
        "no types: the pack holds {found}, expected a dump (*.dwarf), vtypes (*.vtypes, *.py) or a kernel module (*.ko)"
    )]
    NoTypeSource {
        /// The members there are.
        found: String,
    },
    /// A member could not be read.
    #[error("member '{member}': {reason}")]
    Member {
        /// Its name in the pack.
        member: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No dialect of dump that is known here.
    #[error(
        "member '{member}' is no dump of DWARF known here: its first line is '{first_line}', expected the text of \
         libdwarf's dwarfdump (-di), llvm-dwarfdump, Darwin's dwarfdump or readelf --debug-dump=info"
    )]
    UnknownDialect {
        /// The member.
        member: String,
        /// Its first line that is not blank.
        first_line: String,
    },
    /// The dump was understood, yet holds no definition.
    #[error(
        "member '{member}' ({dialect}) holds no struct: {entries} entries were read, none of them defines one"
    )]
    NoTypes {
        /// The member.
        member: String,
        /// The dialect it is in.
        dialect: String,
        /// How many entries it has.
        entries: u64,
    },
    /// The strings of the dump are all the same.
    #[error(
        "member '{member}', line {line}: the names are destroyed: two different base types of one unit are both \
         called '{name}'. The dump was made from a file whose strings had not been relocated; it has to be made \
         again with a newer dwarfdump"
    )]
    NamesDestroyed {
        /// The member.
        member: String,
        /// The line of the second of them.
        line: u64,
        /// What they are called.
        name: String,
    },
    /// A file of vtypes holds something else than literals.
    #[error("member '{member}', line {line}, column {column}: expected {expected}, found {found}")]
    NotLiteral {
        /// The member.
        member: String,
        /// The line.
        line: u64,
        /// The column, in bytes.
        column: u64,
        /// What may stand there.
        expected: &'static str,
        /// What does.
        found: Found,
    },
    /// The kernel module gave no types.
    #[error("member '{member}'")]
    Module {
        /// The member.
        member: String,
        /// Why.
        #[source]
        source: dwarf_converter::Error,
    },
    /// `--compat rekall` was asked of a pack for which Rekall itself made no profile.
    #[error("there is no text of Rekall's to be compatible with: {reason}")]
    NoLegacyText {
        /// Where Rekall's converter stops.
        reason: String,
    },
    /// The profile could not be written.
    #[error("cannot write the profile")]
    Write(#[source] io::Error),
}
