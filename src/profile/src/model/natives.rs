use std::collections::{BTreeMap, BTreeSet};

use crate::model::vocabulary;
use crate::{Name, NativeKind, Profile, Type};

/// Integers by size in bytes: signed, unsigned.
const INTEGERS: [(u32, &str, &str); 5] = [
    (1, "char", "unsigned char"),
    (2, "short", "unsigned short"),
    (4, "int", "unsigned int"),
    (8, "long long", "unsigned long long"),
    (16, "__int128", "unsigned __int128"),
];

impl Profile {
    /// The native type for a C compiler's base type, by Rekall's name for it or, if Rekall has none, by the source's
    /// (docs/format.md, invariant 3). A base type without a name is the integer of its size. A name that no reader
    /// of profiles knows is replaced by that of the native with the same bytes: compilers of other languages say that
    /// their units are C (Zig's does), and C compilers have types of their own.
    pub fn c_native(&mut self, name: &str, size: u32, kind: NativeKind) -> Type {
        if name.is_empty() {
            let signed = !matches!(kind, NativeKind::Unsigned | NativeKind::Bool);
            if let Some(integer) = self.c_integer(size, signed) {
                return integer;
            }
        } else if vocabulary::known(name).is_none() && !SIZELESS.contains(&name) {
            let of_integers = ["int", "char", "short", "long"].iter().any(|word| name.ends_with(word));
            return self.native_by_encoding(name, size, kind, name.contains("omplex") && !of_integers);
        }
        self.spelled_native(name, size, kind)
    }

    /// The native type with this name in Rekall's spelling; a name that Rekall does not know is kept.
    pub(crate) fn spelled_native(&mut self, name: &str, size: u32, kind: NativeKind) -> Type {
        let spelling = vocabulary::SPELLINGS.iter().find(|(source, _)| *source == name);
        self.native(spelling.map_or(name, |(_, rekall)| rekall), size, kind)
    }

    /// The integer of `size` bytes (1, 2, 4, 8 or 16), in which an enumeration or a bit-field is stored if the source
    /// does not name the type.
    pub fn c_integer(&mut self, size: u32, signed: bool) -> Option<Type> {
        let (_, with_sign, without) = INTEGERS.iter().find(|(bytes, ..)| *bytes == size)?;
        let (name, kind) = match signed {
            true => (with_sign, if size == 1 { NativeKind::Char } else { NativeKind::Signed }),
            false => (without, NativeKind::Unsigned),
        };
        Some(self.native(name, size, kind))
    }
}

/// Names that compilers give to types of any size: clang uses one name for all bit-precise integers, and one for all
/// complex numbers.
const SIZELESS: [&str; 6] =
    ["_BitInt", "unsigned _BitInt", "signed _BitInt", "complex", "_Complex", "_BitInt unsigned"];

impl Profile {
    /// Gives native types precise names, after the architecture is known and before names are settled. A name that
    /// implies a size (`unsigned long`), or no size at all (`_BitInt`), is replaced if the type has another size, and
    /// types that share a name but not a size are told apart. The order in which they were added does not matter
    /// (docs/format.md, invariant 3).
    pub fn settle_natives(&mut self) {
        let (system, arch) = (self.system, self.arch);
        let mut sizes: BTreeMap<Name, BTreeSet<u32>> = BTreeMap::new();
        for native in self.types.natives().iter().filter(|native| native.size > 0) {
            sizes.entry(native.name).or_default().insert(native.size);
        }
        let mut renamed = Vec::new();
        for (index, native) in self.types.natives().iter().enumerate() {
            let Some(sizes) = sizes.get(&native.name).filter(|_| native.size > 0) else { continue };
            let name = self.names.get(native.name);
            let usual = match vocabulary::known(name).map_or(0, |known| known.size(system, arch)) {
                0 => vocabulary::compilers_size(name, system, arch),
                usual => usual,
            };
            let sizeless = SIZELESS.contains(&name);
            // If only the compiler knows the usual size, the largest is assumed.
            let keeps = match usual {
                0 => !sizeless && sizes.last() == Some(&native.size),
                usual => usual == native.size,
            };
            if !keeps {
                let by_size = name_by_size(name, native.size, native.kind).filter(|by_size| *by_size != name);
                let other = by_size.map_or_else(|| vocabulary::with_size(name, native.size), str::to_owned);
                renamed.push((index, other));
            }
        }
        for (index, name) in renamed {
            let name = self.names.intern(&name);
            self.types.rename_native(index, name);
        }
    }

