//! The stream of type records (TPI): the place of each record, and the record that defines a name.
//!
//! Memory is proportional to the stream: a few small entries are kept for each record. Chains from record to record
//! are followed for 64 steps.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use profile::Report;

use crate::codeview::{CV_FIRST_NONPRIM, LF_ARGLIST, LF_BITFIELD, LF_MODIFIER, LF_MODIFIER_EX};
use crate::cursor::{Cursor, Malformed};
use crate::leaf::{self, BitField, Leaf, PointerKind};
use crate::primitive::{Mode, Primitive, primitive};
use crate::text::is_unnamed;

/// The number of the stream.
pub(crate) const STREAM: u16 = 2;

/// The most steps through modifiers, enumerations and forward references.
const MAX_CHAIN: usize = 64;

/// Every type record of a PDB.
pub(crate) struct TypeStream<'a> {
    bytes: &'a [u8],
    /// The offset of each record's kind, in the order of their indexes.
    offsets: Vec<u32>,
    /// The role of each record for records that refer to it.
    roles: Vec<Role>,
    first: u32,
    definitions: Definitions,
    /// The records that lead, with no definition in between, to a declaration that several records define; empty if
    /// there is no such declaration.
    ambiguous: Vec<bool>,
}

/// The role of a record for records that refer to it. Nearly all have the role `Other`, which avoids reading them
/// again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    BitField,
    Modifier,
    ArgumentList,
    /// A class or enumeration without a name, or a declaration of one.
    Unnamed,
    Other,
}

impl Role {
    fn of(kind: u16) -> Self {
        match kind {
            LF_BITFIELD => Self::BitField,
            LF_MODIFIER | LF_MODIFIER_EX => Self::Modifier,
            LF_ARGLIST => Self::ArgumentList,
            _ => Self::Other,
        }
    }
}

/// A record's kind and the bytes after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRecord<'a> {
    pub(crate) kind: u16,
    pub(crate) body: &'a [u8],
}

impl<'a> RawRecord<'a> {
    pub(crate) fn parse(self) -> Result<Leaf<'a>, Malformed> {
        leaf::parse(self.kind, self.body)
    }
}

impl<'a> TypeStream<'a> {
    /// Finds the records. The count in the header is only compared, since it may have any value.
    pub(crate) fn read(bytes: &'a [u8], report: &mut Report) -> Result<Self, Malformed> {
        let mut header = Cursor::new(bytes);
        let _version = header.u32()?;
        let header_size = header.u32()?;
        let (first, end) = (header.u32()?, header.u32()?);
        let mut records = Cursor::new(bytes);
        records.take(usize::try_from(header_size).map_err(|_| Malformed::Short)?)?;
        if first < CV_FIRST_NONPRIM {
            return Err(Malformed::Numeric);
        }
        let claimed = end.saturating_sub(first);
        // The smallest record has four bytes.
        let most = (records.rest().len() / 4).min(claimed as usize);
        let (offsets, roles) = (Vec::with_capacity(most), Vec::with_capacity(most));
        let mut types =
            Self { bytes, offsets, roles, first, definitions: Definitions::default(), ambiguous: Vec::new() };
        let mut definitions = Definitions::default();
        while types.len() < claimed as usize && !records.is_empty() {
            let offset = bytes.len() - records.rest().len();
            let whole = records.u16().and_then(|length| records.take(length.into()));
            let (Ok([low, high, body @ ..]), Ok(offset)) = (whole, u32::try_from(offset)) else { break };
            let record = RawRecord { kind: u16::from_le_bytes([*low, *high]), body };
            let role = types.define(record, &mut definitions);
            types.offsets.push(offset);
            types.roles.push(role);
        }
        let missing = u64::from(claimed) - types.len() as u64;
        if missing > 0 {
            report.lose_many("type records beyond the end of their stream", missing, || {
                format!("{claimed} claimed, {} found", types.len())
            });
        }
        types.definitions = definitions;
        if !types.definitions.repeats.is_empty() {
            types.find_ambiguous();
        }
        Ok(types)
    }

    /// Finds the records that lead to a declaration with several definitions. Records refer only to earlier records.
    fn find_ambiguous(&mut self) {
        self.ambiguous.reserve(self.len());
        for position in 0..self.len() {
            let leaf = self.at(position).map(RawRecord::parse);
            let ambiguous = match leaf {
                Some(Ok(Leaf::Class(class))) if class.forward => {
                    self.definition(class.name, class.unique_name).is_some_and(|it| it.repeated)
                }
                Some(Ok(Leaf::Enumeration(item))) if item.forward => {
                    self.definition(item.name, item.unique_name).is_some_and(|it| it.repeated)
                }
                Some(Ok(Leaf::Modifier(target) | Leaf::Alias { target, .. } | Leaf::Procedure(target))) => {
                    self.is_ambiguous(target)
                }
                Some(Ok(Leaf::Pointer(pointer))) => {
                    pointer.kind() == PointerKind::Address && self.is_ambiguous(pointer.target)
                }
                Some(Ok(Leaf::Array { element, .. })) => self.is_ambiguous(element),
                Some(Ok(Leaf::BitField(field))) => self.is_ambiguous(field.base),
                Some(Ok(Leaf::Arguments(indexes))) => indexes
                    .chunks_exact(4)
                    .filter_map(|index| index.first_chunk().copied())
                    .any(|index| self.is_ambiguous(u32::from_le_bytes(index))),
                _ => false,
            };
            self.ambiguous.push(ambiguous);
        }
    }

