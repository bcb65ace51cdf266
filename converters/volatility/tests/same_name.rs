//! Several definitions of one name in a dump, and impossibly large sizes.
#![allow(clippy::unwrap_used)]

use profile::{Health, Report, Resolution, Scope, Silent, Verdict, write_text};
use serde_json::{Value, json};
use volatility_converter::{Options, Pack, convert};

/// The profile of a dump, the losses, and the verdict.
fn made(dump: &str) -> (Value, Report, Verdict) {
    let pack = Pack::in_memory(vec![("module.dwarf".to_owned(), dump.as_bytes().to_vec())]);
    let converted = convert(&pack, &Options::default(), &Silent).unwrap();
    let (mut profile, mut report) = (converted.profile, converted.report);
    let resolution = Resolution::new(&mut profile, &mut report);
    let verdict = Health::of(&profile, &resolution, Scope::Whole).verdict;
    let text = write_text(&profile, &resolution, Vec::new()).unwrap();
    (serde_json::from_slice(&text).unwrap(), report, verdict)
}

/// A unit at `start` whose members refer to `inner`, and a struct that points to a declaration of it.
fn unit(start: u32, user: &str, inner: &str) -> String {
    format!(
        "<0><0x{start:x}+0xb><DW_TAG_compile_unit> DW_AT_producer<GNU C -m64> DW_AT_language<DW_LANG_C89> DW_AT_name<m.c>\n\
         <1><0x1d><DW_TAG_base_type> DW_AT_byte_size<0x00000004> DW_AT_encoding<DW_ATE_signed> DW_AT_name<int>\n\
         <1><0x24><DW_TAG_base_type> DW_AT_byte_size<0x00000008> DW_AT_encoding<DW_ATE_signed> DW_AT_name<long int>\n\
         {inner}\
         <1><0x80><DW_TAG_structure_type> DW_AT_name<inner> DW_AT_declaration<yes(1)>\n\
         <1><0x88><DW_TAG_pointer_type> DW_AT_byte_size<0x00000008> DW_AT_type<<0x00000080>>\n\
         <1><0x90><DW_TAG_structure_type> DW_AT_name<{user}> DW_AT_byte_size<0x00000008>\n\
         <2><0x98><DW_TAG_member> DW_AT_name<inner> DW_AT_type<<0x00000088>> DW_AT_data_member_location<0>\n"
    )
}

const PAIR: &str = "<1><0x30><DW_TAG_structure_type> DW_AT_name<inner> DW_AT_byte_size<0x00000008>\n\
    <2><0x38><DW_TAG_member> DW_AT_name<first> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<0>\n\
    <2><0x40><DW_TAG_member> DW_AT_name<second> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<4>\n";
const SINGLE: &str = "<1><0x30><DW_TAG_structure_type> DW_AT_name<inner> DW_AT_byte_size<0x00000008>\n\
    <2><0x38><DW_TAG_member> DW_AT_name<value> DW_AT_type<<0x00000024>> DW_AT_data_member_location<0>\n";

#[test]
fn a_declaration_refers_to_the_definition_in_its_own_unit() {
    let units = [
        unit(0, "pair_user", PAIR),
        unit(0x1000, "single_user", SINGLE),
        unit(0x2000, "other_user", ""),
        unit(0x3000, "again_user", SINGLE),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0]] {
        let dump: String = order.iter().map(|unit| units[*unit].as_str()).collect();
        let (profile, report, _) = made(&format!("\n.debug_info\n\n{dump}"));
        let structs = &profile["$STRUCTS"];
        // Two units hold the struct with one member.
        assert_eq!(structs["inner"], json!([8, {"value": [0, ["long"]]}]));
        let renamed = structs.as_object().unwrap().keys().find(|key| key.starts_with("inner__")).unwrap();
        for (user, target) in
            [("pair_user", renamed.as_str()), ("single_user", "inner"), ("again_user", "inner")]
        {
            assert_eq!(structs[user][1]["inner"][1], json!(["Pointer", {"target": target}]), "{user}");
        }
        assert_eq!(structs["other_user"][1]["inner"][1], json!(["Pointer", {"target": "inner"}]));
        let alike: Vec<_> = report.losses().filter(|(kind, _)| kind.contains("fit alike")).collect();
        assert_eq!(alike.len(), 1, "{report:?}");
        assert_eq!(alike[0].1.count, 1);
    }
}

#[test]
fn a_struct_larger_than_any_memory_is_counted_and_fails() {
    let huge = "<1><0x30><DW_TAG_structure_type> DW_AT_name<inner> DW_AT_byte_size<18446744073709551615>\n\
        <2><0x38><DW_TAG_member> DW_AT_name<value> DW_AT_type<<0x00000024>> DW_AT_data_member_location<0>\n";
    let (_, report, verdict) = made(&format!("\n.debug_info\n\n{}", unit(0, "user", huge)));
    assert!(report.losses().any(|(kind, _)| kind.contains("2^40")), "{report:?}");
    assert_eq!(verdict, Verdict::Failed);
}
