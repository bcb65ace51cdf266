use btf_converter::Converted;
use maps::kallsyms::Symbol;
use maps::{Banner, MapError, MapSymbol, MappedKernel, SystemMap};
use profile::{Arch, Binding, Profile, Progress, add_well_known_types};

use crate::scattered::is_scattered;

/// This front-end and its revision, as written to `Generator` in `$METADATA`. The revision changes when the same
/// kernel can give a different profile.
pub const GENERATOR: &str = "rekall-profile kernel 3";

/// The key of `$METADATA` with the source of a profile, if that is a kernel itself.
pub const MADE_FROM: &str = "MadeFrom";

/// The place where a kernel was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a memory image, with its running addresses.
    Image,
    /// In a boot file (bzImage, Image, vmlinuz).
    File,
}

impl Origin {
    /// The value of [`MADE_FROM`].
    pub fn words(self) -> &'static str {
        match self {
            Self::Image => "BTF and kallsyms of a memory image",
            Self::File => "BTF and kallsyms of a kernel's file",
        }
    }
}

/// The data that a kernel contains about itself.
#[derive(Clone, Copy, Debug)]
pub struct Carried<'a> {
    /// The place where it was found.
    pub origin: Origin,
    /// The processor it is for.
    pub arch: Arch,
    /// The description of its types, a complete BTF blob.
    pub types: &'a [u8],
    /// Its symbols, with the addresses at which it runs or, in a file, is linked.
    pub symbols: &'a [Symbol],
    /// Its shift from the link address, according to itself.
    pub shift: Option<u64>,
    /// Its banner.
    pub banner: Option<&'a Banner>,
    /// Its release, if there is no banner.
    pub release: Option<&'a str>,
    /// Its build-id in lower-case hexadecimal digits.
    pub build_id: Option<&'a str>,
}

/// Why a kernel gives no profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Its types cannot be read, or belong to another kernel than its symbols.
    #[error(transparent)]
    Types(#[from] btf_converter::Error),
    /// Its symbol table does not belong to a kernel.
    #[error(transparent)]
    Symbols(#[from] MapError),
}

/// Makes the profile of a kernel from its own data: types from BTF, link addresses from kallsyms, the types of
/// per-CPU variables from BTF, and those of well-known variables from the kernel's sources.
///
/// # Errors
/// [`Error`] if the types cannot be read at all, or if they and the symbols are of two kernels. A problem that
/// affects only single types is counted in the report.
pub fn convert(carried: &Carried<'_>, progress: &dyn Progress) -> Result<Converted, Error> {
    let (symbols, moved) = linked(carried)?;
    let options = btf_converter::Options {
        symbols: Some(&symbols),
        arch: Some(carried.arch),
        ..btf_converter::Options::default()
    };
    let Converted { mut profile, mut report } = btf_converter::convert(carried.types, &options, progress)?;
    describe(&mut profile, carried);
    if let Some(problem) = moved {
        profile.set_metadata("Addresses", "of one boot");
        report.warn(problem);
    }
    if carried.origin == Origin::Image && is_scattered(carried.symbols) {
        profile.set_metadata("Functions", "of one boot");
        report.warn(
            "this kernel puts every function in a random place when it starts (FG-KASLR): the addresses of its functions fit no \
             other boot, those of its variables do",
        );
    }
    add_well_known_types(&mut profile);
    Ok(Converted { profile, report })
}

/// The symbols with link addresses, by the rule for all maps. If the link address is unknown, they stay unchanged,
/// and the message says so.
fn linked<'a>(carried: &Carried<'a>) -> Result<(Vec<MapSymbol<'a>>, Option<String>), Error> {
    let symbols = carried.symbols.iter().map(map_symbol).collect();
    let digits = 2 * usize::from(carried.arch.address_size());
    let mut map = SystemMap { symbols, digits, ..SystemMap::default() };
    let shift = match carried.origin {
        Origin::File => Some(0),
        Origin::Image => carried.shift,
    };
    let text = shift.zip(map.address("_text").or_else(|| map.address("_stext")));
    let kernel = MappedKernel {
        arch: carried.arch,
        known: &[],
        bounds: &[],
        text: text.map(|(shift, text)| text.wrapping_sub(shift)),
        release: carried.banner.map(|banner| banner.release.as_str()).or(carried.release),
        config: None,
        running: carried.origin == Origin::Image,
    };
    match map.link(&kernel) {
        Ok(_) => Ok((map.symbols, None)),
        Err(MapError::Moved { loaded }) => {
            let words = format!(
                "nothing says where this kernel was linked (it runs at {loaded:#x}): its symbols are kept where they are \
                 in this image, and fit no other boot"
            );
            Ok((map.symbols, Some(words)))
        }
        Err(error) => Err(error.into()),
    }
}

/// A symbol as in a textual map (`nm` explains the letters).
pub fn map_symbol(symbol: &Symbol) -> MapSymbol<'_> {
    let binding = match symbol.kind {
        // Also a per-CPU variable of one file: kallsyms has no small letter for absolute symbols.
        b'A' => Binding::Local,
        b'W' | b'w' | b'V' | b'v' => Binding::Weak,
        b'u' => Binding::Global,
        kind if kind.is_ascii_uppercase() => Binding::Global,
        _ => Binding::Local,
    };
    let data = matches!(symbol.kind.to_ascii_lowercase(), b'd' | b'b' | b'r' | b'g' | b's' | b'v');
    MapSymbol { address: symbol.address, name: symbol.name.as_bytes(), binding, data }
}

fn describe(profile: &mut Profile, carried: &Carried<'_>) {
    profile.set_metadata("Generator", GENERATOR);
    profile.set_metadata(MADE_FROM, carried.origin.words());
    if let Some(banner) = carried.banner {
        profile.set_metadata("Banner", banner.text.as_str());
    }
    if let Some(release) = carried.banner.map(|banner| banner.release.as_str()).or(carried.release) {
        profile.set_metadata("Release", release);
    }
    if let Some(id) = carried.build_id {
        profile.set_metadata("BuildID", id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_symbol_does_not_take_the_name_of_one_with_an_address() {
        let symbol = |kind, address| Symbol { kind, address, name: "cleanup_list".to_owned() };
        let (per_cpu, local) = (symbol(b'A', 0x1fd80), symbol(b'b', 0xffff_ffff_82fc_6a58));
        assert_eq!(map_symbol(&per_cpu).binding, map_symbol(&local).binding);
        assert_eq!(map_symbol(&symbol(b'B', 0)).binding, Binding::Global);
    }
}
