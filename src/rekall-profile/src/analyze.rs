//! What [`Image`](crate::Image) returns: processes, modules, and the proof that a profile belongs to an image.

pub use analyzer::{Check, Error, Listing, Module, Process, Time, Validation, Verdict};
