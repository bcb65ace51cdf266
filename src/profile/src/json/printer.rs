use std::io::{self, Write};

/// Prints JSON in the layout of Rekall's printer: each entry of an object on its own line, one space of indent per
/// level, a comma and a space before each line feed, lists on one line, text in ASCII with escapes, no final line
/// feed (docs/format.md, determinism rule 2).
///
/// Keys must come in the order of their code points, each once. The printer refuses any other order, so its output is
/// always sorted and without duplicates.
pub(crate) struct Printer<W: Write> {
    sink: W,
    layout: Layout,
    buffer: Vec<u8>,
    /// How many bytes were written to the sink.
    handed: u64,
    /// Whether all texts are known to need no escapes.
    unescaped: bool,
    /// One entry for each open object, and after them those of closed objects, whose buffers are reused.
    levels: Vec<Level>,
    /// The number of open objects.
    depth: usize,
}

#[derive(Default)]
struct Level {
    /// The last key, if there is one.
    last: String,
    used: bool,
}

/// How entries are separated.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// As in Rekall's printer.
    Rekall,
    /// Without any white space.
    Compact,
}

/// A new line, and the indent for all depths in profiles.
const LINE: &[u8] = b"\n                ";
/// Text is written in pieces of this size.
const PIECE: usize = 64 << 10;

impl<W: Write> Printer<W> {
    pub(crate) fn new(sink: W) -> Self {
        Self::with_layout(sink, Layout::Rekall)
    }

    /// A printer without white space, for forms that only other programs read.
    pub(crate) fn compact(sink: W) -> Self {
        Self::with_layout(sink, Layout::Compact)
    }

    fn with_layout(sink: W, layout: Layout) -> Self {
        Self {
            sink,
            layout,
            buffer: Vec::with_capacity(PIECE + 4096),
            handed: 0,
            unescaped: false,
            levels: Vec::new(),
            depth: 0,
        }
    }

    /// A printer for entries of an object on level `depth`, whose output another printer inserts.
    pub(crate) fn within(depth: usize, sink: W) -> Self {
        let levels = std::iter::repeat_with(Level::default).take(depth).collect();
        Self { levels, depth, ..Self::new(sink) }
    }

    /// The number of open objects.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Continues after the entry `key` of the open object, which another printer prints.
    pub(crate) fn go_on_behind(&mut self, key: &str) {
        if let Some(level) = self.depth.checked_sub(1).and_then(|innermost| self.levels.get_mut(innermost)) {
            level.used = true;
            level.last.clear();
            level.last.push_str(key);
        }
    }

    /// Inserts text from another printer ([`Printer::within`]).
    pub(crate) fn take_over(&mut self, text: &[u8]) -> io::Result<()> {
        self.hand_on()?;
        self.handed += text.len() as u64;
        self.sink.write_all(text)
    }

    /// Writes everything printed so far to the sink.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.sink.flush()
    }

    /// Opens an object. An entry whose value is an empty object does not belong in a profile: the caller has to check
    /// before it writes the key.
    pub(crate) fn open_object(&mut self) {
        self.buffer.push(b'{');
        match self.levels.get_mut(self.depth) {
            Some(level) => level.used = false,
            None => self.levels.push(Level::default()),
        }
        self.depth += 1;
    }

    /// Begins an entry of the open object.
    pub(crate) fn key(&mut self, key: &str) -> io::Result<()> {
        let depth = self.depth;
        let Some(level) = depth.checked_sub(1).and_then(|innermost| self.levels.get_mut(innermost)) else {
            return Err(io::Error::other(format!("key '{key}' outside an object")));
        };
        if level.used {
            if *key <= *level.last {
                let message = format!("key '{key}' after '{}': keys must be sorted and unique", level.last);
                return Err(io::Error::other(message));
            }
            self.buffer.push(b',');
            if self.layout == Layout::Rekall {
                self.buffer.push(b' ');
            }
        }
        level.used = true;
        level.last.clear();
        level.last.push_str(key);
        self.line(depth);
        self.string(key);
        self.buffer.extend_from_slice(if self.layout == Layout::Rekall { b": " } else { b":" });
        if self.buffer.len() >= PIECE {
            self.hand_on()?;
        }
        Ok(())
    }

    /// The number of bytes printed so far.
    pub(crate) fn position(&self) -> u64 {
        self.handed + self.buffer.len() as u64
    }

    /// The text printed since `position`, unless a part of it was already written to the sink.
    pub(crate) fn since(&self, position: u64) -> Option<&[u8]> {
        self.buffer.get(usize::try_from(position.checked_sub(self.handed)?).ok()?..)
    }

    /// Closes the open object.
    pub(crate) fn close_object(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.levels.get(self.depth).is_some_and(|level| level.used) {
            self.line(self.depth);
        }
        self.buffer.push(b'}');
    }

    pub(crate) fn raw(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Prints text that was printed before ([`Printer::since`]), in an object of the same depth.
    pub(crate) fn bytes(&mut self, printed: &[u8]) {
        self.buffer.extend_from_slice(printed);
    }

    pub(crate) fn number(&mut self, number: impl itoa::Integer) {
        self.buffer.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Sets whether all following text is known to be plain ([`is_plain`]), so that it need not be checked for
    /// escapes.
    pub(crate) fn expect_plain(&mut self, plain: bool) {
        self.unescaped = plain;
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.buffer.push(b'"');
        if self.unescaped || is_plain(text) {
            self.buffer.extend_from_slice(text.as_bytes());
        } else {
            self.escaped(text);
        }
        self.buffer.push(b'"');
    }

    /// Any JSON value, with sorted objects and without entries that are empty objects.
    pub(crate) fn value(&mut self, value: &serde_json::Value) -> io::Result<()> {
        use serde_json::Value;
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.raw("[");
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        self.raw(if self.layout == Layout::Rekall { ", " } else { "," });
                    }
                    self.value(item)?;
                }
                self.raw("]");
            }
            Value::Object(entries) => {
                let mut entries: Vec<_> = entries.iter().filter(|(_, value)| !vanishes(value)).collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                self.open_object();
                for (key, value) in entries {
                    self.key(key)?;
                    self.value(value)?;
                }
                self.close_object();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.raw(&value.to_string()),
        }
        Ok(())
    }

    /// Writes the rest to the sink and returns it.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.sink)
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.sink.write_all(&self.buffer)?;
        self.handed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn line(&mut self, depth: usize) {
        if self.layout == Layout::Compact {
            return;
        }
        match LINE.get(..=depth) {
            Some(line) => self.buffer.extend_from_slice(line),
            None => {
                self.buffer.extend_from_slice(LINE);
                self.buffer.resize(self.buffer.len() + depth + 1 - LINE.len(), b' ');
            }
        }
    }

    /// Escapes as in Python's `json.dumps` with its default `ensure_ascii`.
    fn escaped(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '"' => self.raw("\\\""),
                '\\' => self.raw("\\\\"),
                '\n' => self.raw("\\n"),
                '\r' => self.raw("\\r"),
                '\t' => self.raw("\\t"),
                '\u{8}' => self.raw("\\b"),
                '\u{c}' => self.raw("\\f"),
                ' '..='~' => self.buffer.push(character as u8),
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        self.raw(&format!("\\u{unit:04x}"));
                    }
                }
            }
        }
    }
}

