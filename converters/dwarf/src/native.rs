//! What base types mean.

use gimli::constants as dw;
use profile::NativeKind;

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
