//! Synthetic Windows and macOS images (docs/test-images.md), compared with the truth about them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use analyzer::windows::UnprofiledWindows;
use analyzer::{Guest, Layout, Process, Scope, Time, Verdict, validate};
use image::{Image, ScanPlan};
use memory_images::truth::Truth;
use memory_images::{Container, macos, windows};
use profile::{MappedFile, Silent};
use support::{RowReads, losses, without};

fn windows_layout(case: windows::Case) -> Layout {
    let (_, name, bytes) = case.pdb();
    let options = pdb_converter::Options { file_name: name.to_owned(), ..pdb_converter::Options::default() };
    let converted = pdb_converter::convert(MappedFile::from(bytes.to_vec()), &options, &Silent).unwrap();
    Layout::from_profile(converted.profile)
}

fn mac_layout(case: macos::Case) -> Layout {
    let (_, bytes) = case.debug_file();
    let options = dwarf_converter::Options::default();
    let converted = dwarf_converter::convert(bytes, &options, &dwarf_converter::Alone, &Silent).unwrap();
    Layout::from_profile(converted.profile)
}

/// Number, parent, name, place, page tables, threads, handles.
type Row = (u64, u64, String, u64, Option<u64>, Option<u64>, Option<u64>);

/// A row of the truth.
fn row(process: &Process) -> Row {
    (
        process.pid,
        process.parent.unwrap(),
        process.name.clone(),
        process.address,
        process.dtb,
        process.threads,
        process.handles,
    )
}

fn truth_rows(truth: &Truth) -> Vec<Row> {
    let met = truth.processes.iter().filter(|process| process.forwards || process.backwards);
    met.map(|process| {
        let name = process.name.clone();
        let (dtb, threads) = (Some(process.dtb), Some(process.threads));
        (process.pid, process.ppid, name, process.offset, dtb, threads, process.handles)
    })
    .collect()
}

#[test]
fn windows_processes_and_modules_match_the_truth() {
    for case in windows::Case::ALL {
        let laid_out = windows::image(case);
        let layout = windows_layout(case);
        for container in [Container::Elf, Container::CrashBitmap] {
            let image = Image::from_content(laid_out.write(container)).unwrap();
            let guest = Guest::find(&image, &layout, &ScanPlan::default()).unwrap();
            let Guest::Windows(kernel) = &guest else { panic!("{}", case.name()) };
            let name = case.name();
            assert_eq!(kernel.base, laid_out.truth.kernel_base, "{name}");
            assert_eq!(kernel.pdb.as_ref().unwrap().0.to_string(), laid_out.truth.identity, "{name}");
            let listing = guest.processes().unwrap();
            assert_eq!(listing.end.is_ok(), case != windows::Case::Win7X64Torn, "{name}: {:?}", listing.end);
            let rows: Vec<_> = listing.rows.iter().map(row).collect();
            assert_eq!(rows, truth_rows(&laid_out.truth), "{name}");
            for (row, process) in listing.rows.iter().zip(&laid_out.truth.processes) {
                assert_eq!(row.started, Time::from_windows(process.created), "{name}: {}", process.name);
                assert_eq!(row.ended, Time::from_windows(process.exited), "{name}: {}", process.name);
            }
            let listing = guest.modules().unwrap();
            listing.end.unwrap();
            for (row, module) in listing.rows.iter().zip(&laid_out.truth.modules) {
                assert_eq!(
                    (row.base, row.size, row.address),
                    (module.base, module.size, module.offset),
                    "{name}"
                );
                assert_eq!(row.name, module.name.clone().unwrap_or_default(), "{name}");
                assert_eq!(row.path, module.path, "{name}");
                let identity = row.pdb.as_ref().map(|(guid_age, _)| guid_age.to_string());
                assert_eq!(identity, module.identity, "{name}: {}", row.name);
            }
            assert_eq!(listing.rows.len(), laid_out.truth.modules.len(), "{name}");
        }
    }
}

