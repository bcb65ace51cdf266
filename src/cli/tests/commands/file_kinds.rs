//! Gives a small file of every kind to every command that reads a file: all of them name it in the same words.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use file_samples::{Sample, samples};
use formats::{FileKind, identify};

use crate::harness::Folder;

/// A command line, in which `@` is the file, and the kinds of which it makes something. It has to name a file of any other
/// kind.
struct Reader {
    line: Vec<&'static str>,
    reads: Vec<FileKind>,
}

const PACKED: [FileKind; 3] = [FileKind::Gzip, FileKind::Xz, FileKind::Zstd];

const PROFILES: &[FileKind] = &[
    FileKind::Profile,
    FileKind::SymlinkProfile,
    FileKind::Isf,
    FileKind::Index,
    FileKind::Inventory,
    PACKED[0],
    PACKED[1],
    PACKED[2],
];

/// What `site` reads: bundles too.
const BROWSED: &[FileKind] = &[
    FileKind::Profile,
    FileKind::SymlinkProfile,
    FileKind::Isf,
    FileKind::Index,
    FileKind::Inventory,
    FileKind::Bundle,
    PACKED[0],
    PACKED[1],
    PACKED[2],
];

/// What `check` reads: there is nothing to check in an index or an inventory.
const CHECKED: &[FileKind] =
    &[FileKind::Profile, FileKind::SymlinkProfile, FileKind::Isf, PACKED[0], PACKED[1], PACKED[2]];

/// What a command with `-f` opens: the kinds whose next step is `autodetect`, and a few with another one.
fn images() -> Vec<FileKind> {
    let opened = |kind: &FileKind| kind.advice() == FileKind::ElfCore.advice();
    let others = [
        FileKind::TriageDump,
        // The only piece of a raw image is the whole of it.
        FileKind::RawPiece,
        // Memory to which nothing was written.
        FileKind::Zeros,
    ];
    FileKind::ALL.iter().copied().filter(opened).chain(others).collect()
}

/// What the command of each front-end reads. A front-end that is not listed reads the kinds that it states, so that a new one
/// needs no row; those that are listed also state kinds from which they make a profile only if another file is there.
const FRONT_ENDS: &[(&str, &[FileKind])] = &[
    ("parse_pdb", &[FileKind::Pdb, FileKind::PdbFastLink, FileKind::Msfz, FileKind::Cabinet]),
    (
        "parse_dwarf",
        &[
            FileKind::ElfDebug,
            FileKind::MachODebug,
            FileKind::MachOFat,
            FileKind::Deb,
            FileKind::Rpm,
            PACKED[0],
            PACKED[1],
            PACKED[2],
        ],
    ),
    (
        "convert_profile",
        &[
            FileKind::Pack,
            FileKind::Zip,
            FileKind::LibdwarfText,
            FileKind::ReadelfText,
            FileKind::LlvmText,
            FileKind::Vtypes,
        ],
    ),
    (
        "parse_btf",
        &[
            FileKind::Btf,
            FileKind::ElfBtf,
            FileKind::ElfDebug,
            FileKind::BzImage,
            FileKind::Zboot,
            FileKind::Arm64Image,
        ],
    ),
];

