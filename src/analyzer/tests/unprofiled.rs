//! The own data of real kernels, compared with the output of the guests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use analyzer::linux::{Blob, UnprofiledKernel};
use analyzer::{Guest, Layout, Scope, Verdict, validate};
use image::{Image, ScanPlan};
use profile::{MAX_TEXT, unpack};
use serde_json::Value;
use support::corpus;

struct Raw {
    content: Vec<u8>,
    truth: Value,
}

impl Raw {
    fn open(folder: &str, file: &str) -> Self {
        let folder = corpus("images").join(folder);
        let content = unpack(&std::fs::read(folder.join(file)).unwrap(), MAX_TEXT).unwrap().into_owned();
        let truth = folder.join(format!("{}.truth.json", file.split('.').next().unwrap()));
        Self { content, truth: serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap() }
    }

    fn all() -> [Self; 2] {
        [Self::open("linux-6.1-cloud", "full.raw.xz"), Self::open("linux-7.3-cloud", "full.raw.xz")]
    }

    /// Overwrites a text in every place.
    fn destroy(&mut self, text: &[u8]) {
        let places: Vec<usize> = memchr::memmem::find_iter(&self.content, text).collect();
        for place in places {
            self.content[place..place + text.len()].fill(b'x');
        }
    }

    fn image(&self) -> Image {
        Image::from_content(self.content.clone()).unwrap()
    }

