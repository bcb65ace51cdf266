//! Which files a command reads and writes. [`Files`] lists them from the command line alone, before anything is read.
//! [`Files::check`] compares them with each other: an output is never one of the inputs, nor another output. The sandbox
//! allows what the list holds, and nothing else. [`write()`] writes the outputs.
//!
//! What a command opens later, by names that it finds in its inputs, is not listed here. Such files are remembered when
//! they are opened (`profile::open_input`), and `profile::OutputFile` refuses to write to them.

mod list;
mod packing;
mod places;
mod write;

pub use list::Files;
pub use packing::{Content, Packing, has_packed_ending};
pub use places::{cache_folder, list_configuration, unpack_unless};
pub use write::write;
