//! The units of a file and of its companions: the start of each, and the sections that it reads.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use gimli::{DebugInfo, DebugTypes, EndianSlice, RunTimeEndian, UnitType};

use crate::bytes::{Cursor, text_at};
use crate::mix::{mix, mix_text};
use crate::plan::Encoding;
use crate::site::{Reference, Site};
use crate::value::Value;

/// The debug sections of one file, or of one unit in a package of split units.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sections<'a> {
    pub(crate) info: &'a [u8],
    /// `.debug_types`, where DWARF 4 keeps its type units.
    pub(crate) types: &'a [u8],
    pub(crate) abbreviations: &'a [u8],
    pub(crate) str: &'a [u8],
    pub(crate) line_str: &'a [u8],
    pub(crate) str_offsets: &'a [u8],
    pub(crate) addr: &'a [u8],
    /// The supplementary file's `.debug_str`.
    pub(crate) supplement_str: &'a [u8],
    pub(crate) big_endian: bool,
}

/// The tables that hold a unit's texts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strings<'a> {
    str: &'a [u8],
    line_str: &'a [u8],
    offsets: &'a [u8],
    supplement: &'a [u8],
    /// The start of the unit's share of the table of string offsets.
    pub(crate) base: Option<u64>,
    wide: bool,
    big_endian: bool,
    /// Whether equal texts have equal offsets, so that offsets can stand for texts.
    pub(crate) by_offset: bool,
}

impl<'a> Strings<'a> {
    /// A number that stands for a text. Equal texts have equal numbers if the file holds each text once, and always
    /// if `by_offset` is off. 0 means no text.
    #[inline(always)]
    pub(crate) fn key(&self, value: Value<'_>) -> u64 {
        if self.by_offset {
            match value {
                Value::Str(offset) => return self.offset_key(offset),
                Value::StrIndex(index) => {
                    return self.indexed(index).map_or(0, |offset| self.offset_key(offset));
                }
                Value::SupplementStr(offset) => return mix(offset, 0x5055),
                _ => {}
            }
        }
        match value {
            Value::Text(text) => mix_text(text),
            Value::Str(_) | Value::LineStr(_) | Value::StrIndex(_) | Value::SupplementStr(_) => {
                self.text(value).map_or(0, mix_text)
            }
            _ => 0,
        }
    }

    /// The key of the text at `offset` of `.debug_str`, if offsets stand for texts.
    #[inline(always)]
    pub(crate) fn offset_key(&self, offset: u64) -> u64 {
        mix(offset, 0x5354)
    }

    /// A text; `None` if the value is not a text or points outside its table.
    pub(crate) fn text<'t>(&self, value: Value<'t>) -> Option<&'t [u8]>
    where
        'a: 't,
    {
        let (table, offset) = match value {
            Value::Text(text) => return Some(text),
            Value::Str(offset) => (self.str, offset),
            Value::LineStr(offset) => (self.line_str, offset),
            Value::StrIndex(index) => (self.str, self.indexed(index)?),
            Value::SupplementStr(offset) => (self.supplement, offset),
            _ => return None,
        };
        // Many entries may refer to the same long text, so the length that is read for one entry is limited.
        let rest = table.get(usize::try_from(offset).ok()?..)?;
        text_at(rest.get(..LONGEST_TEXT).unwrap_or(rest), 0)
    }

    fn indexed(&self, index: u64) -> Option<u64> {
        let size = if self.wide { 8 } else { 4 };
        let at = self.base?.checked_add(index.checked_mul(size)?)?;
        number(self.offsets, usize::try_from(at).ok()?, size as u8, self.big_endian)
    }
}

/// The longest text that is read from a table, its NUL included. The names of C++ templates reach some thousand bytes.
const LONGEST_TEXT: usize = 64 << 10;

/// How large all names may be together, as a multiple of the size of the units and their texts. Names can be larger than the
/// texts, because linkers let one text be the end of another, and the names of nested types repeat those of their scopes.
const MAX_NAMES: usize = 4;

