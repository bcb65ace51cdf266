//! Measures deflate compressors over profile texts: the table in `docs/compression.md`.
//!
//! `cargo run --release -p rekall-profile-model --example compressors -- TEXT...`
//!
//! Times are CPU time of the whole process, the lowest of several runs; where threads are used, the wall time
//! follows. Lines with blocks show the cost of blocks that cannot refer to the text before them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use profile::{Effort, GzipWriter, inflate};
use sha2::{Digest, Sha256};
use zopfli::{BlockType, DeflateEncoder};

fn main() {
    for path in std::env::args().skip(1) {
        let text = std::fs::read(&path).expect("a text");
        let name = path.rsplit('/').next().unwrap();
        let sha256: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        let yardstick = zopfli_size(&text);
        println!("{name}: {} bytes, sha256 {sha256}, zopfli {yardstick} bytes", text.len());
        compressors(&text, yardstick);
        ours(&text, yardstick);
        inflaters(&text);
        println!();
    }
}

/// The size of what zopfli makes with its standard settings, as a gzip file.
fn zopfli_size(text: &[u8]) -> usize {
    let mut encoder = DeflateEncoder::new(zopfli::Options::default(), BlockType::Dynamic, Vec::new());
    zopfli::Write::write_all(&mut encoder, text).unwrap();
    // A gzip header without a name, and a trailer.
    10 + encoder.finish().unwrap().len() + 8
}

fn compressors(text: &[u8], yardstick: usize) {
    for level in 1..=12 {
        let row = Row { text, yardstick, runs: if level < 8 { 7 } else { 2 } };
        row.print(&format!("libdeflate {level}"), || libdeflate(text, level));
    }
    for (level, size) in
        [(5, 1 << 20), (6, 1 << 19), (6, 1 << 20), (6, 1 << 22), (11, 1 << 20), (11, 1 << 22)]
    {
        let row = Row { text, yardstick, runs: if level < 8 { 7 } else { 2 } };
        let name = format!("libdeflate {level}, blocks of {} KiB", size >> 10);
        row.print(&name, || text.chunks(size).map(|block| libdeflate(block, level)).sum());
    }
    for level in 1..=9 {
        let row = Row { text, yardstick, runs: 3 };
        row.print(&format!("zlib-rs {level}"), || {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
            writer.write_all(text).unwrap();
            writer.finish().unwrap().len()
        });
    }
    for level in 1..=9 {
        let row = Row { text, yardstick, runs: 2 };
        row.print(&format!("miniz_oxide {level}"), || {
            miniz_oxide::deflate::compress_to_vec(text, level).len()
        });
    }
}

fn libdeflate(text: &[u8], level: i32) -> usize {
    let level = libdeflater::CompressionLvl::new(level).unwrap();
    let mut compressor = libdeflater::Compressor::new(level);
    let mut room = vec![0; compressor.gzip_compress_bound(text.len())];
    compressor.gzip_compress(text, &mut room).unwrap()
}

fn ours(text: &[u8], yardstick: usize) {
    for (effort, runs) in [(Effort::Default, 7), (Effort::Best, 2)] {
        for threads in [1, 2] {
            let row = Row { text, yardstick, runs };
            row.print(&format!("GzipWriter, {effort:?}, {threads} threads"), || {
                pack(text, effort, threads).len()
            });
        }
    }
}

fn pack(text: &[u8], effort: Effort, threads: usize) -> Vec<u8> {
    let mut writer = GzipWriter::new(Vec::new(), effort, threads);
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn inflaters(text: &[u8]) {
    let packed = pack(text, Effort::Default, 1);
    let row = Row { text, yardstick: text.len(), runs: 9 };
    row.print("inflate (zlib-rs)", || inflate(&packed, text.len()).unwrap().len());
    row.print("inflate by libdeflate", || {
        let mut room = vec![0; text.len()];
        libdeflater::Decompressor::new().gzip_decompress(&packed, &mut room).unwrap()
    });
}

/// The data common to all lines about one text.
struct Row<'a> {
    text: &'a [u8],
    yardstick: usize,
    runs: u32,
}

impl Row<'_> {
    /// Runs a function that returns a size, and prints size, ratio, time and speed.
    fn print(&self, name: &str, mut work: impl FnMut() -> usize) {
        let (mut least, mut shortest) = (Duration::MAX, Duration::MAX);
        let mut size = 0;
        for _ in 0..self.runs {
            let (cpu, clock) = (ProcessTime::now(), Instant::now());
            size = work();
            least = least.min(cpu.elapsed());
            shortest = shortest.min(clock.elapsed());
        }
        let ratio = size as f64 / self.yardstick as f64 * 100.0;
        let speed = self.text.len() as f64 / least.as_secs_f64() / 1e6;
        let [least, shortest] = [least, shortest].map(|time| time.as_secs_f64() * 1e3);
        print!("  {name:<34} {size:>9} bytes {ratio:7.2} % {least:9.2} ms {speed:7.1} MB/s");
        if name.contains("threads") {
            print!(" {shortest:9.2} ms on the clock");
        }
        println!();
    }
}
