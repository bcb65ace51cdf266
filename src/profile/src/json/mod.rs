//! JSON as this crate prints and reads it: `printer` writes canonical JSON as a stream, and `walk` visits the entries
//! of a text one by one, without a tree of the whole.

pub(crate) mod printer;
pub(crate) mod walk;
