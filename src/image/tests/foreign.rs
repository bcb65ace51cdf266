//! Containers made by other programs (`testdata/image`): each contains the pages that were put in.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
mod layout;

use std::io::Read;
use std::path::{Path, PathBuf};

use image::{Container, Hit, Image, Memory, PhysicalAddress, ScanPlan, find};
use layout::page;

/// The place of the pages.
const START: u64 = 1 << 20;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/image").join(name)
}

fn unpacked(name: &str) -> Image {
    let packed = std::fs::File::open(path(name)).unwrap();
    let mut content = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed).unwrap().read_to_end(&mut content).unwrap();
    Image::from_content(content).unwrap()
}

#[track_caller]
fn check(image: &Image, container: Container, packing: Option<Container>) {
    assert_eq!((image.container(), image.packing()), (container, packing));
    assert_eq!(image.report().total(), 0, "{:?}", image.report());
    let mut read = vec![0; 4096];
    for number in 0..10 {
        image.read(PhysicalAddress(START + number * 4096), &mut read).unwrap();
        assert_eq!(read, page(number), "page {number}");
    }
    let found = find(image, &[b"RSDS"], usize::MAX, &ScanPlan::default());
    assert_eq!(found.found, [Hit { at: PhysicalAddress(START + 10 * 4096), needle: 0 }]);
    // The bytes before them exist and are zero.
    image.read(PhysicalAddress(0x1000), &mut read).unwrap();
    assert_eq!(read, [0; 4096]);
}

#[test]
fn qemus_elf_core() {
    let image = unpacked("core.elf.zst");
    check(&image, Container::ElfCore, None);
    assert_eq!(image.hints().cpus.len(), 1);
    // The reset address of an x86 processor.
    assert_eq!(image.hints().cpus[0].instruction.to_string(), "0xfff0");
}

#[test]
fn qemus_flattened_kdump() {
    let image = unpacked("memory.kdump.zst");
    check(&image, Container::Kdump, Some(Container::Flattened));
}

#[test]
fn avmls_lime() {
    check(&unpacked("memory.lime.zst"), Container::Lime, None);
}

#[test]
fn avmls_own_format() {
    check(&unpacked("memory.avml.zst"), Container::Avml, None);
}

#[test]
fn ewfacquires_e01() {
    check(&Image::open(&path("memory.E01")).unwrap(), Container::Raw, Some(Container::Ewf));
}
