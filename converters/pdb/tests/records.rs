//! Type records of every kind, one by one.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod support;

use serde_json::{Value, json};
use support::build::{
    Bytes, Pdb, data, decorated, enumeration, fields, label, member, pointer, record, structure,
};
use support::{Printed, built, losses};

/// A struct `s` whose only member has the type with index 0x1000, the first record passed in.
fn holding(size: u64, mut types: Vec<Bytes>) -> Pdb {
    let list = 0x1000 + types.len() as u32;
    types.push(fields(&[member("m", 0, 0x1000)]));
    types.push(structure("s", size, list));
    Pdb::of_types(types)
}

/// The descriptor of that member.
fn described(size: u64, types: Vec<Bytes>) -> Value {
    let printed = built(&holding(size, types));
    printed.json["$STRUCTS"]["s"][1]["m"][1].clone()
}

/// The members of a struct `s` with these fields.
fn members(entries: &[Bytes]) -> Printed {
    built(&Pdb::of_types(vec![fields(entries), structure("s", 64, 0x1000)]))
}

fn structs(printed: &Printed) -> &Value {
    &printed.json["$STRUCTS"]
}

fn pair(target: &str) -> Value {
    json!([target, {}])
}

fn pointer_to(target: &str) -> Value {
    json!(["Pointer", {"target": target}])
}

#[test]
fn primitives_by_their_number() {
    let text = |length: u64| json!(["UnicodeString", {"length": length}]);
    for (index, expected) in [
        (0x10, pair("char")),
        (0x68, pair("char")),
        (0x20, pair("unsigned char")),
        (0x69, pair("unsigned char")),
        (0x70, pair("unsigned char")),
        (0x7c, pair("unsigned char")),
        (0x30, pair("unsigned char")),
        (0x11, pair("short")),
        (0x72, pair("short")),
        (0x21, pair("unsigned short")),
        (0x73, pair("unsigned short")),
        (0x31, pair("unsigned short")),
        (0x12, pair("long")),
        (0x74, pair("long")),
        (0x08, pair("long")),
        (0x22, pair("unsigned long")),
        (0x75, pair("unsigned long")),
        (0x7b, pair("unsigned long")),
        (0x32, pair("unsigned long")),
        (0x13, pair("long long")),
        (0x76, pair("long long")),
        (0x04, pair("long long")),
        (0x23, pair("unsigned long long")),
        (0x77, pair("unsigned long long")),
        (0x33, pair("unsigned long long")),
        (0x14, pair("__int128")),
        (0x78, pair("__int128")),
        (0x24, pair("unsigned __int128")),
        (0x79, pair("unsigned __int128")),
        (0x46, pair("_Float16")),
        (0x40, pair("float")),
        (0x41, pair("double")),
        (0x42, pair("long double")),
        (0x43, pair("__float128")),
        (0x50, pair("float _Complex")),
        (0x71, text(2)),
        (0x7a, text(2)),
        (0x603, pointer_to("Void")),
        (0x670, pointer_to("unsigned char")),
        (0x610, pointer_to("char")),
        (0x674, pointer_to("long")),
        (0x677, pointer_to("unsigned long long")),
        (0x640, pointer_to("float")),
        (0x671, pointer_to("UnicodeString")),
        (0x403, json!(["Pointer32", {"target": "Void"}])),
        (0x422, json!(["Pointer32", {"target": "unsigned long"}])),
        (0x103, pointer_to("Void")),
    ] {
        let printed = members(&[member("m", 0, index)]);
        assert_eq!(structs(&printed)["s"][1]["m"][1], expected, "{index:#x}");
        assert_eq!(losses(&printed), [], "{index:#x}");
    }
}

#[test]
fn a_number_that_names_no_primitive_is_counted() {
    for index in [0x01, 0x60, 0xff, 0x6ff, 0x800, 0xfff] {
        let printed = members(&[member("m", 0, index), member("n", 8, 0x22)]);
        assert_eq!(printed.report.count("references to types that are not there"), 1, "{index:#x}");
        assert_eq!(structs(&printed)["s"][1]["n"], json!([8, ["unsigned long", {}]]));
    }
}

#[test]
fn pointers_have_the_size_in_their_record() {
    for (attributes, expected) in [
        (0x1_000c, pointer_to("long")),
        (0x800a, json!(["Pointer32", {"target": "long"}])),
        // No size: the kind gives it.
        (0x000c, pointer_to("long")),
        (0x000a, json!(["Pointer32", {"target": "long"}])),
        // References are pointers.
        (0x1_002c, pointer_to("long")),
        (0x1_008c, pointer_to("long")),
        // const, volatile
        (0x1_060c, pointer_to("long")),
    ] {
        let described = described(8, vec![record(0x1002).u32s(&[0x12, attributes])]);
        assert_eq!(described, expected, "{attributes:#x}");
    }
}

