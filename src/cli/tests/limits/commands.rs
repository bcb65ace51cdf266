//! The program itself: its messages, and that it ends.
#![cfg(unix)]

use std::io::Read;
use std::path::Path;
use std::process::Command;

use profile::{Effort, GzipWriter};

use crate::elf::{PROGBITS, Section, abbreviations, elf, unit};
use crate::measure::alone;

/// Runs the program in a folder; returns its exit code and output.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rekall-profile"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_option_that_raises_the_limit_is_named_and_works() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut gzip = GzipWriter::new(Vec::new(), Effort::Default, 1);
    std::io::copy(&mut std::io::repeat(b' ').take(40 << 20), &mut gzip).unwrap();
    std::fs::write(folder.path().join("p.gz"), gzip.finish().unwrap()).unwrap();
    for command in ["parse_dwarf", "inspect", "check"] {
        let (code, text) = run(folder.path(), &[command, "p.gz"]);
        assert_eq!(code, Some(2), "{command}: {text}");
        assert!(
            text.contains("unpack to at least") && text.contains("--unpack-limit SIZE"),
            "{command}: {text}"
        );
        assert_eq!(text.matches("unpack to at least").count(), 1, "{command}: {text}");
        let (code, text) = run(folder.path(), &[command, "p.gz", "--unpack-limit", "64M"]);
        assert_eq!(code, Some(2), "{command}: {text}");
        assert!(!text.contains("unpack to"), "{command}: {text}");
        let (_, text) = run(folder.path(), &["--unpack-limit", "1K", command, "p.gz"]);
        assert!(text.contains("given with --unpack-limit is 1024"), "{command}: {text}");
    }
    let (code, text) = run(folder.path(), &["inspect", "p.gz", "--unpack-limit", "some"]);
    assert!(code == Some(2) && text.contains("20G or 512M"), "{text}");
}

#[test]
fn files_named_in_a_debug_file_never_block_and_never_lead_elsewhere() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    assert!(Command::new("mkfifo").arg(own.join("pipe")).status().unwrap().success());
    for (name, reason) in [
        ("/dev/zero", "outside the folders where such files belong"),
        ("../secret", "outside the folders where such files belong"),
        ("pipe", "it is a named pipe, expected a regular file"),
    ] {
        let link = [name.as_bytes(), &[0], &[0xab; 20]].concat();
        let file = elf(
            2,
            vec![
                Section::new(".debug_abbrev", PROGBITS, abbreviations()),
                Section::new(".debug_info", PROGBITS, unit(0x0c, 0, b"\x03s\0\x08")),
                Section::new(".gnu_debugaltlink", PROGBITS, link),
            ],
        );
        std::fs::write(own.join("vmlinux"), file).unwrap();
        let (code, text) = run(&own, &["parse_dwarf", "vmlinux", "-o", "p.json"]);
        assert!(matches!(code, Some(0 | 1)), "{name}: {code:?} {text}");
        assert!(text.contains(reason), "{name}: {text}");
    }
}

#[test]
fn parts_of_an_image_that_are_pipes_are_named() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.vmem"), vec![0; 1 << 20]).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path().join("m.vmss")).status().unwrap().success());
    let (_, text) = run(folder.path(), &["-f", "m.vmem", "version_scan"]);
    assert!(text.contains("m.vmss was not opened: it is a named pipe"), "{text}");
}
