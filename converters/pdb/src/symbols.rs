//! Symbol records: publics, and in private PDBs data, procedures and typedefs.

use pdb::{FallibleIterator, SymbolData};
use profile::{Binding, Name, Names, Progress, Report, guarded};

use crate::address::{Address, AddressMap};
use crate::container::Container;
use crate::dbi::Dbi;
use crate::name::{is_x86_call, normalise};
use crate::text::TextReader;

/// Which section of the profile a symbol belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SymbolKind {
    Function,
    Data,
}

/// A symbol with its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Symbol {
    pub(crate) name: Name,
    pub(crate) rva: u32,
    pub(crate) kind: SymbolKind,
    /// Publics come before others that share their name.
    pub(crate) binding: Binding,
    /// The index of its type; 0 where none is given.
    pub(crate) ty: u32,
}

/// What the symbol records of a PDB say.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    pub(crate) symbols: Vec<Symbol>,
    /// Typedefs: name, and index of the type meant.
    pub(crate) typedefs: Vec<(Name, u32)>,
    /// The processor that a compile record names (`CV_CPU_TYPE_e`).
    pub(crate) processor: Option<u16>,
    /// Whether a public carries a decoration that only 32-bit x86 has.
    pub(crate) x86_decoration: bool,
}

/// How symbols are read.
pub(crate) struct Reader<'r> {
    pub(crate) map: &'r AddressMap,
    pub(crate) raw_names: bool,
    pub(crate) names: &'r mut Names,
    pub(crate) texts: &'r mut TextReader,
    pub(crate) report: &'r mut Report,
}

