//! The DWARF front-end. The debug file may be in a package or in a dSYM bundle.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;

use formats::{FileKind, identify};
use frontend::{Converted, Error, FrontEnd, Opener, OptionName, Source};
use profile::{MappedFile, Progress};

use crate::{
    Beside, DEBUG_FOLDER, GENERATOR, Languages, Options, Package, PackageError, Separate, convert,
    find_separate,
};

/// Reads ELF and Mach-O files with DWARF, packages that hold one (`.deb`, `.ddeb`, `.rpm`, a compressed file), and dSYM
/// bundles.
#[derive(Clone, Copy, Debug)]
pub struct Dwarf;

const READS: &str = "an ELF or Mach-O file with DWARF";

/// Where a dSYM bundle keeps its files.
const IN_BUNDLE: &str = "Contents/Resources/DWARF";

impl FrontEnd for Dwarf {
    fn command(&self) -> &'static str {
        "parse_dwarf"
    }

    fn reads(&self) -> &'static str {
        READS
    }

    fn generator(&self) -> &'static str {
        GENERATOR
    }

    fn options(&self) -> &'static [OptionName] {
        &[
            OptionName::Languages,
            OptionName::SymbolMap,
            OptionName::Member,
            OptionName::Arch,
            OptionName::DebugFolders,
        ]
    }

    fn kinds(&self) -> &'static [FileKind] {
        &[
            FileKind::ElfDebug,
            FileKind::ElfStripped,
            FileKind::ElfCut,
            FileKind::Elf,
            FileKind::MachODebug,
            FileKind::MachOStripped,
            FileKind::MachOFat,
            FileKind::MachO,
            FileKind::DsymBundle,
            FileKind::Deb,
            FileKind::Rpm,
            FileKind::Gzip,
            FileKind::Xz,
            FileKind::Zstd,
        ]
    }

    fn convert(
        &self,
        source: Source,
        options: &frontend::Options,
        progress: &dyn Progress,
    ) -> Result<Converted, Error> {
        let place = source.place().to_owned();
        let (path, file) = match source.is_folder() {
            true => debug_file_of(&source)?,
            false => (source.path().to_owned(), None),
        };
        let opener = source.opener();
        let mut file = file.map_or_else(|| source.into_file(READS), Ok)?;
        if let Some(package) = Package::recognise(&file) {
            file = unpacked(&package, options.member.as_deref(), progress).map_err(Error::failed)?;
        } else if let Some(member) = &options.member {
            let found = format!("{place}, which is not a package");
            return Err(Error::Unusable { expected: format!("a package for --member {member}"), found });
        }
        let mut path = path;
        if matches!(FileKind::of(&file), FileKind::ElfStripped | FileKind::ElfBtf) {
            (path, file) = with_debug_information(file, path, options, &*opener, progress)?;
        }
        let beside = Beside::through(&path, opener);
        let options = Options {
            languages: Languages::with(&options.languages),
            symbol_map: options.symbol_map.as_deref(),
            symbol_map_release: options.symbol_map_release.as_deref(),
            arch: options.arch,
            threads: options.threads,
        };
        let converted = convert(&file, &options, &beside, progress).map_err(Error::failed);
        if options.threads > 1 {
            // Undoing the mapping of a large file takes a while, for which nothing needs to wait.
            // If the system starts no thread, it is undone here.
            let _ = thread::Builder::new().spawn(move || drop(file));
        }
        converted
    }
}

/// The separate debug file of a file without debug information, with its path; the file itself if it names none.
///
/// # Errors
/// [`Error::Unusable`] if it names one and none that belongs to it was found, with the places that were looked at.
fn with_debug_information(
    file: MappedFile,
    path: PathBuf,
    options: &frontend::Options,
    opener: &dyn Opener,
    progress: &dyn Progress,
) -> Result<(PathBuf, MappedFile), Error> {
    let usual = [PathBuf::from(DEBUG_FOLDER)];
    let folders = if options.debug_folders.is_empty() { &usual[..] } else { &options.debug_folders };
    let Separate { found, passed, is_named } = find_separate(&file, &path, folders, opener);
    if let Some((path, file)) = found {
        progress.debug(&format!("the debug information is in {}", path.display()));
        return Ok((path, file));
    }
    if !is_named {
        return Ok((path, file));
    }
    let found = identify(&&file[..], Some(&path));
    Err(Error::Unusable {
        expected: "debug information in the file, or in a debug file where GDB looks for it".to_owned(),
        found: format!("{found}, and none of its debug files: {}", passed.join("; ")),
    })
}

/// Whether a file of this name, below a folder, is the debug file of a dSYM bundle.
fn is_in_bundle(name: &str) -> bool {
    let below = name.strip_prefix(IN_BUNDLE).and_then(|rest| rest.strip_prefix('/'));
    below.is_some_and(|name| !name.contains('/'))
}

/// The debug file in a dSYM bundle. A bundle may be evidence, so the file is opened through the source's opener.
fn debug_file_of(bundle: &Source) -> Result<(PathBuf, Option<MappedFile>), Error> {
    let folder = bundle.path().join(IN_BUNDLE);
    let files = bundle.members().iter().filter(|member| is_in_bundle(&member.name));
    let paths: Vec<_> = files.map(|member| &member.path).collect();
    match paths.as_slice() {
        [only] => {
            let opened = bundle.opener().open(only, Some(&folder));
            let failed = |source| Error::Open { place: only.display().to_string(), source };
            Ok(((*only).clone(), Some(opened.map_err(failed)?)))
        }
        [] => Err(Error::Unusable {
            expected: format!("{READS}, or a dSYM bundle"),
            found: format!("a folder that is not a dSYM bundle (it has no {IN_BUNDLE})"),
        }),
        several => Err(Error::Unusable {
            expected: "one debug file".to_owned(),
            found: format!("{} in {}: name one of them", several.len(), folder.display()),
        }),
    }
}

/// The debug file in a package, unpacked to an unnamed temporary file that disappears with the program.
fn unpacked(
    package: &Package<'_>,
    member: Option<&str>,
    progress: &dyn Progress,
) -> Result<MappedFile, PackageError> {
    const STEP: &str = "Unpacking";
    progress.begin(STEP, None);
    let file = tempfile::tempfile().map_err(PackageError::Io)?;
    let mut sink = Counted { file, written: 0, progress, step: STEP };
    let unpacked = package.unpack(member, &mut sink)?;
    progress.end(STEP);
    progress.debug(&format!("unpacked {} ({} bytes)", unpacked.path, unpacked.size));
    MappedFile::from_file(sink.file).map_err(PackageError::Io)
}

/// A writer that reports how much was written to it.
struct Counted<'a> {
    file: File,
    written: u64,
    progress: &'a dyn Progress,
    step: &'static str,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        self.progress.advance(self.step, self.written);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
