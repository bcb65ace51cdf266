//! YAML as used in the texts of a repository: scalars unchanged, each with its line.
//!
//! `saphyr-parser` parses the language. The tree that is kept here preserves the text of a GUID that looks like a
//! number, and the line of every value for errors. Aliases are resolved within a limit.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

use crate::Error;

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its line, from 1.
    pub line: usize,
    /// The value.
    pub data: Data,
}

/// The kind of a value.
#[derive(Clone, Debug)]
pub enum Data {
    /// A single value, as it is written.
    Scalar {
        /// Its text, without quotes.
        text: String,
        /// Whether it is unquoted, so that it may be a number, a Boolean or null.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys with their values, in the order of the text.
    Mapping(Vec<(Node, Node)>),
}

/// Deeper nesting than any configuration has is refused.
const MAX_DEPTH: usize = 64;
/// How many values aliases may add.
const MAX_ALIASED: usize = 100_000;

impl Node {
    /// Reads the first document of a text; `place` is its name in errors. An empty text is a null value.
    ///
    /// # Errors
    /// [`Error::Text`] with the line.
    pub fn parse(text: &str, place: &str) -> Result<Self, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Loader { place, anchors: HashMap::new(), aliased: 0 }.load(text)
    }

    /// The entries of a mapping; empty for a null value.
    ///
    /// # Errors
    /// [`Error::Text`] if it is something else.
    pub fn entries(&self, at: &At<'_>) -> Result<&[(Node, Node)], Error> {
        match &self.data {
            Data::Mapping(entries) => Ok(entries),
            _ if self.is_null() => Ok(&[]),
            _ => Err(at.wrong(self, "keys with values")),
        }
    }

    /// Refuses keys of a mapping that are not among the `known`. What is not a mapping has no keys.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] with the line and the nearest known key.
    pub fn only_known(&self, known: &[&str], at: &At<'_>) -> Result<(), Error> {
        let Data::Mapping(entries) = &self.data else { return Ok(()) };
        for (key, _) in entries {
            let name = key.text(at)?;
            if !known.contains(&name) {
                return Err(at.unknown(key, name, known));
            }
        }
        Ok(())
    }

    /// The items of a list; empty for a null value.
    ///
    /// # Errors
    /// [`Error::Text`] if it is something else.
    pub fn items(&self, at: &At<'_>) -> Result<&[Node], Error> {
        match &self.data {
            Data::Sequence(items) => Ok(items),
            _ if self.is_null() => Ok(&[]),
            _ => Err(at.wrong(self, "a list")),
        }
    }

    /// The text of a single value.
    ///
    /// # Errors
    /// [`Error::Text`] if it is something else.
    pub fn text(&self, at: &At<'_>) -> Result<&str, Error> {
        match &self.data {
            Data::Scalar { text, .. } => Ok(text),
            _ => Err(at.wrong(self, "one value")),
        }
    }

    /// A Boolean: `true` or `false` in any case, and `yes`, `no`, `on`, `off` as in older YAML.
    ///
    /// # Errors
    /// [`Error::Text`] if it is something else.
    pub fn boolean(&self, at: &At<'_>) -> Result<bool, Error> {
        match self.text(at)?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(true),
            "false" | "no" | "off" => Ok(false),
            _ => Err(at.wrong(self, "true or false")),
        }
    }

    /// Whether it is null: an empty value, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The value under a key of a mapping, the last of several.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Data::Mapping(entries) = &self.data else { return None };
        entries.iter().rev().find(|(name, _)| name.is(key)).map(|(_, value)| value)
    }

    fn is(&self, key: &str) -> bool {
        matches!(&self.data, Data::Scalar { text, .. } if text == key)
    }

    /// The same as JSON. An unquoted scalar that looks like a number, a Boolean or null becomes one.
    pub fn to_json(&self) -> Value {
        match &self.data {
            Data::Scalar { text, plain } => {
                if *plain {
                    plain_value(text)
                } else {
                    Value::from(text.as_str())
                }
            }
            Data::Sequence(items) => items.iter().map(Node::to_json).collect(),
            Data::Mapping(entries) => {
                let name = |key: &Node| match &key.data {
                    Data::Scalar { text, .. } => text.clone(),
                    _ => key.to_json().to_string(),
                };
                let entries = entries.iter().map(|(key, value)| (name(key), value.to_json()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }

    /// What it is, in words.
    fn described(&self) -> String {
        match &self.data {
            _ if self.is_null() => "nothing".to_owned(),
            Data::Scalar { text, .. } => format!("'{}'", text.chars().take(64).collect::<String>()),
            Data::Sequence(_) => "a list".to_owned(),
            Data::Mapping(_) => "keys with values".to_owned(),
        }
    }
}

/// A value that is written without quotes (YAML 1.2, section 10.3.2).
fn plain_value(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.get(..1).filter(|sign| *sign == "-").unwrap_or(""), digits),
        None => ("", text),
    };
    let whole = match digits.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(&format!("{sign}{digits}"), 16).ok(),
        None if digits.starts_with(|first: char| first.is_ascii_digit()) => {
            format!("{sign}{digits}").parse().ok()
        }
        None => None,
    };
    if let Some(number) = whole.and_then(|number: i128| {
        u64::try_from(number).ok().map(Number::from).or_else(|| i64::try_from(number).ok().map(Number::from))
    }) {
        return Value::Number(number);
    }
    let decimal =
        digits.starts_with(|first: char| first.is_ascii_digit()) && digits.contains(['.', 'e', 'E']);
    match text.parse::<f64>().ok().filter(|_| decimal).and_then(Number::from_f64) {
        Some(number) => Value::Number(number),
        None => Value::from(text),
    }
}

