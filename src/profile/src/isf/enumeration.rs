use super::bases::Bases;
use super::entry::{fields, string, unsigned};
use super::losses::DANGLING;
use super::names::own_name;
use crate::json::walk;
use crate::read::value_bits;
use crate::{Label, Name, NativeKind, Profile, Report, Type, TypeId};

/// Counted for enumerations that are incomplete or do not follow the schema.
const DAMAGED: &str = "enumerations that are not as the schema has them";

/// Adds the enumeration that the entry `text` of `enums` defines under `key`, and returns its type.
///
/// Its values are stored in the base type that it names. If the table does not define that type, or its size differs
/// from that of the enumeration, they are stored in the integer of the enumeration's size.
pub(super) fn lower(
    key: Name,
    text: &str,
    bases: &mut Bases,
    profile: &mut Profile,
    report: &mut Report,
) -> TypeId {
    let [size, base, constants] = fields(text, ["size", "base", "constants"]).unwrap_or([None, None, None]);
    let (size, base) = (unsigned(size), string(base));
    if size.is_none() || base.is_none() || constants.is_none_or(|text| !text.starts_with('{')) {
        report.lose(DAMAGED, || profile.names.get(key).to_owned());
    }
    let mut labels: Vec<(Name, i128)> = Vec::new();
    if let Some(constants) = constants {
        // The labels before a damaged place count.
        let _ = walk::entries(constants, |label, value| match walk::integer(value) {
            Some(value) => labels.push((profile.intern(&label), value)),
            None => report.lose("labels whose value is not an integer", || label.into_owned()),
        });
    }
    let negative = labels.iter().any(|(_, value)| *value < 0);
    let underlying = storage(key, base.as_deref(), size, negative, bases, profile, report);
    let kind = match profile.types.get(underlying) {
        Type::Native(native) => profile.types.native_of(native).map(|native| native.kind),
        _ => None,
    };
    let signed = negative || matches!(kind, Some(NativeKind::Signed | NativeKind::Char));
    let mut kept = Vec::with_capacity(labels.len());
    for (name, value) in labels {
        match value_bits(value, signed) {
            Some(bits) => kept.push(Label { name, bits }),
            None => {
                report.lose("labels whose value 64 bits cannot hold", || profile.names.get(key).to_owned());
            }
        }
    }
    let own = own_name(profile, key);
    let id = profile.types.add_enumeration(own, underlying, signed, &kept);
    profile.types.add(Type::Enumeration(id))
}

/// The type in which an enumeration's values are stored.
fn storage(
    key: Name,
    base: Option<&str>,
    size: Option<u64>,
    negative: bool,
    bases: &mut Bases,
    profile: &mut Profile,
    report: &mut Report,
) -> TypeId {
    let known = base.and_then(|base| bases.known(base, profile));
    // An enumeration of size 0 is only declared.
    let wanted = size.filter(|size| *size > 0).and_then(|size| u32::try_from(size).ok());
    match (known, wanted) {
        (Some((ty, _)), None) => ty,
        (Some((ty, bytes)), Some(wanted)) if bytes == wanted => ty,
        (known, Some(wanted)) => {
            match (known, base) {
                (None, Some(base)) if base != "void" => report.lose(DANGLING, || base.to_owned()),
                _ => report.lose("enumerations of another size than their type's", || {
                    profile.names.get(key).to_owned()
                }),
            }
            let signed = negative || known.is_some_and(|(ty, _)| is_signed(profile, ty));
            match (profile.c_integer(wanted, signed), known) {
                (Some(integer), _) => profile.types.add(integer),
                (None, Some((ty, _))) => ty,
                (None, None) => profile.types.add(Type::Void),
            }
        }
        (None, None) => match base {
            Some(base) => bases.of(base, profile, report),
            None => profile.types.add(Type::Void),
        },
    }
}

fn is_signed(profile: &Profile, ty: TypeId) -> bool {
    match profile.types.get(ty) {
        Type::Native(native) => profile
            .types
            .native_of(native)
            .is_some_and(|native| matches!(native.kind, NativeKind::Signed | NativeKind::Char)),
        _ => false,
    }
}
