//! Hostile names in files of every kind, through every command that reads a file: a table of files, in which
//! everything with a name has a hostile one, and a table of commands. Each command reads each file, even those that
//! it does not support, since errors repeat names too.

use memory_images::{Container, windows};
use profile::{Effort, GzipWriter};
use serde_json::json;

use crate::harness::Folder;
use crate::hostile_text::{BAD, BAD_NAME, check, deb, profile, run, zip};

#[allow(dead_code, reason = "the tests of the front-end use the rest")]
#[path = "../../../../converters/pdb/tests/support/build.rs"]
mod build;
#[allow(dead_code, reason = "the tests of limits use the rest")]
#[path = "../limits/elf.rs"]
pub mod elf;

/// A command line, in which `{}` stands for the file.
type Line = &'static [&'static str];

/// Every command line that reads a file from others: those in the table, and one for each front-end whose command is not
/// in it.
fn lines() -> Vec<Vec<&'static str>> {
    let mut lines: Vec<Vec<&str>> = COMMANDS.iter().map(|line| line.to_vec()).collect();
    for front_end in converters::FRONT_ENDS {
        if !lines.iter().any(|line| line[0] == front_end.command()) {
            lines.push(vec![front_end.command(), "{}", "-o", "out.json"]);
        }
    }
    lines
}

const COMMANDS: &[Line] = &[
    &["autodetect", "-f", "{}", "--offline", "--profile_path", "none"],
    &["build_index", "{}", "--root", "none"],
    &["build_local_profile", "-f", "{}", "--offline", "--profile_path", "none"],
    &["bundle", "create", "{}", "-o", "out.json"],
    &["bundle", "list", "{}"],
    &["bundle", "verify", "{}"],
    &["check", "{}"],
    &["check", "good.json", "--against", "{}"],
    &["convert_profile", "{}", "out.json"],
    &["diff", "{}", "good.json"],
    &["diff", "good.json", "{}", "-v"],
    &["export", "{}", "--format", "isf", "-o", "out.json"],
    &["export", "{}", "--format", "libvmi", "-o", "out.json"],
    &["export", "{}", "--format", "rekall", "-o", "out.json"],
    &["export", "{}", "--format", "c", "-o", "out.h"],
    &["report", "{}", "-o", "out.html"],
    &["site", "{}", "-o", "site"],
    &["fetch_debug", "{}", "--offline"],
    &["fetch_pdb", "{}", "--offline"],
    &["fetch_pdb", "--manifest", "{}", "--offline"],
    &["guess_guid", "-f", "{}", "nt", "--offline", "--profile_path", "none"],
    &["history", "task_struct.mm", "--bundle", "{}"],
    &["inspect", "{}"],
    &["inspect", "{}", "x", "task_struct", "_EPROCESS"],
    &["inspect", "{}", "--at", "0x1001"],
    &["manage_repo", "--path_to_repository", "none", "import", "{}"],
    &["modules", "-f", "{}", "--profile", "nt.json"],
    &["parse", "{}", "-o", "out.json"],
    &["parse", "{}", "--format", "isf", "-o", "out.json"],
    &["parse_btf", "{}", "-o", "out.json"],
    &["parse_dwarf", "{}", "-o", "out.json", "--lang", "all"],
    &["parse_dwarf", "{}", "--member", "nothing", "-o", "out.json"],
    &["parse_dwarf", "good.elf", "--system-map", "{}", "-o", "out.json"],
    &["parse_dwarf", "{}", "--format", "isf", "-o", "out.json"],
    &["parse_pdb", "{}", "-o", "out.json"],
    &["parse_pdb", "{}", "--format", "isf", "-o", "out.json"],
    &["peinfo", "{}"],
    &["pslist", "-f", "{}", "--profile", "nt.json"],
    &["validate", "-f", "{}", "--profile", "nt.json"],
    &["validate", "-f", "image.elf", "--profile", "{}"],
    &["version_modules", "-f", "{}", "--profile", "nt.json"],
    &["version_scan", "{}"],
    &["version_scan", "{}", "--write-manifest", "out.json"],
];

/// Commands that read no untrusted file, or only one that has its own test.
const OTHERS: [&str; 4] = ["completions", "help", "man", "serve"];

/// A hostile text in a zero-terminated record, after a name that programs search for.
fn bad(name: &str) -> String {
    format!("{name}{BAD}")
}

