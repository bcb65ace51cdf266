//! Every kind is recognised, by its content wherever possible, and damage never leads to a wrong kind.

use std::path::Path;

use file_samples::{Sample, samples};
use formats::{Detail, FileKind, Group, Start, identify, identify_path};

fn named(sample: &Sample) -> FileKind {
    identify(&sample.bytes.as_slice(), Some(Path::new(&sample.name))).kind
}

#[test]
fn every_sample_is_identified() {
    let wrong: Vec<String> = samples()
        .iter()
        .filter(|sample| named(sample) != sample.kind)
        .map(|sample| format!("{}: {:?}, not {:?}", sample.name, named(sample), sample.kind))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Kinds that are not files, that only a reader of the whole file finds, or that stand in for others while only the
/// first bytes are known.
const WITHOUT_SAMPLE: [FileKind; 9] = [
    FileKind::Folder,
    FileKind::DsymBundle,
    FileKind::BlockDevice,
    FileKind::CharacterDevice,
    FileKind::Pipe,
    FileKind::VirtualCore,
    FileKind::VmwareCompressed,
    FileKind::Elf,
    FileKind::MachO,
];

#[test]
fn every_kind_has_a_sample() {
    let samples = samples();
    let without: Vec<&FileKind> = FileKind::ALL
        .iter()
        .filter(|kind| !samples.iter().any(|sample| sample.kind == **kind) && !WITHOUT_SAMPLE.contains(kind))
        .collect();
    assert!(
        without.is_empty(),
        "give each of these kinds a signature in its row, or a small file in testdata/files/src (or add it to WITHOUT_SAMPLE, with the reason): {without:?}"
    );
}

/// Otherwise the order of the rows would decide.
#[test]
fn no_signature_begins_with_that_of_another_kind() {
    for (signature, kind) in FileKind::SIGNATURES {
        assert!(signature.len() >= 4, "{kind:?}: shorter signatures need a recogniser that checks more");
        for (other, its) in FileKind::SIGNATURES {
            assert!(
                kind == its || !signature.starts_with(other),
                "{kind:?} begins with the signature of {its:?}"
            );
        }
    }
}

#[test]
fn names_count_only_where_content_cannot_tell() {
    for sample in samples() {
        let kind = identify(&sample.bytes.as_slice(), None).kind;
        match sample.kind {
            FileKind::HyperVState | FileKind::RawPiece => assert_eq!(kind, FileKind::Unknown),
            FileKind::HibernationZeroed => {
                assert!(matches!(kind, FileKind::HibernationZeroed | FileKind::Zeros));
            }
            expected => assert_eq!(kind, expected, "{}", sample.name),
        }
        // The name makes no difference for kinds that content identifies.
        if kind != FileKind::Unknown && kind != FileKind::Zeros {
            for name in ["x.vmrs", "x.001", "hiberfil.sys", "x.pdb"] {
                let renamed = identify(&sample.bytes.as_slice(), Some(Path::new(name))).kind;
                assert_eq!(renamed, kind, "{} as {name}", sample.name);
            }
        }
    }
}

#[test]
fn words_and_advice_are_whole() {
    let mut words: Vec<&str> = FileKind::ALL.iter().map(|kind| kind.words()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), FileKind::ALL.len(), "two kinds have the same words");
    for kind in FileKind::ALL {
        let (words, advice) = (kind.words(), kind.advice());
        let article = ["a ", "an ", "the ", "LLVM "].iter().any(|article| words.starts_with(article));
        assert!(article && !words.ends_with('.') && !words.contains('\n'), "{words}");
        assert!(advice.len() > 10 && !advice.ends_with('.') && !advice.contains('\n'), "{advice}");
        assert!(!advice.contains("  "), "{kind:?}: {advice}");
        assert_eq!(advice.matches('`').count() % 2, 0, "{advice}");
        if kind.group() != Group::Text {
            let exempt = [FileKind::Empty, FileKind::Zeros, FileKind::VirtualCore, FileKind::Ad1]
                .contains(kind)
                || kind.group() == Group::Disk;
            assert!(exempt || advice.contains('`'), "{kind:?} has no command line: {advice}");
        }
    }
}

#[test]
fn executables_name_their_pdb() {
    let of = |name: &str| {
        let sample = samples().into_iter().find(|sample| sample.name == name).unwrap();
        identify(&sample.bytes.as_slice(), None)
    };
    let driver = of("driver.sys");
    assert_eq!(
        driver.to_string(),
        "a Windows executable (PE) that names ntkrnlmp.pdb E2A8B5C9F4B7F84BA6E4A48F180099942"
    );
    assert_eq!(
        driver.advice(),
        "`rekall-profile fetch_pdb ntkrnlmp.pdb E2A8B5C9F4B7F84BA6E4A48F180099942` fetches the PDB that it names"
    );
    // A record without a PDB name does not hide one with a name.
    assert!(matches!(of("two-records.sys").detail, Some(Detail::Pdb { name, .. }) if name == "k.pdb"));
    assert_eq!(
        of("mingw.dll").to_string(),
        "a Windows executable (PE) without the name of a PDB, whose debug record has the GUID \
         E2A8B5C9F4B7F84BA6E4A48F180099942"
    );
    let module = of("module.ko");
    let id = "ab".repeat(20);
    assert_eq!(module.to_string(), format!("an ELF file without debug information with the build-id {id}"));
    assert!(module.advice().contains(&format!("`rekall-profile fetch_debug {id}`")));
    assert_eq!(of("random").to_string(), "a file of unknown kind that begins with 01 fe 93 17");
}

