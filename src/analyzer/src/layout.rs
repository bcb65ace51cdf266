//! Access to the profile: the addresses of symbols and the layout of structs, one entry at a time.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use foldhash::fast::RandomState;
use profile::{
    Arch, BitRange, MAX_TEXT, MappedFile, Name, Profile, ReadError, RecordId, Report, Resolution, System,
    Table, Text, Type, TypeId, unpack,
};
use serde_json::Value;

use crate::Error;

/// A profile from which single structs and symbols are read.
///
/// It records which entries were read, so that a check can list the members and symbols on which it depends.
#[derive(Debug)]
pub struct Layout {
    source: Source,
    shapes: RefCell<HashMap<String, Option<Rc<Shape>>, RandomState>>,
    paths: RefCell<HashMap<String, Option<Rc<Steps>>, RandomState>>,
    symbols: RefCell<HashMap<String, Option<u64>, RandomState>>,
    alignments: RefCell<HashMap<String, u64, RandomState>>,
    asked: RefCell<BTreeSet<Rc<str>>>,
    depth: Cell<usize>,
    /// The same profile read whole, once it was needed.
    complete: OnceCell<Box<Layout>>,
    /// The thread that reads it, if that has begun before it is needed.
    reading: RefCell<Option<JoinHandle<Result<Profile, ReadError>>>>,
}

#[derive(Debug)]
enum Source {
    /// Rekall's form: entries are looked up in the text.
    Text(Arc<Text>),
    /// Volatility's form, with the same kind of lookups.
    Table(Box<Table>),
    /// Any other form, read whole.
    Whole {
        profile: Box<Profile>,
        keys: HashMap<RecordId, Name, RandomState>,
        records: HashMap<Name, RecordId, RandomState>,
        symbols: HashMap<Name, u64, RandomState>,
    },
}

/// A struct as the profile describes it. The members of unnamed members are listed among its own, as in C.
#[derive(Debug)]
pub struct Shape {
    /// Its size in bytes.
    pub size: u64,
    /// Its members by name.
    pub members: HashMap<String, Field, RandomState>,
    /// Only its own members, where unnamed ones are `u1`, `u2`, ....
    pub own: Vec<(String, Field)>,
}

/// A member, or the last of a path of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its offset in bytes; for a bit-field, that of its storage unit.
    pub offset: u64,
    /// Its type.
    pub kind: FieldKind,
    /// For a bit-field, its bits.
    pub bits: Option<BitRange>,
}

/// The meaning of a member's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// An integer, a character or an enumeration's value.
    Number {
        /// The size in bytes.
        size: u64,
        /// Whether it is signed.
        signed: bool,
    },
    /// A pointer of this size.
    Pointer {
        /// The size in bytes, 4 or 8.
        size: u64,
    },
    /// A struct, by name.
    Record(String),
    /// An array.
    Array {
        /// The element.
        element: Box<FieldKind>,
        /// The number of elements; 0 if the array has no bound.
        count: u64,
    },
    /// Bytes with an unknown meaning.
    Other,
}

/// A resolved path, and the members on it.
#[derive(Debug)]
struct Steps {
    field: Field,
    items: Vec<Rc<str>>,
}

/// Deeper nesting of structs than in any source is cut.
const MAX_DEPTH: usize = 32;
/// How many unnamed members are opened in one struct: a kernel's have some dozens.
const MAX_UNNAMED: usize = 1024;

