//! Symbols of the file's own table or of a separate map.

use maps::{MapSymbol, MappedKernel, SystemMap};
use profile::{Arch, Report};

use crate::Error;
use crate::elf::Elf;

/// A map as given.
pub(crate) struct Map<'m> {
    pub(crate) text: &'m [u8],
    /// The release in its name.
    pub(crate) release: Option<&'m str>,
}

/// A map, and what it says about its kernel.
pub(crate) struct Mapped<'m> {
    pub(crate) symbols: Vec<MapSymbol<'m>>,
    /// The size of the kernel's own BTF in bytes, if the map has its bounds.
    pub(crate) btf_length: Option<u64>,
}

impl<'m> Mapped<'m> {
    pub(crate) fn of(symbols: Vec<MapSymbol<'m>>) -> Self {
        let address = |name: &[u8]| Some(symbols.iter().find(|symbol| symbol.name == name)?.address);
        let bounds = address(b"__stop_BTF").zip(address(b"__start_BTF"));
        let btf_length =
            bounds.and_then(|(stop, start)| stop.checked_sub(start)).filter(|length| *length > 0);
        Self { symbols, btf_length }
    }
}

/// The symbols of a map, with link addresses ([`SystemMap::link`]): the rule for all maps.
///
/// # Errors
/// [`Error::Map`] if the map gives no symbols of this build.
pub(crate) fn of_map<'m>(
    map: &Map<'m>,
    elf: Option<&Elf<'_>>,
    own: &[MapSymbol<'_>],
    arch: Arch,
    report: &mut Report,
) -> Result<Mapped<'m>, Error> {
    let &Map { text, release } = map;
    let mut map = SystemMap::parse(text);
    let linked_file = elf.filter(|elf| !elf.is_relocatable());
    let known: Vec<(&[u8], u64)> = own.iter().map(|symbol| (symbol.name, symbol.address)).collect();
    let bounds = match linked_file {
        Some(elf) if known.is_empty() => elf.bounds(),
        _ => Vec::new(),
    };
    let kernel = MappedKernel {
        arch,
        known: &known,
        bounds: &bounds,
        text: linked_file.filter(|_| known.is_empty()).and_then(Elf::first_code),
        release: elf.and_then(Elf::module_release).or(release),
        config: None,
        running: false,
    };
    let linked = map.link(&kernel)?;
    if map.skipped > 0 {
        report.lose_many("lines of the symbol map that are not symbols", map.skipped, || {
            map.first_skipped.map_or_else(String::new, |(number, line)| {
                format!("line {number}: {}", String::from_utf8_lossy(line))
            })
        });
    }
    if linked.shift != 0 {
        report.warn(format!("the symbol map is shifted by {:#x}; the shift is taken back", linked.shift));
    }
    if linked.elsewhere > 0 {
        report.lose_many("symbols of the map that lie elsewhere in the file", linked.elsewhere, || {
            format!("of {} that both have", linked.shared)
        });
    }
    Ok(Mapped::of(map.symbols))
}
