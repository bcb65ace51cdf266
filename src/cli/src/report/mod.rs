//! What `--json` prints: one struct for each report. Commands fill them, and
//! [`crate::console::Console::print_report`] prints them with `"schema": 1`.
//!
//! The schemas in `docs/json/` are generated from these structs by the test below: `UPDATE=1 cargo test schemas`
//! writes them. A field that is added or removed, or whose meaning changes, needs an entry in the changelog.

pub mod batch;
pub mod bundle;
pub mod diff;
mod error;
pub mod executable;
pub mod fetch;
pub mod history;
pub mod image;
pub mod inspect;
pub mod profile;
#[cfg(test)]
pub mod schemas;

pub use error::Error;
