//! The symbols of a PDB: publics, and in private PDBs data, procedures and typedefs.

use profile::{Binding, Name, Names, Progress, Report};

use crate::address::{Address, AddressMap};
use crate::container::PdbFile;
use crate::contributions::Contributions;
use crate::dbi::Dbi;
use crate::item_stream::Module;
use crate::name::{Form, is_x86_call, normalise};
use crate::symbol::{Place, SymbolRecord, SymbolRecords, parse};
use crate::text::{TextReader, is_unnamed};
use crate::type_stream::TypeStream;

/// The section of the profile that a symbol belongs to.
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
    /// Publics are global. Global symbols from the source count as weak, so that a public keeps its name.
    pub(crate) binding: Binding,
    /// What was removed from its name.
    pub(crate) form: Form,
    /// The index of its type; 0 if there is none.
    pub(crate) ty: u32,
    /// The module it comes from, counted from 1; 0 if unknown or irrelevant.
    pub(crate) module: Module,
}

/// The contents of a PDB's symbol records.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    pub(crate) symbols: Vec<Symbol>,
    /// Typedefs of types without a name of their own: the name, and the position of the type's record.
    pub(crate) typedefs: Vec<(Name, usize)>,
    /// The items that describe how the modules were built, each with its module.
    pub(crate) builds: Vec<(u32, Module)>,
    /// The processor that the first compile record names (`CV_CPU_TYPE_e`).
    pub(crate) processor: Option<u16>,
    /// Whether a public has a decoration that only 32-bit x86 uses.
    pub(crate) x86_decoration: bool,
}

/// How symbols are read, and what has been found so far.
pub(crate) struct Reader<'r, 't> {
    pub(crate) map: &'r AddressMap,
    pub(crate) types: Option<&'r TypeStream<'t>>,
    pub(crate) raw_names: bool,
    pub(crate) names: &'r mut Names,
    pub(crate) texts: &'r mut TextReader,
    pub(crate) report: &'r mut Report,
    pub(crate) found: Symbols,
    /// The module that each place comes from; read only if types have ambiguous names.
    pub(crate) contributions: Contributions,
    /// The module whose records are being read, counted from 1; 0 for those that belong to the whole PDB.
    pub(crate) module: Module,
}

impl Reader<'_, '_> {
    /// Reads the symbol records of the whole PDB and of each module.
    pub(crate) fn read(mut self, container: &mut PdbFile, dbi: &Dbi<'_>, progress: &dyn Progress) -> Symbols {
        match dbi.symbols.map(|number| container.stream(number)) {
            Some(Ok(Some(stream))) => self.records(&stream, || "symbol records".to_owned()),
            Some(Err(error)) => self.lost_stream("symbol records", &error),
            Some(Ok(None)) | None => {}
        }
        const STEP: &str = "Reading the modules' symbols";
        progress.begin(STEP, None);
        for (done, module) in dbi.modules().enumerate() {
            self.module = Module::try_from(done + 1).unwrap_or(0);
            let Ok(module) = module else {
                self.lost_stream("modules", "the list ends within an entry");
                break;
            };
            if let Some(number) = module.stream {
                let name = || String::from_utf8_lossy(module.name).into_owned();
                match container.stream(number) {
                    Ok(Some(stream)) => self.module(&stream, module.symbols, name),
                    Ok(None) => {}
                    Err(error) => self.lost_stream(&name(), &error),
                }
            }
            progress.advance(STEP, done as u64 + 1);
        }
        progress.end(STEP);
        self.found
    }

    fn lost_stream(&mut self, stream: &str, reason: &str) {
        self.report.lose("streams that cannot be read", || format!("{stream}: {reason}"));
    }

    /// A module's stream: a signature, its symbols, its line numbers.
    fn module(&mut self, stream: &[u8], symbols: u32, name: impl Fn() -> String) {
        let symbols = stream.get(..symbols as usize).unwrap_or(stream);
        let Some((signature, records)) = symbols.split_first_chunk() else { return };
        match u32::from_le_bytes(*signature) {
            // C11 and C13: the same symbols with different line numbers.
            2 | 4 => self.records(records, name),
            older => self.lost_stream(&name(), &format!("symbols in format {older}, expected 2 or 4")),
        }
    }

