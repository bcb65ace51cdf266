//! Real memory images in the folder `PROFILE_CORPUS`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Read;
use std::path::{Path, PathBuf};

use image::{
    AddressSpace, Container, Fault, Image, Memory, Paging, PhysicalAddress, ScanPlan, VirtualAddress, find,
};

fn corpus(path: &str) -> PathBuf {
    let root = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS names the folder of real files");
    let path = Path::new(&root).join(path);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

fn sparse_lime() -> Image {
    let packed = std::fs::File::open(corpus("images/linux-6.1-cloud/sparse.lime.zst")).unwrap();
    let mut content = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed).unwrap().read_to_end(&mut content).unwrap();
    Image::from_content(content).unwrap()
}

/// The value of `key=` in the text that a Linux kernel writes for its dump tools.
fn value(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let line = line.unwrap_or_else(|| panic!("{key} is not in {text}"));
    match key {
        key if key.starts_with("NUMBER") => line.parse::<i64>().unwrap().cast_unsigned(),
        _ => u64::from_str_radix(line, 16).unwrap(),
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_page_tables_of_a_real_kernel() {
    let image = sparse_lime();
    assert_eq!(image.container(), Container::Lime);
    assert_eq!(image.report().total(), 0, "{:?}", image.report());

    let hits = find(&image, &[b"OSRELEASE=6.1.0-56-cloud-amd64\n"], 64, &ScanPlan::default()).found;
    let text = hits.iter().find_map(|hit| {
        let mut page = [0; 4000];
        image.read(hit.at, &mut page).ok()?;
        let text = String::from_utf8_lossy(page.split(|byte| *byte == 0).next()?).into_owned();
        text.contains("SYMBOL(swapper_pg_dir)=").then_some(text)
    });
    let text = text.expect("VMCOREINFO in memory");
    let root = value(&text, "SYMBOL(swapper_pg_dir)");
    let phys_base = value(&text, "NUMBER(phys_base)");
    let physical =
        |address: u64| PhysicalAddress(address.wrapping_sub(0xffff_ffff_8000_0000).wrapping_add(phys_base));

    let space = AddressSpace::new(&image, Paging::X64, physical(root));
    assert_eq!(space.translate(VirtualAddress(root)).unwrap(), physical(root));
    let start = VirtualAddress(value(&text, "SYMBOL(_stext)"));
    assert_eq!(space.translate(start).unwrap(), physical(start.0));
    assert!(matches!(space.translate(VirtualAddress(0x1000)), Err(Fault::NotPresent { .. })));
    assert!(matches!(space.translate(VirtualAddress(1 << 60)), Err(Fault::NotCanonical { .. })));

    // The kernel's image is mapped once, and translating every page separately gives the same result.
    let mapped = space.mapped(VirtualAddress(0xffff_ffff_8000_0000), VirtualAddress(0xffff_ffff_bfff_ffff));
    let pages: Vec<_> = mapped.collect();
    assert!(pages.iter().any(|page| page.length == 2 << 20));
    let start_page = pages.iter().find(|page| (page.start.0..page.start.0 + page.length).contains(&start.0));
    assert!(start_page.is_some());
    for page in pages {
        assert_eq!(space.translate(page.start).unwrap(), page.physical);
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_real_triage_dump_holds_modules_and_no_memory() {
    let image = Image::open(&corpus("images/windows-triage-x64.dmp")).unwrap();
    assert_eq!((image.container(), image.size()), (Container::TriageDump, 0));
    assert_eq!(image.report().total(), 0, "{:?}", image.report());
    let hints = image.hints();
    assert_eq!(hints.dtb, Some(PhysicalAddress(0x1a_d000)));
    let header = hints.crash_dump.as_ref().unwrap();
    assert_eq!((header.minor_version, header.processors, header.bug_check), (19041, 16, 0x1000_007e));
    assert_eq!(header.ps_loaded_module_list.to_string(), "0xfffff8047c62a390");
    let triage = hints.triage.as_ref().unwrap();
    assert_eq!(triage.modules.len(), 0x97);
    let kernel = &triage.modules[0];
    assert_eq!(kernel.name, r"\SystemRoot\system32\ntoskrnl.exe");
    assert_eq!((kernel.base.to_string().as_str(), kernel.size), ("0xfffff8047ba00000", 0x0104_6000));
    assert!(triage.modules.iter().all(|module| module.base.0 >> 40 == 0xff_fff8 && !module.name.is_empty()));
    assert_eq!(triage.process.as_deref(), Some("System"));
}
