//! Whether two descriptions mean one type.

use super::reason::Reason;
use super::settled::Settled;
use crate::{Name, Native, NativeKind, Type, TypeId};

/// How two types relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Same,
    Explained(Reason),
    /// They have these sizes in bytes.
    Sizes(u64, u64),
}

/// How deep pointers and arrays are followed.
const MAX_DEPTH: usize = 32;

pub(super) fn relate(first: (Settled<'_>, TypeId), second: (Settled<'_>, TypeId)) -> Relation {
    let size = |(side, ty): (Settled<'_>, TypeId)| side.size_of(ty).filter(|size| *size > 0);
    if let (Some(a), Some(b)) = (size(first), size(second))
        && a != b
    {
        return Relation::Sizes(a, b);
    }
    reason(first, second, MAX_DEPTH).map_or(Relation::Same, Relation::Explained)
}

fn reason(first: (Settled<'_>, TypeId), second: (Settled<'_>, TypeId), depth: usize) -> Option<Reason> {
    let deeper = depth.checked_sub(1)?;
    let peel = |(side, ty): (Settled<'_>, TypeId)| side.profile.types.peel(ty);
    match (peel(first), peel(second)) {
        (Type::Native(a), Type::Native(b)) => {
            let native = |side: Settled<'_>, id| side.profile.types.native_of(id).copied();
            let (a, b) = (native(first.0, a)?, native(second.0, b)?);
            let name = |side: Settled<'_>, native: Native| side.profile.names.get(native.name).to_owned();
            if name(first.0, a) == name(second.0, b) {
                return None;
            }
            let signed = |native: Native| native.kind == NativeKind::Signed;
            let unsigned = |native: Native| native.kind == NativeKind::Unsigned;
            let signs_differ = signed(a) && unsigned(b) || unsigned(a) && signed(b);
            Some(if signs_differ { Reason::Signs } else { Reason::Natives })
        }
        (Type::Pointer { target: a, .. }, Type::Pointer { target: b, .. }) => {
            let (a, b) = ((first.0, a), (second.0, b));
            match (peel(a), peel(b)) {
                (Type::Void, Type::Void) | (Type::Function(_), Type::Function(_)) => None,
                (Type::Void, _) | (_, Type::Void) => Some(Reason::VoidPointers),
                _ => reason(a, b, deeper),
            }
        }
        (Type::Array { .. }, Type::Array { .. }) => {
            let ((a, of_a), (b, of_b)) = (dimensions(first), dimensions(second));
            if of_a == of_b {
                return reason((first.0, a), (second.0, b), deeper);
            }
            Some(if of_a.len() > 1 || of_b.len() > 1 { Reason::Dimensions } else { Reason::Bytes })
        }
        (Type::Enumeration(_), Type::Enumeration(_)) => None,
        (Type::Enumeration(_), Type::Native(_)) | (Type::Native(_), Type::Enumeration(_)) => {
            Some(Reason::Enumerations)
        }
        (Type::Function(_), Type::Function(_)) | (Type::Void, Type::Void) => None,
        (Type::Record(_) | Type::Named(_), Type::Record(_) | Type::Named(_)) => {
            let (a, b) = (first.0.record_name(first.1), second.0.record_name(second.1));
            let (Some(a), Some(b)) = (a, b) else {
                return (a.is_some() != b.is_some()).then_some(Reason::Unnamed);
            };
            if a == b {
                None
            } else if is_made(a) || is_made(b) {
                Some(Reason::Unnamed)
            } else if plain(a) == plain(b) {
                Some(Reason::Layouts)
            } else {
                Some(Reason::Types)
            }
        }
        (Type::Array { .. }, _) | (_, Type::Array { .. }) => Some(Reason::Bytes),
        _ => Some(Reason::Types),
    }
}

/// The innermost element of an array, and how many elements each of its dimensions has.
fn dimensions((side, mut ty): (Settled<'_>, TypeId)) -> (TypeId, Vec<u64>) {
    let mut counts = Vec::new();
    while let Type::Array { target, count } = side.profile.types.peel(ty)
        && counts.len() < MAX_DEPTH
    {
        ty = target;
        counts.push(count);
    }
    (ty, counts)
}

/// Whether a name was made for want of one.
fn is_made(name: &str) -> bool {
    name.starts_with("__unnamed_")
}

/// A name without the layout hash that tells several layouts apart.
pub(super) fn plain(name: &str) -> &str {
    match name.rsplit_once("__") {
        Some((plain, hash))
            if !plain.is_empty()
                && hash.len() >= 8
                && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) =>
        {
            plain
        }
        _ => name,
    }
}

impl<'a> Settled<'a> {
    /// The size of a type in bytes, that of a struct known by its name included.
    pub(super) fn size_of(self, ty: TypeId) -> Option<u64> {
        let types = &self.profile.types;
        match types.peel(ty) {
            Type::Named(name) => Some(types.record(self.resolution.record(name)?)?.size),
            Type::Array { target, count } => match types.peel(target) {
                Type::Named(_) => self.size_of(target)?.checked_mul(count),
                _ => types.size_of(ty),
            },
            _ => types.size_of(ty),
        }
    }

    /// The name under which a struct is written, as far as it has one of its own.
    fn record_name(self, ty: TypeId) -> Option<&'a str> {
        let types = &self.profile.types;
        let (alias, meant) = types.peel_named(ty);
        let name: Option<Name> = match meant {
            Type::Record(id) => self.resolution.record_key(types, None, alias, id),
            Type::Named(name) => Some(self.resolution.key_of(name)),
            _ => None,
        };
        name.map(|name| self.profile.names.get(name))
    }
}
