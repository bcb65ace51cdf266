//! Tests on our own files (testdata/dwarf): every processor, DWARF version and container, compared with LLVM's reader
//! and with each other.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dwarf_converter::{
    Alone, Beside, Companions, Error, Language, Languages, Options, Package, PackageError, build_id,
    check_debug_file, convert,
};
use formats::FileKind;
use maps::MapError;
use profile::{Arch, MappedFile, Report, Resolution, Silent, write_text};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/dwarf").join(name)
}

struct Made {
    profile: Value,
    text: Vec<u8>,
    report: Report,
}

impl Made {
    fn structs(&self) -> &Value {
        &self.profile["$STRUCTS"]
    }

    /// The text without the identity of the build.
    fn without_metadata(&self) -> Value {
        let mut profile = self.profile.clone();
        profile["$METADATA"] = Value::Null;
        profile
    }
}

fn made_with(name: &str, options: &Options<'_>, companions: &dyn Companions) -> Result<Made, Error> {
    let file = MappedFile::open(&fixture(name)).unwrap();
    let mut converted = convert(&file, options, companions, &Silent)?;
    let resolution = Resolution::new(&mut converted.profile, &mut converted.report);
    let text = write_text(&converted.profile, &resolution, Vec::new()).unwrap();
    let profile = serde_json::from_slice(&text).unwrap();
    Ok(Made { profile, text, report: converted.report })
}

fn made(name: &str) -> Made {
    made_with(name, &Options::default(), &Beside::new(&fixture(name))).unwrap()
}

/// Structs and enumerations according to LLVM's reader: each definition's members, by name.
#[derive(Default)]
struct Facts {
    structs: Vec<(String, u64, Vec<Place>)>,
    enums: Vec<(String, Vec<(String, i64)>)>,
}

/// A member's name and its place: `OFFSET` or `FIRST-BIT:WIDTH`.
type Place = (String, String);

fn facts(name: &str) -> Facts {
    let text = std::fs::read_to_string(fixture(&format!("facts/{name}.txt"))).unwrap();
    let mut facts = Facts::default();
    let mut in_enum = false;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("  ") {
            let (member, value) = rest.rsplit_once(' ').unwrap();
            if in_enum {
                facts.enums.last_mut().unwrap().1.push((member.to_owned(), value.parse().unwrap()));
            } else {
                facts.structs.last_mut().unwrap().2.push((member.to_owned(), value.to_owned()));
            }
        } else if let Some(name) = line.strip_prefix("enum ") {
            in_enum = true;
            facts.enums.push((name.to_owned(), Vec::new()));
        } else {
            in_enum = false;
            let (name, size) = line.strip_prefix("struct ").unwrap().rsplit_once(' ').unwrap();
            facts.structs.push((name.to_owned(), size.parse().unwrap(), Vec::new()));
        }
    }
    facts
}

/// A member's place in the form of the facts: bytes, or first bit and width, counted as the system counts bits.
fn place(member: &Value, big_endian: bool) -> String {
    let offset = member[0].as_u64().unwrap();
    let mut descriptor = &member[1];
    if descriptor[0] == "Enumeration" && descriptor[1]["target"] == "BitField" {
        descriptor = &descriptor[1]["target_args"];
        return bits(offset, descriptor, big_endian);
    }
    if descriptor[0] == "BitField" { bits(offset, &descriptor[1], big_endian) } else { offset.to_string() }
}

fn bits(offset: u64, arguments: &Value, big_endian: bool) -> String {
    let (start, end) = (arguments["start_bit"].as_u64().unwrap(), arguments["end_bit"].as_u64().unwrap());
    let unit = match arguments["target"].as_str().unwrap() {
        "unsigned char" | "_Bool" | "bool" | "char" => 8,
        "unsigned short" | "short" => 16,
        "unsigned int" | "int" => 32,
        "unsigned long long" | "unsigned long" => 64,
        other => panic!("storage unit {other}"),
    };
    let first = if big_endian { offset * 8 + unit - end } else { offset * 8 + start };
    format!("{first}:{}", end - start)
}

fn check_facts(made: &Made, name: &str) {
    let facts = facts(name);
    assert!(facts.structs.len() > 4, "{name}");
    let big_endian = matches!(made.profile["$METADATA"]["arch"].as_str(), Some("MIPS" | "PPC"));
    let structs = made.structs().as_object().unwrap();
    for (name, size, members) in &facts.structs {
        let renamed = format!("{name}__");
        let candidates = structs.iter().filter(|(key, _)| *key == name || key.starts_with(&renamed));
        let found: Vec<String> = candidates
            .map(|(_, record)| {
                let members: BTreeMap<&str, String> = record[1]
                    .as_object()
                    .unwrap()
                    .iter()
                    .filter(|(key, _)| !key.starts_with("__base_") && !is_numbered(key))
                    .map(|(key, member)| (key.as_str(), place(member, big_endian)))
                    .collect();
                format!("{} {members:?}", record[0])
            })
            .collect();
        let members: BTreeMap<&str, String> = members
            .iter()
            .map(|(key, place)| (if key.starts_with("_vptr") { "__vfptr" } else { key }, place.clone()))
            .collect();
        let expected = format!("{size} {members:?}");
        assert!(found.contains(&expected), "{name}: expected {expected}, found {found:#?}");
    }
    for (name, labels) in &facts.enums {
        let found = &made.profile["$REVENUMS"][name];
        for (label, value) in labels {
            assert_eq!(found[label], json!(value), "{name}.{label}");
        }
    }
}

fn is_numbered(key: &str) -> bool {
    key.strip_prefix('u').is_some_and(|rest| rest.parse::<u32>().is_ok())
}