impl Layout {
    /// Opens the profile in the file at `path`, in any form that [`profile::read_file`] reads.
    ///
    /// # Errors
    /// [`ReadError`] if it is not a profile.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file =
            MappedFile::open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        let text = unpack(&file, MAX_TEXT)?;
        if Table::recognises(&text) {
            let text = match text {
                Cow::Borrowed(_) => file,
                Cow::Owned(text) => text.into(),
            };
            return Self::from_table(text);
        }
        match Text::new(text.into_owned()) {
            Ok(text) => Ok(Self::from_text(text)),
            Err(ReadError::WrongKind(_)) => {
                Ok(Self::from_profile(profile::read_file(path, &mut Report::default())?))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads from the text of one of Volatility's tables.
    fn from_table(text: MappedFile) -> Result<Self, Error> {
        match Table::new(text.clone()) {
            Some(table) => Ok(Self::new(Source::Table(Box::new(table)))),
            // The table is unusual or damaged.
            None => Ok(Self::from_text(Text::new(text.to_vec())?)),
        }
    }

    /// Reads from the text of a profile, which may be shared with others.
    pub fn from_text(text: impl Into<Arc<Text>>) -> Self {
        Self::new(Source::Text(text.into()))
    }

    /// Reads from a profile that is already in memory.
    pub fn from_profile(mut profile: Profile) -> Self {
        let resolution = Resolution::new(&mut profile, &mut Report::default());
        let keys = resolution.structs().iter().map(|(name, id)| (*id, *name)).collect();
        let records = resolution.structs().iter().copied().collect();
        let all = profile.functions.iter().chain(&profile.constants);
        let symbols = all.copied().collect();
        Self::new(Source::Whole { profile: Box::new(profile), keys, records, symbols })
    }

    /// For a kernel about which nothing is known except that it has 64 bits.
    pub(crate) fn bare() -> Self {
        Self::from_profile(Profile::new(System::Linux, Arch::Amd64))
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            shapes: RefCell::default(),
            paths: RefCell::default(),
            symbols: RefCell::default(),
            alignments: RefCell::default(),
            asked: RefCell::default(),
            depth: Cell::new(0),
            complete: OnceCell::new(),
            reading: RefCell::default(),
        }
    }

    /// The system of the profile.
    pub fn system(&self) -> System {
        match &self.source {
            Source::Text(text) => text.system(),
            Source::Table(table) => table.system(),
            Source::Whole { profile, .. } => profile.system,
        }
    }

    /// The architecture of the profile.
    pub fn arch(&self) -> Arch {
        match &self.source {
            Source::Text(text) => text.arch(),
            Source::Table(table) => table.arch(),
            Source::Whole { profile, .. } => profile.arch,
        }
    }

    /// The size of an address in bytes.
    pub fn address_size(&self) -> u64 {
        u64::from(self.arch().address_size())
    }

    /// A field of `$METADATA`, if it is a text.
    pub fn metadata(&self, key: &str) -> Option<String> {
        match &self.source {
            Source::Text(text) => text.metadata().get(key).and_then(Value::as_str).map(str::to_owned),
            Source::Table(table) => table.metadata(key).and_then(Value::as_str).map(str::to_owned),
            Source::Whole { profile, .. } => profile.metadata_text(key).map(str::to_owned),
        }
    }

    /// The address of a symbol in the profile (an RVA on Windows, otherwise the link address).
    pub fn symbol(&self, name: &str) -> Option<u64> {
        let known = self.symbols.borrow().get(name).copied();
        let address = known.unwrap_or_else(|| {
            let address = match &self.source {
                Source::Text(text) => text.symbol(name).map(|symbol| symbol.address),
                Source::Table(table) => table.symbol(name).map(|symbol| symbol.address),
                Source::Whole { profile, symbols, .. } => {
                    profile.names.find(name).and_then(|name| symbols.get(&name)).copied()
                }
            };
            self.symbols.borrow_mut().insert(name.to_owned(), address);
            address
        });
        if address.is_some() {
            self.asked.borrow_mut().insert(format!("&{name}").into());
        }
        address
    }

    /// The addresses of many symbols, as far as the profile has them. It walks the profile once, and does not record
    /// the symbols as read.
    pub fn symbols<'n>(&self, names: impl Iterator<Item = &'n str>) -> HashMap<&'n str, u64, RandomState> {
        if let Source::Whole { profile, symbols, .. } = &self.source {
            let find = |name| profile.names.find(name).and_then(|name| symbols.get(&name)).copied();
            return names.filter_map(|name| Some((name, find(name)?))).collect();
        }
        let wanted: HashMap<&str, &'n str, RandomState> = names.map(|name| (name, name)).collect();
        let mut found = HashMap::default();
        let mut look = |name: &str, address: u64, _: bool| {
            if let Some(name) = wanted.get(name) {
                // Data takes precedence over code.
                found.entry(*name).or_insert(address);
            }
        };
        match &self.source {
            Source::Text(text) => text.each_symbol(&mut look),
            Source::Table(table) => table.each_symbol(&mut look),
            Source::Whole { .. } => {}
        }
        found
    }

    /// The whole profile as it was read, for those who change or merge it.
    ///
    /// # Errors
    /// [`ReadError`] if the profile turns out to be damaged.
    pub fn whole(&self) -> Result<Cow<'_, Profile>, Error> {
        match &self.source {
            Source::Text(text) => Ok(Cow::Owned(text.profile(&mut Report::default())?)),
            Source::Table(table) => Ok(Cow::Owned(table.profile(&mut Report::default())?)),
            Source::Whole { profile, .. } => Ok(Cow::Borrowed(profile)),
        }
    }

    /// Begins to read the whole profile on another thread, for a comparison of every symbol and member that comes later.
    /// Does nothing if only one thread may be used, or the profile is in memory.
    pub(crate) fn read_ahead(&self, threads: usize) {
        let Source::Text(text) = &self.source else { return };
        if self.complete.get().is_some() || threads < 2 {
            return;
        }
        let text = Arc::clone(text);
        let read = move || text.profile(&mut Report::default());
        // If the system starts no thread, the profile is read when it is needed.
        *self.reading.borrow_mut() = thread::Builder::new().name("profile".to_owned()).spawn(read).ok();
    }

    /// The profile read whole, which takes longer than to look up some entries, and is done once: then every symbol and
    /// struct is found at once.
    ///
    /// # Errors
    /// [`ReadError`] if the profile turns out to be damaged.
    pub(crate) fn complete(&self) -> Result<&Layout, Error> {
        if matches!(self.source, Source::Whole { .. }) {
            return Ok(self);
        }
        if let Some(complete) = self.complete.get() {
            return Ok(complete);
        }
        let profile = match self.reading.borrow_mut().take().map(JoinHandle::join) {
            Some(Ok(profile)) => profile?,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => self.whole()?.into_owned(),
        };
        Ok(self.complete.get_or_init(|| Box::new(Self::from_profile(profile))))
    }

    /// Every symbol of the profile that has an address in data or code at which it is linked, with that address.
    pub(crate) fn constants(&self) -> impl Iterator<Item = (&str, u64)> {
        let profile = match &self.source {
            Source::Whole { profile, .. } => Some(profile),
            Source::Text(_) | Source::Table(_) => None,
        };
        profile.into_iter().flat_map(|profile| {
            profile.constants.iter().map(|(name, address)| (profile.names.get(*name), *address))
        })
    }

    /// Passes every member of a struct to `each`: its name, its place in bits from the struct's beginning, and its width if
    /// it is a bit-field. Those of unnamed members are its own, as in C, and come after those that have its names.
    ///
    /// Returns false if the struct is not in a profile that was read whole.
    pub(crate) fn each_member<'l>(
        &'l self,
        name: &str,
        mut each: impl FnMut(&'l str, u64, Option<u64>),
    ) -> bool {
        let Source::Whole { profile, records, .. } = &self.source else { return false };
        let Some(record) = profile.names.find(name).and_then(|name| records.get(&name)) else { return false };
        let mut parts = vec![(*record, 0u64)];
        let mut next = 0;
        while let Some((record, base)) = parts.get(next).copied() {
            next += 1;
            for member in profile.types.members(record) {
                let offset = base.saturating_add(member.offset);
                let name = profile.names.get(member.name);
                let (first, width) = match member.bits {
                    Some(bits) => (bits.start.into(), Some(u64::from(bits.end.saturating_sub(bits.start)))),
                    None => (0, None),
                };
                each(name, offset.saturating_mul(8).saturating_add(first), width);
                // In a damaged profile a struct may contain itself.
                if (member.anonymous || is_numbered(name)) && parts.len() < MAX_UNNAMED {
                    parts.extend(self.held(profile, member.ty).map(|inner| (inner, offset)));
                }
            }
        }
        true
    }

    /// The struct that a type is, if it is one that the profile has.
    fn held(&self, profile: &Profile, ty: TypeId) -> Option<RecordId> {
        let Source::Whole { records, .. } = &self.source else { return None };
        match profile.types.peel(ty) {
            Type::Record(id) => Some(id),
            Type::Named(name) => records.get(&name).copied(),
            _ => None,
        }
    }

    /// The struct of this name. It is not recorded as read: its members are.
    pub fn shape(&self, name: &str) -> Option<Rc<Shape>> {
        if let Some(known) = self.shapes.borrow().get(name) {
            return known.clone();
        }
        if self.depth.get() >= MAX_DEPTH {
            return None;
        }
        // In a damaged profile a struct may contain itself, so it counts as missing while it is being read.
        self.shapes.borrow_mut().insert(name.to_owned(), None);
        self.depth.set(self.depth.get() + 1);
        let shape = match &self.source {
            Source::Text(text) => text.structure(name).map(|found| self.read(&found.profile, found.record)),
            Source::Table(table) => {
                table.structure(name).map(|found| self.read(&found.profile, found.record))
            }
            Source::Whole { profile, records, .. } => {
                let id = profile.names.find(name).and_then(|name| records.get(&name));
                id.map(|id| self.read(profile, *id))
            }
        };
        self.depth.set(self.depth.get() - 1);
        let shape = shape.map(Rc::new);
        self.shapes.borrow_mut().insert(name.to_owned(), shape.clone());
        shape
    }

    fn read(&self, profile: &Profile, id: RecordId) -> Shape {
        let members = profile.types.members(id);
        let mut own = Vec::with_capacity(members.len());
        let mut all = HashMap::with_capacity_and_hasher(members.len(), RandomState::default());
        for member in members {
            let field =
                Field { offset: member.offset, kind: self.kind(profile, member.ty, 0), bits: member.bits };
            let name = profile.names.get(member.name).to_owned();
            if (member.anonymous || is_numbered(&name))
                && let FieldKind::Record(inner) = &field.kind
                && let Some(inner) = self.shape(inner)
            {
                for (name, inner) in &inner.members {
                    let offset = field.offset.saturating_add(inner.offset);
                    all.entry(name.clone()).or_insert_with(|| Field { offset, ..inner.clone() });
                }
            }
            all.insert(name.clone(), field.clone());
            own.push((name, field));
        }
        let size = profile.types.record(id).map_or(0, |record| record.size);
        Shape { size, members: all, own }
    }

    fn kind(&self, profile: &Profile, ty: TypeId, depth: usize) -> FieldKind {
        let text = |name: Name| profile.names.get(name).to_owned();
        match profile.types.peel(ty) {
            Type::Native(id) => match profile.types.native_of(id) {
                Some(native) => FieldKind::Number {
                    size: u64::from(native.size),
                    signed: native.kind == profile::NativeKind::Signed,
                },
                None => FieldKind::Other,
            },
            Type::Pointer { size, .. } => FieldKind::Pointer { size: u64::from(size) },
            Type::Enumeration(id) => {
                let signed = profile.types.enumeration(id).is_some_and(|item| item.signed);
                FieldKind::Number { size: profile.types.enumeration_size(id), signed }
            }
            Type::Array { target, count } if depth < MAX_DEPTH => {
                FieldKind::Array { element: Box::new(self.kind(profile, target, depth + 1)), count }
            }
            Type::Record(id) => {
                let key = match &self.source {
                    Source::Whole { keys, .. } => keys.get(&id).copied(),
                    Source::Text(_) | Source::Table(_) => None,
                };
                let name = key.or_else(|| profile.types.record(id).and_then(|record| record.name));
                name.map_or(FieldKind::Other, |name| FieldKind::Record(text(name)))
            }
            Type::Named(name) => FieldKind::Record(text(name)),
            Type::WideString { bytes: Some(bytes) } => FieldKind::Array {
                element: Box::new(FieldKind::Number { size: 2, signed: false }),
                count: bytes / 2,
            },
            _ => FieldKind::Other,
        }
    }

    /// The size in bytes of a member's type; `None` if the profile does not give it.
    pub fn size_of(&self, kind: &FieldKind) -> Option<u64> {
        match kind {
            FieldKind::Number { size, .. } | FieldKind::Pointer { size } => Some(*size),
            FieldKind::Record(name) => Some(self.shape(name)?.size),
            FieldKind::Array { element, count } => self.size_of(element)?.checked_mul(*count),
            FieldKind::Other => None,
        }
    }

    /// The alignment that a compiler gives it, in bytes.
    pub fn alignment(&self, kind: &FieldKind) -> u64 {
        let natural = match kind {
            FieldKind::Number { size, .. } | FieldKind::Pointer { size } => *size,
            FieldKind::Array { element, .. } => self.alignment(element),
            FieldKind::Record(name) => {
                if let Some(known) = self.alignments.borrow().get(name) {
                    return *known;
                }
                // While a struct is being read, its types are not looked up: in a damaged profile it may contain
                // itself.
                self.alignments.borrow_mut().insert(name.clone(), 1);
                if self.depth.get() >= MAX_DEPTH {
                    return 1;
                }
                self.depth.set(self.depth.get() + 1);
                let shape = self.shape(name);
                let members = shape.iter().flat_map(|shape| &shape.own);
                let most = members.map(|(_, field)| self.alignment(&field.kind)).max().unwrap_or(1);
                self.depth.set(self.depth.get() - 1);
                self.alignments.borrow_mut().insert(name.clone(), most);
                most
            }
            FieldKind::Other => 1,
        };
        natural.clamp(1, self.address_size())
    }

    /// The offset of a member: `STRUCT.MEMBER`, or `STRUCT.MEMBER.MEMBER` through structs held by value. Of several
    /// paths joined by `|`, the first that the profile has.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile has none of them.
    pub fn field(&self, paths: &str) -> Result<Field, Error> {
        let known = self.paths.borrow().get(paths).cloned();
        let steps = known.unwrap_or_else(|| {
            let steps = paths.split('|').find_map(|path| self.resolve(path)).map(Rc::new);
            self.paths.borrow_mut().insert(paths.to_owned(), steps.clone());
            steps
        });
        let steps = steps.ok_or_else(|| Error::Lacking { what: paths.replace('|', " or ") })?;
        self.asked.borrow_mut().extend(steps.items.iter().cloned());
        Ok(steps.field.clone())
    }

    /// Whether the profile has one of these members.
    pub fn has(&self, paths: &str) -> bool {
        self.field(paths).is_ok()
    }

    fn resolve(&self, path: &str) -> Option<Steps> {
        let mut parts = path.split('.');
        let mut owner = parts.next()?.to_owned();
        let mut items = Vec::new();
        let mut reached: Option<Field> = None;
        for part in parts {
            let inner = self.shape(&owner)?.members.get(part)?.clone();
            items.push(format!("{owner}.{part}").into());
            if let FieldKind::Record(name) = &inner.kind {
                owner.clone_from(name);
            } else {
                // The next step needs a struct.
                owner.clear();
            }
            let before = reached.map_or(0, |field| field.offset);
            reached = Some(Field { offset: before.checked_add(inner.offset)?, ..inner });
        }
        Some(Steps { field: reached?, items })
    }

    /// Returns the entries that have been read so far, and clears the record.
    pub(crate) fn take_asked(&self) -> BTreeSet<Rc<str>> {
        self.asked.take()
    }
}

/// Whether a member has the name of an unnamed one (`u1`).
pub(crate) fn is_numbered(name: &str) -> bool {
    name.strip_prefix('u')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
}
