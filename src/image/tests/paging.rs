//! Page tables of every layout, built entry by entry from the processors' manuals.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use image::{
    AddressSpace, Fault, Granule, Mapping, Pages, Paging, PhysicalAddress, ReadError, VirtualAddress,
};

/// The physical memory for the tables.
#[derive(Default)]
struct Machine {
    memory: Pages,
}

impl Machine {
    /// Writes an entry of eight bytes into the table at `table`.
    fn entry(&mut self, table: u64, index: u64, entry: u64) -> &mut Self {
        self.memory.write(PhysicalAddress(table + 8 * index), &entry.to_le_bytes());
        self
    }

    /// Writes an entry of four bytes.
    fn short(&mut self, table: u64, index: u64, entry: u32) -> &mut Self {
        self.memory.write(PhysicalAddress(table + 4 * index), &entry.to_le_bytes());
        self
    }

    fn put(&mut self, at: u64, content: &[u8]) -> &mut Self {
        self.memory.write(PhysicalAddress(at), content);
        self
    }

    fn space(&self, paging: Paging, dtb: u64) -> AddressSpace<'_> {
        AddressSpace::new(&self.memory, paging, PhysicalAddress(dtb))
    }
}

fn translated(space: &AddressSpace, address: u64) -> Option<u64> {
    space.translate(VirtualAddress(address)).ok().map(|physical| physical.0)
}

/// The mapped pages of a whole half, as (virtual, physical, length); translating each page gives the same result.
fn mapped(space: &AddressSpace, first: u64, last: u64) -> Vec<(u64, u64, u64)> {
    let mut walk = space.mapped(VirtualAddress(first), VirtualAddress(last));
    let pages: Vec<Mapping> = walk.by_ref().collect();
    assert!(!walk.cut());
    for page in &pages {
        for at in [0, page.length - 1] {
            assert_eq!(translated(space, page.start.0 + at), Some(page.physical.0 + at));
        }
    }
    pages.iter().map(|page| (page.start.0, page.physical.0, page.length)).collect()
}

#[test]
fn x86_without_pae() {
    let mut machine = Machine::default();
    machine
        .short(0x1000, 0x200, 0x2063)
        .short(0x2000, 5, 0x0012_3067)
        .short(0x2000, 6, 0x0012_4066)
        // 4 MiB, and 4 MiB above 4 GiB (PSE-36).
        .short(0x1000, 0x201, 0x0040_00e3)
        .short(0x1000, 0x3ff, 0x0080_20e3);
    let space = machine.space(Paging::X86, 0x1018);
    assert_eq!(translated(&space, 0x8000_5abc), Some(0x0012_3abc));
    // The sign-extended form of a 32-bit address is the same address.
    assert_eq!(translated(&space, 0xffff_ffff_8000_5abc), Some(0x0012_3abc));
    assert!(matches!(space.translate(VirtualAddress(0x1_8000_5abc)), Err(Fault::NotCanonical { .. })));
    assert_eq!(
        mapped(&space, 0, 0xffff_ffff),
        [
            (0x8000_5000, 0x0012_3000, 0x1000),
            (0x8040_0000, 0x0040_0000, 0x40_0000),
            (0xffc0_0000, 0x1_0080_0000, 0x40_0000)
        ]
    );
}

#[test]
fn x86_with_pae() {
    let mut machine = Machine::default();
    machine
        // The root has four entries, aligned to 32 bytes.
        .entry(0x1020, 2, 0x2001)
        .entry(0x2000, 0, 0x3063)
        .entry(0x2000, 1, 0x8000_0001_2340_00e3)
        .entry(0x3000, 0x1ff, 0x8000_0000_0455_5063);
    let space = machine.space(Paging::X86Pae, 0x1020);
    assert_eq!(
        mapped(&space, 0x8000_0000, 0xffff_ffff),
        [(0x801f_f000, 0x455_5000, 0x1000), (0x8020_0000, 0x1_2340_0000, 0x20_0000)]
    );
}

