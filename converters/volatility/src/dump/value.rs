//! The values of attributes, in every known spelling: `0x00000008`, `8`, `184 (-72)`, `255(as signed = -1)`,
//! `<0x00000029 GOFF=0x00000029>`, `{0x0000006d} ( list_head* )`, `DW_OP_plus_uconst 8`, `len 0x0002: 0x2308:
//! DW_OP_plus_uconst 8`, `2 byte block: 23 8 (DW_OP_plus_uconst: 8)`, `+8`.

use super::entry::Id;

/// An integer as printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Integer {
    /// The number itself.
    pub(crate) plain: i128,
    /// The same bytes as a signed number, if the dump prints that too.
    pub(crate) note: Option<i128>,
}

/// A text without the quotes that some dumps print, and without its number in a table (`(indexed string:
/// 0x00000003)list_head`).
pub(crate) fn text(raw: &[u8]) -> &[u8] {
    let raw = match raw.strip_prefix(b"(indexed string: 0x") {
        Some(rest) => memchr::memchr(b')', rest).and_then(|end| rest.get(end + 1..)).unwrap_or(raw),
        None => raw,
    };
    match (memchr::memchr(b'"', raw), memchr::memrchr(b'"', raw)) {
        (Some(first), Some(last)) if first < last => raw.get(first + 1..last).unwrap_or_default(),
        _ => raw,
    }
}

/// An integer with the note after it.
pub(crate) fn integer(raw: &[u8]) -> Option<Integer> {
    let (plain, rest) = number(raw.trim_ascii_start())?;
    let rest = rest.trim_ascii();
    let note = match rest {
        [] => None,
        [b'(', note @ .., b')'] => {
            let note = note.strip_prefix(b"as signed = ").unwrap_or(note);
            match number(note) {
                Some((note, [])) => Some(note),
                // `5 (signed)`, `12 (ANSI C99)`: a word that explains the number.
                _ => None,
            }
        }
        _ => return None,
    };
    Some(Integer { plain, note })
}

/// The number at the beginning of a text, and the rest.
fn number(text: &[u8]) -> Option<(i128, &[u8])> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (radix, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        _ => (10, digits),
    };
    let mut number = 0i128;
    let mut length = 0;
    for digit in digits {
        let Some(value) = (*digit as char).to_digit(radix) else { break };
        // Dumps print nothing wider than 64 bits.
        if number > i128::from(u64::MAX) {
            return None;
        }
        number = number * i128::from(radix) + i128::from(value);
        length += 1;
    }
    if length == 0 {
        return None;
    }
    Some((if negative { -number } else { number }, digits.get(length..)?))
}

/// A reference to another entry.
pub(crate) fn reference(raw: &[u8]) -> Option<Id> {
    if let Some(open) = memchr::memchr(b'{', raw) {
        return Some(Id::InSection(address(raw.get(open + 1..)?)?));
    }
    if let Some(start) = memchr::memmem::find(raw, b"GOFF=") {
        return Some(Id::InSection(address(raw.get(start + 5..)?)?));
    }
    let inner = raw.strip_prefix(b"<").unwrap_or(raw);
    if let Some(global) = inner.strip_prefix(b".debug_info+") {
        return Some(Id::InSection(address(global)?));
    }
    if let Some(global) = inner.strip_prefix(b"global ") {
        return Some(Id::InSection(address(global)?));
    }
    Some(Id::InUnit(address(inner)?))
}

fn address(text: &[u8]) -> Option<u64> {
    number(text)?.0.try_into().ok()
}

/// The place of a member in its struct: a constant, or an expression that adds a constant.
pub(crate) fn member_location(raw: &[u8]) -> Option<Integer> {
    const ADD: &[u8] = b"DW_OP_plus_uconst";
    let Some(start) = memchr::memmem::find(raw, ADD) else { return integer(raw) };
    // After another operation the base would not be the struct's address.
    if memchr::memmem::find(raw.get(..start)?, b"DW_OP_").is_some() {
        return None;
    }
    let rest = raw.get(start + ADD.len()..)?;
    let rest = rest.trim_ascii_start().strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
    let (plain, rest) = number(rest)?;
    memchr::memmem::find(rest, b"DW_OP_").is_none().then_some(Integer { plain, note: None })
}

