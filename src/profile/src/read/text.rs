use std::borrow::Cow;

use crate::Report;

/// The text as UTF-8 without a byte order mark; invalid bytes become U+FFFD and are counted.
pub(crate) fn utf8<'a>(text: &'a [u8], report: &mut Report) -> Cow<'a, str> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) => {
            let count = text.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
            report.lose_many(INVALID_TEXT, count as u64, || format!("byte {}", error.valid_up_to()));
            String::from_utf8_lossy(text)
        }
    }
}

/// The loss counted for names and texts that are not UTF-8.
pub(crate) const INVALID_TEXT: &str = "texts that are not UTF-8";