#[test]
fn pointers_to_members_are_arrays_of_bytes() {
    let to_member = |mode: u32, size: u32, representation: u16| {
        record(0x1002).u32s(&[0x12, size << 13 | mode << 5 | 0x0c, 0x1000]).u16(representation)
    };
    let bytes = |count: u64| json!(["Array", {"count": count, "target": "unsigned char"}]);
    for (leaf, expected) in [
        (to_member(2, 4, 1), pair("unsigned long")),
        (to_member(3, 8, 5), pair("unsigned long long")),
        (to_member(3, 24, 8), bytes(24)),
        // No size: the representation gives it.
        (to_member(2, 0, 1), pair("unsigned long")),
        (to_member(2, 0, 3), pair("unsigned long long")),
        (to_member(2, 0, 4), bytes(12)),
        (to_member(3, 0, 5), pair("unsigned long long")),
        (to_member(3, 0, 7), bytes(16)),
    ] {
        assert_eq!(described(24, vec![leaf.clone()]), expected, "{leaf:?}");
    }
}

#[test]
fn a_pointer_to_wide_characters_is_one_to_a_text() {
    let constant = record(0x1001).u32(0x71).u16(1);
    let printed = built(&Pdb::of_types(vec![
        constant,
        pointer(0x1000),
        fields(&[member("m", 0, 0x1001)]),
        structure("s", 8, 0x1002),
    ]));
    assert_eq!(structs(&printed)["s"][1]["m"][1], pointer_to("UnicodeString"));
}

#[test]
fn modifiers_and_aliases_are_looked_through() {
    let types = |kind: u16, rest: &[u8]| vec![record(kind).u32(0x1001).raw(rest), pointer(0x74)];
    assert_eq!(described(8, types(0x1001, &[3, 0])), pointer_to("long"));
    assert_eq!(described(8, types(0x1518, &[1, 0, 1, 0])), pointer_to("long"));
    assert_eq!(described(8, types(0x150a, b"name\0")), pointer_to("long"));
    assert_eq!(described(8, types(0x1010, b"\x04name")), pointer_to("long"));
}

#[test]
fn arrays_have_counts() {
    let array = |element: u32, bytes: u64| record(0x1503).u32s(&[element, 0x23]).number(bytes).text("");
    let of = |count: u64, target: &str| json!(["Array", {"count": count, "target": target}]);
    assert_eq!(described(40, vec![array(0x74, 40)]), of(10, "long"));
    assert_eq!(described(40, vec![array(0x640, 40)])[1]["count"], 5);
    assert_eq!(described(8, vec![array(0x22, 0)]), of(0, "unsigned long"));
    // Two dimensions, each an array.
    assert_eq!(
        described(24, vec![array(0x1001, 24), array(0x72, 6)]),
        json!(["Array", {"count": 4, "target": "Array", "target_args": {"count": 3, "target": "short"}}])
    );
    // Wide characters are a text, its length in bytes.
    assert_eq!(described(64, vec![array(0x71, 64)]), json!(["UnicodeString", {"length": 64}]));
    // With a stride, and a vector.
    let strided = record(0x1516).u32s(&[0x74, 0x23, 8]).number(40).text("");
    assert_eq!(described(40, vec![strided]), of(10, "long"));
    let vector = record(0x151b).u32s(&[0x40, 4]).number(16).text("");
    assert_eq!(described(16, vec![vector]), of(4, "float"));
    // Larger than 4 GiB, and of a type whose record comes later.
    assert_eq!(described(1 << 33, vec![array(0x20, 1 << 33)]), of(1 << 33, "unsigned char"));
    assert_eq!(described(32, vec![array(0x1001, 32), structure("e", 16, 0)]), of(2, "e"));
    // The name before 2005 was counted.
    let counted = record(0x1003).u32s(&[0x74, 0x23]).number(8).counted("a");
    assert_eq!(described(8, vec![counted]), of(2, "long"));
}

#[test]
fn odd_arrays_are_counted_and_kept_within_their_size() {
    let array = |element: u32, bytes: u64| record(0x1503).u32s(&[element, 0x23]).number(bytes).text("");
    let printed = built(&holding(10, vec![array(0x74, 10)]));
    assert_eq!(structs(&printed)["s"][1]["m"][1][1]["count"], 2);
    assert_eq!(losses(&printed), [("arrays whose size is not a multiple of their element's", 1)]);
    let printed = built(&holding(10, vec![array(0x03, 10)]));
    assert_eq!(structs(&printed)["s"][1]["m"][1], json!(["Array", {"count": 10, "target": "unsigned char"}]));
    assert_eq!(losses(&printed), [("arrays of elements whose size is not known", 1)]);
}

