use percent_encoding::percent_decode_str;

/// Why a request is answered without a file.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The path cannot name a file.
    Malformed(&'static str),
    /// There is no such file.
    Absent,
    /// A link leads out of the folder.
    Leaves,
    /// The file system failed.
    Failed(std::io::Error),
}

/// The longest path, as it was sent, in bytes.
const LONGEST: usize = 4096;
/// How many folders deep a path may lead.
const MAX_PARTS: usize = 32;

/// The names in the path of a request, decoded once.
///
/// Whatever was sent, no name is empty, leads upwards, begins with a dot (version control, temporary files), or
/// contains a separator, drive, stream or control character. So the names together stay below the folder that they
/// are joined to. Empty parts are ignored, as in file systems.
pub(super) fn parts(path: &str) -> Result<Vec<String>, Refusal> {
    if path.len() > LONGEST {
        return Err(Refusal::Malformed("the path is longer than 4096 bytes"));
    }
    let Some(path) = path.strip_prefix('/') else {
        return Err(Refusal::Malformed("expected a path that begins with a slash"));
    };
    let mut parts = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if !is_encoded_well(part) {
            return Err(Refusal::Malformed("expected two hexadecimal digits after %"));
        }
        let Ok(name) = percent_decode_str(part).decode_utf8() else {
            return Err(Refusal::Malformed("expected UTF-8"));
        };
        if name.contains(['/', '\\', ':']) || name.chars().any(char::is_control) {
            return Err(Refusal::Malformed("a name holds a separator, a colon or a control character"));
        }
        // Windows drops dots and spaces at the end of names, so that `.. ` leads upwards there.
        if name.trim_end_matches(['.', ' ']).is_empty() {
            return Err(Refusal::Malformed("a name is made of dots and spaces"));
        }
        if name.starts_with('.') {
            return Err(Refusal::Absent);
        }
        if parts.len() == MAX_PARTS {
            return Err(Refusal::Malformed("the path leads more than 32 folders deep"));
        }
        parts.push(name.into_owned());
    }
    // Folders are not listed.
    if parts.is_empty() || path.ends_with('/') {
        return Err(Refusal::Absent);
    }
    Ok(parts)
}

fn is_encoded_well(part: &str) -> bool {
    part.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_once() {
        for (path, expected) in [
            ("/k.pdb/F8/k.pdb", &["k.pdb", "F8", "k.pdb"][..]),
            ("//k.pdb///F8", &["k.pdb", "F8"]),
            ("/k./k.pdb", &["k.", "k.pdb"]),
            ("/a%20b%2B+c", &["a b++c"]),
            ("/%C3%A9", &["é"]),
            ("/%252e%252e/x", &["%2e%2e", "x"]),
            ("/v1.0/nt/GUID/F8.gz", &["v1.0", "nt", "GUID", "F8.gz"]),
            ("//etc/passwd", &["etc", "passwd"]),
        ] {
            assert_eq!(parts(path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn nothing_leads_out() {
        for path in EVIL {
            assert!(matches!(parts(path), Err(Refusal::Malformed(_))), "{path:?}: {:?}", parts(path));
        }
        for path in ["/", "/k.pdb/", "/.git/config", "/a/.x.tmp", "/%2egit/config"] {
            assert!(matches!(parts(path), Err(Refusal::Absent)), "{path:?}");
        }
        assert!(parts(&format!("/{}", "a".repeat(5000))).is_err());
        assert!(parts(&"/a".repeat(33)).is_err());
        assert!(parts(&"/a".repeat(32)).is_ok());
    }

    #[test]
    fn no_mixture_of_hostile_pieces_leads_out() {
        let pieces = [
            "/",
            "/",
            "..",
            ".",
            "%2e",
            "%2E",
            "%2f",
            "%5c",
            "\\",
            "%00",
            "%0a",
            ":",
            "C:",
            "%",
            "%2",
            "a",
            "k.pdb",
            "%252e",
            "%c0%ae",
            "%ef%bc%8e",
            " ",
            "%20",
            "~",
            "*",
            "?",
            "|",
            "NUL",
            "\u{2025}",
            "%e2%80%a5",
        ];
        let mut random = fastrand::Rng::with_seed(6);
        let mut taken = 0;
        for _ in 0..200_000 {
            let count = random.usize(..8);
            let mut path = "/".to_owned();
            (0..count).for_each(|_| path.push_str(pieces[random.usize(..pieces.len())]));
            let Ok(parts) = parts(&path) else { continue };
            taken += 1;
            let joined: std::path::PathBuf = parts.iter().collect();
            let plain = |part| matches!(part, std::path::Component::Normal(_));
            assert!(joined.components().all(plain), "{path:?}: {parts:?}");
            assert_eq!(joined.components().count(), parts.len(), "{path:?}: {parts:?}");
            assert!(!parts.iter().any(|part| part.contains(['\\', '\0', ':'])), "{path:?}: {parts:?}");
        }
        assert!(taken > 1000, "{taken}");
    }

    pub(crate) const EVIL: &[&str] = &[
        "",
        "x",
        "*",
        "/..",
        "/../x",
        "/a/../../x",
        "/./x",
        "/a/..",
        "/%2e%2e/x",
        "/%2E%2e/%2e./x",
        "/.%2e/x",
        "/..%2fx",
        "/..%5cx",
        "/a\\..\\x",
        "/%5c%5cserver%5cshare",
        "/C:/Windows/win.ini",
        "/c%3a%5cWindows",
        "/x::$DATA",
        "/x%00.pdb",
        "/%00",
        "/a%0d%0aX: y",
        "/%7f",
        "/.../x",
        "/..%20/x",
        "/%20/x",
        "/%",
        "/%2",
        "/%zz",
        "/%+2",
        "/%c0%ae%c0%ae/x",
        "/%ff",
    ];
}
