use formats::FileKind;

use crate::Sample;
use crate::builders::{build_id, elf, filled, mach, pe, put};

pub fn samples() -> Vec<Sample> {
    let id = build_id(&[0xab; 20]);
    let debug = elf(2, &[(".text", b"\xc3"), (".debug_info", b"\x07\0\0\0"), (".debug_abbrev", b"\0")]);
    vec![
        Sample::new("driver.sys", FileKind::Pe, pe(&["C:\\build\\ntkrnlmp.pdb"])),
        Sample::new("two-records.sys", FileKind::Pe, pe(&["", "k.pdb"])),
        Sample::new("plain.exe", FileKind::PeWithoutPdb, pe(&[])),
        Sample::new("mingw.dll", FileKind::PeWithoutPdb, pe(&[""])),
        Sample::new("old.exe", FileKind::DosProgram, filled(b"MZ\x90\0\x03\0", 512)),
        Sample::new("cut.exe", FileKind::DosProgram, pe(&["k.pdb"])[..0x80].to_vec()),
        Sample::new("object.obj", FileKind::CoffObject, coff()),
        Sample::new("ltcg.obj", FileKind::CoffObject, filled(b"\0\0\xff\xff\x01\0\x64\x86", 64)),
        Sample::new("vmlinux", FileKind::ElfDebug, debug.clone()),
        Sample::new("packed-sections", FileKind::ElfDebug, elf(2, &[(".zdebug_info", b"ZLIB")])),
        Sample::new("stripped", FileKind::ElfStripped, elf(2, &[(".text", b"\xc3")])),
        Sample::new(
            "module.ko",
            FileKind::ElfStripped,
            elf(1, &[(".note.gnu.build-id", &id), (".text", b"\xc3")]),
        ),
        Sample::new(
            "kernel-with-btf",
            FileKind::ElfBtf,
            elf(2, &[(".notes", &id), (".BTF", b"\x9f\xeb\x01\0")]),
        ),
        Sample::new("cut-vmlinux", FileKind::ElfCut, debug[..debug.len() - 100].to_vec()),
        Sample::new(
            "prog.dwo",
            FileKind::Dwo,
            elf(1, &[(".debug_info.dwo", b"\0"), (".debug_abbrev.dwo", b"\0")]),
        ),
        Sample::new(
            "prog.dwp",
            FileKind::Dwp,
            elf(0, &[(".debug_info.dwo", b"\0"), (".debug_cu_index", b"\0")]),
        ),
        Sample::new("kernel.dSYM-file", FileKind::MachODebug, mach(10, &["__TEXT", "__DWARF"])),
        Sample::new("kernel.macho", FileKind::MachOStripped, mach(2, &["__TEXT", "__LINKEDIT"])),
        Sample::new("kernel.fat", FileKind::MachOFat, filled(b"\xca\xfe\xba\xbe\0\0\0\x02\x01\0\0\x07", 64)),
        Sample::new("fileset.kc", FileKind::KernelCache, mach(12, &["__TEXT"])),
        Sample::new(
            "kernelcache",
            FileKind::KernelCache,
            mach(2, &["__TEXT", "__PRELINK_TEXT", "__PRELINK_INFO"]),
        ),
        Sample::new("kernelcache.im4p", FileKind::PackedKernelCache, im4p()),
        Sample::new(
            "kernelcache.lzss",
            FileKind::PackedKernelCache,
            filled(b"complzss\x12\x34\x56\x78", 512),
        ),
        Sample::new("vmlinuz", FileKind::BzImage, bz_image()),
        Sample::new("vmlinuz.efi", FileKind::Zboot, filled(b"MZ\0\0zimg\0\x10\0\0", 512)),
        Sample::new("zImage", FileKind::ArmImage, with(0x24, b"\x18\x28\x6f\x01")),
        Sample::new("Image.arm64", FileKind::Arm64Image, with(0x38, b"ARM\x64")),
        Sample::new("Image.riscv", FileKind::RiscvImage, with(0x38, b"RSC\x05")),
        Sample::new("uImage", FileKind::UImage, filled(b"\x27\x05\x19\x56\x12\x34", 128)),
        Sample::new("image.fit", FileKind::DeviceTree, filled(b"\xd0\x0d\xfe\xed\0\0\x01\0\0\0\0\x38", 256)),
        Sample::new("boot.img", FileKind::AndroidBoot, filled(b"ANDROID!\x01", 2048)),
        Sample::new("lto.bc", FileKind::Bitcode, filled(b"BC\xc0\xde\x35\x14", 64)),
    ]
}

fn with(offset: usize, magic: &[u8]) -> Vec<u8> {
    let mut bytes = filled(b"MZ", 512);
    put(&mut bytes, offset, magic);
    bytes
}

fn bz_image() -> Vec<u8> {
    let mut bytes = filled(b"MZ", 0x400);
    put(&mut bytes, 0x1fe, b"\x55\xaa\xeb\x6aHdrS\x0f\x02");
    bytes
}

fn im4p() -> Vec<u8> {
    let mut bytes = b"\x30\x82\x00\x40\x16\x04IM4P\x16\x04krnl\x16\x01\x31".to_vec();
    bytes.resize(68, 0);
    bytes
}

fn coff() -> Vec<u8> {
    let mut bytes = filled(b"\x64\x86\x01\0", 20);
    put(&mut bytes, 20, b".text\0\0\0");
    put(&mut bytes, 36, &4u32.to_le_bytes());
    put(&mut bytes, 40, &60u32.to_le_bytes());
    put(&mut bytes, 60, b"\xc3\x90\x90\x90");
    put(&mut bytes, 8, &64u32.to_le_bytes());
    put(&mut bytes, 64, &4u32.to_le_bytes());
    bytes
}
