//! Several definitions of one name: PDBs of the same three objects, linked in every order, compared with the sources
//! (testdata/pdb/src/same-name).

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod support;

use profile::MappedFile;
use serde_json::{Value, json};
use support::{Printed, fixture, meaning, print_as, third};

const ORDERS: [&str; 6] =
    ["one-two-three", "one-three-two", "two-one-three", "two-three-one", "three-one-two", "three-two-one"];

fn linked(order: &str) -> Printed {
    let path = fixture(&format!("same-name/{order}.pdb"));
    print_as(&MappedFile::open(&path).unwrap(), "same-name.pdb").unwrap()
}

#[test]
fn the_order_of_linking_changes_nothing() {
    // The addresses are those in the image, which do depend on the order.
    let described = |order: &str| {
        let json = linked(order).json;
        ["$STRUCTS", "$ENUMS", "$REVENUMS", "$CONSTANT_TYPES"].map(|section| json[section].clone())
    };
    let first = described(ORDERS[0]);
    for order in &ORDERS[1..] {
        assert_eq!(described(order), first, "{order}");
    }
}

/// The struct that a member refers to: directly, through a pointer or as an array's element.
fn meant<'a>(json: &'a Value, owner: &Value, member: &str) -> &'a Value {
    let descriptor = &owner[1][member][1];
    let name = descriptor[1].get("target").unwrap_or(&descriptor[0]);
    &json["$STRUCTS"][name.as_str().unwrap()]
}

#[test]
fn every_use_is_resolved_to_the_definition_in_its_own_source() {
    for order in ORDERS {
        let json = linked(order).json;
        let structs = &json["$STRUCTS"];
        let (first, second, third) = (&structs["First"], &structs["Second"], &structs["Third"]);
        for (owner, member, size) in [
            (first, "one", 8),
            (first, "many", 8),
            (first, "node", 16),
            (first, "list", 16),
            (second, "one", 16),
            (second, "many", 16),
            (second, "node", 40),
            (second, "list", 40),
            (third, "parts", 16),
            (third, "pointer", 16),
            (third, "tools", 12),
            (third, "tool", 12),
            (&structs["Pair"], "part", 12),
            (&structs["Pair"], "tool", 4),
        ] {
            assert_eq!(meant(&json, owner, member)[0], size, "{order}: {member} of {owner}");
        }
        for (owner, count) in [(first, 3), (second, 3)] {
            assert_eq!(owner[1]["many"][1][1]["count"], count, "{order}");
        }
        // Variables with the same type record, in two modules.
        for (variable, size, count) in [
            ("g_items1", 8, 4),
            ("g_items2", 16, 4),
            ("g_many1", 8, 16),
            ("g_many2", 16, 8),
            ("g_parts", 16, 2),
        ] {
            let descriptor = &json["$CONSTANT_TYPES"][variable];
            let element = descriptor[1]["target"].as_str().unwrap();
            assert_eq!(
                (&structs[element][0], &descriptor[1]["count"]),
                (&json!(size), &json!(count)),
                "{variable}"
            );
        }
        // An unnamed struct belongs to the struct that it was declared in, and refers back to it.
        for (variable, size, left) in [("g_tree1", 32, 0), ("g_tree2", 56, 24)] {
            let tree = json["$CONSTANT_TYPES"][variable][0].as_str().unwrap();
            assert_eq!(structs[tree][0], size, "{order}: {variable}");
            let links = meant(&json, &structs[tree], "links");
            assert_eq!(links[1]["left"][0], left, "{order}: {variable}");
            assert_eq!(links[1]["up"][1][1]["target"], tree, "{order}: {variable}");
        }
        for (owner, labels) in
            [(first, json!({"RED": 1, "GREEN": 2})), (second, json!({"RED": 10, "BLUE": -4}))]
        {
            let name = owner[1]["color"][1][1]["enum_name"].as_str().unwrap();
            assert_eq!(json["$REVENUMS"][name], labels, "{order}");
        }
    }
}

#[test]
fn other_readers_agree_on_every_member_and_variable() {
    for order in ORDERS {
        let path = fixture(&format!("same-name/{order}.pdb"));
        // `meaning` compares with `ms-pdb`; the variables come from `pdb2`.
        let variables = third::variables(&path).unwrap();
        let compared = meaning::compare(&path, &linked(order).json, &variables);
        assert_eq!(compared.wrong, Vec::<String>::new(), "{order}");
        assert_eq!((compared.structs, compared.members, compared.variables), (15, 47, 14), "{order}");
    }
}

#[test]
fn a_struct_from_a_shared_header_with_two_meanings_is_listed() {
    for order in ORDERS {
        let printed = linked(order);
        let losses: Vec<_> = printed.report.losses().map(|(kind, tally)| (kind, &tally.examples)).collect();
        let names = ["Color", "Item", "Node", "Part", "Tool"].map(str::to_owned).to_vec();
        let ambiguous = vec!["Holder.item".to_owned()];
        assert_eq!(
            losses,
            [("name conflicts", &names), ("uses that several definitions fit alike", &ambiguous)],
            "{order}"
        );
    }
}
