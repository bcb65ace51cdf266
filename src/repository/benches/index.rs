//! Measures the comparison of a kernel with the indexes of a repository: reading, unpacking and ranking. The limit is
//! half a second for 2,500 candidates (the public repository has 2,400 kernels).
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::io::Write;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use profile::{Effort, GzipWriter};
use repository::index::{DataIndex, ExportIndex, IndexKind, Likeness, Specification};
use serde_json::{Map, Value, json};

const POINTS: u64 = 10;

fn packed(value: &Value) -> Vec<u8> {
    let mut writer = GzipWriter::new(Vec::new(), Effort::Default, 1);
    writer.write_all(value.to_string().as_bytes()).unwrap();
    writer.finish().unwrap()
}

/// The place of a point or symbol in a candidate: different in each, with some places shared.
fn place(candidate: u64, point: u64) -> u64 {
    let drawn = (candidate * 31 + point).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 42;
    0x1000 + drawn * 2
}

/// A data index and an export index over this many candidates.
fn indexes(candidates: u64) -> (Vec<u8>, Vec<u8>) {
    let IndexKind::Export { names } = Specification::exports("nt").kind else { return Default::default() };
    let (mut data, mut exports) = (Map::new(), Map::new());
    for candidate in 0..candidates {
        let name = format!("nt/GUID/{candidate:032X}1");
        let points: Vec<Value> = (0..POINTS)
            .map(|point| match point % 2 {
                0 => json!([place(candidate, point), ["4b65726e656c5370616365"]]),
                _ => json!([place(candidate, point), ["90", "cc"]]),
            })
            .collect();
        data.insert(name.clone(), Value::Array(points));
        let row: Vec<u64> = (0..names.len() as u64).map(|symbol| place(candidate, symbol)).collect();
        exports.insert(name, json!(row));
    }
    (packed(&json!({"$INDEX": data})), packed(&json!({"$EXPORTS": names, "$INDEX": exports})))
}

fn bench(criterion: &mut Criterion) {
    let IndexKind::Export { names } = Specification::exports("nt").kind else { return };
    let mut group = criterion.benchmark_group("index");
    group.sample_size(20);
    for candidates in [250, 2_500, 10_000] {
        let (data, exports) = indexes(candidates);
        let kernel = candidates / 2;
        let found: Vec<(&str, u64)> =
            names.iter().zip(0..).map(|(name, symbol)| (name.as_str(), place(kernel, symbol))).collect();
        let rank = || {
            let exports = ExportIndex::parse(&exports, "export_index").unwrap();
            let data = DataIndex::parse(&data, "index").unwrap();
            let mut said = exports.rank(found.iter().copied());
            said.extend(data.rank(&mut |offset, length| {
                let own = (0..POINTS).find(|point| place(kernel, *point) as i64 == offset);
                let bytes: &[u8] = match own {
                    Some(point) if point % 2 == 0 => b"KernelSpace",
                    _ => &[0xcc; 11],
                };
                bytes.get(..length).map(<[u8]>::to_vec)
            }));
            Likeness::together(said)
        };
        let best = rank();
        assert_eq!(best[0].profile, format!("nt/GUID/{kernel:032X}1"));
        assert!((best[0].score() - 1.0).abs() < f64::EPSILON);
        group.bench_function(BenchmarkId::from_parameter(candidates), |bencher| {
            bencher.iter(|| black_box(rank()));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
