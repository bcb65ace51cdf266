//! The canonical text: sorted, streamed, the same bytes for the same profile.

mod listing;
pub(crate) mod writer;

pub use listing::write_listing;
pub use writer::write_text;
