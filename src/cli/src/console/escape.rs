//! Makes untrusted text harmless: everything that the program prints goes through this function.
//!
//! Names, paths, evidence, answers of servers, and arguments that an error repeats can contain anything. Written to a
//! terminal unchanged, they could move the cursor, clear the screen, forge a line of a report, or show letters in a
//! different order. Each such character is shown as its code instead.

use std::borrow::Cow;
use std::fmt::Write as _;

use profile::is_unprintable;

/// The text with every potentially harmful character shown as its code: `\n`, `\t`, `\u{1b}`.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            // The short form if it is well known, otherwise the code.
            character if is_unprintable(character) => shown.extend(character.escape_default()),
            character => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// The text inside a JSON string that has already been escaped by the rules of JSON. Potentially harmful characters
/// are written as `\u001b`, which means the same to every parser.
pub fn escaped_in_json(fragment: &str) -> Cow<'_, str> {
    if is_plain(fragment) || !fragment.chars().any(is_unprintable) {
        return Cow::Borrowed(fragment);
    }
    let mut shown = String::with_capacity(fragment.len() + 16);
    for character in fragment.chars() {
        if is_unprintable(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether a text is printable ASCII, as almost all of it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_move_the_cursor_or_forge_a_line_are_shown_as_codes() {
        for (text, shown) in [
            ("plain text", "plain text"),
            ("a\nverdict: match\r", "a\\nverdict: match\\r"),
            ("\u{1b}[2J\u{1b}]0;x\u{7}", "\\u{1b}[2J\\u{1b}]0;x\\u{7}"),
            ("a\tb\u{0}\u{8}\u{7f}", "a\\tb\\u{0}\\u{8}\\u{7f}"),
            ("\u{9b}31m\u{85}\u{90}", "\\u{9b}31m\\u{85}\\u{90}"),
            ("\u{202e}exe.gnp\u{2066}\u{2069}\u{200f}", "\\u{202e}exe.gnp\\u{2066}\\u{2069}\\u{200f}"),
            ("\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}", "\\u{200b}\\u{200d}\\u{2060}\\u{feff}\\u{ad}"),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
            ("\u{3164}\u{115f}\u{34f}\u{fe0f}", "\\u{3164}\\u{115f}\\u{34f}\\u{fe0f}"),
            ("\u{e0041}\u{e007f}\u{e0100}", "\\u{e0041}\\u{e007f}\\u{e0100}"),
            ("\u{fdd0}\u{ffff}\u{fff9}\u{61c}", "\\u{fdd0}\\u{ffff}\\u{fff9}\\u{61c}"),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }

    #[test]
    fn letters_of_every_script_are_unchanged() {
        for text in [
            "größe",
            "Ядро",
            "内核",
            "カーネル",
            "ליבה",
            "नमस्ते",
            "é",
            "😀",
            "\\u{1b}",
            "\u{fffd}",
            "a\u{a0}b",
        ] {
            assert_eq!(escaped(text), text);
            assert_eq!(escaped_in_json(text), text);
        }
    }

    #[test]
    fn nothing_harmful_is_left_of_any_character() {
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            let shown = escaped(&text);
            assert!(shown.chars().all(|shown| !is_unprintable(shown)), "{:#x}", u32::from(character));
            assert!(shown == text || is_plain(&shown), "{:#x}", u32::from(character));
        }
    }

    #[test]
    fn escaped_json_has_the_same_value() {
        let text = "a\u{9b}\u{202e}\u{e0041}\u{7f}\u{200b}";
        assert_eq!(escaped_in_json(text), "a\\u009b\\u202e\\udb40\\udc41\\u007f\\u200b");
        let back: String = serde_json::from_str(&format!("\"{}\"", escaped_in_json(text))).unwrap();
        assert_eq!(back, text);
    }
}
