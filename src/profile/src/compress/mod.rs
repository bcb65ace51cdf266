//! Packing and unpacking, and how far packed input may grow.

mod gzip;
mod limits;
mod xz;

pub use gzip::{Effort, GzipWriter, InflateError, inflate};
pub use limits::{Metered, UnpackLimitError, UnpackLimits, UnpackMeter};
pub use xz::XzWriter;
