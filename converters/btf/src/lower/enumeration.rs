//! Enumerations: their values, and whether these are signed.

use profile::{Label, NativeKind, Type, TypeId};

use super::Lowering;
use crate::kind::BtfKind;
use crate::table::TypeView;

/// The lowest 32-bit value that is read as a negative number in tables without signs. Flags in the highest bits are
/// below it.
const LEAST_NEGATIVE: u32 = (-0x8000i32).cast_unsigned();

impl<'t, 'a> Lowering<'t, 'a, '_> {
    pub(super) fn enumeration(&mut self, id: u32, view: &TypeView<'t, 'a>) -> Type {
        let record = view.record;
        let size = match record.size() {
            0 => 4,
            size => size,
        };
        if record.count == 0 {
            // Only declared: the integer in which it is stored.
            let integer = self.profile.c_integer(size, false);
            return integer.unwrap_or(Type::Void);
        }
        let negative = |(_, value): (u32, u64)| value >= u64::from(LEAST_NEGATIVE);
        let guessed =
            !self.signs_told && record.kind == BtfKind::Enum && size <= 4 && record.labels().any(negative);
        self.signs_guessed += u64::from(guessed);
        let signed = record.flag || guessed;
        let mut labels = Vec::with_capacity(record.count as usize);
        for (name, value) in record.labels() {
            let bits = match (record.kind, signed) {
                (BtfKind::Enum, true) => i64::from((value as u32).cast_signed()).cast_unsigned(),
                _ => value,
            };
            match self.name(id, name, view) {
                Some(name) => labels.push(Label { name, bits }),
                None => self.report.lose("labels without a name or a value", || format!("type {id}")),
            }
        }
        let name = self.name(id, record.name, view);
        let underlying = self.underlying(size, signed);
        Type::Enumeration(self.profile.types.add_enumeration(name, underlying, signed, &labels))
    }

    /// The type in which compilers store an enumeration of this size.
    fn underlying(&mut self, size: u32, signed: bool) -> TypeId {
        let name = match (size, signed) {
            (1, true) => "signed char",
            (8, true) if self.pointer == 8 => "long",
            (8, false) if self.pointer == 8 => "unsigned long",
            _ => return self.integer(size, signed),
        };
        let kind = match (size, signed) {
            (1, _) => NativeKind::Char,
            (_, true) => NativeKind::Signed,
            (_, false) => NativeKind::Unsigned,
        };
        let native = self.profile.native(name, size, kind);
        self.profile.types.add(native)
    }
}
