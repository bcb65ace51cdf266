//! Writes bundles of synthetic profiles, reads them back, and damages them.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod damage;
mod histories;
mod made;
mod round_trips;
