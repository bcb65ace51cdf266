//! The tables of loaded modules: their symbols, and the types that they add to the kernel's.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use maps::kallsyms::{MOST_SYMBOLS, Symbol};

use super::{LIST_HEAD, LinuxKernel};
use crate::{Error, Space};

/// The tables of a loaded module.
#[derive(Clone, Debug)]
pub struct ModuleTables {
    /// The module's name.
    pub name: String,
    /// Its symbols in the order of its table, with their addresses in memory.
    pub symbols: Vec<Symbol>,
    /// Its BTF, which continues the kernel's (since 5.11).
    pub types: Option<Vec<u8>>,
    /// The BTF of the kernel types with which it was built (since 6.11, for modules built separately from the
    /// kernel), if its own BTF refers to those and not yet to the kernel's.
    pub base_types: Option<Vec<u8>>,
}

/// A module's name, and its tables or the reason why they cannot be read.
pub type NamedTables = (String, Result<ModuleTables, Error>);

/// The longest BTF of a module.
const LONGEST_TYPES: u64 = 16 << 20;
/// The longest name of a symbol (`KSYM_NAME_LEN`).
const LONGEST_NAME: usize = 512;
/// The section number of a symbol that is defined elsewhere (`SHN_UNDEF`).
const UNDEFINED: u16 = 0;

/// A module's symbol table: the kernel's struct `mod_kallsyms` since 4.5, members of `module` before that.
struct Table {
    symbols: u64,
    count: u64,
    names: u64,
    /// The kind letters of the symbols, since 5.2; before, each symbol has its own in place of `st_info`.
    kinds: Option<u64>,
}

impl LinuxKernel<'_> {
    /// The tables of every loaded module, in the order of the kernel's list (the latest first). A module whose tables
    /// cannot be read is listed with the reason.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile does not describe modules.
    pub fn module_tables(&self) -> Result<Vec<NamedTables>, Error> {
        let modules = self.module_list()?.entries;
        let mut registered = self.registered_types();
        let tables = modules.into_iter().map(|module| {
            let name = self.view().text_in(module, "module.name").unwrap_or_default();
            let symbols = self.symbols_of(module);
            let tables = symbols.map(|symbols| {
                // What the module brought is gone once it is loaded, except in a few versions.
                let (types, base_types) = match registered.remove(&module) {
                    Some(types) => (Some(types), None),
                    None => (
                        self.blob_of(module, "module.btf_data", "module.btf_data_size"),
                        self.blob_of(module, "module.btf_base_data", "module.btf_base_data_size"),
                    ),
                };
                ModuleTables { name: name.clone(), symbols, types, base_types }
            });
            (name, tables)
        });
        Ok(tables.collect())
    }

    /// The BTF of each module, by the address of its `struct module`: the kernel's copies, which refer to its own types
    /// (`btf_modules` in `kernel/bpf/btf.c`). None if the kernel keeps no copies, or the list cannot be read.
    fn registered_types(&self) -> HashMap<u64, Vec<u8>, RandomState> {
        let view = self.view();
        let list = self.symbol("btf_modules").and_then(|head| view.list(head, "btf_module.list", LIST_HEAD));
        let entries = list.map(|list| list.entries).unwrap_or_default();
        let of_entry = |entry: u64| {
            let module = view.get(entry, "btf_module.module").ok()?;
            let btf = view.get(entry, "btf_module.btf").ok()?;
            Some((module, self.blob_of(btf, "btf.data", "btf.data_size")?))
        };
        entries.into_iter().filter_map(of_entry).collect()
    }

    /// The bytes to which `data` in the struct at `base` points, as many as `size` says.
    fn blob_of(&self, base: u64, data: &str, size: &str) -> Option<Vec<u8>> {
        let view = self.view();
        let at = view.get(base, data).ok().filter(|at| *at != 0)?;
        let size = view.get(base, size).ok().filter(|size| (1..=LONGEST_TYPES).contains(size))?;
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        self.space_read(at, &mut bytes).ok().map(|()| bytes)
    }

    fn space_read(&self, at: u64, into: &mut [u8]) -> Result<(), Error> {
        Space::read(&self.space, at, into)
    }

    fn table_of(&self, module: u64) -> Result<Table, Error> {
        let view = self.view();
        if self.layout.has("module.kallsyms") {
            let table = view.get(module, "module.kallsyms")?;
            return Ok(Table {
                symbols: view.get(table, "mod_kallsyms.symtab")?,
                count: view.get(table, "mod_kallsyms.num_symtab")?,
                names: view.get(table, "mod_kallsyms.strtab")?,
                kinds: view.get(table, "mod_kallsyms.typetab").ok().filter(|at| *at != 0),
            });
        }
        Ok(Table {
            symbols: view.get(module, "module.symtab")?,
            count: view.get(module, "module.num_symtab")?,
            names: view.get(module, "module.strtab")?,
            kinds: None,
        })
    }

    fn symbols_of(&self, module: u64) -> Result<Vec<Symbol>, Error> {
        let Table { symbols, count, names, kinds } = self.table_of(module)?;
        let damaged = |problem: String| Error::List {
            list: "symbols of a module".to_owned(),
            problem,
            address: symbols,
            entries: 0,
            absent: false,
        };
        let count = u32::try_from(count).ok().filter(|count| *count <= MOST_SYMBOLS);
        let count = count.ok_or_else(|| damaged("it is longer than any".to_owned()))? as usize;
        let wide = self.layout.address_size() == 8;
        // `Elf64_Sym` and `Elf32_Sym`.
        let size = if wide { 24 } else { 16 };
        let mut entries = vec![0; count * size];
        self.space_read(symbols, &mut entries)?;
        let mut letters = vec![0; count];
        if let Some(kinds) = kinds {
            self.space_read(kinds, &mut letters)?;
        }
        let mut found = Vec::new();
        for (number, entry) in entries.chunks_exact(size).enumerate() {
            let word = |at: usize| entry.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
            let byte = |at: usize| entry.get(at).copied();
            let half = |at: usize| entry.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes));
            let long = |at: usize| entry.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
            let (info, section, address) =
                if wide { (byte(4), half(6), long(8)) } else { (byte(12), half(14), word(4).map(u64::from)) };
            let (Some(name), Some(info), Some(section), Some(address)) = (word(0), info, section, address)
            else {
                continue;
            };
            // The first entry of every table is empty.
            if section == UNDEFINED || name == 0 {
                continue;
            }
            let kind = if kinds.is_some() { letters.get(number).copied().unwrap_or_default() } else { info };
            let kind = if kind.is_ascii_alphabetic() { kind } else { b'?' };
            let name = self.view().text(names.wrapping_add(name.into()), LONGEST_NAME)?;
            if !name.is_empty() {
                found.push(Symbol { kind, name, address });
            }
        }
        Ok(found)
    }
}