macro_rules! fixtures {
    ($($test:ident: $file:literal => $facts:literal,)*) => {
        $(
            #[test]
            fn $test() {
                let made = made($file);
                check_facts(&made, $facts);
                let losses: Vec<_> = made.report.losses().map(|(kind, _)| kind.to_owned()).collect();
                assert!(losses.iter().all(|kind| kind == "name conflicts"), "{losses:?}");
            }
        )*

        /// The folder is the list, so a fixture cannot be left untested.
        #[test]
        fn every_fixture_is_tested() {
            let tested = [$($file),*];
            for folder in ["elf", "macho"] {
                for entry in std::fs::read_dir(fixture(folder)).unwrap() {
                    let name = format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap());
                    let companion = [".dwo", ".dwp", ".debug"].iter().any(|end| name.ends_with(end));
                    let companion = companion || WITH_TESTS_OF_THEIR_OWN.contains(&name.as_str());
                    assert!(companion || name.ends_with("-fat") || tested.contains(&name.as_str()), "{name}");
                }
            }
        }
    };
}

const WITH_TESTS_OF_THEIR_OWN: [&str; 11] = [
    "elf/variants",
    "elf/variants-reversed",
    "elf/natives",
    "elf/rust-natives.o",
    "elf/thin-x64",
    "elf/uncommon.o",
    "elf/uncommon-cpp.o",
    "elf/fortran.o",
    "elf/ada.o",
    "elf/pascal.o",
    "elf/languages.o",
];

fixtures! {
    gcc_x64: "elf/gcc-x64" => "gcc-x64",
    gcc_x64_dwarf2: "elf/gcc-x64-dwarf2" => "gcc-x64-dwarf2",
    gcc_x64_dwarf3: "elf/gcc-x64-dwarf3" => "gcc-x64-dwarf3",
    gcc_x64_dwarf4: "elf/gcc-x64-dwarf4" => "gcc-x64-dwarf4",
    gcc_x64_dwarf5: "elf/gcc-x64-dwarf5" => "gcc-x64-dwarf5",
    gcc_x64_dwarf64: "elf/gcc-x64-dwarf64" => "gcc-x64-dwarf64",
    gcc_x64_lto: "elf/gcc-x64-lto" => "gcc-x64-lto",
    gcc_x64_types4: "elf/gcc-x64-types4" => "gcc-x64-types4",
    gcc_x64_types5: "elf/gcc-x64-types5" => "gcc-x64-types5",
    gcc_x64_zlib: "elf/gcc-x64-zlib" => "gcc-x64",
    gcc_x64_zlib_gnu: "elf/gcc-x64-zlib-gnu" => "gcc-x64",
    gcc_x64_zstd: "elf/gcc-x64-zstd" => "gcc-x64",
    clang_x64_dwarf4: "elf/clang-x64-dwarf4" => "clang-x64-dwarf4",
    clang_x64_dwarf5: "elf/clang-x64-dwarf5" => "clang-x64-dwarf5",
    clang_x64_lto: "elf/clang-x64-lto" => "clang-x64-lto",
    gcc_x86: "elf/gcc-x86" => "gcc-x86",
    gcc_arm: "elf/gcc-arm" => "gcc-arm",
    gcc_arm64: "elf/gcc-arm64" => "gcc-arm64",
    gcc_mips: "elf/gcc-mips" => "gcc-mips",
    gcc_ppc: "elf/gcc-ppc" => "gcc-ppc",
    gcc_ppc_dwarf2: "elf/gcc-ppc-dwarf2" => "gcc-ppc-dwarf2",
    module_x64: "elf/module-x64.ko" => "module-x64.ko",
    module_x86: "elf/module-x86.ko" => "module-x86.ko",
    module_arm: "elf/module-arm.ko" => "module-arm.ko",
    module_mips: "elf/module-mips.ko" => "module-mips.ko",
    module_types: "elf/module-types.ko" => "module-types.ko",
    split_dwarf4: "elf/split4" => "gcc-x64",
    split_dwarf5: "elf/split5" => "clang-x64-dwarf5",
    package_dwarf4: "elf/package4" => "gcc-x64",
    package_dwarf5: "elf/package5" => "clang-x64-dwarf5",
    supplement_of_dwz: "elf/dwz-x64" => "gcc-x64",
    cpp_object: "elf/iokit.o" => "iokit.o",
    rust_and_c: "elf/rust-and-c" => "rust-and-c",
    macho_object_x64: "macho/first-x86_64.o" => "first-x86_64.o",
    macho_object_arm64: "macho/first-arm64.o" => "first-arm64.o",
    macho_cpp_x64: "macho/iokit-x86_64.o" => "iokit-x86_64.o",
    macho_cpp_arm64: "macho/iokit-arm64.o" => "iokit-arm64.o",
    dsym_x64: "macho/kext-x86_64" => "kext-x86_64",
    dsym_arm64: "macho/kext-arm64" => "kext-arm64",
}

#[test]
fn other_files_of_one_build_give_the_same_text() {
    let plain = made("elf/gcc-x64");
    for door in ["zlib", "zlib-gnu", "zstd"] {
        assert_eq!(made(&format!("elf/gcc-x64-{door}")).text, plain.text, "{door}");
    }
    assert_eq!(made("elf/dwz-x64").text, plain.text, "dwz");
    for version in ["dwarf64", "types4", "types5"] {
        let other = made(&format!("elf/gcc-x64-{version}"));
        assert_eq!(other.structs(), plain.structs(), "{version}");
        assert_eq!(other.profile["$ENUMS"], plain.profile["$ENUMS"], "{version}");
        assert_eq!(other.profile["$CONSTANT_TYPES"], plain.profile["$CONSTANT_TYPES"], "{version}");
    }
    // DWARF 2 does not give the storage of an enumeration.
    let old = made("elf/gcc-x64-dwarf3");
    for version in ["dwarf4", "dwarf5"] {
        let other = made(&format!("elf/gcc-x64-{version}"));
        assert_eq!(other.structs(), old.structs(), "{version}");
    }
    for (split, package) in [("split4", "package4"), ("split5", "package5")] {
        let (split, package) = (made(&format!("elf/{split}")), made(&format!("elf/{package}")));
        assert_eq!(split.without_metadata(), package.without_metadata());
    }
}

