use std::fmt::Write as _;
use std::thread;

use frontend::Converted;
use profile::{Arch, MappedFile, Profile, Progress, Report, System, pdb_class};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::address::AddressMap;
use crate::architecture;
use crate::container::{PdbFile, Stream};
use crate::contributions::Contributions;
use crate::dbi::{self, Dbi};
use crate::identity::{self, Info};
use crate::item_stream::{self, Origins};
use crate::placement::{name_by_typedef, place_symbols, type_variables};
use crate::symbols::{Reader, Symbols};
use crate::text::TextReader;
use crate::type_stream::{self, TypeStream};
use crate::types::Lowering;

/// This front-end and its revision, as written to `Generator` in `$METADATA`. The revision changes when the same PDB
/// can give a different profile.
pub const GENERATOR: &str = "rekall-profile pdb 2";

/// How a PDB is converted.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The PDB's file name as the image gives it; folders before it are ignored.
    pub file_name: String,
    /// The Windows version the build belongs to ("6.1"), for `major`, `minor` and `rev`.
    pub windows_version: Option<String>,
    /// The class for Rekall's loader, if it should not be chosen by the file name.
    pub profile_class: Option<String>,
    /// Types only: no symbols.
    pub concise: bool,
    /// Keep the linker's names of symbols.
    pub raw_names: bool,
    /// The architecture, for PDBs that do not state it.
    pub arch: Option<Arch>,
}

/// Converts a PDB. It is unmapped as soon as its records have been read, unless the caller holds it as well.
///
/// # Errors
/// If `file` is not a PDB, is truncated, or is too damaged to read anything; and if neither the file nor
/// [`Options::arch`] gives its architecture. A problem that affects only single records is counted in the report.
pub fn convert(file: MappedFile, options: &Options, progress: &dyn Progress) -> Result<Converted, Error> {
    let container = PdbFile::open(&file)?;
    // Hash the file in parallel with parsing.
    thread::scope(|scope| {
        let digest = scope.spawn(move || sha256(&file));
        let mut converted = read(container, options, progress)?;
        let digest = digest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        converted.profile.set_metadata("SourceSHA256", digest);
        Ok(converted)
    })
}

fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn read(mut container: PdbFile, options: &Options, progress: &dyn Progress) -> Result<Converted, Error> {
    let mut report = Report::default();
    let info = info(&mut container)?;
    let dbi_bytes = debug_stream(&mut container, &mut report);
    let dbi = dbi_bytes.as_deref().and_then(|bytes| debug_header(bytes, &mut report));
    let type_bytes = container.optional_stream(type_stream::STREAM).map_err(|reason| Error::Stream {
        number: type_stream::STREAM,
        name: "types",
        reason,
    })?;
    let stream = match type_bytes.as_deref().map(|bytes| TypeStream::read(bytes, &mut report)) {
        Some(Ok(stream)) => Some(stream),
        Some(Err(_)) => {
            let reason = "its header is malformed".to_owned();
            return Err(Error::Stream { number: type_stream::STREAM, name: "types", reason });
        }
        None => None,
    };

    // The architecture is certain only after symbols have been read.
    let mut profile = Profile::new(System::Windows, Arch::Amd64);
    let mut texts = TextReader::default();
    let mut symbols = Symbols::default();
    if let Some(dbi) = &dbi {
        const STEP: &str = "Extracting OMAP Information";
        progress.begin(STEP, None);
        let map = AddressMap::read(&mut container, dbi, &mut report);
        progress.end(STEP);
        progress.debug(&format!("OMAP: {} parts of the image moved or removed", map.moved()));
        let (names, texts, report) = (&mut profile.names, &mut texts, &mut report);
        let (types, raw_names, found) = (stream.as_ref(), options.raw_names, Symbols::default());
        let contributions = match types.is_some_and(TypeStream::has_ambiguous) {
            true => Contributions::read(dbi.contributions),
            false => Contributions::default(),
        };
        let module = 0;
        let reader =
            Reader { map: &map, types, raw_names, names, texts, report, found, contributions, module };
        symbols = reader.read(&mut container, dbi, progress);
    }
    let (machine, age) = dbi.map_or((0, None), |dbi| (dbi.machine, Some(dbi.age)));
    let stated = architecture::stated(machine, &symbols);
    if let (Some(asked), Some((stated, by))) = (options.arch, &stated)
        && asked != *stated
    {
        return Err(Error::OtherArchitecture { asked, stated: *stated, by: by.clone() });
    }
    profile.arch = match (options.arch, stated) {
        (_, Some((arch, _))) => arch,
        (Some(asked), None) => {
            if let Some(shown) = architecture::by_pointers(stream.as_ref())
                && shown.address_size() != asked.address_size()
            {
                let by = format!("most pointers of its types have {} bytes", shown.address_size());
                return Err(Error::OtherArchitecture { asked, stated: shown, by });
            }
            asked
        }
        (None, None) => architecture::guess(machine, &symbols, stream.as_ref())?,
    };

    let origins = match stream.as_ref().is_some_and(TypeStream::has_ambiguous) {
        true => origins(&mut container, &symbols, &mut report),
        false => Origins::default(),
    };

    // The file's pages are no longer needed, unless a stream still refers to them.
    drop((dbi_bytes, container));

    let active_processes = [ACTIVE_PROCESSES, DECORATED_ACTIVE_PROCESSES].iter().any(|text| {
        let name = profile.names.find(text);
        name.is_some_and(|name| symbols.symbols.iter().any(|it| it.name == name))
    });
    match &stream {
        Some(stream) => {
            const STEP: &str = "Reading types";
            progress.begin(STEP, Some(stream.len() as u64));
            let mut advance = |done: usize| progress.advance(STEP, done as u64);
            let address = profile.arch.address_size();
            let mut types = Lowering::new(stream, &origins, address, &mut profile, &mut report, &mut texts);
            types.lower(&mut advance);
            progress.end(STEP);
            name_by_typedef(&symbols, &mut types);
            if !options.concise {
                let variables = place_symbols(symbols.symbols, types.profile, types.report);
                type_variables(&variables, &mut types);
            }
            types.close_uses();
        }
        None if options.concise => {}
        None => {
            place_symbols(symbols.symbols, &mut profile, &mut report);
        }
    }
    texts.finish(&mut report);
    let kernel = active_processes && profile.defines_struct(PROCESS);
    set_metadata(&mut profile, options, kernel, &info, age);
    Ok(Converted { profile, report })
}

