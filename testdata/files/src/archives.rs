use formats::FileKind;

use crate::Sample;
use crate::builders::{filled, put, zip};

pub fn samples() -> Vec<Sample> {
    let some = |start: &[u8]| filled(start, 64);
    vec![
        Sample::new("file.gz", FileKind::Gzip, *b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0"),
        Sample::new("table.json.xz", FileKind::Xz, some(b"\xfd7zXZ\0\0\x04")),
        Sample::new("table.json.bz2", FileKind::Bzip2, *b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0"),
        Sample::new("memory.bz2", FileKind::Bzip2, some(b"BZh91AY&SY\x12\x34")),
        Sample::new("file.zst", FileKind::Zstd, some(b"\x28\xb5\x2f\xfd\x24\0")),
        Sample::new("file.lz4", FileKind::Lz4, some(b"\x04\x22\x4d\x18\x64\x40")),
        Sample::new("old.lz4", FileKind::Lz4, some(b"\x02\x21\x4c\x18\x10\0")),
        Sample::new(
            "file.lzma",
            FileKind::Lzma,
            *b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0\x83\xff\xfb\xff\xff\xc0",
        ),
        Sample::new("file.lz", FileKind::Lzip, some(b"LZIP\x01\x0c")),
        Sample::new("file.lzo", FileKind::Lzop, some(b"\x89LZO\0\x0d\x0a\x1a\x0a\x10")),
        Sample::new("file.Z", FileKind::Compress, some(b"\x1f\x9d\x90\x61")),
        Sample::new("file.7z", FileKind::SevenZip, some(b"7z\xbc\xaf\x27\x1c\0\x04")),
        Sample::new("file.rar", FileKind::Rar, some(b"Rar!\x1a\x07\x01\0")),
        Sample::new(
            "pack.zip",
            FileKind::Pack,
            zip(&["boot/System.map-5.10", "tools/linux/module.dwarf"], b""),
        ),
        Sample::new(
            "letter.docx",
            FileKind::Document,
            zip(&["[Content_Types].xml", "word/document.xml"], b""),
        ),
        Sample::new("program.jar", FileKind::Jar, zip(&["META-INF/MANIFEST.MF", "A.class"], b"")),
        Sample::new("files.zip", FileKind::Zip, zip(&["readme.txt"], b"a comment")),
        Sample::new("memory.aff4", FileKind::Aff4, zip(&["information.turtle"], b"aff4://d1f0f2ff")),
        Sample::new("comment.aff4", FileKind::Aff4, zip(&["data"], b"aff4://d1f0f2ff")),
        Sample::new("cut.zip", FileKind::Zip, zip(&["readme.txt"], b"")[..50].to_vec()),
        Sample::new("files.tar", FileKind::Tar, tar()),
        Sample::new("initrd.cpio", FileKind::Cpio, some(b"07070100000000")),
        Sample::new(
            "kernel.deb",
            FileKind::Deb,
            some(b"!<arch>\ndebian-binary   1342943816  0     0     100644  4         `\n2.0\n"),
        ),
        Sample::new("kernel.rpm", FileKind::Rpm, some(b"\xed\xab\xee\xdb\x03\0")),
        Sample::new(
            "objects.a",
            FileKind::Ar,
            some(b"!<arch>\nfoo.o/          0           0     0     644     4         `\n"),
        ),
        Sample::new(
            "thin.a",
            FileKind::ThinAr,
            some(b"!<thin>\n//                                              6         `\n"),
        ),
        Sample::new("k.pd_", FileKind::Cabinet, some(b"MSCF\0\0\0\0\x40\0\0\0\0\0\0\0\x2c")),
        Sample::new("install.wim", FileKind::Wim, some(b"MSWIM\0\0\0\xd0")),
        Sample::new("setup.msi", FileKind::Ole, some(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    ]
}

fn tar() -> Vec<u8> {
    let mut header = filled(b"readme.txt", 1024);
    put(&mut header, 100, b"0000644\0");
    put(&mut header, 124, b"00000000000\0");
    put(&mut header, 148, b"        0");
    put(&mut header, 257, b"ustar\x0000");
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    header
}
