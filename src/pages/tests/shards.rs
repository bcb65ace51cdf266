//! Unpacks the shards of a collection as a page does, and checks their contents.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;

use base64::Engine;
use pages::{Collection, Shard, write_report, write_site};
use profile::{Report, Resolution, read_text};
use serde_json::{Value, json};

const OLD: &str = r#"{
 "$METADATA": {"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64", "Release": "6.1"},
 "$ENUMS": {"state": {"0": "IDLE", "18446744073709551615": "ALL"}},
 "$REVENUMS": {"state": {"IDLE": 0, "ALL": 18446744073709551615}},
 "$STRUCTS": {
  "gone": [4, {"a": [0, ["int"]]}],
  "inner": [8, {"a": [0, ["int"]]}],
  "outer": [32, {
   "held": [0, ["Array", {"count": 2, "target": "inner"}]],
   "bits": [16, ["BitField", {"start_bit": 2, "end_bit": 5, "target": "unsigned int"}]],
   "led": [24, ["Pointer", {"target": "inner"}]],
   "nowhere": [16, ["Pointer", {"target": "opaque"}]],
   "s": [20, ["Enumeration", {"enum_name": "state", "target": "unsigned int"}]]}]},
 "$CONSTANTS": {"per_cpu": 16, "high": 18446744071578845184, "next": 18446744071578845188},
 "$CONSTANT_TYPES": {"high": ["inner"]}}"#;

fn shards(profiles: &[&str]) -> Vec<Shard> {
    let mut collection = Collection::default();
    let mut shards = Vec::new();
    for text in profiles {
        let mut report = Report::default();
        let mut profile = read_text(text.as_bytes(), &mut report).unwrap();
        let resolution = Resolution::new(&mut profile, &mut report);
        shards.push(collection.add("file.json", &profile, &resolution));
    }
    shards.extend(collection.finish());
    shards
}

fn texts(profiles: &[&str]) -> BTreeMap<String, String> {
    let unpacked = |shard: Shard| {
        let packed = base64::engine::general_purpose::STANDARD.decode(shard.packed).unwrap();
        let text = miniz_oxide::inflate::decompress_to_vec(&packed).unwrap();
        (shard.name, String::from_utf8(text).unwrap())
    };
    shards(profiles).into_iter().map(unpacked).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_definition_contains_the_sizes_of_the_types_it_holds() {
    let texts = texts(&[OLD]);
    let index = parsed(&texts["index"]);
    assert_eq!(index["structs"], json!(["gone", "inner", "outer"]));
    assert_eq!(index["structRuns"], json!([0, 0, 0]));
    assert_eq!(index["builds"][0]["title"], "6.1");
    let lines: Vec<Value> = texts["structs-0"].lines().map(parsed).collect();
    let int = json!([0, "int", 4]);
    assert_eq!(lines[1], json!([[8, 0, [["a", 0, int]]]]));
    // The target of a pointer is written without its size, so that the definition does not change with the target.
    let outer = json!([[
        32,
        0,
        [
            ["held", 0, [2, [4, "inner", 8], 2]],
            ["nowhere", 16, [1, [4, "opaque", null], 8]],
            ["bits", 16, [0, "unsigned int", 4], 2, 5],
            ["s", 20, [5, "state", 4]],
            ["led", 24, [1, [4, "inner", null], 8]],
        ]
    ]]);
    assert_eq!(lines[2], outer);
    assert_eq!(parsed(&texts["members"])[2], json!(["held", "nowhere", "bits", "s", "led"]));
    // `inner` and `state` are used by `outer`, the third struct.
    assert_eq!(parsed(&texts["uses"]), json!([[[], [2], []], [[2]]]));
    assert_eq!(parsed(&texts["enums-0"]), json!([[4, [["IDLE", "0"], ["ALL", "18446744073709551615"]]]]));
    let symbols = parsed(&texts["symbols-0"]);
    assert_eq!(symbols["names"], json!(["per_cpu", "high", "next"]));
    // A step that a JavaScript number cannot hold exactly is a text.
    assert_eq!(symbols["steps"], json!([16, "18446744071578845168", 4]));
    assert_eq!(symbols["types"], json!([[1, [4, "inner", 8]]]));
}

#[test]
fn builds_share_definitions_and_get_different_titles() {
    let middle = OLD.replace("\"6.1\"", "\"6.2\"").replace("\"gone\"", "\"came\"");
    let last = middle.replace("\"6.2\"", "\"6.1\"").replace("[8, {\"a\": [0,", "[8, {\"a\": [4,");
    let texts = texts(&[OLD, &middle, &last]);
    let index = parsed(&texts["index"]);
    assert_eq!(index["structs"], json!(["came", "gone", "inner", "outer"]));
    assert_eq!(index["structRuns"], json!([[1, 2, 0], [0, 1, 0], [0, 2, 0, 2, 1, 1], 0]));
    assert_eq!(texts["structs-0"].lines().count(), 4);
    // No two builds have the same title.
    let titles: Vec<&str> = (0..3).map(|build| index["builds"][build]["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["6.1", "6.2", "6.1 (file.json)"]);
    let two_of_one = parsed(&self::texts(&[OLD, OLD, OLD])["index"]);
    assert_eq!(two_of_one["builds"][2]["title"], "6.1 (file.json) 2");
    assert_eq!(two_of_one["structRuns"], json!([0, 0, 0]));
}

#[test]
fn no_text_of_a_profile_is_in_the_markup() {
    let hostile = OLD.replace("gone", "</script><script>alert(1)</script>").replace("\"6.1\"", "\"<b>\"");
    let page = String::from_utf8(write_report(shards(&[&hostile]), Vec::new()).unwrap()).unwrap();
    assert!(!page.contains("alert(1)") && !page.contains("<b>"));
    assert_eq!(page.matches("</script>").count(), 7, "six shards and the program");
    let mut names = Vec::new();
    let site = shards(&[&hostile]).into_iter().map(Ok::<Shard, std::io::Error>);
    write_site(site, |name, bytes| {
        assert!(!String::from_utf8_lossy(bytes).contains("alert(1)"), "{name}");
        names.push(name.to_owned());
        Ok(())
    })
    .unwrap();
    assert_eq!(names.last().map(String::as_str), Some("index.html"));
}
