//! The images match the truth next to them.

use memory_images::Container;
use memory_images::macos::{Case, image};

#[test]
fn the_kernel_lies_where_its_addresses_say() {
    for case in Case::ALL {
        let image = image(case);
        let base = image.truth.kernel_base & 0xffff_ffff;
        assert_eq!(image.memory.read(base, 4), 0xfeed_facf_u32.to_le_bytes(), "{}", case.name());
        assert_eq!(image.truth.shift == 0, case == Case::Snow);
        let raw = image.write(Container::Raw);
        let hits: Vec<_> = raw.windows(8).enumerate().filter(|(_, text)| text == b"Catfish ").collect();
        assert_eq!(hits.len(), 3, "{}: the page, a copy of it, a word", case.name());
        assert!(image.truth.name.starts_with("Darwin Kernel Version 1"), "{}", image.truth.name);
    }
}

#[test]
fn every_process_has_tables_of_its_own() {
    for case in Case::ALL {
        let truth = image(case).truth;
        let mut tables: Vec<_> = truth.processes.iter().map(|process| process.dtb).collect();
        assert_eq!(tables.last(), Some(&truth.dtb), "{}: the kernel's comes last", case.name());
        tables.sort_unstable();
        tables.dedup();
        assert_eq!(tables.len(), truth.processes.len(), "{}", case.name());
    }
}
