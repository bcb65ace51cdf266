//! Profiles for memory forensics: what the structs of one operating system build look like, and where its symbols are.
//!
//! This crate is the supported surface of the workspace. The crates under it do the work and may change between
//! releases; what is here follows semantic versioning.
//!
//! | to | start at |
//! |---|---|
//! | make a profile from a PDB, DWARF, BTF or a Volatility pack | [`convert::file`], [`convert::bytes`] |
//! | look up structs, members, enumerations and symbols | [`Profile::open`] |
//! | compare two builds | [`diff`] |
//! | list the processes of a memory image, or prove a profile on it | [`Image::open`] |
//! | find a profile by its name, or the one that an image needs | [`Repositories::open`] |
//!
//! Nothing here prints, and input from outside never makes it panic: every function that reads a file says in its
//! [`Error`] where it failed, what it expected and what it found.
//!
//! ```
//! use rekall_profile::Profile;
//!
//! let text = br#"{"$METADATA": {"Type": "Profile", "ProfileClass": "Linux", "arch": "AMD64"},
//!     "$STRUCTS": {"list_head": [16, {"next": [0, ["Pointer", {"target": "list_head"}]],
//!                                     "prev": [8, ["Pointer", {"target": "list_head"}]]}]},
//!     "$CONSTANTS": {"init_task": 4096}}"#;
//! let profile = Profile::from_text(text.to_vec())?;
//! let prev = profile.member("list_head.prev")?;
//! assert_eq!((prev.offset, prev.ty.as_str(), prev.size), (8, "list_head *", Some(8)));
//! assert_eq!(profile.symbol("init_task")?.address, 4096);
//! # Ok::<(), rekall_profile::Error>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

pub mod analyze;
pub mod convert;
mod difference;
mod error;
mod image;
mod profile;
pub mod repository;

pub use ::profile::{Arch, BitRange, GuidAge, Health, System};
pub use difference::{Difference, diff};
pub use error::Error;
pub use image::{Image, PdbRecord};
pub use profile::{Enumeration, Member, Profile, Structure, Symbol};
pub use repository::Repositories;
