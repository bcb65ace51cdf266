use std::borrow::Cow;

use frontend::Converted;
use maps::MapSymbol;
use profile::{Arch, Profile, Progress, Report, System};
use sha2::{Digest, Sha256};

use crate::elf::{self, Elf};
use crate::lower::Lowering;
use crate::symbols::Mapped;
use crate::table::Table;
use crate::variables::Agreement;
use crate::{Error, blob, machine, symbols, variables};

/// This front-end and its revision, as written to `Generator` in `$METADATA`. The revision changes when the same file
/// can give a different profile.
pub const GENERATOR: &str = "rekall-profile btf 1";

/// The steps, for [`Progress`].
const READING: &str = "Reading definitions";
const SYMBOLS: &str = "Reading symbols";

/// How many per-CPU variables a map and a blob must share before the map can be identified as that of another build.
const ENOUGH: u64 = 8;

/// How a file is converted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// The text of a `System.map` or of `/proc/kallsyms`, which replaces the file's own symbols.
    pub symbol_map: Option<&'a [u8]>,
    /// The release of the map's kernel, if the map's name says it.
    pub symbol_map_release: Option<&'a str>,
    /// Symbols with their link addresses, instead of a map: the kernel's own table, decoded.
    pub symbols: Option<&'a [MapSymbol<'a>]>,
    /// The kernel's BTF, or its vmlinux, for the BTF of a module.
    pub base: Option<&'a [u8]>,
    /// The processor, which a blob does not name.
    pub arch: Option<Arch>,
}

/// A blob with the ELF file that holds it, if one does.
struct Input<'a> {
    elf: Option<Elf<'a>>,
    blob: Cow<'a, [u8]>,
    distilled: Option<Cow<'a, [u8]>>,
}

impl<'a> Input<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        if blob::is_blob(bytes) || !elf::is_elf(bytes) {
            return Ok(Self { elf: None, blob: Cow::Borrowed(bytes), distilled: None });
        }
        let elf = Elf::open(bytes)?;
        let (blob, distilled) = (elf.btf()?, elf.base()?);
        Ok(Self { elf: Some(elf), blob, distilled })
    }
}

/// Converts a BTF blob, or the `.BTF` section of an ELF file.
///
/// # Errors
/// If `bytes` are neither, or too damaged to separate their types; if the base of a module is missing or belongs to
/// another build; and if the given file is not a symbol map, or belongs to another build. A problem that affects only
/// single types is counted in the report.
pub fn convert(bytes: &[u8], options: &Options<'_>, progress: &dyn Progress) -> Result<Converted, Error> {
    progress.begin(READING, None);
    let mut report = Report::default();
    let input = Input::open(bytes)?;
    let of_base = |error| Error::Base(Box::new(error));
    let base = options.base.map(Input::open).transpose().map_err(of_base)?;
    let base = base.as_ref().map(|base| &*base.blob);
    let table = Table::with_base(&input.blob, input.distilled.as_deref(), base)?;
    progress.debug(&format!("{} types", table.len()));
    table.warnings().iter().for_each(|warning| report.warn(warning.as_str()));

    let pointer = machine::pointer_size(&table)
        .or_else(|| input.elf.as_ref().map(Elf::pointer_size))
        .or_else(|| options.arch.map(Arch::address_size))
        .unwrap_or(8);
    if let Some(asked) = options.arch {
        check_arch(asked, input.elf.as_ref(), &table)?;
    }
    let told = input.elf.as_ref().and_then(Elf::arch).or(options.arch);
    let told = told.or_else(|| machine::arch(&table, pointer));
    let mut profile = Profile::new(System::Linux, told.unwrap_or(Arch::Amd64));
    let mut lowering = Lowering::new(&table, pointer, &mut profile, &mut report);
    lowering.definitions();
    let variables = variables::read(&table, &mut lowering);
    progress.end(READING);

    progress.begin(SYMBOLS, None);
    let own = input.elf.as_ref().map(Elf::symbols).transpose()?.unwrap_or_default();
    profile.arch = told.unwrap_or_else(|| {
        let by_symbols = options.symbol_map.and_then(arch_of_map);
        by_symbols.filter(|arch| arch.address_size() == pointer).unwrap_or_else(|| {
            let usual = machine::usual(table.is_big_endian(), pointer);
            report.warn(format!("nothing says which processor this BTF is for: {usual} is assumed (--arch)"));
            usual
        })
    });
    profile.settle_natives();
    let arch = profile.arch;
    let map = options.symbol_map.map(|text| symbols::Map { text, release: options.symbol_map_release });
    let mapped = map.map(|map| symbols::of_map(&map, input.elf.as_ref(), &own, arch, &mut report));
    let mapped = mapped.transpose()?;
    let mapped = mapped.or_else(|| options.symbols.map(|symbols| Mapped::of(symbols.to_vec())));
    let btf_length = mapped.as_ref().and_then(|mapped| mapped.btf_length);
    let has_map = mapped.is_some();
    maps::add_symbols(&mut profile, mapped.map_or(own, |mapped| mapped.symbols), 1, &mut report);
    let agreement = variables::add_types(&mut profile, &variables, &mut report);
    if has_map && !table.is_module() {
        check_map(btf_length, input.blob.len() as u64, agreement)?;
    }
    progress.end(SYMBOLS);
    describe(&mut profile, &input);
    Ok(Converted { profile, report })
}

