//! `parse` as a user runs it: any source, recognised by its content.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::harness::Folder;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

/// A source of every kind, with the command that reads only that kind.
const SOURCES: [(&str, &str); 10] = [
    ("parse_pdb", "kernel/store/ntkrnlmp.pdb/9E4DF50D3AD3E3064C4C44205044422E1/ntkrnlmp.pd_"),
    ("parse_pdb", "pdb/types-x64/input.pdb"),
    ("parse_dwarf", "dwarf/elf/module-x64.ko"),
    ("parse_dwarf", "dwarf/elf/gcc-mips"),
    ("parse_dwarf", "dwarf/elf/split5"),
    ("parse_dwarf", "dwarf/macho/kext-arm64"),
    ("parse_dwarf", "dwarf/packages/kernel-xz.deb"),
    ("parse_dwarf", "dwarf/packages/kernel-zstd.rpm"),
    ("convert_profile", "volatility/dense-dw5.dwarf"),
    ("convert_profile", "volatility/llvm.dwarf"),
];

#[test]
fn every_kind_of_source_gives_the_bytes_of_its_own_command() {
    let folder = Folder::new();
    for (command, name) in SOURCES {
        let path = fixture(name);
        let path = path.to_str().unwrap();
        let mut status = Vec::new();
        for (command, out) in [(command, "own.json.gz"), ("parse", "any.json.gz")] {
            let run = folder.run([command, path, "-q", "-o", out]).command().status().unwrap();
            assert!(matches!(run.code(), Some(0 | 1)), "{command} {name}: {run}");
            status.push(run.code());
        }
        assert_eq!(status[0], status[1], "{name}");
        assert_eq!(folder.read("own.json.gz"), folder.read("any.json.gz"), "{name}");
    }
}

#[test]
fn options_of_the_commands_are_those_of_parse() {
    let folder = Folder::new();
    let lines: [(&str, &str, &[&str]); 6] = [
        ("parse_pdb", "pdb/types-x64/input.pdb", &["--win", "6.1", "--profile_class", "X", "--raw-names"]),
        ("parse_pdb", "pdb/types-x64/input.pdb", &["--concise"]),
        ("parse_dwarf", "dwarf/packages/kernel-gzip.deb", &["--member", "fuse.ko"]),
        ("parse_dwarf", "dwarf/macho/kext-fat", &["--arch", "arm64", "--format", "isf"]),
        ("parse_dwarf", "dwarf/elf/rust-and-c", &["--lang", "rust"]),
        ("convert_profile", "volatility/dense-dw5.dwarf", &["--banner", "Linux version 6.1.0 (a) #1"]),
    ];
    for (command, name, options) in lines {
        let path = fixture(name);
        for (command, out) in [(command, "own.json"), ("parse", "any.json")] {
            let line = [command, path.to_str().unwrap(), "-q", "-o", out];
            let line = line.iter().chain(options);
            let run = folder.run(line).command().status().unwrap();
            assert!(matches!(run.code(), Some(0 | 1)), "{command} {name} {options:?}: {run}");
        }
        assert_eq!(folder.read("own.json"), folder.read("any.json"), "{name} {options:?}");
    }
}

#[test]
fn an_unused_option_is_refused_and_nothing_is_written() {
    let folder = Folder::new();
    let (pdb, elf, pack) = ("pdb/types-x64/input.pdb", "dwarf/elf/gcc-x64", "volatility/dense-dw5.dwarf");
    folder.write("map", "0000000000001000 D init_task\n");
    let lines: [(&str, &[&str]); 12] = [
        (pdb, &["--lang", "rust"]),
        (pdb, &["--system-map", "map"]),
        (pdb, &["--member", "x"]),
        (pdb, &["--banner", "Linux version 6.1"]),
        (pdb, &["--compat", "rekall"]),
        (elf, &["--win", "6.1"]),
        (elf, &["--concise"]),
        (elf, &["--raw-names"]),
        (elf, &["--profile_class", "Linux"]),
        (elf, &["--compat", "rekall"]),
        (pack, &["--arch", "AMD64"]),
        (pack, &["--concise"]),
    ];
    for (name, options) in lines {
        let path = fixture(name);
        let path = path.to_str().unwrap();
        let said = format!("{}: {path} is read as ", options[0]);
        let line = ["parse", path, "-o", "out.json"];
        let line = line.iter().chain(options);
        folder.run(line).status(2).stdout("").stderr(said).stderr("no meaning; leave it out").check();
    }
    // With an image, only packs need the banner.
    folder.write("image.raw", vec![0; 4096]);
    let line =
        ["parse", fixture(elf).to_str().unwrap(), "-f", "image.raw", "-o", "out.json"].map(str::to_owned);
    folder.run(line).status(2).stderr("no meaning; leave it out").check();
    assert_eq!(folder.names(), ["image.raw", "map"]);
}

