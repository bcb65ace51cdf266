use pe::Rsds;
use pe::{Headers, Pe};
use profile::GuidAge;

use super::exports::directory;
use crate::Space;

/// A PE file mapped by the loader.
#[derive(Debug)]
pub struct Mapped {
    pub(super) base: u64,
    /// Its headers.
    pub headers: Headers,
    /// The names of its sections.
    pub sections: Vec<String>,
    /// The place of its exports, as RVA and size.
    pub(super) export: Option<(u32, u32)>,
    /// The place of its debug directory, as RVA and size.
    debug: Option<(u32, u32)>,
}

/// Headers fill a page at most.
const PAGE: usize = 4096;

/// The maximum number of debug directory entries that are read, and their size.
const MOST_ENTRIES: u32 = 32;
const ENTRY: u64 = 28;

/// The type of an entry that names a PDB (`IMAGE_DEBUG_TYPE_CODEVIEW`).
const CODEVIEW: u32 = 2;

impl Mapped {
    /// The file with its headers at `base`; `None` if there are none, or they are not in memory.
    pub fn at(space: &dyn Space, base: u64) -> Option<Self> {
        let mut page = [0; PAGE];
        space.read(base, &mut page).ok()?;
        let pe = Pe::parse(&page).ok()?;
        let debug = pe.directories().into_iter().find(|directory| directory.name == "Debug");
        Some(Self {
            base,
            headers: pe.headers(),
            sections: pe.sections().into_iter().map(|section| section.name).collect(),
            export: directory(&pe),
            debug: debug.map(|directory| (directory.rva, directory.size)),
        })
    }

    /// The PDB that it names, if its debug directory is in memory.
    pub fn pdb(&self, space: &dyn Space) -> Option<(GuidAge, String)> {
        let (rva, size) = self.debug?;
        for index in 0..(u64::from(size) / ENTRY).min(u64::from(MOST_ENTRIES)) {
            let mut entry = [0; ENTRY as usize];
            let at = self.base.checked_add(u64::from(rva))?.checked_add(index * ENTRY)?;
            space.read(at, &mut entry).ok()?;
            let word = |at: usize| {
                entry.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
            };
            if word(12) != CODEVIEW {
                continue;
            }
            // Its length, and its address.
            let length = (word(16) as usize).min(24 + Rsds::LONGEST_PATH + 1);
            let mut record = vec![0; length];
            let at = self.base.checked_add(u64::from(word(20)))?;
            if space.read(at, &mut record).is_ok()
                && let Some(rsds) = Rsds::parse(&record)
            {
                return Some((rsds.guid_age, rsds.file_name().to_owned()));
            }
        }
        None
    }
}
