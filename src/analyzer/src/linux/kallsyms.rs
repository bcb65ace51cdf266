//! The kernel's own table of its symbols, in memory.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{Kernel, VmCoreInfo};
use crate::view::View;
use crate::{Error, Layout, Space};

/// Every symbol's addresses, KASLR included, by name.
pub(crate) type Symbols = HashMap<String, Vec<u64>, RandomState>;

/// The longest name, its kind before it: the kernel allows 512 bytes.
const LONGEST: usize = 1024;

/// More symbols than any kernel has.
const MOST: u64 = 1 << 20;

/// Where the table's parts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) names: u64,
    pub(super) count: u64,
    pub(super) tokens: u64,
    pub(super) index: u64,
    pub(super) addresses: Addresses,
}

/// How the table holds addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Addresses {
    /// As 32-bit offsets at `at`, from `base`.
    Offsets { at: u64, base: u64 },
    /// As they are, at this place (before 4.6, or without `CONFIG_KALLSYMS_BASE_RELATIVE`).
    Whole(u64),
}

/// Reads the table: of the places VMCOREINFO names (since 6.0), else of those the profile does.
///
/// Names are packed by a table of 256 tokens; a length of 128 and more takes two bytes (since 6.1). Addresses are
/// 32-bit offsets: absolute where not negative, else counted back from a base (scripts/kallsyms.c of the kernel's
/// sources, `CONFIG_KALLSYMS_ABSOLUTE_PERCPU`); without per-processor symbols they are all added to the base.
///
/// # Errors
/// [`Error`] where the image or the profile lacks a part, or what is there is no such table.
pub(crate) fn read(kernel: &Kernel<'_>, info: Option<&VmCoreInfo>) -> Result<Symbols, Error> {
    let place = |name: &str| match info.and_then(|info| info.symbol(name)) {
        Some(address) => Ok(address),
        None => kernel.symbol(name),
    };
    read_at(kernel.view(), place)
}

/// Reads the table through a space of the kernel's own addresses, of the places VMCOREINFO names alone.
///
/// # Errors
/// As for [`read`].
pub(crate) fn read_from(layout: &Layout, space: &dyn Space, info: &VmCoreInfo) -> Result<Symbols, Error> {
    read_at(View { layout, space }, |name| {
        info.symbol(name).ok_or_else(|| Error::Lacking { what: format!("symbol {name}") })
    })
}

fn read_at(view: View<'_>, place: impl Fn(&str) -> Result<u64, Error>) -> Result<Symbols, Error> {
    let parts = Parts {
        names: place("kallsyms_names")?,
        count: view.number(place("kallsyms_num_syms")?, 4)?,
        tokens: place("kallsyms_token_table")?,
        index: place("kallsyms_token_index")?,
        addresses: Addresses::Offsets {
            at: place("kallsyms_offsets")?,
            base: view.pointer(place("kallsyms_relative_base")?)?,
        },
    };
    read_parts(view, &parts)
}

/// Reads the table whose parts are known.
///
/// # Errors
/// [`Error`] where the image lacks one, or what is there is no such table.
pub(super) fn read_parts(view: View<'_>, parts: &Parts) -> Result<Symbols, Error> {
    let no_table = |problem: &str| Error::List {
        list: "kallsyms".to_owned(),
        problem: problem.to_owned(),
        address: parts.names,
        entries: 0,
        absent: false,
    };
    if parts.count == 0 || parts.count > MOST {
        return Err(no_table("an impossible count of symbols"));
    }
    let addresses = addresses(&view, parts)?;
    let tokens = tokens(&view, parts)?;
    let mut names = Names { view, at: parts.names, page: Vec::new(), start: 0 };
    let mut symbols = Symbols::with_capacity_and_hasher(parts.count as usize, RandomState::default());
    let mut name = Vec::new();
    for address in addresses {
        name.clear();
        let mut length = usize::from(names.byte()?);
        if length >= 128 {
            length = length & 127 | usize::from(names.byte()?) << 7;
        }
        if length == 0 || length > 512 {
            return Err(no_table("an impossible name"));
        }
        for _ in 0..length {
            let token = tokens.get(usize::from(names.byte()?)).map(Vec::as_slice).unwrap_or_default();
            name.extend_from_slice(token);
        }
        if name.len() > LONGEST {
            return Err(no_table("an endless name"));
        }
        // The first letter is the symbol's kind.
        let text = String::from_utf8_lossy(name.get(1..).unwrap_or_default()).into_owned();
        symbols.entry(text).or_default().push(address);
    }
    Ok(symbols)
}

/// The addresses, in the order of the names.
pub(super) fn addresses(view: &View<'_>, parts: &Parts) -> Result<Vec<u64>, Error> {
    let count = parts.count.min(MOST) as usize;
    let (at, base) = match parts.addresses {
        Addresses::Whole(at) => {
            let mut whole = vec![0; count * 8];
            view.space.read(at, &mut whole)?;
            return Ok(whole.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect());
        }
        Addresses::Offsets { at, base } => (at, base),
    };
    let mut offsets = vec![0; count * 4];
    view.space.read(at, &mut offsets)?;
    let (offsets, _) = offsets.as_chunks::<4>();
    let signed = offsets.iter().any(|offset| i32::from_le_bytes(*offset) < 0);
    let address = |offset: &[u8; 4]| match i32::from_le_bytes(*offset) {
        offset if signed && offset < 0 => base.wrapping_sub(1).wrapping_sub(i64::from(offset) as u64),
        offset if signed => offset as u64,
        offset => base.wrapping_add(u64::from(offset as u32)),
    };
    Ok(offsets.iter().map(address).collect())
}

fn tokens(view: &View<'_>, parts: &Parts) -> Result<Vec<Vec<u8>>, Error> {
    let mut tokens = Vec::with_capacity(256);
    for token in 0..256 {
        let offset = view.number(parts.index.wrapping_add(2 * token), 2)?;
        tokens.push(view.text(parts.tokens.wrapping_add(offset), 128)?.into_bytes());
    }
    Ok(tokens)
}

/// The packed names, read page by page.
struct Names<'a> {
    view: View<'a>,
    at: u64,
    page: Vec<u8>,
    start: u64,
}

impl Names<'_> {
    fn byte(&mut self) -> Result<u8, Error> {
        const PAGE: u64 = 4096;
        let within = self.at.wrapping_sub(self.start);
        if self.page.is_empty() || within >= PAGE {
            self.start = self.at & !(PAGE - 1);
            self.page.resize(PAGE as usize, 0);
            self.view.space.read(self.start, &mut self.page)?;
        }
        let byte = self.page.get((self.at - self.start) as usize).copied().unwrap_or_default();
        self.at = self.at.wrapping_add(1);
        Ok(byte)
    }
}
