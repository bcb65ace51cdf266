use std::io::{self, Write};

use crate::vtypes::tree::Value;

/// Rekall's printer (docs/format.md, determinism rule 2), for Python's values: integer keys are sorted as numbers and
/// printed as texts, and an entry with an empty dict is left out.
pub(super) struct Printer<W: Write> {
    sink: W,
    buffer: Vec<u8>,
    /// For each open dict, whether it has an entry.
    open: Vec<bool>,
    failed: Option<io::Error>,
}

/// Text is written in pieces of this size.
const PIECE: usize = 64 << 10;

impl<W: Write> Printer<W> {
    pub(super) fn new(sink: W) -> Self {
        Self { sink, buffer: Vec::with_capacity(PIECE * 2), open: Vec::new(), failed: None }
    }

    pub(super) fn open(&mut self) {
        self.buffer.push(b'{');
        self.open.push(false);
    }

    pub(super) fn key(&mut self, key: &[u8]) {
        let depth = self.open.len();
        if let Some(used) = self.open.last_mut() {
            if *used {
                self.buffer.extend_from_slice(b", ");
            }
            *used = true;
        }
        self.line(depth);
        self.text(key);
        self.buffer.extend_from_slice(b": ");
        if self.buffer.len() >= PIECE
            && let Err(error) = self.flush()
        {
            // The error is reported at the end.
            self.failed.get_or_insert(error);
        }
    }

    pub(super) fn close(&mut self) {
        self.open.pop();
        self.line(self.open.len());
        self.buffer.push(b'}');
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    pub(super) fn number(&mut self, number: i128) {
        self.raw(&number.to_string());
    }

    /// A text in ASCII; bytes that are not UTF-8 are dropped.
    pub(super) fn text(&mut self, bytes: &[u8]) {
        self.buffer.push(b'"');
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
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
        self.buffer.push(b'"');
    }

    /// Any value of a literal.
    pub(super) fn value(&mut self, value: Value<'_, '_>) {
        if let Some(items) = value.items() {
            self.buffer.push(b'[');
            for (position, item) in items.enumerate() {
                if position > 0 {
                    self.buffer.extend_from_slice(b", ");
                }
                self.value(item);
            }
            self.buffer.push(b']');
        } else if let Some(pairs) = value.pairs() {
            self.dict(pairs.collect());
        } else if let Some(text) = value.text() {
            self.text(text);
        } else if let Some(truth) = value.boolean() {
            self.raw(if truth { "true" } else { "false" });
        } else if let Some(number) = value.integer() {
            self.number(number);
        } else if let Some(number) = value.float() {
            self.raw(&format!("{number:?}"));
        } else {
            self.raw("null");
        }
    }

    fn dict(&mut self, mut pairs: Vec<(Value<'_, '_>, Value<'_, '_>)>) {
        if pairs.is_empty() {
            self.raw("{}");
            return;
        }
        // Numbers before texts, as in Python 2; of equal keys the last is kept.
        pairs.sort_by(|(a, _), (b, _)| match (a.integer(), b.integer()) {
            (None, None) => a.text().cmp(&b.text()),
            (a, b) => a.is_none().cmp(&b.is_none()).then(a.cmp(&b)),
        });
        pairs.reverse();
        pairs.dedup_by(|(a, _), (b, _)| (a.integer(), a.text()) == (b.integer(), b.text()));
        pairs.reverse();
        self.open();
        for (key, value) in pairs {
            if value.pairs().is_some_and(|mut pairs| pairs.next().is_none()) {
                continue;
            }
            match key.integer() {
                Some(number) => self.key(number.to_string().as_bytes()),
                None => self.key(key.text().unwrap_or_default()),
            }
            self.value(value);
        }
        self.close();
    }

    fn line(&mut self, depth: usize) {
        self.buffer.push(b'\n');
        self.buffer.resize(self.buffer.len() + depth, b' ');
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.sink.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.flush()?;
        Ok(self.sink)
    }
}