/// How many bytes of abbreviations may be read, as a multiple of the size of the units and their abbreviations. A table that several
/// units share is read again if they are not consecutive; the standard forbids overlapping tables.
const MAX_ABBREVIATIONS: u64 = 64;

/// Whether a string table holds each text once, as linkers write it. A file combined from objects (`ld -r`) repeats
/// the texts of each. The first few texts decide, because every object begins with the same ones.
pub(crate) fn keeps_each_text_once(table: &[u8]) -> bool {
    const ENOUGH: usize = 4;
    let mut at = 0;
    let mut looked_at = 0;
    while let Some(text) = text_at(table, at) {
        let next = at + text.len() + 1;
        // Short texts may be the end of another one, or not be in the table at all.
        if text.len() >= 8 {
            let mut needle = text.to_vec();
            needle.insert(0, 0);
            needle.push(0);
            let rest = table.get(next - 1..).unwrap_or_default();
            if memchr::memmem::find(rest, &needle).is_some() {
                return false;
            }
            looked_at += 1;
        }
        if looked_at == ENOUGH {
            break;
        }
        at = next;
    }
    true
}

/// A number of `size` bytes in a table.
pub(crate) fn number(table: &[u8], at: usize, size: u8, big_endian: bool) -> Option<u64> {
    fn read<const BIG: bool>(table: &[u8], at: usize, size: u8) -> Option<u64> {
        let mut cursor = Cursor::<BIG>::new(table, at);
        match size {
            4 => cursor.u32().map(u64::from),
            8 => cursor.u64(),
            _ => None,
        }
    }
    if big_endian { read::<true>(table, at, size) } else { read::<false>(table, at, size) }
}

/// A unit, ready to be walked.
#[derive(Clone, Debug)]
pub(crate) struct Unit<'a> {
    /// The number of its file in [`Units`].
    pub(crate) file: u32,
    /// Whether it is in `.debug_types`.
    pub(crate) in_types: bool,
    /// Its offset in its section.
    pub(crate) start: usize,
    /// Its bytes, including the header: offsets in the unit are relative to their start.
    pub(crate) bytes: &'a [u8],
    /// The offset of its first entry.
    pub(crate) entries_at: usize,
    pub(crate) abbreviations: &'a [u8],
    pub(crate) abbreviations_at: usize,
    pub(crate) encoding: Encoding,
    pub(crate) big_endian: bool,
    pub(crate) strings: Strings<'a>,
    pub(crate) addresses: &'a [u8],
    /// The start of its share of that table, if its own root does not give it: a split unit's skeleton does.
    pub(crate) addr_base: Option<u64>,
    /// A type unit's signature and the offset of its type.
    pub(crate) signature: Option<(u64, u32)>,
    /// A skeleton's identity, if the header holds it.
    pub(crate) split_id: Option<u64>,
}

/// What a skeleton knows about its split unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Skeleton<'a> {
    /// The identity of both.
    pub(crate) id: Option<u64>,
    /// The main file's table of addresses, which the split unit uses.
    pub(crate) addresses: &'a [u8],
    pub(crate) addr_base: Option<u64>,
}

/// Identifies a table of abbreviations, to compile its plans only once: the address of the section, the offset in it, and the
/// encoding.
pub(crate) type Table = (usize, usize, Encoding);

impl Unit<'_> {
    pub(crate) fn table(&self) -> Table {
        (self.abbreviations.as_ptr() as usize, self.abbreviations_at, self.encoding)
    }

    /// An address by its number in the unit's table.
    pub(crate) fn address(&self, base: Option<u64>, index: u64) -> Option<u64> {
        let size = self.encoding.address_size;
        // Without a base, the table begins after the section's header, which DWARF 4 does not have.
        let default = if self.encoding.version >= 5 { if self.encoding.wide { 16 } else { 8 } } else { 0 };
        let at = base.unwrap_or(default).checked_add(index.checked_mul(u64::from(size))?)?;
        number(self.addresses, usize::try_from(at).ok()?, size, self.big_endian)
    }
}

