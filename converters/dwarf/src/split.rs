//! Split units: the types of one unit in a separate file (`.dwo`), or of many units in one file (`.dwp`). The unit that
//! remains in the main file is its skeleton; it names the split unit and has its addresses.

use std::borrow::Cow;
use std::collections::HashMap;

use gimli::{DebugCuIndex, DebugTuIndex, EndianSlice, IndexSectionId, RunTimeEndian, UnitIndex};
use profile::{MappedFile, Report};

use crate::Error;
use crate::companions::{Companion, Companions};
use crate::container::{Loaded, ObjectFile};
use crate::scan::Root;
use crate::units::{Sections, Skeleton, Units};

/// The files that split units were found in.
///
/// A file that several skeletons name is read once, and the units of a package are read up to [`MAX_SHARES`] times
/// its size, so that time and memory stay proportional to the files.
pub(crate) struct SplitFiles {
    package: Option<MappedFile>,
    /// Each file with the numbers of its skeletons; empty if there is a package.
    files: Vec<(MappedFile, Vec<usize>)>,
}

/// How many times the size of a package's sections its units may have together. In a valid package units do not share
/// bytes.
const MAX_SHARES: usize = 2;

/// Opens the `.dwo` file that a skeleton names.
fn split_file(root: &Root, companions: &dyn Companions, report: &mut Report) -> Option<MappedFile> {
    let name = str::from_utf8(root.split_name.as_deref()?).ok()?;
    let folder = root.folder.as_deref().and_then(|folder| str::from_utf8(folder).ok());
    companions.find(Companion::Split { name, folder }, report)
}

impl SplitFiles {
    /// Searches for the files of these skeletons.
    pub(crate) fn find(skeletons: &[&Root], companions: &dyn Companions, report: &mut Report) -> Self {
        let package = companions.find(Companion::Package, report);
        let mut files: Vec<(MappedFile, Vec<usize>)> = Vec::new();
        if package.is_none() {
            let mut known: HashMap<*const u8, usize> = HashMap::new();
            for (number, root) in skeletons.iter().enumerate() {
                // A file that exists but must not be opened is already counted.
                let before = report.total();
                let Some(file) = split_file(root, companions, report) else {
                    if report.total() == before {
                        report.lose("split units whose file was not found", || {
                            String::from_utf8_lossy(root.split_name.as_deref().unwrap_or_default())
                                .into_owned()
                        });
                    }
                    continue;
                };
                let index = *known.entry(file.as_ptr()).or_insert(files.len());
                match files.get_mut(index) {
                    Some((_, numbers)) => numbers.push(number),
                    None => files.push((file, vec![number])),
                }
            }
        }
        Self { package, files }
    }

    /// Opens the files. A `.dwo` file that cannot be read is counted in the report; a package that cannot be read is an error.
    pub(crate) fn load(&self, report: &mut Report) -> Result<Vec<Split<'_>>, Error> {
        let mut loaded = Vec::new();
        if let Some(package) = &self.package {
            let container = ObjectFile::open(package, None)?;
            let cu_index = container.section(".debug_cu_index", report)?;
            let tu_index = container.section(".debug_tu_index", report)?;
            let part = SplitUnits::All { cu_index, tu_index };
            loaded.push(Split { loaded: container.load_split(report)?, part });
        }
        for (file, numbers) in &self.files {
            match ObjectFile::open(file, None).and_then(|container| container.load_split(report)) {
                Ok(split) => loaded.push(Split { loaded: split, part: SplitUnits::Of(numbers) }),
                Err(error) => report.lose("split units that cannot be read", || error.to_string()),
            }
        }
        Ok(loaded)
    }
}

/// The sections of a split file.
pub(crate) struct Split<'a> {
    loaded: Loaded<'a>,
    part: SplitUnits<'a>,
}

/// The split units in a file.
enum SplitUnits<'a> {
    /// The units of the skeletons with these numbers.
    Of(&'a [usize]),
    /// All of them, found through these tables.
    All { cu_index: Cow<'a, [u8]>, tu_index: Cow<'a, [u8]> },
}

impl Split<'_> {
    /// Adds the split units of `skeletons` that are in this file.
    pub(crate) fn add_to<'s>(
        &'s self,
        units: &mut Units<'s>,
        skeletons: &[Skeleton<'s>],
        report: &mut Report,
    ) {
        let sections = self.loaded.sections();
        let (cu_index, tu_index) = match &self.part {
            SplitUnits::Of(numbers) => {
                let own: Vec<&Skeleton<'s>> = numbers.iter().filter_map(|it| skeletons.get(*it)).collect();
                return units.add_split(&sections, &own);
            }
            SplitUnits::All { cu_index, tu_index } => (cu_index, tu_index),
        };
        let endian = if sections.big_endian { RunTimeEndian::Big } else { RunTimeEndian::Little };
        let index = DebugCuIndex::from(EndianSlice::new(cu_index, endian)).index();
        let types = DebugTuIndex::from(EndianSlice::new(tu_index, endian)).index();
        let Ok(index) = index else {
            report.lose("split units that cannot be read", || "the package's .debug_cu_index".to_owned());
            return;
        };
        let mut room = (sections.info.len() + sections.types.len()).saturating_mul(MAX_SHARES);
        let mut take = |share: &Sections<'_>| {
            let left = room.checked_sub(share.info.len() + share.types.len());
            room = left.unwrap_or(room);
            left.is_some()
        };
        let mut repeated = 0;
        for skeleton in skeletons {
            match skeleton.id.and_then(|id| index.find(id)).and_then(|row| share(&sections, &index, row)) {
                Some(share) if take(&share) => units.add_split(&share, &[skeleton]),
                Some(_) => repeated += 1,
                None => report.lose("split units that the package lacks", || {
                    skeleton.id.map_or_else(String::new, |id| format!("{id:#018x}"))
                }),
            }
        }
        if let Ok(types) = types {
            for row in 1..=types.unit_count() {
                match share(&sections, &types, row) {
                    Some(share) if take(&share) => units.add_split(&share, &[]),
                    Some(_) => repeated += 1,
                    None => {}
                }
            }
        }
        if repeated > 0 {
            report.lose_many("split units that name the same bytes as others", repeated, || {
                "the package's indexes name more bytes than its sections have".to_owned()
            });
        }
    }
}

/// The part of a package's sections that belongs to one unit: row `row` of the index.
fn share<'s>(
    whole: &Sections<'s>,
    index: &UnitIndex<EndianSlice<'_, RunTimeEndian>>,
    row: u32,
) -> Option<Sections<'s>> {
    let mut share = Sections { str: whole.str, big_endian: whole.big_endian, ..Sections::default() };
    for part in index.sections(row).ok()? {
        let (from, to) = match part.section {
            IndexSectionId::DebugInfo => (whole.info, &mut share.info),
            IndexSectionId::DebugTypes => (whole.types, &mut share.types),
            IndexSectionId::DebugAbbrev => (whole.abbreviations, &mut share.abbreviations),
            IndexSectionId::DebugStrOffsets => (whole.str_offsets, &mut share.str_offsets),
            _ => continue,
        };
        let start = part.offset as usize;
        *to = from.get(start..start.checked_add(part.size as usize)?)?;
    }
    Some(share)
}
