use std::fmt;
use std::ops::Range;

use super::tree::{NodeKind, Tree};
use crate::error::Error;

/// What was found in a file where a literal was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found(String);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How deep literals may be nested; vtypes need seven levels.
const MAX_DEPTH: usize = 64;

/// A place where the text is not a literal.
#[derive(Debug)]
pub(crate) struct Problem {
    position: usize,
    expected: &'static str,
    found: Found,
}

impl Problem {
    /// Converts it to an error of a pack's member, with line and column.
    pub(crate) fn in_member(self, member: &str, text: &[u8]) -> Error {
        let before = text.get(..self.position).unwrap_or(text);
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
        Error::NotLiteral {
            member: member.to_owned(),
            line: crate::dump::lines::line_number(text, self.position),
            column: (before.len() - line_start) as u64 + 1,
            expected: self.expected,
            found: self.found,
        }
    }
}

/// Reads a file of vtypes: assignments of literals to names.
///
/// Supported is everything that is data in Python 2 and 3: numbers (`0x10`, `-3L`, `0o17`, `1.5`), texts with all
/// prefixes and escapes, `None`, `True`, `False`, lists, tuples, dicts and `dict(key=value)`; comments, lines joined
/// by a backslash, and texts on their own. Anything else is refused with its place.
pub(crate) struct Literals<'a> {
    text: &'a [u8],
    position: usize,
}

/// An entry of a dict on the top level of a file.
pub(crate) struct Item<'a> {
    /// The name the dict is assigned to.
    pub(crate) variable: &'a [u8],
    /// The place of the entry's value in the text.
    pub(crate) range: Range<usize>,
}

