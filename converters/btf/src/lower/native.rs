//! The names of base types.

use profile::{NativeKind, Type};

use super::Lowering;
use crate::table::TypeView;

/// The names of C's characters. The flag for them is hardly ever set, because pahole does not write it.
const CHARACTERS: [&str; 6] = ["char", "signed char", "unsigned char", "char8_t", "char16_t", "char32_t"];

impl<'t, 'a> Lowering<'t, 'a, '_> {
    /// An integer, a character or a Boolean.
    pub(super) fn integer_type(&mut self, view: &TypeView<'t, 'a>) -> Type {
        let name = String::from_utf8_lossy(short(view.name()));
        let integer = view.record.integer();
        let kind = if integer.boolean {
            NativeKind::Bool
        } else if integer.character || CHARACTERS.contains(&name.as_ref()) {
            NativeKind::Char
        } else if integer.signed {
            NativeKind::Signed
        } else {
            NativeKind::Unsigned
        };
        self.profile.c_native(&name, view.record.size(), kind)
    }

    /// A floating-point number.
    pub(super) fn float_type(&mut self, view: &TypeView<'t, 'a>) -> Type {
        let name = String::from_utf8_lossy(short(view.name()));
        self.profile.c_native(&name, view.record.size(), NativeKind::Float)
    }
}

/// A name, cut to the length that the names of base types have at most.
fn short(name: &[u8]) -> &[u8] {
    name.get(..super::LONG_NAME).unwrap_or(name)
}
