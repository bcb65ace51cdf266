//! Section contributions: the module from which each part of the image comes.

use crate::cursor::Cursor;
use crate::item_stream::Module;
use crate::symbol::Place;

/// The first word of a list of contributions with checksums (`SCV60` in `dbi.h`), and of a list that also has the
/// section numbers in the objects. Older lists begin directly with an entry.
const WITH_CHECKSUMS: u32 = 0xeffe_0000 + 19_970_605;
const WITH_SECTIONS: u32 = 0xeffe_0000 + 20_140_516;

/// Parts of sections with their modules, sorted.
#[derive(Debug, Default)]
pub(crate) struct Contributions {
    parts: Vec<Contribution>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Contribution {
    section: u16,
    offset: u32,
    size: u32,
    module: Module,
}

impl Contributions {
    /// Reads the list in the DBI stream, up to the first truncated entry.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut cursor = Cursor::new(bytes);
        let (skipped, rest) = match cursor.u32() {
            Ok(WITH_CHECKSUMS) => (4, 8),
            Ok(WITH_SECTIONS) => (4, 12),
            _ => (0, 0),
        };
        let mut list = Cursor::new(bytes.get(skipped..).unwrap_or_default());
        let mut parts = Vec::new();
        let mut part = || {
            let section = list.u16()?;
            list.u16()?;
            let (offset, size, _flags) = (list.u32()?, list.u32()?, list.u32()?);
            let module = list.u16()?.saturating_add(1);
            list.u16()?;
            list.take(rest)?;
            Ok::<_, crate::cursor::Malformed>(Contribution { section, offset, size, module })
        };
        while let Ok(part) = part() {
            if part.size > 0 {
                parts.push(part);
            }
        }
        parts.sort_unstable();
        Self { parts }
    }

    /// The module from which a place in the image comes.
    pub(crate) fn module(&self, place: Place) -> Option<Module> {
        let behind =
            self.parts.partition_point(|it| (it.section, it.offset) <= (place.section, place.offset));
        let part = self.parts.get(behind.checked_sub(1)?)?;
        let inside = part.section == place.section && place.offset - part.offset < part.size;
        inside.then_some(part.module)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(head: &[u32], rest: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
        for (section, offset, size, module) in [(3u32, 16u32, 8u32, 1u32), (3, 0, 16, 0), (3, 16, 0, 7)] {
            for word in [section, offset, size, 0, module] {
                bytes.extend(word.to_le_bytes());
            }
            bytes.resize(bytes.len() + rest, 0);
        }
        bytes
    }

    #[test]
    fn a_place_belongs_to_the_part_that_holds_it() {
        for (head, rest) in [(vec![WITH_CHECKSUMS], 8), (vec![WITH_SECTIONS], 12), (vec![], 0)] {
            let mut bytes = list(&head, rest);
            // A truncated entry follows the last whole one.
            bytes.extend([1, 0, 0]);
            let contributions = Contributions::read(&bytes);
            let module = |section, offset| contributions.module(Place { section, offset });
            assert_eq!(module(3, 0), Some(1));
            assert_eq!(module(3, 15), Some(1));
            assert_eq!(module(3, 16), Some(2));
            assert_eq!(module(3, 24), None);
            assert_eq!(module(2, 0), None);
            assert_eq!(module(4, 0), None);
        }
        assert_eq!(Contributions::read(&[]).module(Place { section: 1, offset: 0 }), None);
    }
}
