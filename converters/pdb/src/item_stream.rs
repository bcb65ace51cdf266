//! The stream of item records (IPI): the modules and source files that define a type.
//!
//! Microsoft's linker lists every module that holds a definition (`LF_UDT_MOD_SRC_LINE`). LLVM's linker keeps the
//! compiler's records (`LF_UDT_SRC_LINE`) in the order of the modules. Each module's items end with its
//! `LF_BUILDINFO`, which the module's symbols name (`S_BUILDINFO`), and items that an earlier module already had are
//! left out.
//!
//! Each item is read once, up to the end of the stream, whatever number of items the header states.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::codeview::{CV_FIRST_NONPRIM, LF_BUILDINFO, LF_STRING_ID, LF_UDT_MOD_SRC_LINE, LF_UDT_SRC_LINE};
use crate::cursor::{Cursor, Malformed};

/// The number of the stream.
pub(crate) const STREAM: u16 = 4;

/// The number of a module, counted from 1. Section contributions count from 0, item records from 1.
pub(crate) type Module = u16;

/// Which of the items of an LF_BUILDINFO names the source file.
const BUILD_INFO_SOURCE: usize = 2;

/// Where a type is defined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The modules that are known to hold it, sorted.
    pub(crate) modules: Vec<Module>,
    /// Whether no other module can hold it.
    pub(crate) complete: bool,
    /// The source files that define it, sorted; numbers that mean the same file are equal.
    pub(crate) files: Vec<u32>,
}

/// The origins of a PDB's definitions, by type index.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    by_type: HashMap<u32, Origin, FixedState>,
}

impl Origins {
    /// Reads the stream. `builds` holds the item of every module's `S_BUILDINFO`.
    ///
    /// # Errors
    /// The header is not that of an item stream: older PDBs have other data under this number.
    pub(crate) fn read(bytes: &[u8], builds: &[(u32, Module)]) -> Result<Self, Malformed> {
        let mut header = Cursor::new(bytes);
        let _version = header.u32()?;
        let header_size = header.u32()?;
        let (first, end) = (header.u32()?, header.u32()?);
        if first < CV_FIRST_NONPRIM || header_size != 56 {
            return Err(Malformed::Numeric);
        }
        let mut rest = Cursor::new(bytes);
        rest.take(56)?;
        let mut origins = Self::default();
        let mut of_items: Vec<(u32, u32, u32)> = Vec::new();
        let mut sources: HashMap<u32, u32, FixedState> = HashMap::default();
        let mut texts: HashMap<u32, &[u8], FixedState> = HashMap::default();
        for item in first..end {
            let record = rest.u16().and_then(|length| rest.take(length.into()));
            let Ok([low, high, body @ ..]) = record else { break };
            let mut body = Cursor::new(body);
            match u16::from_le_bytes([*low, *high]) {
                // Type, source file (an item), line.
                LF_UDT_SRC_LINE => of_items.push((item, body.u32()?, body.u32()?)),
                // Type, source file (a string), line, module.
                LF_UDT_MOD_SRC_LINE => {
                    let (ty, file, _line) = (body.u32()?, body.u32()?, body.u32()?);
                    let module = body.u16()?;
                    let origin = origins.by_type.entry(ty).or_default();
                    origin.modules.push(module);
                    origin.files.push(file);
                    origin.complete = true;
                }
                // An item, then the text.
                LF_STRING_ID => {
                    body.u32()?;
                    texts.insert(item, body.text()?);
                }
                // A count of items, then the items: folder, compiler, source file, ...
                LF_BUILDINFO => {
                    let count = usize::from(body.u16()?);
                    if count > BUILD_INFO_SOURCE {
                        body.take(4 * BUILD_INFO_SOURCE)?;
                        sources.insert(item, body.u32()?);
                    }
                }
                _ => {}
            }
        }
        // Compilers write the main source file as they were given it, and other files with their folders.
        let is_main = |build: u32, file: u32| {
            let main = sources.get(&build).and_then(|source| texts.get(source));
            match (main, texts.get(&file)) {
                (Some(main), Some(file)) => base_name(main).eq_ignore_ascii_case(base_name(file)),
                _ => false,
            }
        };
        origins.add_items(&of_items, is_main, builds);
        for origin in origins.by_type.values_mut() {
            origin.modules.sort_unstable();
            origin.modules.dedup();
            origin.files.sort_unstable();
            origin.files.dedup();
        }
        Ok(origins)
    }

    /// Adds `LF_UDT_SRC_LINE` records: the item, type and source file of each.
    fn add_items(
        &mut self,
        items: &[(u32, u32, u32)],
        is_main: impl Fn(u32, u32) -> bool,
        builds: &[(u32, Module)],
    ) {
        let mut ends: Vec<(u32, Module)> = builds.to_vec();
        ends.sort_unstable();
        ends.dedup_by_key(|(item, _)| *item);
        // Modules with the same source file and options share an LF_BUILDINFO, so their own items cannot be told from
        // those of the next module.
        let shared = builds.len() != ends.len();
        for (item, ty, file) in items {
            let origin = self.by_type.entry(*ty).or_default();
            origin.files.push(*file);
            let end = ends.partition_point(|(end, _)| end < item);
            let Some((build, module)) = ends.get(end).filter(|_| !shared) else {
                origin.complete = false;
                continue;
            };
            origin.modules.push(*module);
            // No other module holds the types that a module's main source file defines.
            let own = is_main(*build, *file);
            origin.complete = own && (origin.complete || origin.modules.len() == 1);
        }
    }

    /// Where the type with this index is defined, if the stream records it.
    pub(crate) fn of(&self, ty: u32) -> Option<&Origin> {
        self.by_type.get(&ty)
    }
}

/// The last part of a path, of Windows or any other.
fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or(path)
}
