//! What content cannot tell: zeros, and kinds that only their names set apart.

use crate::look::Look;
use crate::{FileKind, Identified};

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    let name = look.name.as_str();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    // Windows 8 and later zero the header and leave the rest, in which nothing has a signature.
    let zeroed = look.head().len() >= 4096 && look.head().iter().take(4096).all(|byte| *byte == 0);
    if name == "hiberfil.sys" && zeroed {
        return Some(FileKind::HibernationZeroed.into());
    }
    if look.is_zeros() {
        return Some(FileKind::Zeros.into());
    }
    match ending {
        // The format is not described anywhere, and no signature is known for certain.
        "vmrs" => Some(FileKind::HyperVState.into()),
        // `memory.raw.001` and its like. A set may have more than 999 pieces.
        _ if ending.len() >= 3 && ending.bytes().all(|byte| byte.is_ascii_digit()) => {
            let number: u32 = ending.parse().ok()?;
            (number <= 99_999).then(|| FileKind::RawPiece.into())
        }
        _ => None,
    }
}
