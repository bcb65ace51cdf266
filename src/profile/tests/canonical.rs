//! The canonical text: names, conflicts and descriptors as documented in docs/format.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io;

use profile::{
    Arch, BitRange, Choice, ChoiceOption, Form, Health, Label, NativeKind, NewMember, Profile, RecordKind,
    Report, Resolution, Scope, System, Type, TypeId, Verdict, write_form, write_text,
};

fn linux() -> Profile {
    let mut profile = Profile::new(System::Linux, Arch::Amd64);
    profile.set_metadata("ProfileClass", "Linux");
    profile
}

fn native(profile: &mut Profile, name: &str, size: u32) -> TypeId {
    let ty = profile.native(name, size, NativeKind::Unsigned);
    profile.types.add(ty)
}

fn member(profile: &mut Profile, name: &str, offset: u64, ty: TypeId) -> NewMember {
    let name = (!name.is_empty()).then(|| profile.intern(name));
    NewMember { name, offset, ty, bits: None }
}

fn record(profile: &mut Profile, name: &str, size: u64, members: &[NewMember]) -> TypeId {
    let name = (!name.is_empty()).then(|| profile.intern(name));
    let id = profile.types.add_record(&mut profile.names, name, RecordKind::Struct, size, members);
    profile.types.add(Type::Record(id))
}

fn typedef(profile: &mut Profile, name: &str, target: TypeId) -> TypeId {
    let name = Some(profile.intern(name));
    profile.types.add(Type::Alias { name, target })
}

fn printed(profile: &mut Profile) -> (serde_json::Value, Report) {
    let mut report = Report::default();
    let resolution = Resolution::new(profile, &mut report);
    let text = write_text(profile, &resolution, Vec::new()).unwrap();
    assert!(text.is_ascii());
    (serde_json::from_slice(&text).unwrap(), report)
}

fn structs(profile: &mut Profile) -> serde_json::Value {
    printed(profile).0["$STRUCTS"].clone()
}

#[test]
fn the_text_is_laid_out_as_rekall_prints() {
    let mut profile = linux();
    let long = native(&mut profile, "unsigned long", 8);
    let pointer = profile.types.add(Type::Pointer { target: long, size: 8 });
    let members = [member(&mut profile, "next", 0, pointer), member(&mut profile, "flags", 8, long)];
    record(&mut profile, "s", 16, &members);
    let name = profile.intern("init_task");
    profile.constants.push((name, 0xffff_ffff_8100_0000));
    let mut report = Report::default();
    let resolution = Resolution::new(&mut profile, &mut report);
    let text = String::from_utf8(write_text(&profile, &resolution, Vec::new()).unwrap()).unwrap();
    assert_eq!(
        text,
        r#"{
 "$CONSTANTS": {
  "init_task": 18446744071578845184
 }, 
 "$METADATA": {
  "ProfileClass": "Linux", 
  "Type": "Profile", 
  "arch": "AMD64"
 }, 
 "$STRUCTS": {
  "s": [16, {
   "flags": [8, ["unsigned long"]], 
   "next": [0, ["Pointer", {
    "target": "unsigned long"
   }]]
  }]
 }
}"#
    );
    assert_eq!(report.total(), 0);
}

#[test]
fn windows_descriptors_carry_the_empty_object() {
    let mut profile = Profile::new(System::Windows, Arch::I386);
    let long = native(&mut profile, "unsigned long", 4);
    let members = [member(&mut profile, "a", 0, long)];
    record(&mut profile, "s", 4, &members);
    assert_eq!(structs(&mut profile)["s"][1]["a"], serde_json::json!([0, ["unsigned long", {}]]));
}

#[test]
fn an_unnamed_type_is_named_by_its_typedef_else_by_owner_and_member_else_by_its_hash() {
    let mut profile = linux();
    let int = native(&mut profile, "int", 4);
    let val = [member(&mut profile, "val", 0, int)];
    let shared = record(&mut profile, "", 4, &val);
    let kuid = typedef(&mut profile, "kuid_t", shared);
    let kgid = typedef(&mut profile, "kgid_t", shared);
    let inner = record(&mut profile, "", 4, &val);
    let nested = [member(&mut profile, "x", 0, inner)];
    let outer = record(&mut profile, "", 4, &nested);
    let members = [
        member(&mut profile, "uid", 0, kuid),
        member(&mut profile, "gid", 4, kgid),
        member(&mut profile, "u1", 8, int),
        member(&mut profile, "", 12, outer),
    ];
    record(&mut profile, "cred", 16, &members);
    record(&mut profile, "", 7, &[]);
    let structs = structs(&mut profile);
    let keys: Vec<&String> = structs.as_object().unwrap().keys().collect();
    let hashed = keys.iter().find(|key| structs[key.as_str()][0] == 7).unwrap();
    assert!(hashed.starts_with("__unnamed_") && hashed.len() == "__unnamed_".len() + 8, "{hashed}");
    let mut expected = vec!["__unnamed_cred_u2", "__unnamed_cred_u2_x", "cred", "kgid_t", "kuid_t", hashed];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(structs["cred"][1]["uid"], serde_json::json!([0, ["kuid_t"]]));
    assert_eq!(structs["cred"][1]["u2"], serde_json::json!([12, ["__unnamed_cred_u2"]]));
    assert_eq!(structs["__unnamed_cred_u2"][1]["x"], serde_json::json!([0, ["__unnamed_cred_u2_x"]]));
}

