//! Moves every member and symbol that the checks read: the proof has to fail and to name it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use analyzer::{CheckOutcome, Layout, Scope, Verdict, validate};
use image::{Image, ScanPlan};
use profile::{Report, Resolution, Text, read_file, write_text};
use serde_json::Value;
use support::{Guests, RowReads, corpus};

/// Only the parts of the kernel's profile that are read, without its identity: small enough to be changed often.
fn slim(profile: &Path) -> Value {
    let mut report = Report::default();
    let mut profile = read_file(profile, &mut report).unwrap();
    let resolution = Resolution::new(&mut profile, &mut report);
    let text = write_text(&profile, &resolution, Vec::new()).unwrap();
    let mut whole: Value = serde_json::from_slice(&text).unwrap();
    let mut kept = BTreeSet::new();
    let structs = published().filter_map(|item| item.split_once('.'));
    for (name, _) in structs {
        keep(&whole["$STRUCTS"], name, &mut kept);
    }
    whole["$STRUCTS"].as_object_mut().unwrap().retain(|name, _| kept.contains(name));
    let symbols: BTreeSet<&str> = published().filter_map(|item| item.strip_prefix('&')).collect();
    whole["$CONSTANTS"].as_object_mut().unwrap().retain(|name, _| symbols.contains(name.as_str()));
    for section in ["$ENUMS", "$REVENUMS", "$CONSTANT_TYPES"] {
        whole.as_object_mut().unwrap().remove(section);
    }
    let metadata = whole["$METADATA"].as_object_mut().unwrap();
    metadata.retain(|key, _| matches!(key.as_str(), "Type" | "ProfileClass" | "arch" | "Version"));
    whole
}

/// What is read of any kernel.
fn published() -> impl Iterator<Item = &'static str> {
    let table = &analyzer::linux::CHECKS;
    table.reads().into_iter().chain(table.reads_elsewhere())
}

/// A struct with every struct it holds.
fn keep(structs: &Value, name: &str, kept: &mut BTreeSet<String>) {
    let Some(entry) = structs.get(name) else { return };
    if kept.insert(name.to_owned()) {
        for member in entry[1].as_object().unwrap().values() {
            held(structs, &member[1], kept);
        }
    }
}

fn held(structs: &Value, descriptor: &Value, kept: &mut BTreeSet<String>) {
    match descriptor[0].as_str() {
        Some("Array") => {
            let inner = serde_json::json!([descriptor[1]["target"], descriptor[1]["target_args"]]);
            held(structs, &inner, kept);
        }
        Some(name) => keep(structs, name, kept),
        None => {}
    }
}

fn layout(profile: &Value) -> Layout {
    Layout::from_text(Text::new(serde_json::to_vec(profile).unwrap()).unwrap())
}

/// The member's offset, in the struct or in one of its members without a name.
fn offset<'a>(profile: &'a mut Value, name: &str, member: &str) -> Option<&'a mut Value> {
    let members = profile["$STRUCTS"].get(name)?.get(1)?.as_object()?;
    let owner = if members.contains_key(member) {
        name.to_owned()
    } else {
        let unnamed = members.iter().filter(|(key, _)| {
            key.strip_prefix('u').is_some_and(|rest| rest.bytes().all(|digit| digit.is_ascii_digit()))
        });
        let inner: Vec<String> =
            unnamed.filter_map(|(_, value)| value[1][0].as_str().map(str::to_owned)).collect();
        let found = inner.into_iter().find(|inner| offset(profile, inner, member).is_some())?;
        return offset(profile, &found, member);
    };
    profile["$STRUCTS"].get_mut(&owner)?.get_mut(1)?.get_mut(member)?.get_mut(0)
}

