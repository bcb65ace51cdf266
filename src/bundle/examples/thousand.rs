//! Makes a bundle of many builds from one real profile, to measure what questions over a thousand builds cost.
//!
//! From each build to the next, at least 1 % of all members have another offset, and every symbol has another address: about
//! one struct in forty grows by 8 bytes behind its first member, and each region of 128 KiB of the address space moves by a
//! distance of its own. Real neighbours change far less, so the bundle is larger and its histories are longer than those
//! of a thousand real builds.
//!
//!     cargo run --release -p rekall-profile-bundle --example thousand -- PROFILE.json.gz 1000 OUT.bundle
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, clippy::disallowed_macros)]

use std::collections::BTreeMap;
use std::fs;

use bundle::{Entry, write};
use profile::{EntryPrinter, MAX_TEXT, Section, Silent, split_structure, split_text, unpack};
use serde_json::{Map, Value};

/// Of how many structs one grows from a build to the next.
const GROWS: u64 = 40;
/// How many bits of an address are within a region.
const REGION: u32 = 17;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [profile, count, out] = &arguments[..] else { panic!("expected PROFILE COUNT OUT") };
    let packed = fs::read(profile).unwrap();
    let text = String::from_utf8(unpack(&packed, MAX_TEXT).unwrap().into_owned()).unwrap();
    let base = Base::new(&text);
    let count: u64 = count.parse().unwrap();
    let (mut members, mut least) = (0, u64::MAX);
    for nth in 1..count {
        let moved;
        (members, moved) = base.moved(nth);
        least = least.min(moved);
    }
    println!("at least {least} of {members} members move from each build to the next");
    assert!(count < 2 || least * 100 >= members, "at least 1 %");
    let entries = (0..count).map(|nth| {
        let base = &base;
        Entry::new(format!("build-{nth:04}"), move || Ok(base.build(nth)))
    });
    let (_, written) = write(entries.collect(), fs::File::create(out).unwrap(), &Silent).unwrap();
    println!("{} builds, {} bytes", written.builds, written.length);
}

/// The profile that all builds are made from.
struct Base<'a> {
    sections: Vec<Section<'a>>,
}

impl<'a> Base<'a> {
    fn new(text: &'a str) -> Self {
        Self { sections: split_text(text).unwrap() }
    }

    fn structs(&self) -> impl Iterator<Item = &(std::borrow::Cow<'a, str>, &'a str)> {
        let section = self.sections.iter().find(|section| section.name == "$STRUCTS").unwrap();
        section.entries.iter().flatten()
    }

    /// How many members there are, and how many are elsewhere in this build than in the one before.
    fn moved(&self, nth: u64) -> (u64, u64) {
        let (mut all, mut moved) = (0, 0);
        for (place, (_, value)) in self.structs().enumerate() {
            let (_, members) = split_structure(value).unwrap();
            let first = members.iter().map(|member| member.offset).min().unwrap_or_default();
            all += members.len() as u64;
            if grows(place, nth) {
                moved += members.iter().filter(|member| member.offset > first).count() as u64;
            }
        }
        (all, moved)
    }

    /// The canonical text of a build.
    fn build(&self, nth: u64) -> String {
        let shifts = self.shifts(nth);
        let mut printer = EntryPrinter::new(Vec::new());
        for section in &self.sections {
            let name = &*section.name;
            match (name, &section.entries) {
                ("$METADATA", _) => printer.value(name, &metadata(section.text, nth)).unwrap(),
                (_, None) => printer.value(name, section.text).unwrap(),
                ("$CONSTANTS" | "$FUNCTIONS", Some(entries)) => {
                    printer.section(name).unwrap();
                    for (key, value) in entries {
                        let address: u64 = value.parse().unwrap();
                        printer.symbol(key, address.wrapping_add(shifts[&(address >> REGION)])).unwrap();
                    }
                }
                ("$STRUCTS", Some(entries)) => {
                    printer.section(name).unwrap();
                    for (place, (key, value)) in entries.iter().enumerate() {
                        let (size, members) = split_structure(value).unwrap();
                        let grown = 8 * (1..=nth).filter(|nth| grows(place, *nth)).count() as u64;
                        let first = members.iter().map(|member| member.offset).min().unwrap_or_default();
                        let offset = |offset: u64| if offset > first { offset + grown } else { offset };
                        let moved =
                            members.iter().map(|one| (&*one.name, offset(one.offset), one.descriptor));
                        printer.structure(key, size + grown, moved).unwrap();
                    }
                }
                (_, Some(entries)) => {
                    printer.section(name).unwrap();
                    entries.iter().for_each(|(key, value)| printer.entry(key, value).unwrap());
                }
            }
        }
        String::from_utf8(printer.finish().unwrap()).unwrap()
    }

    /// How far each region of the address space moves: all by another distance than in the build before.
    fn shifts(&self, nth: u64) -> BTreeMap<u64, u64> {
        let sections =
            self.sections.iter().filter(|section| matches!(&*section.name, "$CONSTANTS" | "$FUNCTIONS"));
        let symbols = sections.flat_map(|section| section.entries.iter().flatten());
        let regions = symbols.map(|(_, value)| (value.parse::<u64>().unwrap() >> REGION, 0));
        let mut shifts: BTreeMap<u64, u64> = regions.collect();
        let mut shift = (16 << 10) * nth;
        for (region, of_region) in &mut shifts {
            shift += 16 * (mixed(*region, nth) % 4);
            *of_region = shift;
        }
        shifts
    }
}

/// The metadata with another release, build-id and banner.
fn metadata(text: &str, nth: u64) -> String {
    let mut metadata: Map<String, Value> = serde_json::from_str(text).unwrap();
    let release = format!("6.1.0-{nth}-cloud-amd64");
    metadata.insert("Banner".to_owned(), format!("Linux version {release} (made up)").into());
    metadata.insert("BuildID".to_owned(), format!("{:040x}", mixed(nth, 1)).into());
    metadata.insert("Release".to_owned(), release.into());
    let text = serde_json::to_string(&metadata).unwrap();
    // As the canonical text is spaced.
    let whole = format!("{{\"$METADATA\": {text}}}");
    let mut report = profile::Report::default();
    let mut profile = profile::read_text(whole.as_bytes(), &mut report).unwrap();
    let resolution = profile::Resolution::new(&mut profile, &mut report);
    let canonical =
        String::from_utf8(profile::write_text(&profile, &resolution, Vec::new()).unwrap()).unwrap();
    split_text(&canonical)
        .unwrap()
        .iter()
        .find(|section| section.name == "$METADATA")
        .unwrap()
        .text
        .to_owned()
}

/// Whether a struct grows in a build.
fn grows(place: usize, nth: u64) -> bool {
    mixed(place as u64, nth).is_multiple_of(GROWS)
}

/// A number that depends on both in no simple way (the finaliser of SplitMix64).
fn mixed(a: u64, b: u64) -> u64 {
    let mut mixed = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xd1b5_4a32_d192_ed03);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