fn info(container: &mut PdbFile) -> Result<Info, Error> {
    let broken = |reason: String| Error::Stream { number: identity::STREAM, name: "info", reason };
    let stream = container.stream(identity::STREAM).map_err(broken)?;
    let stream = stream.ok_or_else(|| broken("it is not there".to_owned()))?;
    Info::parse(&stream).map_err(|_| broken(format!("it has {} bytes, expected 28 at least", stream.len())))
}

/// Where types are defined, if the PDB records it.
fn origins(container: &mut PdbFile, symbols: &Symbols, report: &mut Report) -> Origins {
    match container.optional_stream(item_stream::STREAM) {
        // PDBs older than 2012 have other data, or none, under this number.
        Ok(Some(stream)) => Origins::read(&stream, &symbols.builds).unwrap_or_default(),
        Ok(None) => Origins::default(),
        Err(error) => {
            report.lose("streams that cannot be read", || format!("4 (IPI): {error}"));
            Origins::default()
        }
    }
}

fn debug_stream(container: &mut PdbFile, report: &mut Report) -> Option<impl Stream + use<>> {
    match container.optional_stream(dbi::STREAM) {
        Ok(stream) => stream,
        Err(error) => {
            report.lose("streams that cannot be read", || format!("3 (DBI): {error}"));
            None
        }
    }
}

fn debug_header<'a>(bytes: &'a [u8], report: &mut Report) -> Option<Dbi<'a>> {
    let header = Dbi::parse(bytes);
    if header.is_err() {
        let place = || format!("3 (DBI): {} bytes, expected 64 at least", bytes.len());
        report.lose("streams that cannot be read", place);
    }
    header.ok()
}

/// A struct and a symbol that only a Windows kernel has together, whatever its PDB is called: ntdll has only the
/// struct.
const PROCESS: &str = "_EPROCESS";
const ACTIVE_PROCESSES: &str = "PsActiveProcessHead";
const DECORATED_ACTIVE_PROCESSES: &str = "_PsActiveProcessHead";

fn set_metadata(profile: &mut Profile, options: &Options, kernel: bool, info: &Info, dbi_age: Option<u32>) {
    let file_name = identity::base_name(&options.file_name);
    let by_content = if kernel { "Nt" } else { pdb_class(file_name) };
    let class = options.profile_class.clone().unwrap_or_else(|| by_content.to_owned());
    profile.set_metadata("ProfileClass", class);
    profile.set_metadata("PDBFile", file_name);
    profile.set_metadata("Version", info.version);
    profile.set_metadata("Timestamp", identity::timestamp(info.signature));
    profile.set_metadata("GUID_AGE", info.guid_age(dbi_age).to_string());
    profile.set_metadata("Generator", GENERATOR);
    if let Some(version) = &options.windows_version {
        identity::set_version(profile, version);
    }
}
