use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use formats::FileKind;
use profile::Progress;

use crate::{Converted, Error, OptionName, Options, Source};

/// Makes profiles of one kind of debug information.
pub trait FrontEnd: Debug + Sync {
    /// The command that makes profiles with this front-end (`parse_pdb`). Two front-ends may share a command.
    fn command(&self) -> &'static str;

    /// What it reads, in words that can follow "expected": "a PDB".
    fn reads(&self) -> &'static str;

    /// Its name and revision ("rekall-profile pdb 2"). `converters::convert_with` writes it to `Generator` in `$METADATA`, by
    /// which repositories know which profiles to make again. Raise the revision when the same source can give a different
    /// profile.
    fn generator(&self) -> &'static str;

    /// The options that it uses. Any other option is refused before [`FrontEnd::convert`] is called.
    fn options(&self) -> &'static [OptionName];

    /// The kinds of files that it reads. No two front-ends have a kind in common.
    fn kinds(&self) -> &'static [FileKind];

    /// The kinds that it reads only if the user names it, because another front-end is chosen for them by kind.
    fn also_reads(&self) -> &'static [FileKind] {
        &[]
    }

    /// Makes a profile of a source. The front-end sets the profile's system, architecture and `ProfileClass`, and adds what
    /// the source defines; the crate documentation of `profile` shows how types are added. It drops the source as soon as it
    /// has read it.
    ///
    /// # Errors
    /// [`Error`] if the source gives no profile. A problem that affects only single records is counted in the report.
    fn convert(&self, source: Source, options: &Options, progress: &dyn Progress)
    -> Result<Converted, Error>;

    /// Finds the sources below a folder, for front-ends that convert whole folders.
    ///
    /// # Errors
    /// Any error from reading the folders.
    fn sources_below(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let _ = folder;
        Ok(Vec::new())
    }

    /// Whether a file of this name is used, if the source is a whole folder.
    fn uses_member(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// The text that Rekall itself would make of a source, byte for byte.
    ///
    /// # Errors
    /// [`Error::UnusedOption`] if Rekall's text cannot be reproduced for this kind of source, and any error from
    /// reading the source.
    fn rekall_text(&self, source: Source) -> Result<Vec<u8>, Error> {
        Err(Error::unused(OptionName::Compat, &source, self.reads()))
    }
}