#[test]
fn x64_with_four_levels() {
    let mut machine = Machine::default();
    machine
        .entry(0x1000, 0, 0x2067)
        .entry(0x1000, 0x1ff, 0x3063)
        .entry(0x2000, 0, 0x4067)
        .entry(0x4000, 0, 0x5067)
        .entry(0x5000, 1, 0x8000_0000_0007_7067)
        .entry(0x3000, 0x1fe, 0x6063)
        .entry(0x3000, 0x1ff, 0x8000_0001_4000_01e3)
        .entry(0x6000, 8, 0x0100_01e3);
    let space = machine.space(Paging::X64, 0x1abc);
    let low = [(0x1000, 0x7_7000, 0x1000)];
    let high = [
        (0xffff_ffff_8100_0000, 0x0100_0000, 0x20_0000),
        (0xffff_ffff_c000_0000, 0x1_4000_0000, 0x4000_0000),
    ];
    assert_eq!(mapped(&space, 0, 0x7fff_ffff_ffff), low);
    assert_eq!(mapped(&space, 0xffff_8000_0000_0000, u64::MAX), high);
    assert_eq!(mapped(&space, 0, u64::MAX), [&low[..], &high[..]].concat());
    assert_eq!(mapped(&space, 0xffff_ffff_8110_0000, 0xffff_ffff_8110_0001), high[..1]);
    assert_eq!(mapped(&space, 0xffff_ffff_8120_0000, 0xffff_ffff_bfff_ffff), []);

    let Err(Fault::NotPresent { table, entry_at, entry, .. }) = space.translate(VirtualAddress(0x2000))
    else {
        panic!("an entry of zero maps nothing");
    };
    assert_eq!((table.level, entry_at, entry), (1, PhysicalAddress(0x5010), 0));
    // Masked to 48 bits, like the addresses in Rekall's profiles.
    assert_eq!(translated(&space, 0xffff_8100_0010), Some(0x0100_0010));
    assert!(matches!(space.translate(VirtualAddress(1 << 55)), Err(Fault::NotCanonical { unused: 16, .. })));
}

#[test]
fn x64_with_five_levels() {
    let mut machine = Machine::default();
    machine
        .entry(0x1000, 0x1ff, 0x2063)
        .entry(0x2000, 0x1ff, 0x3063)
        .entry(0x3000, 0x1fe, 0x4063)
        .entry(0x4000, 8, 0x0100_01e3)
        .entry(0x1000, 0x110, 0x2063);
    let space = machine.space(Paging::X64Level5, 0x1000);
    assert_eq!(
        mapped(&space, 0xff00_0000_0000_0000, u64::MAX),
        [(0xff10_ffff_8100_0000, 0x0100_0000, 0x20_0000), (0xffff_ffff_8100_0000, 0x0100_0000, 0x20_0000)]
    );
}

