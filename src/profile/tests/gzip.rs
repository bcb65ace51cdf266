//! The gzip form: one member, the same bytes with any number of threads, and the inputs that the inflater refuses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod texts;

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Command;

use profile::{Effort, GzipWriter, InflateError, inflate};
use sha2::{Digest, Sha256};

const BLOCK: usize = 1 << 20;
const BEST_BLOCK: usize = 4 << 20;

fn gzip(text: &[u8], effort: Effort, threads: usize) -> Vec<u8> {
    gzip_in_pieces(text, effort, threads, text.len().max(1))
}

fn gzip_in_pieces(text: &[u8], effort: Effort, threads: usize, piece: usize) -> Vec<u8> {
    let mut writer = GzipWriter::new(Vec::new(), effort, threads);
    for piece in text.chunks(piece) {
        writer.write_all(piece).unwrap();
    }
    writer.finish().unwrap()
}

/// Reads only the first member, and returns how many bytes follow it.
fn first_member(gz: &[u8]) -> (Vec<u8>, usize) {
    let mut decoder = flate2::bufread::GzDecoder::new(gz);
    let mut text = Vec::new();
    decoder.read_to_end(&mut text).unwrap();
    (text, decoder.into_inner().len())
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn one_member_holds_texts_of_every_size_around_a_block() {
    let longest = texts::profile(3 * BLOCK + 1);
    for length in [0, 1, 2, 40, 100, 70_000, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK, 3 * BLOCK + 1]
    {
        let text = &longest[..length];
        for threads in [1, 2] {
            let gz = gzip(text, Effort::Default, threads);
            assert!(first_member(&gz) == (text.to_vec(), 0), "{length} bytes, {threads} threads");
            assert!(inflate(&gz, length).unwrap() == text, "{length} bytes, {threads} threads");
            let mut room = vec![0; length];
            let read = libdeflater::Decompressor::new().gzip_decompress(&gz, &mut room).unwrap();
            assert!(room[..read] == *text, "{length} bytes, {threads} threads");
        }
    }
}

#[test]
fn one_member_holds_texts_around_a_block_of_best() {
    let longest = texts::profile(BEST_BLOCK + 1);
    for length in [0, 1, 300, 60_000, BEST_BLOCK, BEST_BLOCK + 1] {
        let text = &longest[..length];
        let gz = gzip(text, Effort::Best, 2);
        assert!(first_member(&gz) == (text.to_vec(), 0), "{length} bytes");
    }
}

#[test]
fn incompressible_text_survives() {
    let mut text = Vec::new();
    let mut state = [0; 32];
    while text.len() < 2 * BLOCK + 5 {
        state = Sha256::digest(state).into();
        text.extend_from_slice(&state);
    }
    let gz = gzip(&text, Effort::Default, 3);
    assert!(gz.len() < text.len() + text.len() / 1000);
    assert!(first_member(&gz) == (text, 0));
}

#[test]
fn the_header_names_nothing_of_this_machine() {
    assert_eq!(gzip(b"{}", Effort::Default, 1)[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    assert_eq!(gzip(b"{}", Effort::Best, 1)[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
}

#[test]
fn bytes_depend_on_the_text_alone() {
    let text = texts::profile(4 * BLOCK + 4321);
    let expected = gzip(&text, Effort::Default, 1);
    for threads in [0, 2, 3, 8] {
        for piece in [1000, 65_536, BLOCK, BLOCK + 1, text.len()] {
            let found = gzip_in_pieces(&text, Effort::Default, threads, piece);
            assert!(found == expected, "{threads} threads, pieces of {piece}");
        }
    }
    let short = &text[..5000];
    assert_eq!(gzip_in_pieces(short, Effort::Default, 2, 1), gzip(short, Effort::Default, 1));
}

#[test]
fn bytes_of_best_depend_on_the_text_alone() {
    let text = texts::profile(BEST_BLOCK + 4321);
    let expected = gzip(&text, Effort::Best, 1);
    assert!(gzip_in_pieces(&text, Effort::Best, 2, 65_536) == expected);
    let short = &text[..30_000];
    assert!(gzip_in_pieces(short, Effort::Best, 2, 7) == gzip(short, Effort::Best, 1));
}

#[test]
fn flushing_changes_no_bytes() {
    let text = texts::profile(10_000);
    let mut writer = GzipWriter::new(Vec::new(), Effort::Default, 1);
    for piece in text.chunks(999) {
        writer.write_all(piece).unwrap();
        writer.flush().unwrap();
    }
    assert_eq!(writer.finish().unwrap(), gzip(&text, Effort::Default, 1));
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn sizes_keep_to_the_yardstick() {
    let corpus = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS names the folder of real files");
    // The text's length, and the size that zopfli 0.8.4 reaches, which takes some seconds.
    for (name, length, zopfli) in [
        ("HighSierra_10.13.3_17D47", 3_165_168, 481_228),
        ("ntkrnlpa.pdb.bd8f451f3e754ed8a34b50560ceb08e31.rekall", 701_386, 147_488),
        ("ntoskrnl.pdb.32962337f0f646388b39535cd8dd70e82.rekall", 697_790, 149_179),
        ("rekall-linux-module-ko-dw4", 4_456_687, 841_106),
    ] {
        let path = Path::new(&corpus).join("golden").join(format!("{name}.json.xz"));
        let xz = Command::new("xz").arg("-dc").arg(&path).output().unwrap();
        assert!(xz.status.success(), "{}", path.display());
        assert_eq!(xz.stdout.len(), length, "{name}");
        for (effort, limit) in [(Effort::Default, 112.0), (Effort::Best, 101.0)] {
            let percent = gzip(&xz.stdout, effort, 2).len() as f64 / f64::from(zopfli) * 100.0;
            assert!(percent <= limit, "{name}, {effort:?}: {percent:.2} % of zopfli's size");
        }
    }
}

/// A change here changes every file that we write, so it belongs in the changelog.
#[test]
fn the_bytes_do_not_change() {
    let text = texts::profile(BEST_BLOCK + 300_000);
    assert_eq!(
        hex(&text),
        "d65219983985a8215035db73ee589380e35d3800db2ff15788afecd3ff66c0ad",
        "the made-up text itself"
    );
    assert_eq!(
        hex(&gzip(&text, Effort::Default, 2)),
        "d30205380b587dc1e7a2d08dfbfe98212757de03cfcabb4765e1a4d380def0a6"
    );
    assert_eq!(
        hex(&gzip(&text[..100_000], Effort::Best, 2)),
        "877444676bf6667288dc08382285206c09a1aff2f82507000682c5a4ce45659f"
    );
    assert_eq!(
        hex(&gzip(&text, Effort::Best, 2)),
        "0fe4b9e337f6a38fcee8e1a04c52d668872e3a44a70d4806ec88f9fb5b9c03fe"
    );
}

/// Accepts `room` bytes, then fails.
struct Full {
    room: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no room"));
        }
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_of_the_sink_is_returned_and_ends_all() {
    let text = texts::profile(6 * BLOCK);
    let whole = gzip(&text, Effort::Default, 1).len();
    for threads in [1, 2, 8] {
        for room in [0, 5, whole / 2, whole - 1] {
            let mut writer = GzipWriter::new(Full { room }, Effort::Default, threads);
            let written = writer.write_all(&text);
            if written.is_err() {
                assert!(writer.write(b"more").is_err(), "a writer that failed takes no more");
                assert!(writer.flush().is_err());
            }
            let failed = written.and_then(|()| writer.finish().map(drop)).unwrap_err();
            assert_eq!(failed.kind(), io::ErrorKind::StorageFull, "{threads} threads, room for {room}");
        }
    }
}

#[test]
fn a_writer_that_failed_cannot_finish() {
    let mut writer = GzipWriter::new(Full { room: 3 }, Effort::Default, 1);
    writer.write_all(&texts::profile(2 * BLOCK)).unwrap_err();
    assert!(writer.finish().is_err());
}

#[test]
fn a_writer_may_be_dropped_at_any_time() {
    let text = texts::profile(5 * BLOCK);
    for length in [0, 10, BLOCK + 1, text.len()] {
        let mut writer = GzipWriter::new(Vec::new(), Effort::Default, 4);
        writer.write_all(&text[..length]).unwrap();
    }
}

#[test]
fn inflates_every_header_field_and_several_members() {
    let mut gz = flate2::GzBuilder::new()
        .filename("a name")
        .comment("a comment")
        .extra(vec![1, 2, 3, 0, 5])
        .mtime(7)
        .write(Vec::new(), flate2::Compression::fast());
    gz.write_all(b"one, ").unwrap();
    let mut gz = gz.finish().unwrap();
    gz.extend(gzip(b"", Effort::Default, 1));
    gz.extend(gzip(b"two, ", Effort::Best, 1));
    gz.extend(gzip(b"two, ", Effort::Best, 1));
    assert_eq!(inflate(&gz, 15).unwrap(), b"one, two, two, ");
    gz.extend([0; 512]);
    assert_eq!(inflate(&gz, 15).unwrap(), b"one, two, two, ", "zeros are padding");
    assert_eq!(inflate(&gz, 14), Err(InflateError::TooLong { limit: 14 }));
}

#[test]
fn checks_the_checksum_of_a_header() {
    // RFC 1952, section 2.3: CRC16 is the lower half of the header's CRC-32.
    let mut header = vec![0x1f, 0x8b, 8, 0b1010, 0, 0, 0, 0, 0, 255, b'a', 0];
    let crc = crc32fast::hash(&header) as u16;
    header.extend(crc.to_le_bytes());
    let plain = gzip(b"text", Effort::Default, 1);
    let mut gz = [&header[..], &plain[10..]].concat();
    assert_eq!(inflate(&gz, 100).unwrap(), b"text");
    gz[10] = b'b';
    assert_eq!(inflate(&gz, 100), Err(InflateError::Damaged { offset: 0, place: 12 }));
}

#[test]
fn refuses_trailing_data_with_its_place() {
    let mut gz = gzip(b"text", Effort::Default, 1);
    let offset = gz.len();
    gz.extend(b"\0tail");
    assert_eq!(inflate(&gz, 100), Err(InflateError::TrailingData { offset, length: 5 }));
    // A tail that repeats the trailer must not be accepted as the end of the member.
    let trailer = gz[offset - 8..offset].to_vec();
    gz.truncate(offset);
    gz.extend(trailer);
    assert_eq!(inflate(&gz, 100), Err(InflateError::TrailingData { offset, length: 8 }));
}

#[test]
fn refuses_a_member_truncated_anywhere() {
    let gz = gzip(&texts::profile(3000), Effort::Default, 1);
    for length in 3..gz.len() {
        let expected = InflateError::Truncated { offset: 0, length };
        assert_eq!(inflate(&gz[..length], 1 << 20), Err(expected), "cut at {length}");
    }
    for length in 0..3 {
        assert!(matches!(inflate(&gz[..length], 1 << 20), Err(InflateError::NotGzip { offset: 0, .. })));
    }
}

#[test]
fn a_changed_bit_never_gives_another_text() {
    let text = texts::profile(2000);
    let gz = gzip(&text, Effort::Default, 1);
    for bit in 80..gz.len() * 8 {
        let mut damaged = gz.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        // Some bits have no meaning: the padding of the last byte, or a distance to another equal piece.
        assert!(inflate(&damaged, 1 << 20).map_or(true, |found| found == text), "bit {bit}");
    }
}

#[test]
fn reports_where_a_stream_is_damaged() {
    let mut gz = gzip(&texts::profile(3000), Effort::Default, 1);
    let member = gz.len();
    gz.extend(gz.clone());
    // The reserved block type.
    gz[member + 10] |= 0b110;
    let Err(InflateError::Damaged { offset, place }) = inflate(&gz, 1 << 20) else { panic!("accepted") };
    assert_eq!(offset, member);
    assert!((member + 10..member + 12).contains(&place), "{place}");
}

#[test]
fn refuses_other_files_than_gzip() {
    for bytes in
        [&b""[..], b"{\n \"$METADATA\"", &[0x1f, 0x8b, 9, 0, 0, 0, 0, 0, 0, 0], &[0x1f, 0x8b, 8, 0x80]]
    {
        assert!(matches!(inflate(bytes, 100), Err(InflateError::NotGzip { offset: 0, .. })), "{bytes:02x?}");
    }
}

#[test]
fn the_limit_is_exact_and_a_bomb_stays_small() {
    let bomb = gzip(&vec![b' '; 50 << 20], Effort::Default, 1);
    assert!(bomb.len() < 100_000);
    assert_eq!(inflate(&bomb, 1 << 20), Err(InflateError::TooLong { limit: 1 << 20 }));
    assert_eq!(inflate(&bomb, (50 << 20) - 1), Err(InflateError::TooLong { limit: (50 << 20) - 1 }));
    assert_eq!(inflate(&bomb, 50 << 20).unwrap().len(), 50 << 20);
    assert_eq!(inflate(&bomb, usize::MAX).unwrap().len(), 50 << 20);
}

#[test]
fn a_trailer_with_a_false_length_is_detected() {
    let mut gz = gzip(&texts::profile(3000), Effort::Default, 1);
    let length = gz.len();
    gz[length - 4..].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(
        inflate(&gz, usize::MAX),
        Err(InflateError::Mismatch { expected_length: u32::MAX, found_length: 3000, .. })
    ));
}
