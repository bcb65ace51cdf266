use image::{Image, Memory, PhysicalAddress, ScanPlan};
use maps::Banner;
use maps::kallsyms::DIGITS;

use crate::linux::VmCoreInfo;
use crate::linux::locate::BANNER;

/// The first bytes of BTF on a little-endian machine: the magic number and version 1 (Documentation/bpf/btf.rst).
const BTF: &[u8] = &[0x9f, 0xeb, 1];

/// The maximum number of one kind in half a megabyte of memory, since an image may consist of nothing else.
const MOST_IN_A_WINDOW: usize = 256;
/// The maximum number of records or magic numbers of one kind.
const MOST_RECORDS: usize = 64;
const MOST_MAGICS: usize = 4096;
/// The maximum number of places with the digits of a token table: each costs a read of some kilobytes.
const MOST_DIGITS: usize = 1 << 16;

/// The findings of one search of physical memory that can lead to a kernel, by their physical addresses.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    /// The digits of a token table.
    pub(super) digits: Vec<u64>,
    /// VMCOREINFO; 0 stands for the container's own.
    pub(super) infos: Vec<(u64, VmCoreInfo)>,
    /// Banners.
    pub(super) banners: Vec<u64>,
    /// The possible starts of BTF.
    pub(super) magics: Vec<u64>,
    /// Page tables that the container names.
    pub(super) roots: Vec<u64>,
}

impl Sightings {
    pub(super) fn find(image: &Image, plan: &ScanPlan<'_>) -> Self {
        let plan = ScanPlan { step: "Looking for what the kernel carries of itself", ..*plan };
        let hints = image.hints();
        let own = hints.vmcoreinfo.as_deref().and_then(|text| VmCoreInfo::parse(text.as_bytes()));
        let processors = hints.cpus.iter().map(|cpu| cpu.cr3).filter(|root| *root != 0);
        let mut found = Self {
            infos: own.map(|info| (0, info)).into_iter().collect(),
            roots: hints.dtb.map(|dtb| dtb.0).into_iter().chain(processors).collect(),
            ..Self::default()
        };
        let needles = [DIGITS, VmCoreInfo::MAGIC, BANNER, BTF];
        for hit in image::find(image, &needles, MOST_IN_A_WINDOW, &plan).found {
            let at = hit.at.0;
            match hit.needle {
                0 if found.digits.len() < MOST_DIGITS => found.digits.push(at),
                1 if found.infos.len() < MOST_RECORDS => {
                    let info = start_of(image, at, 16 << 10).and_then(|bytes| VmCoreInfo::parse(&bytes));
                    // The text is in memory twice; one copy is enough.
                    if let Some(info) = info
                        && !found.infos.iter().any(|(_, known)| *known == info)
                    {
                        found.infos.push((at, info));
                    }
                }
                2 if found.banners.len() < MOST_RECORDS => {
                    let bytes = start_of(image, at, 1024);
                    if bytes.as_deref().and_then(Banner::find).is_some() {
                        found.banners.push(at);
                    }
                }
                3 if found.magics.len() < MOST_MAGICS => found.magics.push(at),
                _ => {}
            }
        }
        found
    }
}

/// The bytes at `at`: this many, or as many whole pages as exist.
fn start_of(image: &Image, at: u64, length: usize) -> Option<Vec<u8>> {
    let first = 4096 - (at % 4096) as usize;
    let mut lengths = (0..=length.div_ceil(4096)).rev().map(|pages| first + pages * 4096);
    lengths.find_map(|length| {
        let mut bytes = vec![0; length];
        image.read(PhysicalAddress(at), &mut bytes).ok().map(|()| bytes)
    })
}
