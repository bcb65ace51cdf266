//! Symbols: which are written, with which name and address, and the identity of a build.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod support;

use pdb_converter::{Error, Options};
use profile::{Arch, MappedFile};
use serde_json::{Value, json};
use support::build::{
    Bytes, GUID, Module, Pdb, data, fields, member, pointer, procedure, public, record, structure,
};
use support::{built, built_with, losses, print};

#[test]
fn publics_are_functions_or_constants_at_their_rva() {
    let printed = built(&Pdb::of_symbols(vec![
        public("_NtClose@4", true, 1, 0x10),
        public("?Flag@@3HA", false, 2, 0x20),
        public("??_C@_04HIBGFPH@code?$AA@", false, 2, 0x30),
    ]));
    assert_eq!(printed.json["$FUNCTIONS"], json!({"NtClose": 0x1010}));
    assert_eq!(printed.json["$CONSTANTS"], json!({"Flag": 0x3020, "str:code": 0x3030}));
    assert_eq!(losses(&printed), []);
}

#[test]
fn names_stay_raw_when_asked() {
    let pdb = Pdb::of_symbols(vec![public("_NtClose@4", true, 1, 0)]);
    let options = Options { raw_names: true, ..Options::default() };
    assert_eq!(built_with(&pdb, &options).json["$FUNCTIONS"], json!({"_NtClose@4": 0x1000}));
}

#[test]
fn symbols_of_one_name_are_numbered_by_address_functions_and_constants_apart() {
    let printed = built(&Pdb::of_symbols(vec![
        public("_f@8", true, 1, 0x30),
        public("?f@A@@QAEXXZ", true, 1, 0x10),
        public("?f@B@@QAEXXZ", true, 1, 0x20),
        public("_f", false, 2, 0),
        // Another name for the same place.
        public("?f@C@@QAEXXZ", true, 1, 0x10),
    ]));
    assert_eq!(printed.json["$FUNCTIONS"], json!({"f": 0x1010, "f_1": 0x1020, "f_2": 0x1030}));
    assert_eq!(printed.json["$CONSTANTS"], json!({"f": 0x3000}));
}

#[test]
fn a_name_goes_to_the_symbol_that_has_it_in_the_source() {
    // On 64-bit systems C has no decoration: `_exit` and `exit` are different functions.
    let publics = vec![
        public("_exit", true, 1, 0),
        public("exit", true, 1, 0x20),
        public("?exit@app@@YAXXZ", true, 1, 0x30),
        public("_only", true, 1, 0x40),
        public("_both", true, 1, 0x50),
        public("?both@app@@YAXXZ", true, 1, 0x60),
        public("_under", false, 2, 0),
        public("under", false, 2, 4),
    ];
    for machine in [0x8664, 0xaa64, 0x01c4] {
        let printed = built(&Pdb { dbi: Some((machine, 1)), symbols: publics.clone(), ..Pdb::default() });
        assert_eq!(
            printed.json["$FUNCTIONS"],
            json!({"exit": 0x1020, "exit_1": 0x1000, "exit_2": 0x1030, "only": 0x1040,
                "both": 0x1060, "both_1": 0x1050})
        );
        assert_eq!(printed.json["$CONSTANTS"], json!({"under": 0x3004, "under_1": 0x3000}));
    }
    // On 32-bit x86 the C function `both` comes before a member of a class.
    let printed = built(&Pdb { dbi: Some((0x014c, 1)), symbols: publics, ..Pdb::default() });
    assert_eq!(
        printed.json["$FUNCTIONS"],
        json!({"exit": 0x1020, "exit_1": 0x1000, "exit_2": 0x1030, "only": 0x1040,
            "both": 0x1050, "both_1": 0x1060})
    );
}

#[test]
fn a_static_function_keeps_its_name_if_c_has_no_decoration() {
    let pdb = |machine: u16| Pdb {
        dbi: Some((machine, 1)),
        symbols: vec![public("_run", true, 1, 0), public("_run@8", true, 1, 0x40)],
        modules: vec![Module {
            name: "a.obj",
            symbols: vec![procedure("_run", true, 1, 0), procedure("run", false, 1, 0x20)],
        }],
        ..Pdb::default()
    };
    let wide = built(&pdb(0x8664)).json["$FUNCTIONS"].clone();
    assert_eq!((&wide["run"], &wide["_run"]), (&json!(0x1020), &json!(0x1000)));
    let narrow = built(&pdb(0x014c)).json["$FUNCTIONS"].clone();
    assert_eq!((&narrow["run"], &narrow["run_2"]), (&json!(0x1000), &json!(0x1020)));
}

