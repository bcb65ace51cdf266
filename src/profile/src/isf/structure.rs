use std::borrow::Cow;

use super::descriptor::{Descriptors, Lowered};
use super::entry::{fields, string, unsigned};
use super::losses::{NOT_UNDERSTOOD, REPEATED};
use crate::json::walk;
use crate::resolution::is_little_endian;
use crate::{Name, NewMember, Profile, RecordKind, Report, StorageUnit, Type, TypeId, Types};

/// Counted for members without an offset.
const PLACELESS: &str = "members whose offset is not a whole number";
/// Counted for structs without a kind, a size or members.
const DAMAGED: &str = "structs that are not as the schema has them";

/// The entry of a struct, with its members in the order of their offsets.
pub(super) struct Struct {
    pub(super) kind: RecordKind,
    /// Its size in bytes; `None` if the table does not give it.
    pub(super) size: Option<u64>,
    pub(super) members: Vec<NewMember>,
}

/// A member with a place, before its type is understood.
struct ScannedMember<'de> {
    name: Cow<'de, str>,
    offset: u64,
    ty: Option<&'de str>,
    anonymous: bool,
}

/// The texts in an entry of `user_types`, before any of them is understood.
pub(super) struct Scanned<'de> {
    kind: Option<&'de str>,
    size: Option<&'de str>,
    members: Vec<ScannedMember<'de>>,
    /// The members without a place: they are counted here, since a hostile entry may hold millions of them.
    losses: Report,
    /// Whether the members could be read to their end.
    whole: bool,
}

/// Finds the texts in an entry of `user_types`; `None` if it is not an object.
pub(super) fn scan<'de>(owner: &str, text: &'de str) -> Option<Scanned<'de>> {
    let [kind, size, entries] = fields(text, ["kind", "size", "fields"])?;
    let (mut members, mut losses) = (Vec::new(), Report::default());
    let walked = walk::entries(entries.unwrap_or("{}"), |name, text| {
        let [offset, ty, anonymous] = fields(text, ["offset", "type", "anonymous"]).unwrap_or_default();
        match unsigned(offset) {
            Some(offset) => {
                members.push(ScannedMember { name, offset, ty, anonymous: anonymous == Some("true") });
            }
            None => losses.lose(PLACELESS, || format!("{owner}.{name}")),
        }
    });
    Some(Scanned { kind, size, members, losses, whole: entries.is_some() && walked.is_ok() })
}

/// Reads an entry of `user_types`. An unknown kind counts as a struct. A member keeps its place even if its type cannot be
/// read.
pub(super) fn lower<'de>(
    owner: &str,
    scanned: Scanned<'de>,
    descriptors: &mut Descriptors<'de, '_>,
    profile: &mut Profile,
    report: &mut Report,
) -> Struct {
    let kind = match string(scanned.kind).as_deref() {
        Some("struct") => Some(RecordKind::Struct),
        Some("union") => Some(RecordKind::Union),
        Some("class") => Some(RecordKind::Class),
        _ => None,
    };
    let size = unsigned(scanned.size);
    let mut members: Vec<(Name, bool, NewMember)> = Vec::new();
    report.absorb(scanned.losses);
    for ScannedMember { name, offset, ty, anonymous } in scanned.members {
        let Lowered { ty, bits, understood } = descriptors.lower(ty.unwrap_or("null"), profile, report);
        if !understood {
            report.lose(NOT_UNDERSTOOD, || format!("{owner}.{name}"));
        }
        let member = NewMember { name: None, offset, ty, bits };
        members.push((profile.intern(&name), anonymous, member));
    }
    if kind.is_none() || size.is_none() || !scanned.whole {
        report.lose(DAMAGED, || owner.to_owned());
    }
    // The last of repeated names counts: after reversing it is the first, which `dedup` keeps.
    members.reverse();
    members.sort_by_key(|(name, ..)| *name);
    let before = members.len();
    members.dedup_by_key(|(name, ..)| *name);
    if members.len() < before {
        report.lose_many(REPEATED, (before - members.len()) as u64, || owner.to_owned());
    }
    // Some producers sort members by name. Except in unions, they were declared in this order.
    members.sort_by_key(|(name, _, member)| {
        let name = profile.names.get(*name);
        let number = name.trim_start_matches(|letter: char| !letter.is_ascii_digit()).parse::<u32>().ok();
        (member.offset, member.bits.map(|bits| bits.start), number, name)
    });
    let members = members.into_iter().map(|(name, anonymous, member)| NewMember {
        name: (!anonymous).then_some(name),
        ..in_its_unit(member, size.unwrap_or(u64::MAX), profile)
    });
    Struct { kind: kind.unwrap_or(RecordKind::Struct), size, members: members.collect() }
}

/// A bit-field in its storage unit. dwarf2json places fields at their first byte, so the bytes of the type at that
/// place may reach beyond the struct. If the type's size at an aligned offset holds the same bits, that is the unit
/// (docs/format.md, invariant 4).
fn in_its_unit(member: NewMember, record_size: u64, profile: &Profile) -> NewMember {
    let unit = || {
        let bits = member.bits?;
        let size = profile.types.size_of(member.ty).filter(|size| *size > 0)?;
        if member.offset.is_multiple_of(size) && member.offset.checked_add(size)? <= record_size {
            return None;
        }
        let first = member.offset.checked_mul(8)?.checked_add(bits.start.into())?;
        let width = u64::from(bits.end - bits.start);
        let unit = StorageUnit::in_record(first, width, size, record_size, false)?;
        (unit.size == size).then_some(unit)
    };
    match unit().filter(|_| is_little_endian(profile.arch)) {
        Some(unit) => NewMember { offset: unit.offset, bits: Some(unit.bits), ..member },
        None => member,
    }
}

/// The end of a struct's last member in bytes, as far as sizes are known. It is used as the size of a struct whose
/// entry gives none. `size_of` gives the sizes of structs by name.
pub(super) fn end_of(members: &[NewMember], types: &Types, size_of: impl Fn(Name) -> Option<u64>) -> u64 {
    let size_of = |mut ty: TypeId| {
        let mut factor = 1u64;
        for _ in 0..Types::MAX_CHAIN {
            let size = match types.get(ty) {
                Type::Array { target, count } => {
                    factor = factor.saturating_mul(count);
                    ty = target;
                    continue;
                }
                Type::Named(name) => size_of(name),
                _ => types.size_of(ty),
            };
            return size.unwrap_or_default().saturating_mul(factor);
        }
        0
    };
    members.iter().map(|member| member.offset.saturating_add(size_of(member.ty))).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_without_a_place_are_counted_and_not_kept() {
        let members = vec![r#""a": 0"#; 1000].join(", ");
        let text =
            format!(r#"{{"kind": "struct", "size": 8, "fields": {{{members}, "b": {{"offset": 4}}}}}}"#);
        let scanned = scan("s", &text).unwrap();
        assert_eq!((scanned.members.len(), scanned.losses.count(PLACELESS)), (1, 1000));
        assert!(scanned.whole);
    }
}
