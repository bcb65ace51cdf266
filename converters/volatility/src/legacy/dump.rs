use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

use memchr::memchr;

use super::python::{Dict, integer};
use super::text::Printer;
use crate::dump::lines::Lines;

/// The structs after Rekall's reader of dumps has run.
#[derive(Debug, Default)]
pub(super) struct Structs(BTreeMap<Vec<u8>, (i128, Members)>);

type Members = BTreeMap<Vec<u8>, (i128, Descriptor)>;

/// A type in Rekall's notation.
#[derive(Clone, Debug, PartialEq)]
enum Descriptor {
    /// `["name"]`
    Name(Vec<u8>),
    Pointer(Box<Descriptor>),
    Array(i128, Box<Descriptor>),
    BitField {
        start: i128,
        end: i128,
    },
    /// With the native of its size and its labels by value.
    Enumeration(&'static str, BTreeMap<i128, Vec<u8>>),
    /// A reference that has not been resolved yet, as printed, from its `<` on.
    Reference(Vec<u8>),
}

/// How long a chain of references may be before it is treated as circular (Python's own limit is 1000 calls).
const MAX_CHAIN: usize = 300;

/// Reads a dump by Rekall's rules, or returns the reason why Rekall's reader would stop.
pub(super) fn read(text: &[u8]) -> Result<Structs, String> {
    let mut reader = Reader::default();
    for (number, (_, line)) in Lines::new(text).enumerate() {
        reader
            .line(line)
            .map_err(|reason| format!("Rekall's reader stops in line {}: {reason}", number + 1))?;
    }
    reader.finalize().map_err(|reason| format!("Rekall's reader stops at the end: {reason}"))?;
    if reader.all.is_empty() {
        return Err("Rekall's reader finds no struct in this dialect".to_owned());
    }
    Ok(Structs(reader.all))
}

#[derive(Default)]
struct Reader<'a> {
    level: Option<usize>,
    stack: Vec<(&'a [u8], Vec<u8>)>,
    types: HashMap<&'a [u8], Descriptor>,
    structs: HashMap<Vec<u8>, (i128, Members)>,
    all: BTreeMap<Vec<u8>, (i128, Members)>,
    enums: HashMap<Vec<u8>, (i128, Dict<'a, i128>)>,
    /// The types of variables, which are resolved and dropped.
    variables: Vec<&'a [u8]>,
    hexadecimal: bool,
}

/// The beginning of a line, and the rest.
struct Header<'a> {
    level: usize,
    id: &'a [u8],
    kind: &'a [u8],
    rest: &'a [u8],
}

/// The attributes of a line; if several have one name, the last counts.
struct Attributes<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Attributes<'a> {
    fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().rev().find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| *value)
    }

    fn wanted(&self, name: &str) -> Result<&'a [u8], String> {
        self.get(name).ok_or_else(|| format!("an entry without {name}"))
    }
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a [u8]) -> Result<(), String> {
        let Some(Header { level, id, kind, rest }) = self.header(line) else { return Ok(()) };
        let data = attributes(rest);
        if matches!(kind, b"DW_TAG_formal_parameter" | b"DW_TAG_variable") {
            return self.variable(&data);
        }
        match self.level {
            Some(present) if level < present => {
                self.stack.truncate(level + 1);
                self.level = Some(level);
            }
            Some(present) if level == present => {}
            _ => {
                self.level = Some(level);
                self.stack.push((b"", Vec::new()));
            }
        }
        let Some(top) = self.stack.last_mut() else { return Err("a level without one above".to_owned()) };
        *top = (kind, id.to_owned());
        let parent = self.stack.len().checked_sub(2).and_then(|index| self.stack.get(index)).cloned();
        let (parent_kind, parent_name) = parent.unwrap_or_default();
        self.statement(kind, id, &data, parent_kind, &parent_name)
    }

    /// `<1><0x2d><DW_TAG_typedef>`: digits, a number that may contain a plus, a word. The first hexadecimal number
    /// changes how all later numbers are read.
    fn header(&mut self, line: &'a [u8]) -> Option<Header<'a>> {
        let (level, rest) = bracketed(line)?;
        let (id, rest) = bracketed(rest)?;
        let (kind, rest) = bracketed(rest)?;
        if level.is_empty() || !level.iter().all(u8::is_ascii_digit) {
            return None;
        }
        if kind.is_empty() || !kind.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return None;
        }
        let is_decimal = !id.is_empty() && id.iter().all(|byte| byte.is_ascii_digit() || *byte == b'+');
        let hexadecimal = |part: &[u8]| {
            let digits = part.strip_prefix(b"0x").unwrap_or_default();
            !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit)
        };
        let mut parts = id.split(|byte| *byte == b'+');
        let is_hexadecimal = match (parts.next(), parts.next(), parts.next()) {
            (Some(start), None, None) => hexadecimal(start),
            (Some(start), Some(offset), None) => hexadecimal(start) && hexadecimal(offset),
            _ => false,
        };
        if is_hexadecimal {
            self.hexadecimal = true;
        } else if !is_decimal {
            return None;
        }
        let level = str::from_utf8(level).ok()?.parse().ok()?;
        Some(Header { level, id, kind, rest })
    }

    fn base(&self) -> u32 {
        if self.hexadecimal { 16 } else { 10 }
    }

    fn number(&self, data: &Attributes<'a>, name: &str) -> Result<i128, String> {
        let text = data.wanted(name)?;
        integer(text, self.base()).ok_or_else(|| not_a_number(name, text))
    }

    fn variable(&mut self, data: &Attributes<'a>) -> Result<(), String> {
        let (Some(_), Some(_), Some(ty)) =
            (data.get("DW_AT_name"), data.get("DW_AT_decl_line"), data.get("DW_AT_type"))
        else {
            return Ok(());
        };
        self.number(data, "DW_AT_decl_line")?;
        let file = data.wanted("DW_AT_decl_file")?;
        if file.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count() < 2 {
            return Err("a variable's DW_AT_decl_file without a path".to_owned());
        }
        self.variables.push(ty);
        Ok(())
    }

    fn statement(
        &mut self,
        kind: &[u8],
        id: &'a [u8],
        data: &Attributes<'a>,
        parent_kind: &[u8],
        parent: &[u8],
    ) -> Result<(), String> {
        let name = || match data.get("DW_AT_name") {
            Some(name) => unquoted(name).to_owned(),
            None => [b"__unnamed_", id].concat(),
        };
        let target = || data.get("DW_AT_type").map_or(Descriptor::Name(b"void".to_vec()), reference);
        match kind {
            b"DW_TAG_compile_unit" => {
                self.finalize()?;
                self.structs.clear();
                self.types.clear();
                self.variables.clear();
            }
            b"DW_TAG_structure_type" | b"DW_TAG_union_type" => {
                self.call(name());
                self.types.insert(id, Descriptor::Name(name()));
                let declared = kind == b"DW_TAG_structure_type" && data.get("DW_AT_declaration").is_some();
                if !declared {
                    let size = self.number(data, "DW_AT_byte_size")?;
                    self.structs.insert(name(), (size, Members::new()));
                }
            }
            b"DW_TAG_array_type" => {
                let element = reference(data.wanted("DW_AT_type")?);
                self.types.insert(id, element);
            }
            b"DW_TAG_enumeration_type" => {
                self.call(name());
                self.types.insert(id, Descriptor::Name(name()));
                if data.get("DW_AT_declaration").is_none() {
                    let size = self.number(data, "DW_AT_byte_size")?;
                    self.enums.insert(name(), (size, Dict::new()));
                }
            }
            b"DW_TAG_pointer_type" => {
                self.types.insert(id, Descriptor::Pointer(Box::new(target())));
            }
            b"DW_TAG_base_type" => {
                let native = self.native(data)?;
                self.types.insert(id, Descriptor::Name(native));
            }
            b"DW_TAG_volatile_type" | b"DW_TAG_const_type" => {
                self.types.insert(id, target());
            }
            b"DW_TAG_typedef" => {
                let target = reference(data.wanted("DW_AT_type")?);
                self.types.insert(id, target);
            }
            b"DW_TAG_subroutine_type" => {
                self.types.insert(id, Descriptor::Name(b"void".to_vec()));
            }
            b"DW_TAG_member" if parent_kind == b"DW_TAG_structure_type" => {
                let offset = offset(data)?;
                let ty = match (data.get("DW_AT_bit_size"), data.get("DW_AT_bit_offset")) {
                    (Some(_), Some(_)) => self.bit_field(data)?,
                    _ => reference(data.wanted("DW_AT_type")?),
                };
                self.member(parent, name(), offset, ty)?;
            }
            b"DW_TAG_member" if parent_kind == b"DW_TAG_union_type" => {
                let ty = reference(data.wanted("DW_AT_type")?);
                self.member(parent, name(), 0, ty)?;
            }
            b"DW_TAG_enumerator" if parent_kind == b"DW_TAG_enumeration_type" => {
                let label = unquoted(data.wanted("DW_AT_name")?);
                let text = data.wanted("DW_AT_const_value")?;
                let value = integer(text, 10).or_else(|| integer(before_note(text), self.base()));
                let value = value.ok_or_else(|| not_a_number("DW_AT_const_value", text))?;
                let Some((_, labels)) = self.enums.get_mut(parent) else {
                    return Err("a label in an enumeration without a definition".to_owned());
                };
                labels.insert(label, value);
            }
            b"DW_TAG_subrange_type" if parent_kind == b"DW_TAG_array_type" => {
                let count = match data.get("DW_AT_upper_bound") {
                    Some(text) => {
                        integer(text, 10).or_else(|| integer(before_note(text), 10)).unwrap_or(0) + 1
                    }
                    None => 0,
                };
                let Some(element) = self.types.get_mut(parent) else {
                    return Err("a bound of an array without a type".to_owned());
                };
                let inner = element.clone();
                *element = Descriptor::Array(count, Box::new(inner));
            }
            _ => {}
        }
        Ok(())
    }

    /// The name by which the children of the current entry refer to it.
    fn call(&mut self, name: Vec<u8>) {
        if let Some(top) = self.stack.last_mut() {
            top.1 = name;
        }
    }

    fn member(&mut self, parent: &[u8], name: Vec<u8>, offset: i128, ty: Descriptor) -> Result<(), String> {
        let Some((_, members)) = self.structs.get_mut(parent) else {
            return Err("a member of a struct without a definition".to_owned());
        };
        members.insert(name, (offset, ty));
        Ok(())
    }

    fn bit_field(&self, data: &Attributes<'a>) -> Result<Descriptor, String> {
        let bits = self.number(data, "DW_AT_byte_size")? * 8;
        let first = self.number(data, "DW_AT_bit_offset")?;
        let last = first + self.number(data, "DW_AT_bit_size")?;
        let (start, end) = (bits - last, bits - first);
        if start >= end {
            return Err("a bit-field without bits".to_owned());
        }
        Ok(Descriptor::BitField { start, end })
    }

    fn native(&self, data: &Attributes<'a>) -> Result<Vec<u8>, String> {
        const NAMES: [(&str, &str); 16] = [
            ("_Bool", "unsigned char"),
            ("char", "char"),
            ("float", "float"),
            ("double", "double"),
            ("long double", "double"),
            ("int", "int"),
            ("long int", "long"),
            ("long long int", "long long"),
            ("long long unsigned int", "unsigned long long"),
            ("long unsigned int", "unsigned long"),
            ("short int", "short"),
            ("short unsigned int", "unsigned short"),
            ("signed char", "signed char"),
            ("unsigned char", "unsigned char"),
            ("unsigned int", "unsigned int"),
            ("sizetype", "unsigned long"),
        ];
        if let Some(name) = data.get("DW_AT_name") {
            let name = unquoted(name);
            let found = NAMES.iter().find(|(source, _)| source.as_bytes() == name);
            return match found {
                Some((_, native)) => Ok(native.as_bytes().to_vec()),
                None => Err(format!("the base type '{}'", String::from_utf8_lossy(name))),
            };
        }
        let native = by_size(self.number(data, "DW_AT_byte_size")?)?;
        Ok(match data.wanted("DW_AT_encoding")? {
            b"DW_ATE_unsigned" => format!("unsigned {native}").into_bytes(),
            _ => native.as_bytes().to_vec(),
        })
    }

    /// Resolves the types that one unit has added, drops unnamed structs that nothing uses, and replaces the names of
    /// enumerations by the enumerations.
    fn finalize(&mut self) -> Result<(), String> {
        let structs = std::mem::take(&mut self.structs);
        for (name, (size, members)) in structs {
            let mut resolved = Members::new();
            for (member, (offset, ty)) in members {
                resolved.insert(member, (offset, self.resolve(&ty, 0)?));
            }
            self.all.insert(name, (size, resolved));
        }
        for variable in &self.variables {
            self.resolve(&reference(variable), 0)?;
        }
        loop {
            let used: BTreeSet<Vec<u8>> = self
                .all
                .values()
                .flat_map(|(_, members)| members.values())
                .filter_map(|(_, ty)| ty.deepest().map(<[u8]>::to_vec))
                .collect();
            let before = self.all.len();
            self.all.retain(|name, _| !name.starts_with(b"__unnamed_") || used.contains(name));
            if self.all.len() == before {
                break;
            }
        }
        for (_, members) in self.all.values_mut() {
            for (_, ty) in members.values_mut() {
                let Some((size, labels)) = ty.deepest().and_then(|name| self.enums.get(name)) else {
                    continue;
                };
                let native = by_size(*size)?;
                // If several labels have one value, the last in the dict's order is kept.
                let choices = labels.iter().map(|(label, value)| (*value, label.to_vec())).collect();
                ty.replace_deepest(&Descriptor::Enumeration(native, choices));
            }
        }
        Ok(())
    }

    fn resolve(&self, ty: &Descriptor, depth: usize) -> Result<Descriptor, String> {
        if depth > MAX_CHAIN {
            return Err("types that lead in a circle".to_owned());
        }
        Ok(match ty {
            Descriptor::Reference(text) => {
                let id = text.get(1..).unwrap_or_default();
                let id: std::borrow::Cow<'_, [u8]> = match id.strip_prefix(b"0x") {
                    Some(digits) => {
                        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
                        [b"0x", digits.get(zeros..).unwrap_or_default()].concat().into()
                    }
                    None => id.into(),
                };
                match self.types.get(&*id) {
                    Some(target) => self.resolve(target, depth + 1)?,
                    None => return Err(format!("a reference to {}", String::from_utf8_lossy(&id))),
                }
            }
            Descriptor::Pointer(target) => Descriptor::Pointer(Box::new(self.resolve(target, depth + 1)?)),
            Descriptor::Array(count, target) => {
                Descriptor::Array(*count, Box::new(self.resolve(target, depth + 1)?))
            }
            other => other.clone(),
        })
    }
}

