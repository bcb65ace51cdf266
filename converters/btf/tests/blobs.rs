//! Blobs built by hand: newer than any available tool writes, older, and invalid.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use btf_converter::{Error, Options};
use profile::Arch;
use serde_json::json;
use support::*;

const SIGNED: u32 = 1;
const BOOLEAN: u32 = 4;

/// `unsigned long`, `int`, and the struct `pair` of two of these.
fn small() -> Blob {
    let mut blob = Blob::new();
    blob.int("long unsigned int", 8, 0);
    let int = blob.int("int", 4, SIGNED);
    blob.record("pair", STRUCT, 8, &[("first", int, 0), ("second", int, 32)]);
    blob
}

#[test]
fn both_byte_orders_give_one_profile() {
    let mut blob = small();
    blob.add("", 1 << 31 | STRUCT << 24, 4, &[]);
    let little = made(&blob.bytes());
    blob.big_endian = true;
    let big = made(&blob.bytes());
    assert_eq!(little.profile["$STRUCTS"], big.profile["$STRUCTS"]);
    assert_eq!(little.structure("pair"), &json!([8, {"first": [0, ["int"]], "second": [4, ["int"]]}]));
    assert_eq!(
        (&little.profile["$METADATA"]["arch"], &big.profile["$METADATA"]["arch"]),
        (&json!("AMD64"), &json!("S390X"))
    );
    assert!(little.report.warnings()[0].contains("AMD64 is assumed"));
}

#[test]
fn a_kind_that_the_layout_section_describes_affects_only_itself() {
    let mut blob = small();
    let mut sizes = layout();
    sizes.push((4, 8));
    blob.layout = Some(sizes);
    let unknown = blob.add("new", 20 << 24 | 3, 7, &[9; 1 + 3 * 2]);
    let pointer = blob.add("", POINTER << 24, unknown, &[]);
    blob.record("after", STRUCT, 16, &[("new", pointer, 0), ("pair", 3, 64)]);
    let made = made(&blob.bytes());
    assert_eq!(made.report.count("types of a kind that is not known"), 1);
    assert_eq!(
        made.structure("after"),
        &json!([16, {"new": [0, ["Pointer", {"target": "Void"}]], "pair": [8, ["pair"]]}])
    );
}

#[test]
fn a_kind_that_nothing_describes_is_an_error_that_names_it() {
    let mut blob = small();
    blob.add("new", 40 << 24, 7, &[]);
    let expected = "type 4 at offset 0x5c of the BTF blob is of kind 40";
    let error = made_with(&blob.bytes(), &Options::default()).err().unwrap();
    assert!(error.to_string().starts_with(expected), "{error}");
    // A layout table that ends before it does not help.
    blob.layout = Some(layout());
    let error = made_with(&blob.bytes(), &Options::default()).err().unwrap();
    assert!(matches!(error, Error::UnknownKind { id: 4, kind: 40, .. }), "{error}");
}

#[test]
fn a_false_layout_section_is_not_used() {
    let mut blob = small();
    let mut sizes = layout();
    sizes[STRUCT as usize].1 = 16;
    blob.layout = Some(sizes);
    let made = made(&blob.bytes());
    assert_eq!(made.member("pair", "second"), &json!([4, ["int"]]));
    assert!(made.report.warnings()[0].contains("records of kind 4"), "{:?}", made.report.warnings());
}

#[test]
fn elements_are_counted_in_24_bits() {
    let mut blob = small();
    let variable = blob.add("counter", VARIABLE << 24, 2, &[1]);
    let elements: Vec<u32> = (0..70_000u32).flat_map(|index| [variable, index * 4, 4]).collect();
    blob.add(".data", SECTION << 24 | 70_000, 280_000, &elements);
    blob.record("after", STRUCT, 4, &[("value", 2, 0)]);
    let made = made(&blob.bytes());
    assert_eq!(made.member("after", "value"), &json!([0, ["int"]]));
    assert_eq!(made.profile["$CONSTANT_TYPES"]["counter"], json!(["int"]));
}

