//! What is read is written, what is written reads to the same bytes without a loss, and lookups in it
//! answer as reading does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use profile::{Profile, Report, Resolution, Text, read_profile, read_text, write_text};

fn written(profile: &mut Profile, report: &mut Report) -> Vec<u8> {
    let resolution = Resolution::new(profile, report);
    write_text(profile, &resolution, Vec::new()).expect("a profile that was read has each name once")
}

fuzz_target!(|bytes: &[u8]| {
    // A lookup may be asked in any text.
    if let Ok(text) = Text::new(bytes.to_vec()) {
        text.structure("s");
        text.symbol("c");
        text.enumeration("E");
        text.symbols_at(1 << 20);
    }
    let Ok(mut profile) = read_profile(bytes, &mut Report::default()) else { return };
    let first = written(&mut profile, &mut Report::default());

    let mut report = Report::default();
    let mut again = read_text(&first, &mut report).expect("what is written reads");
    let names = again.names.clone();
    let second = written(&mut again, &mut report);
    assert!(first == second, "{}\n---\n{}", String::from_utf8_lossy(&first), String::from_utf8_lossy(&second));
    assert_eq!(report.total(), 0, "{report:?} in {}", String::from_utf8_lossy(&first));

    let text = Text::new(first).expect("what is written is a profile");
    for (_, record) in again.types.records().take(16) {
        let name = names.get(record.name.expect("every struct of a text has a name"));
        assert_eq!(text.size(name), Some(record.size), "{name:?} in {}", text.as_str());
    }
    for (name, value) in again.constants.iter().take(16) {
        let name = names.get(*name);
        let symbol = text.symbol(name).unwrap_or_else(|| panic!("{name:?} in {}", text.as_str()));
        assert_eq!(symbol.address, *value);
    }
});
