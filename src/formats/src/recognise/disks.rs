//! Disk images whose signature is not at the start of the file.

use crate::look::Look;
use crate::{FileKind, Identified};

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    kind(look).map(Into::into)
}

fn kind(look: &Look<'_>) -> Option<FileKind> {
    // VirtualBox's own: a line of text, and a magic number at 64.
    if look.begins(b"<<< ") && look.little().u32(0x40) == Some(0xbeda_107f) {
        return Some(FileKind::Vdi);
    }
    // The header of a GUID partition table, in sectors of 512 or 4096 bytes.
    if look.has(512, b"EFI PART") || look.has(4096, b"EFI PART") {
        return Some(FileKind::Partitions);
    }
    let boot_sector = look.has(510, b"\x55\xaa");
    let file_systems: [&[u8]; 4] = [b"NTFS    ", b"EXFAT   ", b"MSDOS5.0", b"-FVE-FS-"];
    if boot_sector && file_systems.iter().any(|name| look.has(3, name)) {
        return Some(FileKind::FileSystem);
    }
    // ext2 to 4: the magic number of the superblock, and a plausible size of its blocks.
    let extended =
        look.has(1024 + 0x38, b"\x53\xef") && look.little().u32(1024 + 0x18).is_some_and(|size| size <= 6);
    if extended && look.head().iter().take(1024).all(|byte| *byte == 0) {
        return Some(FileKind::FileSystem);
    }
    // ECMA-119: the first volume descriptor lies in sector 16.
    if look.has(0x8001, b"CD001") {
        return Some(FileKind::Iso);
    }
    footer(look)
}

/// Formats whose header is the last sector.
fn footer(look: &Look<'_>) -> Option<FileKind> {
    let tail = look.tail(512);
    if tail.starts_with(b"koly\0\0\0\x04") {
        return Some(FileKind::Dmg);
    }
    // Older writers left out the last byte of the footer.
    let fixed =
        tail.starts_with(b"conectix") || tail.get(1..).is_some_and(|tail| tail.starts_with(b"conectix"));
    fixed.then_some(FileKind::Vhd)
}
