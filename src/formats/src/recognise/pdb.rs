//! PDBs of every generation.

use crate::look::{Fields, Look};
use crate::{FileKind, Identified};

const MSF: &[u8; 32] = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0";
const MSFZ: &[u8; 32] = b"Microsoft MSFZ Container\r\n\x1aALD\0\0";
const JG: &[u8] = b"Microsoft C/C++ program database 2.00\r\n\x1aJG";

/// The common beginning of all PDBs.
const COMMON: &[u8] = b"Microsoft C/C++ ";

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    kind(look).map(Into::into)
}

fn kind(look: &Look<'_>) -> Option<FileKind> {
    if look.begins(MSF) {
        return Some(msf(look));
    }
    if look.begins(MSFZ) {
        return Some(FileKind::Msfz);
    }
    if look.begins(JG) {
        return Some(FileKind::OldPdb);
    }
    let head = look.head();
    if head.len() >= 4 && [&MSF[..], JG, MSFZ].iter().any(|magic| magic.starts_with(head)) {
        return Some(FileKind::PdbCut);
    }
    if look.begins(COMMON) || look.begins(b"Microsoft MSFZ") || almost(head) {
        return Some(FileKind::PdbDamaged);
    }
    None
}

/// Whether a file begins like a PDB except for a few damaged bytes.
fn almost(head: &[u8]) -> bool {
    const TOLERATED: usize = 4;
    let differing = head.iter().zip(MSF).filter(|(byte, expected)| byte != expected).count();
    head.len() >= MSF.len() && differing <= TOLERATED
}

/// Classifies a PDB with a valid magic number: whole, truncated, or made with `/DEBUG:FASTLINK`.
fn msf(look: &Look<'_>) -> FileKind {
    let fields = look.little();
    let (Some(page), Some(pages)) = (fields.u32(32), fields.u32(40)) else {
        return if look.is_whole() { FileKind::PdbCut } else { FileKind::Pdb };
    };
    let stated = u64::from(page) * u64::from(pages);
    if look.length.is_some_and(|length| length < stated || length < 56) {
        return FileKind::PdbCut;
    }
    if is_fast_link(look, page.into(), pages.into()) == Some(true) {
        FileKind::PdbFastLink
    } else {
        FileKind::Pdb
    }
}

/// Whether the info stream has the feature `MINI` ("The PDB Info Stream", LLVM's documentation; `PdbRaw_FeatureSig`).
/// Returns `None` if the info stream cannot be read.
fn is_fast_link(look: &Look<'_>, page: u64, pages: u64) -> Option<bool> {
    const MINI: u32 = 0x494e_494d;
    if !page.is_power_of_two() || !(512..=65536).contains(&page) {
        return None;
    }
    let number = |offset: u64| Fields::little(&look.read(offset, 4)).u32(0);
    let place = |index: u64| (index > 0 && index < pages).then_some(index * page);
    // The directory, found through the list of its pages: sizes of the streams, then their pages.
    let directory = |offset: u64| -> Option<u32> {
        let index = offset / page;
        let list = number(52 + index * 4 / page * 4)?;
        let entry = number(place(list.into())? + index * 4 % page)?;
        number(place(entry.into())? + offset % page)
    };
    let streams = u64::from(directory(0)?);
    let size = |stream: u64| {
        Some(match directory(4 + stream * 4)? {
            u32::MAX => 0,
            size => u64::from(size),
        })
    };
    if streams < 2 {
        return None;
    }
    let before = size(0)?.div_ceil(page);
    let length = size(1)?.min(page);
    let first = directory(4 + streams * 4 + before * 4)?;
    let info = look.read(place(first.into())?, length as usize);
    let fields = Fields::little(&info);
    // Version, signature, age, GUID; then the map of named streams; then the features.
    let names = u64::from(fields.u32(28)?);
    let mut at = usize::try_from(32 + names).ok()?;
    at = at.checked_add(8)?;
    for _ in 0..2 {
        let words = usize::try_from(fields.u32(at)?).ok()?;
        at = at.checked_add(4)?.checked_add(words.checked_mul(4)?)?;
    }
    let entries = usize::try_from(fields.u32(usize::try_from(32 + names).ok()?)?).ok()?;
    at = at.checked_add(entries.checked_mul(8)?)?;
    // A word that linkers write after the map.
    let rest = info.get(at..)?;
    Some(rest.chunks_exact(4).any(|word| Fields::little(word).u32(0) == Some(MINI)))
}
