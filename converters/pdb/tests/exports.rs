//! Compares symbol names with the export tables of the images that the PDBs belong to.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;

use goblin::pe::PE;
use profile::MappedFile;
use serde_json::Value;
use support::{corpus, fixture, print_as};

/// The RVA of every name that an image exports, except names forwarded to another image.
fn exports(image: &[u8]) -> BTreeMap<String, u64> {
    let pe = PE::parse(image).unwrap();
    let mut exports = BTreeMap::new();
    for export in pe.exports.iter().filter(|export| export.reexport.is_none()) {
        let (Some(name), Some(offset)) = (export.name, export.offset) else { continue };
        let rva = export.rva as u64;
        // An image that was linked incrementally exports jumps to its functions.
        let rva = match image.get(offset..offset + 5) {
            Some([0xe9, jump @ ..]) => {
                let jump = i32::from_le_bytes(jump.try_into().unwrap());
                rva.wrapping_add(5).wrapping_add_signed(jump.into())
            }
            _ => rva,
        };
        exports.insert(name.to_owned(), rva);
    }
    exports
}

/// The number of exports, and those that the profile has at other addresses.
fn compared(json: &Value, image: &[u8]) -> (usize, Vec<String>) {
    let exports = exports(image);
    let at = |section: &str, name: &str| json[section].get(name).and_then(Value::as_u64);
    let mut wrong = Vec::new();
    for (name, rva) in &exports {
        let found = [at("$FUNCTIONS", name), at("$CONSTANTS", name)];
        // A name that was exported under an alias has no symbol.
        if found.iter().any(Option::is_some) && !found.contains(&Some(*rva)) {
            wrong.push(format!("{name}: exported at {rva:#x}, found {found:x?}"));
        }
    }
    (exports.len(), wrong)
}

#[test]
fn a_stripped_name_goes_to_the_function_that_is_exported_under_it() {
    for (case, architecture) in [("names-x64", "AMD64"), ("names-x86", "I386"), ("names-arm64", "ARM64")] {
        let pdb = MappedFile::open(&fixture(&format!("exports/{case}.pdb"))).unwrap();
        let json = print_as(&pdb, "names.pdb").unwrap().json;
        assert_eq!(json["$METADATA"]["arch"], architecture);
        let image = std::fs::read(fixture(&format!("exports/{case}.dll"))).unwrap();
        assert_eq!(compared(&json, &image), (4, Vec::new()), "{case}");
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn every_exported_name_of_the_corpus_is_where_the_image_has_it() {
    let mut total = (0, 0);
    for entry in std::fs::read_dir(corpus("pdb/pe")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // PE__<PDB without its ending>__<image>
        let stem = name.strip_prefix("PE__").unwrap().rsplit_once("__").unwrap().0;
        let Ok(pdb) = MappedFile::open(&corpus("pdb").join(format!("{stem}.pdb"))) else { continue };
        let json = print_as(&pdb, "image.pdb").unwrap().json;
        let (count, wrong) = compared(&json, &std::fs::read(&path).unwrap());
        assert_eq!(wrong, Vec::<String>::new(), "{name}");
        total = (total.0 + 1, total.1 + count);
    }
    assert_eq!(total, (11, 18));
}
