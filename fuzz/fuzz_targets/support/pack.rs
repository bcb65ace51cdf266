//! A pack of one file, converted.

use profile::{Resolution, Silent, write_text};
use volatility_converter::{Options, Pack, convert, write_legacy};

/// Converts a pack twice: it gives the same text both times, which is JSON. The legacy text is JSON as well.
pub fn check(name: &str, text: &[u8]) {
    let pack = || Pack::in_memory(vec![(name.to_owned(), text.to_vec())]);
    let print = || {
        let converted = convert(&pack(), &Options::default(), &Silent).ok()?;
        let (mut profile, mut report) = (converted.profile, converted.report);
        let resolution = Resolution::new(&mut profile, &mut report);
        Some(write_text(&profile, &resolution, Vec::new()).expect("keys are sorted and unique"))
    };
    let text = print();
    assert!(text == print());
    if let Some(text) = text {
        serde_json::from_slice::<serde_json::Value>(&text).expect("it is JSON");
    }
}

/// The legacy text of a file beside symbols is JSON, if there is one.
#[allow(dead_code, reason = "not every dialect has one")]
pub fn check_legacy(name: &str, text: &[u8], symbols: (&str, &[u8])) {
    let members = [(name, text), symbols].map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
    if let Ok(text) = write_legacy(&Pack::in_memory(members.into()), Vec::new()) {
        serde_json::from_slice::<serde_json::Value>(&text).expect("it is JSON");
    }
}
