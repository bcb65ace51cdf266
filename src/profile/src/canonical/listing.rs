use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::Value;

use crate::json::printer::{Printer, vanishes};

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

/// Prints sections in the canonical layout, entry by entry: an index of thousands of profiles is never held as a whole.
///
/// As in a profile, an object without entries is not printed, and neither is its name.
pub struct SectionWriter<W: Write> {
    printer: Printer<W>,
    /// The objects that were opened and have no entry yet, the outermost first.
    opened: Vec<String>,
}

impl<W: Write> SectionWriter<W> {
    /// Begins a text.
    pub fn new(sink: W) -> Self {
        let mut printer = Printer::new(sink);
        printer.open_object();
        Self { printer, opened: Vec::new() }
    }

    /// Opens an object, which is a section or an entry of the object that is open.
    pub fn open(&mut self, name: &str) {
        self.opened.push(name.to_owned());
    }

    /// Prints an entry of the open object, or a whole section if no object is open.
    ///
    /// # Errors
    /// Any error from the sink; an error of kind `Other` if the name is not behind the one before it.
    pub fn entry(&mut self, name: &str, value: &Value) -> io::Result<()> {
        if vanishes(value) {
            return Ok(());
        }
        for opened in self.opened.drain(..) {
            self.printer.key(&opened)?;
            self.printer.open_object();
        }
        self.printer.key(name)?;
        self.printer.value(value)
    }

    /// Closes the open object.
    pub fn close(&mut self) {
        if self.opened.pop().is_none() {
            self.printer.close_object();
        }
    }

    /// Ends the text, and returns the sink.
    ///
    /// # Errors
    /// Any error from the sink.
    pub fn finish(mut self) -> io::Result<W> {
        self.printer.close_object();
        self.printer.finish()
    }
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
    fn sections_are_printed_entry_by_entry_as_those_of_a_profile() {
        let all = json!({"$A": {}, "$B": {"n": {"x": {"y": [1, {}]}, "z": {}}, "o": {}}, "$C": [{}, "\u{e9}"],
            "$SOURCES": {"profiles": {"a": ["b", ""]}, "specification": "s"}});
        let mut profile = Profile::new(System::Other, Arch::Amd64);
        profile.set_metadata("Type", "Index");
        profile.other.extend(all.as_object().cloned().unwrap());
        let resolution = Resolution::new(&mut profile, &mut Report::default());
        let expected = write_text(&profile, &resolution, Vec::new()).unwrap();

        let mut writer = SectionWriter::new(Vec::new());
        writer.open("$A");
        writer.close();
        writer.open("$B");
        writer.open("n");
        writer.entry("x", &all["$B"]["n"]["x"]).unwrap();
        writer.open("z");
        writer.close();
        writer.close();
        writer.entry("o", &json!({})).unwrap();
        writer.close();
        writer.entry("$C", &all["$C"]).unwrap();
        writer.open("$METADATA");
        writer.entry("Type", &json!("Index")).unwrap();
        writer.close();
        writer.open("$SOURCES");
        writer.entry("profiles", &all["$SOURCES"]["profiles"]).unwrap();
        writer.entry("specification", &json!("s")).unwrap();
        assert!(writer.entry("name", &json!(1)).is_err(), "a name out of order was printed");
        writer.close();
        let text = writer.finish().unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), String::from_utf8(expected).unwrap());
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
