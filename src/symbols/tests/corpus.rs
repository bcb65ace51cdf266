//! Tests on real files in `PROFILE_CORPUS`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs::File;
use std::path::PathBuf;

use pe::Identity;
use support::World;
use symbols::{Fetcher, Wanted};

fn pdb_folder() -> PathBuf {
    PathBuf::from(std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS is set")).join("pdb")
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_compact_form_has_the_streams_of_the_plain_one() {
    let pairs = [
        ("made__ntkrnlpa-msfz.pdz", "mspub-bochs__ntkrnlpa.pdb", "ntkrnlpa.pdb"),
        ("made__k-x86_64-msfz.pdz", "made__k-x86_64.pdb", "k.pdb"),
    ];
    for (compact, plain, name) in pairs {
        let world = World::new();
        world.file(&format!("flat/{name}"), &std::fs::read(pdb_folder().join(compact)).unwrap());
        let identity = Identity::read(&mut File::open(pdb_folder().join(plain)).unwrap()).unwrap();
        let wanted = Wanted::new(name.parse().unwrap(), identity.guid_age);
        let options = world.options(&world.path("flat").display().to_string());
        let found = Fetcher::new(options).fetch(&wanted, &world.story).unwrap();
        let mut ours = pdb::PDB::open(File::open(&found.path).unwrap()).unwrap();
        let mut theirs = pdb::PDB::open(File::open(pdb_folder().join(plain)).unwrap()).unwrap();
        let mut streams = 0;
        for index in 1..u16::MAX {
            // Stream 0 is the directory, which each container writes itself.
            let Ok(expected) = theirs.raw_stream(pdb::StreamIndex(index)) else { break };
            let expected = expected.map(|stream| stream.as_slice().to_vec());
            let actual = ours.raw_stream(pdb::StreamIndex(index)).unwrap();
            let actual = actual.map(|stream| stream.as_slice().to_vec());
            assert!(actual == expected, "{compact}: stream {index}");
            streams += 1;
        }
        assert!(streams > 10, "{compact}: {streams} streams");
    }
}