#[test]
fn first_bytes_alone_prove_nothing_about_the_rest() {
    let mut wrong = Vec::new();
    for sample in samples() {
        let start = sample.bytes.get(..64).unwrap_or(&sample.bytes);
        if start.len() < 64 {
            continue;
        }
        let kind = identify(&Start(start), None).kind;
        let general = match sample.kind {
            FileKind::Pe | FileKind::PeWithoutPdb | FileKind::DosProgram => {
                kind == FileKind::Pe || kind == FileKind::DosProgram
            }
            FileKind::Pdb | FileKind::PdbFastLink | FileKind::PdbCut => kind == FileKind::Pdb,
            _ => true,
        };
        let cut = matches!(
            kind,
            FileKind::ElfCut | FileKind::PdbCut | FileKind::ElfStripped | FileKind::MachOStripped
        );
        if !general || cut {
            wrong.push(format!("{}: {kind:?}", sample.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(FileKind::of_start(b"\x7fELF\x02\x01"), FileKind::Elf);
    assert_eq!(FileKind::of(b"\x7fELF\x02\x01"), FileKind::ElfCut);
}

/// A truncated file is identified less precisely than the whole one, and never as something else.
#[test]
fn truncated_files_are_not_mistaken_for_other_kinds() {
    for sample in samples() {
        for length in 0..sample.bytes.len().min(700) {
            let kind = identify(&sample.bytes.get(..length).unwrap_or_default(), None).kind;
            let fits = kind == sample.kind
                || kind.group() == sample.kind.group()
                || matches!(kind, FileKind::Empty | FileKind::Zeros | FileKind::Unknown | FileKind::Text)
                // Truncation makes texts, disks with a footer and dumps with a title less certain.
                || matches!(kind, FileKind::Json | FileKind::Xml | FileKind::Html | FileKind::SymbolMap | FileKind::Zip)
                || matches!(kind, FileKind::DosProgram | FileKind::ElfCut | FileKind::MachOStripped | FileKind::PdbCut)
                || matches!(kind, FileKind::ElfCore | FileKind::MachO);
            assert!(fits, "{} cut to {length}: {kind:?}", sample.name);
        }
    }
}

/// One changed byte changes the kind only if that byte tells the two kinds apart.
#[test]
fn one_changed_byte_does_not_mislead() {
    for sample in samples() {
        for at in 0..sample.bytes.len().min(512) {
            for flip in [0x01, 0x20, 0x80, 0xff] {
                let mut bytes = sample.bytes.clone();
                bytes[at] ^= flip;
                let kind = identify(&bytes.as_slice(), None).kind;
                let fits = kind == sample.kind
                    || kind.group() == sample.kind.group()
                    || matches!(
                        kind,
                        FileKind::Unknown | FileKind::Text | FileKind::Zeros | FileKind::DosProgram
                    )
                    || matches!(sample.kind, FileKind::Zeros | FileKind::Text | FileKind::Unknown);
                // Formats that a single byte identifies.
                let near = matches!(
                    (sample.kind, kind),
                    (FileKind::Ewf, _)
                        | (FileKind::ElfCore | FileKind::XenCore | FileKind::MachCore, _)
                        | (_, FileKind::ElfCore | FileKind::MachCore)
                        | (FileKind::Dwo | FileKind::Dwp, FileKind::ElfStripped | FileKind::ElfCut)
                        | (FileKind::Aff4, FileKind::Zip)
                        | (FileKind::HiddenSymbolMap, _)
                        | (_, FileKind::Json | FileKind::Xml)
                        | (FileKind::VmdkDescriptor, _)
                        | (FileKind::Breakpad, _)
                        | (
                            FileKind::HibernationZeroed
                                | FileKind::Dmg
                                | FileKind::FileSystem
                                | FileKind::Iso,
                            _
                        )
                );
                assert!(fits || near, "{}, byte {at:#x} ^ {flip:#x}: {kind:?}", sample.name);
            }
        }
    }
}

#[test]
fn raw_memory_is_not_refused() {
    let mut vectors = b"\x53\xff\0\xf0".repeat(256);
    vectors.resize(8192, 0);
    for memory in [&vectors[..], &[&[0; 4096][..], b"MZ\x90"].concat(), &[b"{\0\0\0", &[0; 600][..]].concat()]
    {
        assert!(FileKind::of(memory).may_be_memory(), "{:?}", FileKind::of(memory));
    }
    // The start of a program located at address zero.
    assert!(FileKind::of(&[b"MZ", &[0; 600][..]].concat()).may_be_memory());
}

#[test]
fn large_files_of_zeros_are_sampled() {
    struct Large;
    impl formats::Content for Large {
        fn length(&self) -> Option<u64> {
            Some(1 << 40)
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
            assert!(buffer.len() <= 1 << 20, "{offset}");
            buffer.fill(0);
            buffer.len()
        }
    }
    assert_eq!(identify(&Large, None).kind, FileKind::Zeros);
}

#[test]
fn folders_and_devices_are_identified_by_path() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(identify_path(folder).unwrap().kind, FileKind::Folder);
    assert_eq!(identify_path(&folder.join("Cargo.toml")).unwrap().kind, FileKind::Text);
    assert!(identify_path(&folder.join("missing")).is_err());
    #[cfg(unix)]
    assert_eq!(identify_path(Path::new("/dev/null")).unwrap().kind, FileKind::CharacterDevice);
}
