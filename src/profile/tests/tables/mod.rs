//! Two ISF tables compared by meaning: names of unnamed types, spellings of base types, storage units of
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]
//! bit-fields and the order of entries aside.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// A table as dwarf2json makes them.
pub const LINUX: &str = r#"{
  "metadata": {
    "format": "6.2.0", "producer": {"name": "dwarf2json", "version": "0.9.0"},
    "linux": {"symbols": [{"kind": "symtab", "name": "vmlinux"}], "types": []}
  },
  "base_types": {
    "pointer": {"size": 8, "signed": false, "kind": "int", "endian": "little"},
    "long unsigned int": {"size": 8, "signed": false, "kind": "int", "endian": "little"},
    "int": {"size": 4, "signed": true, "kind": "int", "endian": "little"},
    "char": {"size": 1, "signed": true, "kind": "char", "endian": "little"},
    "void": {"size": 0, "signed": false, "kind": "void", "endian": "little"}
  },
  "user_types": {
    "cpuinfo_x86": {"kind": "struct", "size": 4, "fields": {}},
    "task_struct": {"kind": "struct", "size": 64, "fields": {
      "unnamed_field_0": {"offset": 8, "anonymous": true, "type": {"kind": "union", "name": "unnamed_0000ed9e5ff76413"}},
      "comm": {"offset": 16, "type": {"kind": "array", "count": 16, "subtype": {"kind": "base", "name": "char"}}},
      "parent": {"offset": 32, "type": {"kind": "pointer", "subtype": {"kind": "struct", "name": "task_struct"}}},
      "hidden": {"offset": 40, "type": {"kind": "pointer", "subtype": {"kind": "struct", "name": "nobody"}}},
      "run": {"offset": 48, "type": {"kind": "pointer", "subtype": {"kind": "function"}}},
      "state": {"offset": 56, "type": {"kind": "enum", "name": "state"}},
      "flag": {"offset": 60, "type": {"kind": "bitfield", "bit_position": 3, "bit_length": 2, "type": {"kind": "base", "name": "int"}}}
    }},
    "unnamed_0000ed9e5ff76413": {"kind": "union", "size": 8, "fields": {
      "a": {"offset": 0, "type": {"kind": "base", "name": "long unsigned int"}},
      "b": {"offset": 0, "type": {"kind": "base", "name": "int"}}
    }}
  },
  "enums": {"state": {"size": 4, "base": "int", "constants": {"DEAD": -1, "RUNNING": 0}}},
  "symbols": {
    "init_task": {"address": 18446744071606217280, "type": {"kind": "struct", "name": "task_struct"}},
    "linux_banner": {"address": 18446744071596802016, "constant_data": "TGludXggdmVyc2lvbiA2LjEuMC01NiAobWUpCgA=",
      "type": {"kind": "array", "count": 0, "subtype": {"kind": "base", "name": "char"}}},
    "schedule": {"address": 18446744071596802020, "type": {"kind": "base", "name": "void"}}
  }
}"#;

/// A table as Volatility's `pdbconv` makes them.
pub const WINDOWS: &str = r#"{
  "user_types": {
    "_S": {"kind": "struct", "size": 24, "fields": {
      "Text": {"offset": 0, "type": {"kind": "array", "count": 4, "subtype": {"kind": "base", "name": "wchar"}}},
      "Wide": {"offset": 8, "type": {"kind": "pointer", "base": "pointer64", "subtype": {"kind": "base", "name": "void"}}},
      "u": {"offset": 16, "type": {"kind": "struct", "name": "__unnamed_10af"}}
    }},
    "__unnamed_10af": {"kind": "struct", "size": 4, "fields": {}}
  },
  "base_types": {
    "pointer": {"size": 4, "signed": false, "kind": "int", "endian": "little"},
    "void": {"size": 0, "signed": true, "kind": "void", "endian": "little"},
    "pointer64": {"size": 8, "signed": false, "kind": "int", "endian": "little"},
    "wchar": {"size": 2, "signed": true, "kind": "int", "endian": "little"}
  },
  "enums": {},
  "symbols": {"NtClose": {"address": 4096, "type": {"kind": "function"}, "linkage_name": "_NtClose@4"}, "x": {"address": 8}},
  "metadata": {"format": "6.1.0", "windows": {
    "pdb": {"GUID": "f8e2a8b5c9b74bf4a6e4a48f18009994", "age": 2, "database": "ntkrnlpa.pdb", "machine_type": 332},
    "pe": {"major": 6, "minor": 1, "revision": 7601, "build": 1}}}
}"#;