#[test]
fn circular_types_end() {
    let mut blob = small();
    let next = 4;
    blob.add("a", TYPEDEF << 24, next + 1, &[]);
    blob.add("b", TYPEDEF << 24, next, &[]);
    let constant = blob.add("", CONST << 24, next + 2, &[]);
    let array = blob.add("", ARRAY << 24, 0, &[next + 3, 2, 4]);
    let pointer = blob.add("", POINTER << 24, next + 4, &[]);
    let signature = blob.add("", SIGNATURE << 24 | 1, next + 5, &[0, next + 5]);
    blob.record("itself", STRUCT, 8, &[("inner", next + 6, 0)]);
    let all = [next, constant, array, pointer, signature];
    let members: Vec<(&str, u32, u32)> =
        ["a", "b", "c", "d", "e"].into_iter().zip(all).zip(0..).map(|((n, ty), i)| (n, ty, i * 64)).collect();
    blob.record("users", STRUCT, 40, &members);
    let made = made(&blob.bytes());
    assert_eq!(made.report.count("typedefs and qualifiers that lead to themselves"), 2);
    assert_eq!(made.structure("pair")[0], 8);
    assert_eq!(made.structure("itself")[0], 8);
    assert_eq!(made.structure("users")[0], 40);
}

#[test]
fn wrong_references_affect_only_what_refers() {
    let mut blob = small();
    let pointer = blob.add("", POINTER << 24, 999, &[]);
    let function = blob.add("function", FUNCTION << 24, 0, &[]);
    blob.record(
        "wrong",
        STRUCT,
        24,
        &[("nowhere", 77, 0), ("pointer", pointer, 64), ("function", function, 128)],
    );
    blob.add("", STRUCT << 24 | 1, 4, &[0x00ff_0000, 2, 0]);
    let made = made(&blob.bytes());
    assert_eq!(made.report.count("references that lead nowhere"), 2);
    assert_eq!(made.report.count("names outside the strings, or too long"), 1);
    assert_eq!(made.member("wrong", "pointer"), &json!([8, ["Pointer", {"target": "Void"}]]));
}

#[test]
fn unterminated_strings_and_overlapping_names_are_bounded() {
    let mut blob = Blob::new();
    blob.int("int", 4, SIGNED);
    let mut texts = blob.bytes();
    let records = 2_000u32;
    for index in 0..records {
        blob.add("", STRUCT << 24, index, &[]);
    }
    // Every name is the rest of one long string without a NUL.
    let mut bytes = blob.bytes();
    texts.clear();
    texts.push(0);
    texts.resize(4_000, b'x');
    bytes.truncate(24 + 16 + records as usize * 12);
    bytes[20..24].copy_from_slice(&(texts.len() as u32).to_le_bytes());
    for index in 0..records as usize {
        let at = 24 + 16 + index * 12;
        bytes[at..at + 4].copy_from_slice(&(1 + index as u32).to_le_bytes());
    }
    bytes.extend(texts);
    let made = made(&bytes);
    assert!(made.report.count("names that overlap") > 1_900);
    assert!(made.profile.to_string().len() < 8 << 20);
}

#[test]
fn names_that_no_kernel_would_accept_are_not_read() {
    let mut blob = small();
    let longest = "n".repeat(4096);
    blob.record(&longest, STRUCT, 4, &[("first", 2, 0)]);
    blob.record("x", STRUCT, 4, &[(&"m".repeat(4097), 2, 0)]);
    let made = made(&blob.bytes());
    assert_eq!(made.report.count("names outside the strings, or too long"), 1);
    assert!(made.profile.to_string().contains(&longest));
    assert!(made.profile["$STRUCTS"]["x"][1].get("u1").is_some(), "{}", made.profile["$STRUCTS"]["x"]);
}

