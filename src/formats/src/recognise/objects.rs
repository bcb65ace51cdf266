//! Object files and separate debug files of Windows, identified by a magic number of two bytes and other fields.

use crate::look::Look;
use crate::{FileKind, Identified};

/// Machines ("PE Format", "Machine Types").
const MACHINES: &[u16] = &[0x14c, 0x8664, 0xaa64, 0xa641, 0x1c0, 0x1c4, 0x200];

/// The machines of Windows NT and 2000.
const OLD_MACHINES: &[u16] = &[0x14c, 0x14d, 0x14e, 0x166, 0x168, 0x184, 0x1f0, 0x284, 0x200, 0x8664];

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    coff(look).or_else(|| debug(look)).map(Into::into)
}

fn coff(look: &Look<'_>) -> Option<FileKind> {
    let fields = look.little();
    // Objects with more than 65,279 sections, and those of link-time code generation.
    if fields.u16(0)? == 0 && fields.u16(2)? == 0xffff {
        let fits = matches!(fields.u16(4)?, 1 | 2) && MACHINES.contains(&fields.u16(6)?);
        return fits.then_some(FileKind::CoffObject);
    }
    let sections = usize::from(fields.u16(2)?);
    let symbols = u64::from(fields.u32(8)?);
    let inside = |offset: u64| look.length.is_none_or(|length| offset <= length);
    let fits = MACHINES.contains(&fields.u16(0)?)
        && sections > 0
        && fields.u16(16)? == 0
        && fields.u16(18)? & 0x0fe0 == 0
        && inside(symbols)
        && inside(20 + sections as u64 * 40);
    // The name of the first section, padded with zeros, and its place in the file.
    let name = look.head().get(20..28)?;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let (shown, rest) = name.split_at_checked(end)?;
    let named =
        !shown.is_empty() && shown.iter().all(u8::is_ascii_graphic) && rest.iter().all(|byte| *byte == 0);
    let content = u64::from(fields.u32(40)?).checked_add(fields.u32(36)?.into())?;
    (fits && named && inside(content)).then_some(FileKind::CoffObject)
}

/// `IMAGE_SEPARATE_DEBUG_HEADER`.
fn debug(look: &Look<'_>) -> Option<FileKind> {
    let fields = look.little();
    let fits = look.begins(b"DI")
        && fields.u16(2)? & !0x1 == 0
        && OLD_MACHINES.contains(&fields.u16(4)?)
        && fields.u32(24)? < 97;
    fits.then_some(FileKind::Dbg)
}
