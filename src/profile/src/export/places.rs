use serde_json::Value;

use crate::model::vocabulary;
use crate::resolution::{Flaw, Place, is_little_endian};
use crate::{BitRange, Member, Name, Profile, Record, RecordId, RecordKind, Resolution, Type, TypeId, Types};

/// Where the members of a profile's structs lie once names are settled, and how large they are.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) profile: &'a Profile,
    pub(super) resolution: &'a Resolution,
}

impl Places<'_> {
    /// The key and the definition of a struct that a type means; `None` for other types, and where nothing is known but
    /// a name.
    pub(super) fn record(
        self,
        meant: Type,
        place: Option<Place>,
        alias: Option<Name>,
    ) -> Option<(Name, RecordId)> {
        match meant {
            Type::Record(id) => {
                Some((self.resolution.record_key(&self.profile.types, place, alias, id)?, id))
            }
            Type::Named(name) => Some((self.resolution.key_of(name), self.resolution.record(name)?)),
            _ => None,
        }
    }

    /// Where a member lies, in bits from the struct's first, and where it ends; `None` for one that is left out, and for a
    /// bit-field of no size.
    pub(super) fn place(
        self,
        owner: Name,
        id: RecordId,
        index: usize,
        member: &Member,
    ) -> Option<(u64, u64)> {
        let place = Place { owner, member: u32::try_from(index).ok()? };
        let (bits, unit, offset) = match (self.resolution.flaw(id, index), member.bits) {
            (Some(Flaw::Dropped), _) => return None,
            (Some(Flaw::Bytes(count)), _) => return span(member.offset, count),
            (Some(Flaw::Pointer), _) => return span(member.offset, self.profile.arch.address_size().into()),
            (Some(Flaw::Unit(unit)), _) => (unit.bits, unit.size, unit.offset),
            (None, Some(bits)) => (bits, self.size(member.ty, Some(place))?, member.offset),
            (None, None) => return span(member.offset, self.size(member.ty, Some(place)).unwrap_or(0)),
        };
        let first = match is_little_endian(self.profile.arch) {
            true => u64::from(bits.start),
            false => unit.checked_mul(8)?.checked_sub(u64::from(bits.end))?,
        };
        let start = offset.checked_mul(8)?.checked_add(first)?;
        Some((start, start.checked_add(width(bits)?)?))
    }

    /// Whether the source says that a record is a union, or all its members begin with it and overlap.
    pub(super) fn is_union(self, key: Name, id: RecordId, record: &Record) -> bool {
        let members = self.profile.types.members(id);
        record.kind == RecordKind::Union
            || members.len() > 1
                && members.iter().enumerate().all(|(index, member)| {
                    self.place(key, id, index, member).is_some_and(|(start, end)| start == 0 && end > 0)
                })
    }

    /// The size in bytes of what is held by value; `None` if it is not known.
    pub(super) fn size(self, mut ty: TypeId, place: Option<Place>) -> Option<u64> {
        let types = &self.profile.types;
        let mut factor = 1u64;
        for _ in 0..Types::MAX_CHAIN {
            let size = match types.peel_named(ty) {
                (_, Type::Array { target, count }) => {
                    factor = factor.checked_mul(count)?;
                    ty = target;
                    continue;
                }
                (_, Type::Native(id)) => {
                    let native = types.native_of(id)?;
                    match native.size {
                        0 => self.usual_size(self.profile.names.get(native.name))?,
                        size => size.into(),
                    }
                }
                (_, Type::Verbatim(number)) => self.verbatim_size(number)?,
                (_, Type::Enumeration(id)) => types.enumeration_size(id),
                (_, Type::Pointer { size, .. }) => size.into(),
                (_, Type::WideString { bytes }) => bytes?,
                (alias, meant) => types.record(self.record(meant, place, alias)?.1)?.size,
            };
            return size.checked_mul(factor);
        }
        None
    }

    /// The size in bytes of the native type that bears a name.
    pub(super) fn usual_size(self, name: &str) -> Option<u64> {
        let known = vocabulary::known(name)?.size(self.profile.system, self.profile.arch);
        Some(u64::from(known)).filter(|size| *size > 0)
    }

    /// The size in bytes of what a descriptor of Rekall's reads.
    fn verbatim_size(self, number: u32) -> Option<u64> {
        let (word, arguments) = self.profile.types.verbatim(number)?;
        let target = arguments.get("target").and_then(Value::as_str);
        match (word, arguments.get("length").and_then(Value::as_u64), target) {
            ("String", Some(length), _) => Some(length),
            ("Enumeration" | "Flags", _, Some(target)) => self.usual_size(target),
            ("UnixTimeStamp", ..) => Some(4),
            ("WinFileTime" | "ThreadCreateTimeStamp", ..) => Some(8),
            (name, ..) => self.usual_size(name),
        }
    }
}

fn span(offset: u64, size: u64) -> Option<(u64, u64)> {
    Some((offset.checked_mul(8)?, offset.checked_add(size)?.checked_mul(8)?))
}

/// How many bits a bit-field has; `None` for none, and for more than C has a type for.
pub(super) fn width(bits: BitRange) -> Option<u64> {
    bits.end.checked_sub(bits.start).map(u64::from).filter(|width| (1..=64).contains(width))
}