/// Refuses an architecture that contradicts the ELF header, the sizes of types or the registers.
fn check_arch(asked: Arch, elf: Option<&Elf<'_>>, table: &Table<'_>) -> Result<(), Error> {
    let refuse = |stated: String, by| Err(Error::OtherArchitecture { asked, stated, by });
    if let Some(stated) = elf.and_then(Elf::arch) {
        return if stated == asked { Ok(()) } else { refuse(stated.to_string(), "the ELF header") };
    }
    let pointer = machine::pointer_size(table);
    if let Some(pointer) = pointer.filter(|pointer| *pointer != asked.address_size()) {
        return refuse(format!("a processor of {} bits", u32::from(pointer) * 8), "the size of long");
    }
    if table.is_big_endian() && matches!(asked, Arch::Amd64 | Arch::I386) {
        return refuse("a big-endian processor".to_owned(), "its byte order");
    }
    match machine::arch(table, asked.address_size()).filter(|stated| *stated != asked) {
        Some(stated) => refuse(stated.to_string(), "the members of pt_regs"),
        None => Ok(()),
    }
}

/// The architecture according to the symbols of a map.
fn arch_of_map(text: &[u8]) -> Option<Arch> {
    let symbols: Vec<MapSymbol<'_>> = maps::SystemMap::parse(text).symbols;
    maps::arch_of_symbols(&symbols)
}

/// Refuses a map of another kernel than the blob: its bounds give the blob another length, or most per-CPU variables
/// have other addresses. A blob that pahole made again has another length and the same variables.
fn check_map(map: Option<u64>, blob: u64, agreement: Agreement) -> Result<(), Error> {
    let Agreement { agree, elsewhere } = agreement;
    let enough = agree + elsewhere >= ENOUGH;
    let variables_differ = enough && elsewhere > agree;
    let variables_agree = enough && elsewhere * 20 <= agree;
    let length_differs = map.is_some_and(|map| map != blob);
    if variables_differ || length_differs && !variables_agree {
        return Err(Error::MapOfOtherBuild { map, blob, agree, elsewhere });
    }
    Ok(())
}

fn describe(profile: &mut Profile, input: &Input<'_>) {
    profile.set_metadata("ProfileClass", "Linux");
    profile.set_metadata("Version", 1);
    profile.set_metadata("Generator", GENERATOR);
    match &input.elf {
        Some(elf) => {
            let symbol = profile.names.find("linux_banner");
            let banner = profile.constants.iter().find(|(name, _)| Some(*name) == symbol).map(|(_, at)| *at);
            elf.describe(profile, banner);
        }
        None => {
            let digest: String =
                Sha256::digest(&*input.blob).iter().map(|byte| format!("{byte:02x}")).collect();
            profile.set_metadata("SourceSHA256", digest);
        }
    }
}
