//! Names as they are stored in the PDB.

use profile::{Name, Names, Report};

/// Converts names to text and counts those that are not UTF-8.
#[derive(Debug, Default)]
pub(crate) struct TextReader {
    broken: u64,
    example: Option<String>,
}

impl TextReader {
    pub(crate) fn intern(&mut self, bytes: &[u8], names: &mut Names) -> Name {
        match names.intern_utf8(bytes) {
            Ok(name) => name,
            Err(_) => {
                let text = String::from_utf8_lossy(bytes);
                self.broken += 1;
                self.example.get_or_insert_with(|| text.clone().into_owned());
                names.intern(&text)
            }
        }
    }

    /// Counts the broken names.
    pub(crate) fn finish(self, report: &mut Report) {
        if self.broken > 0 {
            report.lose_many("names that are not UTF-8", self.broken, || self.example.unwrap_or_default());
        }
    }
}

/// Whether a type's name was made up by a compiler because the source gives none: `__unnamed` and `<unnamed-tag>` in
/// C, `_FOO::<unnamed-type-u>`, `_FOO::<anonymous-tag>` and `<unnamed-enum-A>` in C++.
pub(crate) fn is_unnamed(name: &[u8]) -> bool {
    // The last letter excludes nearly all other names.
    if !matches!(name.last(), None | Some(b'd' | b'>')) {
        return false;
    }
    let last = memchr::memmem::rfind(name, b"::").map_or(name, |at| name.get(at + 2..).unwrap_or_default());
    match last {
        b"" => name.is_empty(),
        b"__unnamed" => true,
        [b'<', inner @ .., b'>'] => {
            (inner.starts_with(b"unnamed-") || inner.starts_with(b"anonymous-")) && !inner.contains(&b'>')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unnamed_types_are_recognised_by_their_last_part() {
        for name in [
            "",
            "__unnamed",
            "<unnamed-tag>",
            "_FOO::<unnamed-type-u1>",
            "_FOO::<anonymous-tag>",
            "A<int>::<unnamed-enum-x>",
        ] {
            assert!(is_unnamed(name.as_bytes()), "{name}");
        }
        for name in ["_FOO", "A<b::<unnamed-tag> >", "A<b::<unnamed-tag>>", "<lambda_1>", "__unnamed2", "a::"]
        {
            assert!(!is_unnamed(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn broken_names_are_counted() {
        let (mut texts, mut names, mut report) = (TextReader::default(), Names::default(), Report::default());
        let name = texts.intern(b"a\xff", &mut names);
        assert_eq!(names.get(name), "a\u{fffd}");
        texts.finish(&mut report);
        assert_eq!(report.count("names that are not UTF-8"), 1);
    }
}
