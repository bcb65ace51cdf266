//! Repositories of profiles: where profiles are kept, found by name, regenerated and recognised.
//!
//! Start here: [`Repositories`] finds a profile by its [`ProfileName`] in an ordered list of repositories.
//!
//! - **Where.** A [`Storage`] holds objects by [`Key`]: [`Folder`] a local folder, `storage::Site` what others keep
//!   on a server.
//! - **Texts.** [`yaml`] reads the configuration's language, with the line of every value.

mod error;
mod key;
mod name;
mod repositories;
pub mod storage;
pub mod yaml;

pub use error::Error;
pub use key::{Key, KeyError};
pub use name::ProfileName;
pub use repositories::{Loaded, Options, PUBLIC, Repositories};
pub use storage::{Condition, Folder, Object, Stat, Storage, Version};