#[test]
fn impossibly_large_structs_are_only_names() {
    let mut blob = small();
    let huge = blob.record("huge", STRUCT, 0x4000_0001, &[("first", 2, 0)]);
    let array = blob.add("", ARRAY << 24, 0, &[3, 2, u32::MAX]);
    let outer = blob.add("", ARRAY << 24, 0, &[array, 2, u32::MAX]);
    blob.record("user", STRUCT, 16, &[("huge", huge, 0), ("many", outer, 64)]);
    let made = made(&blob.bytes());
    assert_eq!(made.report.count("structs of more than 1 GiB"), 1);
    assert!(made.structure("huge").is_null());
    assert_eq!(made.structure("user")[0], 16);
}

#[test]
fn bit_fields_of_every_age() {
    let mut blob = small();
    let unsigned = blob.int("unsigned int", 4, 0);
    let truth = blob.int("_Bool", 1, BOOLEAN);
    // Since Linux 5.0: width and bit in the member.
    let field = |width: u32, bit: u32| width << 24 | bit;
    blob.record(
        "new",
        STRUCT | 1 << 7,
        8,
        &[
            ("low", unsigned, field(3, 0)),
            ("high", unsigned, field(20, 12)),
            ("truth", truth, field(1, 32)),
            ("whole", unsigned, 32),
        ],
    );
    // Before: the integer has some bits only.
    let three = blob.add("unsigned int", INT << 24, 1, &[3]);
    let shifted = blob.add("unsigned int", INT << 24, 4, &[4 << 16 | 5]);
    blob.record("old", STRUCT, 4, &[("low", three, 0), ("next", shifted, 0)]);
    blob.record("odd", STRUCT, 4, &[("torn", 2, 3)]);
    let made = made(&blob.bytes());
    let bits = |start: u32, end: u32, target: &str| json!(["BitField", {"end_bit": end, "start_bit": start, "target": target}]);
    assert_eq!(made.member("new", "low"), &json!([0, bits(0, 3, "unsigned int")]));
    assert_eq!(made.member("new", "high"), &json!([0, bits(12, 32, "unsigned int")]));
    assert_eq!(made.member("new", "truth"), &json!([4, bits(0, 1, "_Bool")]));
    assert_eq!(made.member("new", "whole"), &json!([4, ["unsigned int"]]));
    assert_eq!(made.member("old", "low"), &json!([0, bits(0, 3, "unsigned char")]));
    assert_eq!(made.member("old", "next"), &json!([0, bits(4, 9, "unsigned int")]));
    assert_eq!(made.report.count("members that do not begin at a byte"), 1);
}

#[test]
fn enumerations_have_their_stated_or_apparent_sign() {
    let minus = u32::MAX;
    let mut told = small();
    told.enumeration("signed", FLAG, 4, &[("MINUS", minus), ("ONE", 1)]);
    told.enumeration("flags", 0, 4, &[("ALL", minus)]);
    told.add("wide", ENUM64 << 24 | 1, 8, &[]);
    let mut wide = small();
    let name = wide.name("LARGE");
    wide.add("wide", ENUM64 << 24 | 1, 8, &[name, 0x89ab_cdef, 0x0123_4567]);
    wide.add("minus", FLAG | ENUM64 << 24 | 1, 8, &[name, u32::MAX, u32::MAX]);
    let made_wide = made(&wide.bytes());
    assert_eq!(made_wide.profile["$ENUMS"]["wide"], json!({"81985529216486895": "LARGE"}));
    assert_eq!(made_wide.profile["$ENUMS"]["minus"], json!({"-1": "LARGE"}));

    let mut old = small();
    old.enumeration("errors", 0, 4, &[("MINUS", minus), ("ONE", 1)]);
    old.enumeration("masks", 0, 4, &[("TOP", 0x8000_0000)]);
    old.enumeration("declared", 0, 4, &[]);
    let made = made(&old.bytes());
    assert_eq!(made.profile["$ENUMS"]["errors"], json!({"-1": "MINUS", "1": "ONE"}));
    assert_eq!(made.profile["$ENUMS"]["masks"], json!({"2147483648": "TOP"}));
    assert!(made.report.warnings().iter().any(|it| it.contains("1 with small negative values")));
}

