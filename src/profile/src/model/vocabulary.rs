use std::collections::HashSet;

use crate::{Arch, Name, Names, Native, NativeKind, System};

/// C spellings with Rekall's name for the same type; every other name stays as in the source.
pub(crate) const SPELLINGS: [(&str, &str); 13] = [
    ("long int", "long"),
    ("long unsigned int", "unsigned long"),
    ("unsigned long int", "unsigned long"),
    ("short int", "short"),
    ("short unsigned int", "unsigned short"),
    ("unsigned short int", "unsigned short"),
    ("long long int", "long long"),
    ("long long unsigned int", "unsigned long long"),
    ("unsigned long long int", "unsigned long long"),
    ("signed int", "int"),
    ("unsigned", "unsigned int"),
    ("sizetype", "unsigned long"),
    ("ssizetype", "long"),
];

/// The meaning of a native type's name for readers of profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownNative {
    /// The spelling profiles use.
    pub(crate) name: &'static str,
    size: Size,
    pub(crate) kind: NativeKind,
}

/// The size of a native type, which may depend on the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Bytes(u32),
    /// That of `long`: the size of an address, but 4 on Windows.
    Long,
    /// The size of an address.
    Address,
    /// Only the compiler knows.
    Unknown,
}

impl KnownNative {
    /// Its size in bytes on this system; 0 if unknown.
    pub(crate) fn size(self, system: System, arch: Arch) -> u32 {
        match self.size {
            Size::Bytes(bytes) => bytes,
            Size::Long if system == System::Windows => 4,
            Size::Long | Size::Address => u32::from(arch.address_size()),
            Size::Unknown => 0,
        }
    }
}

/// Each native type that is written under its own name.
const NATIVES: &[KnownNative] = {
    use NativeKind::{Bool, Char, Float, Other, Signed, Unsigned};
    use Size::{Address, Bytes, Long, Unknown};
    const fn native(name: &'static str, size: Size, kind: NativeKind) -> KnownNative {
        KnownNative { name, size, kind }
    }
    &[
        // Rekall's own (its `Profile.Initialize` of each data model).
        native("char", Bytes(1), Char),
        native("signed char", Bytes(1), Signed),
        native("unsigned char", Bytes(1), Unsigned),
        native("byte", Bytes(1), Unsigned),
        native("signed byte", Bytes(1), Signed),
        native("bool", Bytes(1), Bool),
        native("short", Bytes(2), Signed),
        native("unsigned short", Bytes(2), Unsigned),
        native("int", Bytes(4), Signed),
        native("unsigned int", Bytes(4), Unsigned),
        native("long", Long, Signed),
        native("unsigned long", Long, Unsigned),
        native("long long", Bytes(8), Signed),
        native("unsigned long long", Bytes(8), Unsigned),
        native("uint8_t", Bytes(1), Unsigned),
        native("uint16_t", Bytes(2), Unsigned),
        native("uint32_t", Bytes(4), Unsigned),
        native("uint64_t", Bytes(8), Unsigned),
        native("address", Address, Unsigned),
        native("unsigned be short", Bytes(2), Unsigned),
        native("unsigned be int", Bytes(4), Unsigned),
        // Further C and C++ types, as compilers spell them.
        native("_Bool", Bytes(1), Bool),
        native("char8_t", Bytes(1), Char),
        native("char16_t", Bytes(2), Char),
        native("char32_t", Bytes(4), Char),
        native("wchar_t", Unknown, Char),
        native("__int128", Bytes(16), Signed),
        native("unsigned __int128", Bytes(16), Unsigned),
        native("__int128 unsigned", Bytes(16), Unsigned),
        native("_Float16", Bytes(2), Float),
        native("__fp16", Bytes(2), Float),
        native("__bf16", Bytes(2), Float),
        native("float", Bytes(4), Float),
        native("_Float32", Bytes(4), Float),
        native("double", Bytes(8), Float),
        native("_Float64", Bytes(8), Float),
        native("_Float32x", Bytes(8), Float),
        native("_Float64x", Unknown, Float),
        native("long double", Unknown, Float),
        native("_Float128", Bytes(16), Float),
        native("__float128", Bytes(16), Float),
        native("complex float", Bytes(8), Other),
        native("complex double", Bytes(16), Other),
        native("complex long double", Unknown, Other),
        // As `converters/pdb` spells the numbers that no compiler of Windows has.
        native("_Float16 _Complex", Bytes(4), Other),
        native("float _Complex", Bytes(8), Other),
        native("double _Complex", Bytes(16), Other),
        native("long double _Complex", Bytes(20), Other),
        native("__float128 _Complex", Bytes(32), Other),
        native("__float48", Bytes(6), Float),
        native("_Decimal32", Bytes(4), Other),
        native("_Decimal64", Bytes(8), Other),
        native("_Decimal128", Bytes(16), Other),
    ]
};

