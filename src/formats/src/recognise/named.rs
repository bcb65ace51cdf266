//! Files that content does not identify: files of zeros, and kinds that only their names tell apart.

use crate::look::Look;
use crate::{FileKind, Identified};

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    // Windows 8 and later zero the header of a hibernation file. The rest of the file stays but has no signature.
    let zeroed = look.head().len() >= 4096 && look.head().iter().take(4096).all(|byte| *byte == 0);
    let zeros = look.is_zeros();
    let content = if zeroed || zeros { FileKind::Zeros } else { FileKind::Unknown };
    by_name(&look.name, content).or(zeros.then_some(FileKind::Zeros)).map(Into::into)
}

/// Identifies a file by its name in lower case, if its content begins with zeros or is unknown.
pub(crate) fn by_name(name: &str, content: FileKind) -> Option<FileKind> {
    if content == FileKind::Zeros {
        return (name == "hiberfil.sys").then_some(FileKind::HibernationZeroed);
    }
    if content != FileKind::Unknown {
        return None;
    }
    let (_, ending) = name.rsplit_once('.')?;
    // The Hyper-V format is undocumented, and no reliable signature is known.
    if ending == "vmrs" {
        return Some(FileKind::HyperVState);
    }
    // `memory.raw.001` and similar names. A set may have more than 999 pieces.
    let digits = (3..=5).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(FileKind::RawPiece)
}