#[test]
fn the_types_of_variables_follow_from_their_sections() {
    let mut blob = small();
    let mut section = Vec::new();
    for index in 0..20u32 {
        let variable = blob.add(&format!("counter_{index}"), VARIABLE << 24, 2 + index % 2, &[0]);
        section.extend([variable, index * 64, 8]);
    }
    // Two static variables of one name, distinguished by their places.
    let other = blob.add("counter_3", VARIABLE << 24, 1, &[0]);
    section.extend([other, 0x2000, 8]);
    blob.add(".data..percpu", SECTION << 24 | 21, 0x3000, &section);
    let bytes = blob.bytes();
    let map = |start: u64, length: u64, moved: u64| {
        let mut lines: Vec<String> = vec![
            "ffffffff81000000 T _text".into(),
            "ffffffff82000000 R __start_BTF".into(),
            format!("{:016x} R __stop_BTF", 0xffff_ffff_8200_0000u64 + length),
        ];
        lines.extend((0..20u64).map(|index| format!("{:016x} d counter_{index}", start + index * moved)));
        lines.join("\n") + "\n"
    };
    let with =
        |map: &str| made_with(&bytes, &Options { symbol_map: Some(map.as_bytes()), ..Options::default() });
    let length = bytes.len() as u64;
    for start in [0, 0xffff_ffff_83cc_4000] {
        let made = with(&map(start, length, 64)).unwrap();
        let types = made.profile["$CONSTANT_TYPES"].as_object().unwrap();
        assert_eq!(types.len(), 20);
        assert_eq!((&types["counter_2"], &types["counter_3"]), (&json!(["int"]), &json!(["pair"])));
    }
    // A different length, as for a blob that was made again, is harmless while the variables agree.
    assert!(with(&map(0, length + 4, 64)).is_ok());
    let error = with(&map(0, length, 72)).err().unwrap().to_string();
    assert!(error.contains("of 20 variables that the BTF and the map share 19 lie elsewhere"), "{error}");
    let without = small().bytes();
    let options = map(0, 4, 64);
    let options = Options { symbol_map: Some(options.as_bytes()), ..Options::default() };
    let error = made_with(&without, &options).err().unwrap().to_string();
    assert!(error.contains("by the map its kernel's BTF has 4 bytes, and this BTF has"), "{error}");
}

#[test]
fn the_processor_follows_from_its_registers() {
    let registers: [(&[&str], u32, Arch); 6] = [
        (&["r15", "r14", "ip"], 8, Arch::Amd64),
        (&["bx", "cx"], 4, Arch::I386),
        (&["regs", "pstate"], 8, Arch::Arm64),
        (&["uregs"], 4, Arch::Arm),
        (&["gpr", "nip"], 8, Arch::Ppc64),
        (&["epc", "ra"], 8, Arch::Riscv64),
    ];
    for (names, size, arch) in registers {
        let mut blob = Blob::new();
        let long = blob.int("long unsigned int", size, 0);
        let members: Vec<(&str, u32, u32)> =
            names.iter().zip(0..).map(|(name, index)| (*name, long, index * size * 8)).collect();
        // Newer kernels have the registers in an unnamed member.
        let inner = blob.record("", STRUCT, size * members.len() as u32, &members);
        blob.record("pt_regs", STRUCT, 64, &[("", inner, 0)]);
        let pointer = blob.add("", POINTER << 24, 0, &[]);
        blob.record("user", STRUCT, 16, &[("first", pointer, 0), ("second", pointer, size * 8)]);
        let made = made(&blob.bytes());
        assert_eq!(made.profile["$METADATA"]["arch"], json!(arch.name()));
        assert_eq!(made.member("user", "second")[0], size);
        // Another processor of the same width is refused by the registers.
        let other = if size == 4 { Arch::Mips } else { Arch::S390x };
        let error = made_with(&blob.bytes(), &Options { arch: Some(other), ..Options::default() });
        let words = error.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(words.contains("by the members of pt_regs") && words.contains(arch.name()), "{words}");
        assert_eq!(made.member("user", "second")[1][0], json!("Pointer"));
    }
}

