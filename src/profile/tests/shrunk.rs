//! A mapped file that shrinks while it is read ends the process with a message instead of a bare signal.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use profile::MappedFile;

/// Set in the process that is expected to end.
const VICTIM: &str = "REKALL_PROFILE_TEST_SHRINKS";

#[test]
fn a_file_that_shrinks_is_named_and_the_exit_code_is_2() {
    if let Some(path) = std::env::var_os(VICTIM) {
        profile::report_shrunken_files();
        let file = MappedFile::open(path.as_ref()).unwrap();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(10).unwrap();
        let sum: u64 = file.iter().map(|byte| u64::from(*byte)).sum();
        panic!("read {sum} from a file that is gone");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence\u{202e}.dwarf");
    std::fs::write(&path, vec![1; 1 << 20]).unwrap();
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_file_that_shrinks_is_named_and_the_exit_code_is_2", "--nocapture"])
        .env(VICTIM, &path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{text}");
    assert!(text.contains("evidence?.dwarf: the file became shorter"), "{text}");
}