/// A place in a text, for errors.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The file.
    pub place: &'a str,
    /// The path of keys.
    pub key: &'a str,
}

impl At<'_> {
    /// The error for an unexpected value at `node`.
    pub fn wrong(&self, node: &Node, expected: &str) -> Error {
        Error::Text {
            place: self.place.to_owned(),
            line: node.line,
            key: self.key.to_owned(),
            expected: expected.to_owned(),
            found: node.described(),
        }
    }

    /// The error for a missing key in this mapping.
    pub fn unknown(&self, node: &Node, name: &str, known: &[&str]) -> Error {
        let shown: String = name.chars().take(64).collect();
        let path = if self.key.is_empty() { shown } else { format!("{}.{shown}", self.key) };
        Error::UnknownKey {
            place: self.place.to_owned(),
            line: node.line,
            key: path,
            nearest: nearest(name, known).map(str::to_owned),
            known: match known {
                [one] => (*one).to_owned(),
                [others @ .., last] => format!("{} or {last}", others.join(", ")),
                [] => "no keys".to_owned(),
            },
        }
    }
}

/// The known name that is most similar to another one: at most a third of its letters differ, or one contains the
/// other.
pub fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let lower: String = name.to_lowercase().chars().take(64).collect();
    let distance = |known: &&'k str| {
        let distance = strsim::damerau_levenshtein(&lower, &known.to_lowercase());
        let like = distance <= (known.len() / 3).max(1)
            || (lower.len() >= 3 && (known.contains(lower.as_str()) || lower.contains(*known)));
        like.then_some((distance, *known))
    };
    known.iter().filter_map(distance).min().map(|(_, known)| known)
}

/// Builds the tree. Open values are kept on a separate stack, so that a text cannot exhaust the program's.
struct Loader<'a> {
    place: &'a str,
    anchors: HashMap<usize, Node>,
    aliased: usize,
}

/// A list or mapping that is still open.
struct Open {
    line: usize,
    anchor: usize,
    /// If it is a mapping.
    mapping: bool,
    /// A mapping's keys and values in turn.
    nodes: Vec<Node>,
}