/// Some dumps print unsigned values of one and two bytes only as signed numbers. This is the smallest number with
/// these bytes.
pub(crate) fn unsign(number: i128) -> Option<u64> {
    let number = match number {
        0.. => number,
        -0x80.. => number + 0x100,
        -0x8000.. => number + 0x1_0000,
        -0x8000_0000.. => number + 0x1_0000_0000,
        _ => number + (1 << 64),
    };
    number.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(plain: i128, note: i128) -> Option<Integer> {
        Some(Integer { plain, note: Some(note) })
    }

    fn plain(plain: i128) -> Option<Integer> {
        Some(Integer { plain, note: None })
    }

    #[test]
    fn integers_in_every_wording() {
        assert_eq!(integer(b"0x00000008"), plain(8));
        assert_eq!(integer(b"184 (-72)"), noted(184, -72));
        assert_eq!(integer(b"255(as signed = -1)"), noted(255, -1));
        assert_eq!(integer(b"0xffffffffffffffff (-1)"), noted(i128::from(u64::MAX), -1));
        assert_eq!(integer(b"-128"), plain(-128));
        assert_eq!(integer(b"12\t(ANSI C99)"), plain(12));
        assert_eq!(integer(b"99999999999999999999999"), None);
        assert_eq!(integer(b""), None);
        assert_eq!(integer(b"8 apples"), None);
    }

    #[test]
    fn references_in_every_wording() {
        assert_eq!(reference(b"<0x00000029>"), Some(Id::InUnit(0x29)));
        assert_eq!(reference(b"<45>"), Some(Id::InUnit(45)));
        assert_eq!(reference(b"<0x00000029 GOFF=0x00001029>"), Some(Id::InSection(0x1029)));
        assert_eq!(reference(b"<0x00000029> Refers to: int"), Some(Id::InUnit(0x29)));
        assert_eq!(reference(b"<.debug_info+0x00000029>"), Some(Id::InSection(0x29)));
        assert_eq!(reference(b"{0x0000006d} ( list_head* )"), Some(Id::InSection(0x6d)));
        assert_eq!(reference(b"cu + 0x0029 => {0x00001029} \"int\""), Some(Id::InSection(0x1029)));
        assert_eq!(reference(b"0x0000002e \"foo\""), Some(Id::InUnit(0x2e)));
        assert_eq!(reference(b"<>"), None);
    }

    #[test]
    fn member_locations_in_every_wording() {
        assert_eq!(member_location(b"DW_OP_plus_uconst 8"), plain(8));
        assert_eq!(member_location(b"len 0x0002: 0x2308: DW_OP_plus_uconst 8"), plain(8));
        assert_eq!(member_location(b"2 byte block: 23 8 \t(DW_OP_plus_uconst: 8)"), plain(8));
        assert_eq!(member_location(b"DW_OP_plus_uconst 0x8"), plain(8));
        assert_eq!(member_location(b"+8"), plain(8));
        assert_eq!(member_location(b"200 (-56)"), noted(200, -56));
        assert_eq!(member_location(b""), None);
        assert_eq!(member_location(b"DW_OP_dup DW_OP_deref DW_OP_plus_uconst 8"), None);
        assert_eq!(member_location(b"DW_OP_plus_uconst 8 DW_OP_deref"), None);
    }

    #[test]
    fn quotes_and_signs() {
        assert_eq!(text(b"\"signed char\""), b"signed char");
        assert_eq!(text(b" .debug_str[0x00000123] = \"list_head\""), b"list_head");
        assert_eq!(text(b"(indexed string: 0x00000003)list_head"), b"list_head");
        assert_eq!(text(b"int"), b"int");
        assert_eq!(text(b"\""), b"\"");
        assert_eq!((unsign(-128), unsign(-300), unsign(5)), (Some(128), Some(65236), Some(5)));
        assert_eq!(unsign(i128::MIN), None);
    }
}
