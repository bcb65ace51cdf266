//! Bundles: the profiles of many builds in one file (docs/bundle.md).
//!
//! Start here: [`write()`] makes a bundle of profiles, [`Bundle`] reads one.
//!
//! - **Container.** `container` splits a bundle into blocks. Each block is compressed on its own and has its own SHA-256.
//!   A [`Source`] supplies the bytes: a mapped file, or ranges of a file on a server.
//! - **Contents.** `keyed` stores what builds share: each definition of a struct, enumeration or variable once, with the
//!   builds that have it. `symbols` stores the symbols of a build as differences from those of an earlier build, its
//!   parent. [`Build`] is the record of one build. `series` sorts the builds.
//! - **Answers.** [`Bundle::text`] returns the canonical text of a build, byte for byte as it was put in.
//!   [`Bundle::structure`] and [`Bundle::member`] return the history of a struct and of a member; each reads one stream
//!   of blocks, however many builds there are.
//!
//! The bytes of a bundle depend only on the set of its profiles and their names, not on the order in which they were
//! added.
//!
//! ```
//! use std::sync::Arc;
//!
//! use bundle::{Bundle, Entry, write};
//! use profile::{Arch, NewMember, Profile, RecordKind, Report, Resolution, Silent, System, Type, write_text};
//!
//! /// A build whose struct `task` has `pid` at this offset.
//! fn build(offset: u64) -> String {
//!     let mut profile = Profile::new(System::Linux, Arch::Amd64);
//!     let [task, pid] = ["task", "pid"].map(|name| profile.intern(name));
//!     let int = profile.c_integer(4, true).unwrap_or(Type::Void);
//!     let ty = profile.types.add(int);
//!     let member = NewMember { name: Some(pid), offset, ty, bits: None };
//!     let Profile { types, names, .. } = &mut profile;
//!     types.add_record(names, Some(task), RecordKind::Struct, 64, &[member]);
//!     let resolution = Resolution::new(&mut profile, &mut Report::default());
//!     String::from_utf8(write_text(&profile, &resolution, Vec::new()).unwrap()).unwrap()
//! }
//!
//! let entries = vec![Entry::new("old", || Ok(build(8))), Entry::new("new", || Ok(build(16)))];
//! let (bytes, written) = write(entries, Vec::new(), &Silent)?;
//! assert_eq!(written.builds, 2);
//! let bundle = Bundle::new(Arc::new(bytes))?;
//! assert_eq!(bundle.text(bundle.find("old")?)?, build(8));
//! let history = bundle.member("task", "pid")?.expect("both builds have it");
//! assert_eq!(history.spans.len(), 2);
//! # Ok::<(), bundle::Error>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod build;
mod bytes;
mod container;
mod error;
/// Only for the fuzz targets and their seeds.
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod keyed;
mod numbered;
mod read;
mod series;
mod symbols;
mod write;

pub use build::{Build, Identity};
pub use container::{MAGIC, Source, is_bundle};
pub use error::Error;
pub use keyed::{DefinedMember, Definition, Span};
pub use read::{Bundle, Finding, MemberHistory, MemberSpan, MemberState, StructHistory};
pub use write::{Entry, Written, write};