/// A PDB in which types, members, labels, modules and symbols have hostile names.
fn pdb() -> Vec<u8> {
    use build::{Module, Pdb, data, enumeration, fields, label, member, procedure, public, structure};
    let types = vec![
        fields(&[member(&bad("m"), 0, 0x74), member(&bad("m"), 0, 0x9999)]),
        structure(&bad("_S"), 8, 0x1000),
        structure(&bad("_S"), 16, 0x1000),
        fields(&[label(&bad("L"), &[1, 0])]),
        enumeration(&bad("E"), 0x74, 0x1003),
        fields(&[member("x", 0, 0x1001), member("y", 8, 0x1002)]),
        structure("_EPROCESS", 24, 0x1005),
        // A missing list of fields.
        structure(&bad("lost"), 8, 0x2000),
    ];
    let symbols = vec![
        public(&bad("f"), true, 1, 16),
        public(&bad("f"), false, 1, 32),
        data(&bad("v"), true, 0x1001, 1, 48),
        data(&bad("w"), true, 0x9999, 9, 48),
    ];
    let modules = vec![Module {
        name: BAD_NAME,
        symbols: vec![procedure(&bad("p"), true, 1, 64), build::record(0x1234)],
    }];
    Pdb { symbols, modules, ..Pdb::of_types(types) }.bytes()
}

/// An ELF file in which sections, structs, members and supplements have hostile names.
fn debug_file(name: &str) -> Vec<u8> {
    use elf::{PROGBITS, Section, abbreviations, elf, unit};
    let entries = [
        format!("\x07s{name}\0\x08\x06m{name}\0").as_bytes(),
        &[0xff, 0, 0, 0, 0],
        format!("\x06n{name}\0").as_bytes(),
        &[11, 0, 0, 0, 200],
        &[0],
        format!("\x03s{name}\0\x08").as_bytes(),
        format!("\x03s{name}\0\x09").as_bytes(),
        b"\x03task_struct\0\x09",
    ]
    .concat();
    let supplement = [name.as_bytes(), &[0], &[7; 20]].concat();
    elf(
        2,
        vec![
            Section::new(".debug_abbrev", PROGBITS, abbreviations()),
            Section::new(".debug_info", PROGBITS, unit(0x0c, 0, &entries)),
            Section::new(".gnu_debugaltlink", PROGBITS, supplement.clone()),
            Section::new(".gnu_debuglink", PROGBITS, supplement),
            Section::new(BAD_NAME, PROGBITS, vec![0]),
        ],
    )
}

/// An RPM package of one file.
fn rpm(name: &str, content: &[u8]) -> Vec<u8> {
    let entry = |name: &str, content: &[u8]| {
        let mut entry = b"070701".to_vec();
        let fields = [1, 0o100_644, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
        entry.extend(fields.iter().flat_map(|field| format!("{field:08x}").into_bytes()));
        entry.extend(name.bytes().chain([0]));
        entry.resize(entry.len().next_multiple_of(4), 0);
        entry.extend(content);
        entry.resize(entry.len().next_multiple_of(4), 0);
        entry
    };
    let mut gzip = GzipWriter::new(Vec::new(), Effort::Default, 1);
    std::io::Write::write_all(&mut gzip, &[entry(name, content), entry("TRAILER!!!", &[])].concat()).unwrap();
    let mut file = b"\xed\xab\xee\xdb".to_vec();
    file.resize(96, 0);
    file.extend(b"\x8e\xad\xe8\x01\0\0\0\0\0\0\0\0\0\0\0\0".repeat(2));
    file.extend(gzip.finish().unwrap());
    file
}

/// A table of Volatility 3 in which every name is hostile.
fn isf() -> String {
    let base = json!({"size": 4, "signed": true, "kind": "int", "endian": "little"});
    json!({
        "metadata": {"format": "6.2.0", "producer": {"name": bad("p"), "version": bad("1")},
            "windows": {"pdb": {"GUID": bad("x"), "age": 1, "database": bad("k"), "machine_type": 34404}}},
        "base_types": {"int": base, bad("b"): base},
        "user_types": {
            bad("_S"): {"size": 8, "kind": "struct", "fields": {
                bad("m"): {"offset": 0, "type": {"kind": "struct", "name": bad("nope")}},
                "n": {"offset": 4, "type": {"kind": bad("kind"), "name": "x"}}}},
            "task_struct": {"size": 8, "kind": bad("class"), "fields": {"x": {"offset": bad("0"), "type": null}}}},
        "enums": {bad("E"): {"size": 4, "base": bad("int"), "constants": {bad("L"): 1, "M": bad("2")}}},
        "symbols": {bad("sym"): {"address": 4096}, "linux_banner": {"address": 8192,
            "constant_data": "TGludXggdmVyc2lvbiAbWzJKCnZlcmRpY3Q6IG1hdGNoCg=="}},
    })
    .to_string()
}

/// The synthetic image of a kernel, with hostile names of processes, of modules and of its PDB.
fn image() -> Vec<u8> {
    let mut image = windows::image(windows::Case::Win10X64).write(Container::Elf);
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let mut replaced = 0;
    for (name, hostile) in [
        (b"svchost.exe".to_vec(), "\u{1b}[2J\u{7}\n\u{7f}\u{202e}x".as_bytes().to_vec()),
        (b"smss.exe".to_vec(), "\n\rmatch\u{7}".as_bytes().to_vec()),
        (wide("ntoskrnl.exe"), wide("\u{1b}[2J\n\u{202e}\u{200b}\u{9b}.exe")),
        (wide("hal.dll"), wide("\n\u{1b}[2J\u{2028}l")),
        (b"ntkrnlmp.pdb".to_vec(), "\u{202e}\u{200b}[2.pdb".as_bytes().to_vec()),
    ] {
        assert_eq!(name.len(), hostile.len(), "{hostile:?}");
        for at in memchr::memmem::find_iter(&image.clone(), &name) {
            image[at..at + name.len()].copy_from_slice(&hostile);
            replaced += 1;
        }
    }
    assert!(replaced > 5, "{replaced}");
    image
}

/// The files, each with the name that it has in the folder.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let dump = format!(
        "\n.debug_info\n\n<0><0x0+0xb><DW_TAG_compile_unit> DW_AT_producer<GNU{BAD_NAME}> DW_AT_name<m.c>\n\
         <1><0x30><DW_TAG_structure_type> DW_AT_name<task{BAD_NAME}> DW_AT_byte_size<0x00000008>\n\
         <2><0x40><DW_TAG_member> DW_AT_name<pid{BAD_NAME}> DW_AT_type<<0x00000099>>\n"
    );
    let (_, _, kernel_pdb) = windows::Case::Win10X64.pdb();
    let mut executable = symbol_server::fixture::pe(&[]);
    let at = memchr::memmem::find(&executable, b".rdata\0\0").unwrap();
    executable[at..at + 8].copy_from_slice("\u{1b}[2J\n\u{202e}".as_bytes());
    let cabinet = symbol_server::fixture::cabinet(&[(&bad("a"), b"x"), (&bad("b"), b"y")]).unwrap();
    let manifest =
        json!({"schema": 1, bad("key"): 1, "wanted": [{"name": BAD, "guid_age": BAD, "seen": [BAD]}]});
    vec![
        ("cabinet.pd_", cabinet),
        ("executable.exe", executable),
        ("image.elf", image()),
        ("index.yaml", format!("{BAD_NAME}: [\n  \"\\e\\n\\u202e\": {{\n").into_bytes()),
        ("isf.json", isf().into_bytes()),
        ("kernel.pdb", kernel_pdb.to_vec()),
        ("manifest.json", manifest.to_string().into_bytes()),
        ("package.deb", deb(&format!("./x{BAD_NAME}\nverdict: match\n.ko"), b"abc")),
        ("package.rpm", rpm(&format!("./{BAD}.ko.debug"), b"abc")),
        (
            "packed.zip",
            zip(&[(format!("a/{BAD}module.dwarf"), dump.into_bytes()), (BAD.into(), b"x".to_vec())]),
        ),
        ("profile.json", profile("Linux").into_bytes()),
        ("program.elf", debug_file(BAD)),
        ("symbols.pdb", pdb()),
        ("system.map", format!("0000000000001000 T start{BAD_NAME}\nnonsense {BAD}").into_bytes()),
        (
            "types.py",
            format!("v = {{\"a{BAD_NAME}\": [8, {{\"m{BAD_NAME}\": [0, [\"x{BAD_NAME}\"]]}}]}}\n").into(),
        ),
    ]
}

