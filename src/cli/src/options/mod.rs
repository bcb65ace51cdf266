//! Groups of options that several commands share. Each command includes the groups that it uses, and no others.
//!
//! - [`compat`] says what is added to symbol tables for the sake of a program;
//! - [`debuginfod`] says which servers are asked for the debug files of Linux kernels;
//! - [`general`] has what every command takes, and how much of the machine a run may use;
//! - [`in_bundle`] names a build of a bundle;
//! - [`input`] names memory images, limits what packed input may unpack to, and says where debug files are;
//! - [`output`] says where a profile goes, and in which form;
//! - [`repositories`] says where profiles are looked for;
//! - [`symbols`] says where PDBs are looked for, and how servers are asked;
//! - [`subject`] is a memory image with the profile of its kernel.
//!
//! A group lists the files that it names ([`crate::files::Files`]). Groups do not know commands.

pub mod banner;
pub mod compat;
pub mod debuginfod;
pub mod general;
pub mod in_bundle;
pub mod input;
pub mod output;
pub mod repositories;
pub mod subject;
pub mod symbols;

pub use banner::Banner;
pub use compat::TableCompat;
pub use debuginfod::debuginfod_servers;
pub use general::{General, Json, Strict, Threads, settings};
pub use in_bundle::{InBundle, list_profile, list_profile_anywhere};
pub use input::{DebugFolders, Image, NamedImage, Unpacking};
pub use output::Output;
pub use repositories::{Building, Repositories};
pub use subject::Subject;
pub use symbols::{Connection, Symbols};

/// The headings in the help of every command.
pub mod heading {
    pub const INPUT: &str = "Input";
    pub const OUTPUT: &str = "Output";
    pub const REPOSITORIES: &str = "Profiles and repositories";
    pub const SERVERS: &str = "Symbol servers";
    pub const GENERAL: &str = "General";
}
