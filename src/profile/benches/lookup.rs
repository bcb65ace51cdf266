//! Measures a lookup in comparison with unpacking: one struct, one symbol, the nearest symbol, and reading
//! everything.
//!
//! Throughput is in bytes of text. Always for a generated kernel, and also for real profiles in canonical form if
//! `PROFILE_CORPUS` is set.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use profile::{
    Arch, Effort, GzipWriter, MAX_TEXT, NativeKind, NewMember, Profile, RecordKind, Report, Resolution,
    System, Text, Type, inflate, read_profile, write_text,
};

/// The golden profiles, from small to large, each with a struct and a symbol of it.
const GOLDEN: [(&str, &str, &str); 3] = [
    ("ntoskrnl.pdb.32962337f0f646388b39535cd8dd70e82.rekall.json.xz", "_EPROCESS", "PsActiveProcessHead"),
    ("HighSierra_10.13.3_17D47.json.xz", "proc", "_allproc"),
    ("rekall-linux-module-ko-dw4.json.xz", "task_struct", "init_task"),
];

struct Input {
    name: String,
    packed: Vec<u8>,
    structure: &'static str,
    symbol: &'static str,
}

fn packed(mut profile: Profile) -> Vec<u8> {
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    let sink = GzipWriter::new(Vec::new(), Effort::Default, 1);
    write_text(&profile, &resolution, sink).and_then(GzipWriter::finish).expect("a vector takes everything")
}

/// As large as a Windows 10 kernel: some two thousand structs of thirty members, and 40,000 symbols.
fn made_up() -> Profile {
    let mut profile = Profile::new(System::Windows, Arch::Amd64);
    profile.set_metadata("ProfileClass", "Nt");
    let long = profile.native("unsigned long", 4, NativeKind::Unsigned);
    let long = profile.types.add(long);
    let pointer = profile.types.add(Type::Pointer { target: long, size: 8 });
    for number in 0..2000_u64 {
        let members: Vec<NewMember> = (0..30)
            .map(|member| NewMember {
                name: Some(profile.intern(&format!("Member{}Of{}", member * 7919 % 31, number % 40))),
                offset: 8 * member,
                ty: if (member + number) % 3 == 0 { pointer } else { long },
                bits: None,
            })
            .collect();
        let name = Some(profile.intern(&format!("_STRUCT_{}", number * 7919 % 2003)));
        profile.types.add_record(&mut profile.names, name, RecordKind::Struct, 240, &members);
    }
    for number in 0..40_000_u64 {
        let name = profile.intern(&format!("SymbolOf{}Kernel{}", number % 97, number * 7919 % 40_009));
        profile.constants.push((name, number * 2_654_435_761 % 0x0100_0000));
    }
    profile
}

fn inputs() -> Vec<Input> {
    let mut inputs = vec![Input {
        name: "made-up".to_owned(),
        packed: packed(made_up()),
        structure: "_STRUCT_1999",
        symbol: "SymbolOf0Kernel0",
    }];
    if let Some(corpus) = std::env::var_os("PROFILE_CORPUS") {
        for (name, structure, symbol) in GOLDEN {
            let bytes =
                std::fs::read(Path::new(&corpus).join("golden").join(name)).expect("the corpus is whole");
            let profile = read_profile(&bytes, &mut Report::default()).unwrap();
            let name = name.trim_end_matches(".json.xz").to_owned();
            inputs.push(Input { name, packed: packed(profile), structure, symbol });
        }
    }
    inputs
}

fn lookup(criterion: &mut Criterion) {
    for input in inputs() {
        let text = inflate(&input.packed, MAX_TEXT).unwrap();
        // A whole lookup, except opening the file.
        let open = || Text::new(inflate(black_box(&input.packed), MAX_TEXT).unwrap()).unwrap();
        assert!(open().structure(input.structure).is_some() && open().symbol(input.symbol).is_some());
        let mut group = criterion.benchmark_group("lookup");
        group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10);
        let mut bench = |what: &str, run: &dyn Fn() -> u64| {
            group.bench_function(BenchmarkId::new(what, &input.name), |bencher| bencher.iter(run));
        };
        bench("inflate", &|| inflate(black_box(&input.packed), MAX_TEXT).unwrap().len() as u64);
        bench("struct", &|| open().structure(input.structure).unwrap().profile.types.len() as u64);
        bench("symbol", &|| open().symbol(input.symbol).unwrap().address);
        bench("nearest symbol", &|| open().symbols_at(0x1000).len() as u64);
        bench("read all", &|| {
            read_profile(black_box(&input.packed), &mut Report::default()).unwrap().types.len() as u64
        });
        group.finish();
    }
}

criterion_group!(benches, lookup);
criterion_main!(benches);
