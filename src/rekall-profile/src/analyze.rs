//! What [`Image`](crate::Image) returns: processes, modules, and the proof that a profile belongs to an image.

pub use analyzer::{
    Check, CheckOutcome, Error, Group, Listing, Module, Process, Time, Validation, Verdict, Weight,
};
