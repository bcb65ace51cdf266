//! A profile as a C header.
//!
//! - `identifiers` turns names into identifiers of C, each once per name space.
//! - `fields` puts the members of a struct in order: padding between them, unions where they overlap.
//! - `declarations` says how C declares a member of a type, and what must be complete before.
//! - `header` prints the enumerations and the structs, each after the structs that it holds by value.

mod declarations;
mod fields;
mod header;
mod identifiers;

pub(crate) use header::write;
