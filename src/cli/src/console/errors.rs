use super::Lines;

/// An error with a list: a sentence, then one line for each item.
#[derive(Debug, thiserror::Error)]
#[error("{what}{}", joined(items))]
pub struct Listed {
    /// The problem.
    pub what: String,
    /// The alternatives, or what was tried.
    pub items: Vec<String>,
}

impl Listed {
    /// Converts it to the error of a command.
    pub fn error(what: String, items: Vec<String>) -> anyhow::Error {
        Self { what, items }.into()
    }
}

/// No repository has the requested profile: a negative result, not a failure.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct NoProfile(pub Listed);

/// Formats lists as the libraries' own errors do.
fn joined(items: &[String]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}

/// An error with its causes on one line after a prefix; if one of them has a list, each item of it follows on its own
/// line.
///
/// The text of an error can contain anything. Only a list that the error has as data is split into lines.
pub fn lines_of(before: &str, error: &anyhow::Error) -> Lines {
    let whole = format!("{before}{}", with_causes(error));
    let items = error.chain().find_map(items_of).unwrap_or_default();
    lines(&whole, &items)
}

/// An error and its causes, joined with colons. What an error says of its cause is not said again, and neither is a
/// place that the cause names itself.
fn with_causes(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if let Some(last) = parts.last() {
            if last.ends_with(&text) {
                continue;
            }
            if text.strip_prefix(last.as_str()).is_some_and(|rest| rest.starts_with(": ")) {
                parts.pop();
            }
        }
        parts.push(text);
    }
    parts.join(": ")
}

/// The same for an error of a library on its own.
pub fn lines_of_error(error: &(dyn std::error::Error + 'static)) -> Lines {
    lines(&error.to_string(), &items_of(error).unwrap_or_default())
}

/// An error with its causes, and the items of its list, for a document.
pub fn parts(error: &anyhow::Error) -> (String, Vec<String>) {
    let whole = with_causes(error);
    let items = error.chain().find_map(items_of).unwrap_or_default();
    match whole.strip_suffix(&joined(&items)) {
        Some(what) => (what.to_owned(), items),
        None => (whole, Vec::new()),
    }
}

fn lines(whole: &str, items: &[String]) -> Lines {
    let mut lines = Lines::new();
    match whole.strip_suffix(&joined(items)) {
        Some(what) => {
            lines.line(what);
            items.iter().for_each(|item| lines.line(format_args!("  {item}")));
        }
        // Text follows the list.
        None => lines.line(whole),
    }
    lines
}

/// The items of the list that ends an error's text.
fn items_of(error: &(dyn std::error::Error + 'static)) -> Option<Vec<String>> {
    let own = error.downcast_ref::<NoProfile>().map(|NoProfile(listed)| listed);
    if let Some(Listed { items, .. }) = own.or(error.downcast_ref()) {
        return Some(items.clone());
    }
    match error.downcast_ref::<repository::Error>() {
        Some(repository::Error::NotFound { tried, .. }) => {
            return Some(tried.iter().map(|(place, answer)| format!("{place}: {answer}")).collect());
        }
        Some(repository::Error::Fetch(error)) => return tried(error),
        _ => {}
    }
    tried(error.downcast_ref::<symbols::Error>()?)
}

/// The places where a file was searched for, with the results.
fn tried(error: &symbols::Error) -> Option<Vec<String>> {
    match error {
        symbols::Error::Missing { tried, .. }
        | symbols::Error::Unavailable { tried, .. }
        | symbols::Error::Refused { tried, .. }
        | symbols::Error::NoDebugFile { tried, .. }
        | symbols::Error::DebugFileUnavailable { tried, .. }
        | symbols::Error::DebugFileRefused { tried, .. } => {
            Some(tried.iter().map(|one| format!("{}: {}", one.place, one.answer)).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn only_items_of_a_list_get_lines() {
        let items = vec!["a\nverdict: match".to_owned(), "b".to_owned()];
        let error = Listed::error("which?\u{1b}[2J".to_owned(), items);
        assert_eq!(lines_of("", &error).text(), "which?\\u{1b}[2J\n  a\\nverdict: match\n  b\n");
        let error = error.context("x\ny");
        assert_eq!(lines_of("", &error).text(), "x\\ny: which?\\u{1b}[2J\n  a\\nverdict: match\n  b\n");
        let error: anyhow::Result<()> = Err(anyhow::anyhow!("a\n  b")).context("c");
        assert_eq!(lines_of("", &error.unwrap_err()).text(), "c: a\\n  b\n");
    }

    #[test]
    fn each_fact_is_said_once() {
        let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let read = profile::ReadError::Io { path: "p.json".into(), source: missing() };
        let error = anyhow::Error::from(read).context("p.json");
        assert_eq!(lines_of("", &error).text(), "p.json: no such file\n");
        let error = anyhow::Error::from(missing()).context("cannot open p.json").context("p.json");
        assert_eq!(lines_of("", &error).text(), "p.json: cannot open p.json: no such file\n");
        assert_eq!(parts(&anyhow::anyhow!("a").context("a")).0, "a");
    }

    #[test]
    fn items_of_lists_in_libraries_get_lines_too() {
        let tried = vec![("repo\n".to_owned(), "not there".to_owned())];
        let error = repository::Error::NotFound { name: "nt/x".to_owned(), tried };
        let expected = "unable to load profile nt/x from any repository\n  repo\\n: not there\n";
        assert_eq!(lines_of_error(&error).text(), expected);
        assert_eq!(lines_of("", &error.into()).text(), expected);
    }
}
