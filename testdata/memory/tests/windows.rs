//! The images match the truth next to them, by the generator's own page tables.

use memory_images::truth::Record;
use memory_images::windows::{Case, image};
use memory_images::{Container, Image};

fn kernel_record(image: &Image) -> Option<&Record> {
    image.truth.records.iter().find(|record| record.why == "the kernel")
}

#[test]
fn the_same_bytes_on_every_run() {
    for case in [Case::Win10X64, Case::XpX86] {
        assert!(
            image(case).write(Container::CrashBitmap) == image(case).write(Container::CrashBitmap),
            "{}",
            case.name()
        );
    }
}

#[test]
fn records_are_where_the_truth_has_them() {
    for case in Case::ALL {
        let image = image(case);
        let kernel = kernel_record(&image).unwrap();
        assert_eq!(image.memory.read(kernel.address, 4), b"RSDS", "{}", case.name());
        assert_eq!((&kernel.identity, &kernel.name), (&image.truth.identity, &image.truth.name));
        for record in &image.truth.records {
            let name = image.memory.read(record.address + 24, record.name.len() + 1);
            assert_eq!(name, [record.name.as_bytes(), b"\0"].concat(), "{}: {}", case.name(), record.why);
        }
        let kernels = image.truth.records.iter().filter(|record| record.name == image.truth.name).count();
        assert_eq!(kernels, 3, "{}: the kernel's, a copy of it, another build's", case.name());
    }
}

#[test]
fn every_process_has_tables_of_its_own() {
    for case in Case::ALL {
        let image = image(case);
        let mut tables: Vec<_> = image.truth.processes.iter().map(|process| process.dtb).collect();
        assert_eq!(
            tables.iter().filter(|&&top| top == image.truth.dtb).count(),
            1,
            "{}: System's",
            case.name()
        );
        tables.sort_unstable();
        tables.dedup();
        assert_eq!(tables.len(), image.truth.processes.len(), "{}", case.name());
    }
}

#[test]
fn a_torn_list_is_met_from_both_sides() {
    let truth = image(Case::Win7X64Torn).truth;
    let whole = image(Case::Win7X64).truth;
    assert_eq!(truth.processes.len() + 1, whole.processes.len());
    assert!(truth.processes.iter().all(|process| process.forwards != process.backwards));
    assert!(truth.processes[0].forwards && truth.processes.last().unwrap().backwards);
}

#[test]
fn containers_hold_the_same_page() {
    for case in Case::ALL {
        let image = image(case);
        let page = kernel_record(&image).unwrap().address / 0x1000 * 0x1000;
        let wanted = image.memory.read(page, 0x1000);
        for container in [Container::Elf, Container::CrashDump, Container::CrashBitmap, Container::MachO] {
            let file = image.write(container);
            let aligned = file.chunks(0x1000).any(|chunk| chunk == wanted);
            assert!(aligned, "{} as {container:?}", case.name());
        }
    }
}
