//! A Linux kernel without a profile. Its own symbols (kallsyms), types (BTF) and identity (VMCOREINFO, notes, banner)
//! are enough to make one.
//!
//! Start here: [`UnprofiledKernel::find_all`].

mod place;
mod sightings;
mod tables;
mod types;

use std::collections::HashMap;

use foldhash::fast::RandomState;
use image::{AddressSpace, Image, ScanPlan};
use kernel_converter::{Carried, Origin};
use maps::Banner;
use maps::kallsyms::Symbol;
use profile::{Arch, Progress};

use super::VmCoreInfo;
use super::locate::BANNER;
use crate::Space;
use sightings::Sightings;

pub use types::Blob;

/// A Linux kernel that was found by its own symbol table and proved by its own page tables.
pub struct UnprofiledKernel<'a> {
    image: &'a Image,
    /// The processor it runs on.
    pub arch: Arch,
    /// Its virtual memory.
    pub space: AddressSpace<'a>,
    /// The difference between the physical and virtual addresses of its image, modulo 2^64.
    pub delta: u64,
    /// Its symbols in the order of its table, with their addresses in memory.
    pub symbols: Vec<Symbol>,
    by_name: HashMap<String, u64, RandomState>,
    /// Its VMCOREINFO.
    pub info: Option<VmCoreInfo>,
    /// Its banner.
    pub banner: Option<Banner>,
    /// Its build-id in lower-case hexadecimal digits.
    pub build_id: Option<String>,
    /// How it was found, in words.
    pub found_by: String,
    /// The places in physical memory where BTF may begin.
    magics: Vec<u64>,
}

/// The longest notes that are read.
const LONGEST_NOTES: u64 = 1 << 16;

impl<'a> UnprofiledKernel<'a> {
    /// Every kernel in the image whose symbol table and page tables agree, the one with the most evidence first. An
    /// image can contain several: of a crash kernel, of an earlier boot, or planted.
    pub fn find_all(image: &'a Image, plan: &ScanPlan<'_>) -> Vec<Self> {
        let sightings = Sightings::find(image, plan);
        let mut kernels: Vec<Self> = Vec::new();
        for table in tables::all(image, &sightings) {
            let Some(placed) = place::settle(image, &table, &sightings) else { continue };
            if kernels.iter().any(|known| known.delta == placed.delta && known.stext() == placed.stext) {
                continue;
            }
            kernels.push(Self::new(image, table, placed, &sightings));
        }
        // The sort is stable: among equals, the one that VMCOREINFO names comes first.
        kernels.sort_by_key(|kernel| {
            let records = [kernel.info.is_some(), kernel.banner.is_some(), kernel.build_id.is_some()];
            std::cmp::Reverse(records.into_iter().filter(|known| *known).count())
        });
        kernels
    }

    /// Kernels whose symbol tables are in the image, although no page tables lead to them. What is made of one is a guess, by
    /// which [`relocate`](crate::relocate) may find out where the bytes of the file belong.
    pub fn find_unproved(image: &'a Image, plan: &ScanPlan<'_>) -> Vec<Self> {
        let sightings = Sightings::find(image, plan);
        let tables = tables::all(image, &sightings).into_iter();
        let placed = tables.filter_map(|table| {
            let placed = place::unproved(image, &table, &sightings)?;
            Some(Self::new(image, table, placed, &sightings))
        });
        placed.collect()
    }

    fn new(image: &'a Image, table: tables::Table, placed: place::Placed<'a>, sightings: &Sightings) -> Self {
        let place::Placed { arch, space, delta, moved, by, info, .. } = placed;
        let mut symbols = table.symbols;
        let mask = if arch.address_size() == 4 { u64::from(u32::MAX) } else { u64::MAX };
        if moved != 0 {
            for symbol in &mut symbols {
                symbol.address = symbol.address.wrapping_add(moved) & mask;
            }
        }
        let mut by_name: HashMap<String, u64, RandomState> =
            HashMap::with_capacity_and_hasher(symbols.len(), RandomState::default());
        for symbol in &symbols {
            tables::enter(&mut by_name, symbol);
        }
        let found_by = format!("{}; {by}", table.by);
        let magics = sightings.magics.clone();
        let (banner, build_id) = (None, None);
        let mut kernel =
            Self { image, arch, space, delta, symbols, by_name, info, banner, build_id, found_by, magics };
        kernel.info = kernel.own_info().or(kernel.info.take());
        kernel.banner = kernel.own_banner();
        let told = kernel.info.as_ref().and_then(VmCoreInfo::build_id).map(str::to_ascii_lowercase);
        let told = told.filter(|id| id.bytes().all(|digit| digit.is_ascii_hexdigit()));
        kernel.build_id = kernel.noted_build_id().or(told);
        kernel
    }

