//! Groups of options that several commands share. Each command includes the groups that it uses, and no others.
//!
//! - [`debuginfod`] says which servers are asked for the debug files of Linux kernels;
//! - [`general`] has the options of every command, and those for the resources of a run;
//! - [`input`] names memory images, and limits the size of decompressed input;
//! - [`output`] selects the destination and the format of a profile;
//! - [`repositories`] selects the repositories that are searched;
//! - [`symbols`] selects the places of PDBs, and how servers are contacted;
//! - [`subject`] is a memory image with the profile of its kernel.
//!
//! A group lists the files that it names ([`crate::files::Files`]). Groups do not know commands.

pub mod banner;
pub mod debuginfod;
pub mod general;
pub mod input;
pub mod output;
pub mod repositories;
pub mod subject;
pub mod symbols;

pub use banner::Banner;
pub use debuginfod::debuginfod_servers;
pub use general::{General, Json, Strict, Threads, settings};
pub use input::{Image, NamedImage, Unpacking};
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
