//! The DBI stream: its header, the list of modules after it, and the list of further streams at its end.
//!
//! Lists are read entry by entry up to the end of their bytes. Nothing is allocated by the counts that they state.

use crate::cursor::{Cursor, Malformed};

/// The number of the stream.
pub(crate) const STREAM: u16 = 3;

/// What the DBI stream says about the build, and where symbols and sections are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dbi<'a> {
    /// The age, which the image's RSDS record has as well.
    pub(crate) age: u32,
    /// A COFF machine number; 0 if the linker left it out.
    pub(crate) machine: u16,
    pub(crate) symbols: Option<u16>,
    pub(crate) omap_from_source: Option<u16>,
    pub(crate) sections: Option<u16>,
    pub(crate) original_sections: Option<u16>,
    modules: &'a [u8],
    /// The section contributions: which parts of the image come from which module ([`crate::contributions`]).
    pub(crate) contributions: &'a [u8],
}

/// A module (an object file) of the image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Module<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) stream: Option<u16>,
    /// The number of bytes of its stream that are symbols.
    pub(crate) symbols: u32,
}

impl<'a> Dbi<'a> {
    /// Reads the header (`NewDBIHdr` of `dbi.h`).
    pub(crate) fn parse(stream: &'a [u8]) -> Result<Self, Malformed> {
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

        // The list of further streams may be short or missing; streams that it does not name do not exist.
        let behind = cursor.rest();
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
            modules: behind.get(..modules as usize).unwrap_or(behind),
            contributions: behind
                .get(modules as usize..)
                .and_then(|rest| rest.get(..contributions as usize))
                .unwrap_or_default(),
        })
    }

    /// The modules; the iterator ends with an error if an entry does not fit.
    pub(crate) fn modules(&self) -> Modules<'a> {
        Modules { rest: Cursor::new(self.modules) }
    }
}

/// The list of modules (`MODI` of `dbi.h`).
#[derive(Clone, Debug)]
pub(crate) struct Modules<'a> {
    rest: Cursor<'a>,
}

impl<'a> Iterator for Modules<'a> {
    type Item = Result<Module<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let module = module(&mut self.rest);
        if module.is_err() {
            self.rest = Cursor::new(&[]);
        }
        Some(module)
    }
}

fn module<'a>(list: &mut Cursor<'a>) -> Result<Module<'a>, Malformed> {
    let before = list.rest().len();
    // When it was opened, its first contribution, flags.
    list.take(34)?;
    let stream = present(list.u16()?);
    let symbols = list.u32()?;
    // Sizes of line numbers, number of files, offsets of names.
    list.take(24)?;
    let name = list.text()?;
    let _object_file = list.text()?;
    // Entries begin at multiples of four bytes; the last one may lack its padding.
    let used = before - list.rest().len();
    let padding = used.next_multiple_of(4) - used;
    list.take(padding.min(list.rest().len()))?;
    Ok(Module { name, stream, symbols })
}

fn present(number: u16) -> Option<u16> {
    (number != u16::MAX).then_some(number)
}
