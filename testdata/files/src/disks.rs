use formats::FileKind;

use crate::Sample;
use crate::builders::{filled, put};

pub fn samples() -> Vec<Sample> {
    let disk = |start: &[u8]| filled(start, 8192);
    let with = |parts: &[(usize, &[u8])]| {
        let mut bytes = disk(b"");
        parts.iter().for_each(|(offset, part)| put(&mut bytes, *offset, part));
        bytes
    };
    vec![
        Sample::new("disk.qcow2", FileKind::Qcow, disk(b"QFI\xfb\0\0\0\x03")),
        Sample::new("disk.qed", FileKind::Qed, disk(b"QED\0\0\0\x01\0")),
        Sample::new("disk.hdd", FileKind::Parallels, disk(b"WithoutFreeSpace\x02")),
        Sample::new("disk2.hdd", FileKind::Parallels, disk(b"WithouFreSpacExt\x02")),
        Sample::new("disk.vmdk", FileKind::Vmdk, disk(b"KDMV\x01\0\0\0")),
        Sample::new("disk-old.vmdk", FileKind::Vmdk, disk(b"COWD\x01\0\0\0")),
        Sample::new("descriptor.vmdk", FileKind::VmdkDescriptor, "# Disk DescriptorFile\nversion=1\n"),
        Sample::new("dynamic.vhd", FileKind::Vhd, disk(b"conectix\0\0\0\x02")),
        Sample::new("fixed.vhd", FileKind::Vhd, with(&[(8192, &filled(b"conectix\0\0\0\x02", 512))])),
        Sample::new("fixed-old.vhd", FileKind::Vhd, with(&[(8192, &filled(b"conectix\0\0\0\x02", 511))])),
        Sample::new("disk.vhdx", FileKind::Vhdx, disk(b"vhdxfile")),
        Sample::new("disk.vdi", FileKind::Vdi, {
            with(&[(0, b"<<< Oracle VM VirtualBox Disk Image >>>\n"), (0x40, b"\x7f\x10\xda\xbe")])
        }),
        Sample::new("disk.img", FileKind::Partitions, with(&[(510, b"\x55\xaaEFI PART")])),
        Sample::new("disk4k.img", FileKind::Partitions, with(&[(4096, b"EFI PART")])),
        Sample::new(
            "windows.img",
            FileKind::FileSystem,
            with(&[(0, b"\xeb\x52\x90NTFS    "), (510, b"\x55\xaa")]),
        ),
        Sample::new("linux.img", FileKind::FileSystem, with(&[(0x418, b"\x02\0\0\0"), (0x438, b"\x53\xef")])),
        Sample::new("disc.iso", FileKind::Iso, with(&[(0x8000, b"\x01CD001\x01\0"), (0x9000, b"\0")])),
        Sample::new(
            "kit.dmg",
            FileKind::Dmg,
            with(&[(0, b"\x78\xda"), (8192, &filled(b"koly\0\0\0\x04\0\0\x02\0", 512))]),
        ),
        Sample::new("encrypted.dmg", FileKind::Dmg, disk(b"encrcdsa\0\0\0\x02")),
        Sample::new("root.squashfs", FileKind::SquashFs, disk(b"hsqs\x01\0\0\0")),
    ]
}
