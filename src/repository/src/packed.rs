//! JSON texts of a repository, packed or not.

use std::fmt::Write as _;
use std::io::Write as _;

use profile::{Effort, GzipWriter, MAX_TEXT};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Error;

/// The gzip form of a text.
pub(crate) fn pack(text: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |error| Error::io("gzip", error);
    let mut writer = GzipWriter::new(Vec::new(), Effort::Default, 1);
    writer.write_all(text).map_err(failed)?;
    writer.finish().map_err(failed)
}

/// The JSON value in `bytes`, packed or not; `place` is named in errors.
pub(crate) fn unpack(bytes: &[u8], place: &str) -> Result<Value, Error> {
    let text = profile::unpack(bytes, MAX_TEXT)
        .map_err(|source| Error::Profile { place: place.to_owned(), source })?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::Storage { place: place.to_owned(), problem: format!("no JSON: {error}") })
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
