//! Kinds that the first bytes alone identify: signatures of four bytes or more, and shorter ones confirmed by other
//! fields.

use crate::look::Look;
use crate::{FileKind, Identified};

const SIGNATURES: &[(&[u8], FileKind)] = &[
    // Debug files.
    (b"BSJB\x01\0\x01\0", FileKind::PortablePdb),
    (b"BC\xc0\xde", FileKind::Bitcode),
    (b"\xde\xc0\x17\x0b", FileKind::Bitcode),
    // Profiles.
    (b"\x89RPBUNDL\x0d\x0a\x1a\x0a", FileKind::Bundle),
    // Memory images and their containers.
    (b"DISKDUMP", FileKind::Diskdump),
    (b"makedumpfile\0\0\0\0", FileKind::FlattenedDump),
    (b"KDUMP   ", FileKind::Kdump),
    (b"EMiL", FileKind::Lime),
    (b"AVML", FileKind::Avml),
    (b"MDMP\x93\xa7", FileKind::Minidump),
    (b"EVF2\x0d\x0a\x81\0", FileKind::Ex01),
    (b"LVF\x09\x0d\x0a\xff\0", FileKind::LogicalEvidence),
    (b"LEF2\x0d\x0a\x81\0", FileKind::LogicalEvidence),
    (b"AFF10\x0d\x0a\0", FileKind::Aff),
    (b"AFF1\x0d\x0a\0", FileKind::Aff),
    (b"ADSEGMENTEDFILE\0", FileKind::Ad1),
    (b"ADLOGICALIMAGE\0", FileKind::Ad1),
    (b"HPAK", FileKind::Hpak),
    (b"VMA\0\0\0\0\x01", FileKind::Vma),
    (b"QEVM\0\0\0", FileKind::QemuStream),
    (b"LibvirtQemudSave", FileKind::LibvirtSave),
    (b"LibvirtQemudPart", FileKind::LibvirtSave),
    (b"\x7fVirtualBox SavedState", FileKind::VirtualBoxState),
    // Disks.
    (b"QFI\xfb\0\0\0", FileKind::Qcow),
    (b"QED\0", FileKind::Qed),
    (b"WithoutFreeSpace", FileKind::Parallels),
    (b"WithouFreSpacExt", FileKind::Parallels),
    (b"KDMV", FileKind::Vmdk),
    (b"COWD", FileKind::Vmdk),
    (b"# Disk DescriptorFile", FileKind::VmdkDescriptor),
    (b"conectix", FileKind::Vhd),
    (b"vhdxfile", FileKind::Vhdx),
    (b"hsqs", FileKind::SquashFs),
    (b"encrcdsa", FileKind::Dmg),
    // Compressed files.
    (b"\xfd7zXZ\0", FileKind::Xz),
    (b"\x28\xb5\x2f\xfd", FileKind::Zstd),
    (b"\x04\x22\x4d\x18", FileKind::Lz4),
    (b"\x02\x21\x4c\x18", FileKind::Lz4),
    (b"LZIP\x01", FileKind::Lzip),
    (b"\x89LZO\0\x0d\x0a\x1a\x0a", FileKind::Lzop),
    (b"7z\xbc\xaf\x27\x1c", FileKind::SevenZip),
    (b"Rar!\x1a\x07", FileKind::Rar),
    (b"070701", FileKind::Cpio),
    (b"070702", FileKind::Cpio),
    (b"070707", FileKind::Cpio),
    (b"\xed\xab\xee\xdb", FileKind::Rpm),
    (b"!<thin>\n", FileKind::ThinAr),
    (b"MSWIM\0\0\0", FileKind::Wim),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind::Ole),
    // Documents.
    (b"%PDF-", FileKind::Pdf),
];

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    let known = SIGNATURES.iter().find(|(signature, _)| look.begins(signature));
    if let Some((_, kind)) = known {
        return Some((*kind).into());
    }
    packed(look).or_else(|| btf(look)).map(Into::into)
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