#[test]
fn arm64_with_every_granule() {
    // 4 KiB, 39 bits: three levels; a page, a block of 2 MiB, a block of 1 GiB.
    let mut machine = Machine::default();
    machine
        .entry(0x1000, 0, 0x2003)
        .entry(0x1000, 5, 0x0060_0000_4000_0701)
        .entry(0x2000, 1, 0x3003)
        .entry(0x2000, 2, 0x0060_0000_4020_0701)
        .entry(0x3000, 3, 0x0068_0000_4060_0703);
    let expected = [
        (0x20_3000, 0x4060_0000, 0x1000),
        (0x40_0000, 0x4020_0000, 0x20_0000),
        (0x1_4000_0000, 0x4000_0000, 0x4000_0000),
    ];
    let space = machine.space(Paging::Arm64 { granule: Granule::K4, bits: 39 }, 0x1000);
    assert_eq!(mapped(&space, 0, (1 << 39) - 1), expected);
    // The same tables as the upper half's.
    let upper =
        |(start, physical, length): (u64, u64, u64)| (start | 0xffff_ff80_0000_0000, physical, length);
    assert_eq!(mapped(&space, 0xffff_ff80_0000_0000, u64::MAX), expected.map(upper));

    // 16 KiB, 47 bits: three levels of 2048 entries.
    let mut machine = Machine::default();
    machine.entry(0x4000, 2047, 0x8003).entry(0x8000, 1, 0xc003).entry(0x8000, 2, 0x4200_0701).entry(
        0xc000,
        2,
        0x4000_8703,
    );
    let space = machine.space(Paging::Arm64 { granule: Granule::K16, bits: 47 }, 0x4000);
    assert_eq!(
        mapped(&space, 0xffff_8000_0000_0000, u64::MAX),
        [(0xffff_fff0_0200_8000, 0x4000_8000, 0x4000), (0xffff_fff0_0400_0000, 0x4200_0000, 0x200_0000)]
    );

    // 64 KiB, 48 bits: a root of 64 entries; an address of 52 bits.
    let mut machine = Machine::default();
    machine.entry(0x1_0200, 63, 0x2_0003).entry(0x2_0000, 0, 0x3_0003).entry(0x2_0000, 1, 0x6000_0701).entry(
        0x3_0000,
        7,
        0x4001_a703,
    );
    let space = machine.space(Paging::Arm64 { granule: Granule::K64, bits: 48 }, 0x1_0200);
    assert_eq!(
        mapped(&space, 0xffff_0000_0000_0000, u64::MAX),
        [
            (0xffff_fc00_0007_0000, 0xa_0000_4001_0000, 0x1_0000),
            (0xffff_fc00_2000_0000, 0x6000_0000, 0x2000_0000)
        ]
    );
}

#[test]
fn reads_cross_pages_and_report_where_they_fail() {
    let mut machine = Machine::default();
    machine
        .entry(0x1000, 0, 0x2067)
        .entry(0x2000, 0, 0x3067)
        .entry(0x3000, 0, 0x4067)
        .entry(0x4000, 1, 0x9067)
        .entry(0x4000, 2, 0x7067)
        .entry(0x4000, 3, 0x50_0067)
        .put(0x9ffe, b"ab")
        .put(0x7000, b"cd");
    let space = machine.space(Paging::X64, 0x1000);
    let mut read = [0; 4];
    space.read(VirtualAddress(0x1ffe), &mut read).unwrap();
    assert_eq!(&read, b"abcd");
    // Mapped, but not in the image.
    let fault = space.read(VirtualAddress(0x2ffe), &mut read).unwrap_err();
    assert_eq!(fault.at(), VirtualAddress(0x3000));
    assert!(matches!(
        fault,
        Fault::Memory { source: ReadError::Missing { at: PhysicalAddress(0x50_0000) }, .. }
    ));
    // Not mapped.
    let fault = space.read(VirtualAddress(0xffe), &mut read).unwrap_err();
    assert_eq!((fault.at(), matches!(fault, Fault::NotPresent { .. })), (VirtualAddress(0xffe), true));
    // A table that is not in the image.
    let space = machine.space(Paging::X64, 0x70_0000);
    let fault = space.read(VirtualAddress(0x1000), &mut read).unwrap_err();
    assert!(matches!(fault, Fault::Table { .. }), "{fault}");
    assert_eq!(space.mapped(VirtualAddress(0), VirtualAddress(u64::MAX)).count(), 0);
}

#[test]
fn the_last_address_can_be_read_and_no_further() {
    let mut machine = Machine::default();
    machine
        .entry(0x1000, 0x1ff, 0x2063)
        .entry(0x2000, 0x1ff, 0x3063)
        .entry(0x3000, 0x1ff, 0x4063)
        .entry(0x4000, 0x1ff, 0x5063)
        .put(0x5fff, b"z");
    let space = machine.space(Paging::X64, 0x1000);
    space.read(VirtualAddress(u64::MAX), &mut [0]).unwrap();
    assert!(matches!(space.read(VirtualAddress(u64::MAX), &mut [0; 2]), Err(Fault::Beyond { .. })));
}

#[test]
fn tables_that_point_to_themselves_end() {
    let mut machine = Machine::default();
    for index in 0..512 {
        machine.entry(0x1000, index, 0x1067);
    }
    let space = machine.space(Paging::X64Level5, 0x1000);
    assert_eq!(translated(&space, 0x1234_5678), Some(0x1678));
    let mut walk = space.mapped(VirtualAddress(0), VirtualAddress(u64::MAX));
    let pages = walk.by_ref().count();
    assert!(walk.cut());
    assert!(pages < 4096 * 512, "{pages}");
}

