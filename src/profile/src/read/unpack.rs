use std::borrow::Cow;
use std::io::{self, Read};

use formats::{FileKind, WrongKind};

use super::check_kind;
use super::error::ReadError;
use crate::{Metered, UnpackLimitError, UnpackMeter, ZstdReader, inflate};

/// Returns the text of a file: the content of gzip, xz and zstd files, recognised by content, or the bytes
/// themselves.
///
/// A compressed text may have `limit` bytes and must also stay within [`crate::UnpackLimits::current`]. A limit that
/// the user chose with `--unpack-limit` replaces both. Memory is bounded by the same number, as the text grows;
/// decoders add a window of at most 128 MiB.
///
/// # Errors
/// [`ReadError`] if the compressed form is damaged or the text is longer than allowed.
pub fn unpack(bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, ReadError> {
    let meter = UnpackMeter::new(bytes.len() as u64);
    let allowed = usize::try_from(meter.allowed()).unwrap_or(usize::MAX);
    let limit = if meter.is_chosen() { allowed } else { limit };
    match bytes {
        [] => Err(WrongKind::new("a profile", FileKind::Empty).into()),
        [0x1f, 0x8b, ..] => match inflate(bytes, limit.min(allowed)) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(crate::InflateError::TooLong { .. }) if allowed <= limit => Err(meter.exceeded().into()),
            Err(crate::InflateError::TooLong { limit }) => Err(ReadError::TooLong { limit }),
            Err(error) => Err(error.into()),
        },
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            let mut reader = lzma_rust2::XzReader::new_mem_limit(bytes, true, DICTIONARY >> 10);
            let mut text = Vec::new();
            drain("xz", Metered::with_meter(&mut reader, meter), &mut text, limit)?;
            Ok(Cow::Owned(text))
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let reader = ZstdReader::new(bytes, DICTIONARY.into());
            let mut text = Vec::new();
            drain("zstd", Metered::with_meter(reader, meter), &mut text, limit)?;
            Ok(Cow::Owned(text))
        }
        _ if bytes.len() > limit => {
            check_kind(bytes)?;
            Err(ReadError::TooLong { limit })
        }
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

/// The largest window that a decoder may ask for; `xz -9` and `zstd --long` ask for 64 and 128 MiB.
const DICTIONARY: u32 = 128 << 20;

/// Appends the whole output of a decoder to `text`, piece by piece. `read_to_end` would first fill all that it
/// reserves with zeros, and so use up to twice the memory of the text.
fn append(mut reader: impl Read, text: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => text.extend_from_slice(piece.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Appends the whole output of a decoder to `text`, which may have `limit` bytes in all.
fn drain(
    form: &'static str,
    mut reader: Metered<impl Read>,
    text: &mut Vec<u8>,
    limit: usize,
) -> Result<(), ReadError> {
    let room = (limit.saturating_sub(text.len()) as u64).saturating_add(1);
    match append(reader.by_ref().take(room), text) {
        Ok(()) if text.len() > limit => Err(ReadError::TooLong { limit }),
        Ok(()) => Ok(()),
        Err(error) => match UnpackLimitError::of(&error) {
            Some(error) => Err(error.clone().into()),
            None => Err(ReadError::Unpack { form, text: text.len(), message: error.to_string() }),
        },
    }
}
