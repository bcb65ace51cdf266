//! Type records, one by one.
//!
//! They are read here and not by the container library. Its reader drops a whole field list because of one unknown
//! entry, lacks 128-bit numbers and arrays over 4 GiB, and panics on some hostile files. Layouts: `cvinfo.h` in
//! Microsoft's published PDB sources; the wide `...2` kinds are known only from files.

use crate::codeview::*;
use crate::cursor::{Cursor, Malformed, Number};

/// A type record, reduced to the fields that are needed here. Types are given by their index.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leaf<'a> {
    /// Another type, const or volatile.
    Modifier(u32),
    Pointer(Pointer),
    /// An array of `bytes` bytes.
    Array {
        element: u32,
        bytes: u64,
    },
    Class(Class<'a>),
    Enumeration(Enumeration<'a>),
    /// A function, with the index of its argument list.
    Procedure(u32),
    /// Argument types: indexes of four bytes each.
    Arguments(&'a [u8]),
    BitField(BitField),
    /// A typedef.
    Alias {
        target: u32,
        name: &'a [u8],
    },
    /// A kind that is not the type of a member or variable: lists, tables, sources.
    Auxiliary,
    /// An unknown kind.
    Unknown,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pointer {
    pub(crate) target: u32,
    attributes: u32,
    /// For a pointer to a member, how it is represented (`CV_pmtype_e`).
    member: u16,
}

/// A pointer to a member, which is not an address and has its own size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PointerKind {
    Address,
    Member,
}

impl Pointer {
    pub(crate) fn kind(self) -> PointerKind {
        match self.attributes >> 5 & 7 {
            2 | 3 => PointerKind::Member,
            _ => PointerKind::Address,
        }
    }

    /// Its size in bytes, on a system whose addresses have `address` bytes.
    pub(crate) fn size(self, address: u8) -> u8 {
        let own = (self.attributes >> 13 & 0x3f) as u8;
        if own != 0 {
            return own;
        }
        // Compilers before 2003 did not write the size.
        let near = match self.attributes & 0x1f {
            0x00 => 2,
            0x01..=0x09 => 4,
            0x0a => 4,
            0x0b => 6,
            0x0c => 8,
            _ => address,
        };
        match (self.attributes >> 5 & 7, self.member) {
            // For data members an offset, and with virtual bases the place to look them up.
            (2, 1 | 2) => 4,
            (2, 3) => 8,
            (2, 4) => 12,
            // For functions an address and adjustments.
            (3, 6) => near + 4,
            (3, 7) => near + 8,
            (3, 8) => near + 12,
            _ => near,
        }
    }

    /// The number of its kind, if it is an address: 0x0a is a flat 32-bit pointer, 0x0c a 64-bit one.
    pub(crate) fn width(self) -> Option<u8> {
        match self.attributes & 0x1f {
            0x0a => Some(4),
            0x0c => Some(8),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClassKind {
    Class,
    Struct,
    Union,
}

/// A class, structure, interface or union.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class<'a> {
    pub(crate) kind: ClassKind,
    /// Whether it is only declared; its definition, if any, is another record.
    pub(crate) forward: bool,
    /// The index of its field list; 0 if it has none.
    pub(crate) fields: u32,
    pub(crate) size: u64,
    pub(crate) name: &'a [u8],
    /// Its decorated name, which tells apart types that share a name.
    pub(crate) unique_name: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Enumeration<'a> {
    pub(crate) forward: bool,
    pub(crate) underlying: u32,
    pub(crate) fields: u32,
    pub(crate) name: &'a [u8],
    pub(crate) unique_name: Option<&'a [u8]>,
}

impl Enumeration<'_> {
    /// The type of its values. Clang gives none for `char8_t`.
    pub(crate) fn number(&self) -> u32 {
        if self.underlying == 0 && !self.forward { T_CHAR8 } else { self.underlying }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct BitField {
    pub(crate) base: u32,
    pub(crate) length: u8,
    /// Its first bit, counted from the offset of the member.
    pub(crate) position: u8,
}

const FORWARD: u32 = 0x80;
const HAS_UNIQUE_NAME: u32 = 0x200;

/// Finds the name in a type record, if `kind` has one: the name, then the decorated name.
fn names<'a>(
    kind: u16,
    properties: u32,
    cursor: &mut Cursor<'a>,
) -> Result<(&'a [u8], Option<&'a [u8]>), Malformed> {
    let name = name(kind, cursor)?;
    let unique_name = if properties & HAS_UNIQUE_NAME != 0 { Some(self::name(kind, cursor)?) } else { None };
    Ok((name, unique_name))
}

fn name<'a>(kind: u16, cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    if kind < LF_ST_MAX { cursor.counted_text() } else { cursor.text() }
}

/// Whether records of this kind define or declare a class, a union or an enumeration.
pub(crate) fn is_named(kind: u16) -> bool {
    matches!(
        kind,
        LF_CLASS_ST
            | LF_STRUCTURE_ST
            | LF_UNION_ST
            | LF_ENUM_ST
            | LF_CLASS
            | LF_STRUCTURE
            | LF_UNION
            | LF_ENUM
            | LF_INTERFACE
            | LF_CLASS2
            | LF_STRUCTURE2
            | LF_UNION2
            | LF_INTERFACE2
    )
}

/// Reads a record of this kind from the bytes after the kind.
pub(crate) fn parse(kind: u16, body: &[u8]) -> Result<Leaf<'_>, Malformed> {
    let mut cursor = Cursor::new(body);
    let cursor = &mut cursor;
    Ok(match kind {
        LF_MODIFIER | LF_MODIFIER_EX => Leaf::Modifier(cursor.u32()?),
        LF_POINTER => {
            let (target, attributes) = (cursor.u32()?, cursor.u32()?);
            let mut pointer = Pointer { target, attributes, member: 0 };
            if pointer.kind() == PointerKind::Member {
                cursor.u32()?;
                pointer.member = cursor.u16()?;
            }
            Leaf::Pointer(pointer)
        }
        // Element, index type, stride if it has one, size.
        LF_ARRAY_ST | LF_ARRAY | LF_STRIDED_ARRAY => {
            let element = cursor.u32()?;
            cursor.take(if kind == LF_STRIDED_ARRAY { 8 } else { 4 })?;
            Leaf::Array { element, bytes: cursor.unsigned()? }
        }
        // Element, count, size.
        LF_VECTOR => {
            let element = cursor.u32()?;
            cursor.u32()?;
            Leaf::Array { element, bytes: cursor.unsigned()? }
        }
        LF_CLASS_ST | LF_STRUCTURE_ST | LF_CLASS | LF_STRUCTURE | LF_INTERFACE => {
            cursor.u16()?;
            let properties = cursor.u16()?.into();
            let fields = cursor.u32()?;
            cursor.take(8)?;
            let size = cursor.unsigned()?;
            let (name, unique_name) = names(kind, properties, cursor)?;
            let kind = if matches!(kind, LF_STRUCTURE_ST | LF_STRUCTURE) {
                ClassKind::Struct
            } else {
                ClassKind::Class
            };
            let forward = properties & FORWARD != 0;
            Leaf::Class(Class { kind, forward, fields, size, name, unique_name })
        }
        LF_CLASS2 | LF_STRUCTURE2 | LF_INTERFACE2 => {
            let properties = cursor.u32()?;
            let fields = cursor.u32()?;
            cursor.take(10)?;
            let size = cursor.unsigned()?;
            let (name, unique_name) = names(kind, properties, cursor)?;
            let kind = if kind == LF_STRUCTURE2 { ClassKind::Struct } else { ClassKind::Class };
            let forward = properties & FORWARD != 0;
            Leaf::Class(Class { kind, forward, fields, size, name, unique_name })
        }
        LF_UNION_ST | LF_UNION => {
            cursor.u16()?;
            let properties = cursor.u16()?.into();
            let fields = cursor.u32()?;
            let size = cursor.unsigned()?;
            let (name, unique_name) = names(kind, properties, cursor)?;
            let forward = properties & FORWARD != 0;
            Leaf::Class(Class { kind: ClassKind::Union, forward, fields, size, name, unique_name })
        }
        LF_UNION2 => {
            let properties = cursor.u32()?;
            let fields = cursor.u32()?;
            cursor.u16()?;
            let size = cursor.unsigned()?;
            let (name, unique_name) = names(kind, properties, cursor)?;
            let forward = properties & FORWARD != 0;
            Leaf::Class(Class { kind: ClassKind::Union, forward, fields, size, name, unique_name })
        }
        LF_ENUM_ST | LF_ENUM => {
            cursor.u16()?;
            let properties = cursor.u16()?.into();
            let (underlying, fields) = (cursor.u32()?, cursor.u32()?);
            let (name, unique_name) = names(kind, properties, cursor)?;
            let forward = properties & FORWARD != 0;
            Leaf::Enumeration(Enumeration { forward, underlying, fields, name, unique_name })
        }
        // Result, call, count, arguments.
        LF_PROCEDURE => {
            cursor.take(8)?;
            Leaf::Procedure(cursor.u32()?)
        }
        // Result, class, this, call, count, arguments.
        LF_MFUNCTION => {
            cursor.take(16)?;
            Leaf::Procedure(cursor.u32()?)
        }
        LF_ARGLIST => {
            let count = cursor.u32()?;
            let bytes = usize::try_from(count).ok().and_then(|count| count.checked_mul(4));
            Leaf::Arguments(cursor.take(bytes.ok_or(Malformed::Short)?)?)
        }
        LF_BITFIELD => {
            let (base, length, position) = (cursor.u32()?, cursor.u8()?, cursor.u8()?);
            Leaf::BitField(BitField { base, length, position })
        }
        LF_ALIAS_ST | LF_ALIAS => {
            let target = cursor.u32()?;
            Leaf::Alias { target, name: name(kind, cursor)? }
        }
        // Lists, tables, sources, and items, which older linkers put among the types.
        LF_VTSHAPE | LF_LABEL | LF_NULL | LF_NOTTRAN | LF_ENDPRECOMP | LF_TYPESERVER_ST | LF_VFTPATH
        | LF_PRECOMP_ST | LF_SKIP | LF_FIELDLIST | LF_DERIVED | LF_METHODLIST | LF_REFSYM | LF_TYPESERVER
        | LF_PRECOMP | LF_TYPESERVER2 | LF_VFTABLE | LF_FUNC_ID | LF_MFUNC_ID | LF_BUILDINFO
        | LF_SUBSTR_LIST | LF_STRING_ID | LF_UDT_SRC_LINE | LF_UDT_MOD_SRC_LINE => Leaf::Auxiliary,
        _ => Leaf::Unknown,
    })
}

/// An entry of a field list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'a> {
    Member {
        ty: u32,
        offset: u64,
        name: &'a [u8],
    },
    /// A base class or interface.
    Base {
        ty: u32,
        offset: u64,
    },
    /// A virtual base class. Its place is known only at run time, through a table that the pointer at `table_offset`
    /// leads to. `direct` is set if this class itself names it.
    VirtualBase {
        ty: u32,
        direct: bool,
        table: u32,
        table_offset: u64,
    },
    /// A pointer to a virtual function table.
    TablePointer {
        ty: u32,
        offset: u64,
    },
    Label {
        value: Number,
        name: &'a [u8],
    },
    /// The list continues in another record.
    Continued(u32),
    /// Methods, static members, nested types and friends, which take no space in memory.
    Nothing,
}

/// Why a field list ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// The kind of an entry is unknown, and so is the start of the next one.
    Unknown(u16),
    Malformed(Malformed),
}

