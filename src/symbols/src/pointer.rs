use std::path::PathBuf;

use url::Url;

/// The content of a `file.ptr`: the location of the file, or why it is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pointer {
    /// `PATH:` with a path.
    Path(PathBuf),
    /// `PATH:` with an address.
    Url(Url),
    /// `MSG:` with the reason why the file is missing.
    Message(String),
}

/// Why a text is not a `file.ptr`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("file.ptr: expected 'PATH:<where>' or 'MSG:<why not>', found '{found}'")]
#[non_exhaustive]
pub struct PointerError {
    /// The beginning of the text.
    pub found: String,
}

impl Pointer {
    /// The longest text that is read; a longer one is not a pointer.
    pub const LONGEST: u64 = 4096;

    /// Reads the text of a `file.ptr`. Some stores omit the word `PATH:`.
    ///
    /// # Errors
    /// [`PointerError`] if it is something else, such as an HTML page.
    pub fn parse(text: &[u8]) -> Result<Self, PointerError> {
        let refuse = |found: &str| Err(PointerError { found: found.chars().take(60).collect() });
        let text = String::from_utf8_lossy(text);
        let line = text.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.contains(['\n', '\r', '\0']) || line.starts_with('<') {
            return refuse(line);
        }
        if let Some(message) = strip_word(line, "MSG:") {
            return Ok(Self::Message(message.to_owned()));
        }
        let place = strip_word(line, "PATH:").unwrap_or(line);
        match Url::parse(place) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self::Url(url)),
            _ if place.contains(['/', '\\']) => Ok(Self::Path(PathBuf::from(place))),
            _ => refuse(line),
        }
    }
}

fn strip_word<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let start = line.get(..word.len())?;
    start.eq_ignore_ascii_case(word).then(|| line[word.len()..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_paths_addresses_and_messages() {
        assert_eq!(
            Pointer::parse(b"PATH:\\\\share\\sym\\k.pdb\r\n").unwrap(),
            Pointer::Path(r"\\share\sym\k.pdb".into())
        );
        assert_eq!(Pointer::parse(b"/srv/k.pdb").unwrap(), Pointer::Path("/srv/k.pdb".into()));
        let Pointer::Url(url) = Pointer::parse(b"path: https://h/k.pdb").unwrap() else { panic!() };
        assert_eq!(url.as_str(), "https://h/k.pdb");
        assert_eq!(
            Pointer::parse(b"MSG: Private symbols").unwrap(),
            Pointer::Message("Private symbols".into())
        );
    }

    #[test]
    fn refuses_pages_and_nothing() {
        assert!(Pointer::parse(b"").is_err());
        assert!(Pointer::parse(b"<html></html>").is_err());
        assert!(Pointer::parse(b"Not found").is_err());
    }
}
