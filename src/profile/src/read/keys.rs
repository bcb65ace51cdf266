//! The top-level keys of a text, which distinguish a profile from a table (ISF).

use super::error::ReadError;
use crate::json::walk;

/// The sections of a table.
pub(crate) const ISF_SECTIONS: [&str; 5] = ["metadata", "base_types", "user_types", "enums", "symbols"];

/// Whether a top-level key of a text is one of ISF's, which no profile has.
pub(crate) fn is_isf_section(key: &str) -> bool {
    ISF_SECTIONS.contains(&key)
}

/// Whether an object with these keys is a profile.
pub(crate) fn judge_keys(roots: Vec<String>) -> Result<(), ReadError> {
    let rekall = roots.iter().find(|key| key.starts_with('$'));
    let isf = roots.iter().find(|key| is_isf_section(key));
    match (rekall, isf) {
        (Some(rekall), Some(isf)) => Err(ReadError::Mixed { rekall: rekall.clone(), isf: isf.clone() }),
        (Some(_), None) => Ok(()),
        (None, _) => Err(ReadError::NoSections { found: roots }),
    }
}

/// Whether the first significant key of an object is one of ISF's.
pub(crate) fn is_isf(text: &[u8]) -> bool {
    walk::first_key(text, |key| key.starts_with('$') || is_isf_section(key))
        .is_some_and(|key| is_isf_section(&key))
}