#[test]
fn of_two_definitions_the_larger_keeps_the_name_and_users_of_the_other_name_it() {
    let mut profile = linux();
    let int = native(&mut profile, "int", 4);
    let one = [member(&mut profile, "a", 0, int)];
    let small = record(&mut profile, "note", 4, &one);
    let two = [member(&mut profile, "a", 0, int), member(&mut profile, "b", 4, int)];
    let large = record(&mut profile, "note", 8, &two);
    record(&mut profile, "note", 8, &two);
    let users = [member(&mut profile, "s", 0, small), member(&mut profile, "l", 4, large)];
    record(&mut profile, "user", 12, &users);
    let (text, report) = printed(&mut profile);
    let structs = &text["$STRUCTS"];
    assert_eq!(structs["note"][0], 8);
    let renamed = structs["user"][1]["s"][1][0].as_str().unwrap();
    assert!(renamed.starts_with("note__") && renamed.len() == "note__".len() + 8, "{renamed}");
    assert_eq!(structs[renamed][0], 4);
    assert_eq!(structs["user"][1]["l"][1][0], "note");
    assert_eq!(structs.as_object().unwrap().len(), 3);
    assert_eq!(report.count("name conflicts"), 1);
}

/// Two definitions of `note`, of 4 and of 8 bytes.
fn two_notes(profile: &mut Profile) -> [TypeId; 2] {
    let int = native(profile, "int", 4);
    let one = [member(profile, "a", 0, int)];
    let two = [member(profile, "a", 0, int), member(profile, "b", 4, int)];
    [record(profile, "note", 4, &one), record(profile, "note", 8, &two)]
}

#[test]
fn the_definition_that_most_members_and_variables_use_keeps_the_name() {
    let mut profile = linux();
    let [small, _] = two_notes(&mut profile);
    let many = profile.types.add(Type::Array { target: small, count: 3 });
    let users = [member(&mut profile, "s", 0, small), member(&mut profile, "many", 4, many)];
    record(&mut profile, "user", 16, &users);
    let structs = structs(&mut profile);
    assert_eq!(structs["note"][0], 4);
    assert_eq!(structs["user"][1]["s"], serde_json::json!([0, ["note"]]));
}

#[test]
fn the_definition_that_most_compile_units_hold_keeps_the_name_whatever_its_uses() {
    let mut profile = linux();
    let [small, large] = two_notes(&mut profile);
    let users = [member(&mut profile, "l", 0, large), member(&mut profile, "m", 8, large)];
    record(&mut profile, "user", 16, &users);
    let (Type::Record(small), Type::Record(large)) = (profile.types.get(small), profile.types.get(large))
    else {
        panic!("both are records");
    };
    profile.types.set_record_units(small, 3);
    profile.types.set_record_units(large, 2);
    assert_eq!(structs(&mut profile)["note"][0], 4);
}

#[test]
fn a_definition_with_pointers_of_the_architecture_goes_before_a_narrow_one() {
    let mut profile = linux();
    let void = profile.types.add(Type::Void);
    let [narrow, wide] = [4, 8].map(|size| profile.types.add(Type::Pointer { target: void, size }));
    let links = [member(&mut profile, "next", 0, narrow), member(&mut profile, "more", 4, narrow)];
    let narrow = record(&mut profile, "list", 32, &links);
    // The narrow pointers are in a struct that it holds.
    let inner = [member(&mut profile, "links", 0, narrow)];
    let narrow_head = record(&mut profile, "head", 64, &inner);
    let links = [member(&mut profile, "next", 0, wide), member(&mut profile, "more", 8, wide)];
    let wide = record(&mut profile, "list", 16, &links);
    let inner = [member(&mut profile, "links", 0, wide)];
    record(&mut profile, "head", 16, &inner);
    let users = [member(&mut profile, "n", 0, narrow), member(&mut profile, "h", 32, narrow_head)];
    record(&mut profile, "user", 96, &users);
    let structs = structs(&mut profile);
    assert_eq!((&structs["list"][0], &structs["head"][0]), (&16.into(), &16.into()));
}

