//! The text of `readelf --debug-dump=info`.

use memchr::memchr;

use super::entry::{Attribute, Entry, Id, Tag};
use super::lines::Lines;

/// Passes every entry of the text to `each`, and returns how the text ended.
pub(super) fn read<'a, E>(
    text: &'a [u8],
    mut each: impl FnMut(&Entry<'a>) -> Result<(), E>,
) -> Result<super::End, E> {
    let mut entry = Entry::new();
    let mut pending = false;
    let mut end = super::End::default();
    for (position, line) in Lines::new(text) {
        let content = line.trim_ascii_start();
        let Some(rest) = content.strip_prefix(b"<") else {
            if let Some(size) = content.strip_prefix(b"Pointer Size:") {
                end.address_size = match size.trim_ascii() {
                    b"4" => Some(4),
                    b"8" => Some(8),
                    _ => end.address_size,
                };
            }
            continue;
        };
        if let Some(header) = header(content) {
            if pending {
                each(&entry)?;
            }
            pending = header.tag.is_some();
            if let Some(tag) = header.tag {
                entry.begin(position, header.level, Id::InSection(header.offset), tag);
            }
        } else if pending && let Some((attribute, value)) = attribute(rest) {
            entry.set(attribute, value);
        }
    }
    if !text.is_empty() && !text.ends_with(b"\n") {
        end.cut = Some(entry.position);
    }
    if pending {
        each(&entry)?;
    }
    Ok(end)
}

/// Whether a line begins an entry.
pub(super) fn is_entry(line: &[u8]) -> bool {
    header(line.trim_ascii_start()).is_some_and(|header| header.tag.is_some())
}

struct Header {
    level: u32,
    offset: u64,
    /// `None` for the end of a list of children.
    tag: Option<Tag>,
}

/// `<1><1d>: Abbrev Number: 2 (DW_TAG_typedef)`, `<2><8c>: Abbrev Number: 0`
fn header(line: &[u8]) -> Option<Header> {
    let rest = line.strip_prefix(b"<")?;
    let close = memchr(b'>', rest)?;
    let level = number(rest.get(..close)?, 10)?.try_into().ok()?;
    let rest = rest.get(close + 1..)?.strip_prefix(b"<")?;
    let close = memchr(b'>', rest)?;
    let offset = number(rest.get(..close)?, 16)?;
    let abbreviation = rest.get(close + 1..)?.strip_prefix(b": Abbrev Number: ")?;
    let tag = memchr(b'(', abbreviation).and_then(|open| {
        let name = abbreviation.get(open + 1..)?.strip_prefix(b"DW_TAG_")?;
        Some(Tag::named(name.get(..memchr(b')', name)?)?))
    });
    Some(Header { level, offset, tag })
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        number.checked_mul(u64::from(radix))?.checked_add(u64::from((*digit as char).to_digit(radix)?))
    })
}

/// `1e>   DW_AT_name        : (indirect string, offset: 0x304): ptrdiff_t`
fn attribute(line: &[u8]) -> Option<(Attribute, &[u8])> {
    let named = line.get(memchr(b'>', line)? + 1..)?.trim_ascii_start().strip_prefix(b"DW_AT_")?;
    let end = named.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))?;
    let attribute = Attribute::named(named.get(..end)?)?;
    let value = named.get(memchr(b':', named)? + 1..)?.trim_ascii();
    // A text that is stored in a table is preceded by its place there.
    let behind = [&b"(indirect"[..], b"(alt indirect", b"(indexed", b"(offset"]
        .iter()
        .any(|start| value.starts_with(start))
        .then(|| memchr::memmem::find(value, b"): "))
        .flatten();
    let value = behind.and_then(|place| value.get(place + 3..)).unwrap_or(value);
    Some((attribute, value))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn readelf() {
        let text = b"Contents of the .debug_info section:\n\n  Compilation Unit @ offset 0:\n   Length:        0xb2a (32-bit)\n\
            Pointer Size:  8\n <0><b>: Abbrev Number: 1 (DW_TAG_compile_unit)\n\
            <c>   DW_AT_producer    : (indirect string, offset: 0x8c): GNU C17: 12.2.0\n\
            <1><66>: Abbrev Number: 8 (DW_TAG_structure_type)\n    <67>   DW_AT_byte_size   : 32\n\
            <2><70>: Abbrev Number: 9 (DW_TAG_member)\n    <71>   DW_AT_name        : (indirect string, offset: 0x5b): __max\n\
            <79>   DW_AT_type        : <0x8d>\n    <7d>   DW_AT_data_member_location: 2 byte block: 23 8 \t(DW_OP_plus_uconst: 8)\n\
            <2><8c>: Abbrev Number: 0\n <1><8d>: Abbrev Number: 3 (DW_TAG_base_type)\n    <8f>   DW_AT_encoding    : 5\t(signed)\n";
        let mut entries = Vec::new();
        let Ok(end) = read::<Infallible>(text, |entry| {
            entries.push(entry.clone());
            Ok(())
        });
        let [unit, record, member, base] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!(unit.raw(Attribute::Producer), Some(&b"GNU C17: 12.2.0"[..]));
        assert_eq!((record.level, record.unsigned(Attribute::ByteSize)), (1, Some(32)));
        assert_eq!((member.name(), member.type_id()), (Some(&b"__max"[..]), Some(Id::InUnit(0x8d))));
        let location = super::super::value::member_location(member.raw(Attribute::Location).unwrap());
        assert_eq!(location.unwrap().plain, 8);
        assert_eq!(
            (base.id, base.raw(Attribute::Encoding)),
            (Id::InSection(0x8d), Some(&b"5\t(signed)"[..]))
        );
        assert_eq!(end.address_size, Some(8));
    }
}
