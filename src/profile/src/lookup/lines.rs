//! Finds a symbol by bisection, in a section that has one entry on each line, sorted by name, as canonical texts have.

use std::sync::OnceLock;

/// Whether a section can be bisected. It is read once to make sure.
#[derive(Debug, Default)]
pub(super) struct Lines {
    are_sorted: OnceLock<bool>,
}

impl Lines {
    /// The value of the entry called `name`. The outer `None` means that the section has to be searched otherwise.
    pub(super) fn find<'a>(&self, section: &'a str, name: &str) -> Option<Option<&'a str>> {
        let sorted = *self.are_sorted.get_or_init(|| are_sorted(section));
        sorted.then(|| bisect(body(section)?, name))
    }
}

/// The lines between the braces.
fn body(section: &str) -> Option<&str> {
    section.trim_ascii().strip_prefix('{')?.strip_suffix('}')
}

/// The name and the number on a line.
fn entry(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_ascii().strip_prefix('"')?;
    let (name, value) = line.split_at(memchr::memchr(b'"', line.as_bytes())?);
    let value = value.strip_prefix("\":")?.trim_ascii_start();
    let value = value.strip_suffix(',').unwrap_or(value);
    let digits = value.strip_prefix('-').unwrap_or(value);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !name.contains('\\')).then_some((name, value))
}

/// Whether there is a number under a name on every line, and the names rise from line to line.
fn are_sorted(section: &str) -> bool {
    let Some(body) = body(section) else { return false };
    let mut last: Option<&str> = None;
    let mut rest = body.trim_ascii();
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        let Some((name, _)) = entry(line) else { return false };
        // All lines but the last end with a comma.
        let complete = line.trim_ascii_end().ends_with(',') != after.trim_ascii().is_empty();
        if !complete || last.is_some_and(|last| last.as_bytes() >= name.as_bytes()) {
            return false;
        }
        last = Some(name);
        rest = after.trim_ascii_start();
    }
    true
}

fn bisect<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = body.trim_ascii();
    while !rest.is_empty() {
        // The line in the middle.
        let (before, _) = rest.as_bytes().split_at(rest.len() / 2);
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let line = rest.get(start..)?;
        let end = memchr::memchr(b'\n', line.as_bytes()).unwrap_or(line.len());
        let (found, value) = entry(line.get(..end)?)?;
        match name.as_bytes().cmp(found.as_bytes()) {
            std::cmp::Ordering::Equal => return Some(value),
            std::cmp::Ordering::Less => rest = rest.get(..start)?.trim_ascii_end(),
            std::cmp::Ordering::Greater => rest = line.get(end..)?.trim_ascii_start(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_sorted_section_is_found_and_no_other() {
        for count in 0..40 {
            let lines: Vec<String> =
                (0..count).map(|at| format!("  \"n{:02}\": {}", 2 * at, at * 7)).collect();
            let section = format!("{{\n{}\n }}", lines.join(",\n"));
            let index = Lines::default();
            for at in 0..2 * count + 2 {
                let expected = (at % 2 == 0 && at / 2 < count).then(|| (at / 2 * 7).to_string());
                let found = index.find(&section, &format!("n{at:02}")).expect("it is sorted");
                assert_eq!(found.map(str::to_owned), expected, "n{at:02} of {count}");
            }
        }
    }

    #[test]
    fn what_is_not_a_sorted_list_of_numbers_is_left_to_others() {
        for section in [
            "{\"b\": 1,\n\"a\": 2}",
            "{\"a\": 1,\n\"a\": 2}",
            "{\"a\": 1, \"b\": 2}",
            "{\"a\": 1\n\"b\": 2}",
            "{\"a\": 1,\n}",
            "{\"a\": [1],\n\"b\": 2}",
            "{\"a\\n\": 1,\n\"b\": 2}",
            "[1]",
        ] {
            assert_eq!(Lines::default().find(section, "a"), None, "{section}");
        }
        assert_eq!(Lines::default().find("{}", "a"), Some(None));
    }
}
