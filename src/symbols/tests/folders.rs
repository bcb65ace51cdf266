//! Stores that are folders.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use pe::Identity;
use profile::GuidAge;
use support::{GUID_AGE, World, guid_age, other_pdb, pdb, place, read, wanted};
use symbol_server::fixture;
use symbols::{Error, Fetcher};

#[test]
fn a_chain_is_searched_left_to_right_and_filled_right_to_left() {
    let world = World::new();
    let there = world.file(&format!("c/{}", place("k.pdb")), &pdb());
    let [a, b, c] = ["a", "b", "c"].map(|name| world.path(name).display().to_string());
    let found = world.fetch(&format!("srv*{a}*{b}*{c}")).unwrap();
    assert_eq!(found.path, world.path("a").join(place("k.pdb")));
    assert_eq!(found.from, there.display().to_string());
    let copies = ["a", "b", "c"].map(|store| format!("{store}/{}", place("k.pdb")));
    assert_eq!(world.files(), copies);
    assert_eq!(read(&found.path), pdb());
}

#[cfg(unix)]
#[test]
fn a_pipe_in_a_store_is_passed_over() {
    let world = World::new();
    let pipe = world.path("a").join(place("k.pdb"));
    std::fs::create_dir_all(pipe.parent().unwrap()).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let there = world.file(&format!("b/{}", place("k.pdb")), &pdb());
    let [a, b] = ["a", "b"].map(|name| world.path(name).display().to_string());
    // Opening the pipe in the usual way would wait forever for a writer.
    let found = world.fetch(&format!("{a};{b}")).unwrap();
    assert_eq!(found.from, there.display().to_string());
    let pointer = world.path("c").join(place("file.ptr"));
    std::fs::create_dir_all(pointer.parent().unwrap()).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pointer).status().unwrap().success());
    let c = world.path("c").display().to_string();
    assert_eq!(world.fetch(&format!("{c};{b}")).unwrap().from, there.display().to_string());
}

#[test]
fn a_cabinet_is_unpacked_into_the_store_to_its_left() {
    let world = World::new();
    let cabinet = fixture::cabinet(&[("K.PDB", &pdb())]).unwrap();
    world.file(&format!("b/{}", place("k.pd_")), &cabinet);
    let [a, b] = ["a", "b"].map(|name| world.path(name).display().to_string());
    let found = world.fetch(&format!("srv*{a}*{b}")).unwrap();
    assert_eq!(read(&found.path), pdb());
    assert_eq!(found.path, world.path("a").join(place("k.pdb")));
    let story = world.story.text();
    assert!(story.contains("Extracting cabinet: k.pd_\n  extracting K.PDB"), "{story}");
}

#[test]
fn a_cabinet_without_a_store_to_its_left_goes_to_the_default_store() {
    let world = World::new();
    let cabinet = fixture::cabinet(&[("k.pdb", &pdb())]).unwrap();
    world.file("flat/k.pd_", &cabinet);
    let found = world.fetch(&world.path("flat").display().to_string()).unwrap();
    assert_eq!(found.path, world.path("default").join(place("k.pdb")));
}

#[test]
fn the_compact_form_becomes_a_plain_file_with_the_same_streams() {
    let world = World::new();
    let compact = fixture::msfz(guid_age(), 5_000_000).unwrap();
    world.file(&format!("b/{}", place("msfz0/k.pdb")), &compact);
    let [a, b] = ["a", "b"].map(|name| world.path(name).display().to_string());
    let found = world.fetch(&format!("srv*{a}*{b}")).unwrap();
    let mut plain = pdb::PDB::open(std::fs::File::open(&found.path).unwrap()).unwrap();
    let expected = fixture::pdb(guid_age(), 5_000_000).unwrap();
    let mut expected = pdb::PDB::open(std::io::Cursor::new(expected)).unwrap();
    for stream in 1..5 {
        let bytes = |pdb: &mut pdb::PDB<'_, _>| {
            pdb.raw_stream(pdb::StreamIndex(stream)).unwrap().map(|stream| stream.as_slice().to_vec())
        };
        let expected = expected.raw_stream(pdb::StreamIndex(stream)).unwrap().map(|s| s.as_slice().to_vec());
        assert_eq!(bytes(&mut plain), expected, "stream {stream}");
    }
}

#[test]
fn a_folder_of_pdbs_is_searched_and_not_changed() {
    let world = World::new();
    world.file("flat/k.pdb", &pdb());
    let found = world.fetch(&world.path("flat").display().to_string()).unwrap();
    assert_eq!(found.path, world.path("flat/k.pdb"));
    assert_eq!(world.files(), ["flat/k.pdb"]);
}