impl Descriptor {
    /// The name at the end of a descriptor.
    fn deepest(&self) -> Option<&[u8]> {
        match self {
            Descriptor::Name(name) => Some(name),
            Descriptor::Pointer(target) | Descriptor::Array(_, target) => target.deepest(),
            _ => None,
        }
    }

    fn replace_deepest(&mut self, by: &Descriptor) {
        match self {
            Descriptor::Name(_) => *self = by.clone(),
            Descriptor::Pointer(target) | Descriptor::Array(_, target) => target.replace_deepest(by),
            _ => {}
        }
    }

    fn print<W: Write>(&self, printer: &mut Printer<W>) {
        match self {
            Descriptor::Name(name) => {
                printer.raw("[");
                printer.text(name);
            }
            Descriptor::Pointer(target) => {
                printer.raw("[\"pointer\", ");
                target.print(printer);
            }
            Descriptor::Array(count, target) => {
                printer.raw("[\"array\", ");
                printer.number(*count);
                printer.raw(", ");
                target.print(printer);
            }
            Descriptor::BitField { start, end } => {
                printer.raw("[\"BitField\", ");
                printer.open();
                printer.key(b"end_bit");
                printer.number(*end);
                printer.key(b"start_bit");
                printer.number(*start);
                printer.close();
            }
            Descriptor::Enumeration(native, choices) => {
                printer.raw("[\"Enumeration\", ");
                printer.open();
                if !choices.is_empty() {
                    printer.key(b"choices");
                    printer.open();
                    for (value, label) in choices {
                        printer.key(value.to_string().as_bytes());
                        printer.text(label);
                    }
                    printer.close();
                }
                printer.key(b"target");
                printer.text(native.as_bytes());
                printer.close();
            }
            // Resolved before anything is printed.
            Descriptor::Reference(_) => printer.raw("["),
        }
        printer.raw("]");
    }
}

