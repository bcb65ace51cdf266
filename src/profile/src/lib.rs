//! The profile of one operating system build: the layout of its types and the addresses of its symbols.
//!
//! Start here: a front-end makes a [`Profile`], a [`Resolution`] settles its names, [`write_text`] prints it.
//!
//! - **Model.** [`Profile`] holds [`Names`] (every text once), [`Types`] (records, enumerations and the types
//!   between them, as the source defines them) and the symbols.
//! - **Decisions.** [`Resolution`] is the only place where unnamed types, duplicates and conflicts are settled.
//!   [`choose_symbols`] and [`number_by_address`] do the same for symbols, [`StorageUnit`] for bit-fields, and
//!   [`Profile::c_native`] for the names of C's base types.
//! - **Text.** [`write_text`] prints the canonical form, sorted and streamed; [`GzipWriter`] compresses it, and
//!   [`inflate`] decompresses. [`read_file`] reads profiles of any age and form, and Volatility 3's tables (ISF);
//!   another kind of file gives [`ReadError::WrongKind`]. [`Text`] looks up single entries without reading the rest,
//!   and [`Table`] does so in an ISF table.
//! - **Other programs.** [`write_form`] prints the forms of Volatility 3, LibVMI and DRAKVUF, complete or a
//!   [`Selection`]; [`XzWriter`] compresses tables for Volatility.
//! - **References.** [`merge`] applies the profiles of `$MERGE`, and [`follow_symlinks`] follows symlinks.
//! - **Judgement.** [`Health`] says whether a profile holds what its readers look up, [`obstacles`] says why a reader
//!   cannot use the file, and [`compare`] finds the differences between two profiles of one build.
//! - **Around it.** [`Report`] counts losses, [`Progress`] is told about the progress of work, and [`UnpackLimits`]
//!   limit the size of decompressed input. [`MappedFile`], [`OutputFile`] and [`AtomicFile`] read and write files,
//!   and [`GuidAge`] identifies a build. [`is_unprintable`] tells which characters untrusted text may not contain.
//!
//! This crate knows no debug format, no file layout of a repository and no network.
//!
//! ```
//! use profile::{Arch, NewMember, Profile, RecordKind, Report, Resolution, System, Text, Type, write_text};
//!
//! // What a front-end does: struct list_head { struct list_head *next, *prev; } of an x86-64 kernel.
//! let mut profile = Profile::new(System::Linux, Arch::Amd64);
//! let [head, next, prev] = ["list_head", "next", "prev"].map(|name| profile.intern(name));
//! let target = profile.types.add(Type::Named(head));
//! let ty = profile.types.add(Type::Pointer { target, size: 8 });
//! let member = |name, offset| NewMember { name: Some(name), offset, ty, bits: None };
//! let Profile { types, names, .. } = &mut profile;
//! types.add_record(names, Some(head), RecordKind::Struct, 16, &[member(next, 0), member(prev, 8)]);
//!
//! // Names are settled, the canonical text is printed, and one struct is looked up in it.
//! let resolution = Resolution::new(&mut profile, &mut Report::default());
//! let text = Text::new(write_text(&profile, &resolution, Vec::new())?)?;
//! assert_eq!(text.size("list_head"), Some(16));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod btf;
mod canonical;
mod compare;
mod compress;
mod export;
mod file;
mod guard;
mod input;
mod isf;
mod json;
mod judge;
mod lookup;
mod merge;
mod model;
mod output;
mod progress;
mod read;
mod resolution;
mod unprintable;

pub use canonical::{
    EntryPrinter, Section, SectionWriter, SplitMember, reverse_labels, split_structure, split_text,
    write_listing, write_text,
};
pub use compare::{
    Changes, Comparison, Difference, EnumerationChange, MemberChange, Presence, Reason, Settled,
    StructChange, SymbolChanges, SymbolRun, compare,
};
pub use compress::{
    Effort, GzipWriter, InflateError, Metered, UnpackLimitError, UnpackLimits, UnpackMeter, XzWriter,
    ZstdReader, inflate,
};
pub use export::{
    Addresses, Compat, Form, Format, Outline, Outlined, OutlinedSymbol, Selection, add_lost_names,
    add_well_known_types,
};
#[cfg(unix)]
pub use file::remember_input;
pub use file::{
    AtomicFile, CompanionFolders, FileId, LARGEST_COMPANION, MappedFile, OutputFile, abandon_temporaries,
    companion_target, is_refusal, open_companion, open_input, open_regular, remove_leftovers,
    report_shrunken_files,
};
pub use guard::{guarded, is_guarded};
pub use input::{MAX_TEXT, read_file, read_file_on, read_profile, read_text};
pub use isf::{Table, from_base64, table_path, to_base64};
pub use judge::{Consumer, FileForm, Health, Missing, Obstacle, Scope, Verdict, member_offset, obstacles};
pub use lookup::Text;
pub use merge::{MergeError, follow_symlinks, merge};
pub use model::{
    Arch, ArchError, Arguments, Binding, BitRange, Choice, ChoiceOption, Claim, EnumId, Enumeration, GuidAge,
    GuidAgeError, Label, Member, Name, NamedSymbol, Names, Native, NativeId, NativeKind, NewMember, Profile,
    Record, RecordId, RecordKind, Report, StorageUnit, Structure, Symbol, System, Tally, Type, TypeId, Types,
    banner_symbol, choose_symbols, declaration, number_by_address,
};
pub use output::write_form;
pub use progress::{Progress, Silent};
pub use read::{JsonPlace, ReadError, pdb_class, unpack};
pub use resolution::{Ambiguity, Conflict, Resolution};
pub use unprintable::is_unprintable;