#[test]
fn structs_that_differ_only_through_a_member_of_an_ambiguous_name_are_kept_apart() {
    let mut profile = linux();
    let int = native(&mut profile, "int", 4);
    let [long, other] = ["x", "y"].map(|name| {
        let members = [member(&mut profile, name, 0, int)];
        record(&mut profile, "note", 4, &members)
    });
    // Two levels up, one of them through an unnamed struct.
    let tops = [long, other].map(|note| {
        let members = [member(&mut profile, "note", 0, note)];
        let inner = record(&mut profile, "", 4, &members);
        let members = [member(&mut profile, "inner", 0, inner)];
        let middle = record(&mut profile, "middle", 4, &members);
        let members = [member(&mut profile, "middle", 0, middle)];
        record(&mut profile, "top", 4, &members)
    });
    let users = [member(&mut profile, "one", 0, tops[0]), member(&mut profile, "two", 4, tops[1])];
    record(&mut profile, "user", 8, &users);
    let structs = structs(&mut profile);
    let reached = ["one", "two"].map(|user| {
        let key =
            |entry: &serde_json::Value, member: &str| entry[1][member][1][0].as_str().unwrap().to_owned();
        let top = key(&structs["user"], user);
        let middle = key(&structs[&top], "middle");
        let inner = key(&structs[&middle], "inner");
        let note = key(&structs[&inner], "note");
        structs[&note][1].as_object().unwrap().keys().next().unwrap().clone()
    });
    assert_eq!(reached, ["x", "y"], "{structs}");
}

#[test]
fn a_use_that_several_definitions_fit_gets_the_first_in_rank_and_is_listed() {
    let mut profile = linux();
    let [small, large] = two_notes(&mut profile);
    let options = [(small, 4), (large, 2)].map(|(note, count)| ChoiceOption {
        definition: profile.types.get(note),
        whole: Type::Array { target: note, count },
    });
    let slot = profile.types.reserve(1);
    let name = profile.intern("note");
    profile.types.set(slot, Type::Named(name));
    let place = "user.notes".to_owned();
    profile.types.add_choice(Choice { slot, options: options.to_vec(), ordered: false, place });
    // Two of one layout leave no choice.
    let [again, _] = two_notes(&mut profile);
    let same = [small, again].map(|note| {
        let whole = profile.types.get(note);
        ChoiceOption { definition: whole, whole }
    });
    let certain = profile.types.reserve(1);
    let place = "user.certain".to_owned();
    profile.types.add_choice(Choice { slot: certain, options: same.to_vec(), ordered: false, place });
    let users = [member(&mut profile, "notes", 0, slot), member(&mut profile, "certain", 16, certain)];
    record(&mut profile, "user", 20, &users);
    let mut report = Report::default();
    let resolution = Resolution::new(&mut profile, &mut report);
    let [ambiguity] = resolution.ambiguities() else { panic!("{:?}", resolution.ambiguities()) };
    assert_eq!((ambiguity.place.as_str(), ambiguity.taken.as_str()), ("user.notes", "note"));
    assert!(ambiguity.others[0].starts_with("note__"), "{ambiguity:?}");
    assert_eq!(report.count("uses that several definitions fit alike"), 1);
    let text = write_text(&profile, &resolution, Vec::new()).unwrap();
    let text: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let user = &text["$STRUCTS"]["user"][1];
    assert_eq!(user["notes"], serde_json::json!([0, ["Array", {"count": 2, "target": "note"}]]));
    assert_eq!(user["certain"], serde_json::json!([16, [ambiguity.others[0].as_str()]]));
}

#[test]
fn numbers_that_members_already_have_are_skipped() {
    let mut profile = linux();
    let int = native(&mut profile, "int", 4);
    let members: Vec<NewMember> = ["a", "a_1", "a", "b", "a", "b"]
        .iter()
        .enumerate()
        .map(|(position, name)| member(&mut profile, name, 4 * position as u64, int))
        .collect();
    record(&mut profile, "s", 24, &members);
    assert_eq!(
        structs(&mut profile)["s"][1],
        serde_json::json!({"a": [0, ["int"]], "a_1": [4, ["int"]], "a_2": [8, ["int"]], "b": [12, ["int"]],
            "a_3": [16, ["int"]], "b_1": [20, ["int"]]})
    );
}

#[test]
fn an_impossible_size_or_offset_fails_the_profile() {
    let most = 1u64 << 40;
    for (size, offset, losses) in [(most, most, 0), (most + 1, 0, 1), (u64::MAX, most + 1, 2)] {
        let mut profile = linux();
        let void = profile.types.add(Type::Void);
        let char = native(&mut profile, "char", 1);
        let far = profile.types.add(Type::Array { target: char, count: 0 });
        let pointer = profile.types.add(Type::Pointer { target: void, size: 8 });
        let members = [member(&mut profile, "near", 0, pointer), member(&mut profile, "far", offset, far)];
        record(&mut profile, "s", size, &members);
        let mut report = Report::default();
        let resolution = Resolution::new(&mut profile, &mut report);
        assert_eq!(report.count("sizes and offsets above 2^40"), losses, "{size} {offset}");
        let verdict = Health::of(&profile, &resolution, Scope::Whole).verdict;
        let expected = if losses > 0 { Verdict::Failed } else { Verdict::Complete };
        assert_eq!(verdict, expected, "{size} {offset}");
    }
}