#[test]
fn pages_in_transition_are_read_as_windows_does() {
    let mut machine = Machine::default();
    // Valid up to the last level: 1 in transition, 2 paged out, 3 for zeros, 4 in transition with its frame hidden.
    let mask = 1 << 45;
    machine
        .entry(0x1000, 0, 0x2067)
        .entry(0x2000, 0, 0x3067)
        .entry(0x3000, 0, 0x4067)
        .entry(0x4000, 1, 0x7890)
        .entry(0x4000, 2, 0x0001_2345_0000_0080)
        .entry(0x4000, 3, 0x80)
        .entry(0x4000, 4, 0x8880 | mask);
    let processor = machine.space(Paging::X64, 0x1000);
    let windows = processor.with_windows_entries(mask);
    for (page, expected) in [(1, Some(0x7000)), (2, None), (3, None), (4, Some(0x8000)), (5, None)] {
        assert_eq!(translated(&processor, page << 12), None);
        assert_eq!(translated(&windows, page << 12), expected, "page {page}");
    }
    let pages: Vec<u64> =
        windows.mapped(VirtualAddress(0), VirtualAddress(0xffff)).map(|page| page.start.0).collect();
    assert_eq!(pages, [0x1000, 0x4000]);
}

#[test]
fn prototypes_are_followed_once() {
    let mut machine = Machine::default();
    // The system's half maps the page with the prototypes; the user's half has entries that refer to them.
    let prototypes = 0xffff_a000_0000_0000u64;
    let names = |index: u64| (prototypes + 8 * index) << 16 | 0x400;
    machine
        .entry(0x1000, 0, 0x2067)
        .entry(0x2000, 0, 0x3067)
        .entry(0x3000, 0, 0x4067)
        .entry(0x1000, 0x140, 0x5063)
        .entry(0x5000, 0, 0x6063)
        .entry(0x6000, 0, 0x7063)
        .entry(0x7000, 0, 0x8063)
        // Valid, in transition, a prototype again, nothing.
        .entry(0x8000, 0, 0x9121)
        .entry(0x8000, 1, 0xa880)
        .entry(0x8000, 2, names(0))
        .entry(0x8000, 3, 0)
        .entry(0x4000, 0, names(0))
        .entry(0x4000, 1, names(1))
        .entry(0x4000, 2, names(2))
        .entry(0x4000, 3, names(3))
        // Of a page that only its region describes, and one that refers to itself.
        .entry(0x4000, 4, 0xffff_ffff_0000_0400)
        .entry(0x4000, 5, 0x5000_u64 << 16 | 0x400);
    let windows = machine.space(Paging::X64, 0x1000).with_windows_entries(0);
    let expected = [Some(0x9000), Some(0xa000), None, None, None, None];
    for (page, expected) in expected.into_iter().enumerate() {
        assert_eq!(translated(&windows, (page as u64) << 12), expected, "page {page}");
    }

    let mut machine = Machine::default();
    machine
        .entry(0x1000, 0, 0x2001)
        .entry(0x2000, 0, 0x3067)
        .entry(0x1000, 2, 0x4001)
        .entry(0x4000, 0, 0x5063)
        .entry(0x5000, 1, 0x6063)
        .entry(0x6000, 2, 0x9121)
        .entry(0x3000, 0, 0x8000_1010_0000_0400);
    let windows = machine.space(Paging::X86Pae, 0x1000).with_windows_entries(0);
    assert_eq!(translated(&windows, 0x123), Some(0x9123));
}

#[test]
fn a_space_works_on_any_memory() {
    let machine = Machine::default();
    let space = machine.space(Paging::X64, 0);
    assert!(space.memory().runs().is_empty());
    assert_eq!((space.paging().to_string().as_str(), space.dtb()), ("x86-64, 4 levels", PhysicalAddress(0)));
}
