//! Sections whose entries have keys: structs, enumerations, types of variables. Each different value of a key is stored
//! once, with the builds in which it holds.

mod collect;
mod stream;
mod timeline;

pub(crate) use collect::Collected;
pub(crate) use stream::{BorrowedStructure, ReadKey, Stream, StructureValues, Values};
pub use stream::{DefinedMember, Definition};
pub use timeline::Span;
pub(crate) use timeline::Timeline;
