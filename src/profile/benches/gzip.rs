//! Measures how fast texts are compressed and inflated, in bytes of text.
//!
//! Always for a generated text, and also for real ones if `PROFILE_CORPUS` is set.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/texts/mod.rs"]
mod texts;

use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use profile::{Effort, GzipWriter, inflate};

/// The golden texts, from small to large.
const GOLDEN: [&str; 3] = [
    "ntoskrnl.pdb.32962337f0f646388b39535cd8dd70e82.rekall.json.xz",
    "HighSierra_10.13.3_17D47.json.xz",
    "rekall-linux-module-ko-dw4.json.xz",
];

fn all_texts() -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("made-up".to_owned(), texts::profile(700_000))];
    if let Some(corpus) = std::env::var_os("PROFILE_CORPUS") {
        for name in GOLDEN {
            let path = Path::new(&corpus).join("golden").join(name);
            let xz = Command::new("xz").arg("-dc").arg(&path).output().expect("xz runs");
            assert!(xz.status.success(), "{}", path.display());
            all.push((name.trim_end_matches(".json.xz").to_owned(), xz.stdout));
        }
    }
    all
}

fn pack(text: &[u8], effort: Effort, threads: usize) -> Vec<u8> {
    let mut writer = GzipWriter::new(Vec::new(), effort, threads);
    writer.write_all(text).and_then(|()| writer.finish()).expect("a vector takes everything")
}

fn gzip(criterion: &mut Criterion) {
    for (name, text) in all_texts() {
        let mut group = criterion.benchmark_group("gzip");
        group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10);
        for threads in [1, 2] {
            for effort in [Effort::Default, Effort::Best] {
                let id = BenchmarkId::new(format!("{effort:?}, {threads} threads"), &name);
                group.bench_function(id, |bencher| bencher.iter(|| pack(black_box(&text), effort, threads)));
            }
        }
        let packed = pack(&text, Effort::Default, 1);
        group.bench_function(BenchmarkId::new("inflate", &name), |bencher| {
            bencher.iter(|| inflate(black_box(&packed), text.len()));
        });
        group.finish();
    }
}

criterion_group!(benches, gzip);
criterion_main!(benches);
