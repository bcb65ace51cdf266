//! What writing costs, in bytes of text: each form, over a made-up kernel always, and over the table of a real one
//! where `PROFILE_CORPUS` says where it is.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use profile::{
    Arch, Form, Format, NativeKind, NewMember, Profile, RecordKind, Report, Resolution, System, Type,
    read_file, write_form,
};

/// As large as a Linux kernel: ten thousand structs of six members, and 150,000 symbols.
fn made_up() -> Profile {
    let mut profile = Profile::new(System::Linux, Arch::Amd64);
    let long = profile.native("unsigned long", 8, NativeKind::Unsigned);
    let long = profile.types.add(long);
    let pointer = profile.types.add(Type::Pointer { target: long, size: 8 });
    let array = profile.types.add(Type::Array { target: pointer, count: 4 });
    for number in 0..10_000u64 {
        let members: Vec<NewMember> =
            [(0, long), (8, pointer), (16, array), (48, long), (56, pointer), (64, long)]
                .into_iter()
                .map(|(offset, ty)| {
                    let name = profile.intern(&format!("member_{}", offset + number % 97));
                    NewMember { name: Some(name), offset, ty, bits: None }
                })
                .collect();
        let name = profile.intern(&format!("made_up_struct_{number}"));
        profile.types.add_record(&mut profile.names, Some(name), RecordKind::Struct, 72, &members);
    }
    for number in 0..150_000 {
        let name = profile.intern(&format!("made_up_symbol_{number}"));
        profile.constants.push((name, 0xffff_ffff_8100_0000 + number));
    }
    profile
}

fn export(criterion: &mut Criterion) {
    let mut profiles = vec![("made up", made_up())];
    if let Some(corpus) = std::env::var_os("PROFILE_CORPUS") {
        let path = Path::new(&corpus).join("images/linux-6.1-cloud/dwarf2json.isf.json.xz");
        profiles.push(("linux-6.1-cloud", read_file(&path, &mut Report::default()).expect("a table")));
    }
    let mut group = criterion.benchmark_group("export");
    group.sample_size(20);
    for (name, mut profile) in profiles {
        let resolution = Resolution::new(&mut profile, &mut Report::default());
        for (label, format) in [("rekall", Format::Rekall), ("isf", Format::Isf), ("libvmi", Format::LibVmi)]
        {
            let form = Form { format, ..Form::default() };
            let write = || {
                let text = Vec::with_capacity(64 << 20);
                write_form(&profile, &resolution, form, &mut Report::default(), text)
                    .expect("a vector takes all")
            };
            group.throughput(Throughput::Bytes(write().len() as u64));
            group
                .bench_function(BenchmarkId::new(label, name), |bencher| bencher.iter(|| black_box(write())));
        }
    }
    group.finish();
}

criterion_group!(benches, export);
criterion_main!(benches);
