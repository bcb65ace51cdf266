//! Bundles of profiles that the tests make.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod damage;
mod histories;
mod made;
mod round_trips;
