//! Measures how fast packs are read: the texts alone, unpacked before the measurement, and whole packs.
//!
//! `PROFILE_CORPUS=... cargo bench -p rekall-profile-volatility`
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use maps::{SymbolTable, SystemMap};
use profile::{Resolution, Silent, write_text};
use volatility_converter::{Options, Pack, convert, entries};

/// From small to large, of every kind.
const PACKS: [(&str, &str); 5] = [
    ("linux-2.6-x86", "vf__Linux__Debian__x86__Debian40r9"),
    ("linux-4.4-x64", "vf__Linux__Ubuntu__x64__Ubuntu16042"),
    ("linux-5.0-x64", "vf__Linux__Ubuntu__x64__Ubuntu18043"),
    ("macos-10.6-x64", "vf__Mac__10.6__x64__SnowLeopard_10.6.6_AMD"),
    ("macos-10.13-x64", "vf__Mac__10.13__10.13.4_17E199"),
];

/// The members of a pack, unpacked.
fn members(pack: &str) -> Vec<(String, Vec<u8>)> {
    let corpus = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS names the folder of real files");
    let path = PathBuf::from(corpus).join("volatility").join(format!("{pack}.zip"));
    let mut archive = zip::ZipArchive::new(Cursor::new(std::fs::read(path).unwrap())).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut member = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            member.read_to_end(&mut content).unwrap();
            (member.name().unwrap().into_owned(), content)
        })
        .collect()
}

fn benches(criterion: &mut Criterion) {
    for (name, pack) in PACKS {
        let members = members(pack);
        let text = |ending: &str| {
            members
                .iter()
                .find(|(name, _)| name.to_lowercase().contains(ending))
                .map(|(_, text)| text.as_slice())
        };
        let mut group = criterion.benchmark_group(name);
        group.measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_secs(1)).sample_size(20);
        if let Some(dump) = text(".dwarf") {
            group.throughput(Throughput::Bytes(dump.len() as u64));
            group.bench_function("scan", |bencher| bencher.iter(|| entries(black_box(dump))));
            let pack = Pack::in_memory(vec![("module.dwarf".to_owned(), dump.to_vec())]);
            group.bench_function("types", |bencher| {
                bencher.iter(|| convert(black_box(&pack), &Options::default(), &Silent).unwrap());
            });
        }
        if let Some(map) = text("system.map") {
            group.throughput(Throughput::Bytes(map.len() as u64));
            group.bench_function("map", |bencher| bencher.iter(|| SystemMap::parse(black_box(map))));
        }
        if let Some(table) = text("dsymutil") {
            group.throughput(Throughput::Bytes(table.len() as u64));
            group.bench_function("symbol table", |bencher| {
                bencher.iter(|| SymbolTable::parse_all(black_box(table)))
            });
        }
        let size: usize = members.iter().map(|(_, text)| text.len()).sum();
        group.throughput(Throughput::Bytes(size as u64));
        let pack = Pack::in_memory(members.clone());
        group.bench_function("pack to model", |bencher| {
            bencher.iter(|| convert(black_box(&pack), &Options::default(), &Silent).unwrap());
        });
        group.bench_function("pack to text", |bencher| {
            bencher.iter(|| {
                let converted = convert(black_box(&pack), &Options::default(), &Silent).unwrap();
                let (mut profile, mut report) = (converted.profile, converted.report);
                let resolution = Resolution::new(&mut profile, &mut report);
                write_text(&profile, &resolution, Vec::new()).unwrap()
            });
        });
        group.finish();
    }
}

criterion_group!(packs, benches);
criterion_main!(packs);
