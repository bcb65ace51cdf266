//! Base64 (RFC 4648, section 4), in which ISF stores the bytes at a symbol.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Tables of other writers may leave out the padding, and may have bits after the last byte.
const TOLERANT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const ENGINE: GeneralPurpose = GeneralPurpose::new(&STANDARD, TOLERANT);

/// The bytes a text stands for; `None` if it is not base 64. Padding may be left out.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// The text that stands for some bytes, padded.
pub fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_examples() {
        for (text, bytes) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")]
        {
            assert_eq!(decode(text).unwrap(), bytes.as_bytes());
            assert_eq!(encode(bytes.as_bytes()), text);
        }
        assert_eq!(decode("Zm8"), Some(b"fo".to_vec()));
        assert_eq!((decode("Z"), decode("Zm9v Zg=="), decode("Zm9*")), (None, None, None));
    }
}
