//! Profiles as commands use them.
//!
//! - [`find`] finds a profile by its name, or by the image that it is for, and makes it if no repository has it;
//! - [`of_image`] makes the profile of a Linux kernel of the image alone;
//! - [`identity`] says how to bring the profile of a kernel, [`likely`] which profiles are like it;
//! - [`make`] makes one from a source; [`output`] writes profiles, and [`verdict`] says how they turned out.

mod find;
pub mod identity;
pub mod likely;
pub mod make;
pub mod of_image;
pub mod output;
pub mod verdict;

pub use find::{detected, named, outcome, say_built, windows_kernel};
