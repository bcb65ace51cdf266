//! Profiles in the form in which they are stored, for a batch or for a user with one image.

use std::io;

use converters::{DWARF, FrontEnd, Options, PDB, Source};
use pe::PdbName;
use profile::{
    Effort, GzipWriter, Health, MappedFile, Profile, Progress, Report, Resolution, Scope, guarded, write_text,
};

/// A profile's bytes, verdict and losses.
pub(crate) struct Printed {
    /// The canonical text, compressed.
    pub(crate) bytes: Vec<u8>,
    /// What it lacks.
    pub(crate) health: Health,
    /// The losses.
    pub(crate) report: Report,
    /// What the kernel calls itself; empty for other systems.
    pub(crate) banner: String,
}

impl Printed {
    /// Settles, judges, prints and compresses a profile.
    ///
    /// # Errors
    /// If two symbols have one name, which front-ends prevent.
    pub(crate) fn new(mut profile: Profile, mut report: Report, merge: &[String]) -> io::Result<Self> {
        for name in merge {
            if !profile.merge.contains(name) {
                profile.merge.push(name.clone());
            }
        }
        let resolution = Resolution::new(&mut profile, &mut report);
        let health = Health::of(&profile, &resolution, Scope::Whole);
        let sink = GzipWriter::new(Vec::new(), Effort::Default, 1);
        let bytes = write_text(&profile, &resolution, sink)?.finish()?;
        let banner = profile.metadata_text("Banner").unwrap_or_default().to_owned();
        Ok(Self { bytes, health, report, banner })
    }

    /// The profile of the PDB `name`, with the class `profile_class` or, by default, the one for its name.
    ///
    /// # Errors
    /// The reason why there is none, in words without its place.
    pub(crate) fn of_pdb(
        file: MappedFile,
        name: &PdbName,
        profile_class: Option<&str>,
        merge: &[String],
        progress: &dyn Progress,
    ) -> Result<Self, String> {
        let options = Options { profile_class: profile_class.map(str::to_owned), ..Options::default() };
        Self::of(PDB, Source::from_bytes(name.as_str(), file), &options, merge, progress)
    }

    /// The profile of a Linux kernel's debug file.
    ///
    /// # Errors
    /// The reason why there is none, in words without its place.
    pub(crate) fn of_debug_file(
        file: MappedFile,
        name: &str,
        progress: &dyn Progress,
    ) -> Result<Self, String> {
        Self::of(DWARF, Source::from_bytes(name, file), &Options::default(), &[], progress)
    }

    fn of(
        front_end: &dyn FrontEnd,
        source: Source,
        options: &Options,
        merge: &[String],
        progress: &dyn Progress,
    ) -> Result<Self, String> {
        // Whatever a hostile file does to the front-end costs its own profile.
        let printed = guarded(|| {
            let converted = converters::convert_with(front_end, source, options, progress)
                .map_err(|error| error.reason())?;
            Self::new(converted.profile, converted.report, merge).map_err(|error| error.to_string())
        });
        printed.unwrap_or_else(|| Err("the front-end failed on it: please report the file".to_owned()))
    }
}
