use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::Value;

use crate::json::printer::Printer;

/// Prints the other files of a repository (an inventory, an index) in the canonical layout: `$METADATA` and one more
/// section, which is printed even if it is empty. The entries arrive one at a time, in the order of their names, so
/// that thousands of them need no memory at once.
///
/// # Errors
/// Any error from the sink; an error of kind `Other` if names are out of order or repeated.
pub fn write_listing<W: Write>(
    metadata: &BTreeMap<&str, &str>,
    section: &str,
    entries: impl IntoIterator<Item = (impl AsRef<str>, Value)>,
    sink: W,
) -> io::Result<W> {
    const METADATA: &str = "$METADATA";
    let mut printer = Printer::new(sink);
    let head = |printer: &mut Printer<W>| -> io::Result<()> {
        printer.key(METADATA)?;
        printer.open_object();
        for (key, value) in metadata {
            printer.key(key)?;
            printer.string(value);
        }
        printer.close_object();
        Ok(())
    };
    printer.open_object();
    if METADATA < section {
        head(&mut printer)?;
    }
    printer.key(section)?;
    printer.open_object();
    for (name, value) in entries {
        printer.key(name.as_ref())?;
        printer.value(&value)?;
    }
    printer.close_object();
    if section <= METADATA {
        head(&mut printer)?;
    }
    printer.close_object();
    printer.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Arch, Profile, Report, Resolution, System, write_text};

    #[test]
    fn the_text_is_that_of_a_profile_with_the_section() {
        let entries =
            [("a/b", json!({"b": [1, {"x": 2.5}], "a": "\u{e9}"})), ("a/c", json!({"LastModified": 1.5}))];
        for section in ["$INVENTORY", "$TRAITS"] {
            let mut profile = Profile::new(System::Other, Arch::Amd64);
            profile.set_metadata("Type", "Inventory");
            profile.set_metadata("ProfileClass", "Inventory");
            profile.other.insert(section.to_owned(), entries.iter().cloned().collect());
            let resolution = Resolution::new(&mut profile, &mut Report::default());
            let expected = write_text(&profile, &resolution, Vec::new()).unwrap();
            let metadata = BTreeMap::from([("Type", "Inventory"), ("ProfileClass", "Inventory")]);
            let text = write_listing(&metadata, section, entries.iter().cloned(), Vec::new()).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), String::from_utf8(expected).unwrap());
        }
    }

    #[test]
    fn an_empty_section_is_printed() {
        let metadata = BTreeMap::from([("Type", "Inventory")]);
        let none: [(&str, Value); 0] = [];
        let text = write_listing(&metadata, "$INVENTORY", none, Vec::new()).unwrap();
        assert_eq!(text, b"{\n \"$INVENTORY\": {}, \n \"$METADATA\": {\n  \"Type\": \"Inventory\"\n }\n}");
    }

    #[test]
    fn names_out_of_order_are_refused() {
        let entries = [("b", json!(1)), ("a", json!(2))];
        assert!(write_listing(&BTreeMap::new(), "$INVENTORY", entries, Vec::new()).is_err());
    }
}
