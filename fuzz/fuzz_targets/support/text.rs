//! Text that is printed, escaped. The program's own function is included as source: the program is not a library.

#[path = "../../../src/cli/src/console/escape.rs"]
mod escape;

use escape::{escaped, escaped_in_json};

/// Characters that move the cursor, change the direction of writing, take no space or are not characters; told in another
/// way than the function tells them.
fn is_harmful(character: char) -> bool {
    matches!(u32::from(character),
        0..0x20 | 0x7f..0xa0 | 0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x180b..=0x180f | 0x200b..=0x200f
        | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfdd0..=0xfdef | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
        | 0xfff0..=0xfffb | 0xe0000..=0xe0fff)
        || u32::from(character) & 0xfffe == 0xfffe
}

/// Escapes a text for a terminal and for JSON.
pub fn check(text: &str) {
    let shown = escaped(text);
    assert!(!shown.chars().any(is_harmful), "{shown:?}");
    assert!(!shown.contains('\n'));
    assert_eq!(escaped(&shown), shown, "what is harmless stays");
    // Plain text is left as it is, and the rest around what is escaped too.
    let plain =
        |text: &str| text.chars().filter(|character| matches!(character, '0'..='9' | 'A'..='Z')).count();
    assert!(plain(&shown) >= plain(text));

    let json = serde_json::to_string(text).expect("a text has a form in JSON");
    let shown = escaped_in_json(&json);
    assert!(!shown.chars().any(is_harmful), "{shown:?}");
    assert_eq!(serde_json::from_str::<String>(&shown).expect("it is still JSON"), text);
}