impl From<Malformed> for FieldError {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

/// Reads the next entry of a field list; `None` at its end.
pub(crate) fn next_field<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Field<'a>>, FieldError> {
    cursor.pass_padding();
    if cursor.is_empty() {
        return Ok(None);
    }
    let kind = cursor.u16()?;
    // Attributes (access, method properties), padding, or a count.
    let attributes = cursor.u16()?;
    let field = match kind {
        LF_BCLASS | LF_BINTERFACE => Field::Base { ty: cursor.u32()?, offset: cursor.unsigned()? },
        LF_VBCLASS | LF_IVBCLASS => {
            let (ty, table, table_offset) = (cursor.u32()?, cursor.u32()?, cursor.unsigned()?);
            cursor.number()?;
            Field::VirtualBase { ty, direct: kind == LF_VBCLASS, table, table_offset }
        }
        LF_INDEX => Field::Continued(cursor.u32()?),
        LF_VFUNCTAB => Field::TablePointer { ty: cursor.u32()?, offset: 0 },
        LF_VFUNCOFF => Field::TablePointer { ty: cursor.u32()?, offset: cursor.u32()?.into() },
        LF_ENUMERATE_ST | LF_ENUMERATE => Field::Label { value: cursor.number()?, name: name(kind, cursor)? },
        LF_MEMBER_ST | LF_MEMBER => {
            Field::Member { ty: cursor.u32()?, offset: cursor.unsigned()?, name: name(kind, cursor)? }
        }
        LF_FRIENDCLS => {
            cursor.u32()?;
            Field::Nothing
        }
        // A method that introduces a virtual function also has its place in the table.
        LF_ONEMETHOD_ST | LF_ONEMETHOD => {
            cursor.u32()?;
            if matches!(attributes >> 2 & 7, 4 | 6) {
                cursor.u32()?;
            }
            name(kind, cursor)?;
            Field::Nothing
        }
        LF_FRIENDFCN_ST | LF_STMEMBER_ST | LF_METHOD_ST | LF_NESTTYPE_ST | LF_NESTTYPEEX_ST
        | LF_MEMBERMODIFY_ST | LF_FRIENDFCN | LF_STMEMBER | LF_METHOD | LF_NESTTYPE | LF_NESTTYPEEX
        | LF_MEMBERMODIFY => {
            cursor.u32()?;
            name(kind, cursor)?;
            Field::Nothing
        }
        unknown => return Err(FieldError::Unknown(unknown)),
    };
    Ok(Some(field))
}
