//! Debug information to profiles. A source may be a PDB (also in a cabinet or in the compact form), an ELF or Mach-O file
//! with DWARF, a package that holds one, BTF, or a Volatility 2 pack; its content says which.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

pub use converters::{Identity, Language, Options, Source};
use profile::{Effort, GzipWriter, Health, OutputFile, Report, Resolution, Scope, Silent, write_text};

use crate::{Error, Profile};

/// What a source gave: a profile in its canonical text, and how it turned out.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// The canonical text (`docs/format.md`): the same bytes for the same source, on any machine.
    pub text: Vec<u8>,
    /// What the profile is worth to its readers.
    pub health: Health,
    /// What could not be carried over, by kind, with examples, and what a user should know.
    pub report: Report,
    /// The build that the source is of, if the source says so.
    pub identity: Option<Identity>,
}

/// Makes a profile of a file or a folder.
///
/// # Errors
/// [`Error::File`] if it cannot be opened, is of a kind that no front-end reads, or gives no profile.
pub fn file(path: impl AsRef<Path>, options: &Options) -> Result<Conversion, Error> {
    let path = path.as_ref();
    let opened = Source::open(path).map_err(Error::from);
    opened.and_then(|opened| source(opened, options)).map_err(|error| error.in_file(path))
}

/// Makes a profile of the bytes of a file. Files that it refers to are not opened. The name is what the profile says that
/// it was made from, and helps to tell kinds of files apart.
///
/// # Errors
/// [`Error::Convert`] if no front-end reads this kind of file, or it gives no profile.
pub fn bytes(name: &str, bytes: Vec<u8>, options: &Options) -> Result<Conversion, Error> {
    source(Source::from_bytes(name, bytes.into()), options)
}

/// Makes a profile of a source.
///
/// # Errors
/// As [`bytes`](fn@bytes).
pub fn source(source: Source, options: &Options) -> Result<Conversion, Error> {
    let converted = converters::convert(source, options, &Silent)?;
    let identity = converted.identity();
    let (mut profile, mut report) = (converted.profile, converted.report);
    let resolution = Resolution::new(&mut profile, &mut report);
    let scope = if options.concise { Scope::Types } else { Scope::Whole };
    let health = Health::of(&profile, &resolution, scope);
    let failed = |error| Error::Convert(converters::Error::failed(error));
    let text = write_text(&profile, &resolution, Vec::new()).map_err(failed)?;
    Ok(Conversion { text, health, report, identity })
}

impl Conversion {
    /// The profile, ready for lookups.
    ///
    /// # Errors
    /// [`Error::Profile`], which a text that was made here does not give.
    pub fn profile(&self) -> Result<Profile, Error> {
        Profile::from_text(self.text.clone())
    }

    /// Writes the profile to a file: packed with gzip if the name ends in `.gz`, else as text. The file appears whole or
    /// not at all.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let mut output = OutputFile::create(path).map_err(failed)?;
        if path.extension() == Some(OsStr::new("gz")) {
            let mut packed = GzipWriter::new(output, Effort::Default, 1);
            packed.write_all(&self.text).map_err(failed)?;
            output = packed.finish().map_err(failed)?;
        } else {
            output.write_all(&self.text).map_err(failed)?;
        }
        output.commit().map_err(failed)
    }
}
