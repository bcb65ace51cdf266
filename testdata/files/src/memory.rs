use formats::FileKind;

use crate::Sample;
use crate::builders::{elf, filled, mach, put};

pub fn samples() -> Vec<Sample> {
    let page = |start: &[u8]| filled(start, 8192);
    let dump = |signature: &[u8], at: usize, kind: u32| {
        let mut bytes = page(signature);
        put(&mut bytes, at, &kind.to_le_bytes());
        bytes
    };
    let mut zeroed = vec![0; 16384];
    put(&mut zeroed, 8192, b"\x81\x81xpress");
    let mut core = elf(4, &[]);
    put(&mut core, 40, &[0; 8]);
    vec![
        Sample::new("memory.core", FileKind::ElfCore, core),
        Sample::new(
            "memory.xen",
            FileKind::XenCore,
            elf(4, &[(".note.Xen", b"\0"), (".xen_pages", &[0; 64])]),
        ),
        Sample::new("memory.mach", FileKind::MachCore, mach(4, &[])),
        Sample::new("memory.lime", FileKind::Lime, page(b"EMiL\x01")),
        Sample::new("memory.avml", FileKind::Avml, page(b"AVML\x02")),
        Sample::new("vmcore", FileKind::Kdump, page(b"KDUMP   \x06")),
        Sample::new("vmcore.flat", FileKind::FlattenedDump, page(b"makedumpfile\0\0\0\0\0\0\0\0\0\0\0\x01")),
        Sample::new("vmcore.disk", FileKind::Diskdump, page(b"DISKDUMP\x01")),
        Sample::new("memory32.dmp", FileKind::CrashDump32, dump(b"PAGEDUMP\x0f\0\0\0", 0xf88, 1)),
        Sample::new("memory64.dmp", FileKind::CrashDump64, dump(b"PAGEDU64\x0f\0\0\0", 0xf98, 5)),
        Sample::new("triage64.dmp", FileKind::TriageDump, dump(b"PAGEDU64\x0f\0\0\0", 0xf98, 4)),
        Sample::new("triage32.dmp", FileKind::TriageDump, dump(b"PAGEDUMP\x0f\0\0\0", 0xf88, 4)),
        Sample::new("process.dmp", FileKind::Minidump, page(b"MDMP\x93\xa7\x00\x00")),
        Sample::new("machine.vmss", FileKind::VmwareState, page(b"\xd2\xbe\xd2\xbe\x08\0\0\0")),
        Sample::new("memory.E01", FileKind::Ewf, page(b"EVF\x09\x0d\x0a\xff\0\x01\x01\0\0\0")),
        Sample::new("memory.E02", FileKind::EwfPart, page(b"EVF\x09\x0d\x0a\xff\0\x01\x02\0\0\0")),
        Sample::new("memory.Ex01", FileKind::Ex01, page(b"EVF2\x0d\x0a\x81\0\x02\x01")),
        Sample::new("files.L01", FileKind::LogicalEvidence, page(b"LVF\x09\x0d\x0a\xff\0\x01\x01")),
        Sample::new("files.Lx01", FileKind::LogicalEvidence, page(b"LEF2\x0d\x0a\x81\0\x02\x01")),
        Sample::new("memory.aff", FileKind::Aff, page(b"AFF10\x0d\x0a\0")),
        Sample::new("hiberfil.sys", FileKind::HibernationZeroed, vec![0; 8192]),
        Sample::new("hiberfil-7.sys", FileKind::Hibernation, page(b"hibr\0\0\0\0")),
        Sample::new("hiberfil-10.sys", FileKind::Hibernation, page(b"HIBR\x03\0\0\0")),
        Sample::new("hiberfil-waking.sys", FileKind::HibernationResumed, page(b"wake")),
        Sample::new("hiberfil-woken.sys", FileKind::HibernationResumed, page(b"WAKE")),
        Sample::new("hiberfil-restored.sys", FileKind::HibernationResumed, page(b"RSTR")),
        Sample::new("hiberfil-zeroed.sys", FileKind::HibernationZeroed, zeroed),
        Sample::new("machine.vmrs", FileKind::HyperVState, page(b"\x01\x23\x45\x67\x01\x23\x45\x67")),
        Sample::new("guest.qemu", FileKind::QemuStream, page(b"QEVM\0\0\0\x03")),
        Sample::new("guest.save", FileKind::LibvirtSave, page(b"LibvirtQemudSave\x02")),
        Sample::new("machine.sav", FileKind::VirtualBoxState, page(b"\x7fVirtualBox SavedState V2.0\n")),
        Sample::new("memory.raw.001", FileKind::RawPiece, page(b"\x53\xff\0\xf0\x53\xff\0\xf0")),
    ]
}
