//! Compression and decompression, and limits on the size of decompressed input.

mod gzip;
mod limits;
mod xz;
mod zstd;

pub use gzip::{Effort, GzipWriter, InflateError, inflate};
pub use limits::{Metered, UnpackLimitError, UnpackLimits, UnpackMeter};
pub use xz::XzWriter;
pub use zstd::ZstdReader;
