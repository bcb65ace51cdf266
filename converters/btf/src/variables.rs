//! Variables, and their symbols.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use profile::{Name, Profile, Report, TypeId};

use crate::kind::BtfKind;
use crate::lower::Lowering;
use crate::table::Table;

/// A variable in a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    name: Name,
    ty: TypeId,
    global: bool,
    /// Its section, and its offset in that in bytes.
    place: Option<(Name, u32)>,
}

/// The variables that the file itself describes.
pub(crate) fn read(table: &Table<'_>, lowering: &mut Lowering<'_, '_, '_>) -> Vec<Variable> {
    let mut places: HashMap<u32, (Name, u32), RandomState> = HashMap::default();
    let mut variables = Vec::new();
    for id in table.own() {
        let Some(view) = table.view(id).filter(|view| view.kind() == BtfKind::Section) else { continue };
        let Some(section) = lowering.name(id, view.record.name, &view) else { continue };
        for (variable, offset) in view.record.variables() {
            places.extend(view.id(variable).map(|variable| (variable, (section, offset))));
        }
    }
    for id in table.own() {
        let Some(view) = table.view(id).filter(|view| view.kind() == BtfKind::Variable) else { continue };
        let (Some(name), Some(target)) = (lowering.name(id, view.record.name, &view), view.target()) else {
            continue;
        };
        let ty = lowering.ty(target);
        variables.push(Variable {
            name,
            ty,
            global: view.record.is_global(),
            place: places.get(&id).copied(),
        });
    }
    lowering.finish();
    variables
}

/// The agreement between the symbols of a map and the variables of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// How many variables have the address of the symbol with their name.
    pub(crate) agree: u64,
    /// How many have another address.
    pub(crate) elsewhere: u64,
}

/// Gives the profile's constants the types of their variables. Without symbols the variables give types only: a table
/// has no addresses.
///
/// The start of a section follows from its variables: most of them are as far from it as the table says.
pub(crate) fn add_types(profile: &mut Profile, variables: &[Variable], report: &mut Report) -> Agreement {
    if profile.constants.is_empty() {
        let mut seen = std::collections::HashSet::<Name, RandomState>::default();
        let first = variables.iter().filter(|variable| seen.insert(variable.name));
        profile.constant_types.extend(first.map(|variable| (variable.name, variable.ty)));
        return Agreement::default();
    }
    let addresses: HashMap<Name, u64, RandomState> = profile.constants.iter().copied().collect();
    let starts = section_starts(variables, &addresses);
    let address = |variable: &Variable| {
        let (section, offset) = variable.place?;
        Some(starts.get(&section)?.wrapping_add(offset.into()))
    };
    let mut by_name: HashMap<Name, Vec<&Variable>, RandomState> = HashMap::default();
    for variable in variables {
        by_name.entry(variable.name).or_default().push(variable);
    }
    let mut agreement = Agreement::default();
    for (name, at) in &profile.constants {
        let exact = by_name.get(name);
        // A function's static variable has a number after its name.
        let plain = || {
            let (plain, _) = profile.names.get(*name).split_once('.')?;
            by_name.get(&profile.names.find(plain)?)
        };
        let Some(candidates) = exact.or_else(plain) else { continue };
        let placed = candidates.iter().find(|variable| address(variable) == Some(*at));
        let alone = || match candidates.as_slice() {
            [only] if exact.is_some() && address(only).is_none() => Some(only),
            several if exact.is_some() => several.iter().find(|it| it.global && address(it).is_none()),
            _ => None,
        };
        match placed.or_else(alone) {
            Some(variable) => {
                agreement.agree += 1;
                profile.constant_types.push((*name, variable.ty));
            }
            None => agreement.elsewhere += u64::from(exact.is_some()),
        }
    }
    if agreement.elsewhere > agreement.agree {
        report.warn(format!(
            "the symbols and the BTF disagree: {} variables lie elsewhere than the symbol of their name",
            agreement.elsewhere
        ));
    }
    agreement
}

/// The start of each section: the address that fits most of its variables.
fn section_starts(
    variables: &[Variable],
    addresses: &HashMap<Name, u64, RandomState>,
) -> HashMap<Name, u64, RandomState> {
    let mut votes: HashMap<Name, HashMap<u64, u64, RandomState>, RandomState> = HashMap::default();
    for variable in variables {
        if let (Some((section, offset)), Some(address)) = (variable.place, addresses.get(&variable.name)) {
            *votes.entry(section).or_default().entry(address.wrapping_sub(offset.into())).or_default() += 1;
        }
    }
    let start = |votes: HashMap<u64, u64, RandomState>| {
        votes.into_iter().max_by_key(|(start, count)| (*count, std::cmp::Reverse(*start)))
    };
    votes.into_iter().filter_map(|(section, votes)| Some((section, start(votes)?.0))).collect()
}
