use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, Write};

use super::escape::escaped;
use super::{Lines, document};
use crate::report::Error;

/// Prints the error in a command line, or the help or version if that was requested.
///
/// Messages about a command line repeat its arguments on separate lines. If an argument could forge such a line, the
/// command line is parsed again with that argument escaped, which gives the same message without the danger.
pub fn explain<T>(
    error: &clap::Error,
    arguments: &[OsString],
    parse: impl Fn(Vec<OsString>) -> Result<T, clap::Error>,
) {
    let harmless: Vec<Cow<'_, str>> = arguments.iter().map(|argument| shown(argument)).collect();
    let changed = harmless.iter().zip(arguments).any(|(shown, argument)| shown.as_ref() != argument);
    // Neither help nor an error may fail on a closed pipe.
    let _ = match changed.then(|| parse(harmless.iter().map(|argument| argument.as_ref().into()).collect())) {
        None => error.print(),
        Some(Err(same)) => same.print(),
        // The escaped argument is valid. Then the message is one line.
        Some(Ok(_)) => {
            let line: Lines = [error.to_string()].into_iter().collect();
            io::stderr().lock().write_all(line.text().as_bytes())
        }
    };
    if error.use_stderr() && arguments.iter().any(|argument| argument == "--json") {
        let error = Error { error: said(error), items: Vec::new(), exit_code: 2 };
        let _ = document(&error).map(|text| io::stdout().lock().write_all(text.as_bytes()));
    }
}

/// The problem, without usage and colours.
fn said(error: &clap::Error) -> String {
    let text = error.to_string();
    let what = text.split("\n\nUsage:").next().unwrap_or_default();
    let what = what.split("\n\nFor more information").next().unwrap_or_default();
    let words: Vec<&str> = what.strip_prefix("error: ").unwrap_or(what).split_whitespace().collect();
    words.join(" ")
}

/// An argument in printable form; bytes that are not UTF-8 as their codes.
fn shown(argument: &OsString) -> Cow<'_, str> {
    match argument.to_str() {
        Some(text) => escaped(text),
        None => {
            let bytes = argument.as_encoded_bytes();
            let text: String = bytes.utf8_chunks().fold(String::new(), |mut text, chunk| {
                text.push_str(&escaped(chunk.valid()));
                text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
                text
            });
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_escaped() {
        assert_eq!(shown(&"plain".into()), "plain");
        assert_eq!(shown(&"a\u{1b}\n".into()), "a\\u{1b}\\n");
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStringExt;
            assert_eq!(shown(&OsString::from_vec(b"a\xff\n".to_vec())), "a\\xff\\n");
        }
    }
}
