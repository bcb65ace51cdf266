//! The form for LibVMI and DRAKVUF, read by an independent implementation of their rules (LibVMI 0.15,
//! `json_profiles/rekall.c`; DRAKVUF, `json-profile.c`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod tables;

use std::collections::BTreeMap;
use std::path::Path;

use profile::{
    Addresses, Form, Format, MAX_TEXT, MappedFile, Profile, Report, Resolution, Selection, read_text, unpack,
    write_form,
};
use serde_json::{Map, Value};
use tables::LINUX;

/// The text in LibVMI's form of a profile's or table's text.
fn exported(text: &[u8], addresses: Addresses, only: &[&str]) -> String {
    let mut report = Report::default();
    let mut profile: Profile = read_text(text, &mut report).unwrap();
    let resolution = Resolution::new(&mut profile, &mut report);
    let wanted: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
    let (selection, missing) = Selection::new(&profile, &resolution, &wanted);
    assert_eq!(missing, Vec::<&str>::new());
    let mut selection = selection;
    selection.add_needs(&profile, &resolution, profile::Consumer::LibVmi);
    let only = (!only.is_empty()).then_some(&selection);
    let form = Form { format: Format::LibVmi, addresses, only, ..Form::default() };
    String::from_utf8(write_form(&profile, &resolution, form, &mut report, Vec::new()).unwrap()).unwrap()
}

/// A profile's text as the two programs read it.
struct Reader {
    root: Map<String, Value>,
    /// The members of each struct in the order of the text, which the search follows.
    order: BTreeMap<String, Vec<String>>,
}

impl Reader {
    fn open(text: &str) -> Self {
        let root: Map<String, Value> = serde_json::from_str(text).unwrap();
        assert!(!root.contains_key("metadata"), "read as ISF");
        assert!(root.contains_key("$METADATA"), "rejected");
        // The canonical text is sorted, and `serde_json` keeps maps sorted: the orders are the same.
        let structs = root["$STRUCTS"].as_object().unwrap();
        let names = |entry: &Value| entry[1].as_object().unwrap().keys().cloned().collect();
        let order = structs.iter().map(|(name, entry)| (name.clone(), names(entry))).collect();
        Self { root, order }
    }

    /// `true` if LibVMI treats the profile as a Linux kernel's; it treats everything else as Windows.
    fn is_linux(&self) -> bool {
        self.root["$METADATA"]["ProfileClass"] == "Linux"
    }

    /// A symbol as a signed number, clamped as in json-c.
    fn symbol(&self, name: &str) -> Option<i64> {
        ["$CONSTANTS", "$FUNCTIONS"].iter().find_map(|section| {
            let value = self.root.get(*section)?.get(name)?;
            Some(value.as_i64().unwrap_or(i64::MAX))
        })
    }

    /// The address that DRAKVUF derives from a symbol: bit 47 is copied to all higher bits.
    fn drakvuf_address(&self, name: &str) -> Option<u64> {
        let value = self.symbol(name)?.cast_unsigned();
        Some(if value & 1 << 47 != 0 { value | 0xffff_0000_0000_0000 } else { value })
    }

    /// The section DRAKVUF lists symbols from.
    fn drakvuf_symbols(&self) -> &Map<String, Value> {
        let section = ["symbols", "$FUNCTIONS", "$CONSTANTS"].iter().find_map(|name| self.root.get(*name));
        section.unwrap().as_object().unwrap()
    }

    fn size(&self, name: &str) -> Option<u64> {
        self.root["$STRUCTS"].get(name)?[0].as_u64()
    }

