//! A canonical text taken apart into its entries, and printed from them again.
//!
//! This is for programs that store many profiles and keep what they share once: they need the entries, not the
//! model, and must get the same bytes back.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::ReadError;
use crate::json::printer::Printer;
use crate::json::walk;
use crate::read::document;

/// One section of a canonical text: `$STRUCTS`, `$METADATA` and so on.
#[derive(Debug)]
pub struct Section<'a> {
    /// The section's key.
    pub name: Cow<'a, str>,
    /// The text of its value.
    pub text: &'a str,
    /// The entries of an object in the order of the text: key and text of the value. `None` for a list or a single
    /// value.
    pub entries: Option<Vec<(Cow<'a, str>, &'a str)>>,
}

/// Takes the text of a profile apart into its sections and their entries.
///
/// # Errors
/// [`ReadError`] where the text is not a JSON object.
pub fn split_text(text: &str) -> Result<Vec<Section<'_>>, ReadError> {
    let mut sections = Vec::new();
    document::sections(text, |name, text| {
        let mut entries = Vec::new();
        let walked =
            text.starts_with('{').then(|| walk::entries(text, |key, value| entries.push((key, value))));
        let entries = walked.is_some_and(|walked| walked.is_ok()).then_some(entries);
        sections.push(Section { name, text, entries });
    })?;
    Ok(sections)
}

/// One member in a struct's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitMember<'a> {
    /// The member's name.
    pub name: Cow<'a, str>,
    /// Its offset in bytes.
    pub offset: u64,
    /// The text of its descriptor, as it stands in the canonical text.
    pub descriptor: &'a str,
}

/// Takes the value of an entry of `$STRUCTS` apart into the size in bytes and the members. Returns `None` if the value
/// is of another form.
pub fn split_structure(value: &str) -> Option<(u64, Vec<SplitMember<'_>>)> {
    let (size, members) = walk::pair(value)?;
    let size = u64::try_from(walk::integer(size)?).ok()?;
    let mut split = Vec::new();
    let mut whole = true;
    let walked = walk::entries(members, |name, value| {
        let member = walk::pair(value).and_then(|(offset, descriptor)| {
            let offset = u64::try_from(walk::integer(offset)?).ok()?;
            Some(SplitMember { name, offset, descriptor })
        });
        whole &= member.is_some();
        split.extend(member);
    });
    (whole && walked.is_ok()).then_some((size, split))
}

/// The value that an entry of `$REVENUMS` has if it says the same as `labels`, the value of the entry of `$ENUMS`.
/// Returns `None` if two values share a label or the entry has another form.
pub fn reverse_labels(labels: &str) -> Option<String> {
    let mut reversed = Vec::new();
    let mut whole = true;
    let walked = walk::entries(labels, |value, label| {
        let label = walk::string(label);
        whole &= label.is_some();
        reversed.extend(label.map(|(label, _)| (label, value)));
    });
    if !whole || walked.is_err() {
        return None;
    }
    reversed.sort_unstable();
    let mut printer = Printer::within(2, Vec::new());
    printer.open_object();
    for (label, value) in &reversed {
        printer.key(label).ok()?;
        printer.raw(value);
    }
    printer.close_object();
    String::from_utf8(printer.finish().ok()?).ok()
}

/// Prints a canonical text from its entries. Sections and entries have to come in the order of their code points, each
/// once.
pub struct EntryPrinter<W: Write> {
    printer: Printer<W>,
    /// Whether a section with entries is open.
    within: bool,
}

impl<W: Write> EntryPrinter<W> {
    /// A printer into `sink`.
    pub fn new(sink: W) -> Self {
        let mut printer = Printer::new(sink);
        printer.open_object();
        Self { printer, within: false }
    }

    /// Begins a section with entries.
    ///
    /// # Errors
    /// What the sink gives, and an error of kind `Other` where the section is out of order.
    pub fn section(&mut self, name: &str) -> io::Result<()> {
        self.end_section();
        self.printer.key(name)?;
        self.printer.open_object();
        self.within = true;
        Ok(())
    }

    /// A section that is a list or a single value.
    ///
    /// # Errors
    /// As for [`EntryPrinter::section`].
    pub fn value(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.end_section();
        self.printer.key(name)?;
        self.printer.raw(text);
        Ok(())
    }

