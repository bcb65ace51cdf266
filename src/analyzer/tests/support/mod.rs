//! The real images of the corpus, unpacked, with the truth about them and the profiles of their kernels; and images
//! with missing pages.
#![allow(dead_code, reason = "not every test looks at all of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use analyzer::{CheckOutcome, CheckRow, CheckTable, Layout, Validation};
use image::{Image, Memory, PhysicalAddress};
use profile::{MAX_TEXT, unpack};
use serde_json::Value;

pub struct Guests {
    pub image: Image,
    pub layout: Layout,
    pub truth: Value,
}

impl Guests {
    pub fn open(name: &str) -> Self {
        Self::with(name, &[])
    }

    /// Debian's kernel 7.3 of the corpus, with the profile made from its debug package.
    pub fn current() -> Self {
        Self::of("images/linux-7.3-cloud", "full.raw.xz", "profile.json.gz", &[])
    }

    /// The image with additional bytes after it: segments of a LiME file.
    pub fn with(name: &str, more: &[u8]) -> Self {
        Self::of("images/linux-6.1-cloud", name, "dwarf2json.isf.json.xz", more)
    }

    fn of(folder: &str, name: &str, profile: &str, more: &[u8]) -> Self {
        let folder = corpus(folder);
        let image = std::fs::read(folder.join(name)).unwrap();
        let mut content = unpack(&image, MAX_TEXT).unwrap().into_owned();
        content.extend_from_slice(more);
        let stem = name.split('.').next().unwrap();
        let truth = std::fs::read(folder.join(format!("{stem}.truth.json"))).unwrap();
        Self {
            image: Image::from_content(content).unwrap(),
            layout: Layout::open(&folder.join(profile)).unwrap(),
            truth: serde_json::from_slice(&truth).unwrap(),
        }
    }
}

/// A file or folder of the corpus.
pub fn corpus(path: &str) -> PathBuf {
    let root = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS names the folder of real files");
    let path = PathBuf::from(root).join(path);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// The rest of an image, in LiME's format, without the pages in `gone`, given by their addresses.
pub fn without(image: &Image, gone: impl Fn(u64) -> bool) -> Image {
    const PAGE: u64 = 4096;
    let mut content = Vec::new();
    for run in image.runs() {
        let mut at = run.start.0;
        while at < run.end() {
            let is_gone = gone(at & !(PAGE - 1));
            let mut end = at;
            while end < run.end() && gone(end & !(PAGE - 1)) == is_gone {
                end = (end & !(PAGE - 1)).saturating_add(PAGE).min(run.end());
            }
            if !is_gone {
                let mut bytes = vec![0; (end - at) as usize];
                image.read(PhysicalAddress(at), &mut bytes).unwrap();
                content.extend_from_slice(b"EMiL\x01\0\0\0");
                content.extend_from_slice(&at.to_le_bytes());
                content.extend_from_slice(&(end - 1).to_le_bytes());
                content.extend_from_slice(&[0; 8]);
                content.extend_from_slice(&bytes);
            }
            at = end;
        }
    }
    Image::from_content(content).unwrap()
}

/// Whether the page at an address is lost.
pub type Loss = Box<dyn Fn(u64) -> bool>;

/// Ways to lose pages: each twentieth of the memory, everything after each twentieth, and scattered pages.
pub fn losses(image: &Image) -> Vec<(String, Loss)> {
    let pages: Vec<u64> =
        image.runs().iter().flat_map(|run| (run.start.0..run.end()).step_by(4096)).collect();
    let border = |twentieth: usize| pages[(pages.len() - 1) * twentieth / 20];
    let mut losses: Vec<(String, Loss)> = Vec::new();
    for twentieth in 0..20 {
        let (from, to) = (border(twentieth), border(twentieth + 1));
        losses
            .push((format!("without {from:#x}..{to:#x}"), Box::new(move |page| (from..to).contains(&page))));
        losses.push((format!("up to {to:#x}"), Box::new(move |page| page >= to)));
    }
    for odd in 0..16_u64 {
        // Spread by a multiplicative hash, always in the same way.
        let hash = move |page: u64| (page >> 12).wrapping_add(odd).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
        losses
            .push((format!("without one page in sixteen ({odd})"), Box::new(move |page| hash(page) == odd)));
    }
    losses
}

/// What the checks of a table read, over several images: it has to be what their rows say.
pub struct RowReads {
    table: &'static CheckTable,
    /// By the first name of the row.
    read: BTreeMap<&'static str, BTreeSet<String>>,
}

impl RowReads {
    pub fn new(table: &'static CheckTable) -> Self {
        Self { table, read: BTreeMap::new() }
    }

    /// Adds the checks of a kernel that was found. A failed one names only what is wrong.
    pub fn add(&mut self, found: &Validation) {
        for check in &found.checks {
            let row = self.row(&check.name);
            assert_ne!(row.names, ["kernel"], "no kernel was found");
            let items = check.items.iter().filter(|_| check.outcome != CheckOutcome::Failed);
            self.read.entry(row.names[0]).or_default().extend(items.cloned());
        }
    }

    /// Adds the checks of an image in which no kernel of the profile was found.
    pub fn add_without_kernel(&mut self, found: &Validation) {
        for check in &found.checks {
            let row = self.row(&check.name);
            self.read.entry(row.names[0]).or_default().extend(check.items.iter().cloned());
        }
        assert!(self.read.contains_key("kernel"), "a kernel was found");
    }

    fn row(&self, name: &str) -> &'static CheckRow {
        self.table.row(name).unwrap_or_else(|| panic!("no row has the name {name}"))
    }

    /// Compares what was read with every row.
    pub fn hold(self) {
        let mut wrong = Vec::new();
        let nothing = BTreeSet::new();
        for row in self.table.rows() {
            let name = row.names[0];
            let read = self.read.get(name).unwrap_or(&nothing);
            let known =
                |item: &&String| row.reads.iter().chain(row.reads_elsewhere).any(|known| known == item);
            wrong.extend(read.iter().filter(|item| !known(item)).map(|item| format!("{name} reads {item}")));
            let unread = row.reads.iter().filter(|item| !read.contains(**item));
            wrong.extend(unread.map(|item| format!("{name} does not read {item}")));
        }
        assert!(wrong.is_empty(), "the rows differ from what was read:\n{}", wrong.join("\n"));
    }
}