#[test]
fn the_text_does_not_depend_on_the_number_of_threads() {
    for file in ["elf/gcc-x64", "elf/gcc-x64-types5", "elf/split5", "macho/kext-arm64"] {
        let with = |threads| {
            let options = Options { threads, ..Options::default() };
            made_with(file, &options, &Beside::new(&fixture(file))).unwrap().text
        };
        let one = with(1);
        for threads in [2, 3, 16] {
            assert_eq!(with(threads), one, "{file} with {threads} threads");
        }
    }
}

#[test]
fn every_kind_of_member_is_in_the_documented_format() {
    let made = made("elf/gcc-x64");
    let structs = made.structs();
    let pointer = |target: &str| json!(["Pointer", {"target": target}]);
    let task = &structs["task_struct"][1];
    for (member, expected) in [
        ("state", json!([0, ["long"]])),
        ("stack", json!([8, pointer("Void")])),
        ("tasks", json!([16, ["list_head"]])),
        ("cred", json!([32, pointer("cred")])),
        ("creds", json!([40, ["Pointer", {"target": "Pointer", "target_args": {"target": "cred"}}]])),
        ("comm", json!([48, ["Array", {"count": 16, "target": "char"}]])),
        (
            "matrix",
            json!([64, ["Array", {"count": 2, "target": "Array", "target_args":
                {"count": 3, "target": "Array", "target_args": {"count": 4, "target": "unsigned int"}}}]]),
        ),
        ("ops", json!([160, ["callbacks"]])),
        ("sign", json!([192, ["Enumeration", {"enum_name": "sign", "target": "int"}]])),
        ("wide", json!([200, ["Enumeration", {"enum_name": "wide", "target": "unsigned long"}]])),
        ("tiny", json!([208, ["Enumeration", {"enum_name": "tiny", "target": "unsigned char"}]])),
        ("color", json!([212, ["Enumeration", {"enum_name": "color_t", "target": "unsigned int"}]])),
        ("single", json!([216, ["float"]])),
        ("twice", json!([224, ["double"]])),
        ("completed", json!([232, pointer("completed")])),
        ("opaque", json!([240, pointer("opaque")])),
        ("tail", json!([288, ["Array", {"count": 0, "target": "unsigned char"}]])),
    ] {
        assert_eq!(task[member], expected, "{member}");
    }
    // A type defined in another unit is present; a type that is never defined is not.
    assert_eq!(structs["completed"][0], 24);
    assert!(structs.get("opaque").is_none());

    let calls = &structs["callbacks"][1];
    let args = |list: Value| json!(["Pointer", {"target": "Function", "target_args": {"args": list}}]);
    assert_eq!(calls["open"][1], args(json!([pointer("cred"), pointer("char"), ["unsigned long long"]])));
    assert_eq!(calls["variadic"][1], args(json!([pointer("callbacks")])));
    assert_eq!(calls["nested"][1], args(json!([args(json!([["unsigned char"]])), pointer("opaque")])));

    // Unnamed types are named by the typedef on the path, otherwise by owner and member.
    let cred = &structs["cred"][1];
    assert_eq!(cred["uid"], json!([0, ["kuid_t"]]));
    assert_eq!(cred["gid"], json!([4, ["kgid_t"]]));
    assert_eq!(cred["u1"], json!([12, ["__unnamed_cred_u1"]]));
    assert_eq!(structs["__unnamed_cred_u1"][1]["u1"], json!([4, ["__unnamed_cred_u1_u1"]]));
    assert_eq!(structs["__unnamed_cred_u1_u1_u1"][1]["deeper"][0], 0);
    assert_eq!(cred["named_union"], json!([24, ["__unnamed_cred_named_union"]]));

    let flags = &structs["flags"][1];
    let field = |start: u32, end: u32, target: &str| json!(["BitField", {"start_bit": start, "end_bit": end, "target": target}]);
    assert_eq!(flags["high"], json!([0, field(12, 32, "unsigned int")]));
    assert_eq!(flags["rest"], json!([8, field(33, 64, "unsigned long long")]));
    assert_eq!(
        flags["state"],
        json!([16, ["Enumeration", {"enum_name": "state", "target": "BitField",
            "target_args": {"start_bit": 0, "end_bit": 3, "target": "unsigned int"}}]])
    );
    assert_eq!(flags["truth"], json!([16, field(3, 4, "_Bool")]));
    // A packed field that its declared unit would cut gets the smallest unit that holds it.
    assert_eq!(structs["packed_flags"][1]["straddling"], json!([1, field(0, 27, "unsigned int")]));

    let modern = &structs["modern"][1];
    assert_eq!(modern["complex"], json!([0, ["complex double"]]));
    assert_eq!(modern["vector"], json!([16, ["Array", {"count": 4, "target": "unsigned int"}]]));
    assert_eq!(modern["restricted"][1], pointer("unsigned char"));
    assert_eq!(modern["atomic"][1], json!(["int"]));
    assert_eq!(modern["huge"][1], json!(["__int128"]));
    assert_eq!(structs["empty"], json!([0, {}]));
}

#[test]
fn types_and_variables_of_function_bodies_are_found() {
    for file in
        ["elf/gcc-x64", "elf/gcc-x64-dwarf4", "elf/clang-x64-dwarf5", "elf/gcc-mips", "elf/module-x64.ko"]
    {
        let made = made(file);
        assert_eq!(made.structs()["in_function"][1].as_object().unwrap().len(), 2, "{file}");
        assert_eq!(made.profile["$ENUMS"]["in_block"]["3"], "INSIDE", "{file}");
    }
}

