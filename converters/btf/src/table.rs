//! All types of a kernel or a module in one numbering.

use crate::Error;
use crate::blob::Blob;
use crate::kind::BtfKind;
use crate::record::{HEAD, RawMember, Record};
use crate::relocate;

/// The longest name that is read, in bytes. Linux refuses names of BTF beyond 512 (`KSYM_NAME_LEN`). Many types may have
/// the same long name, which is read for each of them.
const LONGEST_NAME: usize = 4096;

/// The types of a blob, and of those that it continues.
///
/// A type is identified by its number.
#[derive(Debug)]
pub struct Table<'a> {
    pub(crate) parts: Vec<TableBlob<'a>>,
    warnings: Vec<String>,
}

/// One blob of a table.
#[derive(Debug)]
pub(crate) struct TableBlob<'a> {
    role: Role,
    blob: Blob<'a>,
    /// The place of each type's record among the records.
    starts: Vec<u32>,
    /// The number of the last type before the first of this blob.
    pub(crate) first: u32,
    /// The blob whose types this one continues.
    below: Option<Below<'a>>,
    /// For the small base of a module: the kernel's type for each of its types.
    pub(crate) moved: Vec<Option<u32>>,
}

/// The data that a blob uses from the one it continues.
#[derive(Clone, Copy, Debug)]
struct Below<'a> {
    /// Its place among the parts.
    part: usize,
    /// The number of its types.
    types: u32,
    texts: &'a [u8],
}

/// The role of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A whole kernel, or a file that stands alone.
    Whole,
    /// The small base of a module (`.BTF.base`): the names and sizes of the kernel types that it uses.
    Distilled,
    /// A module.
    Module,
}

/// A type of a table.
#[derive(Clone, Copy, Debug)]
pub struct TypeView<'t, 'a> {
    table: &'t Table<'a>,
    part: &'t TableBlob<'a>,
    pub(crate) record: Record<'a>,
}

/// A member of a struct or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name; empty if it is unnamed.
    pub name: &'a [u8],
    /// The number of its type.
    pub ty: u32,
    /// Its offset in bits from the start of the record.
    pub bit: u64,
    /// For a bit-field, its width in bits.
    pub width: Option<u32>,
}

impl<'a> Table<'a> {
    /// Reads a blob that stands alone.
    ///
    /// # Errors
    /// [`Error`] if it is damaged, or the BTF of a module.
    pub fn open(blob: &'a [u8]) -> Result<Self, Error> {
        Self::with_base(blob, None, None)
    }

    /// Reads a blob, of a module with `base`, the BTF of its kernel. `distilled` is the small base that may come with
    /// a module.
    ///
    /// # Errors
    /// [`Error`] if a blob is damaged, or the base is missing, unnecessary or from another build.
    pub fn with_base(
        blob: &'a [u8],
        distilled: Option<&'a [u8]>,
        base: Option<&'a [u8]>,
    ) -> Result<Self, Error> {
        let of_base = |error| Error::Base(Box::new(error));
        let mut table = Self { parts: Vec::new(), warnings: Vec::new() };
        if let Some(base) = base {
            table.add(Role::Whole, base, None).map_err(of_base)?;
        }
        let kernel = base.map(|_| 0);
        let mut below = kernel;
        if let Some(distilled) = distilled {
            below = Some(table.parts.len());
            table.add(Role::Distilled, distilled, None)?;
        }
        let role = if below.is_some() { Role::Module } else { Role::Whole };
        table.add(role, blob, below)?;
        table.check_base()?;
        if let (Some(kernel), Some(distilled)) = (kernel, distilled.and(below)) {
            relocate::relocate(&mut table, kernel, distilled);
        }
        Ok(table)
    }

    /// Whether any enumeration says whether its values are signed. Tables before pahole 1.24 (2022) cannot
    /// express it.
    pub(crate) fn are_signs_told(&self) -> bool {
        (1..=self.len()).filter_map(|id| self.view(id)).any(|view| match view.kind() {
            BtfKind::Enum => view.record.flag,
            BtfKind::Enum64 => true,
            _ => false,
        })
    }

