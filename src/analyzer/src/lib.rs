//! A profile laid over a memory image: proof that it fits, and what can be listed with it.
//!
//! This crate prints nothing and knows no repository.

mod error;
mod guest;
mod layout;
pub mod linux;
mod process;
mod space;
mod validate;
mod view;

pub use error::Error;
pub use guest::validate;
pub use guest::{Guest, Listing};
pub use layout::{Field, Kind, Layout, Shape};
pub use process::{Module, Process, Time};
pub use space::{Physical, Space};
pub use validate::{Check, Group, Passage, Scope, Validation, Verdict, Weight};
pub use view::{Links, List, View};
