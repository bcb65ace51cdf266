//! Serves a folder over HTTP, for networks without access to other servers.
//!
//! Start here: [`Mirror::bind`] takes an address and a folder, [`Mirror::run`] answers requests.
//!
//! - `path` and `tree` find the file for a request: `path` splits the text into names, and `tree` finds the file.
//! - `answer` decides what is sent of the file: conditions and ranges.
//! - `body` reads the file in pieces; `stream` closes a connection whose client reads too slowly.
//! - `clients` decides which connections wait, and which one is closed if all places are taken. [`MirrorLimits`] sets
//!   the number of places.
//!
//! The server never writes, and reads only files below the folder.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use server::{Mirror, MirrorLimits};
//!
//! let free = "127.0.0.1:0".parse()?;
//! let mirror = Mirror::bind(Path::new("/srv/symbols"), &[free], MirrorLimits::default())?;
//! println!("http://{}", mirror.address());
//! let stop = mirror.stop();
//! std::thread::spawn(move || mirror.run(&profile::Silent));
//! stop.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod answer;
mod body;
mod bundle;
mod clients;
mod error;
mod isf;
mod limits;
mod made;
mod mirror;
mod pages;
mod path;
mod stream;
mod tree;

pub use bundle::BundlePages;
pub use error::Error;
pub use isf::IsfPages;
pub use limits::MirrorLimits;
pub use mirror::{Mirror, MirrorStop};
pub use pages::{Page, Pages};