#[test]
fn standard_input_is_a_source() {
    let folder = Folder::new();
    for (command, name) in
        [("parse_pdb", "pdb/types-x64/input.pdb"), ("parse_dwarf", "dwarf/packages/kernel-xz.deb")]
    {
        let path = fixture(name);
        for command in ["parse", command] {
            // As a file, and through a pipe.
            let mut direct = folder.run([command, "-", "-q", "-o", "direct.json"]).command();
            direct.stdin(File::open(&path).unwrap());
            assert!(matches!(direct.status().unwrap().code(), Some(0 | 1)), "{command} < {name}");
            let mut piped = folder.run([command, "-", "-q", "-o", "piped.json"]).command();
            let mut child = piped.stdin(Stdio::piped()).spawn().unwrap();
            std::io::copy(&mut File::open(&path).unwrap(), &mut child.stdin.take().unwrap()).unwrap();
            assert!(matches!(child.wait().unwrap().code(), Some(0 | 1)), "{command} | {name}");
            assert_eq!(folder.read("direct.json"), folder.read("piped.json"), "{command} {name}");
        }
    }
    // Only the name is missing, which a PDB itself does not contain.
    let made: serde_json::Value = serde_json::from_slice(&folder.read("direct.json")).unwrap();
    assert!(made["$STRUCTS"].is_object());
}

#[test]
fn a_folder_is_a_bundle_or_holds_one_pack() {
    let folder = Folder::new();
    for name in ["packs/a", "packs/b", "one/deep/pack"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        let dump = fixture("volatility/dense-dw5.dwarf");
        std::fs::copy(dump, folder.join(name).join("module.dwarf")).unwrap();
    }
    let inner = folder.join("kext.dSYM/Contents/Resources/DWARF");
    std::fs::create_dir_all(&inner).unwrap();
    std::fs::copy(fixture("dwarf/macho/kext-arm64"), inner.join("kext")).unwrap();
    std::fs::create_dir_all(folder.join("empty")).unwrap();
    for (source, out, status) in [("one", "out", 1), ("one/deep/pack", "pack", 1), ("kext.dSYM", "kext", 0)] {
        folder.run(["parse", source, "-o", out]).status(status).stderr("structs").check();
    }
    assert_eq!(folder.read("out"), folder.read("pack"));
    folder
        .run(["parse", "packs", "-o", "x"])
        .status(2)
        .stderr("expected one pack, found 2 in packs (convert_profile packs FOLDER converts all): packs/a, packs/b")
        .check();
    folder.run(["parse", "empty", "-o", "x"]).status(2).stderr("found none in empty").check();
}

#[test]
fn other_files_are_named_as_what_they_are() {
    let folder = Folder::new();
    folder.write("page.pdb", "<!DOCTYPE html><html><body>Log in</body></html>");
    folder.write("memory.lime", b"EMiL\x01\0\0\0\0\0\0\0\0\0\0\0\xff\x0f\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    folder.write("nothing", "");
    for (file, found) in [
        ("page.pdb", "page.pdb: expected a PDB, an ELF or Mach-O file with DWARF, "),
        ("page.pdb", "found an HTML page"),
        ("memory.lime", "found a LiME image"),
        ("nothing", "found an empty file"),
        ("absent", "cannot open absent"),
    ] {
        folder.run(["parse", file, "-o", "out.json"]).status(2).stdout("").stderr(found).check();
    }
    assert_eq!(folder.names(), ["memory.lime", "nothing", "page.pdb"]);
}
