//! Files of raw memory that do not hold all of memory: holes left out, the end cut off, pages of zeros. The right profile is
//! never refuted by what such a file lacks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;

use analyzer::{Guest, Layout, Proof, Scope, Verdict, prove};
use image::{Image, Memory, PhysicalAddress, ScanPlan};
use memory_images::{Container, windows};
use profile::{MappedFile, Silent};
use support::Guests;

const PAGE: u64 = 4096;
const MIB: u64 = 1 << 20;

/// Numbers that look random, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }

    /// Holes of whole pages, somewhere in `within`.
    fn holes(&mut self, count: u64, longest: u64, within: Range<u64>) -> Vec<Range<u64>> {
        let pages = (within.end - within.start) / PAGE;
        let holes = (0..count).map(|_| {
            let start = within.start + self.below(pages) * PAGE;
            start..start + (1 + self.below(longest)) * PAGE
        });
        holes.collect()
    }
}

/// The content without these ranges.
fn leave_out(content: &[u8], holes: &[Range<u64>]) -> Vec<u8> {
    let mut holes = holes.to_vec();
    holes.sort_by_key(|hole| hole.start);
    let (mut kept, mut at) = (Vec::new(), 0);
    for hole in holes {
        let end = (hole.start as usize).min(content.len());
        kept.extend_from_slice(content.get(at..end).unwrap_or_default());
        at = at.max(hole.end as usize);
    }
    kept.extend_from_slice(content.get(at..).unwrap_or_default());
    kept
}

/// The content with zeros in these ranges.
fn blank(content: &[u8], ranges: &[Range<u64>]) -> Vec<u8> {
    let mut content = content.to_vec();
    for range in ranges {
        let end = (range.end as usize).min(content.len());
        if let Some(part) = content.get_mut(range.start as usize..end) {
            part.fill(0);
        }
    }
    content
}

fn proof(content: Vec<u8>, layout: &Layout) -> Proof {
    let image = Image::from_content(content).unwrap();
    prove(&image, layout, Scope::Whole, &ScanPlan::default()).unwrap()
}

fn is_not_refuted(content: Vec<u8>, layout: &Layout, what: &str) -> Verdict {
    let proof = proof(content, layout);
    let validation = proof.validation;
    assert_ne!(
        validation.verdict,
        Verdict::Mismatch,
        "{what}: {} {:?}",
        validation.reason,
        validation.suspects
    );
    assert!(validation.suspects.is_empty(), "{what}: {:?}", validation.suspects);
    validation.verdict
}

fn windows_layout(case: windows::Case) -> Layout {
    let (_, name, bytes) = case.pdb();
    let options = pdb_converter::Options { file_name: name.to_owned(), ..pdb_converter::Options::default() };
    let converted = pdb_converter::convert(MappedFile::from(bytes.to_vec()), &options, &Silent).unwrap();
    Layout::from_profile(converted.profile)
}

#[test]
fn windows_without_parts_of_its_memory_does_not_refute_its_profile() {
    let mut numbers = Numbers(17);
    for case in windows::Case::ALL {
        let layout = windows_layout(case);
        let image = Image::from_content(windows::image(case).write(Container::Elf)).unwrap();
        // Of memory above 4 GiB, the ranges one after the other.
        let content = ranges(&image);
        let size = content.len() as u64;
        let name = case.name();
        let verdict = is_not_refuted(content.clone(), &layout, name);
        assert!(verdict == Verdict::Match || case.is_high(), "{name}");
        for round in 0..12 {
            let holes = numbers.holes(1 + round % 3, 16, 0..size);
            is_not_refuted(leave_out(&content, &holes), &layout, &format!("{name}, holes {holes:x?}"));
            let blanks = numbers.holes(1 + round % 3, 2, 0..size);
            is_not_refuted(blank(&content, &blanks), &layout, &format!("{name}, blank {blanks:x?}"));
            let end = PAGE * (1 + numbers.below(size / PAGE));
            let cut = content.get(..end as usize).unwrap_or(&content).to_vec();
            is_not_refuted(cut, &layout, &format!("{name}, cut at {end:#x}"));
        }
    }
}