#[test]
fn a_windows_profile_is_proved_and_anothers_is_not() {
    for case in windows::Case::ALL {
        let image = Image::from_content(windows::image(case).write(Container::Elf)).unwrap();
        let found = validate(&image, &windows_layout(case), Scope::Whole, &ScanPlan::default()).unwrap();
        assert_eq!(found.verdict, Verdict::Match, "{}: {:#?}", case.name(), failed(&found));
        for other in windows::Case::ALL.into_iter().filter(|other| other.pdb().0 != case.pdb().0) {
            let found = validate(&image, &windows_layout(other), Scope::Whole, &ScanPlan::default()).unwrap();
            assert_eq!(
                found.verdict,
                Verdict::Mismatch,
                "{} with the profile of {}",
                case.name(),
                other.name()
            );
        }
    }
}

fn failed(validation: &analyzer::Validation) -> Vec<String> {
    let shown = validation.checks.iter().filter(|check| check.outcome == analyzer::CheckOutcome::Failed);
    shown.map(|check| format!("{}: {} not {}", check.name, check.actual, check.expected)).collect()
}

#[test]
fn mac_processes_and_extensions_match_the_truth() {
    for case in macos::Case::ALL {
        let laid_out = macos::image(case);
        let layout = mac_layout(case);
        let name = case.name();
        let image = Image::from_content(laid_out.write(Container::Raw)).unwrap();
        let guest = Guest::find(&image, &layout, &ScanPlan::default()).unwrap();
        let Guest::Mac(kernel) = &guest else { panic!("{name}") };
        assert_eq!(kernel.shift, laid_out.truth.shift, "{name}");
        assert_eq!(kernel.space.dtb().0, laid_out.truth.dtb, "{name}");
        let listing = guest.processes().unwrap();
        listing.end.unwrap();
        let rows: Vec<_> = listing.rows.iter().map(row).collect();
        assert_eq!(rows, truth_rows(&laid_out.truth), "{name}");
        for (row, process) in listing.rows.iter().zip(&laid_out.truth.processes) {
            assert_eq!(row.user.map(u64::from), process.uid, "{name}: {}", process.name);
            assert_eq!(
                row.started,
                Some(Time(i128::from(process.created) * 1000)),
                "{name}: {}",
                process.name
            );
        }
        let listing = guest.modules().unwrap();
        listing.end.unwrap();
        let rows: Vec<_> =
            listing.rows.iter().map(|row| (Some(row.name.clone()), row.base, row.size)).collect();
        let truth: Vec<_> = laid_out
            .truth
            .modules
            .iter()
            .map(|module| (module.name.clone(), module.base, module.size))
            .collect();
        assert_eq!(rows, truth, "{name}");
        let found = validate(&image, &layout, Scope::Whole, &ScanPlan::default()).unwrap();
        assert_eq!(found.verdict, Verdict::Match, "{name}: {} {:#?}", found.reason, failed(&found));
    }
}

#[test]
fn every_check_reads_what_its_row_says() {
    let mut reads = RowReads::new(&analyzer::windows::CHECKS);
    for case in windows::Case::ALL {
        let image = Image::from_content(windows::image(case).write(Container::Elf)).unwrap();
        reads.add(&validate(&image, &windows_layout(case), Scope::Whole, &ScanPlan::default()).unwrap());
    }
    // The profile of another kernel, and of another system.
    let image = Image::from_content(windows::image(windows::Case::Win10X64).write(Container::Elf)).unwrap();
    let other = windows_layout(windows::Case::Win7X64);
    reads.add_without_kernel(&validate(&image, &other, Scope::Whole, &ScanPlan::default()).unwrap());
    reads.hold();

    let mut reads = RowReads::new(&analyzer::mac::CHECKS);
    for case in macos::Case::ALL {
        let guest = Image::from_content(macos::image(case).write(Container::Raw)).unwrap();
        reads.add(&validate(&guest, &mac_layout(case), Scope::Whole, &ScanPlan::default()).unwrap());
    }
    let layout = mac_layout(macos::Case::ALL[0]);
    let found = validate(&image, &layout, Scope::Whole, &ScanPlan::default()).unwrap();
    reads.add_without_kernel(&found);
    reads.hold();
}

