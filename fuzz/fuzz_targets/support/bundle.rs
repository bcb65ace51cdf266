//! Reads a bundle in every way, and checks that the answers agree.

use std::sync::Arc;

use bundle::{Bundle, Entry, MemberState, fuzzing};
use profile::Silent;

/// Reads the bundle in `bytes`: the first byte says whether they are a bundle (0) or the parts of one. Returns how many
/// builds came out.
pub fn read(bytes: &[u8]) -> usize {
    let Some((first, rest)) = bytes.split_first() else { return 0 };
    let file = if *first == 0 { Some(rest.to_vec()) } else { fuzzing::seal(rest) };
    let Some(Ok(bundle)) = file.map(|file| Bundle::new(Arc::new(file))) else { return 0 };
    let builds = bundle.builds().len();
    let Ok(names) = bundle.struct_names() else { return 0 };
    for name in names.iter().take(8) {
        let Ok(found) = bundle.structure(name) else { continue };
        let history = found.expect("a listed struct is found");
        let mut next = 0;
        for span in &history.spans {
            assert!(span.builds.start == next && span.builds.end > next, "the spans are all builds in a row");
            next = span.builds.end;
            assert!(span.version.is_none_or(|version| version < history.versions.len()));
        }
        assert_eq!(next, builds);
        let members = history.versions.iter().flat_map(|version| &version.members);
        for member in members.take(4) {
            let followed =
                bundle.member(name, &member.name).expect("its struct was read").expect("it is there");
            for span in followed.spans {
                let of_build = history.spans.iter().find(|one| one.builds.contains(&span.builds.start));
                let version = of_build.and_then(|one| one.version).and_then(|one| history.versions.get(one));
                match span.state {
                    MemberState::NoStruct => assert!(version.is_none()),
                    MemberState::NoMember => assert!(version.is_some()),
                    MemberState::Member { .. } => {
                        assert!(version.is_some_and(|version| !version.members.is_empty()));
                    }
                }
            }
        }
    }
    let _ = bundle.changed(0, builds.saturating_sub(1));
    let mut entries = Vec::new();
    for (position, build) in bundle.builds().iter().enumerate().take(16) {
        assert_eq!(bundle.find(&build.name).expect("a listed build is found"), position);
        let Ok(text) = bundle.text(position) else { continue };
        assert_eq!(text.len() as u64, build.text_length);
        let name = build.name.clone();
        entries.push((name, text));
    }
    let whole = entries.len();
    if whole == builds && whole > 0 {
        // What came out goes in again, and comes out again.
        let again = entries.iter().map(|(name, text)| Entry::new(name.clone(), || Ok(text.clone())));
        let (written, _) = bundle::write(again.collect(), Vec::new(), &Silent).expect("it was a bundle");
        let again = Bundle::new(Arc::new(written)).expect("it was just written");
        for (name, text) in &entries {
            let position = again.find(name).expect("it was put in");
            assert!(again.text(position).expect("it is whole") == *text);
        }
    }
    whole
}