/// A kernel, and a module on it.
fn kernel_and_module() -> (Blob, Blob) {
    let mut kernel = small();
    let list = kernel.record("list", STRUCT, 8, &[("next", 5, 0)]);
    kernel.add("", POINTER << 24, list, &[]);
    let mut module = Blob::on(&kernel);
    module.record("own", STRUCT, 24, &[("pair", 3, 0), ("first", 4, 64), ("link", 5, 128)]);
    (kernel, module)
}

#[test]
fn a_module_is_read_on_its_kernel_only() {
    let (kernel, module) = kernel_and_module();
    let (kernel, module) = (kernel.bytes(), module.bytes());
    let on = |base: &[u8]| made_with(&module, &Options { base: Some(base), ..Options::default() });
    let made = on(&kernel).unwrap();
    assert_eq!(
        made.structure("own"),
        &json!([24, {"first": [8, ["list"]], "link": [16, ["Pointer", {"target": "list"}]], "pair": [0, ["pair"]]}])
    );
    assert_eq!(made.structure("list")[0], 8);
    let error = made_with(&module, &Options::default()).err().unwrap();
    assert!(matches!(error, Error::NoBase), "{error}");
    let options = Options { base: Some(&kernel), ..Options::default() };
    assert!(matches!(made_with(&kernel, &options), Err(Error::UnusedBase)));
    // The same names at other places.
    let mut other = Blob::new();
    other.int("an integer", 4, 0);
    other.record("something", STRUCT, 8, &[("other", 1, 0)]);
    let error = on(&other.bytes()).err().unwrap();
    assert!(matches!(error, Error::OtherBase { .. }), "{error}");
    let (mut big, _) = kernel_and_module();
    big.big_endian = true;
    assert!(matches!(on(&big.bytes()), Err(Error::ByteOrder { .. })));
}

#[test]
fn a_module_with_a_small_base_is_read_on_any_build_of_its_kernel() {
    use btf_converter::Table;

    let mut distilled = Blob::new();
    let list = distilled.add("list", STRUCT << 24, 8, &[]);
    let int = distilled.int("int", 4, SIGNED);
    let pair = distilled.add("pair", STRUCT << 24, 0, &[]);
    let absent = distilled.add("absent", STRUCT << 24, 12, &[]);
    let mut module = Blob::on(&distilled);
    let pointer = module.add("", POINTER << 24, pair, &[]);
    module.record(
        "own",
        STRUCT,
        32,
        &[("list", list, 0), ("count", int, 64), ("pair", pointer, 96), ("absent", absent, 160)],
    );
    let (kernel, _) = kernel_and_module();
    let (kernel, module, distilled) = (kernel.bytes(), module.bytes(), distilled.bytes());
    let members = |base: Option<&[u8]>| -> Vec<(u32, String)> {
        let table = Table::with_base(&module, Some(&distilled), base).unwrap();
        let own = table.view(*table.own().end()).unwrap();
        let name = |id| String::from_utf8_lossy(table.view(id).unwrap().name()).into_owned();
        own.members().map(|member| (member.ty, name(member.ty))).collect()
    };
    let expected = |ids: [u32; 4]| -> Vec<(u32, String)> {
        ids.into_iter().zip(["list", "int", "", "absent"].map(str::to_owned)).collect()
    };
    // With the kernel, the small base's types are the kernel's: `list` is its type 4, `int` its type 2.
    assert_eq!(members(Some(&kernel)), expected([4, 2, 10, 9]));
    assert_eq!(members(None), expected([1, 2, 5, 4]));
}

