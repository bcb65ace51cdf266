//! Profiles made from real images alone, with decoys next to the kernel's own types.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::PathBuf;

use image::{Image, ScanPlan};
use profile::{MAX_TEXT, unpack};
use repository::of_image::{MadeOfImage, Unmade, make};

fn raw(kernel: &str) -> Vec<u8> {
    let root = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS names the folder of real files");
    let packed = std::fs::read(PathBuf::from(root).join("images").join(kernel).join("full.raw.xz")).unwrap();
    unpack(&packed, MAX_TEXT).unwrap().into_owned()
}

fn made(content: &[u8]) -> Result<MadeOfImage, Vec<Unmade>> {
    make(&Image::from_content(content.to_vec()).unwrap(), false, &ScanPlan::default())
}

/// The kernel's own types: the longest blob.
fn blob(content: &[u8]) -> std::ops::Range<usize> {
    let word = |at: usize| u32::from_le_bytes(content[at..at + 4].try_into().unwrap()) as usize;
    let blobs = memchr::memmem::find_iter(content, &[0x9f, 0xeb, 1, 0, 24, 0, 0, 0]);
    let blobs =
        blobs.map(|at| at..at.saturating_add(24).saturating_add(word(at + 16)).saturating_add(word(at + 20)));
    let whole = blobs.filter(|blob| blob.end <= content.len() && content[blob.end - 1] == 0);
    whole.max_by_key(ExactSizeIterator::len).unwrap()
}

/// Areas of zeros with space for `length` bytes, the first before and the last after `place`.
fn rooms(content: &[u8], length: usize, place: usize) -> Vec<usize> {
    let mut rooms = Vec::new();
    let mut start = None;
    for at in (0..content.len()).step_by(4096) {
        let is_free = content[at..at + 4096].iter().all(|byte| *byte == 0);
        match (is_free, start) {
            (true, None) => start = Some(at),
            (true, Some(from)) if at - from >= length => {
                rooms.push(from);
                start = None;
            }
            (false, _) => start = None,
            _ => {}
        }
    }
    let before = rooms.iter().copied().find(|room| *room < place);
    let behind = rooms.iter().copied().rfind(|room| *room > place);
    before.into_iter().chain(behind).collect()
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_decoy_next_to_the_right_types_is_skipped() {
    let other = raw("linux-6.1-cloud");
    let mut content = raw("linux-7.3-cloud");
    let (decoy, own) = (&other[blob(&other)], blob(&content));
    let right = made(&content).unwrap_or_else(|unmade| panic!("{unmade:?}"));
    let rooms = rooms(&content, decoy.len() + 8192, own.start);
    assert!(!rooms.is_empty(), "the image has free memory");
    for room in rooms {
        content[room + 0x70..][..decoy.len()].copy_from_slice(decoy);
    }
    let beside = made(&content).unwrap_or_else(|unmade| panic!("{unmade:?}"));
    assert!(beside.packed == right.packed, "the same profile");
    assert!(beside.passed_over.iter().any(|line| line.starts_with("not used: BTF by its magic number")));
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_copy_of_the_types_is_used_if_those_of_the_kernel_were_changed() {
    let mut content = raw("linux-7.3-cloud");
    let own = blob(&content);
    let right = made(&content).unwrap_or_else(|unmade| panic!("{unmade:?}"));
    let copy = content[own.clone()].to_vec();
    // The header is intact; the types are not.
    content[own.start + 0x2000..own.start + 0x4000].fill(0xff);
    let unmade = made(&content).err().expect("no profile");
    assert_eq!(unmade.len(), 1);
    assert!(unmade[0].kernel.starts_with("Linux 7.3.4"), "{unmade:?}");
    assert_eq!(unmade[0].build_id.as_deref(), Some("1fe9968467f2755292a45806719b9bba136b0cc8"));
    let package = unmade[0].package.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(package.contains("linux-image-7.3.4+deb13-cloud-amd64-dbg"), "{package}");
    let room = *rooms(&content, copy.len() + 8192, own.start).last().unwrap();
    content[room + 0x70..][..copy.len()].copy_from_slice(&copy);
    let again = made(&content).unwrap_or_else(|unmade| panic!("{unmade:?}"));
    assert!(again.packed == right.packed, "the same profile");
}