#[test]
fn a_cache_keeps_files_from_further_right() {
    let world = World::new();
    world.file("flat/k.pdb", &pdb());
    let [cache, flat] = ["cache", "flat"].map(|name| world.path(name).display().to_string());
    let found = world.fetch(&format!("cache*{cache};{flat}")).unwrap();
    assert_eq!(found.path, world.path("cache").join(place("k.pdb")));
}

#[test]
fn a_store_of_two_tiers_is_read_and_filled_as_such() {
    let world = World::new();
    for store in ["a", "b"] {
        world.file(&format!("{store}/index2.txt"), b"");
    }
    world.file(&format!("b/k./{}", place("k.pdb")), &pdb());
    let [a, b] = ["a", "b"].map(|name| world.path(name).display().to_string());
    let found = world.fetch(&format!("srv*{a}*{b}")).unwrap();
    assert_eq!(found.path, world.path("a/k.").join(place("k.pdb")));
}

#[test]
fn names_are_tried_as_given_and_in_lower_case() {
    let world = World::new();
    world.file(&format!("b/{}", place("k.pdb")), &pdb());
    let mut wanted = wanted();
    wanted.name = "K.PDB".parse().unwrap();
    let options = world.options(&format!("srv*{}", world.path("b").display()));
    let found = Fetcher::new(options).fetch(&wanted, &world.story).unwrap();
    assert_eq!(found.path, world.path("b").join(place("k.pdb")));
}

#[test]
fn folders_are_compared_without_case() {
    let lower = GUID_AGE.to_lowercase();
    for (file, packed) in [
        (format!("b/k.pdb/{lower}/k.pdb"), false),
        (format!("b/K.PDB/{GUID_AGE}/K.pdb"), false),
        (format!("b/K.pdb/{lower}/K.PD_"), true),
        ("b/K.Pdb".to_owned(), false),
    ] {
        let world = World::new();
        let bytes = if packed { fixture::cabinet(&[("k.pdb", &pdb())]).unwrap() } else { pdb() };
        world.file(&file, &bytes);
        let store = world.path("b").display().to_string();
        // A bare folder is both a store and a folder of PDBs.
        let found = world.fetch(&store).unwrap();
        assert_eq!(read(&found.path), pdb(), "{file}");
    }
}

#[cfg(unix)]
#[test]
fn pipes_and_pointers_to_them_are_passed_over() {
    let world = World::new();
    let pipe = world.path("b").join(place("k.pdb"));
    std::fs::create_dir_all(pipe.parent().unwrap()).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    world.file(&format!("b/{}", place("file.ptr")), format!("PATH:{}", pipe.display()).as_bytes());
    let error = world.fetch(&format!("srv*{}", world.path("b").display())).unwrap_err().to_string();
    assert!(error.contains("where there is no regular file"), "{error}");
}

#[test]
fn a_pointer_leads_to_the_file_or_gives_the_reason() {
    let world = World::new();
    let elsewhere = world.file("elsewhere/x.pdb", &pdb());
    world.file(&format!("b/{}", place("file.ptr")), format!("PATH:{}", elsewhere.display()).as_bytes());
    let store = format!("srv*{}", world.path("b").display());
    assert_eq!(world.fetch(&store).unwrap().path, elsewhere);
    world.file(&format!("b/{}", place("file.ptr")), b"MSG: it is private");
    let error = world.fetch(&store).unwrap_err().to_string();
    assert!(error.contains("it is private"), "{error}");
}

#[test]
fn a_pointer_to_itself_ends() {
    let world = World::new();
    let pointer = world.path("b").join(place("file.ptr"));
    world.file(&format!("b/{}", place("file.ptr")), format!("PATH:{}", pointer.display()).as_bytes());
    let error = world.fetch(&format!("srv*{}", world.path("b").display())).unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
}

#[test]
fn files_in_a_store_are_checked_before_they_are_used() {
    let whole = pdb();
    let cases: [(&[u8], &str); 6] = [
        (b"", "an empty file"),
        (b"<html><body>Log in</body></html>", "an HTML page"),
        (&whole[..whole.len() - 1], "truncated"),
        (
            &other_pdb(),
            "expected the PDB F8E2A8B5C9B74BF4A6E4A48F180099942, found 3844DBB920174967BE7AA4A2C20430FA2",
        ),
        (&[0; 4096], "a file of zeros"),
        (&fixture::cabinet(&[("readme.txt", b"x")]).unwrap(), "found 'readme.txt'"),
    ];
    for (bytes, reason) in cases {
        let world = World::new();
        world.file(&format!("a/{}", place("k.pdb")), bytes);
        let [a, b] = ["a", "b"].map(|name| world.path(name).display().to_string());
        let error = world.fetch(&format!("srv*{a}*{b}")).unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }));
        assert!(error.to_string().contains(reason), "{error}");
        // A good copy further right replaces the bad one.
        world.file(&format!("b/{}", place("k.pdb")), &whole);
        let found = world.fetch(&format!("srv*{a}*{b}")).unwrap();
        assert_eq!(found.path, world.path("a").join(place("k.pdb")));
        assert_eq!(read(&found.path), whole, "{reason}");
    }
}