    /// A member's offset and its bits: in the struct itself, otherwise the first of that name on any level.
    fn member(&self, owner: &str, name: &str, depth: usize) -> Option<(u64, Option<(u64, u64)>)> {
        assert!(depth < 64, "{owner} holds itself: the program would crash");
        let members = &self.root["$STRUCTS"].get(owner)?[1];
        if let Some(entry) = members.get(name) {
            let descriptor = entry[1].as_array().expect("a member without a type list aborts the program");
            assert!(descriptor[0].is_string());
            let bits = match descriptor.get(1) {
                Some(arguments) if descriptor[0] == "BitField" => {
                    Some((arguments["start_bit"].as_u64().unwrap(), arguments["end_bit"].as_u64().unwrap()))
                }
                _ => None,
            };
            return Some((entry[0].as_u64().unwrap(), bits));
        }
        self.order[owner].iter().find_map(|member| {
            let entry = &members[member];
            let below = entry[1][0].as_str().filter(|below| self.order.contains_key(*below))?;
            let (offset, bits) = self.member(below, name, depth + 1)?;
            Some((entry[0].as_u64().unwrap() + offset, bits))
        })
    }
}

/// Every member that C finds in a struct of a table, with its first bit, including those of unnamed members.
fn truth<'a>(table: &'a Value, name: &str, base: u64, found: &mut BTreeMap<&'a str, (u64, bool)>) {
    for (member, field) in table["user_types"][name]["fields"].as_object().unwrap() {
        let offset = base + field["offset"].as_u64().unwrap();
        let ty = &field["type"];
        if field["anonymous"] == true {
            truth(table, ty["name"].as_str().unwrap(), offset, found);
        } else {
            let first = ty["bit_position"].as_u64();
            found.insert(member, (offset * 8 + first.unwrap_or(0), first.is_some()));
        }
    }
}

/// Looks up every member of every named struct, and every symbol; returns their numbers.
fn check(text: &str, addresses: Addresses) -> (usize, usize) {
    let table: Value = serde_json::from_str(text).unwrap();
    let reader = Reader::open(&exported(text.as_bytes(), addresses, &[]));
    assert!(reader.is_linux());
    let mut members = 0;
    for (name, entry) in table["user_types"].as_object().unwrap() {
        if name.starts_with("unnamed_") {
            continue;
        }
        assert_eq!(reader.size(name), entry["size"].as_u64(), "{name}");
        let mut expected = BTreeMap::new();
        truth(&table, name, 0, &mut expected);
        for (member, (first, is_bits)) in expected {
            let (offset, bits) =
                reader.member(name, member, 0).unwrap_or_else(|| panic!("{name}.{member} is not found"));
            if !is_bits || bits.is_some() {
                assert_eq!(offset * 8 + bits.map_or(0, |(start, _)| start), first, "{name}.{member}");
            }
            members += 1;
        }
    }
    let symbols = table["symbols"].as_object().unwrap();
    for (name, entry) in symbols {
        let expected = entry["address"].as_u64().unwrap();
        match addresses {
            Addresses::Masked => {
                assert_eq!(
                    reader.symbol(name).unwrap().cast_unsigned(),
                    expected & 0xffff_ffff_ffff,
                    "{name}"
                );
                // Symbols that are not addresses of the kernel stay unchanged.
                if expected >> 47 == 0 || expected >> 47 == 0x1ffff {
                    assert_eq!(reader.drakvuf_address(name), Some(expected), "{name}");
                }
            }
            Addresses::Signed => assert_eq!(reader.symbol(name).unwrap().cast_unsigned(), expected, "{name}"),
        }
        assert!(reader.drakvuf_symbols().contains_key(name), "{name}");
    }
    (members, symbols.len())
}

