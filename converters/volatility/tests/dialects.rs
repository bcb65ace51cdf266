//! One small module in every form: each tool's dump of it, and its own DWARF, give the same types.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use profile::{Arch, Profile, Report, Resolution, Silent, write_text};
use serde_json::{Value, json};
use volatility_converter::{Error, Options, Pack, convert};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/volatility").join(name)
}

fn printed(mut profile: Profile, mut report: Report) -> Value {
    let resolution = Resolution::new(&mut profile, &mut report);
    serde_json::from_slice(&write_text(&profile, &resolution, Vec::new()).unwrap()).unwrap()
}

fn dumped(name: &str) -> Value {
    let pack = Pack::open(&fixture(name)).unwrap();
    let converted =
        convert(&pack, &Options::default(), &Silent).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(converted.profile.arch, Arch::Amd64, "{name}");
    printed(converted.profile, converted.report)
}

fn debugged(name: &str) -> Value {
    let bytes = std::fs::read(fixture(name)).unwrap();
    let converted = dwarf_converter::convert(
        &bytes,
        &dwarf_converter::Options::default(),
        &dwarf_converter::Alone,
        &Silent,
    )
    .unwrap();
    printed(converted.profile, converted.report)
}

/// The first difference between two values, in words.
fn difference(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let keys = ours.keys().chain(theirs.keys().filter(|key| !ours.contains_key(*key)));
            keys.map(|key| (key, ours.get(key), theirs.get(key))).find_map(|(key, ours, theirs)| {
                difference(
                    &format!("{path}.{key}"),
                    ours.unwrap_or(&Value::Null),
                    theirs.unwrap_or(&Value::Null),
                )
            })
        }
        _ => (ours != theirs).then(|| format!("{path}: {ours}, not {theirs}")),
    }
}

#[track_caller]
fn assert_same_types(dump: &str, ours: &Value, theirs: &Value) {
    for section in ["$STRUCTS", "$ENUMS", "$REVENUMS"] {
        assert_eq!(difference(section, &ours[section], &theirs[section]), None, "{dump}");
    }
    // The module's own static variables are not the kernel's.
    let mut theirs = theirs["$CONSTANT_TYPES"].clone();
    if let Some(theirs) = theirs.as_object_mut() {
        theirs.remove("hidden");
    }
    assert_eq!(difference("$CONSTANT_TYPES", &ours["$CONSTANT_TYPES"], &theirs), None, "{dump}");
}

macro_rules! dumps {
    ($($test:ident: $dump:literal as $module:literal,)*) => {$(
        #[test]
        fn $test() {
            assert_same_types($dump, &dumped($dump), &debugged($module));
        }
    )*};
}

dumps! {
    dense_dwarf_2: "dense-dw2.dwarf" as "module.ko",
    dense_dwarf_3: "dense-dw3.dwarf" as "module.ko",
    dense_dwarf_4: "dense-dw4.dwarf" as "module.ko",
    dense_dwarf_5: "dense-dw5.dwarf" as "module.ko",
    one_attribute_per_line: "lines.dwarf" as "module.ko",
    one_attribute_per_line_and_expressions_over_two: "lines-dw2.dwarf" as "module.ko",
    offsets_in_the_section: "goff.dwarf" as "module.ko",
    readelf: "readelf.dwarf" as "module.ko",
    readelf_dwarf_5: "readelf-dw5.dwarf" as "module.ko",
    llvm: "llvm.dwarf" as "module.ko",
    darwin: "darwin.dwarf" as "module.ko",
    clang_by_libdwarf: "dense-clang.dwarf" as "clang.ko",
    clang_by_llvm: "llvm-clang.dwarf" as "clang.ko",
    classes_by_libdwarf: "dense-classes.dwarf" as "classes.ko",
    classes_by_llvm: "llvm-classes.dwarf" as "classes.ko",
}

#[test]
fn sizes_and_offsets_are_the_compilers() {
    let profile = dumped("dense-dw4.dwarf");
    let structs = &profile["$STRUCTS"];
    let truth = std::fs::read_to_string(fixture("truth.txt")).unwrap();
    for line in truth.lines() {
        let (place, number) = line.rsplit_once(' ').unwrap();
        let number: u64 = number.parse().unwrap();
        let place = place.split_once(' ').unwrap().1;
        match place.split_once('.') {
            Some((name, member)) => assert_eq!(offset(structs, name, member), Some(number), "{line}"),
            None => assert_eq!(structs[place][0], number, "{line}"),
        }
    }
}

/// A member's offset, through members without a name.
fn offset(structs: &Value, name: &str, member: &str) -> Option<u64> {
    let members = structs[name][1].as_object()?;
    if let Some(found) = members.get(member) {
        return found[0].as_u64();
    }
    members
        .iter()
        .filter(|(name, _)| name.strip_prefix('u').is_some_and(|rest| rest.parse::<u32>().is_ok()))
        .find_map(|(_, found)| Some(found[0].as_u64()? + offset(structs, found[1][0].as_str()?, member)?))
}

