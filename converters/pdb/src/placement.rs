//! From what symbol records say to the profile's tables.

use std::cmp::Reverse;

use profile::{Binding, Name, Profile, Type, TypeId, number_by_address};

use crate::symbols::{Symbol, SymbolKind, Symbols};
use crate::type_map::TypeMap;
use crate::type_stream::TypeStream;

/// Gives structs and enumerations that have no name of their own that of a typedef.
pub(crate) fn name_by_typedef(symbols: &Symbols, types: &TypeMap, profile: &mut Profile) {
    let mut wanted: Vec<(TypeId, Name)> =
        symbols.typedefs.iter().map(|(name, position)| (types.record(*position), *name)).collect();
    // Of several typedefs the first by name, whatever order the linker left them in.
    wanted.sort_unstable_by(|a, b| (a.0, profile.names.get(a.1)).cmp(&(b.0, profile.names.get(b.1))));
    wanted.dedup_by_key(|(id, _)| *id);
    for (id, name) in wanted {
        let target = profile.types.add(profile.types.get(id));
        profile.types.set(id, Type::Alias { name: Some(name), target });
    }
}

/// Sorts symbols into functions and constants, and gives the constants their types.
pub(crate) fn place_symbols(
    symbols: Vec<Symbol>,
    stream: Option<&TypeStream<'_>>,
    types: Option<&mut TypeMap>,
    profile: &mut Profile,
) {
    let mut symbols = symbols;
    // One symbol may stand in several streams; publics say best what it is.
    symbols.sort_unstable_by_key(|it| (it.name, it.rva, Reverse(it.binding), it.kind, it.ty));
    let mut typed: Vec<(u64, Name, u32)> = Vec::new();
    for it in symbols.iter().filter(|it| it.ty != 0) {
        typed.push((it.rva.into(), it.name, it.ty));
    }
    symbols.dedup_by_key(|it| (it.name, it.rva));
    let of_kind = |kind: SymbolKind| -> Vec<(Name, u64, Binding)> {
        let chosen = symbols.iter().filter(|it| it.kind == kind);
        chosen.map(|it| (it.name, it.rva.into(), it.binding)).collect()
    };
    profile.functions = number_by_address(&mut profile.names, of_kind(SymbolKind::Function));
    profile.constants = number_by_address(&mut profile.names, of_kind(SymbolKind::Data));

    let (Some(stream), Some(types)) = (stream, types) else { return };
    typed.sort_unstable_by_key(|(rva, name, ty)| (*rva, *name, *ty));
    for position in 0..profile.constants.len() {
        let Some((name, rva)) = profile.constants.get(position).copied() else { continue };
        // A public's name is decorated, so whatever stands at its place tells its type.
        let by_name = typed.partition_point(|(at, other, _)| (*at, *other) < (rva, name));
        let by_place = typed.partition_point(|(at, ..)| *at < rva);
        let of_name = typed.get(by_name).filter(|(at, other, _)| (*at, *other) == (rva, name));
        let at_place = typed.get(by_place).filter(|(at, ..)| *at == rva);
        let Some((.., index)) = of_name.or(at_place) else { continue };
        if let Some(ty) = types.get(*index, stream, profile) {
            profile.constant_types.push((name, ty));
        }
    }
}