#[test]
fn the_layout_hash_is_the_documented_sha_256() {
    let mut profile = linux();
    let int = native(&mut profile, "int", 4);
    let one = [member(&mut profile, "a", 0, int)];
    record(&mut profile, "", 4, &one);
    // printf '4\na\t0\t\tint\n' | sha256sum
    assert!(structs(&mut profile)["__unnamed_e2b2d92a"].is_array(), "{}", structs(&mut profile));
}

#[test]
fn bit_fields_and_enumerations() {
    let mut profile = linux();
    let int = native(&mut profile, "unsigned int", 4);
    let labels =
        [("A", 0), ("B", 1), ("C", 1)].map(|(label, bits)| Label { name: profile.intern(label), bits });
    let name = Some(profile.intern("color"));
    let id = profile.types.add_enumeration(name, int, false, &labels);
    let color = profile.types.add(Type::Enumeration(id));
    let bits = |start, end| Some(BitRange { start, end });
    let members = [
        NewMember { bits: bits(0, 3), ..member(&mut profile, "low", 0, int) },
        NewMember { bits: bits(3, 5), ..member(&mut profile, "tint", 0, color) },
        member(&mut profile, "plain", 4, color),
    ];
    record(&mut profile, "s", 8, &members);
    let (text, _) = printed(&mut profile);
    assert_eq!(
        text["$STRUCTS"]["s"][1],
        serde_json::json!({
            "low": [0, ["BitField", {"start_bit": 0, "end_bit": 3, "target": "unsigned int"}]],
            "tint": [0, ["Enumeration", {"enum_name": "color", "target": "BitField",
                "target_args": {"start_bit": 3, "end_bit": 5, "target": "unsigned int"}}]],
            "plain": [4, ["Enumeration", {"enum_name": "color", "target": "unsigned int"}]],
        })
    );
    assert_eq!(text["$ENUMS"]["color"], serde_json::json!({"0": "A", "1": "C"}));
    assert_eq!(text["$REVENUMS"]["color"], serde_json::json!({"A": 0, "B": 1, "C": 1}));
}

#[test]
fn enumeration_values_have_the_sign_of_their_type() {
    let mut profile = linux();
    let int = native(&mut profile, "int", 4);
    let label = Label { name: profile.intern("MINUS"), bits: u64::MAX };
    let name = Some(profile.intern("signed"));
    profile.types.add_enumeration(name, int, true, &[label]);
    let name = Some(profile.intern("unsigned"));
    profile.types.add_enumeration(name, int, false, &[label]);
    let (text, _) = printed(&mut profile);
    assert_eq!(text["$ENUMS"]["signed"], serde_json::json!({"-1": "MINUS"}));
    assert_eq!(text["$ENUMS"]["unsigned"], serde_json::json!({"18446744073709551615": "MINUS"}));
}

#[test]
fn members_that_no_reader_could_follow_are_cut_and_counted() {
    let mut profile = linux();
    let int = native(&mut profile, "int", 4);
    let opaque = profile.intern("opaque");
    let opaque = profile.types.add(Type::Named(opaque));
    let own = profile.types.reserve(1);
    let endless = profile.types.reserve(1);
    profile.types.set(endless, Type::Pointer { target: endless, size: 8 });
    let members = [
        member(&mut profile, "inner", 0, own),
        member(&mut profile, "opaque", 8, opaque),
        member(&mut profile, "endless", 12, endless),
        member(&mut profile, "far", 100, int),
        member(&mut profile, "twice", 20, int),
        member(&mut profile, "twice", 24, int),
    ];
    let name = Some(profile.intern("loop"));
    let id = profile.types.add_record(&mut profile.names, name, RecordKind::Struct, 28, &members);
    profile.types.set(own, Type::Record(id));
    let (text, report) = printed(&mut profile);
    assert_eq!(
        text["$STRUCTS"]["loop"][1],
        serde_json::json!({
            "inner": [0, ["Array", {"count": 8, "target": "unsigned char"}]],
            "opaque": [8, ["Array", {"count": 4, "target": "unsigned char"}]],
            "endless": [12, ["Pointer", {"target": "Void"}]],
            "twice": [20, ["int"]],
            "twice_1": [24, ["int"]],
        })
    );
    assert_eq!(report.count("structs that hold themselves by value"), 1);
    assert_eq!(report.count("members of incomplete type held by value"), 1);
    assert_eq!(report.count("types nested too deeply to describe"), 1);
    assert_eq!(report.count("members outside their struct"), 1);
    assert_eq!(report.count("members that repeat a name in their struct (numbered)"), 1);
}

