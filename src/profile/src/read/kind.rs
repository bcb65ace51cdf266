use formats::{FileKind, WrongKind, identify};

use super::error::ReadError;

/// Refuses a text of another kind. JSON that may be a profile is left to its reader, which reports where it is wrong.
pub(crate) fn check_kind(text: &[u8]) -> Result<(), ReadError> {
    let found = if text.trim_ascii().is_empty() { FileKind::Empty.into() } else { identify(&text, None) };
    let may_be = match found.kind {
        FileKind::Profile
        | FileKind::SymlinkProfile
        | FileKind::Isf
        | FileKind::Index
        | FileKind::Inventory => true,
        FileKind::Json => !begins_list(text),
        _ => false,
    };
    if may_be { Ok(()) } else { Err(WrongKind::new("a profile", found).into()) }
}

fn begins_list(text: &[u8]) -> bool {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start().starts_with(b"[")
}
