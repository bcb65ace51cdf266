//! Types that have a number instead of a record (below 0x1000). The low byte is the kind; bits 8 to 10 say whether it
//! is the type itself or a pointer to it (`cvinfo.h`, `CV_PRIMITIVE_TYPE`).

use profile::NativeKind;

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

/// `char8_t`.
pub(crate) const CHAR8: u32 = 0x7c;

/// The lowest index of a type with a record.
pub(crate) const FIRST_RECORD: u32 = 0x1000;

/// The type with this number, and whether the number means a pointer to it; `None` for an undefined number.
pub(crate) fn primitive(index: u32) -> Option<(Primitive, Mode)> {
    use NativeKind::{Bool, Char, Float, Other, Signed, Unsigned};
    use Primitive::Native;

    if index >= 0x800 {
        return None;
    }
    let mode = match index >> 8 & 7 {
        // `nullptr_t`: a near pointer to void on every system.
        1 if index == 0x103 => Mode::NativePointer,
        0 => Mode::Direct,
        1 => Mode::Pointer(2),
        2..=4 => Mode::Pointer(4),
        5 => Mode::Pointer(6),
        6 => Mode::Pointer(8),
        _ => Mode::Pointer(16),
    };
    let kind = match index & 0xff {
        0x00 => Primitive::None,
        0x03 => Primitive::Void,
        0x02 => Native("unsigned short", 2, Unsigned), // segment
        0x04 => Native("long long", 8, Signed),        // currency
        0x08 => Native("long", 4, Signed),             // HRESULT
        // char as a distinct type, signed and unsigned char, and integers by their width
        0x10 | 0x68 => Native("char", 1, Char),
        0x20 | 0x69 | 0x70 | 0x7c => Native("unsigned char", 1, Char),
        0x11 | 0x72 => Native("short", 2, Signed),
        0x21 | 0x73 => Native("unsigned short", 2, Unsigned),
        0x12 | 0x74 => Native("long", 4, Signed),
        0x22 | 0x75 => Native("unsigned long", 4, Unsigned),
        0x13 | 0x76 => Native("long long", 8, Signed),
        0x23 | 0x77 => Native("unsigned long long", 8, Unsigned),
        0x14 | 0x78 => Native("__int128", 16, Signed),
        0x24 | 0x79 => Native("unsigned __int128", 16, Unsigned),
        0x71 | 0x7a => Primitive::WideChar,
        0x7b => Native("unsigned long", 4, Char), // char32_t
        0x30 => Native("unsigned char", 1, Bool),
        0x31 => Native("unsigned short", 2, Bool),
        0x32 => Native("unsigned long", 4, Bool),
        0x33 => Native("unsigned long long", 8, Bool),
        0x34 => Native("unsigned __int128", 16, Bool),
        0x46 => Native("_Float16", 2, Float),
        0x40 | 0x45 => Native("float", 4, Float),
        0x44 => Native("__float48", 6, Float),
        0x41 => Native("double", 8, Float),
        0x42 => Native("long double", 10, Float),
        0x43 => Native("__float128", 16, Float),
        0x56 => Native("_Float16 _Complex", 4, Other),
        0x50 | 0x55 => Native("float _Complex", 8, Other),
        0x54 => Native("__float48 _Complex", 12, Other),
        0x51 => Native("double _Complex", 16, Other),
        0x52 => Native("long double _Complex", 20, Other),
        0x53 => Native("__float128 _Complex", 32, Other),
        _ => return None,
    };
    Some((kind, mode))
}

/// Whether the values of an enumeration over this type are signed. (`char` is signed on Windows.)
pub(crate) fn is_signed(index: u32) -> bool {
    matches!(index, 0x10..=0x14 | 0x04 | 0x08 | 0x68 | 0x70 | 0x72 | 0x74 | 0x76 | 0x78)
}
