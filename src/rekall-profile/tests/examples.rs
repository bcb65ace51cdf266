//! The examples, run on the project's own PDBs and memory images.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "examples bring their own main"
)]

#[path = "../examples/pdb_to_profile.rs"]
mod pdb_to_profile;
#[path = "../examples/process_list.rs"]
mod process_list;

use memory_images::{Container, windows};
use rekall_profile::{Image, Profile, Repositories, convert};

const CASE: windows::Case = windows::Case::Win10X64;

/// A folder with an image, and with the profile of its kernel, which the first example made of the PDB.
fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (_, name, bytes) = CASE.pdb();
    let output = folder.path().join("nt.json.gz").display().to_string();
    assert_eq!(pdb_to_profile::to_profile(name, bytes.to_vec(), &output).unwrap(), "complete");
    std::fs::write(folder.path().join("memory.elf"), windows::image(CASE).write(Container::Elf)).unwrap();
    folder
}

#[test]
fn a_pdb_in_memory_becomes_a_profile_and_an_image_a_list_of_processes() {
    let folder = made();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let lines = process_list::process_list(&path("memory.elf"), &path("nt.json.gz")).unwrap();
    let image = windows::image(CASE);
    assert_eq!(lines.len(), image.truth.processes.len());
    assert!(lines.first().unwrap().ends_with("System"), "{lines:?}");
}

#[test]
fn an_image_proves_its_profile_and_names_its_pdb() {
    let folder = made();
    let profile = Profile::open(folder.path().join("nt.json.gz")).unwrap();
    let image = Image::open(folder.path().join("memory.elf")).unwrap();
    let validation = image.validate(&profile).unwrap();
    assert_eq!(validation.verdict.name(), "match", "{}", validation.reason);
    let guid = profile.guid_age().unwrap();
    assert!(image.scan().iter().any(|record| record.guid_age == guid));
}

#[test]
fn a_profile_of_another_build_lists_nothing() {
    let folder = made();
    let (_, name, bytes) = windows::Case::Win7X64.pdb();
    let other = convert::bytes(name, bytes.to_vec(), &convert::Options::default()).unwrap();
    let image = Image::open(folder.path().join("memory.elf")).unwrap();
    assert!(image.processes(&other.profile().unwrap()).is_err());
}

#[test]
fn a_repository_is_listed_loaded_and_recognises_an_image() {
    let folder = made();
    let profile = Profile::open(folder.path().join("nt.json.gz")).unwrap();
    let kept = folder.path().join("repository/v1.0/nt/GUID");
    std::fs::create_dir_all(&kept).unwrap();
    let guid = profile.guid_age().unwrap().to_string();
    std::fs::copy(folder.path().join("nt.json.gz"), kept.join(format!("{guid}.gz"))).unwrap();
    let place = folder.path().join("repository").display().to_string();
    let repositories = Repositories::open(&[place], None).unwrap();
    let (names, unread) = repositories.names("nt");
    assert_eq!((names.len(), unread.len()), (1, 0));
    assert_eq!(repositories.load(&names[0]).unwrap().as_str(), profile.as_str());
    let image = Image::open(folder.path().join("memory.elf")).unwrap();
    assert_eq!(repositories.detect(&image), Some(names[0].clone()));
}