#[test]
fn variables_have_the_types_of_their_addresses() {
    let made = made("elf/gcc-x64");
    let (constants, types) = (&made.profile["$CONSTANTS"], &made.profile["$CONSTANT_TYPES"]);
    assert_eq!(types["init_task"], json!(["task_struct"]));
    assert_eq!(types["linux_banner"], json!(["Array", {"count": 49, "target": "char"}]));
    // Three variables are called counter; the two in functions have a number after their names.
    let counters: BTreeMap<&String, &Value> =
        types.as_object().unwrap().iter().filter(|(name, _)| name.starts_with("counter")).collect();
    let kinds: Vec<&str> = counters.values().map(|ty| ty[0].as_str().unwrap()).collect();
    assert!(kinds.contains(&"in_function") && kinds.contains(&"irq_info"), "{counters:?}");
    assert!(kinds.contains(&"Enumeration"), "{counters:?}");
    for name in types.as_object().unwrap().keys() {
        assert!(constants.get(name).is_some(), "{name} has a type and no address");
    }
}

#[test]
fn of_two_layouts_the_larger_keeps_the_name() {
    let made = made("elf/gcc-x64");
    let structs = made.structs().as_object().unwrap();
    assert_eq!(structs["elf_note_info"][0], 24);
    let other: Vec<&String> = structs.keys().filter(|name| name.starts_with("elf_note_info__")).collect();
    assert_eq!(other.len(), 1);
    assert_eq!(structs[other[0]][0], 16);
    assert_eq!(structs["user_of_note"][1]["info"][1], json!(["elf_note_info"]));
    assert_eq!(made.profile["$CONSTANT_TYPES"]["note"], json!([other[0]]));
    assert_eq!(made.report.count("name conflicts"), 1);
}

#[test]
fn rust_stays_out_unless_asked_for() {
    let plain = made("elf/rust-and-c");
    let c_only = made("elf/gcc-x64");
    assert_eq!(plain.structs(), c_only.structs());
    assert_eq!(plain.report.count("name conflicts"), 1);
    let languages = Languages::with(&[Language::Rust]);
    let options = Options { languages, ..Options::default() };
    let both = made_with("elf/rust-and-c", &options, &Alone).unwrap();
    assert_eq!(both.structs()["task_struct"], plain.structs()["task_struct"]);
    assert_eq!(both.structs()["shared::task_struct"][0], 4);
    assert!(both.structs()["shared::RustOnly"].is_array());
}

#[test]
fn classes_inherit_and_keep_their_scopes() {
    for file in ["elf/iokit.o", "macho/iokit-x86_64.o", "macho/iokit-arm64.o", "macho/kext-arm64"] {
        let made = made(file);
        let structs = made.structs();
        assert_eq!(structs["OSObject"][1]["__vfptr"][0], 0, "{file}");
        assert_eq!(structs["IORegistryEntry"][1]["__base_OSObject"], json!([0, ["OSObject"]]), "{file}");
        let service = &structs["IOService"][1];
        assert_eq!(service["__base_IORegistryEntry"], json!([0, ["IORegistryEntry"]]), "{file}");
        assert_eq!(service["__base_Mixin"], json!([32, ["Mixin"]]), "{file}");
        assert_eq!(service["self"][1], json!(["Pointer", {"target": "IOService"}]), "{file}");
        assert_eq!(service["action"][1][1]["count"], 2, "{file}");
        assert!(service.get("metaClass").is_none() && service.get("start").is_none(), "{file}");
        assert_eq!(service["power"][1][1]["enum_name"], "IOService::Power", "{file}");
        assert_eq!(structs["iokit::Queue::Entry"][0], 4, "{file}");
        assert_eq!(structs["Entry"][0], 8, "{file}");
    }
}

#[test]
fn the_identity_of_the_build_is_in_the_metadata() {
    let made_elf = made("elf/gcc-x64");
    let metadata = &made_elf.profile["$METADATA"];
    assert_eq!(metadata["Banner"], "Linux version 6.1.0-test (us@here) (gcc) #1 SMP");
    assert_eq!(metadata["Release"], "6.1.0-test");
    assert_eq!(metadata["BuildID"].as_str().unwrap().len(), 40);
    assert_eq!((&metadata["ProfileClass"], &metadata["arch"]), (&json!("Linux"), &json!("AMD64")));
    assert!(metadata.get("SourceSHA256").is_none());
    for (file, arch) in [
        ("elf/gcc-x86", "I386"),
        ("elf/gcc-arm", "ARM"),
        ("elf/gcc-arm64", "ARM64"),
        ("elf/gcc-mips", "MIPS"),
        ("elf/gcc-ppc", "PPC"),
    ] {
        assert_eq!(made(file).profile["$METADATA"]["arch"], arch, "{file}");
    }
    let dsym = made("macho/kext-x86_64");
    let metadata = &dsym.profile["$METADATA"];
    assert_eq!(metadata["UUID"].as_str().unwrap().len(), 36);
    assert_eq!((&metadata["ProfileClass"], &metadata["arch"]), (&json!("Darwin64"), &json!("AMD64")));
    assert_eq!(dsym.profile["$CONSTANT_TYPES"]["_init_task"], json!(["task_struct"]));
}

#[test]
fn a_fat_file_asks_which_slice() {
    let which = |arch| made_with("macho/kext-fat", &Options { arch, ..Options::default() }, &Alone);
    assert!(matches!(which(None), Err(Error::Slices(names)) if names == "AMD64, ARM64"));
    assert!(matches!(which(Some(Arch::Ppc)), Err(Error::NoSlice { .. })));
    let slice = which(Some(Arch::Arm64)).unwrap();
    assert_eq!(slice.text, made("macho/kext-arm64").text);
}

