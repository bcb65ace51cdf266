//! Repositories: what a batch holds of each name.

use std::fs;
use std::path::Path;

use profile::Silent;
use repository::batch::{BuildPlan, Selection, seal};
use repository::storage::{Folder, Storage};

use crate::measure::{alone, measure};

/// The limit for a name is 500 bytes of resident memory. Room that is made at once and not used counts here too.
const MOST: u64 = 640;

/// A repository of `count` small profiles and the list that names them.
fn fill(root: &Path, count: u64) {
    fs::create_dir_all(root.join("nt/GUID")).unwrap();
    fs::create_dir_all(root.join("src")).unwrap();
    let configuration = "nt/GUID: {type: WindowsGUIDProfile, guids: src/guids.yaml, has_structs: false}\n";
    fs::write(root.join("config.yaml"), configuration).unwrap();
    let mut list = "k.pdb:\n".to_owned();
    for number in 0..count {
        let guid = format!(
            "{:032X}",
            u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        );
        list.push_str(&format!("- '{guid}1'\n"));
        let text = format!(
            "{{\"$FUNCTIONS\": {{\"DbgPrint\": {number}}}, \"$METADATA\": {{\"GUID_AGE\": \"{guid}1\", \
             \"Generator\": \"{}\", \"PDBFile\": \"k.pdb\", \"ProfileClass\": \"Nt\", \"Type\": \"Profile\"}}}}",
            converters::PDB.generator()
        );
        fs::write(root.join(format!("nt/GUID/{guid}1.gz")), text).unwrap();
    }
    fs::write(root.join("src/guids.yaml"), list).unwrap();
}

/// The peaks of sealing everything, of sealing nothing, and of planning where everything is made.
fn peaks(count: u64) -> [u64; 3] {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), count);
    let storage = Folder::new(folder.path());
    let sealed = || seal(&storage, 2, false, &Silent).unwrap();
    let (all, first) = measure(sealed);
    assert_eq!((first.looked_into as u64, first.profiles as u64), (count, count + 1));
    let inventory = storage.read(&"inventory.gz".parse().unwrap(), 1 << 30).unwrap();
    let (nothing, second) = measure(sealed);
    assert!(!second.changed && second.looked_into == 0, "{second:?}");
    assert_eq!(storage.read(&"inventory.gz".parse().unwrap(), 1 << 30).unwrap(), inventory);
    let (planned, (done, wanted)) =
        measure(|| BuildPlan::read(&storage).unwrap().progress(&Selection::default(), &storage));
    assert_eq!(wanted as u64, count);
    assert!(done <= wanted);
    [all.peak, nothing.peak, planned.peak]
}

#[test]
fn a_name_in_a_repository_takes_some_hundred_bytes() {
    const FEW: u64 = 1000;
    const MANY: u64 = 4000;
    let _alone = alone();
    let (few, many) = (peaks(FEW), peaks(MANY));
    for ((what, few), many) in ["all", "nothing", "the plan"].iter().zip(few).zip(many) {
        let each = many.saturating_sub(few) / (MANY - FEW);
        eprintln!("{what}: {few} and {many}, {each} for each name");
        assert!(each <= MOST, "{what}: {each} bytes for each name, expected at most {MOST}");
    }
}
