//! Walks the text of a profile in Rekall's form, section by section. A [`Builder`] makes the model of what is found; errors
//! say where in the text they are.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer as _, MapAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::builder::Builder;
use super::error::{JsonPlace, ReadError};
use super::keys::judge_keys;
use crate::json::walk::{Entries, Key, KeySeed};

/// Walks the whole text of a profile and passes each entry of each section to `builder`.
pub(crate) fn document<'de>(text: &'de str, builder: &mut Builder<'de, '_>) -> Result<(), ReadError> {
    let mut reader = Deserializer::from_str(text);
    let mut document = Document { builder, roots: Vec::new(), within: Vec::new(), refusal: None };
    let walked = reader.deserialize_map(&mut document).and_then(|()| reader.end());
    let Document { roots, within, refusal, .. } = document;
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    walked.map_err(|error| place(text, &error, within))?;
    judge_keys(roots)
}

/// Calls `each` with every key of the document and its value's text.
pub(crate) fn sections<'de>(
    text: &'de str,
    mut each: impl FnMut(Cow<'de, str>, &'de str),
) -> Result<(), ReadError> {
    let mut reader = Deserializer::from_str(text);
    let (mut failed, mut damaged) = (None, 0);
    let expected = "a profile (an object of sections)";
    let sections = Entries { expected, each: &mut each, failed: &mut failed, damaged: &mut damaged };
    let walked = sections.deserialize(&mut reader).and_then(|()| reader.end());
    walked.map_err(|error| place(text, &error, failed.into_iter().collect()))
}

/// The error with its place in `text`.
fn place(text: &str, error: &serde_json::Error, within: Vec<String>) -> ReadError {
    let (line, column) = (error.line(), error.column());
    let start = match line.checked_sub(2) {
        Some(nth) => memchr::memchr_iter(b'\n', text.as_bytes()).nth(nth).map_or(0, |end| end + 1),
        None => 0,
    };
    let mut message = error.to_string();
    if let Some(end) = message.rfind(" at line ") {
        message.truncate(end);
    }
    let offset = start + column.saturating_sub(1);
    ReadError::Json { place: JsonPlace { line, column, offset, within }, message }
}

/// The document: an object of sections.
struct Document<'a, 'de, 'r> {
    builder: &'a mut Builder<'de, 'r>,
    /// The first keys of the object.
    roots: Vec<String>,
    /// The place at which the walk failed.
    within: Vec<String>,
    refusal: Option<ReadError>,
}

/// How many keys of a document are kept to describe it.
const MAX_ROOTS: usize = 16;

impl<'de> Visitor<'de> for &mut Document<'_, 'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a profile (an object of sections)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key { text: section, damaged }) = map.next_key_seed(KeySeed)? {
            if self.roots.len() < MAX_ROOTS || section.starts_with('$') {
                self.roots.push(section.clone().into_owned());
            }
            self.builder.enter(&section, damaged);
            self.within = vec![section.clone().into_owned()];
            let (mut failed, mut damaged) = (None, 0);
            let builder = &mut *self.builder;
            let mut walk = |expected, each: &mut dyn FnMut(Cow<'de, str>, &'de str)| {
                map.next_value_seed(Entries { expected, each, failed: &mut failed, damaged: &mut damaged })
            };
            let walked = match &*section {
                "$STRUCTS" => {
                    walk("an object of structs", &mut |name, value| builder.structure(&name, value))
                }
                "$ENUMS" => {
                    walk("an object of enumerations", &mut |name, value| builder.labels(&name, value, false))
                }
                "$REVENUMS" => {
                    walk("an object of enumerations", &mut |name, value| builder.labels(&name, value, true))
                }
                "$CONSTANTS" => {
                    walk("an object of symbols", &mut |name, value| builder.constant(&name, value))
                }
                "$FUNCTIONS" => {
                    walk("an object of symbols", &mut |name, value| builder.function(&name, value))
                }
                "$CONSTANT_TYPES" => {
                    walk("an object of descriptors", &mut |name, value| builder.constant_type(&name, value))
                }
                _ => match map.next_value::<&RawValue>() {
                    Ok(value) => builder.section(&section, value.get()).map_err(|refusal| {
                        let error = de::Error::custom(&refusal);
                        self.refusal = Some(refusal);
                        error
                    }),
                    Err(error) => Err(error),
                },
            };
            self.within.extend(failed);
            walked?;
            self.builder.count_damaged(damaged);
            self.within.clear();
        }
        Ok(())
    }
}