/// Every place where the two tables do not mean the same, in words.
pub fn differences(a: &Value, b: &Value) -> Vec<String> {
    let mut comparison = Comparison { a, b, compared: HashSet::new(), found: Vec::new() };
    comparison.tables();
    comparison.found
}

struct Comparison<'a> {
    a: &'a Value,
    b: &'a Value,
    /// Pairs of unnamed types that were or are being compared.
    compared: HashSet<(&'a str, &'a str)>,
    found: Vec<String>,
}

fn entries<'a>(value: &'a Value, key: &str) -> &'a Map<String, Value> {
    value[key].as_object().unwrap_or_else(|| panic!("no {key}: {value}"))
}

/// Whether a key stands for an unnamed type.
fn is_unnamed(key: &str) -> bool {
    ["unnamed_", "__unnamed_", "__anonymous_"].iter().any(|prefix| key.starts_with(prefix))
}

impl<'a> Comparison<'a> {
    fn tables(&mut self) {
        let (a, b) = (self.a, self.b);
        for section in ["user_types", "enums"] {
            let (ours, theirs) = (entries(a, section), entries(b, section));
            for name in theirs.keys().filter(|name| !is_unnamed(name) && !ours.contains_key(*name)) {
                self.found.push(format!("{section}: {name} is new"));
            }
            for (name, entry) in ours.iter().filter(|(name, _)| !is_unnamed(name)) {
                match theirs.get(name) {
                    None => self.found.push(format!("{section}: {name} is gone")),
                    Some(other) if section == "enums" => self.enumeration(name, entry, other),
                    Some(other) => self.structure(name, entry, other),
                }
            }
        }
        let (ours, theirs) = (entries(a, "symbols"), entries(b, "symbols"));
        self.equal("symbols", &ours.len(), &theirs.len());
        let void =
            Value::from(Map::from_iter([("kind".into(), "base".into()), ("name".into(), "void".into())]));
        for (name, entry) in ours {
            let Some(other) = theirs.get(name) else {
                self.found.push(format!("symbols: {name} is gone"));
                continue;
            };
            for key in ["address", "constant_data", "linkage_name"] {
                self.equal(name, &entry.get(key), &other.get(key));
            }
            let (ours, theirs) = (entry.get("type"), other.get("type"));
            if ours.unwrap_or(&void) != theirs.unwrap_or(&void) {
                self.types(name, ours.unwrap_or(&Value::Null), theirs.unwrap_or(&Value::Null));
            }
        }
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, place: &str, a: &T, b: &T) {
        if a != b {
            self.found.push(format!("{place}: {a:?}, then {b:?}"));
        }
    }

    fn enumeration(&mut self, place: &str, a: &'a Value, b: &'a Value) {
        self.equal(place, &a["size"], &b["size"]);
        self.equal(place, &a["constants"], &b["constants"]);
        let base = |table: &'a Value, entry: &Value| meaning(table, &entry["base"]);
        self.equal(place, &base(self.a, a), &base(self.b, b));
    }

    fn structure(&mut self, place: &str, a: &'a Value, b: &'a Value) {
        self.equal(place, &a["kind"], &b["kind"]);
        self.equal(place, &a["size"], &b["size"]);
        let (ours, theirs) = (fields(a), fields(b));
        self.equal(place, &ours.len(), &theirs.len());
        for ((name, ours), (other, theirs)) in ours.into_iter().zip(theirs) {
            let place = format!("{place}.{name}");
            let anonymous = |field: &Value| field["anonymous"] == true;
            self.equal(&place, &anonymous(ours), &anonymous(theirs));
            if !anonymous(ours) {
                self.equal(&place, &name, &other);
            }
            self.field(&place, ours, theirs);
        }
    }