impl Reader<'_> {
    /// Reads the symbol records of the whole PDB and of each module.
    pub(crate) fn read(mut self, container: &mut Container, dbi: &Dbi, progress: &dyn Progress) -> Symbols {
        let mut found = Symbols::default();
        if dbi.symbols.is_some() {
            match guarded(|| container.library().global_symbols()) {
                Some(Ok(table)) => self.records(table.iter(), "symbols", &mut found),
                Some(Err(error)) => self.lost_stream("symbols", &error.to_string()),
                None => self.lost_stream("symbols", "the container library gave up on it"),
            }
        }
        self.modules(container, &mut found, progress);
        found
    }

    fn modules(&mut self, container: &mut Container, found: &mut Symbols, progress: &dyn Progress) {
        let information = match guarded(|| container.library().debug_information()) {
            Some(Ok(information)) => information,
            Some(Err(error)) => return self.lost_stream("modules", &error.to_string()),
            None => return self.lost_stream("modules", "the container library gave up on it"),
        };
        let mut modules = match information.modules() {
            Ok(modules) => modules,
            Err(error) => return self.lost_stream("modules", &error.to_string()),
        };
        const STEP: &str = "Reading the modules' symbols";
        progress.begin(STEP, None);
        let mut done = 0;
        loop {
            let module = match guarded(|| modules.next()) {
                Some(Ok(Some(module))) => module,
                Some(Ok(None)) => break,
                Some(Err(error)) => {
                    self.lost_stream("modules", &error.to_string());
                    break;
                }
                None => {
                    self.lost_stream("modules", "the container library gave up on it");
                    break;
                }
            };
            done += 1;
            progress.advance(STEP, done);
            match guarded(|| container.library().module_info(&module)) {
                Some(Ok(Some(info))) => match guarded(|| info.symbols()) {
                    Some(Ok(records)) => self.records(records, &module.module_name(), found),
                    Some(Err(error)) => self.lost_stream(&module.module_name(), &error.to_string()),
                    None => self.lost_stream(&module.module_name(), "the container library gave up on it"),
                },
                Some(Ok(None)) => {}
                Some(Err(error)) => self.lost_stream(&module.module_name(), &error.to_string()),
                None => self.lost_stream(&module.module_name(), "the container library gave up on it"),
            }
        }
        progress.end(STEP);
    }

    fn lost_stream(&mut self, stream: &str, reason: &str) {
        self.report.lose("streams that cannot be read", || format!("{stream}: {reason}"));
    }

    fn records(&mut self, mut records: pdb::SymbolIter<'_>, stream: &str, found: &mut Symbols) {
        loop {
            match guarded(|| records.next()) {
                Some(Ok(Some(record))) => self.record(record, found),
                Some(Ok(None)) => return,
                Some(Err(error)) => {
                    self.report
                        .lose("symbol streams that end within a record", || format!("{stream}: {error}"));
                    return;
                }
                None => return self.lost_stream(stream, "the container library gave up on it"),
            }
        }
    }

    fn record(&mut self, record: pdb::Symbol<'_>, found: &mut Symbols) {
        let kind = record.raw_kind();
        if !is_wanted(kind) {
            if !is_known(kind) {
                self.report.lose(&format!("unknown symbol record {kind:#06x}"), String::new);
            }
            return;
        }
        let parsed = match guarded(|| record.parse()) {
            Some(Ok(parsed)) => parsed,
            _ => {
                let place = || format!("at {}", record.index());
                self.report.lose(&format!("symbol record {kind:#06x} that cannot be read"), place);
                return;
            }
        };
        match parsed {
            SymbolData::Public(public) => {
                let kind = if public.function { SymbolKind::Function } else { SymbolKind::Data };
                let name = public.name.as_bytes();
                self.symbol(name, kind, Binding::Global, public.offset, 0, found);
            }
            SymbolData::Data(data) if !data.managed => {
                let binding = if data.global { Binding::Weak } else { Binding::Local };
                let name = data.name.as_bytes();
                self.symbol(name, SymbolKind::Data, binding, data.offset, data.type_index.0, found);
            }
            SymbolData::Procedure(procedure) => {
                let binding = if procedure.global { Binding::Weak } else { Binding::Local };
                let name = procedure.name.as_bytes();
                self.symbol(name, SymbolKind::Function, binding, procedure.offset, 0, found);
            }
            SymbolData::UserDefinedType(typedef) => {
                let name = self.texts.intern(typedef.name.as_bytes(), self.names);
                found.typedefs.push((name, typedef.type_index.0));
            }
            SymbolData::CompileFlags(flags) => {
                found.processor.get_or_insert(flags.cpu_type as u16);
            }
            _ => {}
        }
    }

    fn symbol(
        &mut self,
        raw: &[u8],
        kind: SymbolKind,
        binding: Binding,
        place: pdb::PdbInternalSectionOffset,
        ty: u32,
        found: &mut Symbols,
    ) {
        let text = String::from_utf8_lossy(raw);
        if text.is_empty() {
            self.report
                .lose("symbols without a name", || format!("{:#x}:{:#x}", place.section, place.offset));
            return;
        }
        found.x86_decoration |= binding == Binding::Global && is_x86_call(&text);
        let lost = match self.map.address(place.section, place.offset) {
            Address::Rva(rva) => {
                // Names beside publics are the source's own, undecorated.
                let shown = match self.raw_names || binding != Binding::Global {
                    true => text.clone(),
                    false => normalise(&text),
                };
                let name = match std::str::from_utf8(raw) {
                    Ok(_) => self.names.intern(&shown),
                    Err(_) => self.texts.intern(raw, self.names),
                };
                found.symbols.push(Symbol { name, rva, kind, binding, ty });
                return;
            }
            Address::Absolute => "absolute symbols (values, not addresses)",
            Address::Removed => "symbols whose code was removed",
            Address::Unknown => "symbols without section headers to place them",
        };
        self.report.lose(lost, || text.into_owned());
    }
}

/// Whether records of this kind say something that goes into a profile.
fn is_wanted(kind: u16) -> bool {
    matches!(
        kind,
        // S_PUB32, S_[LG]DATA32, S_[LG]PROC32(_ID, _DPC), with their older forms
        0x1009 | 0x110e | 0x1007 | 0x1008 | 0x110c | 0x110d | 0x100a | 0x100b | 0x110f | 0x1110
        | 0x1146 | 0x1147 | 0x1155 | 0x1156
        // S_UDT, S_COBOLUDT, S_COMPILE2, S_COMPILE3
        | 0x1003 | 0x1004 | 0x1108 | 0x1109 | 0x1013 | 0x1116 | 0x113c
    )
}

/// Whether a kind is one that says nothing a profile has a place for: scopes, locals, registers, constants,
/// references, line tables' helpers. All kinds that `cvinfo.h` lists are known.
fn is_known(kind: u16) -> bool {
    matches!(kind, 0x0001..=0x000e | 0x0100..=0x010c | 0x0200..=0x020f | 0x0300 | 0x0301 | 0x0400..=0x0404
        | 0x1001..=0x1029 | 0x1101..=0x1177)
}