    /// The address of a symbol, KASLR included.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        self.by_name.get(name).copied()
    }

    /// Its release (`6.1.0-13-amd64`).
    pub fn release(&self) -> Option<&str> {
        let banner = self.banner.as_ref().map(|banner| banner.release.as_str());
        banner.or_else(|| self.info.as_ref()?.release())
    }

    /// Its name for the user: its release, otherwise its address.
    pub fn name(&self) -> String {
        self.release().map_or_else(|| self.found_by.clone(), |release| format!("Linux {release}"))
    }

    /// Its shift from the link address, according to itself.
    pub fn told_shift(&self) -> Option<u64> {
        self.info.as_ref()?.kernel_offset()
    }

    fn stext(&self) -> Option<u64> {
        self.symbol("_stext").or_else(|| self.symbol("_text"))
    }

    /// Makes its profile, with the types in `blob`.
    ///
    /// # Errors
    /// [`kernel_converter::Error`] if the types cannot be read, or belong to another kernel.
    pub fn profile(
        &self,
        blob: &Blob,
        progress: &dyn Progress,
    ) -> Result<kernel_converter::Converted, kernel_converter::Error> {
        let carried = Carried {
            origin: Origin::Image,
            arch: self.arch,
            types: &blob.bytes,
            symbols: &self.symbols,
            shift: self.told_shift(),
            banner: self.banner.as_ref(),
            release: self.release(),
            build_id: self.build_id.as_deref(),
        };
        kernel_converter::convert(&carried, progress)
    }

    /// Bytes of its virtual memory.
    fn bytes(&self, address: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        Space::read(&self.space, address, &mut bytes).ok().map(|()| bytes)
    }

    /// As much of a text as there is, up to `limit` bytes.
    fn text(&self, address: u64, limit: usize) -> Vec<u8> {
        let mut text = Vec::new();
        let mut at = address;
        while text.len() < limit {
            let step = (4096 - (at % 4096) as usize).min(limit - text.len());
            let Some(piece) = self.bytes(at, step) else { break };
            if let Some(end) = memchr::memchr(0, &piece) {
                text.extend_from_slice(piece.get(..end).unwrap_or_default());
                break;
            }
            text.extend_from_slice(&piece);
            at = at.wrapping_add(step as u64);
        }
        text
    }

    /// The VMCOREINFO behind its own pointer.
    fn own_info(&self) -> Option<VmCoreInfo> {
        let size = usize::from(self.arch.address_size());
        let pointer = self.bytes(self.symbol("vmcoreinfo_data")?, size)?;
        let pointer = pointer.iter().rev().fold(0, |pointer, byte| pointer << 8 | u64::from(*byte));
        VmCoreInfo::parse(&self.text(pointer, VmCoreInfo::LONGEST))
    }

    fn own_banner(&self) -> Option<Banner> {
        let text = self.text(self.symbol("linux_banner")?, 1024);
        Banner::find(&text).filter(|_| text.starts_with(BANNER))
    }

    /// The build-id in its notes.
    fn noted_build_id(&self) -> Option<String> {
        let (start, stop) = (self.symbol("__start_notes")?, self.symbol("__stop_notes")?);
        let length = stop.checked_sub(start).filter(|length| *length <= LONGEST_NOTES)?;
        let id = dwarf_converter::build_id(&self.bytes(start, length as usize)?)?;
        (id.len() >= 8).then(|| id.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