/// All units of a file, and of its split and supplementary files.
#[derive(Debug, Default)]
pub(crate) struct Units<'a> {
    pub(crate) units: Vec<Unit<'a>>,
    /// For each file, the numbers of its units in `.debug_info`, in order.
    files: Vec<std::ops::Range<usize>>,
    /// Which file supplements another.
    pub(crate) supplement: Option<u32>,
    signatures: HashMap<u64, u32, RandomState>,
}

/// A unit whose header could not be read. The units after it in its section cannot be found either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BrokenHeader {
    /// Its offset.
    pub(crate) at: u64,
}

impl<'a> Units<'a> {
    /// How many bytes of abbreviations may be read in one pass over the units, proportional to their size.
    pub(crate) fn abbreviation_limit(&self) -> u64 {
        let mut tables: Vec<(*const u8, usize)> =
            self.units.iter().map(|unit| (unit.abbreviations.as_ptr(), unit.abbreviations.len())).collect();
        tables.sort_unstable();
        tables.dedup();
        let units = self.units.iter().map(|unit| unit.bytes.len());
        let sum = units
            .chain(tables.iter().map(|table| table.1))
            .fold(0u64, |sum, length| sum.saturating_add(length as u64));
        sum.saturating_mul(MAX_ABBREVIATIONS)
    }

    /// How many bytes the names of all definitions may have together.
    pub(crate) fn text_limit(&self) -> usize {
        let mut tables: Vec<(*const u8, usize)> = self
            .units
            .iter()
            .flat_map(|unit| [unit.strings.str, unit.strings.line_str, unit.strings.supplement])
            .map(|table| (table.as_ptr(), table.len()))
            .collect();
        tables.sort_unstable();
        tables.dedup();
        let units = self.units.iter().map(|unit| unit.bytes.len());
        let sum = units.chain(tables.iter().map(|table| table.1)).fold(0usize, usize::saturating_add);
        sum.saturating_mul(MAX_NAMES).saturating_add(1 << 20)
    }

    /// Adds the units in one file's sections. Returns the file's number, and the first unit header that could not be
    /// read.
    pub(crate) fn add(&mut self, sections: &Sections<'a>, by_offset: bool) -> (u32, Option<BrokenHeader>) {
        let file = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        let first = self.units.len();
        let endian = if sections.big_endian { RunTimeEndian::Big } else { RunTimeEndian::Little };
        let mut broken = None;
        let mut end = 0;
        let mut infos = DebugInfo::from(EndianSlice::new(sections.info, endian)).units();
        loop {
            match infos.next() {
                Ok(Some(header)) => {
                    let Some(start) = header.debug_info_offset() else { break };
                    end = start.0.saturating_add(header.length_including_self());
                    self.add_unit(sections, file, false, start.0, &header, by_offset);
                }
                Ok(None) => break,
                Err(_) => {
                    broken = Some(BrokenHeader { at: end as u64 });
                    break;
                }
            }
        }
        self.files.push(first..self.units.len());
        let mut types = DebugTypes::from(EndianSlice::new(sections.types, endian)).units();
        while let Ok(Some(header)) = types.next() {
            let Some(start) = header.debug_types_offset() else { break };
            self.add_unit(sections, file, true, start.0, &header, by_offset);
        }
        (file, broken)
    }

