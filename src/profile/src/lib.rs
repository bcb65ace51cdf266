//! The profile of one operating system build: what its structs look like and where its symbols are.
//!
//! Start here: a front-end makes a [`Profile`], a [`Resolution`] settles its names, [`write_text`] prints it.
//!
//! - **Model.** [`Profile`] holds [`Names`] (every text once), [`Types`] (records, enumerations and the types
//!   between them, as the source defines them) and the symbols.
//! - **Decisions.** [`Resolution`] is the one place where unnamed types, duplicates and conflicts are settled;
//!   [`choose_symbols`] and [`number_by_address`] do the same for symbols, [`StorageUnit`] for bit-fields,
//!   [`Profile::c_native`] for the names of C's base types.
//! - **Text.** [`write_text`] prints the canonical form, sorted and streamed; [`GzipWriter`] packs it, [`inflate`] unpacks.
//!   [`read_file`] reads a profile of any age and form back, and Volatility 3's tables (ISF); [`Foreign`] names files that are none;
//!   [`Text`] looks single entries up without reading the rest, [`Table`] those of an ISF table.
//! - **Other programs.** [`write_form`] prints the forms of Volatility 3, LibVMI and DRAKVUF, whole or a
//!   [`Selection`]; [`XzWriter`] packs where Volatility looks for xz.
//! - **References.** [`merge`] lays the profiles of `$MERGE` over one, [`follow_symlinks`] follows symlinks.
//! - **Judgement.** [`Health`] says whether a profile holds what its readers look up, [`obstacles`] whether
//!   they can use the file it stands in, [`compare`] whether
//!   two of one build agree.
//! - **Around it.** [`Report`] counts what could not be carried over, [`Progress`] is told how far work has
//!   come, [`UnpackLimits`] bound what packed input may become, [`MappedFile`], [`OutputFile`] and [`AtomicFile`] are how
//!   files are read and written, [`GuidAge`] names a build.
//!
//! This crate knows no debug format, no file layout of a repository and no network.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod arch;
mod bits;
mod choice;
mod companion;
mod compare;
mod export;
mod file;
mod foreign;
mod guard;
mod guid_age;
mod gzip;
mod health;
mod isf;
mod json;
mod layout;
mod limits;
mod listing;
mod lookup;
mod merge;
mod name;
mod natives;
mod needs;
mod obstacles;
mod plain;
mod profile;
mod progress;
mod reader;
mod report;
mod resolution;
mod shrunk;
mod symbols;
mod types;
mod vocabulary;
mod writer;
mod xz;

pub use arch::{Arch, ArchError};
pub use bits::{BitRange, StorageUnit};
pub use choice::{Choice, ChoiceOption};
pub use companion::{CompanionFolders, LARGEST_COMPANION, is_refusal, open_regular};
pub use compare::{Comparison, Difference, Settled, compare};
pub use export::{Addresses, Compat, Form, Format, Selection, add_well_known_types, write_form};
pub use file::{AtomicFile, FileId, MappedFile, OutputFile, abandon_temporaries, open_input};
pub use foreign::Foreign;
pub use guard::{guarded, is_guarded};
pub use guid_age::{GuidAge, GuidAgeError};
pub use gzip::{Effort, GzipWriter, InflateError, inflate};
pub use health::{Health, Missing, Scope, Verdict, member_offset};
pub use isf::{Table, banner_symbol, table_path};
pub use limits::{Metered, UnpackLimitError, UnpackLimits, UnpackMeter};
pub use listing::write_listing;
pub use lookup::{Structure, Symbol, Text};
pub use merge::{MergeError, follow_symlinks, merge};
pub use name::{Name, Names};
pub use needs::Consumer;
pub use obstacles::{FileForm, Obstacle, obstacles};
pub use profile::{Profile, System};
pub use progress::{Progress, Silent};
pub use reader::identity::pdb_class;
pub use reader::{JsonPlace, MAX_TEXT, ReadError, read_file, read_profile, read_text, unpack};
pub use report::{Report, Tally};
pub use resolution::{Ambiguity, Conflict, Resolution};
pub use shrunk::report_shrunken_files;
pub use symbols::{Binding, Claim, NamedSymbol, choose_symbols, number_by_address};
pub use types::{
    Arguments, EnumId, Enumeration, Label, Member, Native, NativeId, NativeKind, NewMember, Record, RecordId,
    RecordKind, Type, TypeId, Types,
};
pub use writer::write_text;
pub use xz::XzWriter;
