use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Lines, escaped};

/// Rows under titles, each column as wide as necessary: numbers to the right, all else to the left.
pub struct Table<'a> {
    titles: Vec<Title<'a>>,
    rows: Vec<Vec<String>>,
}

struct Title<'a> {
    text: Cow<'a, str>,
    right: bool,
}

/// The longest line under the last column.
const LONGEST_RULE: usize = 60;

impl<'a> Table<'a> {
    /// A table with these titles; a title that begins with `>` is above numbers.
    pub fn new(titles: &[&'a str]) -> Self {
        let title = |text: &&'a str| match text.strip_prefix('>') {
            Some(text) => Title { text: escaped(text), right: true },
            None => Title { text: escaped(text), right: false },
        };
        Self { titles: titles.iter().map(title).collect(), rows: Vec::new() }
    }

    /// Adds a row with one cell for each title. The width of a column is that of its escaped cells.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| escaped(&cell).into_owned()).collect());
    }

    /// The lines, with a rule under the titles. Empty columns are left out.
    pub fn lines(&self) -> Lines {
        let cell = |row: &'_ Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column: usize| self.rows.iter().map(|row| cell(row, column).chars().count()).max();
        let mut shown: Vec<(usize, &Title<'_>, usize)> = self
            .titles
            .iter()
            .enumerate()
            .map(|(column, title)| (column, title, width(column).unwrap_or(0)))
            .filter(|(.., width)| *width > 0 || self.rows.is_empty())
            .map(|(column, title, width)| (column, title, width.max(title.text.chars().count())))
            .collect();
        // Nothing has to be aligned after the last column, whose sentences can be long.
        if let Some((_, Title { right: false, .. }, width)) = shown.last_mut() {
            *width = (*width).min(LONGEST_RULE);
        }
        let mut lines = Lines::new();
        let mut line = |cells: Vec<String>| {
            let mut line = String::new();
            for (cell, (_, title, width)) in cells.iter().zip(&shown) {
                let gap = if line.is_empty() { "" } else { " " };
                // Writing to a string cannot fail.
                let _ = match title.right {
                    true => write!(line, "{gap}{cell:>width$}"),
                    false => write!(line, "{gap}{cell:width$}"),
                };
            }
            lines.line(line.trim_end());
        };
        line(shown.iter().map(|(_, title, _)| title.text.clone().into_owned()).collect());
        line(shown.iter().map(|(.., width)| "-".repeat(*width)).collect());
        for row in &self.rows {
            line(shown.iter().map(|(column, ..)| cell(row, *column)).collect());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_necessary() {
        let mut table = Table::new(&["Name", ">PID", "Empty", "State"]);
        table.row(["systemd".to_owned(), "1".to_owned(), String::new(), "sleeping".to_owned()]);
        table.row(["a\u{1b}[2J".to_owned(), "10024".to_owned(), String::new(), String::new()]);
        assert_eq!(
            table.lines().text(),
            "Name         PID State\n---------- ----- --------\nsystemd        1 sleeping\na\\u{1b}[2J 10024\n"
        );
    }

    #[test]
    fn a_long_last_column_has_a_short_line_over_it() {
        let mut table = Table::new(&["PID", "What"]);
        table.row(["4".to_owned(), "x".repeat(200)]);
        let lines = table.lines();
        let lengths: Vec<usize> = lines.text().lines().map(str::len).collect();
        assert_eq!(lengths, [8, 4 + LONGEST_RULE, 204]);
    }

    #[test]
    fn an_empty_table_still_has_titles() {
        assert_eq!(Table::new(&["Name", ">PID"]).lines().text(), "Name PID\n---- ---\n");
    }
}
