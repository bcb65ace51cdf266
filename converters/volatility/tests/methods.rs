//! Packs with unusual compression methods: they are read, or the method is named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Cursor, Read, Write};

use profile::Silent;
use volatility_converter::{Converted, Error, Options, Pack, convert};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const DUMP: &str = "\n.debug_info\n\n\
    <0><0x0+0xb><DW_TAG_compile_unit> DW_AT_producer<GNU C -m64> DW_AT_language<DW_LANG_C89> DW_AT_name<m.c>\n\
    <1><0x1d><DW_TAG_base_type> DW_AT_byte_size<0x00000004> DW_AT_encoding<DW_ATE_signed> DW_AT_name<int>\n\
    <1><0x24><DW_TAG_structure_type> DW_AT_name<task_struct> DW_AT_byte_size<0x00000008>\n\
    <2><0x30><DW_TAG_member> DW_AT_name<pid> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<4>\n";

fn converted(bytes: &[u8]) -> Result<Converted, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.zip");
    std::fs::write(&path, bytes).unwrap();
    convert(&Pack::open(&path)?, &Options::default(), &Silent)
}

/// An archive of one member that is already compressed (APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16).
fn archive(method: u16, flags: u16, packed: &[u8], plain: &[u8]) -> Vec<u8> {
    let name = b"module.dwarf";
    let mut common = Vec::new();
    for field in [20, flags, method, 0, 0] {
        common.extend(u16::to_le_bytes(field));
    }
    for field in [crc32fast::hash(plain), packed.len() as u32, plain.len() as u32, name.len() as u32] {
        common.extend(field.to_le_bytes());
    }
    // The last of them holds the length of the name and, in the upper half, that of an extra field.
    let mut bytes = [&b"PK\x03\x04"[..], &common, name, packed].concat();
    let directory = bytes.len() as u32;
    bytes.extend([&b"PK\x01\x02\x14\0"[..], &common, &[0; 14], name].concat());
    let size = bytes.len() as u32 - directory;
    bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    bytes.extend([size.to_le_bytes(), directory.to_le_bytes()].concat());
    bytes.extend([0, 0]);
    bytes
}

fn lzma(end_mark: bool) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::default();
    let mut writer = lzma_rust2::LzmaWriter::new_no_header(Vec::new(), &options, end_mark).unwrap();
    writer.write_all(DUMP.as_bytes()).unwrap();
    let stream = writer.finish().unwrap();
    let header = [&[9, 20, 5, 0, options.get_props()][..], &options.dict_size.to_le_bytes()].concat();
    [header, stream].concat()
}

fn xz() -> Vec<u8> {
    let mut writer = profile::XzWriter::new(Vec::new(), profile::Effort::Default, 1).unwrap();
    writer.write_all(DUMP.as_bytes()).unwrap();
    writer.finish().unwrap()
}

fn zstd() -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(DUMP.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)
}

fn bzip2() -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::BZIP2);
    writer.start_file("module.dwarf", options).unwrap();
    writer.write_all(DUMP.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn bzip2_lzma_xz_and_zstd_are_read() {
    // Flag 1 says that the LZMA stream has an end mark.
    for (method, bytes) in [
        ("bzip2", bzip2()),
        ("LZMA", archive(14, 0, &lzma(false), DUMP.as_bytes())),
        ("LZMA with an end mark", archive(14, 2, &lzma(true), DUMP.as_bytes())),
        ("zstd", archive(93, 0, &zstd(), DUMP.as_bytes())),
        ("xz", archive(95, 0, &xz(), DUMP.as_bytes())),
    ] {
        let made = converted(&bytes).unwrap_or_else(|error| panic!("{method}: {error}"));
        assert_eq!(made.profile.types.records().len(), 1, "{method}");
    }
}

#[test]
fn damage_in_them_is_called_damage() {
    let plain = DUMP.as_bytes();
    let mut other = plain.to_vec();
    other[60] ^= 1;
    for (method, packed) in [(14, lzma(false)), (93, zstd()), (95, xz())] {
        for bytes in [
            archive(method, 0, &packed, &other),
            archive(method, 0, &packed, &plain[1..]),
            archive(method, 0, &packed[..packed.len() / 2], plain),
            archive(method, 0, b"\xfd", plain),
        ] {
            let error = converted(&bytes).expect_err("refused").to_string();
            assert!(error.contains("member 'module.dwarf': it is damaged"), "{method}: {error}");
        }
    }
}

#[test]
fn other_methods_are_named() {
    for (method, flags, expected) in [
        (9, 0, "it is compressed with Deflate64, which is not supported"),
        (6, 0, "it is compressed with Implode, which is not supported"),
        (98, 0, "it is compressed with PPMd, which is not supported"),
        (77, 0, "it is compressed with a method without a common name"),
        (99, 1, "it is encrypted"),
        (8, 1, "it is encrypted"),
    ] {
        let error = converted(&archive(method, flags, &[3, 0], DUMP.as_bytes())).expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
    }
    // The archive that these tests make is valid.
    let mut stored = zip::ZipArchive::new(Cursor::new(archive(0, 0, b"text", b"text"))).unwrap();
    let mut text = String::new();
    stored.by_index(0).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "text");
}
