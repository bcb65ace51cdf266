//! Windows executables, and the PDBs they name.

use crate::look::{Fields, Look, text};
use crate::{Detail, FileKind, Identified};

/// Further sections and debug records are ignored.
const MOST_SECTIONS: usize = 96;
const MOST_RECORDS: usize = 32;
/// The longest path of a PDB that is read, in bytes.
const LONGEST_PATH: usize = 1024;

const CODE_VIEW: u32 = 2;

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    if !look.begins(b"MZ") {
        return None;
    }
    let start = u64::from(look.little().u32(0x3c).unwrap_or(0));
    let headers = look.read(start, 24 + 240 + MOST_SECTIONS * 40);
    if !headers.starts_with(b"PE\0\0") {
        // The first bytes alone do not show what follows them.
        let unseen = !look.is_whole() && (headers.is_empty() || start == 0);
        return Some(if unseen { FileKind::Pe } else { FileKind::DosProgram }.into());
    }
    if !look.is_whole() {
        return Some(FileKind::Pe.into());
    }
    let detail = pdb(look, Fields::little(&headers));
    let kind = match &detail {
        Some(Detail::Pdb { .. }) => FileKind::Pe,
        _ => FileKind::PeWithoutPdb,
    };
    Some(Identified { detail, ..kind.into() })
}

/// The first debug record that names a PDB or, if there is none, the first CodeView record ("PE Format", "The .debug
/// Section").
fn pdb(look: &Look<'_>, headers: Fields<'_>) -> Option<Detail> {
    let sections = usize::from(headers.u16(6)?).min(MOST_SECTIONS);
    let optional = headers.from(24);
    let directories = match optional.u16(0)? {
        0x10b => 96,
        0x20b => 112,
        _ => return None,
    };
    // The number of directories is stored before them; debug records are the seventh.
    if optional.u32(directories - 4)? <= 6 {
        return None;
    }
    let (address, size) = (optional.u32(directories + 48)?, optional.u32(directories + 52)?);
    let table = 24 + usize::from(headers.u16(20)?);
    let section = |index: usize| headers.from(table + index * 40);
    let offset = (0..sections).find_map(|index| {
        let section = section(index);
        let (first, length) = (section.u32(12)?, section.u32(8)?.max(section.u32(16)?));
        let inside = address.checked_sub(first).filter(|inside| *inside < length)?;
        Some(u64::from(section.u32(20)?) + u64::from(inside))
    })?;
    let records = look.read(offset, (size as usize).min(MOST_RECORDS * 28));
    let mut unnamed = None;
    for record in records.chunks_exact(28) {
        let record = Fields::little(record);
        if record.u32(12)? != CODE_VIEW {
            continue;
        }
        let length = (record.u32(16)? as usize).min(24 + LONGEST_PATH);
        match code_view(&look.read(record.u32(24)?.into(), length)) {
            Some(named @ Detail::Pdb { .. }) => return Some(named),
            found => unnamed = unnamed.or(found),
        }
    }
    unnamed
}

/// A record `RSDS`: GUID, age, path.
fn code_view(record: &[u8]) -> Option<Detail> {
    let fields = Fields::little(record);
    if !record.starts_with(b"RSDS") {
        return None;
    }
    let rest: [u8; 8] = fields.array(12)?;
    let mut guid_age = format!("{:08X}{:04X}{:04X}", fields.u32(4)?, fields.u16(8)?, fields.u16(10)?);
    rest.iter().for_each(|byte| guid_age.push_str(&format!("{byte:02X}")));
    guid_age.push_str(&format!("{:X}", fields.u32(20)?));
    let path = String::from_utf8_lossy(text(record.get(24..)?)).into_owned();
    let name = path.rsplit(['\\', '/']).next().unwrap_or_default();
    Some(if name.is_empty() {
        Detail::Unnamed { guid_age }
    } else {
        Detail::Pdb { name: name.to_owned(), guid_age }
    })
}