    fn add(&mut self, role: Role, bytes: &'a [u8], below: Option<usize>) -> Result<(), Error> {
        let blob = Blob::parse(bytes)?;
        if let Some(first) = self.parts.first()
            && first.blob.big_endian != blob.big_endian
        {
            return Err(Error::ByteOrder { blob: blob.big_endian });
        }
        let continues = blob.texts.first() != Some(&0);
        match role {
            Role::Whole | Role::Distilled if continues && !blob.types.is_empty() => {
                return Err(Error::NoBase);
            }
            Role::Module if !continues => return Err(Error::UnusedBase),
            _ => {}
        }
        let below = below.and_then(|part| {
            let known = self.parts.get(part)?;
            Some(Below { part, types: known.len(), texts: known.blob.texts })
        });
        let first = self.len();
        let starts = self.index(&blob, below.map_or(0, |below| below.types))?;
        self.parts.push(TableBlob { role, blob, starts, first, below, moved: Vec::new() });
        Ok(())
    }

    /// Finds where each record begins.
    fn index(&mut self, blob: &Blob<'a>, before: u32) -> Result<Vec<u32>, Error> {
        let layout = blob.layout.filter(|layout| match layout.contradiction() {
            Some(kind) => {
                self.warnings.push(format!(
                    "the layout section of the BTF blob gives records of kind {} another size than the format does; \
                     it is not used",
                    kind.number()
                ));
                false
            }
            None => true,
        });
        let types = blob.types;
        let mut starts = Vec::with_capacity(types.len() / 24);
        let mut at = 0usize;
        while at < types.len() {
            let id = before as usize + starts.len() + 1;
            let cut_off = |needed, available| Error::CutOff {
                id,
                offset: blob.types_at.saturating_add(at),
                needed,
                available,
            };
            let left = types.len() - at;
            let record = Record::read(types, at, blob.big_endian).ok_or_else(|| cut_off(HEAD, left))?;
            let kind = record.kind;
            let extent = kind.extent().or_else(|| layout.and_then(|layout| layout.extent(kind.number())));
            let Some(extent) = extent else {
                let offset = blob.types_at.saturating_add(at);
                return Err(Error::UnknownKind { id, offset, kind: kind.number() });
            };
            let length = record.length(extent).filter(|length| *length <= record.available());
            let Some(length) = length else {
                return Err(cut_off(record.length(extent).unwrap_or(usize::MAX), left));
            };
            starts.push(u32::try_from(at).unwrap_or(u32::MAX));
            at = at.saturating_add(length);
        }
        Ok(starts)
    }

    /// Checks what a module uses from its base: every name must be in the base, and every type must exist.
    fn check_base(&self) -> Result<(), Error> {
        let Some((module, below)) = self.parts.last().and_then(|part| Some((part, part.below?))) else {
            return Ok(());
        };
        let (mut checked, mut wrong) = (0u64, 0u64);
        for id in module.first.saturating_add(1)..=self.len() {
            let Some(view) = self.view(id) else { continue };
            let at = view.record.name as usize;
            if at > 0 && at < below.texts.len() {
                checked += 1;
                wrong += u64::from(below.texts.get(at - 1) != Some(&0));
            }
            let is_note = matches!(view.kind(), BtfKind::DeclarationTag | BtfKind::Section);
            view.record.references(|target| {
                if target > 0 && target <= below.types {
                    checked += 1;
                    let kind =
                        self.global(module, target).and_then(|id| self.view(id)).map(|view| view.kind());
                    let no_type =
                        matches!(kind, Some(BtfKind::Function | BtfKind::Variable | BtfKind::Section) | None);
                    wrong += u64::from(no_type && !is_note);
                } else if self.global(module, target).is_none() {
                    (checked, wrong) = (checked + 1, wrong + 1);
                }
            });
        }
        if wrong * 100 > checked { Err(Error::OtherBase { checked, wrong }) } else { Ok(()) }
    }

    /// The number of the last type.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always `void`")]
    pub fn len(&self) -> u32 {
        self.parts.last().map_or(0, |part| part.first.saturating_add(part.len()))
    }

