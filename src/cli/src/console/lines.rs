use std::fmt::{Display, Write as _};

use super::escape::escaped;

/// The lines of a report. All text is escaped, so that only [`Lines::line`] begins a new line and untrusted text
/// cannot.
#[derive(Debug, Default)]
pub struct Lines {
    text: String,
}

impl Lines {
    /// Makes an empty list of lines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one line.
    pub fn line(&mut self, line: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{}", escaped(&line.to_string()));
    }

    /// Adds the lines of another report.
    pub fn append(&mut self, other: &Lines) {
        self.text.push_str(&other.text);
    }

    /// All lines, each with its line feed.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl<L: Display> FromIterator<L> for Lines {
    fn from_iter<I: IntoIterator<Item = L>>(lines: I) -> Self {
        let mut all = Self::new();
        lines.into_iter().for_each(|line| all.line(line));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_text_begins_no_line() {
        let mut lines: Lines = ["a\nverdict: match", ""].into_iter().collect();
        lines.line(format_args!("{}\u{2028}{}", 1, "\u{1b}[1A"));
        assert_eq!(lines.text(), "a\\nverdict: match\n\n1\\u{2028}\\u{1b}[1A\n");
    }
}