impl Structs {
    pub(super) fn print<W: Write>(&self, printer: &mut Printer<W>) -> io::Result<()> {
        printer.key(b"$STRUCTS");
        printer.open();
        for (name, (size, members)) in &self.0 {
            printer.key(name);
            printer.raw("[");
            printer.number(*size);
            printer.raw(", ");
            if members.is_empty() {
                printer.raw("{}");
            } else {
                printer.open();
                for (member, (offset, ty)) in members {
                    printer.key(member);
                    printer.raw("[");
                    printer.number(*offset);
                    printer.raw(", ");
                    ty.print(printer);
                    printer.raw("]");
                }
                printer.close();
            }
            printer.raw("]");
            printer.flush()?;
        }
        printer.close();
        Ok(())
    }
}

/// The text between `<` and the next `>`, and the rest.
fn bracketed(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"<")?;
    let end = memchr(b'>', text)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Every word directly before a `<`, with the text up to the next `>`.
fn attributes(mut rest: &[u8]) -> Attributes<'_> {
    let mut found = Vec::new();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut from = 0;
    while let Some(open) = memchr(b'<', rest.get(from..).unwrap_or_default()).map(|open| open + from) {
        let before = rest.get(..open).unwrap_or_default();
        let length = before.iter().rev().take_while(|byte| is_word(byte)).count();
        let value = rest.get(open + 1..).unwrap_or_default();
        match (length, memchr(b'>', value)) {
            (1.., Some(end)) => {
                found.push((
                    before.get(open - length..).unwrap_or_default(),
                    value.get(..end).unwrap_or_default(),
                ));
                rest = value.get(end + 1..).unwrap_or_default();
                from = 0;
            }
            (_, None) => break,
            // A bracket without a word before it.
            _ => from = open + 1,
        }
    }
    Attributes(found)
}

fn reference(text: &[u8]) -> Descriptor {
    Descriptor::Reference(text.to_owned())
}

fn unquoted(name: &[u8]) -> &[u8] {
    let mut name = name;
    while let Some(rest) = name.strip_prefix(b"\"") {
        name = rest;
    }
    while let Some(rest) = name.strip_suffix(b"\"") {
        name = rest;
    }
    name
}

/// `DW_OP_plus_uconst 8`, `8`, `8(as signed = -1)`.
fn offset(data: &Attributes<'_>) -> Result<i128, String> {
    let text = data.wanted("DW_AT_data_member_location")?;
    let second = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(1);
    second
        .and_then(|word| integer(word, 10))
        .or_else(|| integer(before_note(text), 10))
        .ok_or_else(|| not_a_number("DW_AT_data_member_location", text))
}

fn before_note(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == b'(').next().unwrap_or(text)
}

fn by_size(size: i128) -> Result<&'static str, String> {
    Ok(match size {
        8 => "long long",
        4 => "int",
        2 => "short",
        1 => "char",
        _ => return Err(format!("an integer of {size} bytes")),
    })
}

fn not_a_number(name: &str, text: &[u8]) -> String {
    format!("{name} is '{}', not a number", String::from_utf8_lossy(text))
}