    /// A type by its number; `None` for `void` and for numbers beyond the last.
    pub fn view<'t>(&'t self, id: u32) -> Option<TypeView<'t, 'a>> {
        let part = self.parts.iter().rev().find(|part| part.first < id)?;
        let start = *part.starts.get((id - part.first - 1) as usize)?;
        let record = Record::read(part.blob.types, start as usize, part.blob.big_endian)?;
        Some(TypeView { table: self, part, record })
    }

    /// The numbers of the types that the file itself defines: all of them or, for a module, those of the module.
    pub fn own(&self) -> std::ops::RangeInclusive<u32> {
        self.parts.last().map_or(0, |part| part.first).saturating_add(1)..=self.len()
    }

    /// Whether the table holds a module.
    pub fn is_module(&self) -> bool {
        self.parts.last().is_some_and(|part| part.role == Role::Module)
    }

    /// Whether the blobs are big-endian.
    pub fn is_big_endian(&self) -> bool {
        self.parts.last().is_some_and(|part| part.blob.big_endian)
    }

    /// The total size of the blobs' records and names in bytes.
    pub(crate) fn size(&self) -> usize {
        self.parts.iter().map(|part| part.blob.types.len().saturating_add(part.blob.texts.len())).sum()
    }

    /// Warnings about the blobs.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The number in the table of a type to which a record of `part` refers; `None` if there is no such type.
    fn global(&self, part: &TableBlob<'a>, id: u32) -> Option<u32> {
        let (mut part, mut id) = (part, id);
        if let Some(below) = part.below {
            match id.checked_sub(below.types) {
                Some(own @ 1..) => id = own,
                _ => part = self.parts.get(below.part)?,
            }
        }
        if id == 0 {
            return Some(0);
        }
        if id > part.len() {
            return None;
        }
        let moved = part.moved.get(id as usize - 1).copied().flatten();
        Some(moved.unwrap_or(part.first + id))
    }
}

impl TableBlob<'_> {
    /// How many types it has.
    fn len(&self) -> u32 {
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }
}

impl<'t, 'a> TypeView<'t, 'a> {
    /// Its kind.
    pub fn kind(&self) -> BtfKind {
        self.record.kind
    }

    /// Its name; empty if it has none.
    pub fn name(&self) -> &'a [u8] {
        self.text(self.record.name).unwrap_or_default()
    }

    /// The type that it refers to, for kinds that refer to one; `None` if there is no such type.
    pub fn target(&self) -> Option<u32> {
        self.id(self.record.target())
    }

    /// The members of a struct or union, in the order of the record. A member whose type does not exist has type 0.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member<'a>> {
        self.record.members().map(|RawMember { name, ty, bit, width }| Member {
            name: self.text(name).unwrap_or_default(),
            ty: self.id(ty).unwrap_or_default(),
            bit: bit.into(),
            width,
        })
    }

    /// The number in the table of a type to which the record refers.
    pub(crate) fn id(&self, id: u32) -> Option<u32> {
        self.table.global(self.part, id)
    }

    /// Whether only its name and possibly its size are known: it belongs to the small base of a module, and no kernel
    /// was given.
    pub(crate) fn is_distilled(&self) -> bool {
        self.part.role == Role::Distilled
    }

    /// The string at an offset; `None` for an offset beyond the strings, and for a string longer than [`LONGEST_NAME`].
    pub(crate) fn text(&self, offset: u32) -> Option<&'a [u8]> {
        let at = offset as usize;
        let own = self.part.blob.texts;
        let from = match self.part.below {
            Some(below) if at < below.texts.len() => below.texts.get(at..),
            Some(below) => own.get(at - below.texts.len()..),
            None => own.get(at..),
        }?;
        if from.is_empty() && offset > 0 {
            return None;
        }
        let near = from.get(..=LONGEST_NAME).unwrap_or(from);
        match memchr::memchr(0, near) {
            Some(end) => from.get(..end),
            None => Some(from).filter(|from| from.len() <= LONGEST_NAME),
        }
    }
}