#[test]
fn doubling_paths_of_unnamed_types_stay_bounded() {
    let mut profile = linux();
    let int = native(&mut profile, "int", 4);
    let leaf = [member(&mut profile, "x", 0, int)];
    let mut last = record(&mut profile, "", 4, &leaf);
    for level in 0..60 {
        let pointer = profile.types.add(Type::Pointer { target: last, size: 8 });
        let two = [member(&mut profile, "a", 0, pointer), member(&mut profile, "b", 8, pointer)];
        let name = if level == 59 { "top" } else { "" };
        last = record(&mut profile, name, 16, &two);
    }
    let count = structs(&mut profile).as_object().unwrap().len();
    assert!(count < 2 * (60 + 120) + 1024 + 61, "{count} structs");
}

#[test]
fn unnamed_types_that_many_uses_share_are_listed_once_when_they_take_too_much_room() {
    const COUNT: usize = 2_000;
    for (through_typedefs, is_enumeration) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut profile = linux();
        let int = native(&mut profile, "int", 4);
        let names: Vec<String> = (0..COUNT).map(|number| format!("n{number}")).collect();
        let shared = if is_enumeration {
            let labels: Vec<Label> = (0u64..)
                .zip(&names)
                .map(|(value, name)| Label { name: profile.intern(name), bits: value })
                .collect();
            let id = profile.types.add_enumeration(None, int, true, &labels);
            profile.types.add(Type::Enumeration(id))
        } else {
            let members: Vec<_> = (0..)
                .step_by(4)
                .zip(&names)
                .map(|(offset, name)| member(&mut profile, name, offset, int))
                .collect();
            record(&mut profile, "", 4 * COUNT as u64, &members)
        };
        let uses: Vec<_> = (0..)
            .step_by(4 * COUNT)
            .zip(&names)
            .map(|(offset, name)| {
                let ty = if through_typedefs { typedef(&mut profile, name, shared) } else { shared };
                member(&mut profile, name, offset as u64, ty)
            })
            .collect();
        record(&mut profile, "top", 4 * (COUNT * COUNT) as u64, &uses);
        let (text, report) = printed(&mut profile);
        assert_eq!(report.total(), 0, "{report:?}");
        let space = &text[if is_enumeration { "$ENUMS" } else { "$STRUCTS" }];
        let lines = |item: &serde_json::Value| {
            if is_enumeration { item } else { &item[1] }.as_object().unwrap().len()
        };
        let copies = space.as_object().unwrap().values().map(lines).filter(|lines| *lines == COUNT).count();
        // That of `top`, and as many as there is room for: some dozens, not two thousand.
        assert!((30..50).contains(&copies), "{copies} copies");
        for (name, item) in text["$STRUCTS"]["top"][1].as_object().unwrap() {
            let target = if is_enumeration { &item[1][1]["enum_name"] } else { &item[1][0] };
            assert!(space.get(target.as_str().unwrap()).is_some(), "{name}: {item}");
        }
    }
}

#[test]
fn a_pointer_of_four_bytes_in_a_wide_system_is_marked() {
    let mut profile = linux();
    let void = profile.types.add(Type::Void);
    let narrow = profile.types.add(Type::Pointer { target: void, size: 4 });
    let arguments = profile.types.add_arguments(&[narrow, void]);
    let function = profile.types.add(Type::Function(arguments));
    let callback = profile.types.add(Type::Pointer { target: function, size: 8 });
    let members = [member(&mut profile, "call", 0, callback)];
    record(&mut profile, "s", 8, &members);
    assert_eq!(
        structs(&mut profile)["s"][1]["call"],
        serde_json::json!([0, ["Pointer", {"target": "Function",
            "target_args": {"args": [["Pointer32", {"target": "Void"}], ["Void"]]}}]])
    );
}

#[test]
fn two_symbols_of_one_name_are_refused() {
    let mut profile = linux();
    let name = profile.intern("twice");
    profile.constants = vec![(name, 1), (name, 2)];
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    assert!(write_text(&profile, &resolution, Vec::new()).is_err());
}

#[test]
fn a_struct_named_like_a_word_of_descriptors_is_renamed() {
    let mut profile = linux();
    let int = native(&mut profile, "int", 4);
    let odd = native(&mut profile, "odd_native", 2);
    let one = [member(&mut profile, "a", 0, int)];
    for name in ["Pointer", "long unsigned int", "odd_native"] {
        record(&mut profile, name, 4, &one);
    }
    let named = profile.intern("Pointer");
    let named = profile.types.add(Type::Named(named));
    let opaque = profile.intern("String");
    let opaque = profile.types.add(Type::Named(opaque));
    let opaque = profile.types.add(Type::Pointer { target: opaque, size: 8 });
    let members = [
        member(&mut profile, "by_value", 0, named),
        member(&mut profile, "opaque", 8, opaque),
        member(&mut profile, "native", 16, odd),
    ];
    record(&mut profile, "user", 24, &members);
    let (text, report) = printed(&mut profile);
    let structs = &text["$STRUCTS"];
    // printf '4\na\t0\t\tint\n' | sha256sum
    assert_eq!(
        structs.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["Pointer__e2b2d92a", "long unsigned int__e2b2d92a", "odd_native__e2b2d92a", "user"]
    );
    assert_eq!(
        structs["user"][1],
        serde_json::json!({
            "by_value": [0, ["Pointer__e2b2d92a"]],
            "native": [16, ["odd_native"]],
            "opaque": [8, ["Pointer", {"target": "Void"}]],
        })
    );
    assert_eq!(report.count("structs named like a word of descriptors"), 3);
    assert_eq!(report.total(), 3);
}

