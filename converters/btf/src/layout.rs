//! The layout section (Linux 7.1, pahole 1.31): how many bytes a record of each kind takes.

use crate::kind::{BtfKind, Extent};

/// The bytes of an entry: `u8 info_sz`, `u8 elem_sz`, `u16 flags`.
const ENTRY: usize = 4;

/// A table with the sizes of each kind of record, indexed by the kind's number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout<'a>(&'a [u8]);

impl<'a> Layout<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The table's entry for a kind, by its number; `None` if the table ends before it.
    pub(crate) fn extent(self, kind: u8) -> Option<Extent> {
        let entry = self.0.get(usize::from(kind) * ENTRY..)?.get(..ENTRY)?;
        Some(Extent { fixed: *entry.first()?, each: *entry.get(1)? })
    }

    /// The first kind for which the table contradicts the format; a table with such a kind is not trusted.
    pub(crate) fn contradiction(self) -> Option<BtfKind> {
        BtfKind::KNOWN.iter().copied().find(|kind| {
            let said = self.extent(kind.number());
            said.is_some_and(|said| Some(said) != kind.extent())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_contradicts_the_format_is_detected() {
        let mut table = vec![0u8; 21 * ENTRY];
        for kind in BtfKind::KNOWN {
            let extent = kind.extent().unwrap();
            table[usize::from(kind.number()) * ENTRY] = extent.fixed;
            table[usize::from(kind.number()) * ENTRY + 1] = extent.each;
        }
        table[20 * ENTRY] = 4;
        table[20 * ENTRY + 1] = 8;
        let layout = Layout::new(&table);
        assert_eq!(layout.contradiction(), None);
        assert_eq!(layout.extent(20), Some(Extent { fixed: 4, each: 8 }));
        assert_eq!(layout.extent(21), None);
        table[4 * ENTRY + 1] = 16;
        assert_eq!(Layout::new(&table).contradiction(), Some(BtfKind::Struct));
    }
}