/// Where the linker put a symbol (`layout.txt`).
fn linked(case: windows::Case, name: &str) -> u64 {
    let (folder, _, _) = case.pdb();
    let path = format!("{}/../../testdata/memory/windows/{folder}/layout.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("symbol {name} ")).map(str::to_owned));
    u64::from_str_radix(&line.unwrap(), 16).unwrap()
}

#[test]
fn kernels_are_found_without_a_profile() {
    for case in windows::Case::ALL {
        let laid_out = windows::image(case);
        let name = case.name();
        // The crash dump names page tables, the ELF file does not.
        for container in [Container::Elf, Container::CrashBitmap] {
            let image = Image::from_content(laid_out.write(container)).unwrap();
            let found = UnprofiledWindows::find(&image, image.hints(), &ScanPlan::default());
            let found = found.unwrap_or_else(|| panic!("{name}: none found"));
            assert_eq!(found.base, laid_out.truth.kernel_base, "{name}");
            assert_eq!(found.pdb.as_ref().unwrap().0.to_string(), laid_out.truth.identity, "{name}");
            assert_eq!(found.exports.module, "ntoskrnl.exe", "{name}");
            for symbol in ["KeBugCheckEx", "NtBuildNumber", "PsInitialSystemProcess", "KeSetEvent"] {
                let exported = found.exports.symbols.iter().find(|(known, _)| known == symbol);
                assert_eq!(exported.map(|(_, rva)| *rva), Some(linked(case, symbol)), "{name}: {symbol}");
            }
            assert_eq!(found.exports.symbols.len(), 26, "{name}");
        }
    }
    let image = Image::from_content(macos::image(macos::Case::Snow).write(Container::Raw)).unwrap();
    assert!(UnprofiledWindows::find(&image, image.hints(), &ScanPlan::default()).is_none());
}

#[test]
fn a_changed_record_is_reported_and_decides_nothing() {
    let case = windows::Case::Win10X64;
    let laid_out = windows::image(case);
    let own =
        laid_out.truth.records.iter().find(|record| record.identity == laid_out.truth.identity).unwrap();
    let verdict = |change: &dyn Fn(&mut Vec<u8>, usize)| {
        let mut raw = laid_out.write(Container::Raw);
        change(&mut raw, own.address as usize);
        let image = Image::from_content(raw).unwrap();
        let layout = windows_layout(case);
        validate(&image, &layout, Scope::Quick, &ScanPlan::default()).unwrap()
    };
    let whole = verdict(&|_, _| {});
    let changed = verdict(&|raw, at| raw[at + 7] ^= 1);
    assert_eq!((whole.verdict, changed.verdict), (Verdict::Match, Verdict::Match), "{}", changed.reason);
    let check = changed.checks.iter().find(|check| check.name == "GUID and age").unwrap();
    assert_eq!(check.outcome, analyzer::CheckOutcome::Skipped);
    assert!(check.actual.ends_with("the record was changed"), "{}", check.actual);
    let exported = changed.checks.iter().find(|check| check.name == "exported symbols").unwrap();
    assert_eq!((exported.outcome, exported.actual.as_str()), (analyzer::CheckOutcome::Passed, "26 of 26"));
    // Another build's profile is still refused.
    let image = Image::from_content(laid_out.write(Container::Raw)).unwrap();
    let other = windows_layout(windows::Case::Win7X64);
    let other = validate(&image, &other, Scope::Quick, &ScanPlan::default()).unwrap();
    assert_ne!(other.verdict, Verdict::Match, "{}", other.reason);
}

#[test]
fn a_part_of_an_image_is_not_a_mismatch() {
    let mut verdicts = [0; 3];
    let mut wrong = Vec::new();
    let mut look = |name: &str, layout: &Layout, image: &Image| {
        for (loss, gone) in losses(image) {
            let found = validate(&without(image, gone), layout, Scope::Whole, &ScanPlan::default()).unwrap();
            verdicts[found.verdict as usize] += 1;
            if found.verdict == Verdict::Mismatch {
                wrong.push(format!("{name}, {loss}: {:#?}", failed(&found)));
            }
        }
    };
    for case in windows::Case::ALL {
        let image = Image::from_content(windows::image(case).write(Container::Elf)).unwrap();
        look(case.name(), &windows_layout(case), &image);
        // Nor does it prove another kernel's profile.
        let other = windows::Case::ALL.into_iter().find(|other| other.pdb().0 != case.pdb().0).unwrap();
        let layout = windows_layout(other);
        for (loss, gone) in losses(&image) {
            let found =
                validate(&without(&image, gone), &layout, Scope::Whole, &ScanPlan::default()).unwrap();
            let (name, other) = (case.name(), other.name());
            assert_ne!(found.verdict, Verdict::Match, "{name} with the profile of {other}, {loss}");
        }
    }
    for case in macos::Case::ALL {
        let image = Image::from_content(macos::image(case).write(Container::Elf)).unwrap();
        look(case.name(), &mac_layout(case), &image);
    }
    assert!(wrong.is_empty(), "{verdicts:?}, {} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let [matches, _, inconclusive] = verdicts;
    assert!(matches > 100 && inconclusive > 100, "{verdicts:?}");
}

/// A truncated file whose header is still complete, so that not everything it declares exists.
#[test]
fn a_truncated_file_is_not_a_mismatch() {
    let mut matches = 0;
    for case in windows::Case::ALL {
        for container in [Container::Elf, Container::CrashBitmap] {
            let whole = windows::image(case).write(container);
            let layout = windows_layout(case);
            for kept in (1..20).map(|twentieths| whole.len() / 20 * twentieths) {
                // Truncated in its header, it is not an image.
                let Ok(image) = Image::from_content(whole[..kept].to_vec()) else { continue };
                let found = validate(&image, &layout, Scope::Quick, &ScanPlan::default()).unwrap();
                let name = case.name();
                assert_ne!(found.verdict, Verdict::Mismatch, "{name}, {kept}: {:#?}", failed(&found));
                matches += usize::from(found.verdict == Verdict::Match);
            }
        }
    }
    assert!(matches > 0);
}

/// The Windows 10 image with some bytes changed, and their places: the kernel and its records are contiguous.
struct Changed {
    raw: Vec<u8>,
    kernel: usize,
    record: usize,
}

impl Changed {
    fn new() -> Self {
        let laid_out = windows::image(windows::Case::Win10X64);
        let own = laid_out.truth.identity.clone();
        let record = laid_out.truth.records.iter().find(|record| record.identity == own).unwrap().address;
        let raw = laid_out.write(Container::Raw);
        let base = laid_out.truth.kernel_base;
        let image = Image::from_content(raw.clone()).unwrap();
        let bare = UnprofiledWindows::find(&image, image.hints(), &ScanPlan::default()).unwrap();
        let kernel = analyzer::Space::physical(&bare.space, base).unwrap() as usize;
        Self { raw, kernel, record: record as usize }
    }

    fn validate(self) -> analyzer::Validation {
        let image = Image::from_content(self.raw).unwrap();
        let layout = windows_layout(windows::Case::Win10X64);
        validate(&image, &layout, Scope::Whole, &ScanPlan::default()).unwrap()
    }
}

#[test]
fn an_enablement_package_changes_the_number_and_not_the_lab() {
    for (number, verdict) in
        [(19045_u32, Verdict::Match), (19044, Verdict::Match), (22000, Verdict::Mismatch)]
    {
        let mut changed = Changed::new();
        let at = changed.kernel + linked(windows::Case::Win10X64, "NtBuildNumber") as usize;
        changed.raw[at..at + 4].copy_from_slice(&(0xf000_0000 | number).to_le_bytes());
        // KUSER_SHARED_DATA has the same number.
        let layout = windows_layout(windows::Case::Win10X64);
        let image = Image::from_content(changed.raw.clone()).unwrap();
        let Guest::Windows(kernel) = Guest::find(&image, &layout, &ScanPlan::default()).unwrap() else {
            panic!()
        };
        let shared = analyzer::Space::physical(&kernel.space, 0xffff_f780_0000_0260).unwrap() as usize;
        changed.raw[shared..shared + 4].copy_from_slice(&number.to_le_bytes());
        let found = changed.validate();
        assert_eq!(found.verdict, verdict, "{number}: {:?}", failed(&found));
    }
}

#[test]
fn no_byte_of_the_headers_or_of_the_record_defeats_the_right_profile() {
    let whole = Changed::new();
    let identity = windows::image(windows::Case::Win10X64).truth.identity;
    let (kernel, record) = (whole.kernel, whole.record);
    let pe = kernel + u32::from_le_bytes(whole.raw[kernel + 0x3c..][..4].try_into().unwrap()) as usize;
    // MZ, the place of the PE header, its mark, the machine, the magic; the GUID, the age, each letter of the name.
    let headers = [kernel, kernel + 1, kernel + 0x3c, pe, pe + 1, pe + 4, pe + 24];
    // SizeOfImage, which the list of modules has as well.
    let sizes = pe + 24 + 56..pe + 24 + 60;
    let text = (record + 24..record + 24 + "ntkrnlmp.pdb".len()).collect::<Vec<_>>();
    for at in headers.into_iter().chain(sizes.clone()).chain(record..record + 21).chain(text) {
        let mut changed = Changed::new();
        changed.raw[at] ^= 0x01;
        let found = changed.validate();
        assert_eq!(found.verdict, Verdict::Match, "{at:#x}: {:#?}", failed(&found));
        // The changed byte is told, and the record is read in spite of a changed header.
        if headers.contains(&at) {
            let words =
                |name| found.checks.iter().find(|check| check.name.contains(name)).map(|check| &check.actual);
            let told = words("headers").unwrap_or_else(|| panic!("{at:#x} is not told"));
            assert!(told.contains("were changed: expected the bytes"), "{at:#x}: {told}");
            assert_eq!(words("GUID and age"), Some(&identity), "{at:#x}");
        }
        if sizes.contains(&at) {
            let told = found.checks.iter().find(|check| check.name.contains("changed headers"));
            assert!(told.is_some_and(|check| check.actual.contains("one byte away")), "{at:#x}: {told:?}");
        }
    }
}

/// Where the numbers of a core's program headers contradict each other, the profile proves which of them was changed.
#[test]
fn one_byte_of_a_program_header_does_not_defeat_the_right_profile() {
    let raw = windows::image(windows::Case::Win7X64).write(Container::Elf);
    let layout = windows_layout(windows::Case::Win7X64);
    let table = u64::from_le_bytes(raw[32..40].try_into().unwrap()) as usize;
    let count = usize::from(u16::from_le_bytes(raw[56..58].try_into().unwrap()));
    let length = |load: usize| u64::from_le_bytes(raw[load + 32..load + 40].try_into().unwrap());
    let load = (0..count).map(|index| table + index * 56).max_by_key(|load| length(*load)).unwrap();
    // The place of the pages in the file.
    for at in [load + 9, load + 10] {
        let mut changed = raw.clone();
        changed[at] ^= 0x10;
        let image = Image::from_content(changed).unwrap();
        let proof = analyzer::prove(&image, &layout, Scope::Whole, &ScanPlan::default()).unwrap();
        assert_eq!(proof.validation.verdict, Verdict::Match, "{at:#x}: {}", proof.validation.reason);
        assert!(proof.relocated.is_some(), "{at:#x}");
    }
    // Another build's profile is still refuted.
    let mut changed = raw;
    changed[load + 9] ^= 0x10;
    let image = Image::from_content(changed).unwrap();
    let other = windows_layout(windows::Case::Win10X64);
    let proof = analyzer::prove(&image, &other, Scope::Whole, &ScanPlan::default()).unwrap();
    assert_ne!(proof.validation.verdict, Verdict::Match);
}

#[test]
fn a_neighbouring_build_with_the_same_exports_is_not_a_match() {
    let mut changed = Changed::new();
    let record = changed.record;
    changed.raw[record + 4..record + 20].copy_from_slice(&[0x3f; 16]);
    let image = Image::from_content(changed.raw.clone()).unwrap();
    let layout = windows_layout(windows::Case::Win10X64);
    let guest = Guest::find(&image, &layout, &ScanPlan::default()).unwrap();
    let analyzer::Identity::Doubtful(words) = guest.identity() else { panic!("{:?}", guest.identity()) };
    assert!(words.contains("neighbouring build"), "{words}");
    let found = changed.validate();
    assert_eq!(found.verdict, Verdict::Inconclusive, "{}", found.reason);
    assert!(found.reason.contains("neighbouring build"), "{}", found.reason);
}

/// The table of exports is not there to outweigh the record: what else was read has to.
#[test]
fn without_exports_a_record_is_weighed_by_everything_else() {
    for (changed_bytes, verdict) in [(1, Verdict::Match), (16, Verdict::Inconclusive)] {
        let mut changed = Changed::new();
        let (kernel, record) = (changed.kernel, changed.record);
        let pe = kernel + u32::from_le_bytes(changed.raw[kernel + 0x3c..][..4].try_into().unwrap()) as usize;
        // The first data directory of a 64-bit optional header.
        changed.raw[pe + 24 + 112..][..8].fill(0);
        for byte in &mut changed.raw[record + 4..record + 4 + changed_bytes] {
            *byte ^= 0x5a;
        }
        let image = Image::from_content(changed.raw.clone()).unwrap();
        let layout = windows_layout(windows::Case::Win10X64);
        let guest = Guest::find(&image, &layout, &ScanPlan::default()).unwrap();
        assert!(matches!(guest.identity(), analyzer::Identity::Doubtful(_)), "{:?}", guest.identity());
        let found = changed.validate();
        assert_eq!(found.verdict, verdict, "{changed_bytes}: {} {:#?}", found.reason, failed(&found));
    }
}

#[test]
fn another_builds_profile_is_named_as_such() {
    let laid_out = windows::image(windows::Case::Win10X64);
    let image = Image::from_content(laid_out.write(Container::CrashBitmap)).unwrap();
    let layout = windows_layout(windows::Case::Win10X64);
    let guest = Guest::find(&image, &layout, &ScanPlan::default()).unwrap();
    assert_eq!(guest.identity(), analyzer::Identity::Same);
    let (_, name, bytes) = windows::Case::Win10X64.pdb();
    let options = pdb_converter::Options { file_name: name.to_owned(), ..pdb_converter::Options::default() };
    let mut profile =
        pdb_converter::convert(MappedFile::from(bytes.to_vec()), &options, &Silent).unwrap().profile;
    let other = "0123456789ABCDEF0123456789ABCDEF1";
    profile.set_metadata("GUID_AGE", other);
    // Exports at other addresses: not a neighbour, but another build.
    for (_, rva) in profile.functions.iter_mut().chain(&mut profile.constants) {
        *rva += if *rva == linked(windows::Case::Win10X64, "KeBugCheckEx") { 16 } else { 0 };
    }
    let layout = Layout::from_profile(profile);
    let guest = Guest::find(&image, &layout, &ScanPlan::default()).unwrap();
    let analyzer::Identity::Another { profile, image } = guest.identity() else {
        panic!("{:?}", guest.identity())
    };
    assert_eq!(profile, other);
    assert!(image.contains(&laid_out.truth.identity), "{image}");
}
