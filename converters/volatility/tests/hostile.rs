//! Hostile and damaged archives and texts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Cursor, Write};
use std::path::Path;

use profile::Silent;
use volatility_converter::{Converted, Error, Options, Pack, convert, write_legacy};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const DUMP: &str = "\n.debug_info\n\n\
    <0><0x0+0xb><DW_TAG_compile_unit> DW_AT_producer<GNU C -m64> DW_AT_language<DW_LANG_C89> DW_AT_name<m.c>\n\
    <1><0x1d><DW_TAG_base_type> DW_AT_byte_size<0x00000004> DW_AT_encoding<DW_ATE_signed> DW_AT_name<int>\n\
    <1><0x24><DW_TAG_structure_type> DW_AT_name<task_struct> DW_AT_byte_size<0x00000008>\n\
    <2><0x30><DW_TAG_member> DW_AT_name<pid> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<4>\n";
const MAP: &str = "ffffffff81000000 T _text\n";

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Converts a file with this name in its own folder; nothing else may appear in the folder.
fn converted(name: &str, bytes: &[u8]) -> Result<Converted, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let result = Pack::open(&path).and_then(|pack| convert(&pack, &Options::default(), &Silent));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    result
}

#[track_caller]
fn refused(name: &str, bytes: &[u8], because: &str) {
    let error = converted(name, bytes).expect_err("refused").to_string();
    assert!(error.contains(because), "{error}");
}

fn pack() -> Vec<u8> {
    archive(&[("System.map-1.2", MAP.as_bytes()), ("module.dwarf", DUMP.as_bytes())])
}

#[test]
fn a_valid_pack_converts() {
    let converted = converted("p.zip", &pack()).unwrap();
    assert_eq!(converted.profile.types.records().len(), 1);
    assert_eq!(converted.report.total(), 0, "{:?}", converted.report);
    assert_eq!(converted.profile.metadata_text("SourceSHA256").unwrap().len(), 64);
}

#[test]
fn names_in_an_archive_never_become_paths() {
    let bytes = archive(&[
        ("../../../../tmp/evil/System.map-1.2", MAP.as_bytes()),
        ("/etc/module.dwarf", DUMP.as_bytes()),
        ("..\\windows\\x.vtypes", b"mac_types = {}"),
    ]);
    assert_eq!(converted("p.zip", &bytes).unwrap().profile.constants.len(), 1);
    assert!(!Path::new("/tmp/evil").exists());
}

#[test]
fn a_zip_bomb_is_refused_before_it_is_unpacked() {
    let zeros = vec![0u8; 40 << 20];
    refused("p.zip", &archive(&[("module.dwarf", &zeros)]), "--unpack-limit SIZE");
    // A member that states a size no text has.
    let mut bytes = archive(&[("module.dwarf", DUMP.as_bytes())]);
    let central = find(&bytes, b"PK\x01\x02");
    bytes[central + 24..central + 28].copy_from_slice(&0xf000_0000u32.to_le_bytes());
    refused("p.zip", &bytes, "expected at most 1073741824");
}

#[test]
fn an_archive_with_false_sizes_is_refused() {
    for stated in [10u32, 100_000] {
        let mut bytes = archive(&[("module.dwarf", DUMP.as_bytes())]);
        let central = find(&bytes, b"PK\x01\x02");
        bytes[central + 24..central + 28].copy_from_slice(&stated.to_le_bytes());
        refused("p.zip", &bytes, "it is damaged");
    }
}

#[test]
fn encrypted_and_damaged_members_are_named() {
    let mut bytes = archive(&[("module.dwarf", DUMP.as_bytes())]);
    let central = find(&bytes, b"PK\x01\x02");
    bytes[central + 8] |= 1;
    bytes[6] |= 1;
    refused("p.zip", &bytes, "member 'module.dwarf': it is encrypted");
    let mut bytes = pack();
    let middle = find(&bytes, b"module.dwarf") + 40;
    bytes[middle] ^= 0x55;
    refused("p.zip", &bytes, "member 'module.dwarf': it is damaged");
    let whole = pack();
    refused("p.zip", &whole[..whole.len() / 2], "the archive is damaged");
}

fn find(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).position(|window| window == needle).unwrap()
}

#[test]
fn files_that_are_not_packs_are_named() {
    refused("k.bin", b"\x7fELF\x02\x01\x01", "found an ELF file");
    refused("k.bin", b"EMiL\x01", "found a LiME image");
    refused("k.bin", b"{\"$METADATA\": {}}", "found a profile");
    refused("k.bin", b"", "found an empty file");
    refused("p.zip", &archive(&[("inner.zip", &pack())]), "the pack holds inner.zip");
    refused("p.zip", &archive(&[]), "the pack holds nothing");
    refused(
        "p.zip",
        &archive(&[("System.map", b"no map at all\n"), ("module.dwarf", DUMP.as_bytes())]),
        "this is not a symbol map",
    );
    refused("module.dwarf", b"Just some text.\n", "its first line is 'Just some text.'");
    refused(
        "module.dwarf",
        b"<0><0x0+0xb><DW_TAG_compile_unit> DW_AT_name<m.c>\n<1><0x1d><DW_TAG_subprogram> DW_AT_name<f>\n",
        "holds no struct: 2 entries were read",
    );
    let missing = Pack::open(Path::new("no/such/pack.zip")).unwrap_err();
    assert!(matches!(missing, Error::Open { .. }), "{missing}");
}