#[test]
fn types_are_described_in_modern_words() {
    let profile = dumped("dense-dw5.dwarf");
    let structs = &profile["$STRUCTS"];
    let task = &structs["task"][1];
    assert_eq!(
        task["matrix"][1],
        json!(["Array", {"count": 2, "target": "Array", "target_args": {"count": 3, "target": "int"}}])
    );
    assert_eq!(task["uid"][1], json!(["kuid_t"]));
    assert_eq!(task["state"][1], json!(["long"]));
    assert_eq!(task["opaque"][1], json!(["Pointer", {"target": "opaque"}]));
    assert_eq!(task["now"][1], json!(["Enumeration", {"enum_name": "state", "target": "int"}]));
    assert_eq!(
        structs["bits"][1]["c"],
        json!([0, ["BitField", {"start_bit": 8, "end_bit": 16, "target": "unsigned int"}]])
    );
    assert_eq!(profile["$ENUMS"]["state"]["-1"], "STATE_DEAD");
    // Of two labels with one value, the one declared later.
    assert_eq!(profile["$ENUMS"]["state"]["1"], "STATE_READY");
    assert_eq!(profile["$REVENUMS"]["flags"]["FLAG_TOP"], 0xffff_ffffu32);
    assert_eq!(profile["$CONSTANT_TYPES"]["current_task"], json!(["Pointer", {"target": "task"}]));
    // Two units disagree on one name: the larger definition keeps it, and its user says which one it uses.
    assert_eq!(structs["collide"][0], 16);
    let other = structs["only_here"][1]["mine"][1][0].as_str().unwrap();
    assert!(other.starts_with("collide__"), "{other}");
    assert_eq!(structs[other][0], 4);
    // Unnamed types with the same number in both units.
    assert_eq!(structs["only_here"][1]["pair"][1][0], "__unnamed_only_here_pair");
}

/// A folder with these files in it.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

#[test]
fn a_pack_may_carry_the_module_itself() {
    let (module, map) =
        (std::fs::read(fixture("module.ko")).unwrap(), std::fs::read(fixture("System.map")).unwrap());
    let folder = folder(&[("boot/System.map-1.2.3-zoo", &map), ("module.ko", &module)]);
    let pack = Pack::open(folder.path()).unwrap();
    let converted = convert(&pack, &Options::default(), &Silent).unwrap();
    let profile = printed(converted.profile, converted.report);
    assert_eq!(profile["$METADATA"]["ProfileClass"], "Linux");
    assert_eq!(profile["$METADATA"]["Release"], "1.2.3-zoo");
    assert_eq!(profile["$METADATA"]["Generator"], volatility_converter::GENERATOR);
    assert_eq!(profile["$CONSTANTS"]["init_task"], 0xffff_ffff_81c0_0000u64);
    assert_eq!(profile["$CONSTANTS"].as_object().unwrap().len(), 7);
    assert_eq!(profile["$CONSTANT_TYPES"], json!({"init_task": ["task"], "modules": ["list_head"]}));
    assert_eq!(difference("$STRUCTS", &profile["$STRUCTS"], &dumped("dense-dw4.dwarf")["$STRUCTS"]), None);
}

#[test]
fn a_module_stands_in_for_a_dump_that_nobody_can_read() {
    let module = std::fs::read(fixture("module.ko")).unwrap();
    let folder = folder(&[("module.dwarf", b"nothing of the kind\n"), ("module.ko", &module)]);
    let converted = convert(&Pack::open(folder.path()).unwrap(), &Options::default(), &Silent).unwrap();
    assert!(
        converted.report.warnings().iter().any(|warning| warning.contains("is not a known dump of DWARF"))
    );
    let alone = folder.path().join("module.dwarf");
    let error = convert(&Pack::open(&alone).unwrap(), &Options::default(), &Silent).unwrap_err();
    assert!(
        matches!(&error, Error::UnknownDialect { first_line, .. } if first_line == "nothing of the kind")
    );
}

#[cfg(unix)]
#[test]
fn a_link_out_of_a_pack_is_refused_and_one_within_it_is_followed() {
    let outside = folder(&[("secret", b"root:*:20228:0:99999:7:::\n")]);
    let pack = folder(&[("boot/System.map-1.2.3-zoo", b"ffffffff81000000 T _text\n")]);
    let link = pack.path().join("module.dwarf");
    std::os::unix::fs::symlink(outside.path().join("secret"), &link).unwrap();
    let error = Pack::open(pack.path()).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    let message = format!("{error} {source}");
    assert!(message.contains("module.dwarf is a link to a file outside the folder"), "{message}");
    assert!(!message.contains("root:"), "{message}");

    // Folders of packs are made of links to archives.
    std::fs::remove_file(&link).unwrap();
    std::fs::write(outside.path().join("secret"), b"PK\x03\x04 and so on").unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), pack.path().join("pack.zip")).unwrap();
    let members = frontend::folder::files(pack.path()).unwrap();
    assert_eq!(members.len(), 2, "{members:?}");
    std::fs::remove_file(pack.path().join("pack.zip")).unwrap();

    std::os::unix::fs::symlink("boot/System.map-1.2.3-zoo", pack.path().join("map")).unwrap();
    let pack = Pack::open(pack.path()).unwrap();
    assert_eq!(pack.member_names().collect::<Vec<_>>(), ["boot/System.map-1.2.3-zoo", "map"]);
}
