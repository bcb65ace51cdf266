use bundle::{Entry, Error, write};
use profile::Silent;
use proptest::prelude::*;

use crate::made::{bytes, canonical, kernel, kernels, open, windows};

#[test]
fn every_build_comes_out_as_it_was_put_in() {
    let mut profiles = kernels(0..70);
    profiles.extend((0..3).map(|nth| (format!("driver/GUID/{nth:032X}1"), windows(nth))));
    let bundle = open(&bytes(&profiles));
    assert_eq!(bundle.builds().len(), profiles.len());
    for (name, text) in &profiles {
        let build = bundle.find(name).unwrap();
        assert_eq!(&bundle.text(build).unwrap(), text, "{name}");
    }
    let mut checked = 0;
    assert!(bundle.verify(|_| checked += 1).is_empty());
    assert_eq!(checked, profiles.len());
}

#[test]
fn a_similar_build_adds_a_few_bytes() {
    let one = bytes(&kernels([3])).len();
    let two = bytes(&kernels([3, 4])).len();
    let text = kernel(4).len();
    assert!((two - one) * 50 < text && two - one < 700, "{one} and {two} bytes; the text has {text}");
}

#[test]
fn the_order_of_adding_changes_nothing() {
    let profiles = kernels(0..9);
    let mut reversed = profiles.clone();
    reversed.reverse();
    let all = bytes(&profiles);
    assert_eq!(all, bytes(&reversed));

    // Entries may come from other bundles, and more than once.
    let (first, second) = (open(&bytes(&profiles[..5])), open(&bytes(&profiles[3..])));
    let mut entries: Vec<_> = (0..5).map(|build| first.entry(build).unwrap()).collect();
    entries.extend((0..6).map(|build| second.entry(build).unwrap()));
    let (merged, written) = write(entries, Vec::new(), &Silent).unwrap();
    assert_eq!((written.builds, written.length), (9, merged.len() as u64));
    assert!(merged == all, "a bundle that was merged from two equals one that was made at once");
}

#[test]
fn builds_are_sorted_by_version_and_found_by_what_identifies_them() {
    let bundle = open(&bytes(&kernels([10, 9, 100])));
    let releases: Vec<&str> = bundle.builds().iter().map(|build| &*build.version).collect();
    assert_eq!(releases, ["6.1.0-9-amd64", "6.1.0-10-amd64", "6.1.0-100-amd64"]);
    for wanted in [
        "kernel-10",
        "6.1.0-10-amd64",
        "000000000000000000000000000000000000000A",
        "Linux version 6.1.0-10-amd64 (builder@host)\n",
    ] {
        assert_eq!(bundle.find(wanted).unwrap(), 1, "{wanted}");
    }
    let error = bundle.find("kernel-1").unwrap_err().to_string();
    assert!(error.contains("nearest name is 'kernel-1"), "{error}");
}

#[test]
fn two_profiles_of_one_name_are_refused_and_one_twice_counts_once() {
    let twice = [("a".to_owned(), kernel(1)), ("a".to_owned(), kernel(1))];
    assert_eq!(open(&bytes(&twice)).builds().len(), 1);
    let entries = [1, 2].map(|nth| Entry::new("a", move || Ok(kernel(nth))));
    let error = write(entries.into(), Vec::new(), &Silent).map(drop).unwrap_err();
    assert!(matches!(error, Error::SameName { name } if name == "a"));
}

#[test]
fn texts_that_are_not_canonical_and_names_that_are_not_paths_are_refused() {
    let refused = |name: &str, text: &str| {
        let text = text.to_owned();
        let entry = Entry::new(name, move || Ok(text.clone()));
        write(vec![entry], Vec::new(), &Silent).map(drop).unwrap_err().to_string()
    };
    let spaced = kernel(1).replacen("{\n", "{ \n", 1);
    assert!(refused("a", &spaced).contains("the text is different"));
    assert!(refused("../a", &kernel(1)).contains("relative path"));
    let index = canonical(r#"{"$METADATA": {"Type": "Index"}, "$INDEX": {"a": 1}}"#);
    assert!(refused("index", &index).contains("its Type is not 'Profile'"));
}

#[test]
fn a_bundle_without_builds_can_be_opened() {
    assert!(open(&bytes(&[])).builds().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_profiles_come_out_as_they_were_put_in(
        structs in prop::collection::btree_map("\\PC{1,6}", (0_u64..1000, prop::collection::btree_map("\\PC{1,4}", 0_u64..99, 0..5)), 0..6),
        symbols in prop::collection::btree_map("\\PC{1,8}", any::<u64>(), 0..20),
        others in prop::collection::btree_map("\\PC{1,8}", any::<u64>(), 0..20),
    ) {
        let text = |symbols: &std::collections::BTreeMap<String, u64>| {
            let structs: serde_json::Map<String, serde_json::Value> = structs.iter().map(|(name, (size, members))| {
                let members: serde_json::Map<String, serde_json::Value> = members.iter()
                    .map(|(member, offset)| (member.clone(), serde_json::json!([offset, ["unsigned char"]]))).collect();
                (name.clone(), serde_json::json!([size + 100, members]))
            }).collect();
            canonical(&serde_json::json!({
                "$METADATA": {"Type": "Profile", "ProfileClass": "Linux", "arch": "AMD64"},
                "$STRUCTS": structs, "$CONSTANTS": symbols,
            }).to_string())
        };
        let profiles = [("a".to_owned(), text(&symbols)), ("b".to_owned(), text(&others))];
        let bundle = open(&bytes(&profiles));
        for (name, text) in &profiles {
            prop_assert_eq!(&bundle.text(bundle.find(name).unwrap()).unwrap(), text);
        }
    }
}
