//! Vtypes in all their forms: macOS packs, Volatility's Windows modules, hand-written files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use profile::{Arch, Report, Resolution, Silent, System, write_text};
use serde_json::{Value, json};
use volatility_converter::{Options, Pack, convert};

struct Read {
    profile: Value,
    report: Report,
    system: System,
    arch: Arch,
}

fn read(members: &[(&str, &str)]) -> Read {
    let members = members.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    let pack = Pack::in_memory(members.collect());
    let converted = convert(&pack, &Options::default(), &Silent).unwrap();
    let (mut profile, mut report) = (converted.profile, converted.report);
    let resolution = Resolution::new(&mut profile, &mut report);
    let text = write_text(&profile, &resolution, Vec::new()).unwrap();
    let (system, arch) = (profile.system, profile.arch);
    Read { profile: serde_json::from_slice(&text).unwrap(), report, system, arch }
}

const TABLE: &str = "Symbol table for: '/k/mach_kernel' (x86_64)\n\
    [     0] 00000001 0f (     SECT EXT) 01     0000   ffffff8000200000 '_version'\n";

#[test]
fn volatilitys_own_windows_module() {
    let read = read(&[(
        "win7_sp1_x64_vtypes.py",
        r"
ntkrnlmp_types = {
  '_LIST_ENTRY' : [ 0x10, {
    'Flink' : [ 0x0, ['pointer64', ['_LIST_ENTRY']]],
    'Blink' : [ 0x8, ['pointer64', ['_LIST_ENTRY']]],
} ],
  '_EPROCESS' : [ 0x30, {
    'ActiveProcessLinks' : [ 0x0, ['_LIST_ENTRY']],
    'Flags' : [ 0x10, ['unsigned long']],
    'CreateReported' : [ 0x10, ['BitField', dict(start_bit = 0, end_bit = 1, native_type='unsigned long')]],
    'ImageFileName' : [ 0x14, ['array', 16, ['unsigned char']]],
    'u' : [ 0x28, ['__unnamed_1019']],
} ],
  '__unnamed_1019' : [ 0x8, {
    'LowPart' : [ 0x0, ['unsigned long']],
    'QuadPart' : [ 0x0, ['long long']],
} ],
}
",
    )]);
    assert_eq!((read.system, read.arch), (System::Windows, Arch::Amd64));
    assert_eq!(read.profile["$METADATA"]["ProfileClass"], "Nt");
    let process = &read.profile["$STRUCTS"]["_EPROCESS"][1];
    // Windows keeps long at four bytes.
    assert_eq!(process["Flags"], json!([16, ["unsigned long", {}]]));
    assert_eq!(
        process["CreateReported"][1],
        json!(["BitField", {"start_bit": 0, "end_bit": 1, "target": "unsigned long"}])
    );
    assert_eq!(process["ImageFileName"][1][1]["count"], 16);
    assert_eq!(process["u"][1][0], "__unnamed__EPROCESS_u");
    assert_eq!(
        read.profile["$STRUCTS"]["__unnamed__EPROCESS_u"][1]["QuadPart"],
        json!([0, ["long long", {}]])
    );
    assert_eq!(read.report.total(), 0, "{:?}", read.report);
}

