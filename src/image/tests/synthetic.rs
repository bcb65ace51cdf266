//! Synthetic Windows and macOS images (`docs/test-images.md`), all of which Volatility 3 reads identically:
//! containers compared with the pages in them, address spaces with the generator's truth.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use image::{AddressSpace, Container, Image, Memory, Paging, PhysicalAddress, VirtualAddress};
use memory_images::{Container as Form, macos, windows};

fn open(synthetic: &memory_images::Image, form: Form) -> Image {
    let image = Image::from_content(synthetic.write(form)).unwrap();
    assert_eq!(image.report().total(), 0, "{form:?}: {:?}", image.report());
    image
}

fn page(image: &Image, at: u64) -> Option<Vec<u8>> {
    let mut page = vec![0; 0x1000];
    image.read(PhysicalAddress(at), &mut page).ok()?;
    Some(page)
}

/// Every page that the generator filled is in its place in the file.
fn holds_every_page(synthetic: &memory_images::Image, image: &Image, what: &str) {
    for (at, content) in synthetic.memory.pages() {
        assert_eq!(page(image, at).as_deref(), Some(content), "{what}: page {at:#x}");
    }
}

#[test]
fn every_container_holds_every_page() {
    for case in windows::Case::ALL {
        let synthetic = windows::image(case);
        let mut forms = vec![
            (Form::Elf, Container::ElfCore),
            (Form::CrashDump, Container::CrashDump),
            (Form::CrashBitmap, Container::CrashDump),
        ];
        if !case.is_high() {
            forms.push((Form::Raw, Container::Raw));
        }
        for (form, container) in forms {
            let image = open(&synthetic, form);
            assert_eq!(image.container(), container);
            holds_every_page(&synthetic, &image, &format!("{} as {form:?}", case.name()));
            let ram: u64 = synthetic.memory.ranges().iter().map(|range| range.end - range.start).sum();
            let in_use = synthetic.memory.in_use().count() as u64 * 0x1000;
            match form {
                Form::Raw => {}
                Form::CrashBitmap => assert_eq!(image.size(), in_use, "{}", case.name()),
                _ => assert_eq!(image.size(), ram, "{} as {form:?}", case.name()),
            }
            // A page between two ranges of RAM is only in the raw file.
            assert_eq!(page(&image, 0xa_0000).is_some(), form == Form::Raw);
        }
    }
    for case in macos::Case::ALL {
        let synthetic = macos::image(case);
        let image = open(&synthetic, Form::MachO);
        assert_eq!(image.container(), Container::MachCore);
        holds_every_page(&synthetic, &image, case.name());
    }
}

#[test]
fn crash_dump_headers_have_the_values_that_were_put_in() {
    for case in windows::Case::ALL {
        let synthetic = windows::image(case);
        for form in [Form::CrashDump, Form::CrashBitmap] {
            let image = open(&synthetic, form);
            let hints = image.hints();
            assert_eq!(hints.dtb, Some(PhysicalAddress(synthetic.truth.dtb)));
            let dump = hints.crash_dump.as_ref().unwrap();
            assert_eq!(dump.minor_version, synthetic.header.build);
            assert_eq!(dump.pae, synthetic.header.pae);
            assert_eq!(dump.system_time, synthetic.header.time);
            let places = [
                dump.pfn_database,
                dump.ps_loaded_module_list,
                dump.ps_active_process_head,
                dump.kd_debugger_data_block,
            ];
            let mask = if synthetic.header.wide { u64::MAX } else { 0xffff_ffff };
            assert_eq!(places.map(|place| place.0 & mask), synthetic.header.places.map(|place| place & mask));
        }
    }
}

fn paging(case: windows::Case) -> Paging {
    match case {
        windows::Case::XpX86 => Paging::X86,
        windows::Case::Win7X86Pae | windows::Case::Win7X86PaeHigh => Paging::X86Pae,
        _ => Paging::X64,
    }
}

#[test]
fn the_kernel_and_every_process_are_where_the_truth_has_them() {
    for case in windows::Case::ALL {
        let synthetic = windows::image(case);
        let image = open(&synthetic, Form::CrashBitmap);
        let truth = &synthetic.truth;
        let record = truth.records.iter().find(|record| record.why == "the kernel").unwrap();
        // Each process's own tables show the same kernel.
        for top in truth.processes.iter().filter(|process| process.exited == 0).map(|process| process.dtb) {
            let space = AddressSpace::new(&image, paging(case), PhysicalAddress(top)).with_windows_entries(0);
            let mut start = [0; 2];
            space.read(VirtualAddress(truth.kernel_base), &mut start).unwrap();
            assert_eq!(&start, b"MZ", "{}: {top:#x}", case.name());
            let base = space.translate(VirtualAddress(truth.kernel_base)).unwrap();
            assert!(record.address - base.0 < 0x1_0000, "{}: the kernel is in one piece", case.name());
        }
        let space =
            AddressSpace::new(&image, paging(case), PhysicalAddress(truth.dtb)).with_windows_entries(0);
        for process in &truth.processes {
            // Including one in a page in transition, and one across two pages.
            let mut whole = vec![0; 0x100];
            space.read(VirtualAddress(process.offset), &mut whole).unwrap();
            assert_eq!(whole[0], 3, "{}: {} is a process object", case.name(), process.name);
        }
        for module in &truth.modules {
            let readable = space.read(VirtualAddress(module.base), &mut [0; 2]).is_ok();
            assert_eq!(readable, module.identity.is_some(), "{}: headers of {:?}", case.name(), module.name);
        }
    }
}

#[test]
fn a_page_in_transition_needs_the_rules_of_windows() {
    let synthetic = windows::image(windows::Case::Win7X64);
    let image = open(&synthetic, Form::Raw);
    let truth = &synthetic.truth;
    let explorer = truth.processes.iter().find(|process| process.name == "explorer.exe").unwrap();
    let space = AddressSpace::new(&image, Paging::X64, PhysicalAddress(truth.dtb));
    assert!(space.translate(VirtualAddress(explorer.offset)).is_err());
    assert!(space.with_windows_entries(0).translate(VirtualAddress(explorer.offset)).is_ok());
}

#[test]
fn macos_tables_lead_to_the_kernel() {
    for case in macos::Case::ALL {
        let synthetic = macos::image(case);
        let image = open(&synthetic, Form::Raw);
        for process in &synthetic.truth.processes {
            let space = AddressSpace::new(&image, Paging::X64, PhysicalAddress(process.dtb));
            let base = space.translate(VirtualAddress(synthetic.truth.kernel_base)).unwrap();
            assert_eq!(
                base.0,
                synthetic.truth.kernel_base & 0xffff_ffff,
                "{}: {}",
                case.name(),
                process.name
            );
        }
    }
}