    /// Whether a use of this type leads to a declaration that several records define.
    pub(crate) fn is_ambiguous(&self, index: u32) -> bool {
        let position = index.checked_sub(self.first).and_then(|position| usize::try_from(position).ok());
        position.and_then(|position| self.ambiguous.get(position)).copied().unwrap_or(false)
    }

    /// Whether this is true of any type.
    pub(crate) fn has_ambiguous(&self) -> bool {
        self.ambiguous.contains(&true)
    }

    /// The positions of all records that define what the declaration with this index declares.
    pub(crate) fn definitions_of(&self, index: u32) -> &[u32] {
        let definition = match self.get(index).map(RawRecord::parse) {
            Some(Ok(Leaf::Class(class))) => self.definition(class.name, class.unique_name),
            Some(Ok(Leaf::Enumeration(item))) => self.definition(item.name, item.unique_name),
            _ => None,
        };
        let first = definition.and_then(|definition| u32::try_from(definition.position).ok());
        first.and_then(|first| self.definitions.repeats.get(&first)).map_or(&[], Vec::as_slice)
    }

    /// The role of the next record. If it is a definition, it is noted for forward references.
    fn define(&self, record: RawRecord<'a>, definitions: &mut Definitions) -> Role {
        let leaf = leaf::is_named(record.kind).then(|| record.parse());
        let (forward, name, unique_name) = match leaf {
            Some(Ok(Leaf::Class(class))) => (class.forward, class.name, class.unique_name),
            Some(Ok(Leaf::Enumeration(item))) => (item.forward, item.name, item.unique_name),
            _ => return Role::of(record.kind),
        };
        if !forward {
            definitions.insert(self, self.len(), key(name, unique_name));
        }
        if is_unnamed(name) { Role::Unnamed } else { Role::Other }
    }

    /// The number of records.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// The size of the records in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The index of the record at `position`.
    pub(crate) fn index_of(&self, position: usize) -> u32 {
        self.first.saturating_add(u32::try_from(position).unwrap_or(u32::MAX))
    }

    /// The position of the record with this index, if there is one.
    pub(crate) fn position(&self, index: u32) -> Option<usize> {
        let position = usize::try_from(index.checked_sub(self.first)?).ok()?;
        (position < self.offsets.len()).then_some(position)
    }

    /// The record at `position`.
    pub(crate) fn at(&self, position: usize) -> Option<RawRecord<'a>> {
        let offset = usize::try_from(*self.offsets.get(position)?).ok()?;
        let mut cursor = Cursor::new(self.bytes.get(offset..)?);
        let length = cursor.u16().ok()?;
        let mut record = Cursor::new(cursor.take(length.into()).ok()?);
        Some(RawRecord { kind: record.u16().ok()?, body: record.rest() })
    }

    /// The record with this index.
    pub(crate) fn get(&self, index: u32) -> Option<RawRecord<'a>> {
        self.at(self.position(index)?)
    }

    /// The size in bytes of a type held by value, on a system whose addresses have `address` bytes.
    pub(crate) fn size_of(&self, index: u32, address: u8) -> Option<u64> {
        let mut index = index;
        for _ in 0..MAX_CHAIN {
            if index < CV_FIRST_NONPRIM {
                let (kind, mode) = primitive(index)?;
                return match (mode, kind) {
                    (Mode::Pointer(size), _) => Some(size.into()),
                    (Mode::NativePointer, _) => Some(address.into()),
                    (Mode::Direct, Primitive::Native(_, size, _)) => Some(size.into()),
                    (Mode::Direct, Primitive::WideChar) => Some(2),
                    (Mode::Direct, Primitive::None | Primitive::Void) => None,
                };
            }
            index = match self.get(index)?.parse().ok()? {
                Leaf::Modifier(target) | Leaf::Alias { target, .. } => target,
                Leaf::BitField(field) => field.base,
                Leaf::Enumeration(item) => item.number(),
                Leaf::Pointer(pointer) => return Some(pointer.size(address).into()),
                Leaf::Array { bytes, .. } => return Some(bytes),
                Leaf::Class(class) if !class.forward => return Some(class.size),
                Leaf::Class(class) => match self.definition(class.name, class.unique_name) {
                    Some(Definition { position, .. }) => self.index_of(position),
                    None => return None,
                },
                _ => return None,
            };
        }
        None
    }

    /// The record that defines a declaration.
    pub(crate) fn definition(&self, name: &[u8], unique_name: Option<&[u8]>) -> Option<Definition> {
        self.definitions.find(self, key(name, unique_name))
    }

    /// The position of the definition of the class or enumeration with this index, if it has no name.
    pub(crate) fn unnamed(&self, index: u32) -> Option<usize> {
        if self.role(index) != Role::Unnamed {
            return None;
        }
        let position = self.position(index)?;
        let (forward, name, unique_name) = match self.at(position)?.parse().ok()? {
            Leaf::Class(class) => (class.forward, class.name, class.unique_name),
            Leaf::Enumeration(item) => (item.forward, item.name, item.unique_name),
            _ => return None,
        };
        if forward { Some(self.definition(name, unique_name)?.position) } else { Some(position) }
    }

    /// Skips modifiers and returns the index of the modified type.
    pub(crate) fn unmodified(&self, index: u32) -> u32 {
        let mut index = index;
        for _ in 0..MAX_CHAIN {
            if self.role(index) != Role::Modifier {
                break;
            }
            match self.get(index).map(RawRecord::parse) {
                Some(Ok(Leaf::Modifier(target))) => index = target,
                _ => break,
            }
        }
        index
    }

    /// The bit-field with this index, if it is one, const or not.
    pub(crate) fn bit_field(&self, index: u32) -> Option<BitField> {
        let index = self.unmodified(index);
        if self.role(index) != Role::BitField {
            return None;
        }
        match self.get(index)?.parse() {
            Ok(Leaf::BitField(field)) => Some(field),
            _ => None,
        }
    }

    /// Whether the record with this index lists the arguments of functions.
    pub(crate) fn is_argument_list(&self, index: u32) -> bool {
        self.role(index) == Role::ArgumentList
    }

    fn role(&self, index: u32) -> Role {
        let position = index.checked_sub(self.first).and_then(|position| usize::try_from(position).ok());
        position.and_then(|position| self.roles.get(position)).copied().unwrap_or(Role::Other)
    }
}

