//! From symbol records to the profile's tables.

use std::cmp::Reverse;

use profile::{Name, NamedSymbol, Profile, Report, Type, TypeId, number_by_address};

use crate::item_stream::Module;
use crate::symbols::{Symbol, SymbolKind, Symbols};
use crate::types::Lowering;

/// Gives structs and enumerations without a name of their own the name of a typedef.
pub(crate) fn name_by_typedef(symbols: &Symbols, types: &mut Lowering<'_, '_>) {
    let profile = &mut *types.profile;
    let mut wanted: Vec<(TypeId, Name)> =
        symbols.typedefs.iter().map(|(name, position)| (types.map.record(*position), *name)).collect();
    // Of several typedefs, takes the first by name, so that the linker's order does not matter.
    wanted.sort_unstable_by(|a, b| (a.0, profile.names.get(a.1)).cmp(&(b.0, profile.names.get(b.1))));
    wanted.dedup_by_key(|(id, _)| *id);
    for (id, name) in wanted {
        let target = profile.types.add(profile.types.get(id));
        profile.types.set(id, Type::Alias { name: Some(name), target });
    }
}

/// A variable with the index of its type and its module, counted from 1 (0 if unknown).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    name: Name,
    ty: u32,
    module: Module,
}

/// Sorts symbols into functions and constants. Returns the constants that have a type.
pub(crate) fn place_symbols(
    symbols: Vec<Symbol>,
    profile: &mut Profile,
    report: &mut Report,
) -> Vec<Variable> {
    let mut symbols = symbols;
    // Several streams may describe one symbol; its public describes it best.
    symbols.sort_unstable_by_key(|it| (it.name, it.rva, Reverse(it.binding), it.kind, it.ty));
    let mut typed: Vec<(u64, Name, u32, Module)> = Vec::new();
    for it in symbols.iter().filter(|it| it.ty != 0) {
        typed.push((it.rva.into(), it.name, it.ty, it.module));
    }
    let arch = profile.arch;
    let mut named: Vec<(SymbolKind, NamedSymbol)> = Vec::with_capacity(symbols.len());
    for it in &symbols {
        let (address, claim) = (u64::from(it.rva), it.form.claim(arch));
        match named.last_mut() {
            Some((_, last)) if (last.name, last.address) == (it.name, address) => {
                last.claim = last.claim.max(claim);
            }
            _ => {
                named.push((it.kind, NamedSymbol { name: it.name, address, binding: it.binding, claim }));
            }
        }
    }
    let of_kind = |kind: SymbolKind| -> Vec<NamedSymbol> {
        named.iter().filter(|(own, _)| *own == kind).map(|(_, symbol)| *symbol).collect()
    };
    profile.functions = number_by_address(&mut profile.names, of_kind(SymbolKind::Function));
    profile.constants = number_by_address(&mut profile.names, of_kind(SymbolKind::Data));
    report_shared_names(profile, report);

    typed.sort_unstable();
    let mut variables = Vec::new();
    for (name, rva) in profile.constants.iter().copied() {
        // A public's name is decorated, so any variable at its address gives its type.
        let by_name = typed.partition_point(|(at, other, ..)| (*at, *other) < (rva, name));
        let by_place = typed.partition_point(|(at, ..)| *at < rva);
        let of_name = typed.get(by_name).filter(|(at, other, ..)| (*at, *other) == (rva, name));
        let at_place = typed.get(by_place).filter(|(at, ..)| *at == rva);
        if let Some((_, _, ty, module)) = of_name.or(at_place).copied() {
            variables.push(Variable { name, ty, module });
        }
    }
    variables
}

/// Lists the names that stand for a function at one address and for something else at another. Which of the two a
/// reader finds depends on the order in which it looks them up.
fn report_shared_names(profile: &Profile, report: &mut Report) {
    let mut functions = profile.functions.clone();
    functions.sort_unstable();
    for (name, address) in &profile.constants {
        let function = functions.binary_search_by_key(name, |(name, _)| *name).ok();
        if function.and_then(|at| functions.get(at)).is_some_and(|(_, other)| other != address) {
            report
                .list("names of both a function and something else", || profile.names.get(*name).to_owned());
        }
    }
}

/// Gives variables their types.
pub(crate) fn type_variables(variables: &[Variable], types: &mut Lowering<'_, '_>) {
    for Variable { name, ty, module } in variables.iter().copied() {
        if let Some(ty) = types.variable_type(ty, (module != 0).then_some(module), name) {
            types.profile.constant_types.push((name, ty));
        }
    }
}