#[test]
fn a_packed_bit_field_at_the_end_takes_a_unit_that_fits() {
    // `struct { char pad[4]; unsigned a:4, b:4, c:3; } __attribute__((packed))`, as the kernel's orc_entry.
    let mut profile = linux();
    let int = native(&mut profile, "unsigned int", 4);
    let name = Some(profile.intern("color"));
    let id = profile.types.add_enumeration(name, int, false, &[]);
    let color = profile.types.add(Type::Enumeration(id));
    let bits = |start, end| Some(BitRange { start, end });
    let members = [
        NewMember { bits: bits(0, 4), ..member(&mut profile, "a", 4, int) },
        NewMember { bits: bits(4, 8), ..member(&mut profile, "b", 4, color) },
        NewMember { bits: bits(8, 11), ..member(&mut profile, "c", 4, int) },
        NewMember { bits: bits(14, 17), ..member(&mut profile, "beyond", 4, int) },
    ];
    record(&mut profile, "orc_entry", 6, &members);
    let (text, report) = printed(&mut profile);
    assert_eq!(
        text["$STRUCTS"]["orc_entry"][1],
        serde_json::json!({
            "a": [4, ["BitField", {"end_bit": 4, "start_bit": 0, "target": "unsigned char"}]],
            "b": [4, ["Enumeration", {"enum_name": "color", "target": "BitField",
                "target_args": {"end_bit": 8, "start_bit": 4, "target": "unsigned char"}}]],
            "c": [5, ["BitField", {"end_bit": 3, "start_bit": 0, "target": "unsigned char"}]],
            "beyond": [4, ["Array", {"count": 2, "target": "unsigned char"}]],
        })
    );
    assert_eq!((report.count("members outside their struct"), report.total()), (1, 1));
}

#[test]
fn a_member_that_reaches_beyond_its_struct_becomes_bytes() {
    let mut profile = linux();
    let long = native(&mut profile, "unsigned long", 8);
    let huge = profile.types.add(Type::Array { target: long, count: u64::MAX });
    let members = [
        member(&mut profile, "tail", 4, long),
        member(&mut profile, "huge", 2, huge),
        member(&mut profile, "behind", 8, long),
        member(&mut profile, "far", 9, long),
    ];
    record(&mut profile, "s", 8, &members);
    let (text, report) = printed(&mut profile);
    assert_eq!(
        text["$STRUCTS"]["s"][1],
        serde_json::json!({
            "huge": [2, ["Array", {"count": 6, "target": "unsigned char"}]],
            "tail": [4, ["Array", {"count": 4, "target": "unsigned char"}]],
        })
    );
    assert_eq!(report.count("members outside their struct"), 4);
}

#[test]
fn endless_types_of_variables_and_enumerations_are_cut() {
    let mut profile = linux();
    let endless = profile.types.reserve(1);
    profile.types.set(endless, Type::Pointer { target: endless, size: 8 });
    let own = profile.types.reserve(1);
    let name = Some(profile.intern("itself"));
    let id = profile.types.add_enumeration(name, own, false, &[]);
    profile.types.set(own, Type::Enumeration(id));
    let int = native(&mut profile, "int", 4);
    for (name, ty) in [("endless", endless), ("itself", own), ("fine", int)] {
        let name = profile.intern(name);
        profile.constant_types.push((name, ty));
    }
    let members = [member(&mut profile, "e", 0, own)];
    record(&mut profile, "s", 4, &members);
    let (text, report) = printed(&mut profile);
    let itself = serde_json::json!(["Enumeration", {"enum_name": "itself", "target": "unsigned int"}]);
    assert_eq!(text["$CONSTANT_TYPES"], serde_json::json!({"fine": ["int"], "itself": itself}));
    assert_eq!(text["$STRUCTS"]["s"][1]["e"][1], itself);
    assert_eq!((report.count("types nested too deeply to describe"), report.total()), (1, 1));
}

#[test]
fn empty_entries_are_left_out_at_every_depth() {
    let mut profile = linux();
    profile.set_metadata("empty", serde_json::json!({"a": {"b": {}}}));
    profile.set_metadata("arch", "not the profile's");
    profile.other.insert("$INDEX".into(), serde_json::json!({}));
    profile.other.insert("$OTHER".into(), serde_json::json!({"a": {"b": {}}, "list": [{}]}));
    let (text, _) = printed(&mut profile);
    assert_eq!(
        text,
        serde_json::json!({
            "$METADATA": {"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64"},
            "$OTHER": {"list": [{}]},
        })
    );
}

