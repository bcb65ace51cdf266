//! From type records to the model's types.
//!
//! Work and memory are proportional to the type stream. A field list that serves many types is read for each of them,
//! up to a total of `MAX_FIELDS` sizes of the stream and 16 MiB; the rest is counted as lost.

use profile::{Label, Name, NewMember, Profile, RecordKind, Report, Type, TypeId};

use crate::codeview::*;
use crate::cursor::Malformed;
use crate::item_stream::Origins;
use crate::leaf::{Class, ClassKind, Enumeration, Field, Leaf, Pointer, PointerKind};
use crate::primitive::is_signed;
use crate::text::{TextReader, is_unnamed};
use crate::type_map::TypeMap;
use crate::type_stream::TypeStream;
use crate::uses::{Decided, OpenUse};

/// A type stream that is being lowered into a profile.
pub(crate) struct Lowering<'a, 's> {
    pub(crate) stream: &'s TypeStream<'a>,
    pub(crate) origins: &'s Origins,
    pub(crate) address: u8,
    pub(crate) profile: &'s mut Profile,
    pub(crate) report: &'s mut Report,
    texts: &'s mut TextReader,
    pub(crate) map: TypeMap,
    members: Vec<NewMember>,
    labels: Vec<Label>,
    /// The records of the current field list.
    pub(crate) chain: Vec<u32>,
    /// How many bytes of field lists may still be read. A list can serve many records, so a hostile file could make
    /// it be read endlessly.
    pub(crate) field_bytes: u64,
    /// Forward references, with the positions of their definitions.
    forwards: Vec<(usize, usize)>,
    /// The members of the current class whose types lead to an ambiguous name: their numbers and type indexes.
    pub(crate) ambiguous: Vec<(usize, u32)>,
    pub(crate) open_uses: Vec<OpenUse>,
    pub(crate) decided: Decided,
    /// How many comparisons may still be made to resolve ambiguous names.
    pub(crate) work: usize,
}

/// How many bytes of field lists are read, in sizes of the type stream. Each list is read once for each type that it
/// serves; a valid list serves one type, or one for each translation unit that was linked.
const MAX_FIELDS: u64 = 4;
/// How many bytes of field lists are read in addition, however small the type stream is.
const LEAST_FIELDS: u64 = 16 << 20;

impl<'a, 's> Lowering<'a, 's> {
    pub(crate) fn new(
        stream: &'s TypeStream<'a>,
        origins: &'s Origins,
        address: u8,
        profile: &'s mut Profile,
        report: &'s mut Report,
        texts: &'s mut TextReader,
    ) -> Self {
        let map = TypeMap::new(stream, profile);
        // Most names of records and members have been met before.
        profile.names.reserve(stream.len() / 2);
        Self {
            stream,
            origins,
            address,
            profile,
            report,
            texts,
            map,
            members: Vec::new(),
            labels: Vec::new(),
            chain: Vec::new(),
            field_bytes: (stream.size() as u64).saturating_mul(MAX_FIELDS).saturating_add(LEAST_FIELDS),
            forwards: Vec::new(),
            ambiguous: Vec::new(),
            open_uses: Vec::new(),
            decided: Decided::default(),
            work: Self::work_for(stream.len()),
        }
    }

    /// Lowers every record of the stream into the profile.
    pub(crate) fn lower(&mut self, progress: &mut dyn FnMut(usize)) {
        for position in 0..self.stream.len() {
            self.record(position);
            if position % 65536 == 0 {
                progress(position);
            }
        }
        self.connect_forwards();
    }

    fn record(&mut self, position: usize) {
        let Some(record) = self.stream.at(position) else { return };
        let place = || format!("record {:#x}", self.stream.index_of(position));
        let leaf = match record.parse() {
            Ok(leaf) => leaf,
            // Records that cannot be read stay void.
            Err(error) => {
                let kind = match error {
                    Malformed::Short => format!("leaf {:#06x} that ends too early", record.kind),
                    Malformed::Numeric => format!("leaf {:#06x} with a number that cannot be", record.kind),
                };
                return self.report.lose(&kind, place);
            }
        };
        let ty = match leaf {
            Leaf::Modifier(target) => Type::Alias { name: None, target: self.type_of(target) },
            Leaf::Alias { target, name } => {
                let name = Some(self.name(name));
                Type::Alias { name, target: self.type_of(target) }
            }
            // On its own, a bit-field has its underlying type.
            Leaf::BitField(field) => Type::Alias { name: None, target: self.type_of(field.base) },
            Leaf::Pointer(pointer) => self.pointer(pointer),
            Leaf::Array { element, bytes } => self.array(position, element, bytes),
            Leaf::Arguments(indexes) => self.arguments(indexes),
            Leaf::Procedure(arguments) => self.procedure(position, arguments),
            Leaf::Class(class) if class.forward => {
                let Some(ty) = self.forward(position, class.name, class.unique_name) else { return };
                ty
            }
            Leaf::Class(class) => self.class(position, class),
            Leaf::Enumeration(item) if item.forward => {
                match self.stream.definition(item.name, item.unique_name) {
                    Some(definition) => {
                        self.forwards.push((position, definition.position));
                        return;
                    }
                    // Its labels are lost; its values are still numbers.
                    None => Type::Alias { name: None, target: self.type_of(item.underlying) },
                }
            }
            Leaf::Enumeration(item) => self.enumeration(item),
            Leaf::Auxiliary => return,
            Leaf::Unknown => return self.report.lose(&format!("unknown leaf {:#06x}", record.kind), place),
        };
        self.profile.types.set(self.map.record(position), ty);
    }

