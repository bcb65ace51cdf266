//! A kernel's boot file, unpacked and read like memory that begins at the kernel's link address.

mod boot;
mod loaded;
mod unpack;

use maps::kallsyms::{self, DIGITS, Encoding, Parts, Source, Symbol};
use maps::{Banner, DebugPackage};
use profile::Progress;

use crate::carried::{Carried, Origin};
use crate::{Converted, carried};
use loaded::Loaded;

pub use boot::Form;
pub use unpack::UnpackError;

/// Why a kernel's file gives no profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is of another kind.
    #[error(
        "expected a kernel as it is booted (bzImage, Image, EFI zboot), or an unpacked one, found {found}"
    )]
    NotAKernel {
        /// Its kind, in words.
        found: &'static str,
    },
    /// It cannot be unpacked.
    #[error("the kernel in {form} cannot be unpacked")]
    Unpack {
        /// The file's form.
        form: Form,
        /// The cause.
        #[source]
        source: UnpackError,
    },
    /// The headers of the unpacked kernel are damaged.
    #[error("the unpacked kernel is damaged: {reason}")]
    Damaged {
        /// The problem, in the words of the ELF reader.
        reason: String,
    },
    /// It has no symbols.
    #[error(
        "the unpacked kernel of {size} bytes has no table of its symbols (kallsyms): it was built without \
         CONFIG_KALLSYMS, or is damaged"
    )]
    NoSymbols {
        /// Its size in bytes.
        size: usize,
    },
    /// It has no types.
    #[error("{kernel} carries no description of its types (CONFIG_DEBUG_INFO_BTF is off){}", advice(.package.as_ref()))]
    NoTypes {
        /// Its own name.
        kernel: String,
        /// The package that holds its debug information.
        package: Option<DebugPackage>,
    },
    /// Its data gives no profile.
    #[error(transparent)]
    Carried(#[from] carried::Error),
}

fn advice(package: Option<&DebugPackage>) -> String {
    package.map_or_else(String::new, |package| format!("; {package}, and parse_dwarf reads it"))
}

/// How many places with the digits of a token table are examined.
const MOST_PLACES: usize = 1 << 16;
/// What every banner begins with, and how many texts that begin so are looked at.
const BANNER: &[u8] = b"Linux version ";
const MOST_BANNERS: usize = 64;
/// The longest notes that are read.
const LONGEST_NOTES: u64 = 1 << 16;
/// The longest accepted description of types.
const LONGEST_TYPES: u64 = 64 << 20;

/// Makes the profile of the kernel in a file: a bzImage, an arm64 Image, an EFI zboot image, one of them packed once more,
/// or the unpacked kernel.
///
/// # Errors
/// [`Error`] if it is something else, or contains too little about itself.
pub fn convert_file(bytes: &[u8], progress: &dyn Progress) -> Result<Converted, Error> {
    const STEP: &str = "Unpacking";
    progress.begin(STEP, None);
    let loaded = boot::load(bytes)?;
    progress.end(STEP);
    progress.debug(&format!("unpacked a kernel of {} bytes", loaded.len()));
    let (symbols, loaded) = symbols(loaded)?;
    let kernel = LoadedKernel { loaded: &loaded, symbols: &symbols };
    let banner = kernel.banner();
    let Some(types) = kernel.types() else {
        let name = banner
            .as_ref()
            .map_or_else(|| "the kernel".to_owned(), |banner| format!("Linux {}", banner.release));
        return Err(Error::NoTypes { kernel: name, package: banner.as_ref().and_then(DebugPackage::of) });
    };
    let build_id = kernel.build_id();
    let carried = Carried {
        origin: Origin::File,
        arch: loaded.arch,
        types: &types,
        symbols: &symbols,
        shift: None,
        banner: banner.as_ref(),
        release: None,
        build_id: build_id.as_deref(),
    };
    Ok(carried::convert(&carried, progress)?)
}