#[test]
fn functions_have_their_arguments() {
    let arguments = |of: &[u32]| record(0x1201).u32(of.len() as u32).u32s(of);
    let function = |list: u32| record(0x1008).u32(0x03).u8(0).u8(0).u16(0).u32(list);
    let method = |list: u32| record(0x1009).u32s(&[0x03, 0x1001, 0x603]).u8(0).u8(0).u16(0).u32s(&[list, 0]);
    let expected = |args: Value| json!(["Pointer", {"target": "Function", "target_args": {"args": args}}]);
    for body in [function(0x1002), method(0x1002)] {
        let types = vec![pointer(0x1001), body, arguments(&[0x74, 0x670])];
        assert_eq!(
            described(8, types),
            expected(json!([["long", {}], ["Pointer", {"target": "unsigned char"}]]))
        );
    }
    // `...` is not counted as an argument; an argument list may be missing.
    let types = vec![pointer(0x1001), function(0x1002), arguments(&[0x74, 0])];
    assert_eq!(described(8, types), expected(json!([["long", {}]])));
    for list in [0x1fff, 0x1000] {
        let printed = built(&holding(8, vec![pointer(0x1001), function(list)]));
        assert_eq!(structs(&printed)["s"][1]["m"][1], expected(json!([])));
        assert_eq!(losses(&printed), [("argument lists that are not there", 1)]);
    }
}

#[test]
fn bit_fields_stand_in_their_storage_unit() {
    let bits = |base: u32, length: u8, position: u8| record(0x1205).u32(base).u8(length).u8(position);
    let field = |start: u64, end: u64, target: &str| json!(["BitField", {"start_bit": start, "end_bit": end, "target": target}]);
    assert_eq!(described(8, vec![bits(0x75, 3, 5)]), field(5, 8, "unsigned long"));
    assert_eq!(
        described(8, vec![record(0x1001).u32(0x1001).u16(1), bits(0x77, 40, 2)]),
        field(2, 42, "unsigned long long")
    );
    let printed = built(&Pdb::of_types(vec![
        bits(0x75, 20, 30),
        fields(&[member("m", 2, 0x1000)]),
        structure("s", 16, 0x1001),
    ]));
    // Bits 46 to 66: no aligned unsigned long can hold them.
    assert_eq!(
        structs(&printed)["s"][1]["m"],
        json!([5, ["BitField", {"start_bit": 6, "end_bit": 26, "target": "unsigned long"}]])
    );
    // Over an enumeration.
    let types = vec![bits(0x1001, 2, 1), enumeration("e", 0x75, 0x1002), fields(&[label("a", &[0, 0])])];
    assert_eq!(
        described(4, types),
        json!(["Enumeration", {"enum_name": "e", "target": "BitField",
            "target_args": {"start_bit": 1, "end_bit": 3, "target": "unsigned long"}}])
    );
    // Of no width.
    let printed = built(&holding(8, vec![bits(0x75, 0, 5)]));
    assert_eq!(structs(&printed)["s"][1]["m"][1], pair("unsigned long"));
    assert_eq!(losses(&printed), [("bit-fields that no storage unit holds", 1)]);
}

#[test]
fn classes_have_bases_and_tables_and_skip_static_members() {
    let base = fields(&[member("b", 0, 0x22)]);
    let list = fields(&[
        record(0x1400).u16(3).u32(0x1001).number(0),
        record(0x151a).u16(3).u32(0x1001).number(8),
        record(0x1401).u16(3).u32s(&[0x1001, 0x603]).number(16).number(1),
        record(0x1402).u16(3).u32s(&[0x1001, 0x603]).number(16).number(2),
        record(0x1409).u16(0).u32(0x1002),
        record(0x140c).u16(0).u32s(&[0x1002, 24]),
        // Methods, one of which introduces a virtual function.
        record(0x1511).u16(3).u32(0x1003).text("plain"),
        record(0x1511).u16(4 << 2 | 3).u32s(&[0x1003, 16]).text("virtual"),
        record(0x1511).u16(6 << 2 | 3).u32s(&[0x1003, 24]).text("pure"),
        record(0x150f).u16(2).u32(0x1004).text("overloaded"),
        // A static member, nested types, friends, a changed access.
        record(0x150e).u16(3).u32(0x22).text("shared"),
        record(0x1510).u16(0).u32(0x1001).text("inner"),
        record(0x1512).u16(3).u32(0x1001).text("other"),
        record(0x140a).u16(0).u32(0x1001),
        record(0x150c).u16(0).u32(0x1003).text("friend"),
        record(0x1513).u16(3).u32(0x1001).text("changed"),
        member("last", 32, 0x22),
    ]);
    let class = record(0x1504).u16(0).u16(0).u32s(&[0x1005, 0, 0]).number(40).text("derived");
    let printed = built(&Pdb::of_types(vec![
        base,
        structure("base", 4, 0x1000),
        pointer(0x1006),
        record(0x1009).u32s(&[3, 3, 3]).u32(0).u32s(&[0x1008, 0]),
        record(0x1206).u16(3).u16(0).u32(0x1003),
        list,
        record(0x000a).u16(3).u8(0x55).u8(5),
        class,
        record(0x1201).u32(0),
    ]));
    let table = json!(["Pointer", {"target": "Void"}]);
    assert_eq!(
        structs(&printed)["derived"],
        json!([40, {
            "__base_base": [0, ["base", {}]],
            "__base_base_1": [8, ["base", {}]],
            "__vbptr": [16, table],
            "__vfptr": [0, table],
            "__vfptr_1": [24, table],
            "last": [32, ["unsigned long", {}]],
        }])
    );
    assert_eq!(
        losses(&printed),
        [
            ("members that repeat a name in their struct (numbered)", 2),
            ("virtual base classes (placed at run time)", 2)
        ]
    );
}