#[test]
fn a_bit_field_of_no_native_type_gets_one() {
    let mut profile = linux();
    let void = profile.types.add(Type::Void);
    let pointer = profile.types.add(Type::Pointer { target: void, size: 8 });
    let bits = Some(BitRange { start: 9, end: 12 });
    let members = [NewMember { bits, ..member(&mut profile, "odd", 0, pointer) }];
    record(&mut profile, "s", 8, &members);
    let (text, report) = printed(&mut profile);
    assert_eq!(
        text["$STRUCTS"]["s"][1]["odd"],
        serde_json::json!([1, ["BitField", {"end_bit": 4, "start_bit": 1, "target": "unsigned char"}]])
    );
    assert_eq!(report.count("bit-fields of no native type"), 1);
}

#[test]
fn a_pointer_wider_or_narrower_than_the_systems_is_an_integer() {
    let mut profile = Profile::new(System::Windows, Arch::I386);
    let void = profile.types.add(Type::Void);
    let mut of = |size| profile.types.add(Type::Pointer { target: void, size });
    let (wide, near) = (of(8), of(2));
    let members = [member(&mut profile, "wide", 0, wide), member(&mut profile, "near", 8, near)];
    record(&mut profile, "s", 12, &members);
    assert_eq!(
        structs(&mut profile)["s"][1],
        serde_json::json!({"near": [8, ["unsigned short", {}]], "wide": [0, ["unsigned long long", {}]]})
    );
}

#[test]
fn wide_strings_carry_their_length_in_bytes() {
    let mut profile = linux();
    let known = profile.types.add(Type::WideString { bytes: Some(32) });
    let unknown = profile.types.add(Type::WideString { bytes: None });
    let pointer = profile.types.add(Type::Pointer { target: unknown, size: 8 });
    let members = [member(&mut profile, "name", 0, known), member(&mut profile, "path", 32, pointer)];
    record(&mut profile, "s", 40, &members);
    assert_eq!(
        structs(&mut profile)["s"][1],
        serde_json::json!({
            "name": [0, ["UnicodeString", {"length": 32}]],
            "path": [32, ["Pointer", {"target": "UnicodeString"}]],
        })
    );
}

#[test]
fn variables_carry_the_types_the_source_gives() {
    let mut profile = linux();
    let int = native(&mut profile, "int", 4);
    let task = record(&mut profile, "task_struct", 0, &[]);
    let pointer = profile.types.add(Type::Pointer { target: task, size: 8 });
    for (name, ty) in [("init_task", task), ("current_task", pointer), ("nr_threads", int)] {
        let name = profile.intern(name);
        profile.constant_types.push((name, ty));
    }
    assert_eq!(
        printed(&mut profile).0["$CONSTANT_TYPES"],
        serde_json::json!({
            "current_task": ["Pointer", {"target": "task_struct"}],
            "init_task": ["task_struct"],
            "nr_threads": ["int"],
        })
    );
}

#[test]
fn an_unnamed_type_on_two_paths_has_two_names_and_an_argument_only_its_hash() {
    let mut profile = linux();
    let int = native(&mut profile, "int", 4);
    let one = [member(&mut profile, "a", 0, int)];
    let shared = record(&mut profile, "", 4, &one);
    let pointer = profile.types.add(Type::Pointer { target: shared, size: 8 });
    let arguments = profile.types.add_arguments(&[pointer]);
    let function = profile.types.add(Type::Function(arguments));
    let call = profile.types.add(Type::Pointer { target: function, size: 8 });
    let members = [
        member(&mut profile, "x", 0, shared),
        member(&mut profile, "y", 8, pointer),
        member(&mut profile, "call", 16, call),
    ];
    record(&mut profile, "s", 24, &members);
    let structs = structs(&mut profile);
    assert_eq!(
        structs["s"][1],
        serde_json::json!({
            "call": [16, ["Pointer", {"target": "Function", "target_args": {
                "args": [["Pointer", {"target": "__unnamed_e2b2d92a"}]]}}]],
            "x": [0, ["__unnamed_s_x"]],
            "y": [8, ["Pointer", {"target": "__unnamed_s_y"}]],
        })
    );
    assert_eq!(structs["__unnamed_s_x"], structs["__unnamed_e2b2d92a"]);
    assert_eq!(structs["__unnamed_s_y"], structs["__unnamed_e2b2d92a"]);
}

