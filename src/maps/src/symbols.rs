use std::collections::HashMap;

use foldhash::fast::RandomState;
use profile::{Binding, Name, Profile, Report, choose_symbols};

use crate::suffix::without_suffixes;

/// A symbol in a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapSymbol<'a> {
    /// Its address: as linked or, in kallsyms of a running kernel, as loaded.
    pub address: u64,
    /// The bytes of its name, unchanged.
    pub name: &'a [u8],
    /// How widely it is visible.
    pub binding: Binding,
    /// Whether it is known to be a variable and not code.
    pub data: bool,
}

/// Adds the symbols of a map to the profile's constants. If several share a name, [`choose_symbols`] chooses one.
/// Names that are not UTF-8 are counted.
///
/// A variable whose name has a compiler's suffix (`modules.llvm.1513`) is also added under its plain name, if no
/// symbol and no other variable claims that name (docs/format.md, invariant 8). Up to `threads` threads sort them.
pub fn add_symbols<'a>(
    profile: &mut Profile,
    symbols: impl IntoIterator<Item = MapSymbol<'a>>,
    threads: usize,
    report: &mut Report,
) {
    let symbols = symbols.into_iter();
    profile.names.reserve(symbols.size_hint().0);
    // The plain name that each variable claims, with the variables' addresses.
    let mut plain: Vec<(Name, u64, Binding)> = Vec::new();
    let mut interned: Vec<(Name, u64, Binding)> = symbols
        .map(|symbol| {
            let name = profile.names.intern_utf8(symbol.name).unwrap_or_else(|_| {
                let name = String::from_utf8_lossy(symbol.name);
                report.lose("names that are not UTF-8", || name.clone().into_owned());
                profile.names.intern(&name)
            });
            if symbol.data
                && let Some(text) = str::from_utf8(symbol.name).ok().and_then(without_suffixes)
            {
                plain.push((profile.names.intern(text), symbol.address, symbol.binding));
            }
            (name, symbol.address, symbol.binding)
        })
        .collect();
    if !plain.is_empty() {
        let mut wanted: HashMap<Name, Option<u64>, RandomState> = HashMap::default();
        for (name, address, _) in &plain {
            let place = wanted.entry(*name).or_insert(Some(*address));
            *place = place.filter(|known| known == address);
        }
        for (name, ..) in &interned {
            wanted.remove(name);
        }
        plain.retain(|(name, ..)| wanted.get(name).is_some_and(Option::is_some));
        interned.extend(plain);
    }
    profile.constants = choose_symbols(&profile.names, interned, threads);
}

#[cfg(test)]
mod tests {
    use profile::{Arch, System};

    use super::*;
    use crate::SystemMap;

    #[test]
    fn a_variable_is_found_under_its_plain_name_where_that_is_free() {
        let map = SystemMap::parse(
            b"1000 d modules.llvm.15133981562545858343\n1008 d once.lto_priv.0\n1010 d once.lto_priv.1\n\
              1018 D taken\n1020 d taken.llvm.7\n2000 t code.llvm.7\n2008 t work.isra.0\n1028 r twice.part.0\n\
              1028 r twice.part.1\n",
        );
        let mut profile = Profile::new(System::Linux, Arch::Amd64);
        add_symbols(&mut profile, map.symbols, 1, &mut Report::default());
        let at = |name: &str| {
            let name = profile.names.find(name)?;
            profile.constants.iter().find(|(known, _)| *known == name).map(|(_, address)| *address)
        };
        assert_eq!((at("modules"), at("modules.llvm.15133981562545858343")), (Some(0x1000), Some(0x1000)));
        // Two variables claim the name, a symbol already has it, or they are code.
        assert_eq!((at("once"), at("taken"), at("code"), at("work")), (None, Some(0x1018), None, None));
        assert_eq!(at("twice"), Some(0x1028));
        assert_eq!(profile.constants.len(), 11);
    }
}
