//! Kernels of ARM64 in memory that was made for the test: every size of pages and of addresses for which no real kernel is to
//! be had, moved by KASLR or not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;

use analyzer::linux::UnprofiledKernel;
use image::{Image, ScanPlan};
use kernel_files::{Age, Choice, Kernel};
use profile::{Arch, Silent};

/// Where the kernel is in physical memory, and where its page tables are.
const AT: u64 = 0x20_0000;
const TABLES: u64 = AT + Kernel::PAGE_TABLES;
const MEMORY: usize = 0x100_0000;

/// Page tables of VMSAv8-64 (Arm ARM D8): of how many bits a page's offset and a translated address are.
struct Tables {
    page: u32,
    bits: u32,
    memory: Vec<u8>,
    /// Where the next table goes.
    next: u64,
}

impl Tables {
    fn new(page: u32, bits: u32, memory: Vec<u8>) -> Self {
        Self { page, bits, memory, next: TABLES + (1 << page) }
    }

    fn levels(&self) -> u32 {
        (self.bits - self.page).div_ceil(self.page - 3)
    }

    /// Maps the page at a virtual address, table after table.
    fn map(&mut self, address: u64, physical: u64) {
        const TABLE: u64 = 0b11;
        const ACCESSED: u64 = 1 << 10;
        let mut table = TABLES;
        for level in (1..=self.levels()).rev() {
            let shift = self.page + (level - 1) * (self.page - 3);
            let width = (self.bits - shift).min(self.page - 3);
            let at = (table + 8 * (address >> shift & ((1 << width) - 1))) as usize;
            if level == 1 {
                self.memory[at..at + 8].copy_from_slice(&(physical | ACCESSED | TABLE).to_le_bytes());
                return;
            }
            let entry = u64::from_le_bytes(self.memory[at..at + 8].try_into().unwrap());
            table = entry & !TABLE;
            if entry == 0 {
                table = self.next;
                self.next += 1 << self.page;
                self.memory[at..at + 8].copy_from_slice(&(table | TABLE).to_le_bytes());
            }
        }
    }
}

/// Memory in which a kernel runs `moved` bytes above where it is linked.
fn memory(kernel: &Kernel, page: u32, bits: u32, moved: u64) -> Vec<u8> {
    let mut memory = vec![0; MEMORY];
    memory[AT as usize..][..kernel.memory.len()].copy_from_slice(&kernel.memory);
    let mut tables = Tables::new(page, bits, memory);
    for offset in (0..Kernel::PAGE_TABLES).step_by(1 << page) {
        tables.map(kernel.base + moved + offset, AT + offset);
    }
    tables.memory
}

#[test]
fn arm64_kernels_of_every_granule_and_size_of_addresses_are_found() {
    let types = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/btf/gcc-arm64.btf");
    let types = std::fs::read(types).unwrap();
    let of_48 = 0xffff_8000_8000_0000;
    let modes = [
        (12, 39, 0xffff_ffc0_0800_0000),
        (12, 48, of_48),
        (12, 52, of_48),
        (14, 36, 0xffff_fff8_0800_0000),
        (14, 47, 0xffff_c000_0800_0000),
        (14, 48, of_48),
        (14, 52, of_48),
        (16, 42, 0xffff_fe00_0800_0000),
        (16, 48, of_48),
        (16, 52, of_48),
    ];
    for (page, bits, base) in modes {
        // A table since 7.0 does not say where its kernel runs: the page tables have to.
        for (age, moved) in [(Age::V6_4, 0), (Age::V7_0, 0), (Age::V7_0, 0x2_5a40_0000)] {
            let words = format!("pages of {} bytes, {bits} bits, {age:?}, moved by {moved:#x}", 1 << page);
            let kernel = Kernel::new(age, Choice::Relative, base, &types, false);
            let image = Image::from_content(memory(&kernel, page, bits, moved)).unwrap();
            let found = UnprofiledKernel::find_all(&image, &ScanPlan::default());
            assert_eq!(found.len(), 1, "{words}");
            let found = &found[0];
            assert_eq!((found.arch, found.release()), (Arch::Arm64, Some("6.6.7-test")), "{words}");
            for (symbol, address) in &kernel.symbols {
                let at = found.symbol(&symbol[1..]);
                assert_eq!(at, Some(address.wrapping_add(moved)), "{words}: {symbol}");
            }
            let blobs = found.types();
            assert_eq!(blobs[0].bytes, types, "{words}");
            let profile =
                found.profile(&blobs[0], &Silent).unwrap_or_else(|error| panic!("{words}: {error}"));
            assert!(profile.profile.types.records().len() > 3, "{words}");
            assert_eq!(
                profile.profile.metadata_text("BuildID"),
                Some("0123456789abcdef0123456789abcdef01234567"),
                "{words}"
            );
        }
    }
}

#[test]
fn page_tables_that_lead_elsewhere_confirm_no_kernel() {
    let kernel = Kernel::new(Age::V6_4, Choice::Relative, 0xffff_ffc0_0800_0000, &[0; 64], false);
    let mut memory = memory(&kernel, 12, 39, 0);
    memory[TABLES as usize..].fill(0);
    let image = Image::from_content(memory).unwrap();
    assert!(UnprofiledKernel::find_all(&image, &ScanPlan::default()).is_empty());
}
