//! Profiles in commands.
//!
//! - [`find`] finds a profile by its name, or by the image that it is for, and makes it if no repository has it;
//! - [`of_image`] makes the profile of a Linux kernel from the image alone;
//! - [`any`] reads a profile in any form, [`declared`] shows descriptors as C;
//! - [`identity`] says how to get the profile of a kernel, and [`likely`] shows similar profiles;
//! - [`make`] makes one from a source; [`output`] writes profiles, and [`verdict`] reports their quality.

pub mod any;
pub mod declared;
mod find;
pub mod identity;
pub mod likely;
pub mod make;
pub mod of_image;
mod outcome;
pub mod output;
pub mod verdict;

pub use find::{detected, named, say_built, windows_kernel};
pub use outcome::outcome;
