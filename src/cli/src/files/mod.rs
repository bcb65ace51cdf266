//! Which files a command reads and writes. [`Files`] lists them from the command line alone, before anything is read.
//! [`Files::check`] compares them with each other: an output is never an input or another output. The sandbox allows
//! exactly the files in the list. [`write()`] writes the outputs.
//!
//! Files that a command opens later, by names in its inputs, are not in this list. They are recorded when they are
//! opened (`profile::open_input`), and `profile::OutputFile` refuses to write to them.

mod list;
mod packing;
mod places;
mod write;

pub use list::Files;
pub use packing::{Content, Packing, has_packed_ending};
pub use places::{cache_folder, list_configuration, unpack_unless};
pub use write::write;
