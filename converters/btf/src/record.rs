//! The records of types, and the data after them.
//!
//! Source of the format: Documentation/bpf/btf.rst and include/uapi/linux/btf.h of the kernel's sources. Since 2026 a
//! record counts its elements in 24 bits and numbers its kind in seven; before, it used 16 and five, and the bits
//! between were zero.

use crate::blob::word;
use crate::kind::{BtfKind, Extent};

/// The fixed start of every record: name, information, size or type.
pub(crate) const HEAD: usize = 12;
/// The bits of the information that count a record's elements.
const COUNT: u32 = 0x00ff_ffff;
/// The bits with its kind, shifted down.
const KIND: u32 = 0x7f;

/// A record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub(crate) kind: BtfKind,
    /// The place of its name in the strings; 0 if it has none.
    pub(crate) name: u32,
    /// The number of its elements.
    pub(crate) count: u32,
    /// The flag, whose meaning depends on the kind.
    pub(crate) flag: bool,
    /// Its size in bytes, or the type to which it refers.
    pub(crate) size_or_type: u32,
    /// The data after its head, up to the end of the section.
    rest: &'a [u8],
    big_endian: bool,
}

/// A member of a struct or union in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawMember {
    pub(crate) name: u32,
    pub(crate) ty: u32,
    /// Where it begins, in bits.
    pub(crate) bit: u32,
    /// For a bit-field, its width in bits.
    pub(crate) width: Option<u32>,
}

/// The properties of an integer in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Integer {
    pub(crate) signed: bool,
    pub(crate) character: bool,
    pub(crate) boolean: bool,
    /// The start of its value in its bytes, in bits, and the number of bits: tables before 2018 express bit-fields in
    /// this way.
    pub(crate) offset: u32,
    pub(crate) bits: u32,
}

impl<'a> Record<'a> {
    /// Reads the head of the record at an offset.
    pub(crate) fn read(types: &'a [u8], at: usize, big_endian: bool) -> Option<Self> {
        let info = word(types, at.checked_add(4)?, big_endian)?;
        Some(Self {
            kind: BtfKind::of((info >> 24 & KIND) as u8),
            name: word(types, at, big_endian)?,
            count: info & COUNT,
            flag: info >> 31 != 0,
            size_or_type: word(types, at.checked_add(8)?, big_endian)?,
            rest: types.get(at.checked_add(HEAD)?..)?,
            big_endian,
        })
    }

    /// Its size in bytes if its kind has this extent.
    pub(crate) fn length(&self, extent: Extent) -> Option<usize> {
        let elements = usize::from(extent.each).checked_mul(self.count as usize)?;
        HEAD.checked_add(usize::from(extent.fixed))?.checked_add(elements)
    }

    /// How many bytes exist, of the record and everything after it.
    pub(crate) fn available(&self) -> usize {
        HEAD + self.rest.len()
    }

    fn word(&self, index: usize) -> u32 {
        // The size of a record was checked when the table was opened.
        word(self.rest, index * 4, self.big_endian).unwrap_or_default()
    }

    /// The type to which it refers, for kinds that refer to one.
    pub(crate) fn target(&self) -> u32 {
        self.size_or_type
    }

    /// Its size in bytes, for kinds that have one.
    pub(crate) fn size(&self) -> u32 {
        self.size_or_type
    }

    pub(crate) fn integer(&self) -> Integer {
        let encoding = self.word(0);
        let has = |bit: u32| encoding >> 24 & bit != 0;
        Integer {
            signed: has(1),
            character: has(2),
            boolean: has(4),
            offset: encoding >> 16 & 0xff,
            bits: encoding & 0xff,
        }
    }

    /// The type of an array's elements, and their number.
    pub(crate) fn array(&self) -> (u32, u32) {
        (self.word(0), self.word(2))
    }

    /// The numbers of its elements, for a record of one of these kinds. Other kinds have no such elements, whatever a
    /// hostile record says of their number.
    fn elements(&self, kinds: &[BtfKind]) -> std::ops::Range<usize> {
        if kinds.contains(&self.kind) { 0..self.count as usize } else { 0..0 }
    }

    /// The members of a struct or union; none for another kind.
    pub(crate) fn members(&self) -> impl ExactSizeIterator<Item = RawMember> {
        self.elements(&[BtfKind::Struct, BtfKind::Union]).map(|index| {
            let (name, ty, place) =
                (self.word(index * 3), self.word(index * 3 + 1), self.word(index * 3 + 2));
            match self.flag {
                true => RawMember {
                    name,
                    ty,
                    bit: place & COUNT,
                    width: Some(place >> 24).filter(|width| *width > 0),
                },
                false => RawMember { name, ty, bit: place, width: None },
            }
        })
    }

    /// The labels of an enumeration: their names and values, which are signed if a flag says so.
    pub(crate) fn labels(&self) -> impl ExactSizeIterator<Item = (u32, u64)> {
        let wide = self.kind == BtfKind::Enum64;
        self.elements(&[BtfKind::Enum, BtfKind::Enum64]).map(move |index| match wide {
            true => {
                let (low, high) = (self.word(index * 3 + 1), self.word(index * 3 + 2));
                (self.word(index * 3), u64::from(high) << 32 | u64::from(low))
            }
            false => (self.word(index * 2), u64::from(self.word(index * 2 + 1))),
        })
    }

    /// The types of a function's arguments. An element without a name and a type means a variable number of arguments.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = u32> {
        let all = self.elements(&[BtfKind::Signature]);
        let all = all.map(|index| (self.word(index * 2), self.word(index * 2 + 1)));
        all.filter(|argument| *argument != (0, 0)).map(|(_, ty)| ty)
    }

    /// The variables of a section: their records and their offsets in it, in bytes.
    pub(crate) fn variables(&self) -> impl ExactSizeIterator<Item = (u32, u32)> {
        let all = self.elements(&[BtfKind::Section]);
        all.map(|index| (self.word(index * 3), self.word(index * 3 + 1)))
    }

    /// Whether a variable is visible outside its source file.
    pub(crate) fn is_global(&self) -> bool {
        self.word(0) != 0
    }

    /// Every type to which the record refers.
    pub(crate) fn references(&self, mut each: impl FnMut(u32)) {
        match self.kind {
            BtfKind::Pointer
            | BtfKind::Typedef
            | BtfKind::Volatile
            | BtfKind::Const
            | BtfKind::Restrict
            | BtfKind::Function
            | BtfKind::Variable
            | BtfKind::DeclarationTag
            | BtfKind::TypeTag => each(self.target()),
            BtfKind::Array => each(self.array().0),
            BtfKind::Struct | BtfKind::Union => self.members().for_each(|member| each(member.ty)),
            BtfKind::Signature => {
                each(self.target());
                self.arguments().for_each(each);
            }
            BtfKind::Section => self.variables().for_each(|(variable, _)| each(variable)),
            BtfKind::Int
            | BtfKind::Enum
            | BtfKind::Enum64
            | BtfKind::Forward
            | BtfKind::Float
            | BtfKind::Unknown(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_elements_has_none_whatever_it_says() {
        // An integer that claims 2^24 - 1 elements: kind 1.
        let mut bytes = [0; 16];
        bytes[4..8].copy_from_slice(&(1 << 24 | COUNT).to_le_bytes());
        let record = Record::read(&bytes, 0, false).unwrap();
        assert_eq!((record.kind, record.count), (BtfKind::Int, COUNT));
        assert_eq!(record.members().len() + record.labels().len() + record.variables().len(), 0);
        assert_eq!(record.arguments().count(), 0);
    }
}
