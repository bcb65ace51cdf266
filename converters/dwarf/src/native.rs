//! What base types mean.

use gimli::constants as dw;
use profile::NativeKind;

/// Whether a `DW_AT_encoding` says that a base type is a complex number.
pub(crate) fn is_complex(encoding: Option<u64>) -> bool {
    encoding == Some(u64::from(dw::DW_ATE_complex_float.0))
}

/// What a `DW_AT_encoding` of a language other than C says of a base type's bytes: there small integers are
/// not characters, and characters are Unicode's.
pub(crate) fn kind_elsewhere(encoding: Option<u64>) -> NativeKind {
    match encoding.and_then(|code| u8::try_from(code).ok()).map(dw::DwAte) {
        Some(dw::DW_ATE_signed_char) => NativeKind::Signed,
        Some(dw::DW_ATE_unsigned_char) => NativeKind::Unsigned,
        Some(dw::DW_ATE_UCS) => NativeKind::Char,
        Some(dw::DW_ATE_signed_fixed) => NativeKind::Signed,
        Some(dw::DW_ATE_unsigned_fixed) => NativeKind::Unsigned,
        _ => kind(encoding),
    }
}

/// What a `DW_AT_encoding` says of a base type's bytes (DWARF 5, table 7.11).
pub(crate) fn kind(encoding: Option<u64>) -> NativeKind {
    let Some(code) = encoding.and_then(|code| u8::try_from(code).ok()) else { return NativeKind::Other };
    match dw::DwAte(code) {
        dw::DW_ATE_signed => NativeKind::Signed,
        dw::DW_ATE_unsigned | dw::DW_ATE_address => NativeKind::Unsigned,
        dw::DW_ATE_signed_char | dw::DW_ATE_unsigned_char | dw::DW_ATE_UTF | dw::DW_ATE_ASCII => {
            NativeKind::Char
        }
        dw::DW_ATE_boolean => NativeKind::Bool,
        dw::DW_ATE_float => NativeKind::Float,
        _ => NativeKind::Other,
    }
}