    fn shift(&self) -> u64 {
        number(&self.truth["kaslr_shift"])
    }
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

/// The kernel is the guest's: every symbol that it printed is at that address, and their number is equal.
fn is_the_guests(kernel: &UnprofiledKernel<'_>, raw: &Raw, words: &str) {
    assert_eq!(kernel.symbols.len() as u64, raw.truth["kallsyms_core"].as_u64().unwrap(), "{words}");
    for (name, address) in raw.truth["kallsyms"].as_object().unwrap() {
        assert_eq!(kernel.symbol(name), Some(number(address)), "{words}: {name}");
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_kernel_is_found_by_its_own_data() {
    for raw in Raw::all() {
        let image = raw.image();
        let kernels = UnprofiledKernel::find_all(&image, &ScanPlan::default());
        assert_eq!(kernels.len(), 1);
        let kernel = &kernels[0];
        is_the_guests(kernel, &raw, &kernel.found_by);
        assert_eq!(kernel.told_shift(), Some(raw.shift()));
        assert_eq!(kernel.banner.as_ref().unwrap().text, raw.truth["version"].as_str().unwrap());
        let blob = &kernel.types()[0];
        let length = kernel.symbol("__stop_BTF").unwrap() - kernel.symbol("__start_BTF").unwrap();
        assert_eq!(blob.bytes.len() as u64, length);
        assert!(blob.bytes.starts_with(&[0x9f, 0xeb, 1, 0]), "{}", blob.found_by);
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_kernel_without_its_records_is_still_found() {
    for mut raw in Raw::all() {
        raw.destroy(b"OSRELEASE=");
        let found = |raw: &Raw, by: &str| {
            let image = raw.image();
            let kernels = UnprofiledKernel::find_all(&image, &ScanPlan::default());
            assert_eq!(kernels.len(), 1, "{by}");
            is_the_guests(&kernels[0], raw, by);
            assert!(kernels[0].found_by.contains(by), "{}", kernels[0].found_by);
            assert!(kernels[0].build_id.is_some());
        };
        found(&raw, "placed by the banner");
        raw.destroy(b"Linux version ");
        found(&raw, "placed by the BTF");
    }
}

/// A blob's records, as far as these tests read them.
struct Records<'a> {
    types: std::ops::Range<usize>,
    strings: usize,
    blob: &'a [u8],
}

impl<'a> Records<'a> {
    fn of(blob: &'a [u8]) -> Self {
        let word = |at: usize| u32::from_le_bytes(blob[at..at + 4].try_into().unwrap()) as usize;
        let start = word(4);
        let types = start + word(8)..start + word(8) + word(12);
        Self { types, strings: start + word(16), blob }
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.blob[at..at + 4].try_into().unwrap())
    }

    fn text(&self, offset: u32) -> &'a [u8] {
        self.blob[self.strings + offset as usize..].split(|byte| *byte == 0).next().unwrap()
    }

    /// Where a blob keeps the offset of a struct's member.
    fn offset_of(&self, name: &[u8], member: &[u8]) -> usize {
        let mut at = self.types.start;
        while at < self.types.end {
            let info = self.word(at + 4);
            let (kind, count) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
            if kind == 4 && self.text(self.word(at)) == name {
                let members = (0..count).map(|number| at + 12 + 12 * number);
                let found = members.into_iter().find(|entry| self.text(self.word(*entry)) == member);
                return found.expect("the member") + 8;
            }
            at += 12
                + match kind {
                    1 | 14 | 17 => 4,
                    3 => 12,
                    4 | 5 | 15 | 19 => 12 * count,
                    6 | 13 => 8 * count,
                    _ => 0,
                };
        }
        panic!("no such struct");
    }
}

/// Whether a kernel's profile, made with a blob, is proved by its image; with the reason.
fn proved(image: &Image, kernel: &UnprofiledKernel<'_>, blob: &Blob) -> Result<(), String> {
    let made = kernel.profile(blob, &profile::Silent).map_err(|error| error.to_string())?;
    let layout = Layout::from_profile(made.profile);
    let proof = validate(image, &layout, Scope::Whole, &ScanPlan::default()).unwrap();
    match proof.verdict {
        Verdict::Match => Ok(()),
        verdict => Err(format!("{}: {} {:?}", verdict.name(), proof.reason, proof.suspects)),
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn types_that_are_not_the_kernels_are_a_mismatch() {
    let raws = Raw::all();
    let images = raws.each_ref().map(Raw::image);
    let kernels =
        images.each_ref().map(|image| UnprofiledKernel::find_all(image, &ScanPlan::default()).remove(0));
    let blobs = kernels.each_ref().map(|kernel| kernel.types().remove(0));
    for (index, (image, kernel)) in images.iter().zip(&kernels).enumerate() {
        let own = &blobs[index];
        assert_eq!(proved(image, kernel, own), Ok(()));
        // The types of another kernel.
        let problem = proved(image, kernel, &blobs[1 - index]).unwrap_err();
        assert!(problem.contains("belongs to another build") || problem.starts_with("mismatch"), "{problem}");
        // A member that lies 8 bytes further on.
        for (name, member) in [("task_struct", "pid"), ("task_struct", "tasks"), ("cred", "uid")] {
            let mut bytes = own.bytes.clone();
            let at = Records::of(&own.bytes).offset_of(name.as_bytes(), member.as_bytes());
            let moved = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) + 64;
            bytes[at..at + 4].copy_from_slice(&moved.to_le_bytes());
            let changed = Blob { bytes, found_by: "changed".to_owned() };
            let problem = proved(image, kernel, &changed).unwrap_err();
            assert!(problem.starts_with("mismatch"), "{name}.{member}: {problem}");
            assert!(problem.contains(name), "{name}.{member}: {problem}");
        }
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn every_loaded_module_has_its_types_and_symbols() {
    for raw in Raw::all() {
        let image = raw.image();
        let kernel = UnprofiledKernel::find_all(&image, &ScanPlan::default()).remove(0);
        let blob = kernel.types().remove(0);
        let made = kernel.profile(&blob, &profile::Silent).unwrap();
        let layout = Layout::from_profile(made.profile);
        let Guest::Linux(guest) = Guest::find(&image, &layout, &ScanPlan::default()).unwrap() else {
            panic!()
        };
        let tables = guest.module_tables().unwrap();
        assert!(!tables.is_empty());
        for (name, tables) in tables {
            let tables = tables.unwrap();
            assert!(!tables.symbols.is_empty(), "{name}");
            // They continue the kernel's own types.
            let (types, own) = (tables.types.unwrap(), Some(blob.bytes.as_slice()));
            let options = btf_converter::Options { base: own, ..btf_converter::Options::default() };
            let converted = btf_converter::convert(&types, &options, &profile::Silent).unwrap();
            assert!(tables.base_types.is_none(), "{name}");
            if name == "tun" {
                let profile = converted.profile;
                let name = profile.names.find("tun_struct").unwrap();
                assert!(profile.types.records().any(|(_, record)| record.name == Some(name)));
            }
        }
    }
}