    /// The native type for a base type of a language other than C, by the meaning and number of its bytes: `usize` is
    /// `unsigned long long` if it has eight bytes. `complex` says that it is a complex number. A type without a
    /// matching native is kept as bytes.
    pub fn native_by_encoding(&mut self, name: &str, size: u32, kind: NativeKind, complex: bool) -> Type {
        let name = match complex {
            true => name_by_size("complex", size, NativeKind::Other),
            // Both a quadruple float and the processor's own may have sixteen bytes.
            false if kind == NativeKind::Float && size == 16 && name.contains("128") => Some("_Float128"),
            // The characters of other languages are Unicode code points.
            false if kind == NativeKind::Char && size == 1 && name.contains("utf8") => Some("char8_t"),
            false if kind == NativeKind::Bool && size == 1 => Some("bool"),
            // A complex number of integers.
            false if kind == NativeKind::Other => None,
            false => name_by_size(name, size, kind),
        };
        match name {
            Some(name) => self.native(name, size, kind),
            None => {
                let byte = self.native("unsigned char", 1, NativeKind::Unsigned);
                let target = self.types.add(byte);
                Type::Array { target, count: size.into() }
            }
        }
    }
}

/// The name of the native type of this size and kind; `name` is the source's name for it.
fn name_by_size(name: &str, size: u32, kind: NativeKind) -> Option<&'static str> {
    let integer = |signed: bool| {
        let (_, with_sign, without) = INTEGERS.iter().find(|(bytes, ..)| *bytes == size)?;
        Some(if signed { *with_sign } else { *without })
    };
    match kind {
        NativeKind::Signed if size == 1 => Some("signed char"),
        NativeKind::Signed => integer(true),
        NativeKind::Unsigned | NativeKind::Bool => integer(false),
        NativeKind::Char => match size {
            1 if name.starts_with("unsigned") => Some("unsigned char"),
            1 => Some("char"),
            2 => Some("char16_t"),
            4 => Some("char32_t"),
            _ => None,
        },
        NativeKind::Float => match size {
            2 => Some("_Float16"),
            4 => Some("float"),
            8 => Some("double"),
            10 | 12 | 16 => Some("long double"),
            _ => None,
        },
        NativeKind::Other if name.contains("omplex") => match size {
            8 => Some("complex float"),
            16 => Some("complex double"),
            20 | 24 | 32 => Some("complex long double"),
            _ => None,
        },
        NativeKind::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arch, System};

    fn name(profile: &Profile, ty: Type) -> &str {
        let Type::Native(id) = ty else { panic!("{ty:?}") };
        profile.names.get(profile.types.native_of(id).unwrap().name)
    }

    #[test]
    fn spellings_of_one_type_are_one_native() {
        let mut profile = Profile::new(System::Linux, Arch::Amd64);
        let gcc = profile.c_native("long unsigned int", 8, NativeKind::Unsigned);
        let clang = profile.c_native("unsigned long", 8, NativeKind::Unsigned);
        assert_eq!(gcc, clang);
        assert_eq!(name(&profile, gcc), "unsigned long");
        let own = profile.c_native("_Bool", 1, NativeKind::Bool);
        assert_eq!(name(&profile, own), "_Bool");
    }

    #[test]
    fn a_base_type_without_a_name_is_the_integer_of_its_size() {
        let mut profile = Profile::new(System::Linux, Arch::Amd64);
        let nameless = profile.c_native("", 8, NativeKind::Unsigned);
        assert_eq!(name(&profile, nameless), "unsigned long long");
        assert_eq!(profile.c_integer(3, true), None);
    }

    /// The names of all natives, with their sizes.
    fn settled(arch: Arch, natives: &[(&str, u32, NativeKind)]) -> Vec<(String, u32)> {
        let mut profile = Profile::new(System::Linux, arch);
        for (name, size, kind) in natives {
            profile.c_native(name, *size, *kind);
        }
        profile.settle_natives();
        let natives = profile.types.natives().iter();
        natives.map(|native| (profile.names.get(native.name).to_owned(), native.size)).collect()
    }

    #[test]
    fn natives_that_share_a_name_are_told_apart_by_their_size() {
        use NativeKind::{Char, Float, Other, Signed, Unsigned};
        let source = [
            ("_BitInt", 1, Signed),
            ("_BitInt", 16, Signed),
            ("_BitInt", 32, Signed),
            ("complex", 8, Other),
            ("complex", 16, Other),
            ("wchar_t", 2, Char),
            ("wchar_t", 4, Char),
            ("long double", 12, Float),
            ("long double", 16, Float),
            ("long unsigned int", 4, Unsigned),
            ("long unsigned int", 8, Unsigned),
        ];
        let expected = [
            ("signed char", 1),
            ("__int128", 16),
            ("_BitInt (32 bytes)", 32),
            ("complex float", 8),
            ("complex double", 16),
            ("char16_t", 2),
            ("wchar_t", 4),
            ("long double (12 bytes)", 12),
            ("long double", 16),
            ("unsigned int", 4),
            ("unsigned long", 8),
        ];
        let pair = |(name, size): &(&str, u32)| ((*name).to_owned(), *size);
        assert_eq!(settled(Arch::Amd64, &source), expected.iter().map(pair).collect::<Vec<_>>());
        let reversed: Vec<_> = source.iter().rev().copied().collect();
        let mut other_order = settled(Arch::Amd64, &reversed);
        other_order.sort();
        let mut sorted = settled(Arch::Amd64, &source);
        sorted.sort();
        assert_eq!(other_order, sorted);
        let names: BTreeSet<_> = sorted.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), sorted.len());
        // The usual names for the architecture stay.
        assert_eq!(settled(Arch::I386, &[("long int", 4, Signed)]), [("long".to_owned(), 4)]);
    }

    #[test]
    fn base_types_of_c_that_no_reader_knows_are_natives_by_their_bytes() {
        use NativeKind::{Float, Other, Signed, Unsigned};
        for (source, size, kind, expected) in [
            ("u8", 1, Unsigned, "unsigned char"),
            ("i64", 8, Signed, "long long"),
            ("c_longdouble", 16, Float, "long double"),
            ("f80", 10, Float, "long double (10 bytes)"),
            ("_Float64x", 16, Float, "_Float64x"),
            ("_Decimal64", 8, Other, "_Decimal64"),
            ("complex _Float64x", 32, Other, "complex long double"),
            ("_BitInt(37)", 8, Signed, "long long"),
        ] {
            assert_eq!(settled(Arch::Amd64, &[(source, size, kind)]), [(expected.to_owned(), size)]);
        }
        // A complex number of integers has no name; its bytes are kept.
        let mut profile = Profile::new(System::Linux, Arch::Amd64);
        let complex = profile.c_native("complex int", 8, Other);
        assert!(matches!(complex, Type::Array { count: 8, .. }));
    }

    #[test]
    fn base_types_of_other_languages_are_natives_by_their_encoding() {
        use NativeKind::{Bool, Char, Float, Other, Signed, Unsigned};
        for (source, size, kind, complex, expected) in [
            ("u8", 1, Unsigned, false, "unsigned char"),
            ("i8", 1, Signed, false, "signed char"),
            ("usize", 8, Unsigned, false, "unsigned long long"),
            ("u128", 16, Unsigned, false, "unsigned __int128"),
            ("char", 4, Char, false, "char32_t"),
            ("f16", 2, Float, false, "_Float16"),
            ("f128", 16, Float, false, "_Float128"),
            ("real", 16, Float, false, "long double"),
            ("character(kind=4)", 4, Unsigned, false, "unsigned int"),
            ("complex64", 8, Other, true, "complex float"),
            ("bool", 1, Bool, false, "bool"),
            ("long", 8, Signed, false, "long long"),
        ] {
            let mut profile = Profile::new(System::Linux, Arch::Amd64);
            let native = profile.native_by_encoding(source, size, kind, complex);
            assert_eq!(name(&profile, native), expected, "{source}");
        }
        let mut profile = Profile::new(System::Linux, Arch::Amd64);
        let unit = profile.native_by_encoding("()", 0, Unsigned, false);
        assert!(matches!(unit, Type::Array { count: 0, .. }));
        assert!(matches!(
            profile.native_by_encoding("u24", 3, Unsigned, false),
            Type::Array { count: 3, .. }
        ));
    }
}