#[test]
fn damage_in_a_dump_affects_only_itself() {
    let dump = DUMP.to_owned()
        + "<4294967295><0x99><DW_TAG_member> DW_AT_name<deep> DW_AT_type<<0x1d>>\n\
        <99999999999999999999><0x9a><DW_TAG_member>\n\
        <2><0x40><DW_TAG_marvel> DW_AT_wonder<1> Unknown<2>\n\
        <1><0x50><DW_TAG_array_type> DW_AT_type<<0x00000050>>\n\
        <2><0x51><DW_TAG_subrange_type> DW_AT_upper_bound<0xffffffffffffffff>\n\
        <1><0x52><DW_TAG_typedef> DW_AT_name<loop> DW_AT_type<<0x00000053>>\n\
        <1><0x53><DW_TAG_const_type> DW_AT_type<<0x00000052>>\n\
        <1><0x60><DW_TAG_structure_type> DW_AT_name<s> DW_AT_byte_size<0x10>\n\
        <2><0x61><DW_TAG_member> DW_AT_name<gone> DW_AT_type<<0xdead>> DW_AT_data_member_location<0>\n\
        <2><0x62><DW_TAG_member> DW_AT_name<far> DW_AT_type<<0x1d>> DW_AT_data_member_location<99999999999>\n\
        <2><0x63><DW_TAG_member> DW_AT_name<wide> DW_AT_type<<0x1d>> DW_AT_bit_size<999> DW_AT_bit_offset<3> DW_AT_data_member_location<4>\n\
        <2><0x64><DW_TAG_member> DW_AT_name<loop> DW_AT_type<<0x52>> DW_AT_data_member_location<8>\n\
        <1><0x70><DW_TAG_structure_ty";
    let Converted { mut profile, mut report } = converted("module.dwarf", dump.as_bytes()).unwrap();
    let resolution = profile::Resolution::new(&mut profile, &mut report);
    let text = profile::write_text(&profile, &resolution, Vec::new()).unwrap();
    let profile: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(profile["$STRUCTS"]["task_struct"][1]["pid"], serde_json::json!([4, ["int"]]));
    assert_eq!(report.count("references to types the dump does not hold"), 1);
    assert_eq!(report.count("bit-fields that no storage unit holds"), 1);
}

#[test]
fn windows_line_ends_change_only_the_hash() {
    let plain = converted("module.dwarf", DUMP.as_bytes()).unwrap().profile;
    let mut windows = converted("module.dwarf", DUMP.replace('\n', "\r\n").as_bytes()).unwrap().profile;
    windows.metadata.insert("SourceSHA256".to_owned(), plain.metadata["SourceSHA256"].clone());
    let text = |mut profile: profile::Profile| {
        let resolution = profile::Resolution::new(&mut profile, &mut profile::Report::default());
        profile::write_text(&profile, &resolution, Vec::new()).unwrap()
    };
    assert!(text(plain) == text(windows));
}

#[test]
fn units_in_other_languages_stay_out() {
    let rust = "<0><0x100+0xb><DW_TAG_compile_unit> DW_AT_language<DW_LANG_Rust>\n\
        <1><0x24><DW_TAG_structure_type> DW_AT_name<task_struct> DW_AT_byte_size<0x80>\n";
    let converted = converted("module.dwarf", (DUMP.to_owned() + rust).as_bytes()).unwrap();
    assert_eq!(converted.profile.types.records().len(), 1);
    assert_eq!(converted.report.count("units in other languages than C, C++ and assembly"), 1);
}

#[test]
fn there_is_no_legacy_text_of_what_rekall_could_not_read() {
    let legacy = |members: &[(&str, &str)]| {
        let members = members.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        write_legacy(&Pack::in_memory(members.collect()), Vec::new())
    };
    let text = legacy(&[("System.map", MAP), ("module.dwarf", DUMP)]).unwrap();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "{\n \"$CONSTANTS\": {\n  \"_text\": 281472846004224\n }, \n \"$METADATA\": {\n  \"ProfileClass\": \"Linux\", \n  \
         \"Type\": \"Profile\", \n  \"Version\": 1, \n  \"arch\": \"AMD64\"\n }, \n \"$STRUCTS\": {\n  \
         \"task_struct\": [8, {\n   \"pid\": [4, [\"int\"]]\n  }]\n }\n}"
    );
    for (members, because) in [
        (vec![("module.dwarf", DUMP)], "no pack without a System.map"),
        (vec![("System.map", MAP), ("module.ko", "")], "in another way than dumps"),
        (vec![("System.map", MAP), ("module.dwarf", "< 1><0x1><DW_TAG_typedef>\n")], "finds no struct"),
    ] {
        let error = legacy(&members).unwrap_err();
        assert!(matches!(&error, Error::NoLegacyText { reason } if reason.contains(because)), "{error}");
    }
}
