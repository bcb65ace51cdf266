//! The text of libdwarf's `dwarfdump`, in both its forms: one entry per line (`-d`), and one attribute per line. The
//! same rules read all known versions: hexadecimal and decimal numbers, `< 1>` and `<1>`, quoted and bare names, with
//! and without `GOFF=`.

use memchr::{memchr, memmem};

use super::entry::{Attribute, Entry, Id, Tag};
use super::lines::Lines;

/// Passes every entry of the text to `each`, and returns how the text ended.
pub(super) fn read<'a, E>(
    text: &'a [u8],
    mut each: impl FnMut(&Entry<'a>) -> Result<(), E>,
) -> Result<super::End, E> {
    let mut entry = Entry::new();
    let mut pending = false;
    let mut unit_start = None;
    let mut end = super::End::default();
    // The place of the last attribute's value, for values that continue in the next line.
    let mut last: Option<(Attribute, usize)> = None;
    for (position, line) in Lines::new(text) {
        if line.first() == Some(&b'<') {
            let Some(header) = header(line) else { continue };
            if pending {
                each(&entry)?;
            }
            pending = true;
            last = None;
            let id = match (header.id, unit_start) {
                (Id::InUnit(offset), Some(start)) if header.level == 0 => Id::Unit { start, offset },
                (id, _) => id,
            };
            entry.begin(position, header.level, id, header.tag);
            if !attributes(&mut entry, header.rest) {
                end.cut = Some(position);
            }
        } else if let Some(rest) = line.strip_prefix(b"COMPILE_UNIT<header overall offset = ") {
            unit_start = super::value::integer(rest.strip_suffix(b">:").unwrap_or(rest))
                .and_then(|start| start.plain.try_into().ok());
        } else if pending && line.first() == Some(&b' ') {
            let content = line.trim_ascii();
            if let Some(rest) = content.strip_prefix(b"DW_AT_") {
                let (name, value) = word(rest);
                last = Attribute::named(name).map(|attribute| {
                    entry.set(attribute, value);
                    (attribute, position + line.len() - value.len())
                });
            } else if let (Some((attribute, start)), true) = (last, content.starts_with(b"DW_OP_")) {
                // An expression begins in the line of its attribute and continues in the next one.
                entry.set(attribute, text.get(start..position + line.len()).unwrap_or_default());
            }
        }
    }
    if pending && end.cut.is_none_or(|cut| cut < entry.position) {
        each(&entry)?;
    }
    Ok(end)
}

/// Whether a line begins an entry.
pub(super) fn is_entry(line: &[u8]) -> bool {
    header(line).is_some()
}

struct Header<'a> {
    level: u32,
    id: Id,
    tag: Tag,
    rest: &'a [u8],
}

/// `<1><0x2d><DW_TAG_typedef> ...`, `< 1><0x0000001d>    DW_TAG_typedef`, `<0><0x0+0xb GOFF=0xb><DW_TAG_...`
fn header(line: &[u8]) -> Option<Header<'_>> {
    let (level, rest) = decimal(line.strip_prefix(b"<")?.trim_ascii_start())?;
    let rest = rest.strip_prefix(b"><")?;
    let end = memchr(b'>', rest)?;
    let (id, rest) = (rest.get(..end)?, rest.get(end + 1..)?);
    let id = id_of(id)?;
    let (tag, rest) = match rest.strip_prefix(b"<DW_TAG_") {
        Some(rest) => {
            let end = memchr(b'>', rest)?;
            (rest.get(..end)?, rest.get(end + 1..)?)
        }
        None => (rest.trim_ascii().strip_prefix(b"DW_TAG_")?, &[][..]),
    };
    Some(Header { level, id, tag: Tag::named(tag), rest })
}

fn decimal(text: &[u8]) -> Option<(u32, &[u8])> {
    let mut number = 0u32;
    let mut length = 0;
    for digit in text.iter().take_while(|byte| byte.is_ascii_digit()) {
        number = number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))?;
        length += 1;
    }
    (length > 0).then_some((number, text.get(length..)?))
}

/// `0x2d`, `45`, `0x0+0xb`, `0+11`, any of them followed by ` GOFF=0x2d`.
fn id_of(text: &[u8]) -> Option<Id> {
    if let Some(start) = memmem::find(text, b"GOFF=") {
        let global = unsigned(text.get(start + 5..)?)?;
        let own = text.get(..start)?.trim_ascii_end();
        return Some(match memchr(b'+', own) {
            Some(plus) => {
                Id::Unit { start: unsigned(own.get(..plus)?)?, offset: unsigned(own.get(plus + 1..)?)? }
            }
            None => Id::InSection(global),
        });
    }
    match memchr(b'+', text) {
        Some(plus) => {
            Some(Id::Unit { start: unsigned(text.get(..plus)?)?, offset: unsigned(text.get(plus + 1..)?)? })
        }
        None => Some(Id::InUnit(unsigned(text)?)),
    }
}

fn unsigned(text: &[u8]) -> Option<u64> {
    let (radix, digits) = match text.strip_prefix(b"0x") {
        Some(digits) => (16, digits),
        None => (10, text),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let value = (*digit as char).to_digit(radix)?;
        number.checked_mul(u64::from(radix))?.checked_add(u64::from(value))
    })
}

