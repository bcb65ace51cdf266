use std::borrow::Cow;
use std::io::Read;

use super::ReadError;
use crate::{Foreign, inflate};

/// The text of a file: what gzip, xz or zstd hold, told by content, or the bytes themselves.
///
/// # Errors
/// [`ReadError`] where the packed form is damaged or the text is longer than `limit` bytes.
pub fn unpack(bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, ReadError> {
    match bytes {
        [] => Err(ReadError::Empty),
        [0x1f, 0x8b, ..] => match inflate(bytes, limit) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(crate::InflateError::TooLong { limit }) => Err(ReadError::TooLong { limit }),
            Err(error) => Err(error.into()),
        },
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            let reader = lzma_rust2::XzReader::new_mem_limit(bytes, true, DICTIONARY >> 10);
            drain("xz", reader, limit).map(Cow::Owned)
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            // Zstandard files may hold several frames, one behind the other.
            let mut rest = bytes;
            let mut text = Vec::new();
            while !rest.is_empty() {
                let reader = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(
                    &mut rest,
                    DICTIONARY.into(),
                );
                let reader = reader.map_err(|error| ReadError::Unpack {
                    form: "zstd",
                    text: text.len(),
                    message: error.to_string(),
                })?;
                text.append(&mut drain("zstd", reader, limit - text.len())?);
            }
            Ok(Cow::Owned(text))
        }
        _ if bytes.len() > limit => match Foreign::of(bytes) {
            Some(found) => Err(ReadError::Foreign { found }),
            None => Err(ReadError::TooLong { limit }),
        },
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

/// The largest window a decoder may ask for; `xz -9` and `zstd --long` ask for 64 and 128 MiB.
const DICTIONARY: u32 = 128 << 20;

/// Everything a decoder gives, up to `limit` bytes.
fn drain(form: &'static str, reader: impl Read, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut text = Vec::new();
    match reader.take(limit as u64 + 1).read_to_end(&mut text) {
        Ok(_) if text.len() > limit => Err(ReadError::TooLong { limit }),
        Ok(_) => Ok(text),
        Err(error) => Err(ReadError::Unpack { form, text: text.len(), message: error.to_string() }),
    }
}
