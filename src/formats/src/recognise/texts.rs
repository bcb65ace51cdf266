//! Texts, by their first lines. Each function recognises one kind of text; they are asked in turn, the most specific first,
//! because a map of symbols can begin like many other texts.

use crate::look::Look;
use crate::{FileKind, Identified};

/// How many lines are read.
const LINES: usize = 400;
/// How many bytes of a line are read.
const LONGEST: usize = 400;

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    let head = look.head();
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' '..=b'~' | 0x80..);
    let wide = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    if head.is_empty() || !wide && !head.iter().take(4096).all(is_text) {
        return None;
    }
    if !wide && !is_utf8(head) && !is_latin(head) {
        return None;
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let lines: Vec<&[u8]> = text
        .split(|byte| *byte == b'\n')
        .take(LINES)
        .map(|line| line.get(..LONGEST).unwrap_or(line).trim_ascii_end())
        .collect();
    let kind = pointer(text)
        .or_else(|| dump(&lines))
        .or_else(|| markup(text))
        .or_else(|| symbols(&lines))
        .or_else(|| python(&lines))
        .or_else(|| kernel(&lines))
        .unwrap_or(FileKind::Text);
    Some(kind.into())
}

/// Whether the first bytes are UTF-8. The last character may be cut off.
fn is_utf8(head: &[u8]) -> bool {
    let head = head.get(..4096).unwrap_or(head);
    match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// Whether the first bytes are text in an older encoding: mostly ASCII, with some other letters.
fn is_latin(head: &[u8]) -> bool {
    let head = head.get(..4096).unwrap_or(head);
    let letters = head.iter().filter(|byte| **byte >= 0x80).count();
    head.iter().all(|byte| *byte < 0x80 || *byte >= 0xa0) && letters <= head.len() / 3
}

/// Texts that refer to another file.
fn pointer(text: &[u8]) -> Option<FileKind> {
    let begins = |start: &[u8]| text.starts_with(start);
    if begins(b"version https://git-lfs") {
        return Some(FileKind::LfsPointer);
    }
    // Only the last line counts; files with several lines are rare.
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let short = text.len() <= 4096 && !line.trim_ascii().is_empty();
    if short && (begins(b"PATH:") || begins(b"MSG:") || begins(b"MSG ")) {
        return Some(FileKind::FilePointer);
    }
    begins(b"MODULE ").then(|| breakpad(line)).flatten()
}

/// `MODULE Linux x86_64 ID name`.
fn breakpad(line: &[u8]) -> Option<FileKind> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let id = fields.get(3)?;
    (id.len() >= 32 && id.iter().all(u8::is_ascii_hexdigit)).then_some(FileKind::Breakpad)
}

/// Dumps of DWARF: the first line that names a tag shows which tool printed it.
fn dump(lines: &[&[u8]]) -> Option<FileKind> {
    let line = lines.iter().find(|line| contains(line, b"DW_TAG_"))?;
    let line = line.trim_ascii_start();
    if line.starts_with(b"0x") {
        Some(FileKind::LlvmText)
    } else if line.starts_with(b"<") && contains(line, b"Abbrev Number") {
        Some(FileKind::ReadelfText)
    } else if line.starts_with(b"<") {
        Some(FileKind::LibdwarfText)
    } else {
        None
    }
}

fn markup(text: &[u8]) -> Option<FileKind> {
    let begins = |tag: &[u8]| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    let tags: [&[u8]; 7] = [b"<!doctype html", b"<html", b"<head", b"<body", b"<title", b"<script", b"<!--"];
    if tags.into_iter().any(begins) {
        return Some(FileKind::Html);
    }
    let start = text.get(..2048).unwrap_or(text);
    if begins(b"<?xml") || begins(b"<error") || begins(b"<!doctype") {
        let html = contains(start, b"<html") || contains(start, b"<HTML");
        let error = contains(start, b"<Error>") && contains(start, b"<Code>");
        return Some(if html {
            FileKind::Html
        } else if error {
            FileKind::ErrorXml
        } else {
            FileKind::Xml
        });
    }
    // Any other tag.
    let tag = text.strip_prefix(b"<").and_then(|rest| rest.first()).is_some_and(u8::is_ascii_alphabetic);
    (tag && contains(start, b">")).then_some(FileKind::Xml)
}

/// `ffffffff81000000 T _text`: an address, one letter, a name.
fn symbols(lines: &[&[u8]]) -> Option<FileKind> {
    let mut filled = lines.iter().filter(|line| !line.is_empty());
    let first = symbol_address(filled.next()?)?;
    // The last line may be cut off.
    let second = filled.clone().next().filter(|_| lines.len() > 2);
    if second.is_some_and(|line| symbol_address(line).is_none()) {
        return None;
    }
    // A real map has a few symbols at address zero, those of the per-CPU areas, but never only such symbols.
    let zero = |address: &[u8]| address.iter().all(|digit| *digit == b'0');
    let rest: Vec<bool> = filled.filter_map(|line| symbol_address(line)).map(zero).collect();
    let hidden = zero(first) && rest.len() >= 3 && rest.iter().all(|zero| *zero);
    Some(if hidden { FileKind::HiddenSymbolMap } else { FileKind::SymbolMap })
}

fn symbol_address(line: &[u8]) -> Option<&[u8]> {
    let mut fields = line.split(|byte| byte.is_ascii_whitespace()).filter(|field| !field.is_empty());
    let address =
        fields.next().filter(|field| field.len() >= 8 && field.iter().all(u8::is_ascii_hexdigit))?;
    let letter = fields.next().filter(|field| {
        field.len() == 1 && field.iter().all(|letter| letter.is_ascii_alphabetic() || *letter == b'?')
    });
    letter.and(fields.next()).map(|_| address)
}

/// `ntkrnlmp_types = {`, after comments and imports.
fn python(lines: &[&[u8]]) -> Option<FileKind> {
    let code = lines.iter().take(100).filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b'=')?;
        Some((line.get(..at)?.trim_ascii_end(), line.get(at + 1..)?.trim_ascii_start()))
    });
    let types = |name: &[u8]| {
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        (name.ends_with(b"_types") || name.ends_with(b"_vtypes")) && name.iter().all(word)
    };
    code.filter(|(name, _)| types(name)).any(|(_, value)| value.starts_with(b"{")).then_some(FileKind::Vtypes)
}

/// Small texts that accompany a kernel.
fn kernel(lines: &[&[u8]]) -> Option<FileKind> {
    let first = lines.first()?;
    if first.starts_with(b"Linux version ") || first.starts_with(b"Darwin Kernel Version ") {
        return Some(FileKind::KernelBanner);
    }
    if lines.iter().take(10).any(|line| contains(line, b"Symbol table for: ")) {
        return Some(FileKind::DsymutilText);
    }
    let option = |line: &&&[u8]| {
        line.starts_with(b"CONFIG_") && line.contains(&b'=') || line.starts_with(b"# CONFIG_")
    };
    (lines.iter().filter(option).count() >= 3).then_some(FileKind::KernelConfig)
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}
