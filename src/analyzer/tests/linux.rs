//! Real Linux memory, compared with the output of the guest.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use analyzer::linux::CarriedSymbols;
use analyzer::{CheckOutcome, Guest, Layout, Process, Scope, Verdict, relocate, validate};
use image::{Image, Memory, PhysicalAddress, ScanPlan};
use serde_json::Value;
use support::{Guests, losses, without};

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn processes_are_those_the_guest_printed() {
    for name in ["full.raw.xz", "sparse.lime.zst"] {
        let guests = Guests::open(name);
        let guest = Guest::find(&guests.image, &guests.layout, &ScanPlan::default()).unwrap();
        let listing = guest.processes().unwrap();
        listing.end.unwrap();
        let mut truth: Vec<Value> = guests.truth["processes"].as_array().unwrap().clone();
        truth.sort_by_key(|process| process["pid"].as_u64());
        // The shell that printed the list has ended, and a `sleep` was started.
        let printed = truth.pop().unwrap();
        let mut rows = listing.rows;
        rows.sort_by_key(|process| process.pid);
        let later: Vec<&Process> =
            rows.iter().filter(|row| row.pid > printed["pid"].as_u64().unwrap()).collect();
        assert!(later.iter().all(|row| row.name == "sleep" || row.name.starts_with("kworker")), "{later:?}");
        let count = rows.len() - later.len();
        rows.truncate(count);
        assert_eq!(rows.len(), truth.len(), "{name}");
        for (row, truth) in rows.iter().zip(&truth) {
            same(row, truth);
        }
    }
}

