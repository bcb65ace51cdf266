//! Debug files that lie apart from their programs, found as GDB finds them.

use std::fs;
use std::path::PathBuf;

use crate::harness::Folder;
use crate::hostile_names::elf::{NOTE, PROGBITS, Section, elf};

fn put(folder: &Folder, name: &str, content: &[u8]) {
    fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
    folder.write(name, content);
}

/// A file with DWARF and a build-id.
fn debug_file() -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/dwarf/elf/gcc-x64");
    fs::read(path).unwrap()
}

fn build_id() -> Vec<u8> {
    dwarf_converter::build_id(&debug_file()).unwrap()
}

/// CRC-32 as zlib has it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

/// A program without debug information that names its debug file by a link, a build-id, or both.
fn stripped(link: Option<(&str, u32)>, build_id: Option<&[u8]>) -> Vec<u8> {
    let mut sections = vec![Section::new(".text", PROGBITS, vec![0x90; 16])];
    if let Some(id) = build_id {
        let header = [4, id.len() as u32, 3].map(u32::to_le_bytes).concat();
        sections.push(Section::new(".note.gnu.build-id", NOTE, [&header[..], b"GNU\0", id].concat()));
    }
    if let Some((name, checksum)) = link {
        let mut content = name.as_bytes().to_vec();
        content.push(0);
        content.resize(content.len().next_multiple_of(4), 0);
        content.extend(checksum.to_le_bytes());
        sections.push(Section::new(".gnu_debuglink", PROGBITS, content));
    }
    elf(2, sections)
}

#[test]
fn a_debug_link_is_followed_beside_the_file_and_below_the_folders_for_debug_files() {
    let content = debug_file();
    let expected = {
        let folder = Folder::new();
        folder.write("whole", &content);
        // The file is too small for a kernel, so that the verdict is negative.
        folder.run(["parse_dwarf", "whole"]).status(1).check()
    };
    for place in ["bin/prog.debug", "bin/.debug/prog.debug", "ROOT"] {
        let folder = Folder::new();
        put(&folder, "bin/prog", &stripped(Some(("prog.debug", crc32(&content))), None));
        let place = match place {
            "ROOT" => {
                let real = fs::canonicalize(folder.join("bin")).unwrap();
                format!("debug{}/prog.debug", real.display())
            }
            place => place.to_owned(),
        };
        put(&folder, &place, &content);
        for command in ["parse_dwarf", "parse"] {
            let made = folder.run([command, "bin/prog", "--debug-file-directory", "debug"]).status(1).check();
            assert_eq!(made, expected, "{command} {place}");
        }
    }
}

#[test]
fn a_debug_file_is_found_by_its_build_id() {
    let (content, id) = (debug_file(), build_id());
    let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let place = format!("other/.build-id/{}/{}.debug", &digits[..2], &digits[2..]);
    let folder = Folder::new();
    folder.write("prog", stripped(None, Some(&id)));
    put(&folder, &place, &content);
    folder
        .run(["parse_dwarf", "prog"])
        .status(2)
        .stderr("found an ELF file without debug information")
        .check();
    let options = ["--debug-file-directory", "none", "--debug-file-directory", "other"];
    let made = folder.run(["parse_dwarf", "prog"].iter().chain(&options)).status(1).check();
    assert!(made.contains("$STRUCTS"));
    // fetch_debug asks no server for what is there.
    for wanted in ["prog", &digits] {
        let found =
            folder.run(["fetch_debug", wanted, "--server", "http://127.0.0.1:9/"].iter().chain(&options));
        found.stderr(format!(".build-id/{}/{}.debug", &digits[..2], &digits[2..])).check();
    }
}

#[test]
fn a_debug_file_that_does_not_belong_to_the_program_is_passed_over() {
    let (content, id) = (debug_file(), build_id());
    let folder = Folder::new();
    folder.write("prog", stripped(Some(("prog.debug", 0x1234_5678)), None));
    folder.write("prog.debug", &content);
    folder
        .run(["parse_dwarf", "prog"])
        .status(2)
        .stderr(format!("prog.debug: its CRC-32 is {:08x}, expected 12345678", crc32(&content)))
        .stderr(".debug/prog.debug: it is not there")
        .check();
    // The link's own checksum is right, so only the build-id differs.
    let mut other = id.clone();
    other[0] ^= 1;
    let digits: String = other.iter().map(|byte| format!("{byte:02x}")).collect();
    folder.write("prog", stripped(Some(("prog.debug", 1)), Some(&other)));
    put(&folder, &format!("d/.build-id/{}/{}.debug", &digits[..2], &digits[2..]), &content);
    folder
        .run(["parse_dwarf", "prog", "--debug-file-directory", "d"])
        .status(2)
        .stderr(format!("expected {digits}"))
        .check();
}

/// A link is a name. What it names elsewhere, or what is not a regular file, is not opened.
#[test]
fn a_debug_link_leads_nowhere_else() {
    let content = debug_file();
    let folder = Folder::new();
    folder.write("secret.debug", &content);
    for name in ["../secret.debug", "/etc/passwd", "..", ""] {
        put(&folder, "bin/prog", &stripped(Some((name, crc32(&content))), None));
        folder.run(["parse_dwarf", "bin/prog"]).status(2).check();
    }
    #[cfg(unix)]
    {
        put(&folder, "bin/prog", &stripped(Some(("prog.debug", crc32(&content))), None));
        std::os::unix::fs::symlink(folder.join("secret.debug"), folder.join("bin/prog.debug")).unwrap();
        folder.run(["parse_dwarf", "bin/prog"]).status(2).check();
    }
}
