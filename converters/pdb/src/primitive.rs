//! Types that have a number instead of a record (below 0x1000). The low byte is the kind; bits 8 to 10 say whether it
//! is the type itself or a pointer to it (`cvinfo.h`, `CV_PRIMITIVE_TYPE`).

use profile::NativeKind;

use crate::codeview::*;

/// A type without a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Primitive {
    /// No type: the type of untyped symbols, and of `...` at the end of an argument list.
    None,
    Void,
    /// A character of UTF-16, two bytes.
    WideChar,
    /// Its name in Rekall's spelling, its size in bytes, and the meaning of its bytes.
    Native(&'static str, u32, NativeKind),
}

/// The pointer mode in the number of a type without a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Direct,
    /// A pointer of this many bytes.
    Pointer(u8),
    /// A pointer of the system's size.
    NativePointer,
}

/// The type with this number, and whether the number means a pointer to it; `None` for an undefined number.
pub(crate) fn primitive(index: u32) -> Option<(Primitive, Mode)> {
    use NativeKind::{Bool, Char, Float, Other, Signed, Unsigned};
    use Primitive::Native;

    if index >= 0x800 {
        return None;
    }
    let mode = match index >> 8 & 7 {
        // `nullptr_t`: a near pointer to void on every system.
        1 if index == T_PVOID => Mode::NativePointer,
        0 => Mode::Direct,
        1 => Mode::Pointer(2),
        2..=4 => Mode::Pointer(4),
        5 => Mode::Pointer(6),
        6 => Mode::Pointer(8),
        _ => Mode::Pointer(16),
    };
    let kind = match index & 0xff {
        T_NOTYPE => Primitive::None,
        T_VOID => Primitive::Void,
        T_SEGMENT => Native("unsigned short", 2, Unsigned),
        T_CURRENCY => Native("long long", 8, Signed),
        T_HRESULT => Native("long", 4, Signed), // HRESULT
        // char as a distinct type, signed and unsigned char, and integers by their width
        T_CHAR | T_INT1 => Native("char", 1, Char),
        T_UCHAR | T_UINT1 | T_RCHAR | T_CHAR8 => Native("unsigned char", 1, Char),
        T_SHORT | T_INT2 => Native("short", 2, Signed),
        T_USHORT | T_UINT2 => Native("unsigned short", 2, Unsigned),
        T_LONG | T_INT4 => Native("long", 4, Signed),
        T_ULONG | T_UINT4 => Native("unsigned long", 4, Unsigned),
        T_QUAD | T_INT8 => Native("long long", 8, Signed),
        T_UQUAD | T_UINT8 => Native("unsigned long long", 8, Unsigned),
        T_OCT | T_INT16 => Native("__int128", 16, Signed),
        T_UOCT | T_UINT16 => Native("unsigned __int128", 16, Unsigned),
        T_WCHAR | T_CHAR16 => Primitive::WideChar,
        T_CHAR32 => Native("unsigned long", 4, Char),
        T_BOOL08 => Native("unsigned char", 1, Bool),
        T_BOOL16 => Native("unsigned short", 2, Bool),
        T_BOOL32 => Native("unsigned long", 4, Bool),
        T_BOOL64 => Native("unsigned long long", 8, Bool),
        T_BOOL128 => Native("unsigned __int128", 16, Bool),
        T_REAL16 => Native("_Float16", 2, Float),
        T_REAL32 | T_REAL32PP => Native("float", 4, Float),
        T_REAL48 => Native("__float48", 6, Float),
        T_REAL64 => Native("double", 8, Float),
        T_REAL80 => Native("long double", 10, Float),
        T_REAL128 => Native("__float128", 16, Float),
        T_CPLX16 => Native("_Float16 _Complex", 4, Other),
        T_CPLX32 | T_CPLX32PP => Native("float _Complex", 8, Other),
        T_CPLX48 => Native("__float48 _Complex", 12, Other),
        T_CPLX64 => Native("double _Complex", 16, Other),
        T_CPLX80 => Native("long double _Complex", 20, Other),
        T_CPLX128 => Native("__float128 _Complex", 32, Other),
        _ => return None,
    };
    Some((kind, mode))
}

/// Whether the values of an enumeration over this type are signed. (`char` is signed on Windows.)
pub(crate) fn is_signed(index: u32) -> bool {
    matches!(
        index,
        T_CHAR
            | T_SHORT
            | T_LONG
            | T_QUAD
            | T_OCT
            | T_CURRENCY
            | T_HRESULT
            | T_INT1
            | T_RCHAR
            | T_INT2
            | T_INT4
            | T_INT8
            | T_INT16
    )
}
