//! Tests on real PDBs from many linkers, compared with other readers and with facts from independent sources.
//!
//! Every difference is listed by name and reason. A test fails when a difference appears or disappears. The amount
//! that was compared is asserted too, so that an empty comparison cannot pass.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use formats::FileKind;
use pdb_converter::{Error, Options};
use profile::MappedFile;
use serde_json::Value;
use support::shown::{Layout, layouts};
use support::{Printed, corpus, meaning, print, print_as, second, third};

/// The PDBs that can be read, with the number of structs and members that `ms-pdb` sees, then of public symbols with
/// an RVA and without.
const READABLE: [(&str, [usize; 4]); 48] = [
    ("breakpad__src-tools-windows-dump_syms-testdata-dump_syms_regtest.pdb", [126, 818, 548, 2]),
    ("breakpad__src-tools-windows-dump_syms-testdata-omap_reorder_bbs.pdb", [126, 818, 548, 2]),
    ("breakpad__src-tools-windows-dump_syms-testdata-omap_stretched_filled.pdb", [126, 818, 453, 97]),
    ("debugpy__pydevd_attach_to_process-attach_amd64.pdb", [421, 1348, 404, 10]),
    ("debugpy__pydevd_attach_to_process-attach_x86.pdb", [416, 1249, 413, 11]),
    ("dump_syms__test_data-windows-basic32.pdb", [618, 2352, 3626, 10]),
    ("hevd__6389a8b3-Driver-Compiled-Vulnerable-HEVD.pdb", [182, 1020, 179, 1]),
    ("llvm-src__llvm-test-ClassLayoutTest.pdb", [16, 36, 13, 0]),
    ("llvm-src__llvm-test-Stripped.pdb", [0, 0, 23, 0]),
    ("llvm-src__llvm-test-TypeServerTest.pdb", [7, 24, 0, 0]),
    ("llvm-src__llvm-test-empty.pdb", [7, 24, 2, 0]),
    ("llvm-src__llvm-test-every-array.pdb", [1, 1, 13, 0]),
    ("llvm-src__llvm-test-every-class.pdb", [18, 24, 19, 0]),
    ("llvm-src__llvm-test-every-enum.pdb", [8, 24, 19, 0]),
    ("llvm-src__llvm-test-every-function.pdb", [11, 28, 39, 0]),
    ("llvm-src__llvm-test-every-pointer.pdb", [9, 25, 25, 0]),
    ("llvm-src__llvm-test-every-type.pdb", [13, 32, 19, 0]),
    ("made__fuzz-f118.pdb", [13, 32, 19, 0]),
    ("made__fuzz-f2.pdb", [13, 32, 0, 0]),
    ("made__fuzz-f41.pdb", [4, 7, 233, 0]),
    ("made__fuzz-f59.pdb", [108, 704, 0, 0]),
    ("made__k-aarch64-omap.pdb", [5, 26, 5, 1]),
    ("made__k-aarch64.pdb", [5, 26, 6, 0]),
    ("made__k-fastlink.pdb", [5, 26, 6, 0]),
    ("made__k-full.pdb", [5, 26, 6, 0]),
    ("made__k-ghash.pdb", [5, 26, 6, 0]),
    ("made__k-i686-omap.pdb", [5, 26, 5, 1]),
    ("made__k-i686.pdb", [5, 26, 6, 0]),
    ("made__k-o.pdb", [5, 26, 6, 0]),
    ("made__k-p32768.pdb", [5, 26, 6, 0]),
    ("made__k-p4096.pdb", [5, 26, 6, 0]),
    ("made__k-p8192.pdb", [5, 26, 6, 0]),
    ("made__k-x86_64-omap.pdb", [5, 26, 5, 1]),
    ("made__k-x86_64-omap512.pdb", [5, 26, 5, 1]),
    ("made__k-x86_64.pdb", [5, 26, 6, 0]),
    ("made__mid.pdb", [12000, 203537, 24000, 0]),
    ("mspub-bochs__ntkrnlpa.pdb", [564, 4434, 10446, 3]),
    ("mspub-multiotp__ntdll.pdb", [348, 3239, 5453, 122]),
    ("mspub-multiotp__rpcrt4.pdb", [0, 0, 4333, 136]),
    ("node-pty__win32-arm64-conpty.pdb", [1266, 3485, 2400, 11]),
    ("r2__pdb-ghidra_rust_pdb_bug.pdb", [902, 2066, 449, 8]),
    ("rizin__pdb-exceptions-test.pdb", [304, 982, 571, 10]),
    ("rizin__pdb-vs2019_cpp_override.pdb", [276, 553, 277, 9]),
    ("rizin__pe-microsoft_seh_tests-ARM64-xcpt4.pdb", [171, 817, 346, 10]),
    (
        "symsrv__tests-fixtures-ShowSSEConfig.pdb-A62592418D7807494C4C44205044422E1-ShowSSEConfig.pdb",
        [110, 564, 173, 0],
    ),
    ("syzygy__syzygy-pdb-test_data-omapped_test_dll.pdb", [301, 1601, 1295, 3]),
    ("syzygy__syzygy-refinery-test_data-test_typenames.dll.pdb", [9, 29, 4, 0]),
    ("syzygy__syzygy-refinery-test_data-test_types_x64.dll.pdb", [31, 844, 13, 0]),
];