#[test]
fn windows_above_4_gib_in_a_raw_file_is_read_at_its_places() {
    for case in [windows::Case::Win10X64High, windows::Case::Win7X86PaeHigh] {
        let (synthetic, layout) = (windows::image(case), windows_layout(case));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for (at, page) in synthetic.memory.pages() {
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(page).unwrap();
        }
        file.as_file().set_len(synthetic.memory.ranges().last().unwrap().end).unwrap();
        let image = Image::open(file.path()).unwrap();
        assert_eq!(image.container(), image::Container::Raw);
        let raw = prove(&image, &layout, Scope::Whole, &ScanPlan::default()).unwrap().validation;
        let core = proof(synthetic.write(Container::Elf), &layout).validation;
        assert_eq!(
            (raw.verdict, core.verdict),
            (Verdict::Match, Verdict::Match),
            "{}: {}",
            case.name(),
            raw.reason
        );
        assert_eq!(raw.checks.len(), core.checks.len(), "{}", case.name());
    }
}

/// The ranges of an image's memory, one after the other; those that begin in the first megabytes at their places.
fn ranges(image: &Image) -> Vec<u8> {
    let mut content = Vec::new();
    for run in image.runs() {
        if run.start.0 < 64 * MIB {
            content.resize(run.start.0 as usize, 0);
        }
        let from = content.len();
        content.resize(from + run.length as usize, 0);
        image.read(run.start, &mut content[from..]).unwrap();
    }
    content
}

/// The places of the kernel's parts in physical memory.
fn places(guests: &Guests) -> Vec<(&'static str, Range<u64>)> {
    let guest = Guest::find(&guests.image, &guests.layout, &ScanPlan::default()).unwrap();
    let Guest::Linux(kernel) = &guest else { panic!() };
    let at = |name: &str| guests.layout.symbol(name).unwrap().wrapping_add(kernel.delta);
    let size = guests.image.size();
    vec![
        ("before the kernel", MIB..at("_text")),
        ("code", at("_text")..at("_etext")),
        ("read-only data", at("__start_rodata")..at("__end_rodata")),
        ("data", at("_sdata")..at("_edata")),
        ("zeroed data", at("__bss_start")..at("__bss_stop")),
        ("behind the kernel", at("_end")..size),
        ("anywhere", 0..size),
    ]
}

fn content(guests: &Guests) -> Vec<u8> {
    let mut content = vec![0; guests.image.size() as usize];
    guests.image.read(PhysicalAddress(0), &mut content).unwrap();
    content
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn linux_without_parts_of_its_memory_does_not_refute_its_profile() {
    for guests in [Guests::open("full.raw.xz"), Guests::current()] {
        let (content, places, layout) = (content(&guests), places(&guests), &guests.layout);
        let mut numbers = Numbers(18);
        let (mut matches, mut all) = (0, 0);
        for (place, within) in &places {
            for round in 0..2 {
                // One hole in this part, others anywhere.
                let mut holes = numbers.holes(1, 64, within.clone());
                holes.extend(numbers.holes(round, 256, 0..content.len() as u64));
                let verdict =
                    is_not_refuted(leave_out(&content, &holes), layout, &format!("{place}: {holes:x?}"));
                matches += u64::from(verdict == Verdict::Match);
                all += 1;
                let blanks = numbers.holes(1 + round, 4, within.clone());
                is_not_refuted(blank(&content, &blanks), layout, &format!("{place}: blank {blanks:x?}"));
            }
        }
        // Most layouts are found.
        assert!(matches * 4 >= all * 3, "{matches} of {all}");
        for part in [2, 4, 8] {
            let end = content.len() - content.len() / part;
            is_not_refuted(content.get(..end).unwrap().to_vec(), layout, &format!("cut at {end:#x}"));
        }
    }
}
