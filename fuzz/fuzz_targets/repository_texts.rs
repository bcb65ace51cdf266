//! Texts of a repository: YAML of any shape is read or refused, and no name leaves its repository.
#![no_main]

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use repository::yaml::Node;
use repository::{Key, ProfileName};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(node) = Node::parse(text, "fuzz") {
        let _ = node.to_json();
    }
    if let Ok(key) = text.parse::<Key>() {
        let path = key.below(Path::new("root"));
        assert!(path.starts_with("root") && path.components().all(|part| matches!(part, Component::Normal(_))));
        assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
    }
    if let Ok(name) = text.parse::<ProfileName>() {
        assert_eq!(ProfileName::of_key(&name.key()).is_none(), name.as_str().starts_with("src/"));
        assert_eq!(name.to_string().trim_end_matches(".gz"), name.as_str().trim_end_matches(".gz"));
    }
});