/// Whether an entry with this value is omitted: an empty object, or one that would become empty.
pub(crate) fn vanishes(value: &serde_json::Value) -> bool {
    value.as_object().is_some_and(|entries| entries.values().all(vanishes))
}

/// Whether no character needs an escape. Checking all characters is faster than stopping at the first that needs one,
/// because several are compared at once.
pub(crate) fn is_plain(text: &str) -> bool {
    let escaped = |byte: u8| !(b' '..0x7f).contains(&byte) | (byte == b'"') | (byte == b'\\');
    !text.bytes().fold(false, |found, byte| found | escaped(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(write: impl FnOnce(&mut Printer<Vec<u8>>) -> io::Result<()>) -> io::Result<String> {
        let mut printer = Printer::new(Vec::new());
        write(&mut printer)?;
        Ok(String::from_utf8(printer.finish()?).unwrap())
    }

    #[test]
    fn lays_out_as_rekall_does() {
        let value = serde_json::json!({"b": [8, {"m": [0, ["x", {}]]}], "a": {"k": 1}, "gone": {"too": {}}});
        let text = printed(|printer| printer.value(&value)).unwrap();
        assert_eq!(text, "{\n \"a\": {\n  \"k\": 1\n }, \n \"b\": [8, {\n  \"m\": [0, [\"x\", {}]]\n }]\n}");
    }

    #[test]
    fn compact_has_no_white_space() {
        let value = serde_json::json!({"b": [8, {"m": [0, "x y"]}], "a": {"k": true}});
        let mut printer = Printer::compact(Vec::new());
        printer.value(&value).unwrap();
        assert_eq!(printer.finish().unwrap(), br#"{"a":{"k":true},"b":[8,{"m":[0,"x y"]}]}"#);
    }

    #[test]
    fn indents_at_any_depth() {
        let value = (0..40).fold(serde_json::json!(1), |inner, _| serde_json::json!({"k": inner}));
        let text = printed(|printer| printer.value(&value)).unwrap();
        let indents = text.lines().map(|line| line.len() - line.trim_start_matches(' ').len());
        assert!(indents.eq((0..=40).chain((0..40).rev())));
    }

    #[test]
    fn escapes_to_ascii() {
        let text = printed(|printer| {
            printer.string("a\"\\\n\u{7f}\u{e9}\u{1f600}/");
            Ok(())
        });
        assert_eq!(text.unwrap(), r#""a\"\\\n\u007f\u00e9\ud83d\ude00/""#);
    }

    #[test]
    fn refuses_keys_out_of_order_or_twice() {
        for second in ["a", "b"] {
            let error = printed(|printer| {
                printer.open_object();
                printer.key("b")?;
                printer.number(1);
                printer.key(second)
            });
            assert!(error.unwrap_err().to_string().contains("sorted and unique"));
        }
    }
}