impl Loader<'_> {
    fn load(mut self, text: &str) -> Result<Node, Error> {
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                self.wrong(error.marker().line(), "YAML", format!("what does not fit: {}", error.info()))
            })?;
            let line = span.start.line();
            let (done, anchor) = match event {
                Event::Scalar(text, style, anchor, _) => {
                    let data = Data::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                    (Node { line, data }, anchor)
                }
                Event::Alias(id) => (self.resolve(id, line)?, 0),
                Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                    if open.len() >= MAX_DEPTH {
                        let found = format!("more than {MAX_DEPTH}");
                        return Err(self.wrong(line, "less than that many levels of nesting", found));
                    }
                    let mapping = matches!(event, Event::MappingStart(..));
                    open.push(Open { line, anchor, mapping, nodes: Vec::new() });
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let Some(Open { line, anchor, mapping, nodes }) = open.pop() else { continue };
                    let data = if mapping { Data::Mapping(pairs(nodes)) } else { Data::Sequence(nodes) };
                    (Node { line, data }, anchor)
                }
                _ => continue,
            };
            if anchor != 0 {
                self.anchors.insert(anchor, done.clone());
            }
            match open.last_mut() {
                Some(parent) => parent.nodes.push(done),
                // Only the first document is read.
                None => return Ok(done),
            }
        }
        Ok(Node { line: 1, data: Data::Scalar { text: String::new(), plain: true } })
    }

    fn resolve(&mut self, id: usize, line: usize) -> Result<Node, Error> {
        let node = self.anchors.get(&id).cloned();
        let node = node
            .ok_or_else(|| self.wrong(line, "an alias of an earlier anchor", "an unknown anchor".into()))?;
        self.aliased = self.aliased.saturating_add(size(&node));
        if self.aliased > MAX_ALIASED {
            let found = format!("more than {MAX_ALIASED}");
            return Err(self.wrong(line, "less than that many values through aliases", found));
        }
        Ok(node)
    }

    fn wrong(&self, line: usize, expected: &str, found: String) -> Error {
        Error::Text {
            place: self.place.to_owned(),
            line,
            key: String::new(),
            expected: expected.to_owned(),
            found,
        }
    }
}

fn pairs(nodes: Vec<Node>) -> Vec<(Node, Node)> {
    let mut pairs = Vec::with_capacity(nodes.len() / 2);
    let mut nodes = nodes.into_iter();
    while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
        pairs.push((key, value));
    }
    pairs
}

/// The number of values in a value. Its depth is bounded, so recursion is safe.
fn size(node: &Node) -> usize {
    let inner: usize = match &node.data {
        Data::Scalar { .. } => 0,
        Data::Sequence(items) => items.iter().map(size).sum(),
        Data::Mapping(entries) => entries.iter().map(|(key, value)| size(key) + size(value)).sum(),
    };
    inner + 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(text: &str) -> Node {
        Node::parse(text, "t.yaml").unwrap()
    }

    #[test]
    fn scalars_keep_their_text() {
        let node = parsed("ntkrnlmp.pdb:\n- '0000'\n- 1E10\n- 00625D\n");
        let at = At { place: "t.yaml", key: "" };
        let items = node.get("ntkrnlmp.pdb").unwrap().items(&at).unwrap();
        let texts: Vec<&str> = items.iter().map(|item| item.text(&at).unwrap()).collect();
        assert_eq!(texts, ["0000", "1E10", "00625D"]);
        assert_eq!(items[2].line, 4);
    }

    #[test]
    fn plain_values_become_json() {
        let node = parsed(
            "a: 1\nb: -2\nc: 0x10\nd: '1'\ne: true\nf: ~\ng: [1.5, x]\nh: 18446744073709551615\n1: []\n",
        );
        let expected = json!({"a": 1, "b": -2, "c": 16, "d": "1", "e": true, "f": null, "g": [1.5, "x"],
            "h": 18_446_744_073_709_551_615_u64, "1": []});
        assert_eq!(node.to_json(), expected);
    }

    #[test]
    fn errors_have_their_line() {
        let at = At { place: "config.yaml", key: "nt/GUID.type" };
        let node = parsed("nt/GUID:\n  type: [x]\n");
        let error = node.get("nt/GUID").unwrap().get("type").unwrap().text(&at).unwrap_err();
        assert_eq!(error.to_string(), "config.yaml:2: nt/GUID.type: expected one value, found a list");
        let error = Node::parse("a: b\nc: [", "t.yaml").unwrap_err().to_string();
        assert!(error.starts_with("t.yaml:"), "{error}");
    }

    #[test]
    fn growth_and_nesting_of_texts_are_bounded() {
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, inner) in ["b", "c", "d", "e", "f", "g"].iter().zip(["a", "b", "c", "d", "e", "f"]) {
            bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{inner}"); 10].join(", ")));
        }
        assert!(Node::parse(&bomb, "t").unwrap_err().to_string().contains("aliases"));
        assert!(Node::parse(&"[".repeat(100_000), "t").is_err());
        assert!(Node::parse("", "t").unwrap().is_null());
    }
}