#[test]
fn an_architecture_that_the_header_contradicts_is_refused() {
    for (file, stated) in [("elf/gcc-x64", "AMD64"), ("elf/gcc-arm", "ARM"), ("macho/kext-x86_64", "AMD64")] {
        let options = Options { arch: Some(Arch::Arm64), ..Options::default() };
        let error =
            made_with(file, &options, &Alone).err().map(|error| error.to_string()).unwrap_or_default();
        let expected = format!("the file is for {stated} (by its header), not for ARM64: leave out --arch");
        assert_eq!(error, expected, "{file}");
    }
    let same = made_with("elf/gcc-x64", &Options { arch: Some(Arch::Amd64), ..Options::default() }, &Alone);
    assert_eq!(same.unwrap().text, made("elf/gcc-x64").text);
}

#[test]
fn a_module_has_types_and_no_addresses() {
    let module = made("elf/module-x64.ko");
    assert!(module.profile.get("$CONSTANTS").is_none());
    assert_eq!(module.profile["$CONSTANT_TYPES"]["init_task"], json!(["task_struct"]));
    assert_eq!(module.structs(), made("elf/gcc-x64").structs());
}

#[test]
fn symbols_may_come_from_a_map_shifted_or_not() {
    let plain = made("elf/gcc-x64");
    let constants = plain.profile["$CONSTANTS"].as_object().unwrap();
    let map = |shift: u64| -> String {
        constants
            .iter()
            .map(|(name, at)| format!("{:016x} D {name}\n", at.as_u64().unwrap().wrapping_add(shift)))
            .chain([format!("{:016x} T _text\n", 0x40_1000u64.wrapping_add(shift))])
            .collect()
    };
    let with = |text: &str| {
        let options = Options { symbol_map: Some(text.as_bytes()), ..Options::default() };
        made_with("elf/gcc-x64", &options, &Alone)
    };
    let linked = with(&map(0)).unwrap();
    for (name, at) in constants {
        assert_eq!(&linked.profile["$CONSTANTS"][name], at, "{name}");
    }
    assert_eq!(linked.profile["$CONSTANT_TYPES"]["init_task"], json!(["task_struct"]));
    let shifted = with(&map(0x1234_0000)).unwrap();
    assert_eq!(shifted.without_metadata(), linked.without_metadata());
    assert_eq!(shifted.report.warnings().len(), 1);

    let other_build: String = constants
        .iter()
        .enumerate()
        .map(|(index, (name, at))| {
            format!("{:016x} D {name}\n", at.as_u64().unwrap() + 8 * (index as u64 + 1))
        })
        .collect();
    assert!(matches!(with(&other_build), Err(Error::Map(MapError::OtherBuild { agree: 0, .. }))));
    assert!(matches!(with("no map\n"), Err(Error::Map(MapError::NotAMap { .. }))));
    assert!(matches!(with("0000000000000000 T _text\n"), Err(Error::Map(MapError::Hidden))));
    // A build in which only the last variable moved is still another build.
    let (last, at) = constants.iter().max_by_key(|(_, at)| at.as_u64()).unwrap();
    let neighbour = map(0).replace(
        &format!("{:016x} D {last}\n", at.as_u64().unwrap()),
        &format!("{:016x} D {last}\n", at.as_u64().unwrap() + 8),
    );
    assert!(matches!(with(&neighbour), Err(Error::Map(MapError::OtherBuild { .. }))));
}

#[test]
fn companions_that_are_missing_are_counted() {
    let alone = |file: &str| made_with(file, &Options::default(), &Alone).unwrap().report;
    assert_eq!(alone("elf/split4").count("split units whose file was not found"), 2);
    assert_eq!(alone("elf/split5").count("split units whose file was not found"), 2);
    assert_eq!(alone("elf/dwz-x64").count("supplementary files that were not found"), 1);
}

#[test]
fn wrong_files_are_named() {
    let kind = |bytes: &[u8]| match convert(bytes, &Options::default(), &Alone, &Silent) {
        Err(Error::WrongKind(wrong)) => wrong.kind(),
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(b""), FileKind::Empty);
    assert_eq!(kind(b"!<arch>\ndebian-binary   "), FileKind::Deb);
    assert_eq!(kind(b"Microsoft C/C++ MSF 7.00"), FileKind::PdbCut);
}

#[test]
fn a_debug_file_is_known_by_its_build_id() {
    let bytes = std::fs::read(fixture("elf/gcc-x64")).unwrap();
    let id = build_id(&bytes).unwrap();
    assert_eq!(check_debug_file(&bytes, &id), Ok(()));
    let other = check_debug_file(&bytes, b"12345678").unwrap_err();
    assert!(other.contains("expected 3132333435363738"), "{other}");
    assert!(check_debug_file(b"<html>", &id).unwrap_err().contains("found an HTML page"));
}

#[test]
fn packages_give_the_kernel_in_them() {
    let kernel = std::fs::read(fixture("elf/gcc-x64-zstd")).unwrap();
    for (name, path) in [
        ("kernel-xz.deb", "./usr/lib/debug/boot/vmlinux-6.1.0-test"),
        ("kernel-zstd.deb", "./usr/lib/debug/boot/vmlinux-6.1.0-test"),
        ("kernel-gzip.deb", "./usr/lib/debug/boot/vmlinux-6.1.0-test"),
        ("kernel-xz.rpm", "./usr/lib/debug/lib/modules/6.1.0-test/vmlinux"),
        ("kernel-zstd.rpm", "./usr/lib/debug/lib/modules/6.1.0-test/vmlinux"),
        ("kernel-gzip.rpm", "./usr/lib/debug/lib/modules/6.1.0-test/vmlinux"),
    ] {
        let bytes = std::fs::read(fixture(&format!("packages/{name}"))).unwrap();
        let package = Package::recognise(&bytes).unwrap();
        let mut content = Vec::new();
        let unpacked = package.unpack(None, &mut content).unwrap();
        assert_eq!((unpacked.path.as_str(), unpacked.size), (path, kernel.len() as u64), "{name}");
        assert!(content == kernel, "{name}");
        let missing = package.unpack(Some("other.ko"), &mut Vec::new());
        assert!(
            matches!(missing, Err(PackageError::NotFound { found, .. }) if found.len() == 1),
            "{name} lists the module in it"
        );
        for cut in (0..bytes.len()).step_by(97) {
            if let Some(package) = Package::recognise(&bytes[..cut]) {
                assert!(package.unpack(Some("nothing"), &mut Vec::new()).is_err(), "{name} cut at {cut}");
            }
        }
    }
    assert!(Package::recognise(&kernel).is_none());
}

