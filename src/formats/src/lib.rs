//! Identifies files: one table of file kinds for every command.
//!
//! Start here: [`identify`] looks at a file's content and returns what it found, [`Identified`]; [`identify_path`] does
//! the same for a path, which may also lead to a folder or a device; [`FileKind::of`] is the short form for bytes in
//! memory.
//!
//! - **The table.** [`FileKind`] (`kind`) has one row per kind: its name, the words for it, and the next step that works.
//!   Every message of the program that names a file takes its words from there.
//! - **Content.** [`Content`] is the input: bytes in memory, an open file, or the first bytes of a download
//!   ([`Start`]). Nothing is concluded from the first bytes that would need the rest of the file.
//! - **Errors.** [`WrongKind`] is the error that every reader gives for a file of another kind.
//! - **Recognisers.** `recognise` has one file per noun: executables, debug files, memory images, disks, archives,
//!   profiles, texts. Each reads the start of the file and, where its format requires it, a few other places.
//!
//! Recognition reads at most a few hundred kilobytes, whatever the size of the file. It never opens another file and
//! never fails: a damaged or truncated file gets the most specific kind that its bytes prove.
//!
//! This crate depends on no other crate of the workspace, so that all of them can use its words.
//!
//! ```
//! use formats::FileKind;
//!
//! let kind = FileKind::of(b"MSCF\0\0\0\0\x2c\0\0\0\0\0\0\0");
//! assert_eq!(kind, FileKind::Cabinet);
//! assert_eq!(kind.to_string(), "a cabinet");
//! assert!(kind.advice().contains("`rekall-profile parse_pdb FILE -o PROFILE.json.gz`"));
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod content;
mod identified;
mod identify;
mod kind;
mod look;
mod recognise;
mod wrong_kind;

pub use content::{Content, OpenFile, Seekable, Start};
pub use identified::{Detail, Identified};
pub use identify::{identify, identify_path};
pub use kind::{FileKind, Group};
pub use wrong_kind::WrongKind;
