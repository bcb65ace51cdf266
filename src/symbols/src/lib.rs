//! Symbol stores and servers: finds and downloads PDBs and other files.
//!
//! Start here: a [`Fetcher`] with [`Options`] fetches a [`Wanted`] PDB along a [`SymbolPath`].
//!
//! - **What to fetch.** A [`Wanted`] is a [`pe::PdbName`] with a GUID and age; a [`Manifest`] is a list of them. They
//!   come from RSDS records, which the crate [`pe`] reads.
//! - **Where.** [`SymbolPath`] reads the syntax of `_NT_SYMBOL_PATH`: folders laid out as stores, and servers. A
//!   [`NegativeCache`] remembers which files servers do not have; [`Credentials`] are those for private servers.
//! - **In which form.** The crate [`pe`] unpacks compressed PDBs and reads their identity before they are used; a
//!   [`Pointer`] gives another location.
//! - **Debug files.** [`fetch_debug`] downloads an ELF file's debug information by its [`BuildId`] from debuginfod
//!   servers.
//! - **Addresses.** [`Downloads`] downloads files that have addresses of their own: listings and packages of archives.
//! - **Other files.** [`Web`] reads files below one address, as repositories of profiles on servers need it.
//! - **Parts of files.** [`Ranges`] reads parts of one large file.
//! - **How servers are contacted.** [`ClientOptions`] sets retries, speed limits and credentials for all of the
//!   above, and one loop (`delivery`) serves them all.
//!
//! The next request to a server is decided without a socket (`download`); the socket layer (`http`) only sends it.
//! The layout of stores is not public. This crate reads no part of a PDB beyond its identity.
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

mod authorities;
mod build_id;
mod client_options;
mod credentials;
mod debuginfod;
mod delivery;
mod download;
mod downloads;
mod encoding;
mod error;
mod fetch;
mod http;
mod layout;
mod listing;
mod manifest;
mod negative;
mod pointer;
mod ranges;
mod start;
mod store;
mod symbol_path;
mod web;

/// Only for the fuzz targets, which enable the feature.
#[cfg(feature = "fuzzing")]
pub mod fuzzing {
    pub use crate::download::fuzzing::play;
}

pub use build_id::{BuildId, BuildIdError};
pub use client_options::{ClientOptions, LeastRate};
pub use credentials::{Credentials, CredentialsError};
pub use debuginfod::{DebugFile, DebugOptions, fetch_debug};
pub use delivery::Explain;
pub use download::{Patience, Tried};
pub use downloads::{DownloadError, Downloads, Expected, FetchedFile};
pub use error::Error;
pub use fetch::{Fetcher, Found, Options};
pub use manifest::{Manifest, ManifestError, Wanted};
pub use negative::NegativeCache;
pub use pointer::{Pointer, PointerError};
pub use ranges::{Ranges, Whole};
pub use start::Start;
pub use symbol_path::{SymbolPath, SymbolPathError, shown as shown_address};
pub use web::{Demand, Fetched, Web, WebError};
