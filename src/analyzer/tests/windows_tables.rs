//! Windows images laid out by the tables of real kernels (corpus `windows-isf`), and by that of our own kernel in forms that
//! its own images do not have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::collections::BTreeMap;

use analyzer::windows::UnprofiledWindows;
use analyzer::{CheckOutcome, Guest, Identity, Layout, Scope, Validation, Verdict, validate};
use image::{Image, ScanPlan};
use memory_images::windows::{Case, Table, Variant, image_of};
use memory_images::{Container, Image as LaidOut};
use profile::{Form, Format, MAX_TEXT, MappedFile, Report, Resolution, Silent, unpack};
use support::corpus;

/// Our own kernel's table, in the form of Volatility 3.
fn own_table() -> (Table, Layout) {
    let (_, name, bytes) = Case::Win10X64.pdb();
    let options = pdb_converter::Options { file_name: name.to_owned(), ..pdb_converter::Options::default() };
    let mut profile =
        pdb_converter::convert(MappedFile::from(bytes.to_vec()), &options, &Silent).unwrap().profile;
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    let form = Form { format: Format::Isf, ..Form::default() };
    let text = profile::write_form(&profile, &resolution, form, &mut Report::default(), Vec::new()).unwrap();
    (Table::of_isf(&text), Layout::from_profile(profile))
}

fn variant(name: &str, lab: u32, build: u32) -> Variant {
    Variant { name: name.to_owned(), lab, build, isolated: false, five_levels: false }
}

fn words(validation: &Validation) -> String {
    let bad = validation.checks.iter().filter(|check| !matches!(check.outcome, CheckOutcome::Passed));
    let lines: Vec<String> = bad
        .map(|check| {
            format!("{} {}: {} not {}", check.outcome.name(), check.name, check.actual, check.expected)
        })
        .collect();
    format!("{} ({})\n{}", validation.verdict.name(), validation.reason, lines.join("\n"))
}

