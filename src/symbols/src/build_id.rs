use std::fmt;
use std::str::FromStr;

/// The identity of an ELF file's build: the content of its note `NT_GNU_BUILD_ID`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BuildId(Vec<u8>);

/// Why a text is not a build-id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildIdError {
    /// A character is not a hexadecimal digit.
    #[error("'{character}' at position {position} is not a hexadecimal digit")]
    Digit {
        /// The character.
        character: char,
        /// Its position, from 0.
        position: usize,
    },
    /// The number of digits is odd or out of range.
    #[error("expected 16 to 128 hexadecimal digits in pairs (40 for most), found {0}")]
    Length(usize),
}

impl BuildId {
    /// A build-id from its bytes: 8 to 64 of them.
    ///
    /// # Errors
    /// [`BuildIdError::Length`] for any other number.
    pub fn new(bytes: &[u8]) -> Result<Self, BuildIdError> {
        if (8..=64).contains(&bytes.len()) {
            Ok(Self(bytes.to_vec()))
        } else {
            Err(BuildIdError::Length(bytes.len() * 2))
        }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for BuildId {
    type Err = BuildIdError;

    /// Accepts digits in any case.
    fn from_str(text: &str) -> Result<Self, BuildIdError> {
        let mut digits = Vec::with_capacity(text.len());
        for (position, character) in text.chars().enumerate() {
            let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            digits.push(digit.ok_or(BuildIdError::Digit { character, position })?);
        }
        let (pairs, []) = digits.as_chunks::<2>() else { return Err(BuildIdError::Length(digits.len())) };
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        Self::new(&bytes)
    }
}

impl fmt::Display for BuildId {
    /// Prints lower-case digits, as other tools do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3b43fad5034874490492495d552c0af6a5fab235";

    #[test]
    fn a_build_id_in_any_case_prints_in_lower() {
        assert_eq!(ID.parse::<BuildId>().unwrap().to_string(), ID);
        assert_eq!(ID.to_uppercase().parse::<BuildId>().unwrap().to_string(), ID);
    }

    #[test]
    fn invalid_build_ids_are_refused_with_the_reason() {
        assert_eq!("3b43fad".parse::<BuildId>(), Err(BuildIdError::Length(7)));
        assert_eq!("3b43".parse::<BuildId>(), Err(BuildIdError::Length(4)));
        assert_eq!(
            "3b43fad50348744-".parse::<BuildId>(),
            Err(BuildIdError::Digit { character: '-', position: 15 })
        );
    }
}
