//! Two builds side by side.

mod changes;
mod meaning;

pub use changes::{
    Changes, EnumerationChange, MemberChange, Presence, StructChange, SymbolChanges, SymbolRun,
};
pub use meaning::{Comparison, Difference, Reason, Settled, compare};