#[test]
fn a_name_shared_by_a_function_and_data_is_listed() {
    let printed = built(&Pdb::of_symbols(vec![
        public("run", true, 1, 0),
        public("_run", false, 2, 0),
        public("same", true, 1, 0x10),
        public("?same@@3HA", false, 1, 0x10),
        public("code", true, 1, 0x20),
        public("data", false, 2, 0x20),
    ]));
    let kind = "names of both a function and something else";
    let (_, tally) = printed.report.losses().find(|(it, _)| *it == kind).unwrap();
    assert_eq!((tally.count, tally.examples.as_slice()), (1, &["run".to_owned()][..]));
}

#[test]
fn a_public_keeps_its_name_before_private_symbols() {
    let pdb = Pdb {
        symbols: vec![public("_count", false, 2, 0x40)],
        modules: vec![Module {
            name: "a.obj",
            symbols: vec![
                data("count", false, 0x22, 2, 0x10),
                data("count", true, 0x22, 2, 0x40),
                procedure("Init", false, 1, 0x10),
                procedure("Start", true, 1, 0x20),
                record(0x0006),
            ],
        }],
        ..Pdb::default()
    };
    let printed = built(&pdb);
    assert_eq!(printed.json["$CONSTANTS"], json!({"count": 0x3040, "count_1": 0x3010}));
    assert_eq!(printed.json["$FUNCTIONS"], json!({"Init": 0x1010, "Start": 0x1020}));
    assert_eq!(
        printed.json["$CONSTANT_TYPES"],
        json!({"count": ["unsigned long", {}], "count_1": ["unsigned long", {}]})
    );
}

#[test]
fn a_public_has_the_type_of_the_variable_at_its_place() {
    let printed = built(&Pdb {
        types: vec![fields(&[member("a", 0, 0x22)]), structure("s", 4, 0x1000)],
        symbols: vec![
            public("?g@ns@@3US@@A", false, 2, 8),
            data("ns::g", true, 0x1001, 2, 8),
            public("untyped", false, 2, 16),
        ],
        ..Pdb::default()
    });
    assert_eq!(printed.json["$CONSTANT_TYPES"], json!({"g": ["s", {}], "ns::g": ["s", {}]}));
}

#[test]
fn concise_profiles_have_types_only() {
    let pdb = Pdb {
        types: vec![structure("s", 4, 0)],
        symbols: vec![public("f", true, 1, 0), data("d", true, 0x22, 2, 0)],
        ..Pdb::default()
    };
    let json = built_with(&pdb, &Options { concise: true, ..Options::default() }).json;
    assert_eq!(json["$STRUCTS"], json!({"s": [4, {}]}));
    for section in ["$CONSTANTS", "$FUNCTIONS", "$CONSTANT_TYPES"] {
        assert_eq!(json[section], Value::Null, "{section}");
    }
}

#[test]
fn omap_moves_symbols_and_drops_those_whose_code_was_removed() {
    let pdb = Pdb {
        symbols: vec![
            public("moved", true, 1, 0x10),
            public("removed", true, 1, 0x110),
            public("kept", false, 2, 0x4),
            public("absolute", false, 9, 0x1234),
        ],
        modules: vec![Module { name: "a.obj", symbols: vec![procedure("gone", false, 1, 0x120)] }],
        // As linked, and after the parts were moved.
        original_sections: vec![0x1000, 0x2000],
        sections: vec![0x1000, 0x8000],
        omap: vec![(0x1000, 0x1500), (0x1100, 0), (0x2000, 0x8000)],
        ..Pdb::default()
    };
    let printed = built(&pdb);
    assert_eq!(printed.json["$FUNCTIONS"], json!({"moved": 0x1510}));
    assert_eq!(printed.json["$CONSTANTS"], json!({"kept": 0x8004}));
    assert_eq!(
        losses(&printed),
        [
            ("absolute symbols (values, not addresses)", 1),
            ("private symbols whose code was removed", 1),
            ("symbols whose code was removed", 1),
        ]
    );
    // Without the original headers, the present ones are used.
    let printed = built(&Pdb { original_sections: Vec::new(), sections: vec![0x1000, 0x2000], ..pdb });
    assert_eq!(printed.json["$CONSTANTS"], json!({"kept": 0x8004}));
}

