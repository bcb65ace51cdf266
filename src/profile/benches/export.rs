//! Measures writing each form: always for a generated kernel, and also for the table of a real one if
//! `PROFILE_CORPUS` is set. Times are CPU time, the lowest of several runs.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use cpu_time::ProcessTime;
use profile::{
    Arch, Form, Format, NativeKind, NewMember, Profile, RecordKind, Report, Resolution, System, Type,
    read_file, write_form,
};

const RUNS: usize = 25;

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

fn main() {
    let mut profiles = vec![("made up", made_up())];
    if let Some(corpus) = std::env::var_os("PROFILE_CORPUS") {
        let path = Path::new(&corpus).join("images/linux-6.1-cloud/dwarf2json.isf.json.xz");
        profiles.push(("linux-6.1-cloud", read_file(&path, &mut Report::default()).expect("a table")));
    }
    for (name, mut profile) in profiles {
        let resolution = Resolution::new(&mut profile, &mut Report::default());
        for (label, format) in [("rekall", Format::Rekall), ("isf", Format::Isf), ("libvmi", Format::LibVmi)]
        {
            let form = Form { format, ..Form::default() };
            let mut text = Vec::with_capacity(64 << 20);
            let mut least = Duration::MAX;
            for _ in 0..RUNS {
                text.clear();
                let start = ProcessTime::now();
                text = write_form(&profile, &resolution, form, &mut Report::default(), black_box(text))
                    .expect("a vector takes all");
                least = least.min(start.elapsed());
            }
            let rate = text.len() as f64 / least.as_secs_f64() / 1e6;
            println!(
                "{name}, {label}: {} bytes in {:.1} ms, {rate:.0} MB/s",
                text.len(),
                least.as_secs_f64() * 1e3
            );
        }
    }
}
