//! Text from outside, made harmless: the one function through which everything goes that the program prints.
//!
//! Names, paths, evidence, answers of servers and arguments that an error repeats can hold anything. Written to a terminal
//! as they are, they could move the cursor, clear the screen, forge a line of a report, or show letters in another order
//! than they stand in. Each such character is shown as its code instead.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::OnceLock;

use regex::Regex;

/// What is not printed as it is: control characters (line feeds and tabs among them), formatting characters (those that
/// change the direction of writing, that join or take no space, tags), line and paragraph separators, everything else that
/// Unicode says is shown as nothing, and code points that are no characters.
const HARMFUL: &str =
    r"[\p{Cc}\p{Cf}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]";

/// The text with every character that could do more than be read shown as its code: `\n`, `\t`, `\u{1b}`.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            // The short forms that everyone knows, else the code.
            character if is_harmful(character) => shown.extend(character.escape_default()),
            character => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// The text inside a string of JSON, which has been escaped as JSON demands already: what could do more than be read is
/// written as `\u001b`, which means the same character to whoever parses it.
pub fn escaped_in_json(fragment: &str) -> Cow<'_, str> {
    if is_plain(fragment) || !fragment.chars().any(is_harmful) {
        return Cow::Borrowed(fragment);
    }
    let mut shown = String::with_capacity(fragment.len() + 16);
    for character in fragment.chars() {
        if is_harmful(character) {
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

fn is_harmful(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    static TABLE: OnceLock<Option<Regex>> = OnceLock::new();
    match TABLE.get_or_init(|| Regex::new(HARMFUL).ok()) {
        Some(harmful) => harmful.is_match(character.encode_utf8(&mut [0; 4])),
        // The expression is well formed (a test holds that); without it nothing is trusted.
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_or_forges_a_line_is_shown_as_its_code() {
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
    fn letters_of_every_script_stay() {
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
            assert!(shown.chars().all(|shown| !is_harmful(shown)), "{:#x}", u32::from(character));
            assert!(shown == text || is_plain(&shown), "{:#x}", u32::from(character));
        }
    }

    #[test]
    fn json_means_the_same() {
        let text = "a\u{9b}\u{202e}\u{e0041}\u{7f}\u{200b}";
        assert_eq!(escaped_in_json(text), "a\\u009b\\u202e\\udb40\\udc41\\u007f\\u200b");
        let back: String = serde_json::from_str(&format!("\"{}\"", escaped_in_json(text))).unwrap();
        assert_eq!(back, text);
    }
}