    /// Adds the units of a split file, or of one unit's share of a package. Each unit belongs to the skeleton with
    /// its identity or, if the header does not hold one, to the first skeleton.
    pub(crate) fn add_split(&mut self, sections: &Sections<'a>, skeletons: &[&Skeleton<'a>]) {
        let first = self.units.len();
        // Each file has its own texts at the same offsets.
        self.add(sections, false);
        let by_id: HashMap<u64, &Skeleton<'a>> =
            skeletons.iter().rev().filter_map(|skeleton| Some((skeleton.id?, *skeleton))).collect();
        for unit in self.units.iter_mut().skip(first) {
            let own = unit.split_id.and_then(|id| by_id.get(&id).copied());
            if let Some(skeleton) = own.or_else(|| skeletons.first().copied()) {
                unit.addresses = skeleton.addresses;
                unit.addr_base = skeleton.addr_base;
            }
        }
    }

    fn add_unit(
        &mut self,
        sections: &Sections<'a>,
        file: u32,
        in_types: bool,
        start: usize,
        header: &gimli::UnitHeader<EndianSlice<'a, RunTimeEndian>>,
        by_offset: bool,
    ) {
        let section = if in_types { sections.types } else { sections.info };
        let end = start.saturating_add(header.length_including_self());
        // Offsets in a unit are stored in 32 bits; no known unit has four gigabytes.
        let Some(bytes) = section.get(start..end).filter(|bytes| u32::try_from(bytes.len()).is_ok()) else {
            return;
        };
        let encoding = header.encoding();
        let encoding = Encoding {
            version: encoding.version,
            address_size: encoding.address_size,
            wide: encoding.format == gimli::Format::Dwarf64,
        };
        // A split unit gives no base: its share of the table is the whole section after its header.
        let base = match (encoding.version, encoding.wide) {
            (5.., false) => 8,
            (5.., true) => 16,
            _ => 0,
        };
        let (mut signature, mut split_id) = (None, None);
        match header.type_() {
            UnitType::Type { type_signature, type_offset }
            | UnitType::SplitType { type_signature, type_offset } => {
                signature = u32::try_from(type_offset.0).ok().map(|offset| (type_signature.0, offset));
            }
            UnitType::Skeleton(id) | UnitType::SplitCompilation(id) => split_id = Some(id.0),
            _ => {}
        }
        let number = u32::try_from(self.units.len()).unwrap_or(u32::MAX);
        if let Some((signature, _)) = signature {
            self.signatures.entry(signature).or_insert(number);
        }
        self.units.push(Unit {
            file,
            in_types,
            start,
            bytes,
            entries_at: header.size_of_header(),
            abbreviations: sections.abbreviations,
            abbreviations_at: header.debug_abbrev_offset().0,
            encoding,
            big_endian: sections.big_endian,
            strings: Strings {
                str: sections.str,
                line_str: sections.line_str,
                offsets: sections.str_offsets,
                supplement: sections.supplement_str,
                base: Some(base),
                wide: encoding.wide,
                big_endian: sections.big_endian,
                by_offset,
            },
            addresses: sections.addr,
            addr_base: None,
            signature,
            split_id,
        });
    }

    /// The unit that a reference from the unit `from` leads to, and the offset in it.
    pub(crate) fn find(&self, from: u32, reference: Reference) -> Option<(u32, u32)> {
        match reference {
            Reference::Nothing => None,
            Reference::Here(at) => Some((from, at)),
            Reference::Section(at) => self.at(self.units.get(from as usize)?.file, at),
            Reference::Supplement(at) => self.at(self.supplement?, at),
            Reference::Signature(signature) => {
                let unit = *self.signatures.get(&signature)?;
                Some((unit, self.units.get(unit as usize)?.signature?.1))
            }
        }
    }

    /// The place of an entry, for messages.
    pub(crate) fn place(&self, site: Site) -> String {
        let unit = self.units.get(site.unit as usize);
        let section = if unit.is_some_and(|unit| unit.in_types) { ".debug_types" } else { ".debug_info" };
        let start = unit.map_or(0, |unit| unit.start as u64);
        format!("{section} offset {:#x}", start + u64::from(site.at))
    }

    fn at(&self, file: u32, offset: u64) -> Option<(u32, u32)> {
        let range = self.files.get(file as usize)?.clone();
        let units = self.units.get(range.clone())?;
        let offset = usize::try_from(offset).ok()?;
        let behind = units.partition_point(|unit| unit.start <= offset);
        let index = behind.checked_sub(1)?;
        let unit = units.get(index)?;
        let at = offset - unit.start;
        (at < unit.bytes.len()).then_some(((range.start + index) as u32, at as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_combined_from_objects_is_recognised() {
        assert!(keeps_each_text_once(b"GNU C11 12\0task_struct\0int\0"));
        assert!(!keeps_each_text_once(b"GNU C11 12\0task_struct\0GNU C11 12\0"));
        assert!(keeps_each_text_once(b""));
    }
}