#[test]
fn declarations_refer_to_the_definition_that_keeps_the_name() {
    let mut blob = small();
    blob.record("twice", STRUCT, 4, &[("one", 2, 0)]);
    blob.record("twice", STRUCT, 8, &[("one", 2, 0), ("two", 2, 32)]);
    let declared = blob.add("twice", FORWARD << 24, 0, &[]);
    let unknown = blob.add("unknown", FORWARD << 24 | FLAG, 0, &[]);
    let (first, second) =
        (blob.add("", POINTER << 24, declared, &[]), blob.add("", POINTER << 24, unknown, &[]));
    blob.record("user", STRUCT, 16, &[("first", first, 0), ("second", second, 64)]);
    let made = made(&blob.bytes());
    assert_eq!(made.member("user", "first"), &json!([0, ["Pointer", {"target": "twice"}]]));
    assert_eq!(made.member("user", "second"), &json!([8, ["Pointer", {"target": "unknown"}]]));
    assert_eq!(made.structure("twice")[0], 8);
    assert_eq!(made.report.count("uses that several definitions fit alike"), 1);
}

#[test]
fn the_definition_that_is_used_most_often_keeps_the_name() {
    let mut blob = small();
    // A struct of one source file that others hold by value, and one of a header that functions take.
    let private = blob.record("console", STRUCT, 40, &[("list", 3, 0)]);
    blob.record("port", STRUCT, 48, &[("console", private, 0)]);
    let public = blob.record("console", STRUCT, 24, &[("name", 3, 0)]);
    let pointer = blob.add("", POINTER << 24, public, &[]);
    let signature = blob.add("", SIGNATURE << 24 | 1, 2, &[0, pointer]);
    blob.add("register_console", FUNCTION << 24 | 1, signature, &[]);
    blob.add("unregister_console", FUNCTION << 24 | 1, signature, &[]);
    let made = made(&blob.bytes());
    assert_eq!(made.structure("console")[0], 24);
    let renamed = made.member("port", "console")[1][0].as_str().unwrap();
    assert!(renamed.starts_with("console__"), "{renamed}");
    assert_eq!(made.structure(renamed)[0], 40);
}

#[test]
fn notes_and_qualifiers_change_nothing() {
    let mut blob = small();
    let tag = blob.add("user", TYPE_TAG << 24 | FLAG, 2, &[]);
    let constant = blob.add("", CONST << 24, tag, &[]);
    let double = blob.add("double", FLOAT << 24, 8, &[]);
    let unnamed = blob.record("", UNION, 8, &[("value", constant, 0), ("real", double, 0)]);
    let named = blob.add("", CONST << 24, unnamed, &[]);
    let first = blob.add("number_t", TYPEDEF << 24, named, &[]);
    let second = blob.add("other_t", TYPEDEF << 24, first, &[]);
    blob.record("user", STRUCT, 16, &[("number", second, 0), ("", unnamed, 64)]);
    blob.add("note", DECLARATION_TAG << 24, first, &[u32::MAX]);
    let made = made(&blob.bytes());
    assert_eq!(made.member("user", "number"), &json!([0, ["number_t"]]));
    assert_eq!(made.structure("number_t"), &json!([8, {"real": [0, ["double"]], "value": [0, ["int"]]}]));
    assert_eq!(made.member("user", "u1")[0], 8);
}

#[test]
fn every_cut_and_every_changed_word_ends_without_a_panic() {
    let (kernel, module) = kernel_and_module();
    let (kernel, module) = (kernel.bytes(), module.bytes());
    let try_both = |kernel: &[u8], module: &[u8]| {
        let _ = made_with(kernel, &Options::default());
        let _ = made_with(module, &Options { base: Some(kernel), ..Options::default() });
    };
    for length in 0..kernel.len() {
        try_both(&kernel[..length], &module);
    }
    for length in 0..module.len() {
        try_both(&kernel, &module[..length]);
    }
    for at in 0..kernel.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = kernel.clone();
            changed[at] = value;
            try_both(&changed, &module);
        }
    }
}
