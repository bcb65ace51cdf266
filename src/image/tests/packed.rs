//! Images that are packed as a whole, and sets of pieces.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use image::{Container, Image, Memory, PhysicalAddress, needs_unpacking};

/// Memory that packs badly enough for the limits, with a block of zeros in it.
fn memory() -> Vec<u8> {
    let mut state = 1u32;
    let mut content: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 28) as u8
    })
    .take(400_000)
    .collect();
    content[100_000..300_000].fill(0);
    content
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn xz(content: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn whole(image: &Image) -> Vec<u8> {
    let mut content = vec![0; image.size() as usize];
    image.read(PhysicalAddress(0), &mut content).unwrap();
    content
}

fn open(path: &Path) -> Result<Image, String> {
    Image::open(path).map_err(|error| error.to_string())
}

/// Zeros take no place in the temporary file, and idle machines have little else: they may pack by more than anything else
/// may. They are bounded all the same.
#[test]
fn memory_that_is_nearly_all_zero_opens_and_other_bombs_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let best = |content: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    };
    let mut idle = memory();
    idle.resize(160 << 20, 0);
    for (name, packed) in [("idle.raw.gz", best(&idle)), ("idle.raw.xz", xz(&idle))] {
        assert!(idle.len() as u64 > 200 * packed.len() as u64, "{name}: {}", packed.len());
        fs::write(folder.path().join(name), packed).unwrap();
        let image = open(&folder.path().join(name)).unwrap();
        assert_eq!(image.size(), idle.len() as u64, "{name}");
        let mut start = vec![0; 400_000];
        image.read(PhysicalAddress(0), &mut start).unwrap();
        assert_eq!(start, memory(), "{name}");
    }
    for (name, packed) in [("ones.gz", best(&vec![1; 64 << 20])), ("zeros.xz", xz(&vec![0; 400 << 20]))] {
        fs::write(folder.path().join(name), packed).unwrap();
        let error = open(&folder.path().join(name)).unwrap_err();
        assert!(error.contains("--unpack-limit"), "{name}: {error}");
    }
}

#[test]
fn packed_images_are_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let memory = memory();
    for (name, packed) in [
        ("m.raw.gz", gzip(&memory)),
        ("m.raw.xz", xz(&memory)),
        ("m.raw.zst", zstd(&memory)),
        ("m.zip", zip(&[("folder/m.raw", &memory), ("__MACOSX/._m.raw", b"x")])),
        // Several parts, one behind the other.
        ("parts.gz", [gzip(&memory[..150_000]), gzip(&memory[150_000..])].concat()),
        ("parts.zst", [zstd(&memory[..150_000]), zstd(&memory[150_000..])].concat()),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, packed).unwrap();
        assert!(needs_unpacking(&path), "{name}");
        let image = open(&path).unwrap();
        assert_eq!((image.container(), image.packing()), (Container::Raw, Some(Container::Packed)), "{name}");
        assert!(whole(&image) == memory, "{name}");
        assert!(image.report().warnings().iter().any(|warning| warning.contains("temporary file")), "{name}");
    }
    // Nothing is left beside them.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 6);
}

#[test]
fn what_a_packed_file_holds_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let text = b"Nothing but a text, line for line.\n".repeat(300);
    let error = open(&at("text.gz", &gzip(&text))).unwrap_err();
    assert!(error.contains("in a gzip file") && error.contains("found a text"), "{error}");
    let error = open(&at("twice.gz", &gzip(&gzip(&memory())))).unwrap_err();
    assert!(error.contains("found a gzip file"), "{error}");
    let two = zip(&[("a.raw", &memory()[..5000]), ("b.raw", &memory()[..5000])]);
    let error = open(&at("two.zip", &two)).unwrap_err();
    assert!(error.contains("one file in the archive") && error.contains("found 2 files"), "{error}");
    let error = open(&at("none.zip", &zip(&[]))).unwrap_err();
    assert!(error.contains("found 0 files"), "{error}");
    // Damaged and cut.
    for (name, packed) in [
        ("c.gz", gzip(&memory())),
        ("c.xz", xz(&memory())),
        ("c.zst", zstd(&memory())),
        ("c.zip", zip(&[("m", &memory())])),
    ] {
        let error = open(&at(name, &packed[..packed.len() / 2])).unwrap_err();
        assert!(error.contains("packed file"), "{name}: {error}");
    }
    // What is not zero is written: it packs a thousandfold, more than is allowed.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![1; 64 << 20]).unwrap();
    let error = open(&at("ones.gz", &encoder.finish().unwrap())).unwrap_err();
    assert!(error.contains("--unpack-limit"), "{error}");
}

/// A VMware memory file keeps its name inside the packed file, so that its state is found beside it.
#[test]
fn what_belongs_to_a_packed_image_is_looked_for_by_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.vmem.gz");
    fs::write(&path, gzip(&memory())).unwrap();
    let warnings: Vec<String> = open(&path).unwrap().report().warnings().to_vec();
    assert!(warnings.iter().any(|warning| warning.contains("no .vmss or .vmsn file")), "{warnings:?}");
}

#[test]
fn a_missing_piece_is_named_and_the_others_stay_in_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let memory = memory();
    for (index, piece) in memory.chunks(0x1_0000).enumerate() {
        fs::write(at(&format!("m.raw.{:03}", index + 1)), piece).unwrap();
    }
    assert!(whole(&open(&at("m.raw.001")).unwrap()) == memory);
    fs::remove_file(at("m.raw.003")).unwrap();
    let image = open(&at("m.raw.001")).unwrap();
    let runs: Vec<String> = image.runs().iter().map(ToString::to_string).collect();
    assert_eq!(runs, ["0x0..0x20000", "0x30000..0x61a80"]);
    let told: Vec<String> = image.report().losses().flat_map(|(_, tally)| tally.examples.clone()).collect();
    assert!(told.iter().any(|text| text.contains("m.raw.003 is missing")), "{told:?}");
    let mut bytes = [0; 16];
    image.read(PhysicalAddress(0x3_0000), &mut bytes).unwrap();
    assert_eq!(bytes, memory[0x3_0000..0x3_0010]);
    // A later piece is not an image, whether the ones before it are there or not.
    for name in ["m.raw.002", "m.raw.004"] {
        let error = open(&at(name)).unwrap_err();
        assert!(error.contains("a piece of a raw image"), "{name}: {error}");
    }
    fs::remove_file(at("m.raw.001")).unwrap();
    for name in ["m.raw.002", "m.raw.004"] {
        let error = open(&at(name)).unwrap_err();
        assert!(error.contains("m.raw.001, is missing"), "{name}: {error}");
    }
    // A number at the end of a name does not make a piece of a file that stands alone.
    fs::write(at("dump.20260101"), &memory).unwrap();
    fs::write(at("dump.2026"), &memory).unwrap();
    assert!(open(&at("dump.20260101")).is_ok() && open(&at("dump.2026")).is_ok());
}
