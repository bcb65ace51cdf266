//! A folder over HTTP, for networks that are closed to the servers of others.
//!
//! Start here: [`Mirror::bind`] takes an address and a folder, [`Mirror::run`] answers requests.
//!
//! - Which file a request names is decided by `path` (a text to names) and `tree` (names to a file).
//! - What is sent of it is decided by `answer`: conditions and ranges.
//! - `body` reads it in pieces; `stream` breaks off where the client takes too little.
//! - `clients` decides who has to wait, and whose connection is closed, when there is no room. [`MirrorLimits`] says
//!   how much room there is.
//!
//! Nothing is ever written, and only files below the folder are read.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use server::{Mirror, MirrorLimits};
//!
//! let mirror = Mirror::bind(Path::new("/srv/symbols"), "127.0.0.1:0", MirrorLimits::default())?;
//! println!("http://{}", mirror.address());
//! let stop = mirror.stop();
//! std::thread::spawn(move || mirror.run(&profile::Silent));
//! stop.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod answer;
mod body;
mod clients;
mod error;
mod limits;
mod mirror;
mod path;
mod stream;
mod tree;

pub use error::Error;
pub use limits::MirrorLimits;
pub use mirror::{Mirror, MirrorStop};
