use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use formats::FileKind;
use profile::Progress;

use crate::{Converted, Error, OptionName, Options, Source};

/// Makes profiles of one kind of debug information.
pub trait FrontEnd: Debug + Sync {
    /// The command that makes a profile with this front-end alone (`parse_pdb`).
    fn command(&self) -> &'static str;

    /// What it reads, in words that continue "expected ...": "a PDB".
    fn reads(&self) -> &'static str;

    /// Its name and revision, as `Generator` of `$METADATA` has it. The number changes when the same source can give
    /// another profile.
    fn generator(&self) -> &'static str;

    /// The options that it uses. Any other option is refused.
    fn options(&self) -> &'static [OptionName];

    /// The kinds of files that it reads. No two front-ends have a kind in common.
    fn kinds(&self) -> &'static [FileKind];

    /// The kinds that it reads too if it is asked by name, though another front-end is chosen for them by kind.
    fn also_reads(&self) -> &'static [FileKind] {
        &[]
    }

    /// Makes a profile of a source, which is let go as soon as it has been read.
    ///
    /// # Errors
    /// [`Error`] if the source gives no profile. What costs single records only is counted in the report.
    fn convert(&self, source: Source, options: &Options, progress: &dyn Progress)
    -> Result<Converted, Error>;

    /// Finds the sources below a folder, for front-ends that convert whole folders.
    ///
    /// # Errors
    /// Whatever reading the folders gives.
    fn sources_below(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let _ = folder;
        Ok(Vec::new())
    }

    /// Whether a file of this name, in a folder that is one source, is one that the profile is made of.
    fn uses_member(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// The text that Rekall itself made of a source, byte for byte.
    ///
    /// # Errors
    /// [`Error::UnusedOption`] if Rekall's text is not reproduced for this kind of source; what reading the source
    /// gives.
    fn rekall_text(&self, source: Source) -> Result<Vec<u8>, Error> {
        Err(Error::unused(OptionName::Compat, &source, self.reads()))
    }
}