fn open(name: &str) -> MappedFile {
    MappedFile::open(&corpus(&format!("pdb/{name}"))).unwrap()
}

fn printed(name: &str) -> Printed {
    print_as(&open(name), name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// An expected difference from the second reader: file, struct, member, reason.
const LAYOUT_DIFFERENCES: [(&str, &str, &str, &str); 1] = [(
    "syzygy__syzygy-refinery-test_data-test_types_x64.dll.pdb",
    "testing::Multi",
    "__base_testing::B",
    "an empty base that lies behind the end of its class, where a profile has no room for it",
)];

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn every_struct_has_the_layout_that_a_second_reader_finds() {
    let mut expected: BTreeSet<(&str, String, String)> = LAYOUT_DIFFERENCES
        .iter()
        .map(|(file, name, member, _)| (*file, (*name).to_owned(), (*member).to_owned()))
        .collect();
    let mut wrong = Vec::new();
    for (file, [structs, members, ..]) in READABLE {
        let printed = printed(file);
        let ours = layouts(&printed.json);
        let path = corpus(&format!("pdb/{file}"));
        let theirs = second::read(&path, printed.profile.arch.address_size().into());
        let unnamed = ours.values().flatten();
        let unnamed: BTreeSet<&Layout> = unnamed.collect();
        let none = BTreeSet::new();
        let mut seen = [0, 0];
        for (name, layouts) in &theirs.layouts {
            for layout in layouts {
                seen[0] += 1;
                seen[1] += layout.members.len();
                // An unnamed struct may have got the name of a typedef.
                let mine = if name.is_empty() {
                    unnamed.clone()
                } else {
                    ours.get(name).unwrap_or(&none).iter().collect()
                };
                if mine.iter().any(|mine| mine.equals(layout)) {
                    continue;
                }
                let different = mine.iter().find_map(|mine| mine.differs_only_in(layout));
                if !different.is_some_and(|member| expected.remove(&(file, name.clone(), member))) {
                    wrong.push(format!("{file}: {name}: {layout:?}, ours {mine:?}"));
                }
            }
        }
        if seen != [structs, members] {
            wrong
                .push(format!("{file}: compared {seen:?}, expected {structs} structs and {members} members"));
        }
        // Nothing may be in our profile that is not in the PDB.
        if theirs.unreadable == 0 {
            let known: usize = theirs.layouts.values().map(BTreeSet::len).sum();
            let all: BTreeSet<&Layout> = theirs.layouts.values().flatten().collect();
            for (name, layouts) in &ours {
                for layout in layouts {
                    let listed =
                        theirs.layouts.get(name).is_some_and(|it| it.iter().any(|it| layout.equals(it)));
                    let nameless = || all.iter().any(|it| layout.equals(it));
                    let exempt = || LAYOUT_DIFFERENCES.iter().any(|it| it.0 == file && it.1 == name);
                    if !listed && !nameless() && !exempt() {
                        wrong.push(format!("{file}: only ours of {known}: {name} {layout:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(expected.is_empty(), "differences that vanished: {expected:?}");
}

/// PDBs that are not compared in full: their field lists are damaged, `ms-pdb` does not know their records, or (Rust)
/// their pointers have two words.
const NOT_COMPARED: [&str; 4] = [
    "made__fuzz-f118.pdb",
    "made__fuzz-f41.pdb",
    "r2__pdb-ghidra_rust_pdb_bug.pdb",
    "rizin__pdb-vs2019_cpp_override.pdb",
];

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn every_member_array_and_variable_is_described_as_a_second_reader_has_it() {
    let mut wrong = Vec::new();
    let mut seen = [0; 5];
    for (file, _) in READABLE.iter().filter(|(file, _)| !NOT_COMPARED.contains(file)) {
        let path = corpus(&format!("pdb/{file}"));
        let variables = third::variables(&path).unwrap_or_default();
        let compared = meaning::compare(&path, &printed(file).json, &variables);
        let counts = [compared.structs, compared.members, compared.arrays, compared.variables];
        seen[0] += 1;
        seen[1..].iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        wrong.extend(compared.wrong.into_iter().map(|it| format!("{file}: {it}")));
    }
    assert!(wrong.is_empty(), "{} wrong of {seen:?}:\n{}", wrong.len(), wrong.join("\n"));
    let least = [44, 17_000, 226_000, 22_000, 13_000];
    assert!(seen.iter().zip(least).all(|(seen, least)| *seen >= least), "{seen:?}");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn every_enumeration_has_the_labels_a_second_reader_sees() {
    let (mut enumerations, mut labels) = (0, 0);
    for (file, _) in READABLE {
        let printed = printed(file);
        let theirs =
            second::read(&corpus(&format!("pdb/{file}")), printed.profile.arch.address_size().into());
        let empty = serde_json::Map::new();
        let ours = printed.json["$REVENUMS"].as_object().unwrap_or(&empty);
        let ours: Vec<(&str, BTreeMap<&str, i128>)> = ours
            .iter()
            .map(|(key, labels)| {
                let value = |value: &Value| value.to_string().parse::<i128>().unwrap();
                let labels = labels.as_object().unwrap();
                (key.as_str(), labels.iter().map(|(label, it)| (label.as_str(), value(it))).collect())
            })
            .collect();
        for (name, definitions) in &theirs.enumerations {
            for definition in definitions.iter().filter(|definition| !definition.is_empty()) {
                enumerations += 1;
                labels += definition.len();
                // An unnamed enumeration may have got the name of a typedef, and one that lost its name has a longer
                // one.
                let mut named = ours.iter().filter(|(key, _)| name.is_empty() || key.starts_with(name));
                let equal = named.any(|(_, mine)| {
                    mine.len() == definition.len()
                        && mine.iter().zip(definition).all(|((label, value), (their_label, their_value))| {
                            // The sign is a property of the underlying type, which that reader leaves to its user; so
                            // only bits are compared.
                            label == their_label && (value - their_value) % (1 << 32) == 0
                        })
                });
                assert!(equal, "{file}: {name} {definition:?}");
            }
        }
    }
    assert_eq!((enumerations, labels), (17327, 50173));
}

/// PDBs whose symbols the third reader cannot read, and its error messages.
const UNREAD_BY_THIRD: [(&str, &str); 3] = [
    // A type server has no symbols.
    ("llvm-src__llvm-test-TypeServerTest.pdb", "UnexpectedEof"),
    // The stream number of the original section headers is damaged; without OMAP they are not needed.
    ("made__fuzz-f2.pdb", "The requested stream (34308) is not stored in this file"),
    // The signature of its DBI header is damaged.
    ("made__fuzz-f59.pdb", "Unimplemented PDB feature: ancient DBI header"),
];

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn every_public_symbol_is_where_another_reader_finds_it() {
    let mut wrong = Vec::new();
    for (file, [.., placed, lost]) in READABLE {
        let options = Options { file_name: file.to_owned(), raw_names: true, ..Options::default() };
        let printed = print(&open(file), &options).unwrap();
        let mut at: BTreeMap<(bool, u64), Vec<&str>> = BTreeMap::new();
        for (function, section) in [(true, "$FUNCTIONS"), (false, "$CONSTANTS")] {
            for (name, rva) in printed.json[section].as_object().into_iter().flatten() {
                at.entry((function, rva.as_u64().unwrap())).or_default().push(name);
            }
        }
        let mut seen = [0, 0];
        let publics = third::publics(&corpus(&format!("pdb/{file}")));
        let unread = UNREAD_BY_THIRD.iter().find(|(unread, _)| *unread == file);
        if publics.as_ref().err().map(String::as_str) != unread.map(|(_, reason)| *reason) {
            wrong.push(format!("{file}: the third reader says {:?}", publics.as_ref().err()));
        }
        for public in publics.into_iter().flatten() {
            let Some(rva) = public.rva else {
                seen[1] += 1;
                continue;
            };
            seen[0] += 1;
            // Several of one name are numbered.
            let named = |it: &&str| {
                **it == public.name || it.strip_prefix(public.name.as_str()).is_some_and(is_number)
            };
            let here = at.get(&(public.function, rva.into()));
            if !here.is_some_and(|here| here.iter().any(&named)) {
                wrong.push(format!("{file}: {} at {rva:#x}: {here:?}", public.name));
            }
        }
        let report = &printed.report;
        let ours = report.count("absolute symbols (values, not addresses)")
            + report.count("symbols whose code was removed")
            + report.count("symbols without section headers to place them");
        if seen != [placed, lost] || unread.is_none() && seen[1] as u64 != ours {
            wrong
                .push(format!("{file}: {seen:?} publics, {ours} of ours lost, expected {placed} and {lost}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn is_number(rest: &str) -> bool {
    rest.strip_prefix('_')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit()))
}

/// The columns of the manifest for every PDB that can be read.
fn manifest() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(corpus("pdb/MANIFEST.tsv")).unwrap();
    let rows = text.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    rows.map(|row| (row[0].clone(), row)).collect()
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn every_build_is_identified_as_its_image_is() {
    let manifest = manifest();
    for (file, _) in READABLE {
        let metadata = &printed(file).json["$METADATA"];
        let row = &manifest[file];
        assert_eq!(metadata["GUID_AGE"], row[6], "{file}");
        assert_eq!(metadata["SourceSHA256"], row[4], "{file}");
        let arch = match row[5].as_str() {
            "x64" => "AMD64",
            // The XP kernel and a type server, whose pointers give the architecture.
            "x86" | "unknown" => "I386",
            "no DBI" => "AMD64",
            other => other,
        };
        assert_eq!(metadata["arch"], arch, "{file}");
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn other_files_are_named() {
    for (file, kind) in [
        ("clr_loader__amd64-ClrLoader.pdb", FileKind::PortablePdb),
        ("r2__dotnet-HelloWorld.pdb", FileKind::PortablePdb),
        ("symbolic__symbolic-testutils-fixtures-windows-portable.pdb", FileKind::PortablePdb),
        ("llvm-src__lld-test-bad-block-size.pdb", FileKind::PdbCut),
        ("made__ntkrnlpa-msfz.pdz", FileKind::Msfz),
        ("made__k-x86_64-msfz.pdz", FileKind::Msfz),
        ("dump_syms__test_data-windows-basic32.pd_", FileKind::Cabinet),
        ("made__ntdll-lzx-stored.cab", FileKind::Cabinet),
        ("pe/PE__made__k-x86_64__k-x86_64.sys", FileKind::Pe),
        ("MANIFEST.tsv", FileKind::Text),
        ("facts.json", FileKind::Json),
    ] {
        match print_as(&open(file), file) {
            Err(Error::WrongKind(wrong)) => assert_eq!(wrong.kind(), kind, "{file}"),
            other => panic!("{file}: {:?}", other.err()),
        }
    }
    let error = print_as(&open("r2__pdb-tmphwtYNU.fil"), "x.pdb").err().unwrap();
    assert!(matches!(error, Error::Cut { expected: 347_136, found: 346_824, .. }), "{error}");
    let error = print_as(&open("r2__pdb-fuzzed.pdb"), "x.pdb").err().unwrap();
    assert!(matches!(error, Error::Stream { number: 0, .. }), "{error}");
    // Managed code runs on every machine; a user who knows better can name the architecture.
    let managed = "llvm-src__llvm-test-dotnet_hashonly.pdb";
    let error = print_as(&open(managed), managed).err().unwrap();
    assert!(matches!(error, Error::Architecture { machine: 0xc0ee }), "{error}");
    let options = Options { arch: Some(profile::Arch::Amd64), ..Options::default() };
    assert_eq!(
        print(&open(managed), &options).unwrap().json["$METADATA"]["GUID_AGE"],
        manifest()[managed][6]
    );
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_real_pdb_cut_anywhere_is_refused() {
    for (file, _) in READABLE {
        let bytes = open(file);
        for step in 0..64 {
            let length = bytes.len() * step / 64 + step % 3;
            match print_as(&MappedFile::from(bytes[..length.min(bytes.len() - 1)].to_vec()), file) {
                Err(Error::Cut { .. } | Error::WrongKind(_)) => {}
                other => panic!("{file}: {length} bytes: {:?}", other.err()),
            }
        }
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn facts_of_independent_origin_hold() {
    let facts: Value = serde_json::from_slice(&open("facts.json")).unwrap();
    let (mut structs, mut members, mut symbols) = (0, 0, 0);
    for (file, facts) in facts.as_object().unwrap() {
        let json = printed(file).json;
        let guid = facts["guid"].as_str().unwrap().to_uppercase();
        let guid_age = format!("{guid}{:X}", facts["dbi_age"].as_u64().unwrap());
        assert_eq!(json["$METADATA"]["GUID_AGE"], guid_age, "{file}");
        for (name, fact) in facts["structs"].as_object().unwrap() {
            structs += 1;
            let entry = &json["$STRUCTS"][name];
            assert_eq!(entry[0], fact["size"], "{file}: {name}");
            for (member, offset) in fact["fields"].as_object().unwrap() {
                members += 1;
                assert_eq!(entry[1][member][0], *offset, "{file}: {name}.{member}");
            }
        }
        let options = Options { raw_names: true, ..Options::default() };
        let json = print(&open(file), &options).unwrap().json;
        for (name, rva) in facts["symbols_rva"].as_object().unwrap() {
            symbols += 1;
            let found = ["$FUNCTIONS", "$CONSTANTS"].iter().find_map(|section| json[section].get(name));
            assert_eq!(found, Some(rva), "{file}: {name}");
        }
    }
    assert_eq!((structs, members, symbols), (128, 3928, 40));
}

/// Names in the XP kernel that dbghelp spells differently, with their number and the reason. Each of them is at the
/// address of one of our symbols.
const DBGHELP_SPELLINGS: [(&str, usize, &str); 7] = [
    ("___PchSym_", 16, "dbghelp cuts the name at its first @"),
    ("_real", 3, "dbghelp cuts the name at its first @"),
    ("_imp_", 14, "dbghelp cuts the name of the imported function at its @"),
    ("_NULL_THUNK_DATA", 3, "dbghelp shows the leading 0x7f as _"),
    ("::enable", 11, "dbghelp undecorates the whole C++ name, Rekall takes its first part"),
    ("Kei386EoiHelper Kii386SpinOnSpinLock", 2, "dbghelp cuts @ and digits off names without leading _ or @"),
    ("ExecuteHandler ExecuteHandler2 GetMachineBootPointers", 3, "likewise"),
];

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_symbols_of_the_xp_kernel_are_where_dbghelp_finds_them() {
    let json = printed("mspub-bochs__ntkrnlpa.pdb").json;
    let mut by_name: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for section in ["$FUNCTIONS", "$CONSTANTS"] {
        for (name, rva) in json[section].as_object().unwrap() {
            by_name.entry(name).or_default().push(rva.as_u64().unwrap());
        }
    }
    let addresses: BTreeSet<u64> = by_name.values().flatten().copied().collect();
    let listing = std::fs::read_to_string(corpus("pdb/refs/ntkrnlpa-xpsp3.dbghelp-sym.txt")).unwrap();
    let mut spellings = BTreeMap::<&str, usize>::new();
    let mut equal = 0;
    for line in listing.lines() {
        let (address, name) = line.split_once(' ').unwrap();
        let rva = u64::from_str_radix(address.trim_start_matches("0x"), 16).unwrap() - 0x804d_7000;
        match by_name.get(name) {
            Some(rvas) => {
                assert!(rvas.contains(&rva), "{name} at {rvas:x?}, not {rva:#x}");
                equal += 1;
            }
            None => {
                assert!(addresses.contains(&rva), "nothing at {rva:#x}, where dbghelp has {name}");
                let known = DBGHELP_SPELLINGS.iter().find(|(names, ..)| {
                    names.split(' ').any(|part| name == part)
                        || name.starts_with(names)
                        || name.ends_with(names)
                });
                let (spelling, ..) = known.unwrap_or_else(|| panic!("{name} at {rva:#x}"));
                *spellings.entry(spelling).or_default() += 1;
            }
        }
    }
    let expected: BTreeMap<&str, usize> =
        DBGHELP_SPELLINGS.iter().map(|(name, count, _)| (*name, *count)).collect();
    assert_eq!((equal, spellings), (9394, expected));
}

type Members = &'static [(&'static str, u64)];

/// The layouts of some types in one PDB's newer class records, as the headers of the Windows SDK and of Visual C++
/// define them for 32-bit x86: the size, then every member with its offset.
const NEWER: [(&str, u64, Members); 12] = [
    ("_GUID", 16, &[("Data1", 0), ("Data2", 4), ("Data3", 6), ("Data4", 8)]),
    ("_FILETIME", 8, &[("dwLowDateTime", 0), ("dwHighDateTime", 4)]),
    ("_SINGLE_LIST_ENTRY", 4, &[("Next", 0)]),
    ("_EXCEPTION_POINTERS", 8, &[("ExceptionRecord", 0), ("ContextRecord", 4)]),
    (
        "_EXCEPTION_RECORD",
        80,
        &[
            ("ExceptionCode", 0),
            ("ExceptionFlags", 4),
            ("ExceptionRecord", 8),
            ("ExceptionAddress", 12),
            ("NumberParameters", 16),
            ("ExceptionInformation", 20),
        ],
    ),
    ("_EXCEPTION_REGISTRATION_RECORD", 8, &[("Next", 0), ("Handler", 4)]),
    (
        "_NT_TIB",
        28,
        &[
            ("ExceptionList", 0),
            ("StackBase", 4),
            ("StackLimit", 8),
            ("SubSystemTib", 12),
            ("FiberData", 16),
            ("Version", 16),
            ("ArbitraryUserPointer", 20),
            ("Self", 24),
        ],
    ),
    (
        "_IMAGE_FILE_HEADER",
        20,
        &[
            ("Machine", 0),
            ("NumberOfSections", 2),
            ("TimeDateStamp", 4),
            ("PointerToSymbolTable", 8),
            ("NumberOfSymbols", 12),
            ("SizeOfOptionalHeader", 16),
            ("Characteristics", 18),
        ],
    ),
    ("_IMAGE_NT_HEADERS", 248, &[("Signature", 0), ("FileHeader", 4), ("OptionalHeader", 24)]),
    ("_IMAGE_DATA_DIRECTORY", 8, &[("VirtualAddress", 0), ("Size", 4)]),
    ("std::exception", 12, &[("__vfptr", 0), ("_Data", 4)]),
    ("std::bad_alloc", 12, &[("__base_std::exception", 0)]),
];

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn newer_class_records_are_read() {
    let file = "rizin__pdb-vs2019_cpp_override.pdb";
    let json = printed(file).json;
    let theirs = third::newer_layouts(&corpus(&format!("pdb/{file}")));
    let ours = layouts(&json);
    let mut members = 0;
    for (name, layout) in &theirs {
        members += layout.members.len();
        let mut named = ours.iter().filter(|(key, _)| name.is_empty() || *key == name).flat_map(|it| it.1);
        assert!(named.any(|mine| mine.equals(layout)), "{name}: {layout:?}, ours {:?}", ours.get(name));
    }
    for (name, size, members) in NEWER {
        assert!(theirs.iter().any(|(it, _)| it == name), "{name} has an older record");
        let entry = &json["$STRUCTS"][name];
        assert_eq!(entry[0], size, "{name}");
        assert_eq!(entry[1].as_object().unwrap().len(), members.len(), "{name}");
        for (member, offset) in members {
            assert_eq!(entry[1][member][0], *offset, "{name}.{member}");
        }
    }
    assert_eq!((theirs.len(), members), (88, 351));
}

/// The differences between the XP kernel in Rekall's own profile and the one here, which is another build. All other
/// members that both have are described identically.
const REBUILT: [(&str, &str); 1] = [("_CM_KEY_NODE", "MaxNameLen")];

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn members_are_described_as_rekall_describes_them() {
    let ours = printed("mspub-bochs__ntkrnlpa.pdb").json;
    let packed = corpus("golden/ntkrnlpa.pdb.bd8f451f3e754ed8a34b50560ceb08e31.rekall.json.xz");
    let unpacked = std::process::Command::new("xz").arg("-dc").arg(packed).output().unwrap();
    let theirs: Value = serde_json::from_slice(&unpacked.stdout).unwrap();
    let (mut equal, mut different) = (0, Vec::new());
    for (name, entry) in theirs["$STRUCTS"].as_object().unwrap() {
        let Some(mine) = ours["$STRUCTS"].get(name).filter(|mine| mine[0] == entry[0]) else { continue };
        for (member, place) in entry[1].as_object().unwrap() {
            let Some(mine) = mine[1].get(member).filter(|mine| mine[0] == place[0]) else { continue };
            match comparable(&mine[1]) == comparable(&place[1]) {
                true => equal += 1,
                false => different.push((name.as_str(), member.as_str())),
            }
        }
    }
    assert_eq!((equal, different), (3863, REBUILT.to_vec()));
}

/// A descriptor without Rekall's mistakes: its argument lists are truncated, bits that begin at 0 lack a start, some
/// arrays give bytes instead of a count, and unnamed types have record numbers as names.
fn comparable(descriptor: &Value) -> Value {
    match descriptor {
        Value::Object(entries) => {
            let kept = entries.iter().filter(|(key, value)| {
                let wrong = matches!(key.as_str(), "args" | "count" | "size");
                !wrong && (*key != "start_bit" || **value != 0)
            });
            Value::Object(kept.map(|(key, value)| (key.clone(), comparable(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(comparable).collect()),
        Value::String(text) if text.starts_with("__unnamed_") => Value::from("__unnamed"),
        other => other.clone(),
    }
}