impl<'a> Literals<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        let position = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { text, position }
    }

    /// Passes every entry of every top-level dict of the file to `each`: its key and its value, as a tree whose root
    /// is a list of the two. Values other than dicts are read and skipped.
    pub(crate) fn read<E: From<Problem>>(
        mut self,
        mut each: impl FnMut(&Item<'a>, &Tree<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut tree = Tree::default();
        loop {
            self.skip_blank_lines();
            let Some(next) = self.peek() else { return Ok(()) };
            if matches!(next, b'\'' | b'"') {
                tree.clear();
                self.string(&mut tree)?;
                self.end_statement()?;
                continue;
            }
            let start = self.position;
            let variable = self.word();
            if variable.is_empty() {
                return Err(self.problem(start, "an assignment of a literal to a name").into());
            }
            self.skip_blanks();
            if self.peek() != Some(b'=') || self.text.get(self.position + 1) == Some(&b'=') {
                return Err(self.no_assignment(start, variable).into());
            }
            self.position += 1;
            self.skip_blanks();
            if self.peek() == Some(b'{') {
                self.position += 1;
                self.entries(variable, &mut tree, &mut each)?;
            } else {
                tree.clear();
                self.value(&mut tree, 0)?;
            }
            self.end_statement()?;
        }
    }

    /// Reads one value at the beginning of the text into `tree`.
    pub(crate) fn read_value(mut self, tree: &mut Tree<'a>) -> Result<(), Problem> {
        tree.clear();
        self.value(tree, 0)
    }

    fn entries<E: From<Problem>>(
        &mut self,
        variable: &'a [u8],
        tree: &mut Tree<'a>,
        each: &mut impl FnMut(&Item<'a>, &Tree<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            self.skip_space();
            if self.peek() == Some(b'}') {
                self.position += 1;
                return Ok(());
            }
            tree.clear();
            let root = tree.push(NodeKind::List);
            self.value(tree, 1)?;
            self.expect_in_dict()?;
            self.skip_space();
            let start = self.position;
            self.value(tree, 1)?;
            tree.close(root);
            each(&Item { variable, range: start..self.position }, tree)?;
            self.separator(b'}')?;
        }
    }

    fn value(&mut self, tree: &mut Tree<'a>, depth: usize) -> Result<(), Problem> {
        self.skip_space();
        let start = self.position;
        let problem = |this: &Self| Err(this.problem(start, "a literal"));
        let Some(next) = self.peek() else { return problem(self) };
        if depth > MAX_DEPTH {
            let found = Found(format!("values nested more than {MAX_DEPTH} deep"));
            return Err(Problem { position: start, expected: "a literal", found });
        }
        match next {
            b'{' => {
                self.position += 1;
                let index = tree.push(NodeKind::Dict);
                loop {
                    self.skip_space();
                    if self.peek() == Some(b'}') {
                        self.position += 1;
                        break;
                    }
                    self.value(tree, depth + 1)?;
                    self.expect_in_dict()?;
                    self.value(tree, depth + 1)?;
                    self.separator(b'}')?;
                }
                tree.close(index);
            }
            b'[' | b'(' => {
                self.position += 1;
                let close = if next == b'[' { b']' } else { b')' };
                let index = tree.push(NodeKind::List);
                loop {
                    self.skip_space();
                    if self.peek() == Some(close) {
                        self.position += 1;
                        break;
                    }
                    self.value(tree, depth + 1)?;
                    self.separator(close)?;
                }
                tree.close(index);
            }
            b'\'' | b'"' => self.string(tree)?,
            b'0'..=b'9' | b'-' | b'+' | b'.' => self.number(tree)?,
            _ => {
                let word = self.word();
                match word {
                    b"None" => drop(tree.push(NodeKind::None)),
                    b"True" => drop(tree.push(NodeKind::Bool(true))),
                    b"False" => drop(tree.push(NodeKind::Bool(false))),
                    b"dict" => {
                        self.skip_space();
                        if self.peek() != Some(b'(') {
                            return problem(self);
                        }
                        self.position += 1;
                        self.arguments(tree, depth)?;
                    }
                    _ if is_prefix(word) && matches!(self.peek(), Some(b'\'' | b'"')) => {
                        self.position = start;
                        self.string(tree)?;
                    }
                    _ => return problem(self),
                }
            }
        }
        Ok(())
    }

    /// `key=value, ...)`
    fn arguments(&mut self, tree: &mut Tree<'a>, depth: usize) -> Result<(), Problem> {
        let index = tree.push(NodeKind::Dict);
        loop {
            self.skip_space();
            if self.peek() == Some(b')') {
                self.position += 1;
                break;
            }
            let start = self.position;
            let key = self.word();
            self.skip_space();
            if key.is_empty() || self.peek() != Some(b'=') {
                return Err(self.problem(start, "'key=value' within dict(...)"));
            }
            self.position += 1;
            tree.push(NodeKind::Text(key));
            self.value(tree, depth + 1)?;
            self.separator(b')')?;
        }
        tree.close(index);
        Ok(())
    }

    /// A text, joined with the texts that directly follow it.
    fn string(&mut self, tree: &mut Tree<'a>) -> Result<(), Problem> {
        let mut first: Option<&'a [u8]> = None;
        let mut own: Option<usize> = None;
        loop {
            let start = self.position;
            let prefix = self.word();
            if !matches!(self.peek(), Some(b'\'' | b'"')) || !is_prefix(prefix) {
                self.position = start;
                break;
            }
            let raw = prefix.iter().any(|letter| matches!(letter, b'r' | b'R'));
            let content = self.quoted(start)?;
            let plain = raw || memchr::memchr(b'\\', content).is_none();
            match (first, own, plain) {
                (None, None, true) => first = Some(content),
                _ => {
                    let texts = tree.texts();
                    let begin = *own.get_or_insert(texts.len());
                    if begin == texts.len()
                        && let Some(first) = first.take()
                    {
                        texts.extend_from_slice(first);
                    }
                    if plain { texts.extend_from_slice(content) } else { unescape(content, texts) }
                }
            }
            self.skip_space_before_string();
        }
        let kind = match own {
            Some(start) => NodeKind::OwnText { start, end: tree.texts().len() },
            None => NodeKind::Text(first.unwrap_or_default()),
        };
        tree.push(kind);
        Ok(())
    }

    /// The text between quotes, single or triple; the position moves past them.
    fn quoted(&mut self, start: usize) -> Result<&'a [u8], Problem> {
        let rest = self.text.get(self.position..).unwrap_or_default();
        let quote = rest.first().copied().unwrap_or(b'\'');
        let triple = rest.get(..3).is_some_and(|three| three.iter().all(|byte| *byte == quote));
        let width = if triple { 3 } else { 1 };
        let content_start = self.position + width;
        let mut at = content_start;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let Some(step) = memchr::memchr3(quote, b'\\', b'\n', rest) else { break };
            at += step;
            match self.text.get(at) {
                Some(b'\\') => at += 2,
                Some(b'\n') if !triple => break,
                Some(b'\n') => at += 1,
                _ if !triple || self.text.get(at..at + 3).is_some_and(|three| three == [quote; 3]) => {
                    self.position = at + width;
                    return Ok(self.text.get(content_start..at).unwrap_or_default());
                }
                _ => at += 1,
            }
        }
        let found = Found("an unterminated text".to_owned());
        Err(Problem { position: start, expected: "a closing quote", found })
    }

    fn number(&mut self, tree: &mut Tree<'a>) -> Result<(), Problem> {
        let start = self.position;
        let mut negative = false;
        while let Some(sign @ (b'-' | b'+')) = self.peek() {
            negative ^= sign == b'-';
            self.position += 1;
            self.skip_blanks();
        }
        let word_start = self.position;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_')) {
            self.position += 1;
        }
        // The sign of an exponent.
        if self.text.get(word_start..self.position).is_some_and(|word| {
            !word.starts_with(b"0x") && matches!(word.last(), Some(b'e' | b'E')) && word[0].is_ascii_digit()
        }) && matches!(self.peek(), Some(b'-' | b'+'))
        {
            self.position += 1;
            while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                self.position += 1;
            }
        }
        let word = self.text.get(word_start..self.position).unwrap_or_default();
        let kind = match integer(word) {
            Some(number) => NodeKind::Integer(if negative { -number } else { number }),
            None => match str::from_utf8(word).ok().and_then(|word| word.parse::<f64>().ok()) {
                Some(number) if word.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => {
                    NodeKind::Float(if negative { -number } else { number })
                }
                _ => {
                    self.position = start;
                    return Err(self.problem(start, "a number of at most 127 bits"));
                }
            },
        };
        tree.push(kind);
        Ok(())
    }

    fn expect_in_dict(&mut self) -> Result<(), Problem> {
        self.skip_space();
        if self.peek() == Some(b':') {
            self.position += 1;
            return Ok(());
        }
        Err(self.problem(self.position, "':' after a key"))
    }

    /// Reads the comma after a value, or stops at the closing bracket.
    fn separator(&mut self, close: u8) -> Result<(), Problem> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.position += 1;
                Ok(())
            }
            Some(byte) if byte == close => Ok(()),
            _ => Err(self.problem(
                self.position,
                match close {
                    b'}' => "',' or '}' after a value",
                    b']' => "',' or ']' after a value",
                    _ => "',' or ')' after a value",
                },
            )),
        }
    }

    fn end_statement(&mut self) -> Result<(), Problem> {
        self.skip_blanks();
        self.skip_comment();
        match self.peek() {
            None | Some(b'\n' | b';' | b'\r') => Ok(()),
            Some(_) => Err(self.problem(self.position, "the end of the line after a literal")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    /// A name: letters, digits and underscores; empty if there is none.
    fn word(&mut self) -> &'a [u8] {
        let rest = self.text.get(self.position..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        self.position += length;
        rest.get(..length).unwrap_or_default()
    }

    fn skip_comment(&mut self) {
        if self.peek() == Some(b'#') {
            let rest = self.text.get(self.position..).unwrap_or_default();
            self.position += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        }
    }

    /// Skips blanks within a line, and lines joined by a backslash.
    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | 0x0c) => self.position += 1,
                Some(b'\\') => match self.text.get(self.position + 1..) {
                    Some([b'\n', ..]) => self.position += 2,
                    Some([b'\r', b'\n', ..]) => self.position += 3,
                    _ => return,
                },
                _ => return,
            }
        }
    }

    /// Skips everything between two values within brackets.
    fn skip_space(&mut self) {
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(b'\n') => self.position += 1,
                Some(b'#') => self.skip_comment(),
                _ => return,
            }
        }
    }

    /// Texts are joined over line ends only within brackets, the only places where a text can follow another one. On
    /// the top level nothing is read after the line.
    fn skip_space_before_string(&mut self) {
        let before = self.position;
        self.skip_space();
        let at = self.position;
        let prefix = self.word();
        if is_prefix(prefix) && matches!(self.peek(), Some(b'\'' | b'"')) {
            self.position = at;
        } else {
            self.position = before;
        }
    }

    fn skip_blank_lines(&mut self) {
        loop {
            self.skip_space();
            if self.peek() != Some(b';') {
                return;
            }
            self.position += 1;
        }
    }

    /// A description of the text at `position`.
    fn problem(&self, position: usize, expected: &'static str) -> Problem {
        let rest = self.text.get(position..).unwrap_or_default();
        let mut ahead = Self { text: self.text, position };
        let word = ahead.word();
        let found = if rest.is_empty() {
            "the end of the text".to_owned()
        } else if word.is_empty() {
            let shown = String::from_utf8_lossy(rest.get(..4).unwrap_or(rest)).chars().next().unwrap_or(' ');
            match shown {
                '+' | '-' | '*' | '/' | '%' | '|' | '&' | '^' | '<' | '>' => {
                    format!("the operator '{shown}'")
                }
                '.' => "an attribute".to_owned(),
                '(' => "a call".to_owned(),
                '[' => "an index".to_owned(),
                _ => format!("{shown:?}"),
            }
        } else {
            let name = String::from_utf8_lossy(word.get(..40).unwrap_or(word));
            ahead.skip_blanks();
            match (word, ahead.peek()) {
                (b"for" | b"async", _) => "a comprehension".to_owned(),
                (b"lambda", _) => "a lambda".to_owned(),
                (_, Some(b'(')) => format!("a call of '{name}'"),
                (_, Some(b'.')) => format!("an attribute of '{name}'"),
                _ if word.first().is_some_and(u8::is_ascii_digit) => format!("'{name}'"),
                _ => format!("the name '{name}'"),
            }
        };
        Problem { position, expected, found: Found(found) }
    }

    fn no_assignment(&self, position: usize, word: &[u8]) -> Problem {
        let statement = [
            &b"import"[..],
            b"from",
            b"class",
            b"def",
            b"if",
            b"for",
            b"try",
            b"with",
            b"del",
            b"exec",
            b"print",
        ];
        let expected = "an assignment of a literal to a name";
        if statement.contains(&word) {
            let found = Found(format!("the statement '{}'", String::from_utf8_lossy(word)));
            return Problem { position, expected, found };
        }
        match self.peek() {
            Some(b'[') => {
                let found = Found(format!("an index of '{}'", String::from_utf8_lossy(word)));
                Problem { position, expected, found }
            }
            _ => self.problem(position, expected),
        }
    }
}

