//! The canonical text: sorted, streamed, the same bytes for the same profile.

mod addresses;
mod entries;
mod listing;
pub(crate) mod writer;

pub use entries::{EntryPrinter, Section, SplitMember, reverse_labels, split_structure, split_text};
pub use listing::{SectionWriter, write_listing};
pub use writer::write_text;
