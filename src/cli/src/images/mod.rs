//! Memory images: [`open_image`] opens one, [`Subject`] opens one with the profile of its kernel, and [`triage`]
//! shows dumps without memory. [`banner`] completes profiles whose source lacks the kernel's banner.

pub mod banner;
mod open;
mod subject;
pub mod triage;

pub use open::{open_image, open_memory};
pub use subject::Subject;
