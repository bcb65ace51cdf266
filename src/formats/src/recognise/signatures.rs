//! Kinds that the first bytes alone identify: the signatures in the rows of the table of kinds, and shorter ones that
//! other fields confirm.

use crate::look::Look;
use crate::{FileKind, Identified};

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    let known = FileKind::SIGNATURES.iter().find(|(signature, _)| look.begins(signature));
    let kind = known.map(|(_, kind)| *kind);
    kind.or_else(|| packed(look)).or_else(|| btf(look)).map(Into::into)
}

/// Compressed files whose signature is shorter than four bytes.
fn packed(look: &Look<'_>) -> Option<FileKind> {
    let head = look.head();
    match head {
        // RFC 1952: the method is 8, and three of the flags are reserved.
        [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 => Some(FileKind::Gzip),
        [0x1f, 0x8b] | [0x1f, 0x8b, 8] => Some(FileKind::Gzip),
        // The header's first byte: 9 to 16 bits, and two reserved bits.
        [0x1f, 0x9d, bits, ..] if bits & 0x60 == 0 && (9..=16).contains(&(bits & 0x1f)) => {
            Some(FileKind::Compress)
        }
        // A block begins with pi, an empty file ends with its root.
        [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..] => {
            let marks: [&[u8]; 2] = [b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"];
            let agrees = |mark: &&[u8]| rest.iter().zip(*mark).all(|(byte, mark)| byte == mark);
            marks.iter().any(agrees).then_some(FileKind::Bzip2)
        }
        _ => lzma(look),
    }
}

/// The format of LZMA Utils: properties, the size of the dictionary, the size of the content.
fn lzma(look: &Look<'_>) -> Option<FileKind> {
    let fields = look.little();
    let dictionary = fields.u32(1)?;
    let round = dictionary.is_power_of_two() || (dictionary / 3).is_power_of_two() && dictionary % 3 == 0;
    let size = fields.u64(5)?;
    let plausible = size == u64::MAX || size > 0 && size < 1 << 40;
    // The properties that every known encoder writes (lc 3, lp 0, pb 2). The first byte of the range coder is zero.
    let fits = fields.u8(0)? == 0x5d && round && dictionary >= 1 << 12 && plausible && fields.u8(13)? == 0;
    fits.then_some(FileKind::Lzma)
}

/// BTF (the kernel's `include/uapi/linux/btf.h`): a magic of two bytes, version 1, no flags, a header of at least 24.
fn btf(look: &Look<'_>) -> Option<FileKind> {
    use crate::look::Fields;

    [Fields::little(look.head()), Fields::big(look.head())]
        .into_iter()
        .any(|fields| {
            fields.u16(0) == Some(0xeb9f)
                && fields.u8(2) == Some(1)
                && fields.u8(3) == Some(0)
                && fields.u32(4).is_none_or(|length| (24..=4096).contains(&length))
        })
        .then_some(FileKind::Btf)
}
