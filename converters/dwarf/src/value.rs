use gimli::constants as dw;

use crate::bytes::Cursor;
use crate::plan::{Encoding, Form, Plans, Step, indirect};

/// An attribute's value as it is stored in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// A number; a signed one as 64 bits.
    Number(u64),
    /// A text in place.
    Text(&'a [u8]),
    /// An offset into `.debug_str`.
    Str(u64),
    /// An offset into `.debug_line_str`.
    LineStr(u64),
    /// A number in the unit's table of strings.
    StrIndex(u64),
    /// An offset into the supplementary file's `.debug_str`.
    SupplementStr(u64),
    /// An entry of this unit, by its offset from the unit's header.
    Entry(u64),
    /// An entry of any unit, by its offset in the section.
    SectionEntry(u64),
    /// A type unit, by its signature.
    Signature(u64),
    /// An entry of the supplementary file.
    SupplementEntry(u64),
    /// Bytes: an expression, or a constant too long for a number.
    Block(&'a [u8]),
}

/// Reads the value at a step.
#[inline(always)]
pub(crate) fn read<'a, const BIG: bool>(
    cursor: &mut Cursor<'a, BIG>,
    step: &Step,
    plans: &Plans,
    encoding: Encoding,
) -> Option<Value<'a>> {
    cursor.skip(step.skip as usize);
    Some(match step.form {
        Form::StrOffset4 => Value::Str(u64::from(cursor.u32()?)),
        Form::Ref4 => Value::Entry(u64::from(cursor.u32()?)),
        Form::U8 => Value::Number(u64::from(cursor.u8()?)),
        Form::U16 => Value::Number(u64::from(cursor.u16()?)),
        Form::U32 => Value::Number(u64::from(cursor.u32()?)),
        Form::U64 => Value::Number(cursor.u64()?),
        Form::Text => Value::Text(cursor.text()?),
        Form::Present => Value::Number(1),
        Form::Implicit => Value::Number(*plans.implicit.get(step.implicit as usize)? as u64),
        Form::Indirect => {
            let form = indirect(cursor.uleb()?, encoding)?;
            rare(cursor, form)?
        }
        form => rare(cursor, form)?,
    })
}

fn rare<'a, const BIG: bool>(cursor: &mut Cursor<'a, BIG>, form: Form) -> Option<Value<'a>> {
    let block = |cursor: &mut Cursor<'a, BIG>, len: u64| {
        Some(Value::Block(cursor.slice(usize::try_from(len).ok()?)?))
    };
    Some(match form {
        Form::U8 => Value::Number(u64::from(cursor.u8()?)),
        Form::U16 => Value::Number(u64::from(cursor.u16()?)),
        Form::U24 => Value::Number(u64::from(cursor.u24()?)),
        Form::U32 => Value::Number(u64::from(cursor.u32()?)),
        Form::U64 => Value::Number(cursor.u64()?),
        Form::Data16 => Value::Block(cursor.slice(16)?),
        Form::Uleb => Value::Number(cursor.uleb()?),
        Form::Sleb => Value::Number(cursor.sleb()? as u64),
        Form::Present => Value::Number(1),
        Form::Text => Value::Text(cursor.text()?),
        Form::StrOffset4 => Value::Str(u64::from(cursor.u32()?)),
        Form::StrOffset8 => Value::Str(cursor.u64()?),
        Form::LineStr4 => Value::LineStr(u64::from(cursor.u32()?)),
        Form::LineStr8 => Value::LineStr(cursor.u64()?),
        Form::SupplementStr4 => Value::SupplementStr(u64::from(cursor.u32()?)),
        Form::SupplementStr8 => Value::SupplementStr(cursor.u64()?),
        Form::StrIndex1 => Value::StrIndex(u64::from(cursor.u8()?)),
        Form::StrIndex2 => Value::StrIndex(u64::from(cursor.u16()?)),
        Form::StrIndex3 => Value::StrIndex(u64::from(cursor.u24()?)),
        Form::StrIndex4 => Value::StrIndex(u64::from(cursor.u32()?)),
        Form::StrIndexUleb => Value::StrIndex(cursor.uleb()?),
        Form::Ref1 => Value::Entry(u64::from(cursor.u8()?)),
        Form::Ref2 => Value::Entry(u64::from(cursor.u16()?)),
        Form::Ref4 => Value::Entry(u64::from(cursor.u32()?)),
        Form::Ref8 => Value::Entry(cursor.u64()?),
        Form::RefUleb => Value::Entry(cursor.uleb()?),
        Form::RefSection4 => Value::SectionEntry(u64::from(cursor.u32()?)),
        Form::RefSection8 => Value::SectionEntry(cursor.u64()?),
        Form::RefSignature => Value::Signature(cursor.u64()?),
        Form::RefSupplement4 => Value::SupplementEntry(u64::from(cursor.u32()?)),
        Form::RefSupplement8 => Value::SupplementEntry(cursor.u64()?),
        Form::Block1 => {
            let len = u64::from(cursor.u8()?);
            block(cursor, len)?
        }
        Form::Block2 => {
            let len = u64::from(cursor.u16()?);
            block(cursor, len)?
        }
        Form::Block4 => {
            let len = u64::from(cursor.u32()?);
            block(cursor, len)?
        }
        Form::BlockUleb => {
            let len = cursor.uleb()?;
            block(cursor, len)?
        }
        Form::Implicit | Form::Indirect => return None,
    })
}

/// The place of a member or variable according to an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At this offset in the enclosing object.
    Offset(u64),
    /// At this address.
    Address(u64),
    /// At the address with this number in the unit's table.
    AddressIndex(u64),
}

/// The meaning of a short expression; `None` if it can be evaluated only at run time (DWARF 5, section 2.5.1).
pub(crate) fn place<const BIG: bool>(expression: &[u8], encoding: Encoding) -> Option<Place> {
    let mut cursor = Cursor::<BIG>::new(expression, 0);
    let place = match dw::DwOp(cursor.u8()?) {
        dw::DW_OP_plus_uconst | dw::DW_OP_constu => Place::Offset(cursor.uleb()?),
        dw::DW_OP_consts => Place::Offset(cursor.sleb()? as u64),
        dw::DW_OP_const1u => Place::Offset(u64::from(cursor.u8()?)),
        dw::DW_OP_const2u => Place::Offset(u64::from(cursor.u16()?)),
        dw::DW_OP_const4u => Place::Offset(u64::from(cursor.u32()?)),
        dw::DwOp(literal @ 0x30..=0x4f) => Place::Offset(u64::from(literal - 0x30)),
        dw::DW_OP_addr => Place::Address(match encoding.address_size {
            4 => u64::from(cursor.u32()?),
            8 => cursor.u64()?,
            _ => return None,
        }),
        dw::DW_OP_addrx | dw::DW_OP_GNU_addr_index => Place::AddressIndex(cursor.uleb()?),
        _ => return None,
    };
    match (place, cursor.len() - cursor.at) {
        (_, 0) => Some(place),
        // `DW_OP_constu n; DW_OP_plus`, as some compilers write a member's offset.
        (Place::Offset(_), 1) => (cursor.u8()? == dw::DW_OP_plus.0).then_some(place),
        // The address of a field inside a variable is not a variable of its own.
        _ => None,
    }
}