/// One process, member by member.
fn same(row: &Process, truth: &Value) {
    let number = |key: &str| truth[key].as_u64();
    assert_eq!(Some(row.pid), number("pid"), "{truth}");
    assert_eq!(row.parent, number("ppid"), "{truth}");
    assert_eq!(row.threads, number("threads"), "{truth}");
    assert_eq!(row.user.map(u64::from), truth["uid"][0].as_u64(), "{truth}");
    assert_eq!(row.group.map(u64::from), truth["gid"][0].as_u64(), "{truth}");
    // `/proc` counts hundredths of a second.
    assert_eq!(row.after_boot.map(|time| time / 10_000_000), number("starttime_ticks"), "{truth}");
    let name = truth["comm"].as_str().unwrap();
    if row.pid == 1 {
        // It became a shell after the list was printed.
        assert_eq!((row.name.as_str(), name), ("sh", "init"));
    } else if !(name.starts_with("kworker") && name.starts_with(&row.name)) {
        // Longer names belong to work queues and are not in the kernel's list.
        assert_eq!(row.name, name.get(..15).unwrap_or(name), "{truth}");
    }
    let state = truth["state"].as_str().unwrap();
    let zombie = row.state == Some("zombie");
    assert_eq!(zombie, state == "Z", "{truth}");
    // Kernel threads and zombies have no memory.
    assert_eq!(row.dtb.is_some(), truth["vsize"].as_u64() != Some(0), "{truth}");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn modules_are_those_the_guest_printed() {
    for name in ["full.raw.xz", "sparse.lime.zst"] {
        let guests = Guests::open(name);
        let guest = Guest::find(&guests.image, &guests.layout, &ScanPlan::default()).unwrap();
        let listing = guest.modules().unwrap();
        listing.end.unwrap();
        let truth = guests.truth["modules"].as_array().unwrap();
        let shown: Vec<(String, String, String)> = listing
            .rows
            .iter()
            .map(|row| (row.name.clone(), format!("{:#x}", row.base), row.size.to_string()))
            .collect();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let truth: Vec<_> = truth
            .iter()
            .map(|module| (text(&module["name"]), text(&module["address"]), text(&module["size"])))
            .collect();
        assert_eq!(shown, truth, "{name}");
        for (row, module) in listing.rows.iter().zip(guests.truth["modules"].as_array().unwrap()) {
            // The sparse image lacks some of the pages with these counts.
            let missing = row.uses.is_none() && name.starts_with("sparse");
            assert!(
                missing || row.uses.map(|uses| uses.to_string()) == Some(text(&module["refs"])),
                "{row:?}"
            );
        }
        assert!(listing.rows.iter().all(|row| row.state == Some("live")));
    }
}

/// A kernel that was built without modules has no list of them, which is not an error.
#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_kernel_that_was_built_without_modules_lists_none() {
    let guests = Guests::open("sparse.lime.zst");
    let path = support::corpus("images/linux-6.1-cloud/dwarf2json.isf.json.xz");
    let mut profile = profile::read_file(&path, &mut profile::Report::default()).unwrap();
    let names = &profile.names;
    profile.constants.retain(|(name, _)| names.get(*name) != "modules");
    let layout = Layout::from_profile(profile);
    let guest = Guest::find(&guests.image, &layout, &ScanPlan::default()).unwrap();
    let listing = guest.modules().unwrap();
    assert!(listing.rows.is_empty() && listing.end.is_ok());
    assert!(guest.processes().unwrap().rows.len() > 50);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn both_shifts_are_found_apart() {
    for name in ["full.raw.xz", "sparse.lime.zst"] {
        let guests = Guests::open(name);
        let guest = Guest::find(&guests.image, &guests.layout, &ScanPlan::default()).unwrap();
        let Guest::Linux(kernel) = guest else { panic!("{name}") };
        let truth = |key: &str| {
            u64::from_str_radix(guests.truth[key].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
        };
        assert_eq!(kernel.shift, truth("kaslr_shift"), "{name}");
        let text = guests.layout.symbol("_text").unwrap();
        assert_eq!(text.wrapping_add(kernel.delta), truth("kernel_phys_base"), "{name}");
        for (symbol, address) in guests.truth["kallsyms"].as_object().unwrap() {
            let address = address.as_str().unwrap().trim_start_matches("0x");
            assert_eq!(kernel.symbol(symbol).unwrap(), u64::from_str_radix(address, 16).unwrap(), "{symbol}");
        }
        let info = kernel.vmcoreinfo().unwrap();
        assert_eq!(info.kernel_offset(), Some(kernel.shift), "{name}");
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn both_images_prove_the_profile() {
    for name in ["full.raw.xz", "sparse.lime.zst"] {
        let guests = Guests::open(name);
        let proof = validate(&guests.image, &guests.layout, Scope::Whole, &ScanPlan::default()).unwrap();
        let failed: Vec<String> = proof
            .checks
            .iter()
            .filter(|check| check.outcome == CheckOutcome::Failed)
            .map(|check| format!("{}: {}", check.name, check.actual))
            .collect();
        assert_eq!(proof.verdict, Verdict::Match, "{name}: {}: {failed:?}", proof.reason);
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn an_image_without_the_page_tables_of_its_kernel_proves_nothing() {
    let guests = Guests::open("full.raw.xz");
    let plan = ScanPlan::default();
    let Guest::Linux(kernel) = Guest::find(&guests.image, &guests.layout, &plan).unwrap() else { panic!() };
    let root = kernel.symbol("init_top_pgt").map(|at| kernel.view().space.physical(at).unwrap()).unwrap();
    let prove = |image: &Image| validate(image, &guests.layout, Scope::Whole, &plan).unwrap();
    // The topmost table, and everything after it (the banner is before it), or everything before it.
    for gap in [root..root + 4096, root..u64::MAX, 0x10_0000..root + 4096] {
        let proof = prove(&without(&guests.image, |page| gap.contains(&page)));
        assert_eq!(proof.verdict, Verdict::Inconclusive, "{gap:x?}: {:?}", proof.checks);
    }
    // With the table and without the first task, there is enough.
    let task = guests.layout.symbol("init_task").unwrap().wrapping_add(kernel.delta) & !4095;
    assert_ne!(prove(&without(&guests.image, |page| page == task)).verdict, Verdict::Mismatch);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_part_of_an_image_is_not_a_mismatch() {
    let guests = Guests::open("full.raw.xz");
    let mut verdicts = [0; 3];
    let mut wrong = Vec::new();
    for (loss, gone) in losses(&guests.image) {
        let image = without(&guests.image, gone);
        let proof = validate(&image, &guests.layout, Scope::Whole, &ScanPlan::default()).unwrap();
        verdicts[proof.verdict as usize] += 1;
        for check in proof.checks.iter().filter(|check| check.outcome == CheckOutcome::Failed) {
            wrong.push(format!("{loss}: {}: {}", check.name, check.actual));
        }
    }
    assert!(wrong.is_empty(), "{verdicts:?}, {} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let [matches, _, inconclusive] = verdicts;
    assert!(matches > 20 && inconclusive > 0, "{verdicts:?}");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn planted_records_are_reported_and_decide_nothing() {
    let mut page = vec![0; 4096];
    let banner = b"Linux version 5.4.0-decoy (d@d.org) (gcc) #1 SMP\n\0";
    page[..banner.len()].copy_from_slice(banner);
    let info =
        b"OSRELEASE=5.4.0-decoy\nBUILD-ID=00ff\nPAGESIZE=4096\nSYMBOL(a)=ff\nSYMBOL(b)=ff\nKERNELOFFSET=0\n";
    page[1024..][..info.len()].copy_from_slice(info);
    // A LiME segment (its format, version 1): magic, version, first and last address, eight reserved bytes.
    let start = 0x7000_0000_u64;
    let mut segment = Vec::from(*b"EMiL\x01\0\0\0");
    segment.extend_from_slice(&start.to_le_bytes());
    segment.extend_from_slice(&(start + 4095).to_le_bytes());
    segment.extend_from_slice(&[0; 8]);
    segment.extend_from_slice(&page);
    let guests = Guests::with("sparse.lime.zst", &segment);
    let proof = validate(&guests.image, &guests.layout, Scope::Whole, &ScanPlan::default()).unwrap();
    assert_eq!(proof.verdict, Verdict::Match, "{}", proof.reason);
    let decoys = proof.checks.iter().find(|check| check.name == "records of other kernels").unwrap();
    for told in [
        "banner at 0x70000000: Linux version 5.4.0-decoy",
        "VMCOREINFO at 0x70000400: 5.4.0-decoy, build-id 00ff",
    ] {
        assert!(decoys.actual.contains(told), "{}", decoys.actual);
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_kernels_own_table_is_found_by_name_and_by_form() {
    let guests = Guests::open("full.raw.xz");
    let named = CarriedSymbols::find(&guests.image, &ScanPlan::default()).unwrap();
    let formed = CarriedSymbols::by_form(&guests.image, &ScanPlan::default()).unwrap();
    assert!(named.found_by.starts_with("VMCOREINFO") && formed.found_by.starts_with("by its form"));
    assert_eq!((named.len(), formed.len()), (82_125, 82_125));
    let guest = Guest::find(&guests.image, &guests.layout, &ScanPlan::default()).unwrap();
    let Guest::Linux(kernel) = &guest else { panic!() };
    let profile = guests.layout.whole().unwrap();
    let mut compared = 0;
    for (name, address) in &profile.constants {
        let name = profile.names.get(*name);
        assert_eq!(named.addresses(name), formed.addresses(name), "{name}");
        // Of the symbols that move with the kernel, the profile's is one.
        if *address > 1 << 32 && !named.addresses(name).is_empty() {
            compared += 1;
            let moved = address.wrapping_add(kernel.shift);
            assert!(named.addresses(name).contains(&moved), "{name}: {moved:#x}");
        }
    }
    assert!(compared > 50_000, "{compared}");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_current_kernel_is_a_match_with_start_times() {
    let guests = Guests::current();
    let proof = validate(&guests.image, &guests.layout, Scope::Whole, &ScanPlan::default()).unwrap();
    assert_eq!(proof.verdict, Verdict::Match, "{:?}", proof.suspects);
    let passed = |name: &str| {
        proof.checks.iter().any(|check| check.name == name && check.outcome == CheckOutcome::Passed)
    };
    for name in ["kallsyms", "BTF", "module.kallsyms", "file_systems", "timekeeper: offs_real"] {
        assert!(passed(name), "{name}");
    }
    let guest = Guest::find(&guests.image, &guests.layout, &ScanPlan::default()).unwrap();
    let rows = guest.processes().unwrap().rows;
    let truth = guests.truth["processes"].as_array().unwrap();
    // The shell that printed the list has ended, and a `sleep` was started.
    let mut known = 0;
    for row in &rows {
        assert!(row.started.is_some(), "{row:?}");
        let Some(truth) = truth.iter().find(|truth| truth["pid"].as_u64() == Some(row.pid)) else { continue };
        known += 1;
        same(row, truth);
    }
    assert_eq!(known, truth.len() - 1);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_place_relative_table_is_found_by_name_and_by_form() {
    let guests = Guests::current();
    let named = CarriedSymbols::find(&guests.image, &ScanPlan::default()).unwrap();
    let formed = CarriedSymbols::by_form(&guests.image, &ScanPlan::default()).unwrap();
    assert!(named.found_by.starts_with("VMCOREINFO") && formed.found_by.starts_with("by its form"));
    assert_eq!(named.len(), formed.len());
    let guest = Guest::find(&guests.image, &guests.layout, &ScanPlan::default()).unwrap();
    let Guest::Linux(kernel) = &guest else { panic!() };
    let profile = guests.layout.whole().unwrap();
    let mut compared = 0;
    for (name, address) in &profile.constants {
        let name = profile.names.get(*name);
        if !named.addresses(name).is_empty() {
            compared += 1;
            let moved = address.wrapping_add(kernel.shift);
            // The table in physical memory does not give the kernel's addresses: it is read with link addresses.
            assert!(named.addresses(name).contains(&moved), "{name}: {moved:#x}");
            assert!(formed.addresses(name).contains(address), "{name}: {address:#x}");
        }
    }
    assert!(compared > 100_000, "{compared}");
}

/// Files that leave out holes between ranges of memory, so that everything behind a hole stands too early: LiME's raw
/// format; a hole in the middle of memory; two of them.
#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn files_that_leave_out_holes_are_laid_out_anew() {
    const MIB: u64 = 1 << 20;
    let guests = Guests::open("full.raw.xz");
    let size = guests.image.size();
    let read = |from: u64, to: u64| {
        let mut bytes = vec![0; (to - from) as usize];
        guests.image.read(PhysicalAddress(from), &mut bytes).unwrap();
        bytes
    };
    let plan = ScanPlan::default();
    for ranges in [
        vec![(0x1000, 0x9_fc00), (MIB, size)],
        vec![(0, 30 * MIB), (31 * MIB, size)],
        vec![(0x1000, 0x9_fc00), (MIB, 30 * MIB), (32 * MIB, size)],
    ] {
        let joined: Vec<u8> = ranges.iter().flat_map(|&(from, to)| read(from, to)).collect();
        let image = Image::from_content(joined).unwrap();
        let found = relocate(&image, &guests.layout, &plan).expect("a layout is found");
        let proof = validate(&found.image, &guests.layout, Scope::Whole, &plan).unwrap();
        assert_eq!(proof.verdict, Verdict::Match, "{ranges:x?}: {:x?}: {}", found.parts, proof.reason);
        let guest = Guest::find(&found.image, &guests.layout, &plan).unwrap();
        let listing = guest.processes().unwrap();
        listing.end.unwrap();
        assert!(listing.rows.len() > 40, "{}", listing.rows.len());
    }
    // A file whose offsets are physical addresses needs no other layout.
    assert!(relocate(&guests.image, &guests.layout, &plan).is_none());
}