/// The name of a native type that has another number of bytes than its name implies.
pub(crate) fn with_size(name: &str, size: u32) -> String {
    format!("{name} ({size} bytes)")
}

/// The size and meaning of a name made by [`with_size`].
pub(crate) fn sized(name: &str) -> Option<(u32, NativeKind)> {
    let (plain, size) = name.strip_suffix(" bytes)")?.rsplit_once(" (")?;
    let size: u32 = size.parse().ok().filter(|size| (1..=MOST_BYTES).contains(size))?;
    let kind = match known(plain) {
        Some(known) => known.kind,
        None if plain.contains("unsigned") => NativeKind::Unsigned,
        None if plain.contains("_BitInt") => NativeKind::Signed,
        None => NativeKind::Other,
    };
    Some((size, kind))
}

/// The largest native type: a `_BitInt` may have 8,388,608 bits.
const MOST_BYTES: u32 = 1 << 20;

/// The size of a native that depends on the compiler, as on this system; 0 if unknown.
pub(crate) fn compilers_size(name: &str, system: System, arch: Arch) -> u32 {
    let long_double = match (system, arch) {
        (System::Windows, _) | (_, Arch::Arm | Arch::Mips) => 8,
        (_, Arch::I386) => 12,
        _ => 16,
    };
    match name {
        "long double" | "_Float64x" => long_double,
        "complex long double" => 2 * long_double,
        "wchar_t" if system == System::Windows => 2,
        "wchar_t" => 4,
        _ => 0,
    }
}

/// The native type for a name in a profile, in any spelling.
pub(crate) fn known(name: &str) -> Option<KnownNative> {
    let name = SPELLINGS.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
    NATIVES.iter().find(|native| native.name == name).copied()
}

/// The words that readers interpret as a kind of descriptor, even if a struct has that name.
const WORDS: &[&str] = &[
    "Array",
    "BitField",
    "Enumeration",
    "Flags",
    "Function",
    "IndexedArray",
    "Ipv4Address",
    "Ipv6Address",
    "LinkedListArray",
    "ListArray",
    "MacAddress",
    "NativeType",
    "Pointer",
    "Pointer32",
    "PointerArray",
    "RVAPointer",
    "Signature",
    "String",
    "ThreadCreateTimeStamp",
    "UnicodeString",
    "UnixTimeStamp",
    "ValueEnumeration",
    "Void",
    "WinFileTime",
    "array",
    "pointer",
    "pointer64",
    "void",
];

/// Whether readers give a name a meaning that no struct may redefine: a word of descriptors, or a native type.
pub(crate) fn is_reserved(name: &str) -> bool {
    WORDS.binary_search(&name).is_ok() || known(name).is_some()
}

/// The names in a profile that no struct may have: such words, and the profile's own natives.
pub(crate) fn reserved_words(names: &Names, natives: &[Native]) -> HashSet<Name> {
    let words = WORDS.iter().copied();
    let all = words
        .chain(NATIVES.iter().map(|native| native.name))
        .chain(SPELLINGS.iter().map(|(alias, _)| *alias));
    all.filter_map(|word| names.find(word)).chain(natives.iter().map(|native| native.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_for_the_search() {
        assert!(WORDS.is_sorted());
        assert!(is_reserved("Pointer") && is_reserved("long unsigned int") && !is_reserved("_EPROCESS"));
    }

    #[test]
    fn aliases_lead_to_natives() {
        for (alias, name) in &SPELLINGS {
            assert_eq!(known(alias).map(|native| native.name), Some(*name));
        }
    }

    #[test]
    fn a_size_in_a_name_is_read_back() {
        assert_eq!(sized(&with_size("long double", 10)), Some((10, NativeKind::Float)));
        assert_eq!(sized(&with_size("unsigned _BitInt", 32)), Some((32, NativeKind::Unsigned)));
        assert_eq!(sized("long double"), None);
        assert_eq!(sized("x (0 bytes)"), None);
        assert_eq!(sized("x (99999999 bytes)"), None);
    }

    #[test]
    fn the_size_of_long_is_the_systems() {
        let long = known("long").unwrap();
        assert_eq!(long.size(System::Windows, Arch::Amd64), 4);
        assert_eq!(long.size(System::Linux, Arch::Amd64), 8);
        assert_eq!(long.size(System::Linux, Arch::I386), 4);
    }
}