/// Moves the item by this many bytes; `None` if the kernel does not have it or it would be before the start of its
/// struct.
fn moved(profile: &Value, item: &str, by: i64) -> Option<Value> {
    let mut profile = profile.clone();
    if let Some(symbol) = item.strip_prefix('&') {
        let address = profile["$CONSTANTS"].get_mut(symbol)?;
        *address = Value::from(address.as_u64()?.wrapping_add_signed(by));
        return Some(profile);
    }
    let (name, member) = item.split_once('.').unwrap();
    let offset = offset(&mut profile, name, member)?;
    *offset = Value::from(offset.as_u64().unwrap().checked_add_signed(by)?);
    Some(profile)
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn everything_that_is_moved_is_named() {
    whatever_is_moved(
        &Guests::open("full.raw.xz"),
        &slim(&corpus("images/linux-6.1-cloud/dwarf2json.isf.json.xz")),
    );
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn everything_that_is_moved_in_a_current_kernel_is_named() {
    whatever_is_moved(&Guests::current(), &slim(&corpus("images/linux-7.3-cloud/profile.json.gz")));
}

/// The guests that `scripts/e2e-linux` made into the folder that the variable `E2E_GUESTS` names, with the profiles that
/// it made of their debug packages; none where there is no such variable.
fn made_guests() -> Vec<(String, Guests, PathBuf)> {
    let Some(folder) = std::env::var_os("E2E_GUESTS").map(PathBuf::from) else { return Vec::new() };
    let mut made = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let guest = entry.unwrap().path();
        let Ok(truth) = std::fs::read(guest.join("truth.json")) else { continue };
        let truth: Value = serde_json::from_slice(&truth).unwrap();
        let release = truth["release"].as_str().unwrap();
        let arches =
            if truth["emulator"][0] == "qemu-system-aarch64" { &["arm64"][..] } else { &["amd64", "i386"] };
        let profiles = arches.iter().map(|arch| folder.join(format!("profiles/{release}-{arch}.json.gz")));
        if let Some(profile) = profiles.into_iter().find(|profile| profile.exists()) {
            let image = Image::from_content(std::fs::read(guest.join("memory.raw")).unwrap()).unwrap();
            let layout = Layout::open(&profile).unwrap();
            let name = guest.file_name().unwrap().to_string_lossy().into_owned();
            made.push((name, Guests { image, layout, truth }, profile));
        }
    }
    made
}

#[test]
#[ignore = "needs E2E_GUESTS"]
fn whatever_is_moved_in_the_guests_is_named() {
    for (name, guests, profile) in made_guests() {
        println!("{name}");
        whatever_is_moved(&guests, &slim(&profile));
    }
}

#[test]
#[ignore = "needs E2E_GUESTS"]
fn what_is_read_in_the_guests_is_what_is_published() {
    let mut read = BTreeSet::new();
    let made = made_guests();
    for (name, guests, _) in &made {
        let found = validate(&guests.image, &guests.layout, Scope::Whole, &ScanPlan::default()).unwrap();
        assert_eq!(found.verdict, Verdict::Match, "{name}: {}: {:?}", found.reason, found.suspects);
        read.extend(found.checks.into_iter().flat_map(|check| check.items));
    }
    let all: BTreeSet<String> = published().map(str::to_owned).collect();
    let unpublished: Vec<_> = read.difference(&all).collect();
    assert!(unpublished.is_empty(), "not published: {unpublished:?}");
    let others = analyzer::linux::CHECKS.reads_elsewhere();
    let others: Vec<_> = others.iter().filter(|item| !read.contains(**item)).collect();
    assert!(made.is_empty() || others.is_empty(), "published, but not read in any guest: {others:?}");
}

/// Where the kernel's code begins and ends. Addresses are compared with these bounds, so a bound that is a few bytes off need
/// not be noticed.
const BOUNDS: [&str; 3] = ["&_einittext", "&_etext", "&_sinittext"];

fn whatever_is_moved(guests: &Guests, slim: &Value) {
    let image = &guests.image;
    let good = validate(image, &layout(slim), Scope::Quick, &ScanPlan::default()).unwrap();
    assert_eq!(good.verdict, Verdict::Match, "{:?}", good.suspects);
    let look = &|by: i64| {
        let (mut unseen, mut looked) = (Vec::new(), 0);
        for item in published().filter(|item| !BOUNDS.contains(item)) {
            let Some(profile) = moved(slim, item, by) else { continue };
            looked += 1;
            let found = validate(image, &layout(&profile), Scope::Quick, &ScanPlan::default()).unwrap();
            let named = found.suspects.iter().any(|suspect| suspect == item);
            if found.verdict != Verdict::Mismatch || !named {
                unseen
                    .push(format!("{item} by {by}: {:?}, given away by {:?}", found.verdict, found.suspects));
            }
        }
        // A kernel lacks entries that only others have.
        assert!(looked > 200, "{looked}");
        unseen
    };
    let unseen: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = [8, -8, 4].into_iter().map(|by| scope.spawn(move || look(by))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(unseen.is_empty(), "{} unseen:\n{}", unseen.len(), unseen.join("\n"));
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn every_check_reads_what_its_row_says() {
    let mut reads = RowReads::new(&analyzer::linux::CHECKS);
    for guests in [Guests::open("full.raw.xz"), Guests::current()] {
        let found = validate(&guests.image, &guests.layout, Scope::Whole, &ScanPlan::default()).unwrap();
        let failed: Vec<_> =
            found.checks.iter().filter(|check| check.outcome == CheckOutcome::Failed).collect();
        assert_eq!(found.verdict, Verdict::Match, "{failed:#?}");
        reads.add(&found);
    }
    // An image without a Linux kernel.
    let image = memory_images::windows::image(memory_images::windows::Case::Win7X64);
    let image = Image::from_content(image.write(memory_images::Container::Elf)).unwrap();
    let layout = Guests::open("full.raw.xz").layout;
    reads.add_without_kernel(&validate(&image, &layout, Scope::Whole, &ScanPlan::default()).unwrap());
    reads.hold();
}

/// The same for systems with only synthetic images: every item, by eight bytes in both directions.
fn unseen(profile: profile::Profile, image: &Image, items: &[&str]) -> Vec<String> {
    let mut profile = profile;
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    let text = write_text(&profile, &resolution, Vec::new()).unwrap();
    let mut whole: Value = serde_json::from_slice(&text).unwrap();
    let metadata = whole["$METADATA"].as_object_mut().unwrap();
    metadata.retain(|key, _| matches!(key.as_str(), "Type" | "ProfileClass" | "arch" | "Version"));
    let good = validate(image, &layout(&whole), Scope::Quick, &ScanPlan::default()).unwrap();
    assert_eq!(good.verdict, Verdict::Match, "{:?}", good.suspects);
    let mut unseen = Vec::new();
    for by in [8, -8] {
        for item in items {
            let known = match (item.strip_prefix('&'), item.split_once('.')) {
                (Some(symbol), _) => whole["$CONSTANTS"].get(symbol).is_some(),
                (None, Some((name, member))) => offset(&mut whole, name, member).is_some(),
                _ => false,
            };
            // In the synthetic kernels, the bytes eight further are the same pointer; and the two halves of a link at
            // one place look like a union.
            let alike = matches!(
                (*item, by),
                ("&PsInitialSystemProcess", 8) | ("__unnamed_proc_p_sibling.le_prev", -8)
            );
            let known = known && !alike;
            let Some(profile) = known.then(|| moved(&whole, item, by)).flatten() else { continue };
            let found = validate(image, &layout(&profile), Scope::Quick, &ScanPlan::default()).unwrap();
            if found.verdict != Verdict::Mismatch || !found.suspects.iter().any(|suspect| suspect == item) {
                unseen
                    .push(format!("{item} by {by}: {:?}, given away by {:?}", found.verdict, found.suspects));
            }
        }
    }
    unseen
}

#[test]
fn everything_that_is_moved_in_windows_is_named() {
    use memory_images::{Container, windows};
    for case in [windows::Case::Win7X64, windows::Case::Win10X64] {
        let image = Image::from_content(windows::image(case).write(Container::Elf)).unwrap();
        let (_, name, bytes) = case.pdb();
        let options =
            pdb_converter::Options { file_name: name.to_owned(), ..pdb_converter::Options::default() };
        let file = profile::MappedFile::from(bytes.to_vec());
        let converted = pdb_converter::convert(file, &options, &profile::Silent).unwrap();
        let mut unseen = unseen(converted.profile, &image, &analyzer::windows::CHECKS.reads());
        // Windows 8 began to encode it, so the bytes there mean nothing.
        unseen.retain(|line| case != windows::Case::Win10X64 || !line.starts_with("&KdDebuggerDataBlock"));
        assert!(unseen.is_empty(), "{}: {} unseen:\n{}", case.name(), unseen.len(), unseen.join("\n"));
    }
}

#[test]
fn everything_that_is_moved_in_macos_is_named() {
    use memory_images::{Container, macos};
    for case in macos::Case::ALL {
        let image = Image::from_content(macos::image(case).write(Container::Raw)).unwrap();
        let options = dwarf_converter::Options::default();
        let converted = dwarf_converter::convert(
            case.debug_file().1,
            &options,
            &dwarf_converter::Alone,
            &profile::Silent,
        )
        .unwrap();
        let unseen = unseen(converted.profile, &image, &analyzer::mac::CHECKS.reads());
        assert!(unseen.is_empty(), "{}: {} unseen:\n{}", case.name(), unseen.len(), unseen.join("\n"));
    }
}
