//! A repository as Volatility 3 reads it: symbol tables (ISF), and lists of them by banner and by PDB.
//!
//! Start here: [`Catalog::read`] takes from the inventory what Volatility can find a table by; [`Catalog::lists`] prints the
//! lists, [`Catalog::table`] makes one table. [`publish`] writes all of it below a folder that any web server can serve.
//!
//! - **Names of tables.** A table's name holds a digest of the profile, of what makes tables of profiles and of what is added to them, so a table
//!   under one name never changes, and whoever has a copy of it need not ask again.
//! - **Names of lists.** Volatility 3 keeps a list for ever under its address. So each list is there twice: as
//!   `banners.json`, and under the first digits of its SHA-256.

mod catalog;
mod distribution;
mod publish;
mod table;

pub use catalog::{Catalog, List, TableName};
pub use publish::{Published, publish};

/// The folder of tables and lists, below the root of what is served.
pub const FOLDER: &str = "isf";
/// The list of all tables, below the root of what is served.
pub const BANNERS: &str = "banners.json";
