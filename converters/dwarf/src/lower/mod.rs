//! The second pass: reads the definitions that the first pass chose into the profile's model.
//!
//! [`Lowering`] holds the state; each file adds what concerns one noun.

mod ahead;
mod arrays;
mod definitions;
mod lowering;
mod members;
mod names;
mod plans;
mod records;
mod types;

pub(crate) use ahead::Ahead;
pub(crate) use lowering::Lowering;
pub(crate) use plans::Compiler;
