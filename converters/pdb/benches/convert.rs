//! Compares a conversion with a plain walk over every record of the same PDB with the `pdb` library. The conversion
//! reads the PDB, settles names and prints the text; it does not compress it.
//!
//! Throughput is in bytes of the PDB. Runs over the real files in `PROFILE_CORPUS` if that is set, and over the large
//! PDB made by `scripts/build-large-pdb` if `target/large.pdb` exists.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pdb::FallibleIterator;
use pdb_converter::{Options, convert};
use profile::{Form, MappedFile, Resolution, Silent, write_form};

/// Two threads, the fewest processors that the program is measured on.
const THREADS: usize = 2;

/// From small to large.
const CORPUS: [&str; 4] = [
    "mspub-bochs__ntkrnlpa.pdb",
    "mspub-multiotp__ntdll.pdb",
    "dump_syms__test_data-windows-basic32.pdb",
    "made__mid.pdb",
];

fn inputs() -> Vec<PathBuf> {
    let mut inputs = Vec::new();
    if let Some(corpus) = std::env::var_os("PROFILE_CORPUS") {
        inputs.extend(CORPUS.iter().map(|name| Path::new(&corpus).join("pdb").join(name)));
    }
    let large = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/large.pdb");
    inputs.extend(large.exists().then_some(large));
    inputs
}

/// Parses every type record and every symbol of the PDB and counts them.
fn walk(bytes: &[u8]) -> usize {
    let mut pdb = pdb::PDB::open(io::Cursor::new(bytes)).unwrap();
    let mut count = 0;
    let types = pdb.type_information().unwrap();
    let mut records = types.iter();
    while let Some(record) = records.next().unwrap() {
        count += usize::from(black_box(record.parse()).is_ok());
    }
    let symbols = pdb.global_symbols().unwrap();
    let mut records = symbols.iter();
    while let Some(record) = records.next().unwrap() {
        count += usize::from(black_box(record.parse()).is_ok());
    }
    let information = pdb.debug_information().unwrap();
    let mut modules = information.modules().unwrap();
    while let Some(module) = modules.next().unwrap() {
        let Some(info) = pdb.module_info(&module).unwrap() else { continue };
        let mut records = info.symbols().unwrap();
        while let Some(record) = records.next().unwrap() {
            count += usize::from(black_box(record.parse()).is_ok());
        }
    }
    count
}

/// Runs the whole front-end and discards the writer's output.
fn make(file: &MappedFile) -> usize {
    let options = Options { file_name: "bench.pdb".to_owned(), ..Options::default() };
    let mut converted = convert(file.clone(), &options, &Silent).unwrap();
    let resolution = Resolution::new(&mut converted.profile, &mut converted.report);
    let form = Form { threads: THREADS, ..Form::default() };
    write_form(&converted.profile, &resolution, form, &mut converted.report, io::sink()).unwrap();
    resolution.structs().len()
}

fn benchmarks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pdb");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for path in inputs() {
        let file = MappedFile::open(&path).expect("a corpus that is named is there");
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        group.throughput(Throughput::Bytes(file.len() as u64));
        group.bench_with_input(BenchmarkId::new("walk", &name), &file, |bencher, file| {
            bencher.iter(|| black_box(walk(file)));
        });
        group.bench_with_input(BenchmarkId::new("convert", &name), &file, |bencher, file| {
            bencher.iter(|| black_box(make(file)));
        });
    }
    group.finish();
}

criterion_group!(all, benchmarks);
criterion_main!(all);