#[test]
fn symbols_without_an_address_are_counted() {
    let pdb = Pdb {
        symbols: vec![public("_IDTLEN", false, 0, 0x7ff), public("", false, 1, 0)],
        modules: vec![Module {
            name: "a.obj",
            symbols: vec![
                procedure("dropped", true, 0, 0),
                record(0x1113).u32(0x22).u32(4).u16(2).text("per_thread"),
                record(0x1172),
                record(0x113e).u32(0x22).u16(0).text("local"),
                record(0x110c).u32(0x22),
            ],
        }],
        ..Pdb::default()
    };
    let printed = built(&pdb);
    assert_eq!(printed.json["$CONSTANTS"], Value::Null);
    assert_eq!(
        losses(&printed),
        [
            ("absolute symbols (values, not addresses)", 1),
            ("private symbols that were not linked in", 1),
            ("symbol record 0x110c that ends too early", 1),
            ("thread-local variables (no address of their own)", 1),
            ("unknown symbol record 0x1172", 1),
        ]
    );
    let printed =
        built(&Pdb { sections: Vec::new(), symbols: vec![public("f", true, 1, 0)], ..Pdb::default() });
    assert_eq!(losses(&printed), [("symbols without section headers to place them", 1)]);
}

#[test]
fn symbols_with_counted_names() {
    let printed = built(&Pdb::of_symbols(vec![
        record(0x1009).u32(2).u32(0x10).u16(1).counted("_f"),
        record(0x1008).u32(0x22).u32(0x20).u16(2).counted("d"),
    ]));
    assert_eq!(printed.json["$FUNCTIONS"], json!({"f": 0x1010}));
    assert_eq!(printed.json["$CONSTANTS"], json!({"d": 0x3020}));
}

/// A PDB with an empty machine field.
fn unknown(types: Vec<Bytes>, symbols: Vec<Bytes>, modules: Vec<Module>) -> Pdb {
    Pdb { dbi: Some((0, 2)), types, symbols, modules, ..Pdb::default() }
}

fn arch(pdb: &Pdb) -> Value {
    built(pdb).json["$METADATA"]["arch"].clone()
}

#[test]
fn the_machine_field_gives_the_architecture() {
    for (machine, expected) in [
        (0x014c, "I386"),
        (0x8664, "AMD64"),
        (0x01c0, "ARM"),
        (0x01c4, "ARM"),
        (0xaa64, "ARM64"),
        (0xa641, "ARM64"),
    ] {
        assert_eq!(arch(&Pdb { dbi: Some((machine, 1)), ..Pdb::default() }), expected, "{machine:#x}");
    }
}

#[test]
fn compile_records_pointers_and_decorations_come_next() {
    let compiled = |kind: u16, processor: u16| {
        let record = record(kind).u32(0).u16(processor).raw(&[0; 16]).text("compiler");
        unknown(Vec::new(), Vec::new(), vec![Module { name: "a.obj", symbols: vec![record] }])
    };
    for (processor, expected) in [(0x03, "I386"), (0xd0, "AMD64"), (0xf4, "ARM"), (0xf6, "ARM64")] {
        assert_eq!(arch(&compiled(0x113c, processor)), expected, "{processor:#x}");
        assert_eq!(arch(&compiled(0x1116, processor)), expected, "{processor:#x}");
    }
    let narrow = record(0x1002).u32s(&[0x22, 0x800a]);
    assert_eq!(arch(&unknown(vec![narrow.clone()], Vec::new(), Vec::new())), "I386");
    assert_eq!(arch(&unknown(vec![pointer(0x22), pointer(0x23), narrow], Vec::new(), Vec::new())), "AMD64");
    assert_eq!(arch(&unknown(Vec::new(), vec![public("_f@12", true, 1, 0)], Vec::new())), "I386");
}

#[test]
fn without_all_these_the_user_has_to_name_the_architecture() {
    let pdb = unknown(vec![structure("s", 4, 0)], vec![public("f", true, 1, 0)], Vec::new());
    let file = MappedFile::from(pdb.bytes());
    let error = print(&file, &Options::default()).err().unwrap();
    assert!(matches!(error, Error::Architecture { machine: 0 }), "{error}");
    let options = Options { arch: Some(Arch::Arm), ..Options::default() };
    assert_eq!(print(&file, &options).unwrap().json["$METADATA"]["arch"], "ARM");
}

