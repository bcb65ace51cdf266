use std::fmt;
use std::str::FromStr;

/// The identity of one build of a PE file and its PDB: the GUID and the age in the image's RSDS record (which equals
/// the age in the PDB's DBI stream, not the one in its info stream).
///
/// Text form: 32 upper-case hexadecimal digits (the first three GUID fields as integers, the last eight
/// bytes in order), then the age in upper-case hexadecimal without padding. Source: the symbol store layout
/// of the Debugging Tools for Windows, "SymStore Compressed and Uncompressed Files".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuidAge {
    guid: [u8; 16],
    age: u32,
}

impl GuidAge {
    /// From the GUID's text-order bytes (as printed, most significant digit first).
    pub fn new(guid: [u8; 16], age: u32) -> Self {
        Self { guid, age }
    }

    /// From the GUID in its form in a file or in memory: u32, u16, u16 little-endian, then eight bytes.
    pub fn from_raw(raw: [u8; 16], age: u32) -> Self {
        let [a, b, c, d, e, f, g, h, rest @ ..] = raw;
        let mut guid = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
        guid[8..].copy_from_slice(&rest);
        Self { guid, age }
    }

    /// The GUID's bytes in text order.
    pub fn guid(&self) -> [u8; 16] {
        self.guid
    }

    /// The age.
    pub fn age(&self) -> u32 {
        self.age
    }

    /// Only the GUID, as 32 upper-case hexadecimal digits.
    pub fn guid_text(&self) -> String {
        self.guid.iter().map(|byte| format!("{byte:02X}")).collect()
    }
}

impl fmt::Display for GuidAge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.guid {
            write!(f, "{byte:02X}")?;
        }
        write!(f, "{:X}", self.age)
    }
}

impl fmt::Debug for GuidAge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a GUID and age.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuidAgeError {
    /// A character that is neither a hexadecimal digit nor a dash or brace.
    #[error("GUID/age '{text}': character {position} is '{found}', expected a hexadecimal digit")]
    Character {
        /// The text as given.
        text: String,
        /// The number of the character, counted from 1.
        position: usize,
        /// The character.
        found: char,
    },
    /// Too few digits: the age is missing, or the GUID is truncated.
    #[error(
        "GUID/age '{text}': {digits} hexadecimal digits, expected 33 to 40 (32 for the GUID, then the age)"
    )]
    Length {
        /// The text as given.
        text: String,
        /// The number of its digits.
        digits: usize,
    },
}

impl FromStr for GuidAge {
    type Err = GuidAgeError;

    /// Accepts any case, dashes and braces, and ages of one to eight digits.
    fn from_str(text: &str) -> Result<Self, GuidAgeError> {
        let mut digits = Vec::with_capacity(40);
        for (index, found) in text.trim().chars().enumerate() {
            match found.to_digit(16) {
                Some(digit) => digits.push(digit as u8),
                None if matches!(found, '-' | '{' | '}') => {}
                None => {
                    let text = text.to_owned();
                    return Err(GuidAgeError::Character { text, position: index + 1, found });
                }
            }
        }
        if !(33..=40).contains(&digits.len()) {
            return Err(GuidAgeError::Length { text: text.to_owned(), digits: digits.len() });
        }
        let (guid_digits, age_digits) = digits.split_at(32);
        let mut guid = [0; 16];
        for (byte, pair) in guid.iter_mut().zip(guid_digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        let age = age_digits.iter().fold(0u32, |age, digit| age << 4 | u32::from(*digit));
        Ok(Self { guid, age })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";

    #[test]
    fn prints_what_it_parses() {
        assert_eq!(TEXT.parse::<GuidAge>().unwrap().to_string(), TEXT);
    }

    #[test]
    fn accepts_lower_case() {
        assert_eq!(TEXT.to_lowercase().parse::<GuidAge>().unwrap().to_string(), TEXT);
    }

    #[test]
    fn accepts_dashes_and_braces() {
        let text = "{f8e2a8b5-c9b7-4bf4-a6e4-a48f18009994}-2";
        assert_eq!(text.parse::<GuidAge>().unwrap().to_string(), TEXT);
    }

    #[test]
    fn accepts_long_ages() {
        let parsed: GuidAge = "F8E2A8B5C9B74BF4A6E4A48F18009994ffFFffFF".parse().unwrap();
        assert_eq!(parsed.age(), u32::MAX);
        assert_eq!(parsed.to_string(), "F8E2A8B5C9B74BF4A6E4A48F18009994FFFFFFFF");
    }

    #[test]
    fn refuses_a_missing_age() {
        assert!(matches!(TEXT[..32].parse::<GuidAge>(), Err(GuidAgeError::Length { digits: 32, .. })));
    }

    #[test]
    fn refuses_a_trailing_rest() {
        let error = format!("{TEXT}.pdb").parse::<GuidAge>().unwrap_err();
        assert!(matches!(error, GuidAgeError::Character { position: 34, found: '.', .. }), "{error}");
    }

    #[test]
    fn refuses_an_age_beyond_32_bits() {
        assert!("F8E2A8B5C9B74BF4A6E4A48F18009994123456789".parse::<GuidAge>().is_err());
    }

    #[test]
    fn raw_guids_are_little_endian_in_their_first_three_fields() {
        let raw =
            [0xb5, 0xa8, 0xe2, 0xf8, 0xb7, 0xc9, 0xf4, 0x4b, 0xa6, 0xe4, 0xa4, 0x8f, 0x18, 0, 0x99, 0x94];
        assert_eq!(GuidAge::from_raw(raw, 2).to_string(), TEXT);
    }
}