/// Old packages: their content is packed with bzip2 or in the format before xz.
#[test]
fn packages_of_older_distributions_give_the_kernel_in_them() {
    use std::io::{Read, Write};

    let kernel = std::fs::read(fixture("elf/gcc-x64-zstd")).unwrap();
    let bytes = std::fs::read(fixture("packages/kernel-gzip.rpm")).unwrap();
    let start = bytes.windows(3).position(|bytes| bytes == [0x1f, 0x8b, 8]).unwrap();
    let (headers, content) = bytes.split_at(start);
    let mut archive = Vec::new();
    flate2::read::GzDecoder::new(content).read_to_end(&mut archive).unwrap();
    let bzip2 = {
        let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        writer.write_all(&archive).unwrap();
        writer.finish().unwrap()
    };
    let lzma = {
        let options = lzma_rust2::LzmaOptions::with_preset(6);
        let mut writer = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
        writer.write_all(&archive).unwrap();
        writer.finish().unwrap()
    };
    for packed in [bzip2, lzma] {
        let package = [headers, &packed].concat();
        let mut content = Vec::new();
        Package::recognise(&package).unwrap().unpack(None, &mut content).unwrap();
        assert!(content == kernel);
        for cut in (start..package.len()).step_by(397) {
            let package = Package::recognise(&package[..cut]).unwrap();
            assert!(package.unpack(Some("nothing"), &mut Vec::new()).is_err(), "cut at {cut}");
        }
    }
}

/// A sink that only counts.
struct Counted(u64);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn gzipped(content: impl std::io::Read) -> Vec<u8> {
    let mut content = content;
    let mut writer = profile::GzipWriter::new(Vec::new(), profile::Effort::Default, 1);
    std::io::copy(&mut content, &mut writer).unwrap();
    writer.finish().unwrap()
}

/// The header of a tar member, as far as it is read.
fn tar_header(name: &str, size: usize) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    let digits = format!("{size:011o}");
    header[124..124 + digits.len()].copy_from_slice(digits.as_bytes());
    header[156] = b'0';
    header
}

#[test]
fn decompression_bombs_are_stopped_early() {
    use std::io::Read;

    const ZEROS: usize = 40 << 20;
    let limit = profile::UnpackLimits::HARMLESS;
    let bomb = gzipped(std::io::repeat(0).take(ZEROS as u64));
    let mut sink = Counted(0);
    let error = Package::recognise(&bomb).unwrap().unpack(None, &mut sink).unwrap_err();
    assert!(matches!(error, PackageError::Limit(_)), "{error}");
    assert!(sink.0 <= limit, "{} bytes were written", sink.0);
    assert!(error.to_string().contains("--unpack-limit"), "{error}");

    // In a package, content that is skipped on the way to the kernel counts as well.
    let skipped = tar_header("./usr/lib/debug/boot/padding", ZEROS);
    let kernel = tar_header("./usr/lib/debug/boot/vmlinux", 512);
    let tar = (&skipped[..])
        .chain(std::io::repeat(0).take(ZEROS as u64))
        .chain(&kernel[..])
        .chain(std::io::repeat(1).take(512));
    let data = gzipped(tar);
    let mut deb = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", &b"2.0\n"[..]), ("data.tar.gz", &data)] {
        deb.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, content.len()).bytes());
        deb.extend(content);
    }
    let mut sink = Counted(0);
    let error = Package::recognise(&deb).unwrap().unpack(None, &mut sink).unwrap_err();
    assert!(matches!(error, PackageError::Limit(_)), "{error}");
    assert_eq!(sink.0, 0, "nothing reaches the disk");
}

#[test]
fn truncated_files_fail_or_report_losses() {
    for file in ["elf/gcc-x64", "elf/gcc-mips", "elf/gcc-x64-zstd", "macho/kext-arm64", "elf/module-arm.ko"] {
        let bytes = std::fs::read(fixture(file)).unwrap();
        for cut in (0..bytes.len()).step_by(61) {
            // Tables at the end of the file are missing, so most of these give errors; none may panic.
            let _ = convert(&bytes[..cut], &Options::default(), &Alone, &Silent);
        }
    }
}

#[test]
fn corrupted_files_never_panic() {
    for file in
        ["elf/gcc-x64", "elf/gcc-ppc", "elf/clang-x64-dwarf5", "elf/module-x86.ko", "macho/kext-x86_64"]
    {
        let bytes = std::fs::read(fixture(file)).unwrap();
        let mut state = 0x2545_f491_4f6c_dd1du64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as usize
        };
        for _ in 0..400 {
            let mut bytes = bytes.clone();
            for _ in 0..1 + next() % 8 {
                let at = next() % bytes.len();
                bytes[at] = next() as u8;
            }
            if let Ok(mut converted) = convert(&bytes, &Options::default(), &Alone, &Silent) {
                let resolution = Resolution::new(&mut converted.profile, &mut converted.report);
                write_text(&converted.profile, &resolution, Vec::new()).unwrap();
            }
        }
    }
}

/// The only struct of this name that had to be renamed, with its new name.
fn renamed<'m>(made: &'m Made, name: &str) -> (&'m str, &'m Value) {
    let structs = made.structs().as_object().unwrap();
    let prefix = format!("{name}__");
    let mut found = structs.iter().filter(|(key, _)| key.starts_with(&prefix));
    let (key, value) = found.next().unwrap_or_else(|| panic!("{name} has one layout only"));
    assert!(found.next().is_none(), "{name}");
    (key, value)
}

