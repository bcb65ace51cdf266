//! Repositories of profiles: storage, lookup by name, regeneration and recognition.
//!
//! Start here: [`Repositories`] finds a profile by its [`ProfileName`] in an ordered list of repositories.
//!
//! - **Where.** A [`Storage`] holds objects by [`Key`]: [`Folder`] a local folder, `storage::Site` what others keep
//!   on a server, `Bucket` (with the feature `buckets`) what lies in an
//!   S3-compatible store, [`BundleStorage`] the builds of a bundle; [`storage::open`] takes the text that names one.
//! - **Which.** [`detect`] finds the profile of a memory image and proves it; [`local`] makes the one that is missing.
//! - **By likeness.** [`index`] tells of which of thousands of profiles a kernel is that does not say so itself.
//! - **What belongs there.** [`Config`] says what makes which profiles, [`Guids`] which builds of Windows; an
//!   [`Inventory`] records what is there, [`Rejects`] what could not be made. [`batch`] makes what is missing.
//! - **Where from.** [`collection`] reads what archives, debuginfod servers and lists of symbol tables have.
//! - **For others.** [`isf`] makes symbol tables of Volatility 3, and lists of them.
//! - **Texts.** [`yaml`] reads the configuration's language, with the line of every value.
//!
//! ```
//! use repository::{Key, ProfileName};
//!
//! let name: ProfileName = "nt/GUID/F8E2A8B5C9B74BF4A6E4A48F180099942".parse()?;
//! assert_eq!(name.key().to_string(), "nt/GUID/F8E2A8B5C9B74BF4A6E4A48F180099942.gz");
//! assert_eq!(ProfileName::of_key(&name.key()), Some(name));
//! assert!("../outside".parse::<Key>().is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

pub mod batch;
pub mod collection;
mod config;
pub mod detect;
mod error;
mod guids;
pub mod index;
mod inventory;
pub mod isf;
mod key;
pub mod local;
mod name;
pub mod of_image;
mod packed;
mod packed_texts;
mod pattern;
mod printed;
mod records;
mod rejects;
mod repositories;
pub mod storage;
mod table;
pub mod yaml;

pub use config::{CONFIG, Config, Entry, Handler, IndexSource};
pub use error::{Error, KeyError};
pub use guids::Guids;
pub use inventory::{Content, INVENTORY, Inventory, Record};
pub use key::Key;
pub use name::ProfileName;
pub use rejects::Rejects;
pub use repositories::{Loaded, Options, PUBLIC, Reach, Repositories};
#[cfg(feature = "buckets")]
pub use storage::Bucket;
pub use storage::{BundleStorage, Condition, Folder, Object, Stat, Storage, Version};
