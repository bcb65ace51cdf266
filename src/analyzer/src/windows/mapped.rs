use pe::Rsds;
use pe::{Headers, Pe};
use profile::GuidAge;

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

/// The processors that Windows has run on since Windows XP, as numbers of the PE header: I386, AMD64, IA64, ARM and ARM64.
const MACHINES: [u16; 5] = [0x14c, 0x8664, 0x200, 0x1c4, 0xaa64];

/// What the record that names a PDB begins with.
const RECORD: &[u8; 4] = b"RSDS";

impl Mapped {
    /// The file with its headers at `base`; `None` if there are none, or they are not in memory.
    pub fn at(space: &dyn Space, base: u64) -> Option<Self> {
        Self::read(&page(space, base)?, base)
    }

    fn read(page: &[u8], base: u64) -> Option<Self> {
        let pe = Pe::parse(page).ok()?;
        let debug = pe.directories().into_iter().find(|directory| directory.name == "Debug");
        Some(Self {
            base,
            headers: pe.headers(),
            sections: pe.sections().into_iter().map(|section| section.name).collect(),
            export: exports(&pe),
            debug: debug.map(|directory| (directory.rva, directory.size)),
        })
    }

    /// The same where a file is known to be mapped, also if one byte of its headers was changed: then they lead to a record
    /// that names a PDB once that byte is put right. With it what was changed, in words.
    pub(super) fn mended(space: &dyn Space, base: u64) -> Option<(Self, Option<String>)> {
        let page = page(space, base)?;
        let mapped = Self::read(&page, base);
        if mapped.as_ref().is_some_and(|mapped| MACHINES.contains(&mapped.headers.machine)) {
            return Some((mapped?, None));
        }
        let mended = patches(&page).into_iter().find_map(|(at, right)| {
            let mut mended = page;
            let found = mended.get_mut(at..at.checked_add(right.len())?)?;
            if found.iter().zip(&right).filter(|(one, other)| one != other).count() != 1 {
                return None;
            }
            let words = format!(
                "the headers at {base:#x} were changed: expected the bytes {} at {at:#x}, found {}",
                right.escape_ascii(),
                found.escape_ascii()
            );
            found.copy_from_slice(&right);
            let mapped = Self::read(&mended, base).filter(|mapped| mapped.pdb(space).is_some())?;
            Some((mapped, Some(words)))
        });
        mended.or_else(|| Some((mapped?, None)))
    }

    /// Why the file at `base` does not name its PDB, in words.
    pub(super) fn unnamed(space: &dyn Space, base: u64) -> String {
        let Some(page) = page(space, base) else {
            return format!("the kernel's headers at {base:#x} are not in memory");
        };
        if let Err(error) = Pe::parse(&page)
            && Self::mended(space, base).is_none()
        {
            return format!("the kernel's headers at {base:#x} were changed: {error}");
        }
        "the kernel's debug directory, or the record that it names, is not in memory or was changed"
            .to_owned()
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
            if space.read(at, &mut record).is_err() {
                continue;
            }
            // One letter of the mark may have been changed: the directory says where the record is.
            if let Some(mark) = record.first_chunk_mut::<4>()
                && mark.iter().zip(RECORD).filter(|(one, other)| one != other).count() == 1
            {
                *mark = *RECORD;
            }
            if let Some(rsds) = Rsds::parse(&record) {
                return Some((rsds.guid_age, rsds.file_name().to_owned()));
            }
        }
        None
    }
}

/// The place of the exports according to the headers, as RVA and size.
fn exports(pe: &Pe<'_>) -> Option<(u32, u32)> {
    let export = pe.directories().into_iter().find(|directory| directory.name == "Export");
    export.map(|directory| (directory.rva, directory.size))
}

fn page(space: &dyn Space, base: u64) -> Option<[u8; PAGE]> {
    let mut page = [0; PAGE];
    space.read(base, &mut page).ok()?;
    Some(page)
}

/// What a kernel's headers have at which offset, as far as it follows from the rest: the marks, the place of the PE header, the
/// processor, and the sizes that belong to it.
fn patches(page: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mark = b"PE\0\0";
    let mut patches = vec![(0, b"MZ".to_vec())];
    let start = page.get(0x3c..).and_then(<[u8]>::first_chunk).map_or(0, |start| u32::from_le_bytes(*start));
    let marks = page.windows(mark.len()).enumerate().filter(|(_, found)| found == mark);
    patches.extend(marks.map(|(at, _)| (0x3c, (at as u32).to_le_bytes().to_vec())));
    let start = start as usize;
    if start < page.len() {
        patches.push((start, mark.to_vec()));
        // (the processor, the size of the optional header, its mark)
        for (machine, size, magic) in [(0x8664_u16, 0xf0_u16, 0x20b_u16), (0x14c, 0xe0, 0x10b)] {
            patches.extend([
                (start + 4, machine.to_le_bytes().to_vec()),
                (start + 20, size.to_le_bytes().to_vec()),
                (start + 24, magic.to_le_bytes().to_vec()),
            ]);
        }
        // The number of sections is not needed to read the directories.
        let sections = page.get(start + 6).copied().unwrap_or_default();
        patches.extend([(start + 6, vec![sections, 0]), (start + 6, vec![1, 0])]);
    }
    patches
}