#[test]
fn a_name_with_several_definitions_is_resolved_in_its_own_unit() {
    let [one, other] = ["elf/variants", "elf/variants-reversed"].map(made);
    for made in [&one, &other] {
        let structs = made.structs();
        // Two of three units use the struct with one member.
        assert_eq!(structs["inner"], json!([8, {"value": [0, ["long long"]]}]));
        let (inner, pair) = renamed(made, "inner");
        assert_eq!(pair, &json!([8, {"first": [0, ["int"]], "second": [4, ["int"]]}]));
        // Structs that differ only in the types they hold are two, and so are the structs that hold them.
        let (outer, pair_outer) = renamed(made, "outer");
        assert_eq!(structs["outer"][1]["in"], json!([0, ["inner"]]));
        assert_eq!(structs["outer"][1]["next"][1][1]["target"], "inner");
        assert_eq!(pair_outer[1]["in"], json!([0, [inner]]));
        assert_eq!(pair_outer[1]["next"][1][1]["target"], inner);
        let types = &made.profile["$CONSTANT_TYPES"];
        for (variable, held) in [("pair_above", outer), ("single_above", "outer")] {
            let above = &structs[types[variable][0].as_str().unwrap()];
            assert_eq!(above[1]["outers"][1], json!(["Array", {"target": held, "count": 2}]), "{variable}");
        }
        // A struct that only points to them stays one and uses the definition that most units use.
        assert_eq!(structs["shared"][1]["inner"][1][1]["target"], "inner");
        assert_eq!(structs["holder"][1]["unknown"][1][1]["target"], "inner");
        assert_eq!(types["pair_inners"], json!(["Array", {"target": inner, "count": 3}]));
        assert_eq!(types["single_inners"], json!(["Array", {"target": "inner", "count": 5}]));
        assert_eq!(types["pair_outer"], json!([outer]));
        assert_eq!(types["again_outer"], json!(["outer"]));
        let losses: Vec<(&str, u64)> =
            made.report.losses().map(|(kind, tally)| (kind, tally.count)).collect();
        assert!(losses.iter().any(|(kind, count)| kind.starts_with("definitions that point") && *count == 1));
        assert!(losses.iter().any(|(kind, count)| kind.contains("fit alike") && *count == 1), "{losses:?}");
    }
    for section in ["$STRUCTS", "$CONSTANT_TYPES"] {
        assert_eq!(one.profile[section], other.profile[section]);
    }
    assert_eq!(one.report, other.report);
}

#[test]
fn natives_that_share_a_name_have_their_own_sizes() {
    let made = made("elf/natives");
    let members = &made.structs()["natives"][1];
    for (member, expected) in [
        ("narrow", "signed char"),
        ("wide", "__int128"),
        ("odd", "unsigned long long"),
        ("single", "complex float"),
        ("pair", "complex double"),
    ] {
        assert_eq!(members[member][1], json!([expected]), "{member}");
    }
}

#[test]
fn the_base_types_of_rust_are_natives_by_encoding_and_size() {
    let options = Options { languages: Languages::with(&[Language::Rust]), ..Options::default() };
    let made = made_with("elf/rust-natives.o", &options, &Alone).unwrap();
    let structs = made.structs().as_object().unwrap();
    let (_, natives) = structs.iter().find(|(name, _)| name.ends_with("::Natives")).unwrap();
    for (member, expected) in [
        ("tiny", "signed char"),
        ("byte", "unsigned char"),
        ("short", "short"),
        ("word", "unsigned short"),
        ("int", "int"),
        ("dword", "unsigned int"),
        ("long", "long long"),
        ("qword", "unsigned long long"),
        ("wide", "__int128"),
        ("oword", "unsigned __int128"),
        ("offset", "long long"),
        ("size", "unsigned long long"),
        ("single", "float"),
        ("double", "double"),
        ("truth", "bool"),
        ("letter", "char32_t"),
    ] {
        assert_eq!(natives[1][member][1], json!([expected]), "{member}");
    }
    assert_eq!(natives[1]["nothing"][1], json!(["Array", {"target": "unsigned char", "count": 0}]));
}

#[test]
fn a_variable_with_a_compiler_suffix_also_has_its_plain_name() {
    let (made, plain) = (made("elf/thin-x64"), made("elf/gcc-x64"));
    let suffixed = "init_task.llvm.15133981562545858343";
    for section in ["$CONSTANTS", "$CONSTANT_TYPES"] {
        assert_eq!(made.profile[section]["init_task"], plain.profile[section]["init_task"], "{section}");
        assert_eq!(made.profile[section][suffixed], plain.profile[section]["init_task"], "{section}");
    }
}

/// The profile of a file in a language other than C.
fn made_in(name: &str, language: Language) -> Made {
    let options = Options { languages: Languages::with(&[language]), ..Options::default() };
    made_with(name, &options, &Alone).unwrap()
}

/// Compares members with their expected offset and type.
fn assert_members(made: &Made, name: &str, size: u64, expected: &[(&str, Value)]) {
    let found = &made.structs()[name];
    assert_eq!(found[0], size, "{name}");
    for (member, expected) in expected {
        assert_eq!(found[1][*member], *expected, "{name}.{member}");
    }
    assert_eq!(found[1].as_object().map(serde_json::Map::len), Some(expected.len()), "{found}");
}

fn array(count: u64, target: &str) -> Value {
    json!(["Array", {"count": count, "target": target}])
}

fn pointer(target: &str) -> Value {
    json!(["Pointer", {"target": target}])
}

#[test]
fn base_types_of_c_that_no_reader_knows_keep_their_bytes() {
    let made = made("elf/uncommon.o");
    assert_members(
        &made,
        "uncommon",
        64,
        &[
            ("letter", json!([0, ["char"]])),
            ("extended", json!([16, ["_Float64x"]])),
            ("decimal", json!([32, ["_Decimal64"]])),
            ("pair", json!([40, array(8, "unsigned char")])),
            ("last", json!([48, ["int"]])),
        ],
    );
}