/// Every command that reads a file.
fn readers() -> Vec<Reader> {
    let mut readers: Vec<Reader> = Vec::new();
    for front_end in converters::FRONT_ENDS {
        let command = front_end.command();
        if readers.iter().any(|reader| reader.line[0] == command) {
            continue;
        }
        let listed = FRONT_ENDS.iter().find(|(name, _)| *name == command);
        let reads = listed.map_or(front_end.kinds(), |(_, reads)| *reads).to_vec();
        readers.push(Reader { line: vec![command, "@", "-o", "out.json"], reads });
    }
    // Any source of any front-end.
    let reads = readers.iter().flat_map(|reader| reader.reads.clone()).collect();
    readers.push(Reader { line: vec!["parse", "@", "-o", "out.json"], reads });
    let images = images();
    let others: [(&[&'static str], &[FileKind]); 14] = [
        (&["check", "@"], CHECKED),
        (&["inspect", "@"], PROFILES),
        (&["export", "@", "--format", "isf", "-o", "out.json"], PROFILES),
        (&["report", "@", "-o", "out.html"], PROFILES),
        (&["site", "@", "-o", "site"], BROWSED),
        (&["peinfo", "@"], &[FileKind::Pe, FileKind::PeWithoutPdb]),
        (&["version_scan", "@"], &[FileKind::Pe]),
        (&["fetch_pdb", "@", "--offline"], &[FileKind::Pe]),
        (&["fetch_debug", "@", "--offline"], &[]),
        (&["-f", "@", "--offline", "autodetect"], &images),
        (&["-f", "@", "version_scan"], &images),
        (&["-f", "@", "--offline", "pslist"], &images),
        (&["-f", "@", "--offline", "version_modules"], &images),
        (&["-f", "@", "--offline", "build_local_profile"], &images),
    ];
    readers.extend(others.map(|(line, reads)| Reader { line: line.to_vec(), reads: reads.to_vec() }));
    readers
}

/// The error in a run's output; `None` if it named the file, or reads its kind.
fn trial(folder: &Folder, reader: &Reader, sample: &Sample) -> Option<String> {
    let line = reader.line.iter().map(|word| if *word == "@" { sample.name.as_str() } else { word });
    let output = folder.run(line).command().output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let names = told.contains(sample.kind.words());
    let reads = reader.reads.contains(&sample.kind);
    let named_by_build_id = reader.line[0] == "fetch_debug"
        && identify(&sample.bytes.as_slice(), None).detail.is_some()
        && matches!(sample.kind, FileKind::ElfStripped | FileKind::ElfBtf);
    // No other kind is named: the longest words that occur are those of the kind.
    let wrong = match output.status.code() {
        _ if reads || named_by_build_id => None,
        None => Some("it was killed"),
        Some(0) => Some("it succeeded: if it reads this kind, list the kind in this file"),
        Some(_) if !names => Some("it does not name the file"),
        Some(_) => None,
    };
    let panicked = told.contains("bug in the program").then_some("it panicked");
    panicked.or(wrong).map(|wrong| format!("{} {}: {wrong}: {told}", reader.line.join(" "), sample.name))
}

#[test]
fn every_command_names_every_kind_of_file_in_the_same_words() {
    let folder = Folder::new();
    let samples = samples();
    for Sample { name, bytes, .. } in &samples {
        folder.write(name, bytes);
    }
    let readers = readers();
    let trials: Vec<(&Reader, &Sample)> =
        readers.iter().flat_map(|reader| samples.iter().map(move |sample| (reader, sample))).collect();
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                // Each has its own folder, since they write an output with the same name.
                let own = Folder::new();
                for Sample { name, bytes, .. } in &samples {
                    own.write(name, bytes);
                }
                while let Some((reader, sample)) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(found) = trial(&own, reader, sample) {
                        wrong.lock().unwrap().push(found);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), trials.len(), wrong.join("\n"));
    assert!(trials.len() > 1500, "{}", trials.len());
}

#[test]
fn folders_and_devices_are_named() {
    let folder = Folder::new();
    std::fs::create_dir(folder.join("folder")).unwrap();
    for reader in readers().iter().filter(|reader| reader.line[0] != "convert_profile") {
        let line = reader.line.iter().map(|word| if *word == "@" { "folder" } else { word });
        folder.run(line).status(2).stderr("a folder").check();
    }
    #[cfg(target_os = "linux")]
    folder.run(["-f", "/dev/null", "--offline", "autodetect"]).status(2).stderr("found a device").check();
}

#[test]
fn a_set_of_raw_pieces_is_opened_by_its_first_piece() {
    let folder = Folder::new();
    for name in ["m.raw.001", "m.raw.002", "m.raw.003"] {
        folder.write(name, b"\x53\xff\0\xf0".repeat(2048));
    }
    let scan = ["-f", "m.raw.001", "-v", "version_scan"];
    folder.run(scan).status(1).stderr("raw memory (set of pieces), 24576 bytes of memory").check();
    let line = ["-f", "m.raw.002", "--offline", "autodetect"];
    folder.run(line).status(2).stderr("found a piece of a raw image").stderr("by its first piece").check();
    std::fs::remove_file(folder.join("m.raw.002")).unwrap();
    folder
        .run(scan)
        .status(1)
        .stderr("raw memory (set of pieces), 16384 bytes of memory")
        .stderr("m.raw.002 is missing")
        .check();
    // A number that no other file leads up to says nothing.
    folder.write("memory.2023", b"\x53\xff\0\xf0".repeat(2048));
    let scan = ["-f", "memory.2023", "-v", "version_scan"];
    folder.run(scan).status(1).stderr("raw memory, 8192 bytes of memory").check();
}

/// Every kind in the table is tested, except those that no file has.
#[test]
fn the_collection_is_complete() {
    let kinds: BTreeSet<&str> = samples().iter().map(|sample| sample.kind.words()).collect();
    assert!(kinds.len() + 12 > FileKind::ALL.len(), "{} of {}", kinds.len(), FileKind::ALL.len());
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/files.md").is_file());
}