#[test]
fn an_architecture_that_contradicts_the_file_is_refused() {
    let pdb = Pdb { dbi: Some((0x8664, 1)), ..Pdb::of_symbols(vec![public("f", true, 1, 0)]) };
    let file = MappedFile::from(pdb.bytes());
    let with = |arch| print(&file, &Options { arch: Some(arch), ..Options::default() });
    let error = with(Arch::I386).err().unwrap();
    assert!(
        matches!(error, Error::OtherArchitecture { asked: Arch::I386, stated: Arch::Amd64, .. }),
        "{error}"
    );
    assert!(with(Arch::Amd64).is_ok());
    // Where the machine field is empty, compile records and pointers state it.
    let compiled = record(0x113c).u32(0).u16(0x03).raw(&[0; 16]).text("compiler");
    let compiled = Module { name: "a.obj", symbols: vec![compiled] };
    let cases = [
        (
            unknown(Vec::new(), Vec::new(), vec![compiled]),
            Arch::Amd64,
            Arch::I386,
            "processor 0x03 in its compile records",
        ),
        (
            unknown(vec![pointer(0x22)], Vec::new(), Vec::new()),
            Arch::I386,
            Arch::Amd64,
            "most pointers of its types have 8 bytes",
        ),
    ];
    for (pdb, asked, stated, by) in cases {
        let file = MappedFile::from(pdb.bytes());
        let with = |arch| print(&file, &Options { arch: Some(arch), ..Options::default() });
        let error = with(asked).err().unwrap().to_string();
        let expected = format!("the PDB is for {stated} ({by}), not for {asked}: leave the architecture out");
        assert_eq!(error, expected);
        assert!(with(stated).is_ok());
    }
}

#[test]
fn a_kernel_is_recognised_by_its_content() {
    let class = |name: &str, types: &[&str], symbols: &[&str], raw_names: bool| {
        let pdb = Pdb {
            types: types.iter().map(|name| structure(name, 4, 0)).collect(),
            symbols: symbols.iter().map(|name| public(name, false, 2, 0)).collect(),
            ..Pdb::default()
        };
        let options = Options { file_name: name.to_owned(), raw_names, ..Options::default() };
        built_with(&pdb, &options).json["$METADATA"]["ProfileClass"].as_str().unwrap().to_owned()
    };
    let head = "PsActiveProcessHead";
    assert_eq!(class("nt (1).pdb", &["_EPROCESS"], &[head], false), "Nt");
    assert_eq!(class("download", &["_EPROCESS"], &["_PsActiveProcessHead"], false), "Nt");
    assert_eq!(class("download", &["_EPROCESS"], &["_PsActiveProcessHead"], true), "Nt");
    // The types of a kernel, as ntdll has them, or a symbol of a kernel, as a driver may have it.
    assert_eq!(class("ntdll.pdb", &["_EPROCESS"], &["NtClose"], false), "Ntdll");
    assert_eq!(class("driver.pdb", &["_ETHREAD"], &[head], false), "BasicPEProfile");
    assert_eq!(class("ntkrnlmp.pdb", &[], &["NtClose"], false), "Nt");
}

#[test]
fn pointers_without_a_size_have_that_of_the_architecture() {
    let types = vec![fields(&[member("m", 0, 0x103)]), structure("s", 8, 0x1000)];
    for (machine, target) in [(0x014c, "Pointer"), (0x8664, "Pointer")] {
        let printed = built(&Pdb { dbi: Some((machine, 1)), types: types.clone(), ..Pdb::default() });
        assert_eq!(printed.json["$STRUCTS"]["s"][1]["m"], json!([0, [target, {"target": "Void"}]]));
    }
}

#[test]
fn the_build_is_identified_by_the_age_in_its_image() {
    let metadata = |pdb: &Pdb, options: &Options| built_with(pdb, options).json["$METADATA"].clone();
    let options = Options { file_name: r"c:\symbols\ntkrnlmp.pdb".to_owned(), ..Options::default() };
    let found = metadata(&Pdb::default(), &options);
    let mut expected = json!({
        "GUID_AGE": format!("{GUID}2"),
        "Generator": pdb_converter::GENERATOR,
        "PDBFile": "ntkrnlmp.pdb",
        "ProfileClass": "Nt",
        "Timestamp": "2000-02-29 00:00:00Z",
        "Type": "Profile",
        "Version": 20_000_404,
        "arch": "AMD64",
    });
    expected["SourceSHA256"] = found["SourceSHA256"].clone();
    assert_eq!(found, expected);
    assert_eq!(found["SourceSHA256"].as_str().unwrap().len(), 64);
    // A type server has no DBI stream, and so has only the info stream's age.
    let server = Pdb { dbi: None, types: vec![pointer(0x22)], ..Pdb::default() };
    assert_eq!(metadata(&server, &options)["GUID_AGE"], format!("{GUID}7"));
    let options = Options {
        windows_version: Some("6.1.7601".to_owned()),
        profile_class: Some("Own".to_owned()),
        ..options
    };
    let found = metadata(&Pdb::default(), &options);
    assert_eq!(
        ["major", "minor", "rev", "ProfileClass"].map(|field| &found[field]),
        [&json!("6"), &json!("1"), &json!("7601"), &json!("Own")]
    );
}
