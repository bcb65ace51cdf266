use std::str::FromStr;

/// A source language whose definitions are left out by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Language {
    /// Rust.
    Rust,
    /// Go.
    Go,
    /// D.
    D,
    /// Swift.
    Swift,
    /// Zig.
    Zig,
    /// Ada.
    Ada,
    /// Fortran.
    Fortran,
    /// Pascal and Modula.
    Pascal,
    /// Every language.
    All,
}

const NAMES: [(Language, &str); 9] = [
    (Language::Rust, "rust"),
    (Language::Go, "go"),
    (Language::D, "d"),
    (Language::Swift, "swift"),
    (Language::Zig, "zig"),
    (Language::Ada, "ada"),
    (Language::Fortran, "fortran"),
    (Language::Pascal, "pascal"),
    (Language::All, "all"),
];

/// The text does not name a known language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "language '{0}' is not known, expected one of rust, go, d, swift, zig, ada, fortran, pascal, all (C, C++ and assembly are always taken)"
)]
pub struct LanguageError(pub String);

impl Language {
    /// Its name as a value of `--lang`.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(language, _)| *language == self).map_or("all", |(_, name)| name)
    }
}

impl FromStr for Language {
    type Err = LanguageError;

    /// Ignores case.
    fn from_str(text: &str) -> Result<Self, LanguageError> {
        let found = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        found.map(|(language, _)| *language).ok_or_else(|| LanguageError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!("RUST".parse(), Ok(Language::Rust));
        assert!("c#".parse::<Language>().is_err());
    }
}
