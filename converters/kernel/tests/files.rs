//! Kernels as they are booted, made for the test: every compression, form and age.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;

use kernel_converter::{Carried, Converted, FileError, MADE_FROM, Origin, convert_file};
use kernel_files::{AGES, Age, Choice, Compression, Kernel, bzimage, packed, zboot};
use maps::kallsyms::Symbol;
use profile::{Arch, Silent};

const X86_64: u16 = 62;
const AARCH64: u16 = 183;
const X86_BASE: u64 = 0xffff_ffff_8100_0000;
const ARM64_BASE: u64 = 0xffff_8000_8000_0000;

fn types(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/btf");
    std::fs::read(root.join(name)).unwrap()
}

fn pc(age: Age) -> Kernel {
    let choice = if age < Age::V4_6 { Choice::Pointers } else { Choice::Relative };
    Kernel::new(age, choice, X86_BASE, &types("gcc-x64.btf"), false)
}

fn convert(file: &[u8]) -> Result<Converted, FileError> {
    convert_file(file, &Silent)
}

/// The profile has every symbol where the kernel has it, the types, and the identity.
fn is_of(converted: &Converted, kernel: &Kernel, arch: Arch, words: &str) {
    let profile = &converted.profile;
    assert_eq!(profile.arch, arch, "{words}");
    for (symbol, address) in &kernel.symbols {
        let name = profile.names.find(&symbol[1..]).unwrap_or_else(|| panic!("{words}: {symbol}"));
        let found = profile.constants.iter().find(|(known, _)| *known == name).map(|(_, at)| *at);
        assert_eq!(found, Some(*address), "{words}: {symbol}");
    }
    assert!(profile.types.records().len() > 3, "{words}");
    assert_eq!(profile.metadata_text("Release"), Some("6.6.7-test"), "{words}");
    assert_eq!(profile.metadata_text("BuildID"), Some("0123456789abcdef0123456789abcdef01234567"), "{words}");
    assert_eq!(profile.metadata_text(MADE_FROM), Some(Origin::File.words()), "{words}");
}

#[test]
fn every_compression_is_unpacked() {
    let kernel = pc(Age::V6_4);
    let elf = kernel.elf(X86_64);
    for compression in Compression::ALL {
        let file = bzimage(&packed(compression, &elf));
        let words = format!("{compression:?}");
        is_of(
            &convert(&file).unwrap_or_else(|error| panic!("{words}: {error:?}")),
            &kernel,
            Arch::Amd64,
            &words,
        );
        // A file that was cut gives an error, and so does one with a changed byte, unless that is in nobody's way.
        for length in [0, 1, 0x1f1, 0x210, 0x600, 0x910, file.len() / 2] {
            assert!(convert(&file[..length]).is_err(), "{words}, cut at {length}");
        }
        for at in (0x900..file.len()).step_by(file.len() / 40) {
            let mut changed = file.clone();
            changed[at] ^= 0x55;
            let _ = convert(&changed);
        }
    }
}

#[test]
fn every_age_is_read() {
    for age in AGES {
        let kernel = pc(age);
        is_of(&convert(&kernel.elf(X86_64)).unwrap(), &kernel, Arch::Amd64, &format!("{age:?}"));
    }
}

#[test]
fn an_arm64_kernel_tells_where_it_is_linked() {
    let bases = [ARM64_BASE, 0xffff_8000_0800_0000, 0xffff_8000_1000_0000, 0xffff_ffc0_0800_0000];
    for base in bases {
        for age in [Age::V4_20, Age::V6_2, Age::V6_4, Age::V7_0] {
            for fills_in in [false, true] {
                let types = types("gcc-arm64.btf");
                let kernel = Kernel::new(age, Choice::Relative, base, &types, fills_in);
                let words = format!("{base:#x} {age:?} {fills_in}");
                let image = kernel.arm64_image();
                is_of(&convert(&image).unwrap(), &kernel, Arch::Arm64, &words);
                is_of(&convert(&kernel.elf(AARCH64)).unwrap(), &kernel, Arch::Arm64, &words);
                if age == Age::V7_0 {
                    let zboot = zboot(&packed(Compression::Zstd, &image), "zstd22");
                    is_of(&convert(&zboot).unwrap(), &kernel, Arch::Arm64, &words);
                    let twice = packed(Compression::Gzip, &zboot);
                    is_of(&convert(&twice).unwrap(), &kernel, Arch::Arm64, &words);
                }
            }
        }
    }
}

#[test]
fn a_kernel_in_memory_whose_functions_were_scattered_says_so() {
    let types = types("gcc-x64.btf");
    let pairs = [
        "vfs_read vfs_write kernel_read kernel_write filp_open filp_close vfs_mkdir vfs_rmdir",
        "vfs_link vfs_unlink tcp_sendmsg tcp_recvmsg udp_sendmsg udp_recvmsg device_add device_del",
    ];
    let names = || pairs.iter().flat_map(|names| names.split(' '));
    for (step, origin, expected) in [
        (0x400, Origin::Image, None),
        (0x4_0000, Origin::Image, Some("of one boot")),
        // In a file every function is where it is linked.
        (0x4_0000, Origin::File, None),
    ] {
        let symbols: Vec<Symbol> = std::iter::once("_text")
            .chain(names())
            .zip((X86_BASE..).step_by(step))
            .map(|(name, address)| Symbol { kind: b'T', name: name.to_owned(), address })
            .collect();
        let carried = Carried {
            origin,
            arch: Arch::Amd64,
            types: &types,
            symbols: &symbols,
            shift: Some(0),
            banner: None,
            release: Some("6.6.7-test"),
            build_id: None,
        };
        let converted = kernel_converter::convert(&carried, &Silent).unwrap();
        assert_eq!(converted.profile.metadata_text("Functions"), expected, "{step:#x} {origin:?}");
        let warned = converted.report.warnings().iter().any(|warning| warning.contains("FG-KASLR"));
        assert_eq!(warned, expected.is_some(), "{step:#x} {origin:?}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let bare = Kernel::new(Age::V6_4, Choice::Relative, X86_BASE, &[], false);
    let error = convert(&bare.elf(X86_64)).unwrap_err();
    assert!(error.to_string().starts_with("Linux 6.6.7-test carries no description of its types"), "{error}");
    let mut kernel = pc(Age::V6_4);
    let table = kernel.memory.len() - 0x8000;
    kernel.memory[table..].fill(0);
    let error = convert(&kernel.elf(X86_64)).unwrap_err();
    assert!(matches!(error, FileError::NoSymbols { .. }), "{error}");
    let error = convert(b"MZ and nothing behind it").unwrap_err();
    assert!(matches!(error, FileError::NotAKernel { .. }), "{error}");
    let error = convert(&bzimage(b"packed in no known way")).unwrap_err();
    assert!(error.to_string().contains("the bzImage cannot be unpacked"), "{error}");
}
