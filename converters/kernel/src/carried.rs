use btf_converter::Converted;
use maps::kallsyms::Symbol;
use maps::{Banner, Kernel, MapError, MapSymbol, SystemMap};
use profile::{Arch, Binding, Profile, Progress, add_well_known_types};

/// This front-end and its revision, as `Generator` of `$METADATA` names it. The number changes when the same kernel can
/// give another profile.
pub const GENERATOR: &str = "rekall-profile kernel 1";

/// The key of `$METADATA` that says what a profile was made from, if that is a kernel itself.
pub const MADE_FROM: &str = "MadeFrom";

/// Where a kernel was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a memory image, where it runs.
    Image,
    /// In a file that is booted (bzImage, Image, vmlinuz).
    File,
}

impl Origin {
    /// What [`MADE_FROM`] says.
    pub fn words(self) -> &'static str {
        match self {
            Self::Image => "BTF and kallsyms of a memory image",
            Self::File => "BTF and kallsyms of a kernel's file",
        }
    }
}

/// What a kernel carries of itself.
#[derive(Clone, Copy, Debug)]
pub struct Carried<'a> {
    /// Where it was found.
    pub origin: Origin,
    /// The processor it is for.
    pub arch: Arch,
    /// Its description of its types, a whole BTF blob.
    pub types: &'a [u8],
    /// Its symbols, at the addresses where it runs or, in a file, is linked.
    pub symbols: &'a [Symbol],
    /// How far it says that it was moved from where it was linked.
    pub shift: Option<u64>,
    /// Its own first line.
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
    /// Its types cannot be read, or are those of another kernel than its symbols.
    #[error(transparent)]
    Types(#[from] btf_converter::Error),
    /// Its table of symbols is no kernel's.
    #[error(transparent)]
    Symbols(#[from] MapError),
}

/// Makes the profile of a kernel from what it carries: types from BTF, addresses as linked from kallsyms, the types of
/// per-CPU variables from BTF, and those of well-known variables from the kernel's sources.
///
/// # Errors
/// [`Error`] if the types cannot be read at all, or if they and the symbols are of two kernels. What costs single types
/// only is counted in the report.
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
    add_well_known_types(&mut profile);
    Ok(Converted { profile, report })
}

/// The symbols as linked, by the rule for all maps. If nothing says where the kernel was linked, they stay as they are, and
/// the words say so.
fn linked<'a>(carried: &Carried<'a>) -> Result<(Vec<MapSymbol<'a>>, Option<String>), Error> {
    let symbols = carried.symbols.iter().map(map_symbol).collect();
    let digits = 2 * usize::from(carried.arch.address_size());
    let mut map = SystemMap { symbols, digits, ..SystemMap::default() };
    let shift = match carried.origin {
        Origin::File => Some(0),
        Origin::Image => carried.shift,
    };
    let text = shift.zip(map.address("_text").or_else(|| map.address("_stext")));
    let kernel = Kernel {
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

/// A symbol as a map of text would have it (`nm` explains the letters).
pub fn map_symbol(symbol: &Symbol) -> MapSymbol<'_> {
    let binding = match symbol.kind {
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