#[test]
fn a_hand_written_file_may_omit_values_and_alias_members() {
    // The example in Rekall's article on profiles, with its braces closed.
    let read = read(&[(
        "mine.py",
        r#"
vtypes = {
  'foobar': [12, {
     'flags': [0, ['Enumeration', dict(target="unsigned int", choices={
          1: "OPT1",
          2: "OPT2",
      })]],
     'bar': [4, ['unsigned short int']],
     'also_bar': [4, ['short int']],
     'foo': [8, ['Pointer', dict(target="unsigned char")]],
     'when': [0, ['WinFileTime', {'is_utc': True}]],
  }],
  'open_ended': [None, {'last': [0x20, ['array', 3, ['int']]], 'nowhere': [None, ['int']]}],
}
"#,
    )]);
    assert_eq!((read.system, read.arch), (System::Other, Arch::Amd64));
    assert!(read.report.warnings().iter().any(|warning| warning.contains("--profile_class")));
    let structs = &read.profile["$STRUCTS"];
    let foobar = &structs["foobar"][1];
    assert_eq!(
        foobar["flags"],
        json!([0, ["Enumeration", {"enum_name": "__unnamed_foobar_flags", "target": "unsigned int"}]])
    );
    assert_eq!(read.profile["$ENUMS"]["__unnamed_foobar_flags"], json!({"1": "OPT1", "2": "OPT2"}));
    assert_eq!(
        (&foobar["bar"], &foobar["also_bar"]),
        (&json!([4, ["unsigned short"]]), &json!([4, ["short"]]))
    );
    assert_eq!(foobar["when"], json!([0, ["WinFileTime", {"is_utc": true}]]));
    assert_eq!(structs["open_ended"][0], 0x2c);
    assert_eq!(read.report.count("members without an offset"), 1);
    assert_eq!(read.report.count("structs without a size, assumed to end with their last member"), 1);
}

#[test]
fn lost_information_in_a_macos_pack_is_reconstructed() {
    let read = read(&[
        ("k.symbol.dsymutil", TABLE),
        (
            "k.vtypes",
            "mac_types = {
  'proc': [ 0x50, {
    'p_list': [0x0, ['__unnamed_77']],
    'p_comm': [0x10, ['array', 0, ['char']]],
    'p_flag': [0x21, ['char']],
    'p_name': [0x22, ['array', 0, ['char']]],
    'p_task': [0x28, ['pointer', ['void']]],
    'p_words': [0x30, ['array', 0, ['unsigned int']]],
    'p_id': [0x40, ['int']],
    'e': [0x48, ['BitField', {'end_bit': -18446744073709551581L, 'start_bit': -18446744073709551588L}]],
}],
  '__unnamed_77': [ 0x10, {
    'le_next': [0x0, ['pointer', ['proc']]],
    'le_prev': [0x8, ['pointer', ['pointer', ['proc']]]],
}],
}

mac_gvars = {
}
",
        ),
    ]);
    assert_eq!((read.system, read.arch), (System::Mac, Arch::Amd64));
    let proc = &read.profile["$STRUCTS"]["proc"][1];
    assert_eq!(proc["p_list"][1][0], "__unnamed_proc_p_list");
    assert_eq!(proc["p_comm"][1][1]["count"], 17);
    // Space for one to six characters before the pointer, so nothing is proved.
    assert_eq!(proc["p_name"][1][1]["count"], 0);
    assert_eq!(proc["p_words"][1][1]["count"], 4);
    assert_eq!(
        proc["e"],
        json!([72, ["BitField", {"start_bit": 28, "end_bit": 35, "target": "unsigned long long"}]])
    );
    assert_eq!(read.report.count("arrays whose bound the pack lacks and the layout does not prove"), 1);
    assert_eq!(read.profile["$CONSTANTS"]["_version"], 0xffff_ff80_0020_0000u64);
}

#[test]
fn variables_and_entries_without_a_description() {
    let read = read(&[(
        "linux.vtypes",
        "linux_types = {'task_struct': [8, {'m': [0, ['array', 3, ['array', 2, ['char']]]], 'bad': 7, 5: [0, ['int']]}], 'alias': 'task_struct'}\n\
         linux_gvars = {'init_task': [0xc1000000, ['task_struct']]}\n",
    )]);
    assert_eq!(read.system, System::Linux);
    assert_eq!(read.profile["$CONSTANTS"], json!({"init_task": 0xc100_0000u32}));
    assert_eq!(read.profile["$CONSTANT_TYPES"], json!({"init_task": ["task_struct"]}));
    // Volatility's own reader reverses bounds.
    assert_eq!(read.profile["$STRUCTS"]["task_struct"][1]["m"][1][1]["count"], 2);
    assert_eq!(read.report.count("entries that do not describe a struct"), 1);
    assert_eq!(read.report.count("members that are not described"), 2);
}