#[test]
fn interfaces_unions_and_the_newer_records() {
    let head = |kind: u16, properties: u32| record(kind).u32(properties).u32(0x1000);
    let printed = built(&Pdb::of_types(vec![
        fields(&[member("m", 0, 0x22)]),
        record(0x1519).u16(1).u16(0).u32s(&[0x1000, 0, 0]).number(4).text("interface"),
        record(0x1506).u16(1).u16(0).u32(0x1000).number(4).text("union"),
        head(0x1608, 0).u32s(&[0, 0]).u16(1).number(4).text("class2"),
        head(0x1609, 0x200).u32s(&[0, 0]).u16(1).number(4).text("struct2").text(".?AUstruct2@@"),
        head(0x160a, 0).u16(1).number(4).text("union2"),
        head(0x160b, 0).u32s(&[0, 0]).u16(1).number(4).text("interface2"),
        record(0x1004).u16(1).u16(0).u32s(&[0x1000, 0, 0]).number(4).counted("counted"),
        record(0x1005).u16(1).u16(0).u32s(&[0x1000, 0, 0]).number(4).counted("counted2"),
        record(0x1006).u16(1).u16(0).u32(0x1000).number(4).counted("counted3"),
    ]));
    let expected = json!([4, {"m": [0, ["unsigned long", {}]]}]);
    let names: Vec<&str> = structs(&printed).as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "class2",
            "counted",
            "counted2",
            "counted3",
            "interface",
            "interface2",
            "struct2",
            "union",
            "union2"
        ]
    );
    assert!(structs(&printed).as_object().unwrap().values().all(|entry| *entry == expected));
    assert_eq!(losses(&printed), []);
}

#[test]
fn field_lists_with_counted_names() {
    let printed = members(&[
        record(0x1405).u16(3).u32(0x22).number(0).counted("first"),
        record(0x1406).u16(3).u32(0x22).counted("shared"),
        record(0x1407).u16(1).u32(0x1000).counted("method"),
        record(0x140b).u16(3).u32(0x1000).counted("one"),
        record(0x1408).u16(0).u32(0x1000).counted("nested"),
        record(0x140d).u16(0).u32(0x1000).counted("nested2"),
        record(0x1405).u16(3).u32(0x22).number(4).counted("last"),
    ]);
    let members = structs(&printed)["s"][1].as_object().unwrap();
    assert_eq!(members.keys().collect::<Vec<_>>(), ["first", "last"]);
    assert_eq!(losses(&printed), []);
}

#[test]
fn field_lists_continue_in_other_records() {
    let continued = |index: u32| record(0x1404).u16(0).u32(index);
    let printed = built(&Pdb::of_types(vec![
        fields(&[member("c", 8, 0x22)]),
        fields(&[member("b", 4, 0x22), continued(0x1000)]),
        fields(&[member("a", 0, 0x22), continued(0x1001)]),
        structure("s", 12, 0x1002),
        // In circles, and to missing records.
        fields(&[member("x", 0, 0x22), continued(0x1005)]),
        fields(&[member("y", 4, 0x22), continued(0x1004)]),
        structure("t", 12, 0x1004),
        fields(&[member("z", 0, 0x22), continued(0x1fff)]),
        structure("u", 12, 0x1007),
    ]));
    let keys = |name: &str| -> Vec<String> {
        structs(&printed)[name][1].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys("s"), ["a", "b", "c"]);
    assert_eq!(keys("t"), ["x", "y"]);
    assert_eq!(keys("u"), ["z"]);
    assert_eq!(
        losses(&printed),
        [("field lists that are not there", 1), ("field lists that continue in a circle", 1)]
    );
}