    /// The type with this index. If there is none, it is void and counted.
    pub(crate) fn type_of(&mut self, index: u32) -> TypeId {
        match self.map.get(index, self.stream, self.profile) {
            Some(id) => id,
            None => {
                self.report.lose("references to types that are not there", || format!("type {index:#x}"));
                self.map.void()
            }
        }
    }

    pub(crate) fn name(&mut self, bytes: &[u8]) -> Name {
        self.texts.intern(bytes, &mut self.profile.names)
    }

    fn own_name(&mut self, bytes: &[u8]) -> Option<Name> {
        (!is_unnamed(bytes)).then(|| self.name(bytes))
    }

    /// The type of an enumeration's values or of a bit-field. It is a number even where the type would otherwise be a
    /// text.
    ///
    /// Plain `char` is signed here, unlike the native in arrays of text. `wchar_t` and `char16_t` are unsigned
    /// numbers of two bytes. No type at all is how clang writes `char8_t`.
    pub(crate) fn number_type(&mut self, index: u32) -> TypeId {
        match self.stream.unmodified(index) {
            T_RCHAR => self.type_of(T_CHAR),
            T_WCHAR | T_CHAR16 => self.type_of(T_USHORT),
            T_NOTYPE => self.type_of(T_CHAR8),
            _ => self.type_of(index),
        }
    }

    /// An unsigned native of `size` bytes or, if there is none, that many bytes.
    fn opaque(&mut self, size: u64) -> Type {
        let bytes = self.type_of(T_UCHAR);
        let native = match size {
            1 => T_UCHAR,
            2 => T_USHORT,
            4 => T_ULONG,
            8 => T_UQUAD,
            count => return Type::Array { target: bytes, count },
        };
        Type::Alias { name: None, target: self.type_of(native) }
    }

    fn pointer(&mut self, pointer: Pointer) -> Type {
        let size = pointer.size(self.address);
        if pointer.kind() == PointerKind::Member {
            return self.opaque(size.into());
        }
        let target = match self.stream.unmodified(pointer.target) {
            T_WCHAR | T_CHAR16 => self.map.wide_text(),
            _ => self.type_of(pointer.target),
        };
        Type::Pointer { target, size }
    }

    /// CodeView gives an array's size in bytes; the number of elements has to be computed.
    fn array(&mut self, position: usize, element: u32, bytes: u64) -> Type {
        if matches!(self.stream.unmodified(element), T_WCHAR | T_CHAR16) {
            return Type::WideString { bytes: Some(bytes) };
        }
        let target = self.type_of(element);
        let place = |stream: &TypeStream<'_>| format!("record {:#x}", stream.index_of(position));
        match self.stream.size_of(element, self.address) {
            _ if bytes == 0 => Type::Array { target, count: 0 },
            Some(size) if size > 0 && bytes.is_multiple_of(size) => {
                Type::Array { target, count: bytes / size }
            }
            // The element is resolved for every use.
            Some(size) if size > 0 && self.stream.is_ambiguous(element) => {
                Type::Array { target, count: bytes / size }
            }
            Some(size) if size > 0 => {
                self.report
                    .lose("arrays whose size is not a multiple of their element's", || place(self.stream));
                Type::Array { target, count: bytes / size }
            }
            _ => {
                self.report.lose("arrays of elements whose size is not known", || place(self.stream));
                Type::Array { target: self.type_of(T_UCHAR), count: bytes }
            }
        }
    }

    /// A function is described by its argument list.
    fn procedure(&mut self, position: usize, arguments: u32) -> Type {
        match self.stream.position(arguments).filter(|_| self.stream.is_argument_list(arguments)) {
            Some(listed) if listed < position => self.profile.types.get(self.map.record(listed)),
            Some(listed) => Type::Alias { name: None, target: self.map.record(listed) },
            None => {
                self.report.lose("argument lists that are not there", || format!("type {arguments:#x}"));
                Type::Function(self.profile.types.add_arguments(&[]))
            }
        }
    }

