//! Applies a profile to a memory image: proves that it fits, and lists what it describes.
//!
//! Start here: [`Layout::open`] opens a profile, [`Guest::find`] finds its kernel in an image and lists processes and
//! modules, and [`validate`] proves that the two belong together.
//!
//! - **Typed access.** A [`Layout`] looks up single members and symbols; a [`TypedMemory`] reads them from a [`Space`],
//!   physical or virtual, and walks lists. Every read can fail and reports where.
//! - **Systems.** [`linux`], [`windows`] and [`mac`] find the kernel, its [`Process`]es and its [`Module`]s.
//! - **Proof.** A [`Validation`] consists of [`Check`]s. `CHECKS` of each system is the table of them: what each one proves
//!   and what it reads.
//!
//! This crate prints nothing and knows no repository.
//!
//! ```
//! use analyzer::Layout;
//! use profile::Text;
//!
//! let text = br#"{"$METADATA": {"Type": "Profile", "ProfileClass": "Linux", "arch": "AMD64"},
//!     "$STRUCTS": {"list_head": [16, {"next": [0, ["Pointer", {"target": "list_head"}]],
//!                                     "prev": [8, ["Pointer", {"target": "list_head"}]]}]}}"#;
//! let layout = Layout::from_text(Text::new(text.to_vec())?);
//! assert_eq!(layout.field("list_head.prev")?.offset, 8);
//! assert!(!layout.has("task_struct.tasks"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod blank;
mod displaced;
mod error;
mod guest;
mod identity;
mod layout;
pub mod linux;
pub mod mac;
mod process;
mod raw_layout;
mod space;
mod table;
mod typed_memory;
mod validate;
pub mod windows;

pub use displaced::{Proof, Relocated, prove, relocate};
pub use error::Error;
pub use guest::Guest;
pub use guest::validate;
pub use identity::Identity;
pub use layout::{Field, FieldKind, Layout, Shape};
pub use process::{Listing, Module, Process, Time};
pub use space::{Physical, Space};
pub use table::{CheckRow, CheckTable, Group, Weight};
pub use typed_memory::{Links, List, TypedMemory};
pub use validate::{Check, CheckOutcome, Scope, Validation, Verdict};