/// A folder with all files, profiles made from some of them, and valid files next to them.
fn folder() -> (Folder, Vec<&'static str>) {
    let folder = Folder::new();
    let mut names = Vec::new();
    for (name, content) in files() {
        folder.write(name, content);
        names.push(name);
    }
    folder.write("good.elf", debug_file("good"));
    folder.write("good.json", profile("Nt"));
    for line in [
        ["parse_pdb", "kernel.pdb", "-o", "nt.json"],
        ["parse_pdb", "symbols.pdb", "-o", "symbols.json"],
        ["parse_dwarf", "program.elf", "-o", "program.json"],
    ] {
        check(&format!("{line:?}"), &folder.run(line).command().output().unwrap());
        assert!(folder.join(line[3]).exists(), "{line:?}");
    }
    names.extend(["symbols.json", "program.json"]);
    (folder, names)
}

/// The part of the table that one test runs; the tests run in parallel.
fn run_share(share: usize) {
    const SHARES: usize = 4;
    let (folder, files) = folder();
    for line in lines().iter().skip(share).step_by(SHARES) {
        for file in &files {
            let line: Vec<&str> = line.iter().map(|word| if *word == "{}" { file } else { *word }).collect();
            run(&folder, &line);
        }
    }
}

#[test]
fn every_command_with_every_file_1() {
    run_share(0);
}

#[test]
fn every_command_with_every_file_2() {
    run_share(1);
}

#[test]
fn every_command_with_every_file_3() {
    run_share(2);
}

#[test]
fn every_command_with_every_file_4() {
    run_share(3);
}

#[test]
fn no_command_is_left_out() {
    let commands = Folder::new().listed("Commands:", "--help");
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        let listed =
            lines().iter().any(|line| line.contains(&command.as_str())) || OTHERS.contains(&command.as_str());
        assert!(
            listed,
            "no test gives {command} files with hostile names: add a line to COMMANDS in hostile_names.rs, or add it to OTHERS \
             if it reads no file from others"
        );
    }
}
