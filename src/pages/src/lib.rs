//! Pages to look at profiles in a browser, without a network, a server or other programs.
//!
//! Start here: [`write_report`] prints one page that contains its data (the command `report` makes it of one or two
//! profiles), [`write_site`] makes the files of a site for many builds.
//!
//! - **Data.** A [`Collection`] takes builds one after the other and stores each distinct definition once (`history`). It
//!   returns its data as shards ([`Shard`]). A page unpacks a shard when it needs it.
//! - **Pages.** `frame` writes the HTML around the shards. The program that runs in the browser is in `assets/`: plain scripts
//!   with types in their comments, a style sheet, and the frame of the page. The frame contains no text from a profile, and
//!   the scripts put such text only into text nodes, so a name never becomes markup. A content security policy allows only
//!   the page's own scripts.
//!
//! The bytes depend only on the builds and their order.
//!
//! ```
//! use pages::{Collection, write_report};
//! use profile::{Arch, Profile, Report, Resolution, System};
//!
//! let mut profile = Profile::new(System::Linux, Arch::Amd64);
//! profile.set_metadata("Release", "6.1.0-57-amd64");
//! let resolution = Resolution::new(&mut profile, &mut Report::default());
//! let mut collection = Collection::default();
//! let mut shards = vec![collection.add("kernel.json", &profile, &resolution)];
//! shards.extend(collection.finish());
//! let page = write_report(shards, Vec::new())?;
//! assert!(page.starts_with(b"<!doctype html>"));
//! # Ok::<(), std::io::Error>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod collection;
mod frame;
mod history;
mod shard;

pub use collection::Collection;
pub use frame::{write_report, write_site};
pub use shard::Shard;