    fn field(&mut self, place: &str, a: &'a Value, b: &'a Value) {
        let (ours, theirs) = (&a["type"], &b["type"]);
        if ours["kind"] != "bitfield" || theirs["kind"] != "bitfield" {
            self.equal(place, &a["offset"], &b["offset"]);
            return self.types(place, ours, theirs);
        }
        // The first bit in the struct, whichever unit loads it.
        let first = |field: &Value| {
            field["offset"].as_u64().unwrap() * 8 + field["type"]["bit_position"].as_u64().unwrap()
        };
        self.equal(place, &first(a), &first(b));
        self.equal(place, &ours["bit_length"], &theirs["bit_length"]);
        let (ours, theirs) = (&ours["type"], &theirs["type"]);
        if ours["kind"] == "base" && theirs["kind"] == "base" {
            // In a packed struct a smaller unit may be necessary.
            let signed =
                |table: &'a Value, ty: &Value| meaning(table, &ty["name"]).map(|(.., signed)| signed);
            return self.equal(place, &signed(self.a, ours), &signed(self.b, theirs));
        }
        self.types(place, ours, theirs);
    }

    fn types(&mut self, place: &str, a: &'a Value, b: &'a Value) {
        let defined = |table: &'a Value, ty: &Value| {
            ty["name"].as_str().is_some_and(|name| entries(table, "user_types").contains_key(name))
        };
        if a["kind"] == "union" && !defined(self.a, a) && !defined(self.b, b) {
            // For an undefined type only the name is kept.
            return self.equal(place, &a["name"], &b["name"]);
        }
        self.equal(place, &a["kind"], &b["kind"]);
        match a["kind"].as_str().unwrap_or_default() {
            "base" => self.equal(place, &meaning(self.a, &a["name"]), &meaning(self.b, &b["name"])),
            "pointer" => {
                let stored = |table: &'a Value, ty: &Value| {
                    meaning(table, ty.get("base").unwrap_or(&Value::from("pointer")))
                };
                self.equal(place, &stored(self.a, a), &stored(self.b, b));
                self.types(place, &a["subtype"], &b["subtype"]);
            }
            "array" => {
                self.equal(place, &a["count"], &b["count"]);
                self.types(place, &a["subtype"], &b["subtype"]);
            }
            "function" => {}
            kind => {
                let (ours, theirs) =
                    (a["name"].as_str().unwrap_or_default(), b["name"].as_str().unwrap_or_default());
                if !is_unnamed(ours) {
                    return self.equal(place, &ours, &theirs);
                }
                if !self.compared.insert((ours, theirs)) {
                    return;
                }
                let section = if kind == "enum" { "enums" } else { "user_types" };
                let place = format!("{place} ({ours})");
                match (entries(self.a, section).get(ours), entries(self.b, section).get(theirs)) {
                    (Some(a), Some(b)) if kind == "enum" => self.enumeration(&place, a, b),
                    (Some(a), Some(b)) => self.structure(&place, a, b),
                    (a, b) => self.equal(&place, &a.is_some(), &b.is_some()),
                }
            }
        }
    }
}

/// A struct's fields: named ones by name, then the others in their order.
fn fields(entry: &Value) -> Vec<(&str, &Value)> {
    let mut fields: Vec<(&str, &Value)> =
        entries(entry, "fields").iter().map(|(name, field)| (name.as_str(), field)).collect();
    fields.sort_by_key(|(name, field)| {
        let number = name.trim_start_matches(|letter: char| !letter.is_ascii_digit()).parse::<u32>().ok();
        match field["anonymous"] == true {
            true => (true, field["offset"].as_u64(), number, ""),
            false => (false, None, None, *name),
        }
    });
    fields
}

/// The meaning of a base type, whatever its name. A Boolean has no sign.
fn meaning<'a>(table: &'a Value, name: &Value) -> Option<(&'a Value, &'a Value, bool)> {
    let base = table["base_types"].get(name.as_str()?)?;
    let signed = base["signed"] == true && base["kind"] != "bool" && base["kind"] != "void";
    Some((&base["size"], &base["kind"], signed))
}
