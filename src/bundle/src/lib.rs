//! Bundles: the profiles of many builds in one file (docs/bundle.md).
//!
//! Start here: [`write()`] makes a bundle of profiles, [`Bundle`] reads one.
//!
//! - **Container.** `container` cuts a bundle into blocks, each compressed and with its own SHA-256. A
//!   [`Source`] is where the bytes come from: a mapped file, or ranges of a file on a server.
//! - **What is stored.** `keyed` holds what builds share: every definition of a struct, enumeration or variable once, and
//!   in which builds it holds. `symbols` stores the symbols of a build as what changed since the build before.
//!   [`Build`] says what identifies a build. `series` decides the order of the builds.
//! - **Answers.** [`Bundle::text`] gives the canonical text of a build, byte by byte as it was put in.
//!   [`Bundle::structure`] and [`Bundle::member`] give the history of a struct and of a member without reading more than
//!   one block.
//!
//! A bundle depends on the set of its profiles and their names alone, not on the order in which they were added.

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
