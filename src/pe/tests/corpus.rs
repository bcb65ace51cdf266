//! Checks on real files, which `PROFILE_CORPUS` leads to.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};

use formats::FileKind;
use pe::{CabinetError, CodeView, Identity, IdentityError, PdbCabinet, Pe, PeError};
use sha2::{Digest, Sha256};

fn corpus() -> PathBuf {
    PathBuf::from(std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS is set"))
}

fn pdb_folder() -> PathBuf {
    corpus().join("pdb")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = entries
        .filter(|path| path.is_file())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// The manifest: GUID and age in upper case, and the notes, by file name.
fn manifest() -> HashMap<String, (String, String)> {
    let text = std::fs::read_to_string(pdb_folder().join("MANIFEST.tsv")).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<_> = line.split('\t').collect();
            (fields[0].to_owned(), (fields[6].to_owned(), fields[7].to_owned()))
        })
        .collect()
}

fn note<'a>(notes: &'a str, key: &str) -> Option<&'a str> {
    notes.split("; ").find_map(|note| note.strip_prefix(key)?.strip_prefix('='))
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn every_pdb_has_the_identity_of_the_manifest_and_of_a_second_reader() {
    let manifest = manifest();
    let mut compared = 0;
    let mut refused = Vec::new();
    for name in names(&pdb_folder()) {
        if !name.ends_with(".pdb") && !name.ends_with(".fil") {
            continue;
        }
        let path = pdb_folder().join(&name);
        let identity = Identity::read(&mut File::open(&path).unwrap());
        let (guid_age, notes) = &manifest[&name];
        match identity {
            Ok(identity) => {
                if note(notes, "kind") == Some("msf7") {
                    // The manifest's key has the age in the DBI stream.
                    assert_eq!(identity.guid_age.to_string(), *guid_age, "{name}");
                    assert_eq!(
                        Some(identity.info_age.to_string().as_str()),
                        note(notes, "pdb_age"),
                        "{name}"
                    );
                }
                let mut second = pdb::PDB::open(File::open(&path).unwrap()).unwrap();
                let info = second.pdb_information().unwrap();
                assert_eq!(
                    identity.guid_age.guid_text(),
                    info.guid.simple().to_string().to_uppercase(),
                    "{name}"
                );
                assert_eq!(identity.info_age, info.age, "{name}");
                if let Ok(Some(age)) = second.debug_information().map(|dbi| dbi.age()) {
                    assert_eq!(identity.guid_age.age(), age, "{name}");
                }
                compared += 1;
            }
            Err(error) => refused.push((name, error.to_string())),
        }
    }
    // The advice after the first semicolon comes from `formats` and is tested there.
    let what = |error: &str| error.split("; ").next().unwrap_or_default().to_owned();
    let refused: Vec<_> = refused.iter().map(|(name, error)| format!("{name}: {}", what(error))).collect();
    assert_eq!(
        refused,
        [
            "clr_loader__amd64-ClrLoader.pdb: expected a PDB, found a portable PDB (.NET)",
            "llvm-src__lld-test-bad-block-size.pdb: expected a PDB, found a PDB that is cut short",
            "r2__dotnet-HelloWorld.pdb: expected a PDB, found a portable PDB (.NET)",
            "r2__pdb-fuzzed.pdb: page number at offset 0x34: expected a page of this file, found 1357",
            "r2__pdb-tmphwtYNU.fil: truncated: its header gives 347136 bytes, found 346824",
            "symbolic__symbolic-testutils-fixtures-windows-portable.pdb: expected a PDB, found a portable PDB (.NET)",
        ]
    );
    assert_eq!(compared, 49);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn files_that_are_not_pdbs_are_named() {
    let cases = [
        ("clr_loader__amd64-ClrLoader.pdb", FileKind::PortablePdb),
        ("symbolic__symbolic-testutils-fixtures-windows-portable.pdb", FileKind::PortablePdb),
        ("made__k-x86_64-msfz.pdz", FileKind::Msfz),
        ("dump_syms__test_data-windows-basic32.pd_", FileKind::Cabinet),
    ];
    for (name, expected) in cases {
        match Identity::read(&mut File::open(pdb_folder().join(name)).unwrap()) {
            Err(IdentityError::WrongKind(wrong)) => assert_eq!(wrong.kind(), expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// PE files and the PDBs next to them that they name.
const PAIRS: [(&str, &str); 12] = [
    ("PE__breakpad__src-tools-windows-dump_syms-testdata-dump_syms_regtest64__dump_syms_regtest64.exe", ""),
    (
        "PE__debugpy__pydevd_attach_to_process-attach_amd64__attach_amd64.dll",
        "debugpy__pydevd_attach_to_process-attach_amd64.pdb",
    ),
    (
        "PE__debugpy__pydevd_attach_to_process-attach_x86__attach_x86.dll",
        "debugpy__pydevd_attach_to_process-attach_x86.pdb",
    ),
    ("PE__dump_syms__test_data-windows-basic32__basic32.dll", "dump_syms__test_data-windows-basic32.pdb"),
    (
        "PE__hevd__6389a8b3-Driver-Compiled-Vulnerable-HEVD__HEVD.sys",
        "hevd__6389a8b3-Driver-Compiled-Vulnerable-HEVD.pdb",
    ),
    ("PE__made__k-aarch64__k-aarch64.sys", "made__k-aarch64.pdb"),
    ("PE__made__k-i686__k-i686.sys", "made__k-i686.pdb"),
    ("PE__made__k-x86_64__k-x86_64.sys", "made__k-x86_64.pdb"),
    ("PE__rizin__pdb-exceptions-test__exceptions-test.exe", "rizin__pdb-exceptions-test.pdb"),
    ("PE__rizin__pdb-vs2019_cpp_override__vs2019_cpp_override.exe", "rizin__pdb-vs2019_cpp_override.pdb"),
    (
        "PE__rizin__pe-microsoft_seh_tests-ARM64-xcpt4__xcpt4.exe",
        "rizin__pe-microsoft_seh_tests-ARM64-xcpt4.pdb",
    ),
    (
        "PE__symsrv__tests-fixtures-ShowSSEConfig.pdb-A62592418D7807494C4C44205044422E1-ShowSSEConfig__ShowSSEConfig.exe",
        "symsrv__tests-fixtures-ShowSSEConfig.pdb-A62592418D7807494C4C44205044422E1-ShowSSEConfig.pdb",
    ),
];

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn every_pe_names_the_pdb_beside_it() {
    let folder = pdb_folder().join("pe");
    assert_eq!(names(&folder), PAIRS.map(|(pe, _)| pe));
    for (pe, pdb) in PAIRS {
        let bytes = std::fs::read(folder.join(pe)).unwrap();
        let records = Pe::parse(&bytes).unwrap().rsds().unwrap();
        assert_eq!(records.len(), 1, "{pe}");
        let mut read = Vec::new();
        let in_parts = Pe::rsds_in_parts(bytes.len() as u64, |part| {
            read.push(part.end - part.start);
            Ok::<_, PeError>(bytes[part.start as usize..part.end as usize].to_vec())
        });
        assert_eq!(in_parts.unwrap(), records, "{pe}");
        assert!(read.len() <= 4 && read.iter().sum::<u64>() < 10 << 10, "{pe}: {read:?}");
        let scanned: Vec<_> = CodeView::scan(&bytes, 2).into_iter().map(|sighting| sighting.record).collect();
        assert_eq!(scanned, [CodeView::Pdb(records[0].clone())], "{pe}");
        if !pdb.is_empty() {
            let identity = Identity::read(&mut File::open(pdb_folder().join(pdb)).unwrap()).unwrap();
            assert_eq!(records[0].guid_age, identity.guid_age, "{pe}");
        }
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_tables_of_real_executables_are_read() {
    let folder = pdb_folder().join("pe");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let bytes = read("PE__dump_syms__test_data-windows-basic32__basic32.dll");
    let pe = Pe::parse(&bytes).unwrap();
    assert_eq!(pe.headers().machine_name, "X86");
    assert!(!pe.exports().unwrap().is_empty());
    let imports = pe.imports().unwrap();
    assert!(imports.iter().any(|import| import.library.eq_ignore_ascii_case("kernel32.dll")), "{imports:?}");
    assert!(imports.iter().flat_map(|import| &import.functions).any(|name| name == "GetLastError"));
    let bytes = read("PE__debugpy__pydevd_attach_to_process-attach_amd64__attach_amd64.dll");
    let pe = Pe::parse(&bytes).unwrap();
    assert_eq!(pe.headers().machine_name, "X86_64");
    assert!(pe.imports().unwrap().iter().any(|import| import.functions.len() > 10));
    let version = pe.version().unwrap();
    for (name, _) in PAIRS {
        let bytes = read(name);
        let pe = Pe::parse(&bytes).unwrap();
        pe.imports().unwrap_or_else(|error| panic!("{name}: {error}"));
        pe.exports().unwrap_or_else(|error| panic!("{name}: {error}"));
        pe.version().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!pe.sections().is_empty() && !pe.directories().is_empty(), "{name}");
    }
    drop(version);
}

fn extract(name: &str) -> Result<Vec<u8>, CabinetError> {
    let file = BufReader::new(File::open(pdb_folder().join(name)).unwrap());
    let mut bytes = Vec::new();
    PdbCabinet::open(file, None, 1 << 30)?.extract(&mut bytes, &|_| ())?;
    Ok(bytes)
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn cabinets_give_the_files_that_lie_beside_them() {
    let pairs = [
        ("dump_syms__test_data-windows-basic32.pd_", "dump_syms__test_data-windows-basic32.pdb"),
        ("made__ntdll-lzx-stored.cab", "mspub-multiotp__ntdll.pdb"),
    ];
    for (cabinet, pdb) in pairs {
        let bytes = extract(cabinet).unwrap();
        assert!(bytes == std::fs::read(pdb_folder().join(pdb)).unwrap(), "{cabinet}");
    }
    // The plain file next to it was changed after it was compressed; the digest is that of cabextract 1.9.
    let name = "symsrv__tests-fixtures-ShowSSEConfig.pdb-A62592418D7807494C4C44205044422E1-ShowSSEConfig.pd_";
    let digest: String =
        Sha256::digest(extract(name).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, "a27d126406d03980503176ff3f27125dc31c0002a01b8434193d2593502f7b52");
}

/// Extracts from a cabinet whose only file is a text, after renaming the file in the directory to a PDB.
fn extract_renamed(cabinet: &str, name: &str) -> Result<String, CabinetError> {
    let mut bytes = std::fs::read(pdb_folder().join(cabinet)).unwrap();
    let at = memchr::memmem::find(&bytes, format!("{name}\0").as_bytes()).expect("the name");
    let end = at + name.len();
    bytes[end - 4..end].copy_from_slice(b".pdb");
    let mut text = Vec::new();
    PdbCabinet::open(Cursor::new(bytes), None, 1 << 20)?.extract(&mut text, &|_| ())?;
    Ok(String::from_utf8(text).unwrap())
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn compressed_lzx_and_mszip_are_read_and_quantum_is_refused() {
    let extract = |name| extract_renamed("libmspack__mszip_lzx_qtm.cab", name);
    for (name, text) in [("mszip.txt", "MSZIP"), ("lzx.txt", "LZX")] {
        let sentence = format!(
            "If you can read this, the {text} decompressor is working!
"
        );
        assert!(extract(name).unwrap().contains(&sentence), "{name}");
    }
    let error = extract("qtm.txt").unwrap_err();
    assert!(matches!(error, CabinetError::Compression { found: "Quantum" }), "{error}");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn bad_cabinets_give_clear_errors() {
    let mut errors = Vec::new();
    for name in names(&pdb_folder()) {
        if name.starts_with("libmspack__") {
            let error = extract(&name).expect_err("a PDB");
            errors.push(format!("{}: {error}", name.trim_start_matches("libmspack__")));
        }
    }
    assert_eq!(
        errors,
        [
            "bad_nofiles.cab: expected one PDB in the cabinet, found nothing",
            "cve-2015-4471-lzx-under-read.cab: the cabinet is damaged: it ends within its directory",
            "lzx-main-tree-no-lengths.cab: expected one PDB in the cabinet, found 'file.txt'",
            "lzx-premature-matches.cab: expected one PDB in the cabinet, found 'file.txt'",
            "mszip_lzx_qtm.cab: expected one PDB in the cabinet, found 'mszip.txt', 'lzx.txt', 'qtm.txt'",
            "normal_2files_1folder.cab: expected one PDB in the cabinet, found 'hello.c', 'welcome.c'",
            "partial_shortheader.cab: the cabinet is damaged: it ends within its directory",
            "reserve_HFD.cab: expected one PDB in the cabinet, found 'test1.txt', 'test2.txt'",
        ]
    );
    for name in ["libmspack__lzx-main-tree-no-lengths.cab", "libmspack__lzx-premature-matches.cab"] {
        let error = extract_renamed(name, "file.txt").expect_err(name);
        assert!(matches!(error, CabinetError::Damaged { .. } | CabinetError::Cut { .. }), "{name}: {error}");
    }
}
