//! The text of LLVM's `llvm-dwarfdump` (`DW_TAG_member`, two spaces a level) and of Darwin's older
//! `dwarfdump` (`TAG_member [5]`, four spaces a level), one attribute per line.

use memchr::{memchr, memmem, memrchr};

use super::Dialect;
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
        if line.starts_with(b"0x") {
            if pending {
                each(&entry)?;
                pending = false;
            }
            match header(line) {
                Some(Line::Entry { level, offset, tag }) => {
                    entry.begin(position, level, Id::InSection(offset), tag);
                    pending = true;
                }
                Some(Line::Unit { address_size }) => end.address_size = address_size.or(end.address_size),
                None => {}
            }
        } else if pending && let Some((attribute, value)) = attribute(line) {
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

/// The dialect of an entry that a line begins: Darwin's tags have no `DW_`.
pub(super) fn dialect_of(line: &[u8]) -> Option<Dialect> {
    match header(line)? {
        Line::Entry { .. } if memmem::find(line, b" DW_TAG_").is_some() => Some(Dialect::Llvm),
        Line::Entry { .. } => Some(Dialect::Darwin),
        Line::Unit { .. } => None,
    }
}

enum Line {
    Entry { level: u32, offset: u64, tag: Tag },
    Unit { address_size: Option<u8> },
}

/// `0x00000023:   DW_TAG_variable`, `0x0000002e:     TAG_base_type [2]  `,
/// `0x00000000: Compile Unit: length = 0x00000070, ... addr_size = 0x08 (next unit at 0x00000074)`
fn header(line: &[u8]) -> Option<Line> {
    let colon = memchr(b':', line)?;
    let (offset, rest) = (line.get(2..colon)?, line.get(colon + 1..)?);
    if offset.is_empty() || offset.len() > 16 {
        return None;
    }
    let offset = offset
        .iter()
        .try_fold(0u64, |number, digit| Some(number << 4 | u64::from((*digit as char).to_digit(16)?)))?;
    let content = rest.trim_ascii_start();
    let indent = rest.len() - content.len();
    let (name, step) = match content.strip_prefix(b"DW_TAG_") {
        Some(name) => (name, 2),
        None => match content.strip_prefix(b"TAG_") {
            Some(name) => (name, 4),
            None => {
                let unit = content.starts_with(b"Compile Unit:") || content.starts_with(b"Type Unit:");
                return unit.then(|| Line::Unit { address_size: address_size(content) });
            }
        },
    };
    let end = name.iter().position(u8::is_ascii_whitespace).unwrap_or(name.len());
    let level = u32::try_from(indent.saturating_sub(1) / step).ok()?;
    Some(Line::Entry { level, offset, tag: Tag::named(name.get(..end)?) })
}

fn address_size(header: &[u8]) -> Option<u8> {
    const FIELD: &[u8] = b"addr_size = 0x";
    let start = memmem::find(header, FIELD)? + FIELD.len();
    match header.get(start..start + 2)? {
        b"04" => Some(4),
        b"08" => Some(8),
        _ => None,
    }
}

/// `DW_AT_name ("x")`, `DW_AT_name [DW_FORM_strp] ( .debug_str[0x00000123] = "x")`, `AT_name( "x" )`
fn attribute(line: &[u8]) -> Option<(Attribute, &[u8])> {
    let content = line.trim_ascii();
    let named = content.strip_prefix(b"DW_AT_").or_else(|| content.strip_prefix(b"AT_"))?;
    let end = named.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))?;
    let attribute = Attribute::named(named.get(..end)?)?;
    let open = memchr(b'(', named)?;
    let value = named.get(open + 1..)?;
    let close = memrchr(b')', value).unwrap_or(value.len());
    Some((attribute, value.get(..close)?.trim_ascii()))
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
    fn llvm() {
        let (entries, end) = entries(
            b"m.o:\tfile format elf64-x86-64\n\n.debug_info contents:\n\
            0x00000000: Compile Unit: length = 0x00000070, version = 0x0004, addr_size = 0x08 (next unit at 0x00000074)\n\n\
            0x0000000b: DW_TAG_compile_unit\n              DW_AT_producer\t(\"clang (1)\")\n\n\
            0x0000002a:   DW_TAG_structure_type\n                DW_AT_byte_size\t(0x10)\n\n\
            0x00000033:     DW_TAG_member\n                  DW_AT_name\t(\"next\")\n                  DW_AT_type\t(0x0000002a \"list (head)\")\n\n\
            0x0000003f:     NULL\n",
        );
        let [unit, record, member] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!((unit.level, record.level, member.level), (0, 1, 2));
        assert_eq!(unit.raw(Attribute::Producer).map(super::super::value::text), Some(&b"clang (1)"[..]));
        assert_eq!(record.id, Id::InSection(0x2a));
        assert_eq!(member.name(), Some(&b"next"[..]));
        assert_eq!(member.type_id(), Some(Id::InUnit(0x2a)));
        assert_eq!(end, super::super::End { cut: None, address_size: Some(8) });
    }

    #[test]
    fn darwin() {
        let (entries, _) = entries(
            b"----------\n File: mach_kernel (x86_64)\n----------\n.debug_info contents:\n\n\
            0x00000000: Compile Unit: length = 0x00003f09  version = 0x0002  abbr_offset = 0x00000000  addr_size = 0x08  (next CU at 0x00003f0d)\n\n\
            0x0000000b: TAG_compile_unit [1] *\n             AT_language( DW_LANG_C89 )\n\n\
            0x00000035:     TAG_structure_type [4] *\n                 AT_name( \"list_head\" )\n                 AT_byte_size( 0x10 )\n\n\
            0x00000041:         TAG_member [5]  \n                     AT_name( \"next\" )\n\
                                 AT_type( {0x0000006d} ( list_head* ) )\n                     AT_data_member_location( +8 )\n",
        );
        let [_, record, member] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!((record.level, member.level), (1, 2));
        assert_eq!(record.unsigned(Attribute::ByteSize), Some(16));
        assert_eq!(member.type_id(), Some(Id::InSection(0x6d)));
        assert_eq!(member.raw(Attribute::Location), Some(&b"+8"[..]));
    }
}
