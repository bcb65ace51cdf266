use std::fmt::Write as _;

/// Rows under titles, each column as wide as it has to be: numbers to the right, all else to the left.
pub struct Table<'a> {
    titles: Vec<Title<'a>>,
    rows: Vec<Vec<String>>,
}

struct Title<'a> {
    text: &'a str,
    right: bool,
}

/// No longer line is drawn under the last column.
const LONGEST_RULE: usize = 60;

impl<'a> Table<'a> {
    /// A table with these titles; a title that begins with `>` stands over numbers.
    pub fn new(titles: &[&'a str]) -> Self {
        let title = |text: &&'a str| match text.strip_prefix('>') {
            Some(text) => Title { text, right: true },
            None => Title { text, right: false },
        };
        Self { titles: titles.iter().map(title).collect(), rows: Vec::new() }
    }

    /// Adds a row, one cell for each title.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell)).collect());
    }

    /// The text, with a line under the titles. Columns in which nothing stands are left out.
    pub fn print(&self) -> String {
        let cell = |row: &'_ Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column: usize| self.rows.iter().map(|row| cell(row, column).chars().count()).max();
        let mut shown: Vec<(usize, &Title<'_>, usize)> = self
            .titles
            .iter()
            .enumerate()
            .map(|(column, title)| (column, title, width(column).unwrap_or(0)))
            .filter(|(.., width)| *width > 0 || self.rows.is_empty())
            .map(|(column, title, width)| (column, title, width.max(title.text.len())))
            .collect();
        // Behind the last column nothing has to stand in line, and its sentences can be long.
        if let Some((_, Title { right: false, .. }, width)) = shown.last_mut() {
            *width = (*width).min(LONGEST_RULE);
        }
        let mut text = String::new();
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
            text.push_str(line.trim_end());
            text.push('\n');
        };
        line(shown.iter().map(|(_, title, _)| title.text.to_owned()).collect());
        line(shown.iter().map(|(.., width)| "-".repeat(*width)).collect());
        for row in &self.rows {
            line(shown.iter().map(|(column, ..)| cell(row, *column)).collect());
        }
        text
    }
}

/// Names come from memory, where anything may stand: what would move the cursor is shown as its code.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            character if character.is_control() => character.escape_default().to_string(),
            character => character.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_have_to_be() {
        let mut table = Table::new(&["Name", ">PID", "Empty", "State"]);
        table.row(["systemd".to_owned(), "1".to_owned(), String::new(), "sleeping".to_owned()]);
        table.row(["a\u{1b}[2J".to_owned(), "10024".to_owned(), String::new(), String::new()]);
        assert_eq!(
            table.print(),
            "Name         PID State\n---------- ----- --------\nsystemd        1 sleeping\na\\u{1b}[2J 10024\n"
        );
    }

    #[test]
    fn a_long_last_column_has_a_short_line_over_it() {
        let mut table = Table::new(&["PID", "What"]);
        table.row(["4".to_owned(), "x".repeat(200)]);
        let text = table.print();
        let lengths: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(lengths, [8, 4 + LONGEST_RULE, 204]);
    }

    #[test]
    fn an_empty_table_still_says_what_it_lists() {
        assert_eq!(Table::new(&["Name", ">PID"]).print(), "Name PID\n---- ---\n");
    }
}