    fn arguments(&mut self, indexes: &[u8]) -> Type {
        let mut types = Vec::with_capacity(indexes.len() / 4);
        for index in indexes.chunks_exact(4) {
            let index = index.first_chunk().copied().map_or(0, u32::from_le_bytes);
            // An argument without a type is `...`.
            if index != 0 {
                types.push(self.type_of(index));
            }
        }
        Type::Function(self.profile.types.add_arguments(&types))
    }

    /// The definition of a declaration; not settled yet if its definition is to be copied.
    fn forward(&mut self, position: usize, name: &[u8], unique_name: Option<&[u8]>) -> Option<Type> {
        match self.stream.definition(name, unique_name) {
            // Nothing says which of several is used. The name will refer to the one that keeps it.
            Some(definition) if definition.repeated && !is_unnamed(name) => {}
            Some(definition) => {
                self.forwards.push((position, definition.position));
                return None;
            }
            None => {}
        }
        Some(Type::Named(self.name(name)))
    }

    /// Gives forward references the types of their definitions, which may come later in the stream.
    fn connect_forwards(&mut self) {
        for (position, definition) in std::mem::take(&mut self.forwards) {
            let definition = self.map.record(definition);
            let types = &self.profile.types;
            let ty = types.get(definition);
            let named = match ty {
                Type::Record(id) => types.record(id).is_some_and(|it| it.name.is_some()),
                Type::Enumeration(id) => types.enumeration(id).is_some_and(|it| it.name.is_some()),
                _ => true,
            };
            // A typedef may still give a name to an unnamed type.
            let ty = if named { ty } else { Type::Alias { name: None, target: definition } };
            self.profile.types.set(self.map.record(position), ty);
        }
    }

    fn class(&mut self, position: usize, class: Class<'a>) -> Type {
        let name = self.own_name(class.name);
        let kind = match class.kind {
            ClassKind::Struct => RecordKind::Struct,
            ClassKind::Class => RecordKind::Class,
            ClassKind::Union => RecordKind::Union,
        };
        let mut members = std::mem::take(&mut self.members);
        members.clear();
        let mut tables = 0;
        self.fields(class.fields, class.name, |lowering, field| {
            lowering.member(field, class.name, &mut tables, &mut members);
        });
        if !self.ambiguous.is_empty() {
            let ambiguous = std::mem::take(&mut self.ambiguous);
            self.bind_members(position, &class, &mut members, &ambiguous);
        }
        let profile = &mut *self.profile;
        let id = profile.types.add_record(&mut profile.names, name, kind, class.size, &members);
        self.members = members;
        Type::Record(id)
    }

    fn enumeration(&mut self, item: Enumeration<'a>) -> Type {
        let name = self.own_name(item.name);
        let base = self.stream.unmodified(item.number());
        let (size, signed) = (self.stream.size_of(base, self.address), is_signed(base));
        let underlying = self.number_type(item.underlying);
        let mut labels = std::mem::take(&mut self.labels);
        labels.clear();
        self.fields(item.fields, item.name, |lowering, field| {
            let Field::Label { value, name: label } = field else { return };
            let (bits, whole) = value.low_bits();
            if !whole {
                lowering.report.lose("enumeration values of more than 64 bits", || {
                    String::from_utf8_lossy(label).into_owned()
                });
            }
            let name = lowering.name(label);
            labels.push(Label { name, bits: fit(bits, size.unwrap_or(8), signed) });
        });
        let id = self.profile.types.add_enumeration(name, underlying, signed, &labels);
        self.labels = labels;
        Type::Enumeration(id)
    }
}

/// The value of an enumeration in `size` bytes. Over an int, Clang writes -1 as 4294967295, and Visual C++ writes
/// 4294967295 as -1.
fn fit(bits: u64, size: u64, signed: bool) -> u64 {
    let unused = match size {
        1..=7 => 64 - 8 * size as u32,
        _ => return bits,
    };
    match signed {
        true => ((bits << unused) as i64 >> unused) as u64,
        false => bits << unused >> unused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enumeration_values_fit_their_type() {
        assert_eq!(fit(0xffff_ffff, 4, true), u64::MAX);
        assert_eq!(fit(u64::MAX, 4, false), 0xffff_ffff);
        assert_eq!(fit(u64::MAX, 1, false), 0xff);
        assert_eq!(fit(0x80, 1, true), 0xffff_ffff_ffff_ff80);
        assert_eq!(fit(u64::MAX, 8, false), u64::MAX);
    }
}
