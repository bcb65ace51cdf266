use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use profile::is_unprintable;

use crate::{Error, KeyError};

/// The address of an object in a repository: a relative path of plain parts, joined by `/`.
///
/// Whatever its source (the command line, a configuration, the target of a symlink profile), it cannot leave the
/// repository: no part is empty, `.` or `..`, and none contains a separator, a drive or an unprintable character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// The longest key, in bytes; object stores accept no more.
const LONGEST: usize = 1024;

impl Key {
    /// The key as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file below `root`.
    pub fn below(&self, root: &Path) -> PathBuf {
        let mut path = root.to_owned();
        path.extend(self.0.split('/'));
        path
    }

    /// Its last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match check(text) {
            Ok(()) => Ok(Self(Arc::from(text))),
            Err(source) => Err(Error::Key { text: text.chars().take(256).collect(), source }),
        }
    }
}

fn check(text: &str) -> Result<(), KeyError> {
    if text.len() > LONGEST {
        return Err(KeyError::Length(text.len()));
    }
    let wrong = |character: char| is_unprintable(character) || matches!(character, '\\' | ':');
    if let Some((position, character)) = text.chars().enumerate().find(|(_, character)| wrong(*character)) {
        return Err(KeyError::Character { character, position });
    }
    for part in text.split('/') {
        match part {
            "" => return Err(KeyError::Empty),
            "." | ".." => return Err(KeyError::Dots(part.to_owned())),
            _ => {}
        }
    }
    Ok(())
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_keys() {
        for text in [
            "inventory.gz",
            "nt/GUID/F8E2A8B5C9B74BF4A6E4A48F180099942.gz",
            "Linux/Ubuntu/a b/.x",
            "Linux/größe内核",
        ] {
            assert_eq!(text.parse::<Key>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn nothing_leaves_the_repository() {
        for (text, problem) in [
            ("", KeyError::Empty),
            ("/etc/passwd", KeyError::Empty),
            ("nt//x", KeyError::Empty),
            ("nt/", KeyError::Empty),
            ("../x", KeyError::Dots("..".into())),
            ("nt/../../x", KeyError::Dots("..".into())),
            ("./x", KeyError::Dots(".".into())),
            ("nt\\x", KeyError::Character { character: '\\', position: 2 }),
            ("C:x", KeyError::Character { character: ':', position: 1 }),
            ("nt/\0", KeyError::Character { character: '\0', position: 3 }),
            ("nt/\u{1b}", KeyError::Character { character: '\u{1b}', position: 3 }),
            ("nt/a\u{202e}b", KeyError::Character { character: '\u{202e}', position: 4 }),
            ("\u{2066}x", KeyError::Character { character: '\u{2066}', position: 0 }),
            ("é\u{200b}", KeyError::Character { character: '\u{200b}', position: 1 }),
        ] {
            match text.parse::<Key>() {
                Err(Error::Key { source, .. }) => assert_eq!(source, problem, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }
}
