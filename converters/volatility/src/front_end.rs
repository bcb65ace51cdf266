//! The front-end for packs.

use std::io;
use std::path::{Path, PathBuf};

use formats::FileKind;
use frontend::{Converted, Error, FrontEnd, OptionName, Source};
use profile::Progress;

use crate::pack::READS;
use crate::{GENERATOR, Options, Pack, convert, find_packs, is_pack_member, write_legacy};

/// Reads packs of Volatility 2: zip archives, the folders that they were unpacked into, and single files of one.
#[derive(Clone, Copy, Debug)]
pub struct Volatility;

impl FrontEnd for Volatility {
    fn command(&self) -> &'static str {
        "convert_profile"
    }

    fn reads(&self) -> &'static str {
        READS
    }

    fn generator(&self) -> &'static str {
        GENERATOR
    }

    fn options(&self) -> &'static [OptionName] {
        &[OptionName::ProfileClass, OptionName::Banner, OptionName::Compat]
    }

    fn kinds(&self) -> &'static [FileKind] {
        &[
            FileKind::Pack,
            FileKind::Zip,
            FileKind::LibdwarfText,
            FileKind::ReadelfText,
            FileKind::LlvmText,
            FileKind::Vtypes,
            // A folder into which a pack was unpacked.
            FileKind::Folder,
        ]
    }

    fn convert(
        &self,
        source: Source,
        options: &frontend::Options,
        progress: &dyn Progress,
    ) -> Result<Converted, Error> {
        let source = if source.is_folder() { only_pack(source)? } else { source };
        let place = source.place().to_owned();
        let pack = Pack::of_source(source).map_err(Error::failed)?;
        for name in pack.member_names() {
            progress.debug(&format!("opened {place}: {name}"));
        }
        let options = Options { profile_class: options.profile_class.clone(), threads: options.threads };
        convert(&pack, &options, progress).map_err(Error::failed)
    }

    fn sources_below(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        find_packs(folder)
    }

    fn uses_member(&self, name: &str) -> bool {
        is_pack_member(name)
    }

    fn rekall_text(&self, source: Source) -> Result<Vec<u8>, Error> {
        let pack = Pack::of_source(source).map_err(Error::failed)?;
        write_legacy(&pack, Vec::new()).map_err(Error::failed)
    }
}

/// How many packs are listed if a folder holds several.
const LISTED: usize = 5;

/// The only pack in a folder, which may be the folder itself.
fn only_pack(folder: Source) -> Result<Source, Error> {
    let place = folder.place().to_owned();
    let failed = |source| Error::Open { place: place.clone(), source };
    let packs = find_packs(folder.path()).map_err(failed)?;
    match packs.as_slice() {
        [only] if only == folder.path() => Ok(folder),
        [only] => Source::open(only),
        [] => Err(Error::Unusable {
            expected:
                "a folder with a pack: a zip archive, or an unpacked one with a *.dwarf, *.vtypes or *.ko"
                    .to_owned(),
            found: format!("none in {place}"),
        }),
        several => {
            let names = several.iter().take(LISTED).map(|pack| pack.display().to_string());
            let more = if several.len() > LISTED { ", ..." } else { "" };
            Err(Error::Unusable {
                expected: "one pack".to_owned(),
                found: format!(
                    "{} in {place} (convert_profile {place} FOLDER converts all): {}{more}",
                    several.len(),
                    names.collect::<Vec<_>>().join(", ")
                ),
            })
        }
    }
}