    fn records(&mut self, stream: &[u8], name: impl Fn() -> String) {
        for record in SymbolRecords::new(stream) {
            let Ok((kind, body)) = record else {
                self.report.lose("symbol streams that end within a record", name);
                return;
            };
            match parse(kind, body) {
                Ok(record) => self.record(kind, record, &name),
                Err(_) => self.report.lose(&format!("symbol record {kind:#06x} that ends too early"), &name),
            }
        }
    }

    fn record(&mut self, kind: u16, record: SymbolRecord<'_>, stream: impl Fn() -> String) {
        match record {
            SymbolRecord::Public { function, place, name } => {
                let kind = if function { SymbolKind::Function } else { SymbolKind::Data };
                self.symbol(name, kind, Binding::Global, place, 0);
            }
            SymbolRecord::Data { global, ty, place, name } => {
                let binding = if global { Binding::Weak } else { Binding::Local };
                self.symbol(name, SymbolKind::Data, binding, place, ty);
            }
            SymbolRecord::Procedure { global, place, name } => {
                let binding = if global { Binding::Weak } else { Binding::Local };
                self.symbol(name, SymbolKind::Function, binding, place, 0);
            }
            SymbolRecord::ThreadLocal { name } => {
                self.report.lose("thread-local variables (no address of their own)", || {
                    String::from_utf8_lossy(name).into_owned()
                });
            }
            // C++ compilers give unnamed types a typedef with a made-up name.
            SymbolRecord::Typedef { name, .. } if is_unnamed(name) => {}
            SymbolRecord::Typedef { ty, name } => {
                if let Some(position) = self.types.and_then(|types| types.unnamed(ty)) {
                    let name = self.texts.intern(name, self.names);
                    self.found.typedefs.push((name, position));
                }
            }
            SymbolRecord::Build { item } => {
                if self.module != 0 {
                    self.found.builds.push((item, self.module));
                }
            }
            SymbolRecord::Compiler { processor } => {
                self.found.processor.get_or_insert(processor);
            }
            SymbolRecord::Other => {}
            SymbolRecord::Unknown => self.report.lose(&format!("unknown symbol record {kind:#06x}"), stream),
        }
    }

    fn symbol(&mut self, raw: &[u8], kind: SymbolKind, binding: Binding, place: Place, ty: u32) {
        // Jump tables and similar symbols; a symbol without a name cannot be looked up.
        if raw.is_empty() {
            return;
        }
        let public = binding == Binding::Global;
        self.found.x86_decoration |= public && is_x86_call(raw);
        let lost = match self.map.address(place) {
            Address::Rva(rva) => {
                // Names of symbols other than publics are those in the source, undecorated.
                let own = if public { Form::Plain } else { Form::Source };
                let (name, form) = match (std::str::from_utf8(raw), public && !self.raw_names) {
                    (Ok(text), true) => {
                        let (text, form) = normalise(text);
                        (self.names.intern(&text), form)
                    }
                    (Ok(text), false) => (self.names.intern(text), own),
                    (Err(_), _) => (self.texts.intern(raw, self.names), own),
                };
                let ambiguous = self.types.is_some_and(|types| types.is_ambiguous(ty));
                let module = if ambiguous { self.contributions.module(place).unwrap_or(0) } else { 0 };
                self.found.symbols.push(Symbol { name, rva, kind, binding, form, ty, module });
                return;
            }
            // The linker keeps the records of functions and data that were not linked in.
            Address::Absolute if !public => "private symbols that were not linked in",
            Address::Absolute => "absolute symbols (values, not addresses)",
            Address::Removed if !public => "private symbols whose code was removed",
            Address::Removed => "symbols whose code was removed",
            Address::Unknown if !public => "private symbols without section headers to place them",
            Address::Unknown => "symbols without section headers to place them",
        };
        self.report.lose(lost, || String::from_utf8_lossy(raw).into_owned());
    }
}