/// The kernel's symbol table, with link addresses.
fn symbols(mut loaded: Loaded) -> Result<(Vec<Symbol>, Loaded), Error> {
    let missing = Error::NoSymbols { size: loaded.len() };
    let table = loaded.find(DIGITS, MOST_PLACES).into_iter().find_map(|digit| {
        let source = |at: u64, into: &mut [u8]| loaded.read(at, into);
        if !kallsyms::is_token_table(&source, digit) {
            return None;
        }
        let parts = kallsyms::find_near(&source, digit)?;
        let parts = place(parts, &source, &loaded)?;
        kallsyms::read(&source, &parts).ok()
    });
    let mut symbols = table.ok_or(missing)?;
    if let Some(linked) = loaded.flat_link_address() {
        // The file begins with `_text`; the symbols give the link address of that, unless the kernel fills it in at
        // boot.
        let text = symbols.iter().find(|symbol| symbol.name == "_text").map(|symbol| symbol.address);
        let text = text.or_else(|| symbols.iter().map(|symbol| symbol.address).min()).unwrap_or(linked);
        loaded.rebase(text);
    }
    symbols.shrink_to_fit();
    Ok((symbols, loaded))
}

/// The parts of a table, with the addresses at which the kernel is linked.
fn place(parts: Parts, source: &dyn Source, loaded: &Loaded) -> Option<Parts> {
    if parts.placed {
        return Some(parts);
    }
    let by = match (parts.encoding, loaded.flat_link_address()) {
        // In an ELF file the table's place is a virtual address already.
        (Encoding::FromPlace { at, virtual_address }, None) => at.wrapping_sub(virtual_address),
        (_, linked) => {
            let symbols = kallsyms::read(source, &parts).ok()?;
            let text = symbols.iter().find(|symbol| symbol.name == "_text" || symbol.name == "_stext")?;
            linked.or_else(|| loaded.lowest())?.wrapping_sub(text.address)
        }
    };
    Some(Parts { encoding: parts.encoding.moved(by), placed: true, ..parts })
}

/// A kernel with its symbols.
struct LoadedKernel<'a> {
    loaded: &'a Loaded,
    symbols: &'a [Symbol],
}

impl LoadedKernel<'_> {
    /// The address of a symbol.
    fn at(&self, name: &str) -> Option<u64> {
        self.symbols.iter().find(|symbol| symbol.name == name).map(|symbol| symbol.address)
    }

    /// The bytes between two symbols.
    fn between(&self, start: &str, stop: &str, longest: u64) -> Option<Vec<u8>> {
        let start = self.at(start)?;
        let length = self.at(stop)?.checked_sub(start).filter(|length| (1..=longest).contains(length))?;
        self.loaded.bytes(start, usize::try_from(length).ok()?)
    }

    /// The description of its types: the section of that name, otherwise the bytes that its symbols name.
    fn types(&self) -> Option<Vec<u8>> {
        let section = self.loaded.section(".BTF").filter(|section| !section.is_empty());
        section.or_else(|| self.between("__start_BTF", "__stop_BTF", LONGEST_TYPES))
    }

    /// Its own first line: at its symbol, else the first text that reads as one (without `CONFIG_KALLSYMS_ALL` no variable
    /// has a symbol).
    fn banner(&self) -> Option<Banner> {
        let named = self.at("linux_banner").into_iter();
        let places = named.chain(self.loaded.find(BANNER, MOST_BANNERS));
        places.map(|at| self.loaded.text(at, 1024)).find_map(|text| Banner::find(&text))
    }

    fn build_id(&self) -> Option<String> {
        let notes = self.between("__start_notes", "__stop_notes", LONGEST_NOTES);
        let notes = notes.or_else(|| self.loaded.section(".notes"))?;
        let id = dwarf_converter::build_id(&notes)?;
        (id.len() >= 8).then(|| id.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
