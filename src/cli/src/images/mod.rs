//! Memory images: [`open_image`] opens one, [`Subject`] opens one with the profile of its kernel, [`triage`] shows the
//! dumps that hold no memory. [`banner`] completes profiles whose source does not hold the kernel's banner.

pub mod banner;
mod open;
mod subject;
pub mod triage;

pub use open::{open_image, open_memory};
pub use subject::Subject;
