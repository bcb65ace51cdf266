//! Symbol stores and servers: where PDBs are looked for, and how they are brought.
//!
//! Start here: a [`Fetcher`] with [`Options`] brings what is [`Wanted`], along a [`SymbolPath`].
//!
//! - **What is asked for.** A [`Wanted`] is a [`pe::PdbName`] with a GUID and age; a [`Manifest`] is a list of them. They
//!   come from RSDS records, which the crate [`pe`] reads.
//! - **Where.** [`SymbolPath`] reads the language of `_NT_SYMBOL_PATH`: folders laid out as stores, and servers. A
//!   [`NegativeCache`] remembers what servers do not have; [`Credentials`] say who we are to private ones.
//! - **In which form.** The crate [`pe`] takes a PDB out of its packed forms and reads its identity, before anything
//!   believes it; a [`Pointer`] says where else it is.
//! - **Debug files.** [`fetch_debug`] brings an ELF file's debug information by its [`BuildId`] from debuginfod servers.
//! - **Other files.** [`Web`] reads files below one address: what repositories of profiles keep on servers.
//! - **How servers are asked.** [`ClientOptions`] says how patient, how fast and as whom; all of the above obey it, and
//!   one loop (`delivery`) serves them all.
//!
//! What to ask a server next is decided without a socket (`download`); the socket layer (`http`) only sends. The layout
//! of stores is no entry point. This crate knows nothing of what is in a PDB beyond its identity.
//!
//! ```no_run
//! use symbols::{Fetcher, Options, SymbolPath, Wanted};
//!
//! let path: SymbolPath = "srv*/tmp/store*https://msdl.microsoft.com/download/symbols".parse()?;
//! let fetcher = Fetcher::new(Options::new(path, "/tmp/store".into()));
//! let wanted = Wanted::new("ntkrnlmp.pdb".parse()?, "F8E2A8B5C9B74BF4A6E4A48F180099942".parse()?);
//! let found = fetcher.fetch(&wanted, &profile::Silent)?;
//! println!("{}", found.path.display());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod client_options;
mod credentials;
mod debuginfod;
mod delivery;
mod download;
mod encoding;
mod error;
mod fetch;
mod http;
mod layout;
mod listing;
mod manifest;
mod negative;
mod pointer;
mod start;
mod store;
mod symbol_path;
mod web;

/// Only for the fuzz targets, which switch the feature on.
#[cfg(feature = "fuzzing")]
pub mod fuzzing {
    pub use crate::download::fuzzing::play;
}

pub use client_options::{ClientOptions, LeastRate};
pub use credentials::{Credentials, CredentialsError};
pub use debuginfod::{BuildId, BuildIdError, DebugFile, DebugOptions, fetch_debug};
pub use delivery::Explain;
pub use download::{Patience, Tried};
pub use error::Error;
pub use fetch::{Fetcher, Found, Options};
pub use manifest::{Manifest, ManifestError, Wanted};
pub use negative::NegativeCache;
pub use pointer::{Pointer, PointerError};
pub use start::Start;
pub use symbol_path::{SymbolPath, SymbolPathError};
pub use web::{Demand, Fetched, Web, WebError};
