//! A file with DWARF, converted.

use dwarf_converter::{Alone, Language, Languages, Options, convert};
use profile::{Resolution, Silent, write_text};

/// Converts a file on one thread and on two: both give the same text, which is JSON, or the same error.
pub fn check(bytes: &[u8]) {
    let print = |threads| {
        let languages = Languages::with(&[Language::All]);
        let options = Options { languages, threads, ..Options::default() };
        let converted = convert(bytes, &options, &Alone, &Silent).map_err(|error| error.to_string())?;
        let (mut profile, mut report) = (converted.profile, converted.report);
        let resolution = Resolution::new(&mut profile, &mut report);
        Ok::<_, String>(write_text(&profile, &resolution, Vec::new()).expect("keys are sorted and unique"))
    };
    let text = print(1);
    assert!(text == print(2));
    if let Ok(text) = text {
        serde_json::from_slice::<serde_json::Value>(&text).expect("it is JSON");
    }
}
