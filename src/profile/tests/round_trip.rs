//! Invariants on random models: a written profile reads and writes to the same bytes, and keeps the invariants in
//! docs/format.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;

use profile::{
    Arch, BitRange, Label, Native, NativeKind, NewMember, Profile, RecordKind, Report, Resolution, System,
    Type, TypeId, read_text, write_text,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Names of every kind: plain ones, those with a meaning for readers, those that need escapes.
const NAMES: &[&str] = &[
    "a",
    "b",
    "next",
    "_EPROCESS",
    "list_head",
    "u1",
    "u2",
    "u17",
    "__unnamed_a_b",
    "E",
    "Pointer",
    "Array",
    "String",
    "void",
    "unsigned long",
    "long unsigned int",
    "odd",
    "",
    "\"",
    "\\",
    "caf\u{e9}",
    "\u{1f600}",
    "$STRUCTS",
    "operator,",
    ": [1, {",
    "\u{7f}\u{1}",
];

fn name() -> impl Strategy<Value = &'static str> {
    select(NAMES)
}

/// A type whose references are numbers of other types, to be taken modulo their count.
#[derive(Clone, Debug)]
enum TypeRecipe {
    Void,
    Native(usize),
    Pointer(usize, u8),
    Array(usize, u64),
    Function(Vec<usize>),
    Record(usize),
    Enumeration(usize),
    Alias(Option<&'static str>, usize),
    Named(&'static str),
    Wide(Option<u64>),
    Verbatim,
}

fn type_recipe() -> impl Strategy<Value = TypeRecipe> {
    let any_type = 0..1000usize;
    prop_oneof![
        Just(TypeRecipe::Void),
        any_type.clone().prop_map(TypeRecipe::Native),
        (any_type.clone(), select(&[2u8, 4, 8][..]))
            .prop_map(|(target, size)| TypeRecipe::Pointer(target, size)),
        (any_type.clone(), prop_oneof![0..9u64, Just(u64::MAX)])
            .prop_map(|(target, count)| TypeRecipe::Array(target, count)),
        vec(any_type.clone(), 0..3).prop_map(TypeRecipe::Function),
        any_type.clone().prop_map(TypeRecipe::Record),
        any_type.clone().prop_map(TypeRecipe::Enumeration),
        (proptest::option::of(name()), any_type).prop_map(|(name, target)| TypeRecipe::Alias(name, target)),
        name().prop_map(TypeRecipe::Named),
        proptest::option::of(0..40u64).prop_map(TypeRecipe::Wide),
        Just(TypeRecipe::Verbatim),
    ]
}

#[derive(Clone, Debug)]
struct MemberRecipe {
    name: Option<&'static str>,
    offset: u64,
    ty: usize,
    bits: Option<(u16, u16)>,
}

#[derive(Clone, Debug)]
struct RecordRecipe {
    name: Option<&'static str>,
    size: u64,
    members: Vec<MemberRecipe>,
}

#[derive(Clone, Debug)]
struct EnumRecipe {
    name: Option<&'static str>,
    underlying: usize,
    signed: bool,
    labels: Vec<(&'static str, u64)>,
}

#[derive(Clone, Debug)]
struct Recipe {
    system: System,
    arch: Arch,
    types: Vec<TypeRecipe>,
    records: Vec<RecordRecipe>,
    enums: Vec<EnumRecipe>,
    constants: Vec<(&'static str, u64)>,
    functions: Vec<(&'static str, u64)>,
    constant_types: Vec<(&'static str, usize)>,
    config: Vec<(&'static str, &'static str)>,
    merge: Vec<&'static str>,
    classless: bool,
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let member = (
        proptest::option::weighted(0.8, name()),
        0..40u64,
        0..1000usize,
        proptest::option::of((0..40u16, 0..70u16)),
    )
        .prop_map(|(name, offset, ty, bits)| MemberRecipe { name, offset, ty, bits });
    let record =
        (proptest::option::weighted(0.7, name()), prop_oneof![0..64u64, Just(u64::MAX)], vec(member, 0..6))
            .prop_map(|(name, size, members)| RecordRecipe { name, size, members });
    let value = prop_oneof![0..4u64, any::<u64>(), Just(u64::MAX)];
    let enumeration = (
        proptest::option::weighted(0.7, name()),
        0..1000usize,
        any::<bool>(),
        vec((name(), value.clone()), 0..5),
    )
        .prop_map(|(name, underlying, signed, labels)| EnumRecipe { name, underlying, signed, labels });
    let symbols =
        || btree_map(name(), value.clone(), 0..5).prop_map(|map| map.into_iter().collect::<Vec<_>>());
    let systems = select(&[System::Windows, System::Linux, System::Mac][..]);
    let archs = select(&[Arch::Amd64, Arch::I386, Arch::Arm64, Arch::Mips][..]);
    (
        (systems, archs, any::<bool>()),
        vec(type_recipe(), 1..24),
        vec(record, 0..7),
        vec(enumeration, 0..4),
        (symbols(), symbols(), btree_map(name(), 0..1000usize, 0..4)),
        (btree_map(name(), name(), 0..3), btree_set(name(), 0..3)),
    )
        .prop_map(
            |((system, arch, classless), types, records, enums, (constants, functions, typed), rest)| {
                Recipe {
                    system,
                    arch,
                    types,
                    records,
                    enums,
                    constants,
                    functions,
                    constant_types: typed.into_iter().collect(),
                    config: rest.0.into_iter().collect(),
                    merge: rest.1.into_iter().collect(),
                    classless,
                }
            },
        )
}

/// Natives with the sizes of the system, and one that only its compiler knows.
fn natives(system: System, arch: Arch) -> [(&'static str, u32, NativeKind); 6] {
    let long = if system == System::Windows { 4 } else { u32::from(arch.address_size()) };
    [
        ("unsigned char", 1, NativeKind::Unsigned),
        ("int", 4, NativeKind::Signed),
        ("unsigned long", long, NativeKind::Unsigned),
        ("long long", 8, NativeKind::Signed),
        ("_Bool", 1, NativeKind::Bool),
        ("odd", 0, NativeKind::Other),
    ]
}

fn build(recipe: &Recipe) -> Profile {
    let mut profile = Profile::new(recipe.system, recipe.arch);
    let class = match recipe.system {
        System::Windows => "Nt",
        System::Mac => "Darwin64",
        _ => "Linux",
    };
    if recipe.classless {
        profile.set_metadata("GUID_AGE", "00000000000000000000000000000000A");
    }
    if recipe.system != System::Windows || !recipe.classless {
        profile.set_metadata("ProfileClass", class);
    }
    let count = recipe.types.len();
    let first = profile.types.reserve(count);
    let at = |number: usize| first.offset(number % count);
    let bits = |(start, width): (u16, u16)| BitRange { start, end: start + width };
    let mut records = Vec::new();
    for item in &recipe.records {
        let members: Vec<NewMember> = item
            .members
            .iter()
            .map(|member| NewMember {
                name: member.name.map(|name| profile.intern(name)),
                offset: member.offset,
                ty: at(member.ty),
                bits: member.bits.map(bits),
            })
            .collect();
        let name = item.name.map(|name| profile.intern(name));
        let types = &mut profile.types;
        records.push(types.add_record(&mut profile.names, name, RecordKind::Struct, item.size, &members));
    }
    let mut enums = Vec::new();
    for item in &recipe.enums {
        let labels: Vec<Label> = item
            .labels
            .iter()
            .map(|(name, bits)| Label { name: profile.intern(name), bits: *bits })
            .collect();
        let name = item.name.map(|name| profile.intern(name));
        enums.push(profile.types.add_enumeration(name, at(item.underlying), item.signed, &labels));
    }
    let known = natives(recipe.system, recipe.arch);
    for (number, item) in recipe.types.iter().enumerate() {
        let ty = match item {
            TypeRecipe::Void => Type::Void,
            TypeRecipe::Native(native) => {
                let (name, size, kind) = known[native % known.len()];
                let name = profile.intern(name);
                Type::Native(profile.types.native(Native { name, size, kind }))
            }
            TypeRecipe::Pointer(target, size) => Type::Pointer { target: at(*target), size: *size },
            TypeRecipe::Array(target, count) => Type::Array { target: at(*target), count: *count },
            TypeRecipe::Function(arguments) => {
                let arguments: Vec<TypeId> = arguments.iter().map(|argument| at(*argument)).collect();
                Type::Function(profile.types.add_arguments(&arguments))
            }
            TypeRecipe::Record(record) if !records.is_empty() => {
                Type::Record(records[record % records.len()])
            }
            TypeRecipe::Enumeration(id) if !enums.is_empty() => Type::Enumeration(enums[id % enums.len()]),
            TypeRecipe::Record(_) | TypeRecipe::Enumeration(_) => Type::Void,
            TypeRecipe::Alias(name, target) => {
                Type::Alias { name: name.map(|name| profile.intern(name)), target: at(*target) }
            }
            TypeRecipe::Named(name) => Type::Named(profile.intern(name)),
            TypeRecipe::Wide(bytes) => Type::WideString { bytes: *bytes },
            TypeRecipe::Verbatim => {
                let arguments = serde_json::json!({"length": 8, "term": null, "gone": {}});
                profile.types.add_verbatim("String".to_owned(), arguments)
            }
        };
        profile.types.set(at(number), ty);
    }
    profile.constants =
        recipe.constants.iter().map(|(name, value)| (profile.names.intern(name), *value)).collect();
    profile.functions =
        recipe.functions.iter().map(|(name, value)| (profile.names.intern(name), *value)).collect();
    profile.constant_types =
        recipe.constant_types.iter().map(|(name, ty)| (profile.names.intern(name), at(*ty))).collect();
    profile.config =
        recipe.config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    profile.merge = recipe.merge.iter().map(|name| (*name).to_owned()).collect();
    profile
}

fn written(profile: &mut Profile) -> String {
    let resolution = Resolution::new(profile, &mut Report::default());
    String::from_utf8(write_text(profile, &resolution, Vec::new()).unwrap()).unwrap()
}

/// The size in bytes of a member of this type, as far as the text gives it; a struct held by value is added to
/// `held`.
fn size_of<'a>(
    structs: &'a Value,
    target: &'a str,
    arguments: &'a Value,
    arch: Arch,
    held: &mut Vec<&'a str>,
) -> Option<u64> {
    let long = u64::from(arch.address_size());
    match target {
        "Pointer" => Some(long),
        "Pointer32" => Some(4),
        "Array" => {
            let element = arguments["target"].as_str().expect("an array has a target");
            let count = arguments["count"].as_u64().expect("an array has a count");
            let size = size_of(structs, element, &arguments["target_args"], arch, held)?;
            Some(size.saturating_mul(count))
        }
        "BitField" => {
            assert!(arguments["start_bit"].is_u64() && arguments["end_bit"].is_u64(), "{arguments}");
            size_of(structs, arguments["target"].as_str().unwrap(), &Value::Null, arch, held)
        }
        "Enumeration" => {
            assert!(arguments["enum_name"].is_string(), "{arguments}");
            size_of(structs, arguments["target"].as_str().unwrap(), &arguments["target_args"], arch, held)
        }
        "UnicodeString" => arguments["length"].as_u64(),
        "unsigned char" | "_Bool" => Some(1),
        "unsigned short" => Some(2),
        "int" | "unsigned int" => Some(4),
        "long long" | "unsigned long long" => Some(8),
        "unsigned __int128" => Some(16),
        // Its size is the system's, or known only to its reader.
        "unsigned long" | "odd" | "String" => None,
        name => {
            held.push(name);
            let entry = structs.get(name).unwrap_or_else(|| panic!("{name:?} is held by value and nowhere"));
            Some(entry[0].as_u64().unwrap())
        }
    }
}

/// Every member is inside its struct, its type is defined, and no struct contains itself.
fn check_invariants(text: &str, arch: Arch) {
    let text: Value = serde_json::from_str(text).unwrap();
    let none = json!({});
    let structs = text.get("$STRUCTS").unwrap_or(&none);
    let mut holds: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, entry) in structs.as_object().unwrap() {
        let held = holds.entry(name).or_default();
        for (member, place) in entry[1].as_object().unwrap() {
            let (offset, descriptor) = (place[0].as_u64().unwrap(), &place[1]);
            let size = size_of(structs, descriptor[0].as_str().unwrap(), &descriptor[1], arch, held);
            let end = offset.saturating_add(size.unwrap_or(0));
            assert!(end <= entry[0].as_u64().unwrap(), "{name}.{member} in {text}");
        }
    }
    // Removing structs that hold none of the remaining ones removes all of them, unless there is a circle.
    while !holds.is_empty() {
        let left: Vec<&str> = holds.keys().copied().collect();
        holds.retain(|_, held| held.iter().any(|inner| left.contains(inner)));
        assert!(holds.len() < left.len(), "{left:?} hold one another in {text}");
    }
}

/// The losses, except sizes that no memory has: those are counted whenever a profile is read.
fn lost(report: &Report) -> u64 {
    let losses = report.losses().filter(|(kind, _)| *kind != "sizes and offsets above 2^40");
    losses.map(|(_, tally)| tally.count).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_to_the_same_bytes(recipe in recipe()) {
        let mut profile = build(&recipe);
        let first = written(&mut profile);
        check_invariants(&first, recipe.arch);
        let mut report = Report::default();
        let mut read = read_text(first.as_bytes(), &mut report).unwrap();
        prop_assert_eq!(lost(&report), 0, "{:?} in {}", report, first);
        let mut again = Report::default();
        let resolution = Resolution::new(&mut read, &mut again);
        let second = String::from_utf8(write_text(&read, &resolution, Vec::new()).unwrap()).unwrap();
        prop_assert_eq!(lost(&again), 0, "{:?} in {}", again, first);
        prop_assert_eq!(first, second);
    }
}
