//! Compares two images of one memory, page by page: every page of the second has to be in the first, with the same
//! content.
//!
//! `cargo run --example compare -p rekall-profile-image -- FIRST SECOND [--part]`: prints how many pages are equal,
//! different, or only in one image. Fails if any differ, if the second has pages that the first lacks, or if the
//! first has pages that the second lacks, unless `--part` says that the second should hold only some.
#![allow(clippy::expect_used)]

use std::path::Path;
use std::process::ExitCode;

use image::{Image, Memory, PhysicalAddress};

const PAGE: u64 = 4096;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [first, second, rest @ ..] = &arguments[..] else {
        eprintln!("expected two images");
        return ExitCode::from(2);
    };
    let open = |path: &String| {
        let image = Image::open(Path::new(path)).expect("an image");
        let packing = image.packing().map(|packing| format!(" ({packing})")).unwrap_or_default();
        println!(
            "{path}: {}{packing}, {} bytes in {} runs",
            image.container(),
            image.size(),
            image.runs().len()
        );
        for (kind, tally) in image.report().losses() {
            println!("  {} {kind}: {:?}", tally.count, tally.examples);
        }
        image
    };
    let (first, second) = (open(first), open(second));
    let (mut alike, mut different, mut only_second, mut unreadable) = (0u64, 0u64, 0u64, 0u64);
    let (mut ours, mut theirs) = ([0; PAGE as usize], [0; PAGE as usize]);
    for run in second.runs() {
        for at in (run.start.0..run.end()).step_by(PAGE as usize) {
            let length = PAGE.min(run.end() - at) as usize;
            let (ours, theirs) = (&mut ours[..length], &mut theirs[..length]);
            if let Err(error) = second.read(PhysicalAddress(at), theirs) {
                unreadable += 1;
                println!("  {error}");
            } else if first.read(PhysicalAddress(at), ours).is_err() {
                only_second += 1;
            } else if ours == theirs {
                alike += 1;
            } else {
                different += 1;
            }
        }
    }
    let only_first = (first.size() / PAGE).saturating_sub(alike + different);
    println!(
        "{alike} pages alike, {different} different, {unreadable} unreadable, {only_first} in the first only, \
         {only_second} in the second only"
    );
    let part = rest.iter().any(|argument| argument == "--part");
    let good = different + unreadable + only_second == 0 && alike > 0 && (part || only_first == 0);
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
