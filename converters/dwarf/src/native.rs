//! The meaning of base types.

use gimli::constants as dw;
use profile::NativeKind;

/// The meaning of a base type in C. `char` is signed or not, depending on the processor and the compiler's options.
pub(crate) fn kind_in_c(name: &str, encoding: Option<u64>) -> NativeKind {
    match encoding {
        Some(code) if name == "char" && code == u64::from(dw::DW_ATE_unsigned_char.0) => NativeKind::Unsigned,
        _ => kind(encoding),
    }
}

/// Whether the values of a native of this name and kind have a sign.
pub(crate) fn is_signed(name: &str, kind: NativeKind) -> bool {
    match kind {
        NativeKind::Signed => true,
        NativeKind::Char => matches!(name, "char" | "signed char"),
        _ => false,
    }
}

/// Whether a type with only a name is that of the null pointer, in C++ (also as clang writes it) and in D.
pub(crate) fn is_null_pointer(name: &str) -> bool {
    name.contains("nullptr") || name == "typeof(null)"
}

/// Whether a `DW_AT_encoding` is that of a complex number.
pub(crate) fn is_complex(encoding: Option<u64>) -> bool {
    encoding == Some(u64::from(dw::DW_ATE_complex_float.0))
}

/// The meaning of a `DW_AT_encoding` in languages other than C, where small integers are not characters, and
/// characters are Unicode code points.
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

/// The meaning of a `DW_AT_encoding` (DWARF 5, table 7.11).
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
