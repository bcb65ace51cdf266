//! The PDB front-end. The PDB may be in a cabinet or in the compact form.

use std::io::Cursor;

use formats::FileKind;
use frontend::{Converted, Error, FrontEnd, OptionName, Source};
use pe::{PdbCabinet, unpack_msfz_bytes};
use profile::{MappedFile, Progress};

use crate::{GENERATOR, Options, convert};

/// Reads PDBs, plain, in a cabinet (`.pd_`) and in the compact form (MSFZ).
#[derive(Clone, Copy, Debug)]
pub struct Pdb;

const READS: &str = "a PDB";

/// The largest unpacked PDB, in bytes: 4 GiB is the most that its format can address with common page sizes.
const LARGEST: u64 = 4 << 30;

impl FrontEnd for Pdb {
    fn command(&self) -> &'static str {
        "parse_pdb"
    }

    fn reads(&self) -> &'static str {
        READS
    }

    fn generator(&self) -> &'static str {
        GENERATOR
    }

    fn options(&self) -> &'static [OptionName] {
        &[
            OptionName::ProfileClass,
            OptionName::WindowsVersion,
            OptionName::RawNames,
            OptionName::Concise,
            OptionName::Arch,
        ]
    }

    fn kinds(&self) -> &'static [FileKind] {
        &[
            FileKind::Pdb,
            FileKind::PdbFastLink,
            FileKind::PdbCut,
            FileKind::PdbDamaged,
            FileKind::Msfz,
            FileKind::Cabinet,
        ]
    }

    fn convert(
        &self,
        source: Source,
        options: &frontend::Options,
        progress: &dyn Progress,
    ) -> Result<Converted, Error> {
        let name = source.name();
        let (file, inner_name) = plain(source, &name, progress)?;
        let kind = FileKind::of(&file);
        let options = Options {
            file_name: inner_name.unwrap_or_else(|| with_last_letter(&name).unwrap_or(name)),
            windows_version: options.windows_version.clone(),
            profile_class: options.profile_class.clone(),
            concise: options.concise,
            raw_names: options.raw_names,
            arch: options.arch,
        };
        let mut converted = convert(file, &options, progress).map_err(|error| match error {
            crate::Error::Architecture { .. } => {
                Error::Advised { advice: "add --arch, for example --arch I386", reason: Box::new(error) }
            }
            error => Error::failed(error),
        })?;
        if kind == FileKind::PdbFastLink {
            let (words, advice) = (kind.words(), kind.advice());
            converted
                .report
                .warn(format!("this is {words}; types may be missing from the profile: {advice}"));
        }
        Ok(converted)
    }
}

/// The PDB in a file, with its own name if a cabinet gives it. It is the file itself, or the PDB unpacked from it
/// into an unnamed temporary file that disappears with the program.
fn plain(source: Source, name: &str, progress: &dyn Progress) -> Result<(MappedFile, Option<String>), Error> {
    let file = source.into_file(READS)?;
    let temporary = || {
        let place = "a temporary file".to_owned();
        tempfile::tempfile().map_err(|source| Error::Open { place, source })
    };
    let mapped = |file| {
        let place = "the unpacked PDB".to_owned();
        MappedFile::from_file(file).map_err(|source| Error::Open { place, source })
    };
    match FileKind::of(&file) {
        FileKind::Cabinet => {
            let wanted = with_last_letter(name);
            let cabinet = PdbCabinet::open(Cursor::new(&*file), wanted.as_deref(), LARGEST);
            let mut cabinet = cabinet.map_err(Error::failed)?;
            let member = cabinet.member().clone();
            progress.debug(&format!("Extracting cabinet: {name}"));
            progress.debug(&format!("  extracting {}", member.name));
            let mut plain = temporary()?;
            progress.begin(&member.name, Some(member.size));
            let extracted = cabinet.extract(&mut plain, &|done| progress.advance(&member.name, done));
            progress.end(&member.name);
            extracted.map_err(Error::failed)?;
            Ok((mapped(plain)?, Some(member.name)))
        }
        FileKind::Msfz => {
            progress.debug("Unpacking the compact form");
            let plain = temporary()?;
            unpack_msfz_bytes(&file, &plain, LARGEST, &|_| ()).map_err(Error::failed)?;
            Ok((mapped(plain)?, None))
        }
        _ => Ok((file, None)),
    }
}

/// The name of a PDB from that of its cabinet, whose last letter is `_` (`ntkrnlmp.pd_`); `None` for other names.
fn with_last_letter(name: &str) -> Option<String> {
    let stem = name.strip_suffix('_')?;
    stem.to_ascii_lowercase().ends_with(".pd").then(|| format!("{stem}b"))
}