#[test]
fn the_age_that_counts_is_the_one_of_the_dbi_stream() {
    let world = World::new();
    let path = world.file("k.pdb", &pdb());
    let identity = Identity::read(&mut std::fs::File::open(path).unwrap()).unwrap();
    assert_eq!(identity.guid_age, guid_age());
    assert_eq!(identity.info_age, 4);
    let higher = GuidAge::new(guid_age().guid(), 4);
    let mut wanted = wanted();
    wanted.guid_age = higher;
    let options = world.options(&world.path("").display().to_string());
    let error = Fetcher::new(options).fetch(&wanted, &world.story).unwrap_err().to_string();
    assert!(error.contains(&format!("found {GUID_AGE}")), "{error}");
}

#[test]
fn a_file_truncated_at_any_length_is_refused() {
    let whole = fixture::pdb(guid_age(), 1000).unwrap();
    for length in 0..whole.len() {
        let result = Identity::read(&mut std::io::Cursor::new(&whole[..length]));
        assert!(result.is_err(), "accepted {length} of {} bytes", whole.len());
    }
}

#[test]
fn a_truncated_or_changed_cabinet_gives_an_error_or_the_file() {
    let cabinet = fixture::cabinet(&[("k.pdb", &fixture::pdb(guid_age(), 100).unwrap())]).unwrap();
    let extract = |bytes: &[u8]| {
        let mut sink = Vec::new();
        let cabinet = pe::PdbCabinet::open(std::io::Cursor::new(bytes), None, 1 << 20);
        cabinet.and_then(|mut cabinet| cabinet.extract(&mut sink, &|_| ()))
    };
    for length in 0..cabinet.len() {
        assert!(extract(&cabinet[..length]).is_err(), "accepted {length} bytes");
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    for index in 0..cabinet.len() {
        let mut bent = cabinet.clone();
        bent[index] ^= 0xff;
        // Most bytes are covered by a checksum. Changing the others may change the result but must not crash the
        // program.
        let _ = extract(&bent);
    }
    std::panic::set_hook(hook);
}

#[test]
fn a_cabinet_that_declares_too_much_is_not_unpacked() {
    let world = World::new();
    let cabinet = fixture::cabinet(&[("k.pdb", &pdb()), ("ballast", &vec![0; 3_000_000])]).unwrap();
    world.file(&format!("b/{}", place("k.pd_")), &cabinet);
    let mut options = world.options(&format!("srv*{0}/a*{0}/b", world.path("").display()));
    options.size_limit = 1_000_000;
    let error = world.fetch_with(options).unwrap_err().to_string();
    assert!(error.contains("expected at most 1000000"), "{error}");
    assert_eq!(world.files(), [format!("b/{}", place("k.pd_"))]);
}

#[test]
fn a_path_without_places_says_so() {
    let error = World::new().fetch("").unwrap_err().to_string();
    assert!(error.contains("names no place"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_store_that_accepts_no_file_is_skipped() {
    let world = World::new();
    world.file("b/k.pdb", &pdb());
    // A file where the store's folder should be.
    world.file("a", b"");
    let [a, b] = ["a", "b"].map(|name| world.path(name).display().to_string());
    let found = world.fetch(&format!("cache*{a};{b}")).unwrap();
    assert_eq!(found.path, world.path("b/k.pdb"));
    assert!(world.story.text().contains("takes no file"));
}

#[cfg(unix)]
#[test]
fn a_store_that_cannot_be_written_does_not_hide_later_ones() {
    let world = World::new();
    // Files where the stores' folders should be.
    world.file("default", b"");
    world.file("packed/k.pd_", &fixture::cabinet(&[("k.pdb", &pdb())]).unwrap());
    let packed = world.path("packed").display().to_string();
    assert!(matches!(world.fetch(&packed), Err(Error::Store { .. })));
    world.file("flat/k.pdb", &pdb());
    let found = world.fetch(&format!("{packed};{}", world.path("flat").display())).unwrap();
    assert_eq!(found.path, world.path("flat/k.pdb"));
}
