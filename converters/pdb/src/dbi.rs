//! The header of the DBI stream, and the list of further streams at its end.

use crate::cursor::{Cursor, Malformed};

/// The number of the stream.
pub(crate) const STREAM: u16 = 3;

/// What the DBI stream says of the build, and where symbols and sections are to be found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dbi {
    /// The age that the image's RSDS record carries as well.
    pub(crate) age: u32,
    /// A COFF machine number; 0 where the linker left it out.
    pub(crate) machine: u16,
    pub(crate) symbols: Option<u16>,
    pub(crate) omap_from_source: Option<u16>,
    pub(crate) sections: Option<u16>,
    pub(crate) original_sections: Option<u16>,
}

impl Dbi {
    /// Reads the header (`NewDBIHdr` of `dbi.h`).
    pub(crate) fn parse(stream: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(stream);
        let _signature = cursor.u32()?;
        let _version = cursor.u32()?;
        let age = cursor.u32()?;
        let _global_hash = cursor.u16()?;
        let _builder = cursor.u16()?;
        let _public_hash = cursor.u16()?;
        let _builder_build = cursor.u16()?;
        let symbols = present(cursor.u16()?);
        let _builder_rebuild = cursor.u16()?;
        let modules = cursor.u32()?;
        let contributions = cursor.u32()?;
        let section_map = cursor.u32()?;
        let files = cursor.u32()?;
        let type_servers = cursor.u32()?;
        let _mfc_type_server = cursor.u32()?;
        let more_streams = cursor.u32()?;
        let edit_and_continue = cursor.u32()?;
        let _flags = cursor.u16()?;
        let machine = cursor.u16()?;
        let _reserved = cursor.u32()?;

        // The list of further streams may be short or missing; so is what it does not name.
        let mut list = cursor;
        for part in [modules, contributions, section_map, files, type_servers, edit_and_continue] {
            let skipped = usize::try_from(part).map_err(|_| Malformed::Short).and_then(|it| list.take(it));
            if skipped.is_err() {
                list = Cursor::new(&[]);
            }
        }
        let listed = list.rest();
        let listed = listed.get(..more_streams as usize).unwrap_or(listed);
        let slot = |number: usize| {
            let raw = listed.get(number * 2..)?.first_chunk()?;
            present(u16::from_le_bytes(*raw))
        };
        Ok(Self {
            age,
            machine,
            symbols,
            omap_from_source: slot(4),
            sections: slot(5),
            original_sections: slot(10),
        })
    }
}

fn present(number: u16) -> Option<u16> {
    (number != u16::MAX).then_some(number)
}