#[test]
fn members_and_symbols_of_a_small_kernel() {
    assert_eq!(check(LINUX, Addresses::Masked), (8, 3));
    assert_eq!(check(LINUX, Addresses::Signed), (8, 3));
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn every_member_and_every_symbol_of_a_kernel() {
    let corpus = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS is set");
    let path = Path::new(&corpus).join("images/linux-6.1-cloud/dwarf2json.isf.json.xz");
    let file = MappedFile::open(&path).unwrap();
    let text = String::from_utf8(unpack(&file, MAX_TEXT).unwrap().into_owned()).unwrap();
    let (members, symbols) = check(&text, Addresses::Masked);
    assert!(members > 48_000, "{members}");
    assert_eq!(symbols, 149_021);
}

#[test]
fn unnamed_members_appear_in_their_struct_and_by_themselves() {
    let text = exported(LINUX.as_bytes(), Addresses::Masked, &[]);
    let json: Value = serde_json::from_str(&text).unwrap();
    let task = &json["$STRUCTS"]["task_struct"][1];
    assert_eq!((&task["a"][0], &task["b"][0], &task["u1"][0]), (&8.into(), &8.into(), &8.into()));
    assert_eq!(task["u1"][1][0], "__unnamed_task_struct_u1");
}

#[test]
fn a_slim_profile_has_what_it_needs() {
    let whole = exported(LINUX.as_bytes(), Addresses::Masked, &[]);
    let text = exported(LINUX.as_bytes(), Addresses::Masked, &["task_struct.comm", "init_task"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    let names = |section: &str| -> Vec<&String> { json[section].as_object().unwrap().keys().collect() };
    assert_eq!(names("$STRUCTS"), ["__unnamed_task_struct_u1", "task_struct"]);
    assert_eq!(names("$ENUMS"), ["state"]);
    assert_eq!(names("$CONSTANTS"), ["init_task"]);
    assert_eq!(names("$CONSTANT_TYPES"), ["init_task"]);
    let all: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(json["$STRUCTS"]["task_struct"], all["$STRUCTS"]["task_struct"]);
    assert_eq!(json["$METADATA"], all["$METADATA"]);
}

#[test]
fn a_slim_profile_has_what_libvmi_starts_with() {
    let text = r#"{
      "$METADATA": {"Type": "Profile", "ProfileClass": "Linux", "arch": "AMD64"},
      "$STRUCTS": {
        "other": [8, {"x": [0, ["unsigned long"]]}],
        "mm_struct": [8, {"pgd": [0, ["Pointer", {"target": "Void"}]]}],
        "task_struct": [16, {"mm": [0, ["Pointer", {"target": "mm_struct"}]], "pid": [8, ["int"]]}]
      },
      "$CONSTANTS": {"_text": 18446744071578845184, "_stext": 18446744071578845184, "init_task": 18446744071606217280,
        "init_top_pgt": 18446744071606210000, "swapper_pg_dir": 18446744071606210000, "unneeded": 4096}
    }"#;
    let json: Value =
        serde_json::from_str(&exported(text.as_bytes(), Addresses::Masked, &["other"])).unwrap();
    let names = |section: &str| -> Vec<&String> { json[section].as_object().unwrap().keys().collect() };
    assert_eq!(names("$STRUCTS"), ["mm_struct", "other", "task_struct"]);
    // The two that are derived from others exist as well.
    let symbols = ["_stext", "init_task", "init_top_pgt", "phys_startup_64", "startup_64"];
    assert_eq!(names("$CONSTANTS"), symbols);
}

#[test]
fn code_and_data_of_windows_share_a_section() {
    let text = r#"{
      "$METADATA": {"Type": "Profile", "ProfileClass": "Nt", "arch": "AMD64"},
      "$STRUCTS": {"_S": [8, {"x": [0, ["unsigned long", {}]]}]},
      "$CONSTANTS": {"PsInitialSystemProcess": 4096}, "$FUNCTIONS": {"NtClose": 8192, "PsInitialSystemProcess": 1}
    }"#;
    let reader = Reader::open(&exported(text.as_bytes(), Addresses::Masked, &[]));
    assert!(!reader.is_linux());
    assert_eq!((reader.symbol("NtClose"), reader.symbol("PsInitialSystemProcess")), (Some(8192), Some(4096)));
    assert_eq!(reader.drakvuf_symbols().len(), 2);
    assert_eq!(reader.member("_S", "x", 0), Some((0, None)));
}
