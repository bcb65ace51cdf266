//! Collections: archives of distributions, debuginfod servers, lists of symbol tables and of Windows' builds, as sources
//! of a batch.
//!
//! Start here: a [`Collection`] is what an entry of the configuration names; [`refresh`] reads its listing over the
//! network and keeps it in the repository as a [`Listing`], from which the batch takes its items.
//!
//! - **A listing is an object.** Builders on many machines work from the one that lies in the repository, so an archive
//!   that changes while they work changes nothing of what they divide among themselves.
//! - **What is listed is not believed.** A path has to be a [`Key`](crate::Key), and a package has to have the size and
//!   the SHA-256 that its listing states.
//! - `debian`, `rpm` and `banners` read one kind of listing each, without the network; `windows` also asks symbol
//!   servers what its executables belong to.

mod banners;
mod debian;
mod filter;
mod kernels;
mod listing;
mod refresh;
mod rpm;
mod settings;
mod windows;

pub(crate) use banners::stem;
pub use banners::{ADDITIONAL, BannerList};
pub use filter::Filter;
pub(crate) use listing::{ItemKind, LISTINGS, Origin};
pub use listing::{Listing, Row};
pub use refresh::{Refreshed, refresh};
pub(crate) use refresh::{Taken, read_rows};
pub use settings::{Collection, ExecutableList, Mode, Place};
pub(crate) use settings::{KEYS, Reader as CollectionReader};