    /// An entry whose value is this text.
    ///
    /// # Errors
    /// As for [`EntryPrinter::section`].
    pub fn entry(&mut self, key: &str, text: &str) -> io::Result<()> {
        self.printer.key(key)?;
        self.printer.raw(text);
        Ok(())
    }

    /// An entry of `$CONSTANTS` or `$FUNCTIONS`.
    ///
    /// # Errors
    /// As for [`EntryPrinter::section`].
    pub fn symbol(&mut self, key: &str, address: u64) -> io::Result<()> {
        self.printer.key(key)?;
        self.printer.number(address);
        Ok(())
    }

    /// An entry of `$STRUCTS`: the size, and name, offset and descriptor of each member, sorted by name.
    ///
    /// # Errors
    /// As for [`EntryPrinter::section`].
    pub fn structure<'m>(
        &mut self,
        key: &str,
        size: u64,
        members: impl Iterator<Item = (&'m str, u64, &'m str)>,
    ) -> io::Result<()> {
        self.printer.key(key)?;
        self.printer.raw("[");
        self.printer.number(size);
        self.printer.raw(", ");
        self.printer.open_object();
        for (name, offset, descriptor) in members {
            self.printer.key(name)?;
            self.printer.raw("[");
            self.printer.number(offset);
            self.printer.raw(", ");
            self.printer.raw(descriptor);
            self.printer.raw("]");
        }
        self.printer.close_object();
        self.printer.raw("]");
        Ok(())
    }

    /// Ends the text and gives the sink back.
    ///
    /// # Errors
    /// What the sink gives.
    pub fn finish(mut self) -> io::Result<W> {
        self.end_section();
        self.printer.close_object();
        self.printer.finish()
    }

    fn end_section(&mut self) {
        if self.within {
            self.printer.close_object();
        }
        self.within = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\n \"$CONSTANTS\": {\n  \"a\\\"b\": 18446744073709551615\n }, \n \"$ENUMS\": {\n  \"e\": {\n   \"0\": \
        \"ZERO\", \n   \"5\": \"FIVE\"\n  }\n }, \n \"$MERGE\": [\"x\", \"y\"], \n \"$REVENUMS\": {\n  \"e\": {\n   \"FIVE\": \
        5, \n   \"ZERO\": 0\n  }\n }, \n \"$STRUCTS\": {\n  \"s\": [16, {\n   \"flags\": [8, [\"unsigned long\"]], \n   \
        \"next\": [0, [\"Pointer\", {\n    \"target\": \"s\"\n   }]]\n  }], \n  \"t\": [0, {}]\n }\n}";

    #[test]
    fn a_canonical_text_is_printed_from_its_entries_again() {
        let mut printer = EntryPrinter::new(Vec::new());
        let sections = split_text(TEXT).unwrap();
        for section in &sections {
            let Some(entries) = &section.entries else {
                printer.value(&section.name, section.text).unwrap();
                continue;
            };
            printer.section(&section.name).unwrap();
            for (key, value) in entries {
                match (&*section.name, split_structure(value)) {
                    ("$STRUCTS", Some((size, members))) => {
                        let members =
                            members.iter().map(|member| (&*member.name, member.offset, member.descriptor));
                        printer.structure(key, size, members).unwrap();
                    }
                    ("$CONSTANTS", _) => printer.symbol(key, value.parse().unwrap()).unwrap(),
                    _ => printer.entry(key, value).unwrap(),
                }
            }
        }
        assert_eq!(String::from_utf8(printer.finish().unwrap()).unwrap(), TEXT);
    }

    #[test]
    fn labels_reverse_as_the_writer_prints_them() {
        let sections = split_text(TEXT).unwrap();
        let entry = |section: &str| {
            let found = sections.iter().find(|one| one.name == section).unwrap();
            found.entries.as_ref().unwrap()[0].1
        };
        assert_eq!(reverse_labels(entry("$ENUMS")).as_deref(), Some(entry("$REVENUMS")));
        assert_eq!(reverse_labels("{\"0\": \"a\", \"1\": \"a\"}"), None, "two values share a label");
    }
}
