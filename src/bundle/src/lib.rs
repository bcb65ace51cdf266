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