#[test]
fn a_null_pointer_is_as_wide_as_an_address() {
    let made = made("elf/uncommon-cpp.o");
    assert_members(
        &made,
        "uncommon",
        16,
        &[
            ("nothing", json!([0, pointer("Void")])),
            ("code", json!([8, ["Enumeration", {"enum_name": "byte", "target": "char8_t"}]])),
            ("wide", json!([10, ["Enumeration", {"enum_name": "unit", "target": "char16_t"}]])),
            ("narrow", json!([12, ["BitField", {"start_bit": 0, "end_bit": 9, "target": "char16_t"}]])),
        ],
    );
    assert_eq!(made.profile["$ENUMS"]["byte"], json!({"254": "last"}));
    assert_eq!(made.profile["$ENUMS"]["unit"], json!({"65534": "last"}));
}

#[test]
fn texts_of_fortran_are_arrays_of_characters_and_arrays_count_from_1() {
    let made = made_in("elf/fortran.o", Language::Fortran);
    assert_members(
        &made,
        "natives::record",
        96,
        &[
            ("small", json!([0, ["short"]])),
            ("flag", json!([4, ["unsigned int"]])),
            ("extended", json!([16, ["long double"]])),
            ("pair", json!([32, ["complex float"]])),
            ("text", json!([40, array(7, "char")])),
            ("wide", json!([48, array(3, "unsigned int")])),
            (
                "deferred",
                json!([64, ["Pointer", {"target": "Array", "target_args": {"count": 0, "target": "char"}}]]),
            ),
            ("last", json!([72, ["long long"]])),
            ("_deferred_length", json!([80, ["long long"]])),
        ],
    );
    assert_eq!(made.report.total(), 0);
}

#[test]
fn subranges_of_ada_have_their_own_bytes_and_records_without_a_size_end_with_their_members() {
    let made = made_in("elf/ada.o", Language::Ada);
    assert_members(
        &made,
        "natives__values",
        24,
        &[
            ("level", json!([0, ["signed char"]])),
            ("amount", json!([2, ["short"]])),
            ("letter", json!([4, ["unsigned short"]])),
            ("symbol", json!([8, ["unsigned int"]])),
            ("ready", json!([12, ["bool"]])),
            ("large", json!([16, ["long long"]])),
        ],
    );
}

#[test]
fn sets_and_procedures_of_pascal_have_their_bytes() {
    let made = made_in("elf/pascal.o", Language::Pascal);
    assert_members(
        &made,
        "TVALUES",
        48,
        &[
            ("Small", json!([0, ["signed char"]])),
            ("Letters", json!([4, array(4, "unsigned char")])),
            ("Wide", json!([16, ["long double (10 bytes)"]])),
            ("Flag", json!([26, ["unsigned short"]])),
            ("Call", json!([32, ["Pointer", {"target": "Function", "target_args": {"args": [["int"]]}}]])),
            ("Last", json!([40, ["long long"]])),
        ],
    );
    assert_eq!(made.report.total(), 0);
}

#[test]
fn functions_of_go_are_pointers_where_they_are_values() {
    let made = made_in("elf/languages.o", Language::Go);
    let function = json!(["Pointer", {"target": "Function", "target_args": {"args": []}}]);
    assert_members(
        &made,
        "main.Server",
        48,
        &[
            ("Count", json!([0, ["long long"]])),
            ("Handle", json!([8, function])),
            (
                "More",
                json!([16, ["Array", {"count": 3, "target": "Pointer", "target_args":
                    {"target": "Function", "target_args": {"args": []}}}]]),
            ),
            ("Last", json!([40, ["unsigned char"]])),
        ],
    );
}

#[test]
fn packed_structs_of_zig_have_the_bits_of_their_types() {
    let made = made_in("elf/languages.o", Language::Zig);
    let bits = |start: u8, end: u8, target: &str| json!(["BitField", {"start_bit": start, "end_bit": end, "target": target}]);
    assert_members(
        &made,
        "Packed",
        4,
        &[
            ("ready", json!([0, bits(0, 1, "bool")])),
            (
                "mode",
                json!([0, ["Enumeration", {"enum_name": "Mode", "target": "BitField", "target_args":
                    {"start_bit": 1, "end_bit": 4, "target": "unsigned char"}}]]),
            ),
            ("level", json!([0, bits(4, 8, "signed char")])),
            ("rest", json!([2, ["unsigned short"]])),
        ],
    );
    assert_members(
        &made,
        "Holder",
        56,
        &[
            ("flags", json!([0, ["Packed"]])),
            ("nothing", json!([4, array(0, "unsigned char")])),
            ("next", json!([8, pointer("Void")])),
            ("wide", json!([16, array(32, "unsigned char")])),
            ("small", json!([48, ["unsigned char"]])),
        ],
    );
    assert_eq!(made.report.total(), 0);
}

#[test]
fn base_types_of_a_unit_that_only_says_it_is_c_are_natives_by_their_bytes() {
    let made = made("elf/languages.o");
    assert_members(
        &made,
        "llvm.All",
        40,
        &[
            ("byte", json!([0, ["unsigned char"]])),
            ("half", json!([2, ["_Float16"]])),
            ("long", json!([8, ["long long"]])),
            ("c", json!([16, ["unsigned long long"]])),
            ("extended", json!([24, ["long double (10 bytes)"]])),
        ],
    );
}

#[test]
fn languages_that_are_left_out_are_named_if_nothing_else_is_there() {
    let made = made("elf/fortran.o");
    let expected = "no type is in C, C++ or assembly; --lang fortran includes those in other languages";
    assert_eq!(made.report.warnings(), [expected]);
}
