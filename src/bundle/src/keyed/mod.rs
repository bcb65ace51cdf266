//! Sections whose entries have keys: structs, enumerations, types of variables. Each distinct value of a key is stored
//! once, with a timeline that says which builds have it. `collect` gathers the values while a bundle is written, `stream`
//! encodes and decodes them, and `timeline` is the list of changes from build to build.

mod collect;
mod stream;
mod timeline;

pub(crate) use collect::Collected;
pub(crate) use stream::{BorrowedStructure, ReadKey, Stream, StructureValues, Values};
pub use stream::{DefinedMember, Definition};
pub use timeline::Span;
pub(crate) use timeline::Timeline;
