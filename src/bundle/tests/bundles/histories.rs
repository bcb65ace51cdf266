use bundle::{Definition, MemberState};
use profile::Changes;

use crate::made::{bytes, kernels, open, windows};

#[test]
fn a_member_is_followed_through_all_builds() {
    let mut profiles = kernels(0..7);
    profiles.push(("driver".to_owned(), windows(1)));
    let bundle = open(&bytes(&profiles));
    // The driver's class sorts before Linux.
    assert_eq!(bundle.builds()[0].name, "driver");
    let history = bundle.member("struct_7", "flags").unwrap().unwrap();
    let spans: Vec<_> = history.spans.iter().map(|span| (span.builds.clone(), offset(&span.state))).collect();
    assert_eq!(spans, [(0..1, None), (1..4, Some(16)), (4..7, Some(24)), (7..8, Some(32))]);
    assert_eq!(history.spans[0].state, MemberState::NoStruct);

    // Other members of a struct that changes stay one span.
    let history = bundle.member("struct_7", "list").unwrap().unwrap();
    assert_eq!(history.spans.iter().map(|span| span.builds.clone()).collect::<Vec<_>>(), [0..1, 1..8]);
    let MemberState::Member { descriptor, .. } = &history.spans[1].state else { panic!("a member") };
    assert_eq!(&**descriptor, "[\"list_head\"]");

    let missing = bundle.member("struct_7", "nothing").unwrap().unwrap();
    assert_eq!(missing.spans[1].state, MemberState::NoMember);
    assert_eq!(bundle.member("struct_99", "list").unwrap(), None);
    assert_eq!(bundle.member("aaa", "list").unwrap(), None);
}

#[test]
fn each_definition_of_a_struct_is_stored_once() {
    let bundle = open(&bytes(&kernels(0..7)));
    let history = bundle.structure("struct_7").unwrap().unwrap();
    let sizes: Vec<u64> = history.versions.iter().map(|Definition { size, .. }| *size).collect();
    assert_eq!(sizes, [24, 32, 40]);
    let odd = bundle.structure("odd").unwrap().unwrap();
    assert_eq!(odd.versions.len(), 1, "it exists in every second build, always with the same definition");
    assert_eq!(odd.spans.len(), 7);
    assert_eq!(&*odd.versions[0].members[0].name, "a\"b");

    let mut names = Vec::new();
    bundle
        .structures(|history| {
            names.push(history.name);
            Ok(())
        })
        .unwrap();
    assert_eq!(names.len(), 42);
    assert_eq!(names, bundle.struct_names().unwrap());
}

fn offset(state: &MemberState) -> Option<u64> {
    match state {
        MemberState::Member { offset, .. } => Some(*offset),
        _ => None,
    }
}

#[test]
fn changes_between_two_builds_are_those_between_their_texts() {
    let bundle = open(&bytes(&kernels(0..7)));
    for (old, new) in [(0, 1), (1, 2), (2, 3), (0, 6), (6, 0), (4, 4)] {
        let changes =
            Changes::between(&bundle.text(old).unwrap(), &bundle.text(new).unwrap(), &|_| true).unwrap();
        assert_eq!(bundle.changed(old, new).unwrap(), changes.structs, "{old} to {new}");
    }
    let changed = bundle.changed(2, 3).unwrap();
    let names: Vec<&str> = changed.iter().map(|change| &*change.name).collect();
    assert_eq!(names, ["odd", "struct_7"]);
    assert!(bundle.changed(0, 7).is_err());
}
