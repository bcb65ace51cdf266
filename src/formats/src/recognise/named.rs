//! What content cannot tell: zeros, and kinds that only their names set apart.

use crate::look::Look;
use crate::{FileKind, Identified};

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    // Windows 8 and later zero the header of a hibernation file and leave the rest, in which nothing has a signature.
    let zeroed = look.head().len() >= 4096 && look.head().iter().take(4096).all(|byte| *byte == 0);
    let zeros = look.is_zeros();
    let content = if zeroed || zeros { FileKind::Zeros } else { FileKind::Unknown };
    by_name(&look.name, content).or(zeros.then_some(FileKind::Zeros)).map(Into::into)
}

/// What a name in lower case tells of a file whose content begins with zeros, or tells nothing.
pub(crate) fn by_name(name: &str, content: FileKind) -> Option<FileKind> {
    if content == FileKind::Zeros {
        return (name == "hiberfil.sys").then_some(FileKind::HibernationZeroed);
    }
    if content != FileKind::Unknown {
        return None;
    }
    let (_, ending) = name.rsplit_once('.')?;
    // The format of Hyper-V is not described anywhere, and no signature is known for certain.
    if ending == "vmrs" {
        return Some(FileKind::HyperVState);
    }
    // `memory.raw.001` and its like. A set may have more than 999 pieces.
    let digits = (3..=5).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(FileKind::RawPiece)
}