/// The letters that may precede a text's quotes.
fn is_prefix(word: &[u8]) -> bool {
    word.len() <= 2 && word.iter().all(|letter| matches!(letter, b'u' | b'U' | b'b' | b'B' | b'r' | b'R'))
}

/// An integer in Python's spellings: `16`, `0x10`, `0o20`, `020`, `0b10000`, `1_6`, each with `L` or without.
fn integer(word: &[u8]) -> Option<i128> {
    let word = word.strip_suffix(b"L").or_else(|| word.strip_suffix(b"l")).unwrap_or(word);
    let (radix, digits) = match word {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest),
        _ => (10, word),
    };
    if !digits.iter().any(u8::is_ascii_alphanumeric) {
        return None;
    }
    digits.iter().filter(|digit| **digit != b'_').try_fold(0i128, |number, digit| {
        let value = (*digit as char).to_digit(radix)?;
        number.checked_mul(i128::from(radix))?.checked_add(i128::from(value))
    })
}

/// Appends a text with Python's escapes resolved; unknown escapes stay unchanged, as in Python.
fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some((&letter, after)) = rest.split_first() else {
            out.push(b'\\');
            return;
        };
        rest = after;
        let code = |digits: Option<&[u8]>, radix| {
            let digits = str::from_utf8(digits?).ok()?;
            char::from_u32(u32::from_str_radix(digits, radix).ok()?)
        };
        let (shown, taken) = match letter {
            b'\n' => continue,
            b'\\' | b'\'' | b'"' => (Some(letter as char), 0),
            b'n' => (Some('\n'), 0),
            b't' => (Some('\t'), 0),
            b'r' => (Some('\r'), 0),
            b'a' => (Some('\u{7}'), 0),
            b'b' => (Some('\u{8}'), 0),
            b'f' => (Some('\u{c}'), 0),
            b'v' => (Some('\u{b}'), 0),
            b'x' => (code(rest.get(..2), 16), 2),
            b'u' => (code(rest.get(..4), 16), 4),
            b'U' => (code(rest.get(..8), 16), 8),
            b'0'..=b'7' => {
                let more = rest.iter().take(2).take_while(|digit| matches!(digit, b'0'..=b'7')).count();
                let digits = [&[letter], rest.get(..more).unwrap_or_default()].concat();
                (code(Some(&digits), 8), more)
            }
            _ => (None, 0),
        };
        match shown {
            Some(shown) => {
                out.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes());
                rest = rest.get(taken..).unwrap_or_default();
            }
            None => out.extend_from_slice(&[b'\\', letter]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Value;
    use super::*;

    /// Formats a value as Rust's `Debug` would.
    fn shown(value: Value<'_, '_>) -> String {
        if let Some(items) = value.items() {
            return format!("[{}]", items.map(shown).collect::<Vec<_>>().join(", "));
        }
        if let Some(pairs) = value.pairs() {
            let pairs: Vec<_> =
                pairs.map(|(key, value)| format!("{}: {}", shown(key), shown(value))).collect();
            return format!("{{{}}}", pairs.join(", "));
        }
        match (value.text(), value.boolean(), value.integer(), value.float()) {
            (Some(text), ..) => format!("{:?}", String::from_utf8_lossy(text)),
            (_, Some(value), ..) => format!("{value}"),
            (_, _, Some(number), _) => format!("{number}"),
            (_, _, _, Some(number)) => format!("{number:?}"),
            _ => "None".to_owned(),
        }
    }

    fn read(text: &str) -> Result<Vec<String>, Error> {
        let mut entries = Vec::new();
        let result: Result<(), Problem> = Literals::new(text.as_bytes()).read(|item, tree| {
            entries.push(format!(
                "{} {}",
                String::from_utf8_lossy(item.variable),
                shown(tree.root().unwrap())
            ));
            Ok(())
        });
        result.map(|()| entries).map_err(|problem| problem.in_member("m", text.as_bytes()))
    }

    fn refusal(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn every_kind_of_literal() {
        let text = r#"
"""A file of types."""
version = (1, 2)  # a comment
mac_types = {
  'a' 'b': [ 0x10, {   # sizes
\t'n': [-18446744073709551588L, ('p', True, None, 1.5, 0o17, 017, 0b11,)], \
}],
  u"c\x41\n\q": dict(target="int", choices={1: r'\x', -1: '''two
lines'''}, ),
}; other = {}
"#
        .replace("\\t'n'", "\t'n'");
        assert_eq!(
            read(&text).unwrap(),
            [
                r#"mac_types ["ab", [16, {"n": [-18446744073709551588, ["p", true, None, 1.5, 15, 15, 3]]}]]"#,
                r#"mac_types ["cA\n\\q", {"target": "int", "choices": {1: "\\x", -1: "two\nlines"}}]"#,
            ]
        );
    }

    #[test]
    fn anything_but_literals_is_refused_with_its_place() {
        for (text, place, found) in [
            ("x = {'a': [1, f(2)]}", "line 1, column 15", "found a call of 'f'"),
            ("x = {\n 'a': obj.Foo}", "line 2, column 7", "found an attribute of 'obj'"),
            ("x = {'a': [b for b in c]}", "line 1, column 12", "found the name 'b'"),
            ("x = {'a': [1 for b in c]}", "line 1, column 14", "found a comprehension"),
            ("x = {'a': 1 + 1}", "line 1, column 13", "found the operator '+'"),
            ("x = {'a': lambda x: 1}", "line 1, column 11", "found a lambda"),
            ("import os", "line 1, column 1", "found the statement 'import'"),
            ("x.update({})", "line 1, column 1", "found an attribute of 'x'"),
            ("x = {}\nx['a'] = [1]", "line 2, column 1", "found an index of 'x'"),
            ("x = {'a': 'b'.join([])}", "line 1, column 14", "found an attribute"),
            ("x = {'a': dict([1])}", "line 1, column 16", "found an index"),
            ("x = {1, 2}", "line 1, column 7", "found ','"),
            ("x = {'a': [1", "line 1, column 13", "found the end of the text"),
            ("x = {'a': 'b\n'}", "line 1, column 11", "found an unterminated text"),
            ("x = {'a': 0xg}", "line 1, column 11", "found '0xg'"),
            ("x = {} y", "line 1, column 8", "found the name 'y'"),
        ] {
            let message = refusal(text);
            assert!(message.contains(place) && message.contains(found), "{text}: {message}");
        }
        let deep = format!("x = {{'a': {}", "[".repeat(1000));
        assert!(refusal(&deep).contains("values nested more than 64 deep"));
    }
}