/// Reads the attributes of an entry in one line; returns false if the line ends in the middle of one.
fn attributes<'a>(entry: &mut Entry<'a>, mut rest: &'a [u8]) -> bool {
    loop {
        rest = rest.trim_ascii_start();
        let Some(named) = rest.strip_prefix(b"DW_AT_") else {
            // Attributes without a name in dwarfdump are skipped.
            match memmem::find(rest, b" DW_AT_") {
                Some(next) => {
                    rest = rest.get(next..).unwrap_or_default();
                    continue;
                }
                None => return true,
            }
        };
        let Some(open) = memchr(b'<', named) else { return false };
        let (name, value) =
            (named.get(..open).unwrap_or_default(), named.get(open + 1..).unwrap_or_default());
        let Some(end) = value_end(value) else { return false };
        if let Some(attribute) = Attribute::named(name) {
            entry.set(attribute, value.get(..end).unwrap_or_default());
        }
        rest = value.get(end + 1..).unwrap_or_default();
    }
}

/// The place of the `>` that closes a value: at the end of the line, or before another attribute. References
/// (`<0x29>`), templates and producers contain such characters themselves.
fn value_end(value: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + memchr(b'>', value.get(from..)?)?;
        match value.get(end + 1..)? {
            [] => return Some(end),
            [b' ' | b'\t', rest @ ..] => {
                let rest = rest.trim_ascii_start();
                if rest.is_empty() || rest.starts_with(b"DW_AT_") || rest.starts_with(b"<") {
                    return Some(end);
                }
            }
            _ => {}
        }
        from = end + 1;
    }
}

/// The first word of a line, and what follows it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn entries(text: &[u8]) -> (Vec<Entry<'_>>, super::super::End) {
        let mut entries = Vec::new();
        let Ok(end) = read::<Infallible>(text, |entry| {
            entries.push(entry.clone());
            Ok(())
        });
        (entries, end)
    }

    #[test]
    fn one_entry_per_line() {
        let text = b"\n.debug_info\n\n<0><0x0+0xb><DW_TAG_compile_unit> DW_AT_producer<GNU C <4>> DW_AT_name<m.c>\n\
            <1><0x29><DW_TAG_base_type> DW_AT_byte_size<0x00000008> DW_AT_encoding<DW_ATE_signed> DW_AT_name<\"long int\">\n\
            < 2><0x00000030><DW_TAG_member> DW_AT_type<<0x00000029>> DW_AT_data_member_location<len 0x0002: 0x2308: DW_OP_plus_uconst 8>\n\
            <1><45 GOFF=77><DW_TAG_typedef> Unknown<5> DW_AT_type<<0x00000029 GOFF=0x29>> DW_AT_unheard<of>";
        let (entries, end) = entries(text);
        let [unit, base, member, typedef] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!((unit.id, unit.tag), (Id::Unit { start: 0, offset: 11 }, Tag::Unit));
        assert_eq!(unit.raw(Attribute::Producer), Some(&b"GNU C <4>"[..]));
        assert_eq!((base.level, base.id, base.tag), (1, Id::InUnit(0x29), Tag::BaseType));
        assert_eq!(base.name(), Some(&b"long int"[..]));
        assert_eq!(base.unsigned(Attribute::ByteSize), Some(8));
        assert_eq!((member.level, member.type_id()), (2, Some(Id::InUnit(0x29))));
        assert_eq!((typedef.id, typedef.type_id()), (Id::InSection(77), Some(Id::InSection(0x29))));
        assert_eq!(end, super::super::End::default());
    }

    #[test]
    fn one_attribute_per_line() {
        let text = b"COMPILE_UNIT<header overall offset = 0x00000b2e>:\r
< 0><0x0000000b>  DW_TAG_compile_unit\r
                    DW_AT_name                  m 1.c\r
\r
LOCAL_SYMBOLS:\r
< 1><0x0000001d>    DW_TAG_member\r
                      DW_AT_type                  <0x00000029> Refers to: int\r
                      DW_AT_data_member_location  len 0x0002: 0x2308: \r
                          DW_OP_plus_uconst 8\r
";
        let (entries, _) = entries(text);
        let [unit, member] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!(unit.id, Id::Unit { start: 0xb2e, offset: 11 });
        assert_eq!(unit.name(), Some(&b"m 1.c"[..]));
        assert_eq!(member.type_id(), Some(Id::InUnit(0x29)));
        let location = member.raw(Attribute::Location).unwrap();
        assert_eq!(super::super::value::member_location(location).unwrap().plain, 8);
    }

    #[test]
    fn a_truncated_line_is_not_an_entry() {
        let (entries, end) =
            entries(b"<1><0x29><DW_TAG_base_type> DW_AT_byte_size<0x4>\n<1><0x2a><DW_TAG_typedef> DW_AT_na");
        assert_eq!(entries.len(), 1);
        assert!(end.cut.is_some());
    }

    #[test]
    fn lines_with_huge_numbers_are_not_headers() {
        let (entries, _) = entries(
            b"<99999999999><0x1><DW_TAG_typedef>\n<1><0xfffffffffffffffff><DW_TAG_typedef>\n<><><DW_TAG_typedef>\n<1>\n<",
        );
        assert!(entries.is_empty());
    }
}