#[test]
fn every_non_empty_section_is_in_its_place() {
    let mut profile = Profile::new(System::Windows, Arch::Amd64);
    let long = native(&mut profile, "unsigned long", 4);
    record(&mut profile, "s", 0, &[]);
    let name = profile.intern("n");
    profile.types.add_enumeration(Some(name), long, false, &[Label { name, bits: 1 }]);
    profile.constants.push((name, 1));
    profile.functions.push((name, 2));
    profile.constant_types.push((name, long));
    profile.config.insert("CONFIG_X".into(), "y".into());
    profile.merge.push("nt/undocumented".into());
    profile.other.insert("$ZEBRA".into(), serde_json::json!({"a": 1}));
    let (text, _) = printed(&mut profile);
    assert_eq!(
        text.as_object().unwrap().keys().collect::<Vec<_>>(),
        [
            "$CONFIG",
            "$CONSTANTS",
            "$CONSTANT_TYPES",
            "$ENUMS",
            "$FUNCTIONS",
            "$MERGE",
            "$METADATA",
            "$REVENUMS",
            "$STRUCTS",
            "$ZEBRA"
        ]
    );
    assert_eq!(printed(&mut linux()).0.as_object().unwrap().keys().collect::<Vec<_>>(), ["$METADATA"]);
}

/// A profile whose long sections have `count` entries, of every kind of member.
fn wide(count: u32) -> (Profile, Resolution) {
    let mut profile = linux();
    let int = native(&mut profile, "unsigned int", 4);
    let pointer = profile.types.add(Type::Pointer { target: int, size: 8 });
    for number in 0..count {
        let label = profile.intern(&format!("label_{number}"));
        let name = profile.intern(&format!("e_{number}"));
        let labels = [Label { name: label, bits: number.into() }];
        let id = profile.types.add_enumeration(Some(name), int, false, &labels);
        let enumeration = profile.types.add(Type::Enumeration(id));
        let unnamed = [member(&mut profile, "inner", 0, int)];
        let unnamed = record(&mut profile, "", 4, &unnamed);
        let members = [
            member(&mut profile, "next", 0, pointer),
            member(&mut profile, "kind", 8, enumeration),
            member(&mut profile, "u", 12, unnamed),
        ];
        record(&mut profile, &format!("s_{number}"), 16, &members);
    }
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    (profile, resolution)
}

fn in_two_threads<W: io::Write>(profile: &Profile, resolution: &Resolution, sink: W) -> io::Result<W> {
    let form = Form { threads: 2, ..Form::default() };
    write_form(profile, resolution, form, &mut Report::default(), sink)
}

#[test]
fn one_name_that_needs_escapes_is_enough() {
    let mut profile = linux();
    let int = native(&mut profile, "unsigned int", 4);
    let odd = member(&mut profile, "a\"\u{e9}", 0, int);
    record(&mut profile, "s", 4, &[odd]);
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    let text = String::from_utf8(write_text(&profile, &resolution, Vec::new()).unwrap()).unwrap();
    assert!(text.contains(r#""a\"\u00e9": [0, ["unsigned int"]]"#), "{text}");
}

#[test]
fn two_threads_print_what_one_does() {
    // Less than one turn of the first thread, one turn of both, and several turns with a remainder.
    for count in [100, 250, 700, 2000] {
        let (profile, resolution) = wide(count);
        let one = write_text(&profile, &resolution, Vec::new()).unwrap();
        let two = in_two_threads(&profile, &resolution, Vec::new()).unwrap();
        assert!(one == two, "{count} structs");
        let json: serde_json::Value = serde_json::from_slice(&two).unwrap();
        assert_eq!(json["$STRUCTS"].as_object().unwrap().len(), 2 * count as usize);
        assert_eq!(json["$ENUMS"].as_object().unwrap().len(), count as usize);
    }
}

#[test]
fn a_sink_that_fails_ends_both_threads() {
    struct Full(usize);
    impl io::Write for Full {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(text.len()).ok_or_else(|| io::Error::other("full"))?;
            Ok(text.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (profile, resolution) = wide(20_000);
    let length = write_text(&profile, &resolution, Vec::new()).unwrap().len();
    for room in [0, length / 3, length / 2, length - 1] {
        let written = in_two_threads(&profile, &resolution, Full(room));
        assert_eq!(written.err().map(|error| error.to_string()).as_deref(), Some("full"), "{room}");
    }
}

#[test]
fn several_threads_settle_what_one_does() {
    let flawed = || {
        let mut profile = linux();
        let int = native(&mut profile, "int", 4);
        for number in 0..10_000 {
            // Every third reaches beyond its end, and every fifth begins there.
            let size = if number % 3 == 0 { 2 } else { 4 };
            let offset = if number % 5 == 0 { 8 } else { 0 };
            let members = [member(&mut profile, "a", offset, int), member(&mut profile, "b", 1 << 41, int)];
            record(&mut profile, &format!("s_{number}"), size, &members);
        }
        profile
    };
    let settled = |threads| {
        let (mut profile, mut report) = (flawed(), Report::default());
        let resolution = Resolution::on_threads(&mut profile, &mut report, threads);
        (write_text(&profile, &resolution, Vec::new()).unwrap(), resolution.oversized(), report)
    };
    let one = settled(1);
    assert_eq!((one.1, one.2.count("members outside their struct")), (10_000, 4667));
    for threads in [2, 3, 5] {
        assert!(settled(threads) == one, "{threads} threads");
    }
}
