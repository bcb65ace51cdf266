//! Measures every step from a debug file to a compressed profile, next to a plain walk with gimli.
//!
//! `PROFILE_DEBUG_FILE=vmlinux cargo bench -p rekall-profile-dwarf` measures a real kernel. Without it a fixture is
//! used, which only shows that the benchmark runs.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dwarf_converter::{Alone, Options, build_id, convert};
use profile::{Effort, GzipWriter, MappedFile, Resolution, Silent, write_text};

#[allow(dead_code)]
#[path = "../examples/walk.rs"]
mod walk;

fn kernel(criterion: &mut Criterion) {
    let path = std::env::var_os("PROFILE_DEBUG_FILE").map(PathBuf::from);
    let path = path.unwrap_or_else(|| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/dwarf/elf/gcc-x64")
    });
    let file = MappedFile::open(&path).unwrap();
    // The build-id says which file it was.
    let id: String = build_id(&file).unwrap().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{}-{id}", path.file_name().unwrap().to_string_lossy());
    let info = walk::debug_info_size(&file).unwrap();

    let mut group = criterion.benchmark_group("dwarf");
    group.sample_size(10).throughput(Throughput::Bytes(info));
    group.bench_function(BenchmarkId::new("gimli walk", &name), |bencher| {
        bencher.iter(|| walk::walk(black_box(&file)).unwrap());
    });
    for threads in [1, 2] {
        let options = Options { threads, ..Options::default() };
        group.bench_function(BenchmarkId::new(format!("convert, {threads} threads"), &name), |bencher| {
            bencher.iter(|| convert(black_box(&file), &options, &Alone, &Silent).unwrap());
        });
    }
    let options = Options { threads: 2, ..Options::default() };
    let converted = convert(&file, &options, &Alone, &Silent).unwrap();
    group.bench_function(BenchmarkId::new("resolve", &name), |bencher| {
        bencher.iter_batched_ref(
            || (converted.profile.clone(), converted.report.clone()),
            |(profile, report)| Resolution::new(profile, report),
            criterion::BatchSize::PerIteration,
        );
    });
    let (mut profile, mut report) = (converted.profile, converted.report);
    let resolution = Resolution::new(&mut profile, &mut report);
    group.bench_function(BenchmarkId::new("print", &name), |bencher| {
        bencher.iter(|| write_text(&profile, &resolution, std::io::sink()).unwrap());
    });
    group.bench_function(BenchmarkId::new("print and pack", &name), |bencher| {
        bencher.iter(|| {
            let sink = GzipWriter::new(std::io::sink(), Effort::Default, 1);
            write_text(&profile, &resolution, sink).unwrap().finish().unwrap();
        });
    });
    group.finish();
}

criterion_group!(benches, kernel);
criterion_main!(benches);
