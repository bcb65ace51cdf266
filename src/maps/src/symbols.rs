use profile::{Binding, Profile, Report, choose_symbols};

/// A symbol as a map has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapSymbol<'a> {
    /// Its address, as linked (or, in kallsyms of a running kernel, as loaded).
    pub address: u64,
    /// Its name's bytes, as they stand.
    pub name: &'a [u8],
    /// How widely it is visible.
    pub binding: Binding,
}

/// Puts the symbols of a map into the profile's constants: of several with one name the one that
/// [`choose_symbols`] keeps. Names that are not UTF-8 are counted.
pub fn add_symbols<'a>(
    profile: &mut Profile,
    symbols: impl IntoIterator<Item = MapSymbol<'a>>,
    report: &mut Report,
) {
    let interned = symbols
        .into_iter()
        .map(|symbol| {
            let name = match str::from_utf8(symbol.name) {
                Ok(name) => profile.names.intern(name),
                Err(_) => {
                    let name = String::from_utf8_lossy(symbol.name);
                    report.lose("names that are not UTF-8", || name.clone().into_owned());
                    profile.names.intern(&name)
                }
            };
            (name, symbol.address, symbol.binding)
        })
        .collect();
    profile.constants = choose_symbols(&profile.names, interned);
}
