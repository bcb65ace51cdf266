//! Volatility's vtypes: Python literals that describe structs (`{'name': [size, {'member': [offset, type]}]}`).
//!
//! [`literal`] reads exactly the part of Python that is data; nothing is ever executed. [`lower`] makes types of it,
//! and [`bounds`] restores the array bounds that the packs of macOS have lost.

pub(crate) mod bounds;
pub(crate) mod literal;
pub(crate) mod lower;
pub(crate) mod tree;

pub use literal::Found;
