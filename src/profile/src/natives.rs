use crate::{NativeKind, Profile, Type};

/// C spellings with the name Rekall has for the same type; every other name stays as the source has it.
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

/// Integers by size in bytes: with a sign, without.
const INTEGERS: [(u32, &str, &str); 5] = [
    (1, "char", "unsigned char"),
    (2, "short", "unsigned short"),
    (4, "int", "unsigned int"),
    (8, "long long", "unsigned long long"),
    (16, "__int128", "unsigned __int128"),
];

impl Profile {
    /// The native type that stands for a C compiler's base type: by Rekall's name for it where Rekall has
    /// one, else by the source's (docs/format.md, invariant 3). A base type without a name is the integer
    /// of its size.
    pub fn c_native(&mut self, name: &str, size: u32, kind: NativeKind) -> Type {
        if name.is_empty() {
            let signed = !matches!(kind, NativeKind::Unsigned | NativeKind::Bool);
            if let Some(integer) = self.c_integer(size, signed) {
                return integer;
            }
        }
        let spelling = SPELLINGS.iter().find(|(source, _)| *source == name);
        self.native(spelling.map_or(name, |(_, rekall)| rekall), size, kind)
    }

    /// The integer of `size` bytes (1, 2, 4, 8 or 16): what an enumeration or a bit-field is stored in where
    /// the source does not name the type.
    pub fn c_integer(&mut self, size: u32, signed: bool) -> Option<Type> {
        let (_, with_sign, without) = INTEGERS.iter().find(|(bytes, ..)| *bytes == size)?;
        let (name, kind) = match signed {
            true => (with_sign, if size == 1 { NativeKind::Char } else { NativeKind::Signed }),
            false => (without, NativeKind::Unsigned),
        };
        Some(self.native(name, size, kind))
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
}