/// What is listed of an image is what was put there.
fn lists_the_truth(name: &str, laid_out: &LaidOut, image: &Image, layout: &Layout) {
    let guest =
        Guest::find(image, layout, &ScanPlan::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(guest.identity(), Identity::Same, "{name}");
    let Guest::Windows(kernel) = &guest else { panic!("{name}") };
    assert_eq!(kernel.base, laid_out.truth.kernel_base, "{name}");
    let listing = guest.processes().unwrap();
    listing.end.unwrap();
    let found: Vec<_> = listing
        .rows
        .iter()
        .map(|row| (row.pid, row.parent, row.name.clone(), row.address, row.dtb, row.threads, row.handles))
        .collect();
    let expected: Vec<_> = laid_out
        .truth
        .processes
        .iter()
        .map(|it| {
            (it.pid, Some(it.ppid), it.name.clone(), it.offset, Some(it.dtb), Some(it.threads), it.handles)
        })
        .collect();
    assert_eq!(found, expected, "{name}");
    let listing = guest.modules().unwrap();
    listing.end.unwrap();
    let found: Vec<_> = listing
        .rows
        .iter()
        .map(|row| {
            (row.name.clone(), row.base, row.size, row.pdb.as_ref().map(|(build, _)| build.to_string()))
        })
        .collect();
    let expected: Vec<_> = laid_out
        .truth
        .modules
        .iter()
        .map(|it| (it.name.clone().unwrap_or_default(), it.base, it.size, it.identity.clone()))
        .collect();
    assert_eq!(found, expected, "{name}");
}

#[test]
fn isolation_sessions_hidden_frames_and_five_levels_are_read() {
    let (table, layout) = own_table();
    for (isolated, five_levels) in [(false, false), (true, false), (false, true), (true, true)] {
        let name = format!("isolated {isolated}, five levels {five_levels}");
        let laid_out = image_of(&table, &Variant { isolated, five_levels, ..variant(&name, 19041, 19045) });
        for container in [Container::Elf, Container::CrashBitmap] {
            let image = Image::from_content(laid_out.write(container)).unwrap();
            lists_the_truth(&name, &laid_out, &image, &layout);
            let found = validate(&image, &layout, Scope::Whole, &ScanPlan::default()).unwrap();
            assert_eq!(found.verdict, Verdict::Match, "{name}, {container:?}: {}", words(&found));
            let bare = UnprofiledWindows::find(&image, image.hints(), &ScanPlan::default())
                .unwrap_or_else(|| panic!("{name}"));
            assert_eq!(bare.base, laid_out.truth.kernel_base, "{name}");
        }
    }
}

/// The builds of the corpus, with the numbers of the enablement packages that there were for some of them.
const BUILDS: [(&str, &str, u32, &[u32]); 10] = [
    ("7601.24540", "339E74133576439CBCDF7E0229DA3773-1", 7601, &[7601]),
    ("9600.19913", "22597D0B40394E23936F6A24C6C52D5B-1", 9600, &[9600]),
    ("14393.4583", "517E128F7B7C4EA79491DE6B9B9CE190-1", 14393, &[14393]),
    ("17763.2300", "8D8CF2E14D2D1B21CD88604AC6FDE56D-1", 17763, &[17763]),
    ("17763.2366", "581F3FEBF2BABA4D2FF64FD74F694C37-1", 17763, &[17763]),
    ("18362.295", "11BC9A513F1140CA359ECDF50F0122C1-1", 18362, &[18362, 18363]),
    ("19041.329", "BBED7C2955FBE4522AAA23F4B8677AD9-1", 19041, &[19041, 19045]),
    ("19041.388", "110A2D89ED7A438FEFFC84F9CFDD6C00-1", 19041, &[19042, 19044]),
    ("20348.288", "C2EADB24A615E9472CE47C8ADD31F130-1", 20348, &[20348]),
    ("22000.318", "32C1A669D5FFEFD41091F636CFDB6E99-1", 22000, &[22000]),
];

/// Builds that agree in every symbol that an image of ours shows: only the record tells them apart.
const TWINS: [&str; 2] = ["17763.2300", "17763.2366"];

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_right_table_of_a_real_kernel_is_a_match_and_no_other_one_is() {
    let texts: Vec<Vec<u8>> = BUILDS
        .iter()
        .map(|(_, file, ..)| {
            let path = corpus(&format!("windows-isf/ntkrnlmp.pdb/{file}.json.xz"));
            unpack(&std::fs::read(path).unwrap(), MAX_TEXT).unwrap().into_owned()
        })
        .collect();
    let layouts: Vec<Layout> = BUILDS
        .iter()
        .map(|(_, file, ..)| {
            Layout::open(&corpus(&format!("windows-isf/ntkrnlmp.pdb/{file}.json.xz"))).unwrap()
        })
        .collect();
    let mut wrong = Vec::new();
    for ((text, layout), (own, _, lab, builds)) in texts.iter().zip(&layouts).zip(BUILDS) {
        let table = Table::of_isf(text);
        for (build, isolated) in
            builds.iter().zip([true, false].into_iter().cycle()).chain([(&builds[0], false)])
        {
            let name = format!("{own} as {build}, isolated {isolated}");
            let laid_out = image_of(&table, &Variant { isolated, ..variant(&name, lab, *build) });
            let image = Image::from_content(laid_out.write(Container::CrashBitmap)).unwrap();
            lists_the_truth(&name, &laid_out, &image, layout);
            let mut verdicts: BTreeMap<&str, Validation> = BTreeMap::new();
            for (layout, (other, ..)) in layouts.iter().zip(BUILDS) {
                verdicts.insert(other, validate(&image, layout, Scope::Quick, &ScanPlan::default()).unwrap());
            }
            for (other, found) in verdicts {
                let twins = TWINS.contains(&own) && TWINS.contains(&other);
                let expected = match other == own {
                    true => Verdict::Match,
                    false if twins => Verdict::Inconclusive,
                    false => Verdict::Mismatch,
                };
                if found.verdict != expected {
                    wrong.push(format!(
                        "{name} with {other}, expected {}: {}",
                        expected.name(),
                        words(&found)
                    ));
                } else if twins && other != own {
                    assert!(found.reason.contains("neighbouring build"), "{name}: {}", found.reason);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}
