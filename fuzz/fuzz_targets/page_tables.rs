//! Page tables of every form: walks end, and what is listed as mapped translates to the same.
#![no_main]

use image::{AddressSpace, Granule, Pages, Paging, PhysicalAddress, VirtualAddress};
use libfuzzer_sys::fuzz_target;

const FORMS: [Paging; 10] = [
    Paging::X86,
    Paging::X86Pae,
    Paging::X64,
    Paging::X64Level5,
    Paging::Arm64 { granule: Granule::K4, bits: 39 },
    Paging::Arm64 { granule: Granule::K4, bits: 48 },
    Paging::Arm64 { granule: Granule::K4, bits: 52 },
    Paging::Arm64 { granule: Granule::K16, bits: 47 },
    Paging::Arm64 { granule: Granule::K64, bits: 48 },
    Paging::Arm64 { granule: Granule::K64, bits: 52 },
];

fuzz_target!(|input: (u8, u64, u64, u64, Vec<(u16, u64)>)| {
    let (form, dtb, first, last, entries) = input;
    let paging = FORMS[usize::from(form) % FORMS.len()];
    // Entries at places of the first 256 KiB, where their own addresses may lead as well.
    let mut memory = Pages::default();
    memory.write(PhysicalAddress(0), &vec![0; 1 << 18]);
    for (place, entry) in entries {
        memory.write(PhysicalAddress(u64::from(place) * 4), &entry.to_le_bytes());
    }
    let processor = AddressSpace::new(&memory, paging, PhysicalAddress(dtb));
    let windows = processor.with_windows_entries(1 << 45);
    for space in [processor, windows] {
        for address in [first, last] {
            let mut content = [0; 5000];
            let _ = space.read(VirtualAddress(address), &mut content);
        }
        let mut mapped = space.mapped(VirtualAddress(first), VirtualAddress(last));
        let mut before = None;
        for page in mapped.by_ref().take(2000) {
            assert!(before < Some(page.start));
            before = Some(page.start);
            assert_eq!(space.translate(page.start).ok(), Some(page.physical));
        }
    }
});