#[test]
fn numbers_of_every_width() {
    let sized = |leaf: &[u8]| record(0x1505).u16(0).u16(0).u32s(&[0, 0, 0]).raw(leaf).text("s");
    for (leaf, size) in [
        (&[7, 0][..], 7u64),
        (&[0x00, 0x80, 5], 5),
        (&[0x01, 0x80, 5, 0], 5),
        (&[0x02, 0x80, 0xff, 0xff], 0xffff),
        (&[0x03, 0x80, 5, 0, 0, 0], 5),
        (&[0x04, 0x80, 0, 0, 1, 0], 0x1_0000),
        (&[0x09, 0x80, 5, 0, 0, 0, 0, 0, 0, 0], 5),
        (&[0x0a, 0x80, 0, 0, 0, 0, 1, 0, 0, 0], 1 << 32),
        (&[0x17, 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 5),
        (&[0x18, 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 5),
    ] {
        let printed = built(&Pdb::of_types(vec![sized(leaf)]));
        assert_eq!(structs(&printed)["s"], json!([size, {}]), "{leaf:x?}");
    }
    // Negative numbers, and a number that is not an integer.
    for leaf in [&[0x00, 0x80, 0xff][..], &[0x05, 0x80, 0, 0, 0, 0]] {
        let printed = built(&Pdb::of_types(vec![sized(leaf), structure("t", 1, 0)]));
        assert_eq!(losses(&printed), [("leaf 0x1505 with a number that cannot be", 1)]);
        assert_eq!(structs(&printed)["t"], json!([1, {}]));
    }
}

#[test]
fn enumerations_have_the_sign_of_their_type() {
    let printed = |underlying: u32| {
        built(&Pdb::of_types(vec![
            fields(&[
                label("zero", &[0, 0]),
                // Visual C++ writes -1 as a signed byte, Clang writes it as 4294967295.
                label("byte", &[0x00, 0x80, 0xff]),
                label("word", &[0x04, 0x80, 0xfe, 0xff, 0xff, 0xff]),
                label("same", &[0, 0]),
            ]),
            enumeration("e", underlying, 0x1000),
        ]))
    };
    let signed = printed(0x74);
    assert_eq!(signed.json["$REVENUMS"]["e"], json!({"zero": 0, "byte": -1, "word": -2, "same": 0}));
    assert_eq!(signed.json["$ENUMS"]["e"], json!({"0": "same", "-1": "byte", "-2": "word"}));
    let unsigned = printed(0x75);
    assert_eq!(unsigned.json["$REVENUMS"]["e"]["byte"], 4_294_967_295u32);
    assert_eq!(unsigned.json["$REVENUMS"]["e"]["word"], 4_294_967_294u32);
    assert_eq!(printed(0x20).json["$REVENUMS"]["e"]["byte"], 255);
    assert_eq!(printed(0x77).json["$REVENUMS"]["e"]["byte"], u64::MAX);
    assert_eq!(printed(0x76).json["$REVENUMS"]["e"]["byte"], -1);
}

#[test]
fn a_label_of_more_than_64_bits_is_counted() {
    let huge = [&[0x18, 0x80][..], &[0xff; 16]].concat();
    let printed = built(&Pdb::of_types(vec![
        fields(&[label("huge", &huge), label("one", &[1, 0])]),
        enumeration("e", 0x79, 0x1000),
    ]));
    assert_eq!(printed.json["$REVENUMS"]["e"]["one"], 1);
    assert_eq!(losses(&printed), [("enumeration values of more than 64 bits", 1)]);
}

#[test]
fn enumerations_declared_before_and_never_defined() {
    let forward = |name: &str| record(0x1507).u16(0).u16(0x80).u32s(&[0x75, 0]).text(name);
    let printed = built(&Pdb::of_types(vec![
        forward("later"),
        forward("never"),
        fields(&[member("a", 0, 0x1000), member("b", 4, 0x1001)]),
        structure("s", 8, 0x1002),
        fields(&[label("one", &[1, 0])]),
        enumeration("later", 0x75, 0x1004),
    ]));
    assert_eq!(
        structs(&printed)["s"][1],
        json!({
            "a": [0, ["Enumeration", {"enum_name": "later", "target": "unsigned long"}]],
            "b": [4, ["unsigned long", {}]],
        })
    );
    assert_eq!(printed.json["$ENUMS"], json!({"later": {"1": "one"}}));
}

#[test]
fn forward_references_are_resolved_by_decorated_name() {
    let inner = |size: u64, unique: &str, list: u32| decorated("<unnamed-tag>", unique, size, list, false);
    let printed = built(&Pdb::of_types(vec![
        decorated("n", ".?AUn@@", 0, 0, true),
        decorated("<unnamed-tag>", ".?AU1@@", 0, 0, true),
        decorated("<unnamed-tag>", ".?AU2@@", 0, 0, true),
        decorated("opaque", ".?AUopaque@@", 0, 0, true),
        pointer(0x1003),
        fields(&[
            member("n", 0, 0x1000),
            member("one", 8, 0x1001),
            member("two", 12, 0x1002),
            member("opaque", 24, 0x1004),
        ]),
        structure("s", 32, 0x1005),
        fields(&[member("x", 0, 0x22)]),
        inner(4, ".?AU1@@", 0x1007),
        inner(8, ".?AU2@@", 0x1007),
        decorated("n", ".?AUn@@", 8, 0x1007, false),
    ]));
    assert_eq!(
        structs(&printed)["s"][1],
        json!({
            "n": [0, ["n", {}]],
            "one": [8, ["__unnamed_s_one", {}]],
            "two": [12, ["__unnamed_s_two", {}]],
            "opaque": [24, ["Pointer", {"target": "opaque"}]],
        })
    );
    assert_eq!(structs(&printed)["__unnamed_s_one"][0], 4);
    assert_eq!(structs(&printed)["__unnamed_s_two"][0], 8);
    assert_eq!(losses(&printed), []);
}

#[test]
fn a_forward_reference_with_two_definitions_means_the_one_that_fills_its_space() {
    let printed = built(&Pdb::of_types(vec![
        record(0x1505).u16(0).u16(0x80).u32s(&[0, 0, 0]).number(0).text("n"),
        fields(&[member("m", 0, 0x1000)]),
        structure("s", 8, 0x1001),
        structure("n", 4, 0),
        structure("n", 8, 0),
    ]));
    assert_eq!(structs(&printed)["s"][1]["m"], json!([0, ["n", {}]]));
    assert_eq!(structs(&printed)["n"][0], 8);
    assert_eq!(losses(&printed), [("name conflicts", 1)]);
}

/// A declaration of a struct without a body.
fn declared(name: &str) -> Bytes {
    record(0x1505).u16(0).u16(0x80).u32s(&[0, 0, 0]).number(0).text(name)
}

/// `LF_ARRAY` of so many bytes.
fn array(element: u32, bytes: u64) -> Bytes {
    record(0x1503).u32s(&[element, 0x23]).number(bytes).text("")
}

#[test]
fn every_use_is_resolved_to_the_definition_that_fits() {
    let printed = built(&Pdb::of_types(vec![
        declared("n"),
        array(0x1000, 24),
        array(0x1000, 20),
        array(0x1002, 40),
        pointer(0x1000),
        // In a union and at the end of a struct, and an array in an array.
        fields(&[member("one", 0, 0x1000), member("next", 8, 0x22), member("last", 12, 0x1000)]),
        structure("s", 24, 0x1005),
        record(0x1506).u16(1).u16(0).u32(0x1005).number(24).text("u"),
        fields(&[member("a", 0, 0x1001), member("b", 24, 0x1003), member("p", 64, 0x1004)]),
        structure("t", 72, 0x1008),
        fields(&[member("x", 0, 0x22), member("me", 4, 0x1004)]),
        structure("n", 12, 0x100a),
        fields(&[member("y", 0, 0x22), member("z", 4, 0x20)]),
        structure("n", 5, 0x100c),
        fields(&[member("z", 0, 0x1004)]),
        structure("n", 8, 0x100e),
    ]));
    let structs = structs(&printed);
    let size = |entry: &Value| {
        let target = entry[1][1].get("target_args").map_or(&entry[1][1]["target"], |args| &args["target"]);
        let name = if entry[1][1].get("target").is_some() { target } else { &entry[1][0] };
        structs[name.as_str().unwrap()][0].clone()
    };
    assert_eq!(size(&structs["s"][1]["one"]), 8);
    assert_eq!(size(&structs["s"][1]["last"]), 12);
    assert_eq!(size(&structs["t"][1]["b"]), 5);
    assert_eq!(structs["t"][1]["b"][1][1]["target_args"]["count"], 4);
    // A definition that refers to its own name means itself.
    for (name, member) in [("n", "me"), ("n", "z")] {
        let mut own = structs.as_object().unwrap().iter().filter(|(key, _)| key.starts_with(name));
        let (key, entry) = own.find(|(_, entry)| entry[1][member][1][0] == "Pointer").unwrap();
        assert_eq!(entry[1][member][1][1]["target"], key.as_str());
    }
    // Both 8 and 12 bytes divide the array, nothing resolves the pointer, and the union has space for all.
    let ambiguous: Vec<&str> = printed
        .report
        .losses()
        .flat_map(|(kind, tally)| {
            let kept = kind == "uses that several definitions fit alike";
            tally.examples.iter().filter(move |_| kept).map(String::as_str)
        })
        .collect();
    assert_eq!(ambiguous, ["t.a", "t.p", "u.one"]);
}

#[test]
fn an_array_of_an_ambiguous_name_counts_its_own_elements() {
    // 64 bytes are 4 elements of 16 bytes or 8 of 8 bytes; only one of the two holds pointers of this architecture.
    let narrow = record(0x1002).u32s(&[0x22, 0x800a]);
    let printed = built(&Pdb::of_types(vec![
        declared("n"),
        array(0x1000, 64),
        narrow,
        pointer(0x22),
        fields(&[member("p", 0, 0x1002), member("q", 4, 0x1002)]),
        structure("n", 8, 0x1004),
        fields(&[member("p", 0, 0x1003), member("q", 8, 0x1003)]),
        structure("n", 16, 0x1006),
    ]));
    assert_eq!(structs(&printed)["n"][0], 16);
}

#[test]
fn many_uses_and_definitions_of_one_name_stay_cheap() {
    let mut types = vec![declared("n")];
    for number in 0..3000u32 {
        types.push(fields(&[member("m", 0, 0x1000), member("number", 8, 0x22)]));
        types.push(structure(&format!("s{number}"), 12, 0x1000 + types.len() as u32 - 1));
        types.push(structure("n", u64::from(number % 8), 0));
    }
    let started = std::time::Instant::now();
    let printed = built(&Pdb::of_types(types));
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
    let untold = printed.report.count("uses of names that have too many definitions to tell apart");
    assert!(untold > 0, "{:?}", losses(&printed));
}

#[test]
fn enumerations_and_bit_fields_over_every_simple_type() {
    for (index, target, signed) in [
        (0x10, "char", true),
        (0x20, "unsigned char", false),
        (0x68, "char", true),
        (0x69, "unsigned char", false),
        (0x70, "char", true),
        (0x7c, "unsigned char", false),
        // No type: char8_t, as clang writes it.
        (0, "unsigned char", false),
        (0x30, "unsigned char", false),
        (0x11, "short", true),
        (0x72, "short", true),
        (0x21, "unsigned short", false),
        (0x73, "unsigned short", false),
        (0x71, "unsigned short", false),
        (0x7a, "unsigned short", false),
        (0x31, "unsigned short", false),
        (0x12, "long", true),
        (0x74, "long", true),
        (0x08, "long", true),
        (0x22, "unsigned long", false),
        (0x75, "unsigned long", false),
        (0x7b, "unsigned long", false),
        (0x32, "unsigned long", false),
        (0x13, "long long", true),
        (0x76, "long long", true),
        (0x04, "long long", true),
        (0x23, "unsigned long long", false),
        (0x77, "unsigned long long", false),
        (0x33, "unsigned long long", false),
    ] {
        let printed = built(&Pdb::of_types(vec![
            fields(&[label("LAST", &[0x0a, 0x80, 255, 255, 255, 255, 255, 255, 255, 255])]),
            enumeration("e", index, 0x1000),
            // A const base is the same one.
            record(0x1001).u32(if index == 0 { 0x7c } else { index }).u16(1),
            record(0x1205).u32(index).u8(3).u8(2),
            record(0x1205).u32(0x1001).u8(2).u8(5),
            record(0x1205).u32(0x1002).u8(1).u8(7),
            fields(&[
                member("value", 0, 0x1001),
                member("low", 8, 0x1003),
                member("tint", 8, 0x1004),
                member("top", 8, 0x1005),
            ]),
            structure("s", 16, 0x1006),
        ]));
        let bits = |start: u8, end: u8| json!({"start_bit": start, "end_bit": end, "target": target});
        assert_eq!(
            structs(&printed)["s"][1],
            json!({
                "value": [0, ["Enumeration", {"enum_name": "e", "target": target}]],
                "low": [8, ["BitField", bits(2, 5)]],
                "tint": [8, ["Enumeration",
                    {"enum_name": "e", "target": "BitField", "target_args": bits(5, 7)}]],
                "top": [8, ["BitField", bits(7, 8)]],
            }),
            "{index:#x}"
        );
        let size = match target.rsplit(' ').next() {
            Some("char") => 1,
            Some("short") => 2,
            _ if target.ends_with("long long") => 8,
            _ => 4,
        };
        let last = if signed { -1i128 } else { (1i128 << (8 * size)) - 1 };
        assert_eq!(printed.json["$ENUMS"]["e"], json!({last.to_string(): "LAST"}), "{index:#x}");
        assert_eq!(losses(&printed), [], "{index:#x}");
    }
}

#[test]
fn unnamed_types_are_named_by_their_typedef_or_owner() {
    let pdb = Pdb {
        types: vec![
            fields(&[member("x", 0, 0x22)]),
            structure("<unnamed-tag>", 4, 0x1000),
            structure("__unnamed", 8, 0x1000),
            structure("_OUTER::<unnamed-type-u>", 12, 0x1000),
            fields(&[member("a", 0, 0x1001), member("b", 4, 0x1002), member("u", 12, 0x1003)]),
            structure("_OUTER", 24, 0x1004),
            enumeration("<unnamed-tag>", 0x74, 0x1007),
            fields(&[label("one", &[1, 0])]),
        ],
        symbols: vec![
            record(0x1108).u32(0x1001).text("ZULU"),
            record(0x1108).u32(0x1001).text("ALPHA"),
            record(0x1108).u32(0x1006).text("NUMBER"),
            // Typedefs of types with names are ignored.
            record(0x1108).u32(0x1005).text("OUTER"),
        ],
        ..Pdb::default()
    };
    let printed = built(&pdb);
    assert_eq!(
        structs(&printed)["_OUTER"][1],
        json!({
            "a": [0, ["ALPHA", {}]],
            "b": [4, ["__unnamed__OUTER_b", {}]],
            "u": [12, ["__unnamed__OUTER_u", {}]],
        })
    );
    assert_eq!(structs(&printed).as_object().unwrap().len(), 4);
    assert_eq!(printed.json["$ENUMS"], json!({"NUMBER": {"1": "one"}}));
}

#[test]
fn an_unknown_record_is_skipped_and_an_unknown_entry_ends_its_list() {
    let printed = built(&Pdb::of_types(vec![
        record(0x1234).u32(1),
        record(0x7777),
        record(0x1002).u16(1),
        fields(&[member("before", 0, 0x22), record(0x1599).u16(0), member("after", 4, 0x22)]),
        structure("s", 8, 0x1003),
        fields(&[member("pointer", 0, 0x1000), member("last", 8, 0x22)]),
        structure("t", 16, 0x1005),
    ]));
    assert_eq!(structs(&printed)["s"][1], json!({"before": [0, ["unsigned long", {}]]}));
    assert_eq!(
        structs(&printed)["t"][1],
        json!({
            "pointer": [0, ["Array", {"count": 8, "target": "unsigned char"}]],
            "last": [8, ["unsigned long", {}]],
        })
    );
    assert_eq!(
        losses(&printed),
        [
            ("leaf 0x1002 that ends too early", 1),
            ("members of incomplete type held by value", 1),
            ("unknown field leaf 0x1599 (the rest of its list is lost)", 1),
            ("unknown leaf 0x1234", 1),
            ("unknown leaf 0x7777", 1),
        ]
    );
}

#[test]
fn types_that_lead_in_circles_end() {
    let array = |element: u32| record(0x1503).u32s(&[element, 0x23]).number(16).text("");
    let printed = built(&Pdb::of_types(vec![
        record(0x1001).u32(0x1000).u16(1),
        array(0x1001),
        pointer(0x1002),
        record(0x1001).u32(0x1004).u16(1),
        record(0x1001).u32(0x1003).u16(1),
        record(0x1008).u32(3).u32(0).u32(0x1006),
        record(0x1201).u32(1).u32(0x1005),
        fields(&[
            member("modifier", 0, 0x1000),
            member("array", 16, 0x1001),
            member("pointer", 32, 0x1002),
            member("pair", 40, 0x1003),
            member("function", 48, 0x1005),
            member("itself", 56, 0x1008),
            member("last", 60, 0x22),
        ]),
        structure("s", 64, 0x1007),
    ]));
    let members = structs(&printed)["s"][1].as_object().unwrap();
    assert_eq!(members["last"], json!([60, ["unsigned long", {}]]));
    assert_eq!(members["pointer"], json!([32, ["Pointer", {"target": "Void"}]]));
    assert_eq!(members.len(), 7);
}

#[test]
fn the_valid_part_of_names_that_are_not_utf_8_is_kept() {
    let name = record(0x1505).u16(0).u16(0).u32s(&[0, 0, 0]).number(1).raw(b"a\xff\0");
    let printed = built(&Pdb::of_types(vec![name]));
    assert_eq!(structs(&printed)["a\u{fffd}"], json!([1, {}]));
    assert_eq!(losses(&printed), [("names that are not UTF-8", 1)]);
}

#[test]
fn a_field_list_that_serves_too_many_structs_is_cut() {
    // One list of 60 kB, and enough structs that use it to exceed the limit.
    let entries: Vec<Bytes> = (0..4000).map(|number| member(&format!("m{number}"), 0, 0x20)).collect();
    let mut types = vec![fields(&entries)];
    types.extend((0..400).map(|number| structure(&format!("s{number}"), 1, 0x1000)));
    let printed = built(&Pdb::of_types(types));
    assert!(printed.report.count("field lists that serve too many types") > 0, "{:?}", losses(&printed));
    assert_eq!(structs(&printed).as_object().unwrap().len(), 400);
}

#[test]
fn variables_have_their_types() {
    let pdb = Pdb {
        types: vec![pointer(0x1001), structure("s", 4, 0)],
        symbols: vec![data("head", true, 0x1000, 2, 0x10), data("value", true, 0x22, 2, 0x18)],
        ..Pdb::default()
    };
    assert_eq!(
        built(&pdb).json["$CONSTANT_TYPES"],
        json!({"head": ["Pointer", {"target": "s"}], "value": ["unsigned long", {}]})
    );
}