/// The key that distinguishes a class or enumeration from all others: its decorated name or, without one, its name.
fn key<'a>(name: &'a [u8], unique_name: Option<&'a [u8]>) -> &'a [u8] {
    unique_name.unwrap_or(name)
}

/// The record that defines a forward reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    pub(crate) position: usize,
    /// Whether other records define the same name, perhaps differently.
    pub(crate) repeated: bool,
}

/// The first definition of each class and enumeration, by [`key`].
#[derive(Default)]
struct Definitions {
    table: HashTable<Slot>,
    hasher: FixedState,
    /// All definitions of each key that has several, by the first of them.
    repeats: HashMap<u32, Vec<u32>, FixedState>,
}

/// The position of a record, with the top bit set if another record defines the same key, and half of the key's hash,
/// which lets the table grow without reading records again.
#[derive(Clone, Copy)]
struct Slot {
    position: u32,
    hash: u32,
}

const REPEATED: u32 = 1 << 31;

impl Slot {
    /// The hash for lookups: the table uses both ends of it.
    fn spread(hash: u32) -> u64 {
        u64::from(hash) << 32 | u64::from(hash)
    }

    fn position(self) -> usize {
        (self.position & !REPEATED) as usize
    }
}

impl Definitions {
    /// Notes that the record at `position` is a definition of `key`.
    fn insert(&mut self, types: &TypeStream<'_>, position: usize, key: &[u8]) {
        let Some(position) = u32::try_from(position).ok().filter(|position| position & REPEATED == 0) else {
            return;
        };
        let hash = self.hasher.hash_one(key) as u32;
        let equal = |slot: &Slot| slot.hash == hash && key_at(types, slot.position()) == Some(key);
        match self.table.find_mut(Slot::spread(hash), equal) {
            Some(slot) => {
                slot.position |= REPEATED;
                let first = slot.position & !REPEATED;
                self.repeats.entry(first).or_insert_with(|| vec![first]).push(position);
            }
            None => {
                let slot = Slot { position, hash };
                self.table.insert_unique(Slot::spread(hash), slot, |slot| Slot::spread(slot.hash));
            }
        }
    }

    fn find(&self, types: &TypeStream<'_>, key: &[u8]) -> Option<Definition> {
        let hash = self.hasher.hash_one(key) as u32;
        let equal = |slot: &Slot| slot.hash == hash && key_at(types, slot.position()) == Some(key);
        let slot = self.table.find(Slot::spread(hash), equal)?;
        Some(Definition { position: slot.position(), repeated: slot.position & REPEATED != 0 })
    }
}

fn key_at<'a>(types: &TypeStream<'a>, position: usize) -> Option<&'a [u8]> {
    match types.at(position)?.parse().ok()? {
        Leaf::Class(class) => Some(key(class.name, class.unique_name)),
        Leaf::Enumeration(item) => Some(key(item.name, item.unique_name)),
        _ => None,
    }
}
