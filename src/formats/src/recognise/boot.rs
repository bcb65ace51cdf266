//! Boot images of kernels, and the containers around them. Some of them are also firmware programs (PE).

use crate::look::{Fields, Look};
use crate::{FileKind, Identified};

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    kind(look).map(Into::into)
}

fn kind(look: &Look<'_>) -> Option<FileKind> {
    // The boot protocol's header (Documentation/arch/x86/boot.rst).
    if look.has(0x202, b"HdrS") {
        return Some(FileKind::BzImage);
    }
    // Documentation/arch/arm64/booting.rst and riscv/boot-image-header.rst.
    if look.has(0x38, b"ARM\x64") {
        return Some(FileKind::Arm64Image);
    }
    if look.has(0x38, b"RSC\x05") {
        return Some(FileKind::RiscvImage);
    }
    // drivers/firmware/efi/libstub/zboot-header.S.
    if look.begins(b"MZ") && look.has(4, b"zimg") {
        return Some(FileKind::Zboot);
    }
    // arch/arm/boot/compressed/head.S.
    if look.has(0x24, b"\x18\x28\x6f\x01") || look.has(0x24, b"\x01\x6f\x28\x18") {
        return Some(FileKind::ArmImage);
    }
    if look.begins(b"\x27\x05\x19\x56") {
        return Some(FileKind::UImage);
    }
    if look.begins(b"ANDROID!") || look.begins(b"VNDRBOOT") {
        return Some(FileKind::AndroidBoot);
    }
    device_tree(look)
}

/// The Devicetree Specification, 5.2: the size and offsets in the header must lie within the file.
fn device_tree(look: &Look<'_>) -> Option<FileKind> {
    if !look.begins(b"\xd0\x0d\xfe\xed") {
        return None;
    }
    let fields = Fields::big(look.head());
    let fits = match (fields.u32(4), fields.u32(8)) {
        (Some(size), Some(structure)) => structure >= 40 && structure < size,
        _ => !look.is_whole(),
    };
    fits.then_some(FileKind::DeviceTree)
}
