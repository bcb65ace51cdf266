//! Two builds side by side: one walk ([`walk`]) and two presentations of what it finds.
//!
//! [`Changes`] says what differs between two builds, from their canonical texts. [`compare`] judges whether two sources
//! of one build contradict each other, from their models.

mod changes;
mod meaning;
mod walk;

pub use changes::{
    Changes, EnumerationChange, MemberChange, Presence, StructChange, SymbolChanges, SymbolRun,
};
pub use meaning::{Comparison, Difference, Reason, Settled, compare};
