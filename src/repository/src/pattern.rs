//! Patterns of `*` and `?`, as Python's `fnmatch` has them.

/// Whether a pattern matches a text: `*` stands for any characters, `?` for one. The time is linear in both but for one
/// factor.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut here) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while here < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(letter) if *letter == b'?' || Some(letter) == text.get(here) => {
                at += 1;
                here += 1;
            }
            _ => match &mut star {
                Some((back, from)) => {
                    *from += 1;
                    at = *back + 1;
                    here = *from;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_rekalls() {
        for (pattern, text, expected) in [
            ("src/artifacts/*.yaml", "src/artifacts/a.yaml", true),
            ("src/artifacts/*.yaml", "src/artifacts/b/a.yaml", true),
            ("src/artifacts/*.yaml", "src/artifacts/a.yml", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbxbc", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
