//! From a symbol's section and offset to its RVA, through the section headers and, if the linked image was
//! rearranged, OMAP.

use crate::container::PdbFile;
use crate::dbi::Dbi;
use crate::symbol::Place;
use profile::Report;

/// The place of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Rva(u32),
    /// In no section of the image: the number is a value and not an address.
    Absolute,
    /// In a part of the image that was removed.
    Removed,
    /// The PDB has no section headers.
    Unknown,
}

/// The sections of the image as it was linked, and how its parts were moved afterwards.
#[derive(Debug, Default)]
pub(crate) struct AddressMap {
    /// RVAs of the sections' first bytes.
    sections: Vec<u32>,
    /// `(from, to)` sorted by `from`: the bytes from `from` on were moved to `to`. For removed parts `to` is 0, or
    /// has its highest bit set (as Syzygy writes it).
    omap: Vec<(u32, u32)>,
}

/// An RVA beyond any image.
const NOWHERE: u32 = 1 << 31;

impl AddressMap {
    pub(crate) fn read(container: &mut PdbFile, dbi: &Dbi<'_>, report: &mut Report) -> Self {
        let mut bytes = |number: Option<u16>, name: &str| {
            let stream = number.map(|number| container.stream(number).map_err(|error| (number, error)))?;
            match stream {
                Ok(stream) => stream,
                Err((number, error)) => {
                    report.lose("streams that cannot be read", || format!("{number} ({name}): {error}"));
                    None
                }
            }
        };
        let omap = bytes(dbi.omap_from_source, "OMAP").map_or_else(Vec::new, |stream| omap(&stream));
        // Symbols have their places from before the parts were moved, so the original sections are used.
        let original = match omap.is_empty() {
            true => None,
            false => bytes(dbi.original_sections, "original section headers"),
        };
        let sections = match original {
            Some(stream) => Some(stream),
            None => bytes(dbi.sections, "section headers"),
        };
        let sections = sections.map_or_else(Vec::new, |stream| sections_of(&stream));
        Self { sections, omap }
    }

    /// How many parts of the image were moved or removed.
    pub(crate) fn moved(&self) -> usize {
        self.omap.len()
    }

    /// The address of a byte in a section. Sections are counted from 1.
    pub(crate) fn address(&self, place: Place) -> Address {
        if self.sections.is_empty() {
            return Address::Unknown;
        }
        let first = usize::from(place.section).checked_sub(1).and_then(|index| self.sections.get(index));
        let Some(rva) = first.map(|first| first.wrapping_add(place.offset)) else { return Address::Absolute };
        if self.omap.is_empty() {
            return Address::Rva(rva);
        }
        let behind = self.omap.partition_point(|(from, _)| *from <= rva);
        match behind.checked_sub(1).and_then(|index| self.omap.get(index)) {
            Some((_, 0 | NOWHERE..)) => Address::Removed,
            Some((from, to)) => Address::Rva((rva - from).wrapping_add(*to)),
            // The bytes before the first part did not move.
            None => Address::Rva(rva),
        }
    }
}

/// The RVAs in a list of section headers (`IMAGE_SECTION_HEADER`, 40 bytes each, the RVA at 12).
fn sections_of(stream: &[u8]) -> Vec<u32> {
    let rva = |header: &[u8]| header.get(12..)?.first_chunk().copied().map(u32::from_le_bytes);
    stream.chunks_exact(40).map(|header| rva(header).unwrap_or(0)).collect()
}

fn omap(stream: &[u8]) -> Vec<(u32, u32)> {
    let number = |bytes: &[u8], at: usize| {
        bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().map_or(0, u32::from_le_bytes)
    };
    let mut omap: Vec<(u32, u32)> =
        stream.chunks_exact(8).map(|entry| (number(entry, 0), number(entry, 4))).collect();
    // Linkers write it sorted.
    if !omap.is_sorted_by_key(|(from, _)| *from) {
        omap.sort_by_key(|(from, _)| *from);
    }
    omap
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(section: u16, offset: u32) -> Place {
        Place { section, offset }
    }

    fn map(omap: &[(u32, u32)]) -> AddressMap {
        AddressMap { sections: vec![0x1000, 0x3000], omap: omap.to_vec() }
    }

    #[test]
    fn sections_are_counted_from_one() {
        let map = map(&[]);
        assert_eq!(map.address(at(1, 0x10)), Address::Rva(0x1010));
        assert_eq!(map.address(at(2, 0)), Address::Rva(0x3000));
    }

    #[test]
    fn a_symbol_in_no_section_is_absolute() {
        let map = map(&[]);
        assert_eq!(map.address(at(0, 0xffdf_0000)), Address::Absolute);
        assert_eq!(map.address(at(3, 0xffdf_0000)), Address::Absolute);
    }

    #[test]
    fn without_section_headers_no_address_is_known() {
        assert_eq!(AddressMap::default().address(at(1, 0)), Address::Unknown);
    }

    #[test]
    fn omap_moves_and_removes() {
        let map =
            map(&[(0x1000, 0x2000), (0x1100, 0), (0x1200, 0x1300), (0x1300, NOWHERE), (0x1400, 0x1400)]);
        assert_eq!(map.address(at(1, 0x10)), Address::Rva(0x2010));
        assert_eq!(map.address(at(1, 0x180)), Address::Removed);
        assert_eq!(map.address(at(1, 0x210)), Address::Rva(0x1310));
        assert_eq!(map.address(at(1, 0x300)), Address::Removed);
        assert_eq!(map.address(at(2, 0)), Address::Rva(0x3000));
    }
}
