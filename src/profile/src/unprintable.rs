use std::sync::OnceLock;

use regex::Regex;

/// Control characters (including line feeds and tabs), formatting characters (those that change the writing direction,
/// join characters or are invisible, and tags), line and paragraph separators, everything else that Unicode defines as
/// invisible, and code points that are not characters.
const UNPRINTABLE: &str =
    r"[\p{Cc}\p{Cf}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]";

/// Whether a character is invisible, changes how the text around it is shown, or controls a terminal. Untrusted text is
/// printed with such characters as codes, and a name that contains one is not accepted for a file: it could look like
/// another name.
pub fn is_unprintable(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    static TABLE: OnceLock<Option<Regex>> = OnceLock::new();
    match TABLE.get_or_init(|| Regex::new(UNPRINTABLE).ok()) {
        Some(unprintable) => unprintable.is_match(character.encode_utf8(&mut [0; 4])),
        // The expression is valid (a test checks that); without it no text would be trusted.
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_and_controlling_characters_are_unprintable() {
        for character in
            "\u{1b}\n\u{9b}\u{ad}\u{200b}\u{202e}\u{2028}\u{2066}\u{3164}\u{fe0f}\u{feff}\u{e0041}".chars()
        {
            assert!(is_unprintable(character), "{character:?}");
        }
    }

    #[test]
    fn letters_of_every_script_are_printable() {
        for character in "a ~\u{a0}ßЯ内カליन😀\u{fffd}".chars() {
            assert!(!is_unprintable(character), "{character:?}");
        }
    }
}
