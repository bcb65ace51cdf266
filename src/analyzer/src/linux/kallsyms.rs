//! The kernel's own symbol table in memory.

use image::{Memory, PhysicalAddress, ScanPlan};
use maps::kallsyms::{self, DIGITS, Encoding, Format, Parts, Symbol};
use profile::{Name, Names};

use super::{LinuxKernel, VmCoreInfo};
use crate::typed_memory::TypedMemory;
use crate::{Error, Layout, Space};

/// Every symbol's addresses, KASLR included, by name.
#[derive(Debug)]
pub(crate) struct Symbols {
    names: Names,
    /// Where the addresses of each name begin, in the order of the names, and where the last ones end.
    starts: Vec<usize>,
    addresses: Vec<u64>,
}

impl Symbols {
    /// Sorts the addresses in the table's order by their names.
    fn new(names: Names, table: &[(Name, u64)]) -> Self {
        let mut starts = vec![0usize; names.len() + 1];
        for (name, _) in table {
            if let Some(start) = starts.get_mut(name.index() + 1) {
                *start += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let (mut next, mut addresses) = (starts.clone(), vec![0; table.len()]);
        for (name, address) in table {
            let Some(place) = next.get_mut(name.index()) else { continue };
            if let Some(slot) = addresses.get_mut(*place) {
                *slot = *address;
            }
            *place += 1;
        }
        Self { names, starts, addresses }
    }

    /// The number of names.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The addresses of the symbols of this name, in the table's order.
    pub(crate) fn addresses(&self, name: &str) -> &[u64] {
        let range = self
            .names
            .find(name)
            .and_then(|name| Some(*self.starts.get(name.index())?..*self.starts.get(name.index() + 1)?));
        range.and_then(|range| self.addresses.get(range)).unwrap_or_default()
    }

    /// The address of the first symbol of this name.
    pub(crate) fn first(&self, name: &str) -> Option<u64> {
        self.addresses(name).first().copied()
    }
}

/// How many places that look like a token table are examined.
const MOST_PLACES: usize = 64;

/// Reads the table. VMCOREINFO gives its parts since 6.0; before, the profile does.
///
/// # Errors
/// [`Error`] if the image or the profile lacks a part, or the bytes are not a symbol table.
pub(crate) fn read(kernel: &LinuxKernel<'_>, info: Option<&VmCoreInfo>) -> Result<Symbols, Error> {
    let parts = parts_at(kernel.view(), |name| match info.and_then(|info| info.symbol(name)) {
        Some(address) => Ok(address),
        None => kernel.symbol(name),
    })?;
    read_parts(&kernel.space, &parts)
}

/// Reads the table through a space of the kernel's own addresses, using only the places that VMCOREINFO names.
///
/// # Errors
/// As for [`read`].
pub(crate) fn read_from(layout: &Layout, space: &dyn Space, info: &VmCoreInfo) -> Result<Symbols, Error> {
    read_parts(space, &parts_from(layout, space, info)?)
}

/// Finds the parts of the table in a space of the kernel's own addresses, using only the places in VMCOREINFO.
///
/// # Errors
/// As for [`read`].
pub(super) fn parts_from(layout: &Layout, space: &dyn Space, info: &VmCoreInfo) -> Result<Parts, Error> {
    parts_at(TypedMemory { layout, space }, |name| {
        info.symbol(name).ok_or_else(|| Error::Lacking { what: format!("symbol {name}") })
    })
}

fn parts_at(view: TypedMemory<'_>, place: impl Fn(&str) -> Result<u64, Error>) -> Result<Parts, Error> {
    let format = Format { big_endian: false, pointer: view.layout.address_size() as u8 };
    let names = place("kallsyms_names")?;
    let count = view.number(place("kallsyms_num_syms")?, 4)? as u32;
    let source = |at: u64, into: &mut [u8]| view.space.read(at, into).is_ok();
    let candidates = match (place("kallsyms_addresses"), place("kallsyms_offsets")) {
        (Ok(at), _) => vec![Encoding::Pointers { at }],
        (_, Ok(at)) => match place("kallsyms_relative_base") {
            Ok(base) => {
                let base = view.pointer(base)?;
                vec![Encoding::FromBase { at, base }, Encoding::AbsoluteOrFromBase { at, base }]
            }
            // Since 7.0 there is no base.
            Err(_) => vec![Encoding::FromPlace { at, virtual_address: at }, Encoding::Words { at }],
        },
        (_, Err(error)) => return Err(error),
    };
    if count == 0 || count > kallsyms::MOST_SYMBOLS {
        return Err(not_a_table(names, kallsyms::Error::Count { count }));
    }
    let encoding = kallsyms::choose(&source, format, count, candidates.iter().copied()).ok_or_else(|| {
        // If the image lacks the offsets, that is the reported error.
        match candidates.first() {
            Some(Encoding::FromBase { at, .. } | Encoding::FromPlace { at, .. }) => {
                let mut offsets = vec![0; 4 * count as usize];
                match view.space.read(*at, &mut offsets) {
                    Err(error) => error,
                    Ok(()) => not_a_table(*at, kallsyms::Error::Addresses),
                }
            }
            _ => not_a_table(names, kallsyms::Error::Addresses),
        }
    })?;
    let (tokens, index) = (place("kallsyms_token_table")?, place("kallsyms_token_index")?);
    Ok(Parts { format, count, names, tokens, index, encoding, placed: true })
}

/// Reads the table whose parts are known.
///
/// # Errors
/// [`Error`] if the image lacks a part, or the bytes are not a symbol table.
pub(super) fn read_parts(space: &dyn Space, parts: &Parts) -> Result<Symbols, Error> {
    let (mut names, mut table) = (Names::default(), Vec::new());
    let source = |at: u64, into: &mut [u8]| space.read(at, into).is_ok();
    let add = |_, name: &str, address| table.push((names.intern(name), address));
    kallsyms::each(&source, parts, add).map_err(|error| in_space(space, parts, error))?;
    Ok(Symbols::new(names, &table))
}

/// The same, in the table's order and with the kinds of the symbols.
///
/// # Errors
/// As for [`read_parts`].
pub(super) fn symbols(space: &dyn Space, parts: &Parts) -> Result<Vec<Symbol>, Error> {
    let source = |at: u64, into: &mut [u8]| space.read(at, into).is_ok();
    kallsyms::read(&source, parts).map_err(|error| in_space(space, parts, error))
}

/// What made reading the table fail, as the space knows it.
fn in_space(space: &dyn Space, parts: &Parts, error: kallsyms::Error) -> Error {
    match error {
        kallsyms::Error::Missing { at, length } => {
            // The space knows whether the image lacks these bytes or the kernel does not map them.
            let mut bytes = vec![0; length as usize];
            let absent = Error::Unreadable { address: at, length, mapped: true };
            space.read(at, &mut bytes).err().unwrap_or(absent)
        }
        error => not_a_table(parts.names, error),
    }
}

fn not_a_table(address: u64, problem: kallsyms::Error) -> Error {
    Error::List {
        list: "kallsyms".to_owned(),
        problem: problem.to_string(),
        address,
        entries: 0,
        absent: false,
    }
}

/// Finds every table in physical memory by its form, for kernels whose VMCOREINFO is missing or older than 6.0.
pub(super) fn search(memory: &dyn Memory, plan: &ScanPlan<'_>) -> Vec<Parts> {
    let plan = ScanPlan { step: "Looking for the kernel's table of symbols", ..*plan };
    let hits = image::find(memory, &[DIGITS], MOST_PLACES, &plan).found;
    let source = |at: u64, into: &mut [u8]| memory.read(PhysicalAddress(at), into).is_ok();
    hits.iter().take(MOST_PLACES).filter_map(|hit| kallsyms::find_near(&source, hit.at.0)).collect()
}
