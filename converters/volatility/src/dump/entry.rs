use super::value;

/// The kind of the debugging information entry in a line of a dump, as far as types need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// A compile unit of any kind.
    Unit,
    BaseType,
    Pointer,
    /// A C++ reference.
    Reference,
    PointerToMember,
    Structure,
    Class,
    Union,
    Member,
    /// A base class.
    Inheritance,
    Array,
    Subrange,
    Enumeration,
    Enumerator,
    Typedef,
    /// const, volatile, restrict and similar: the same type without a name of its own.
    Qualifier,
    /// The type of a function.
    Subroutine,
    Parameter,
    Variable,
    /// A type without a layout (`decltype(nullptr)`).
    Unspecified,
    Namespace,
    /// Any other entry; it is not read, but entries below it are.
    Other,
}

impl Tag {
    /// The tag with this name, without `DW_TAG_`.
    pub(crate) fn named(name: &[u8]) -> Self {
        match name {
            b"member" => Tag::Member,
            b"pointer_type" => Tag::Pointer,
            b"typedef" => Tag::Typedef,
            b"enumerator" => Tag::Enumerator,
            b"formal_parameter" => Tag::Parameter,
            b"subrange_type" => Tag::Subrange,
            b"array_type" => Tag::Array,
            b"structure_type" => Tag::Structure,
            b"subroutine_type" => Tag::Subroutine,
            b"const_type" | b"volatile_type" | b"restrict_type" | b"atomic_type" | b"packed_type"
            | b"immutable_type" | b"shared_type" => Tag::Qualifier,
            b"union_type" => Tag::Union,
            b"enumeration_type" => Tag::Enumeration,
            b"base_type" => Tag::BaseType,
            b"variable" => Tag::Variable,
            b"compile_unit" | b"partial_unit" | b"type_unit" | b"skeleton_unit" => Tag::Unit,
            b"class_type" | b"interface_type" => Tag::Class,
            b"inheritance" => Tag::Inheritance,
            b"reference_type" | b"rvalue_reference_type" => Tag::Reference,
            b"ptr_to_member_type" => Tag::PointerToMember,
            b"unspecified_type" => Tag::Unspecified,
            b"namespace" => Tag::Namespace,
            _ => Tag::Other,
        }
    }
}

/// An attribute that types need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    Name,
    Type,
    ByteSize,
    Location,
    BitSize,
    BitOffset,
    DataBitOffset,
    UpperBound,
    Count,
    ConstValue,
    Encoding,
    Declaration,
    External,
    Language,
    Producer,
    CompilationFolder,
}

const ATTRIBUTES: usize = Attribute::CompilationFolder as usize + 1;

impl Attribute {
    /// The attribute with this name, without `DW_AT_`; `None` if it is not needed.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        // Most attributes of a dump give the place of a declaration; their first letter excludes them.
        Some(match name.first()? {
            b'n' if name == b"name" => Attribute::Name,
            b't' if name == b"type" => Attribute::Type,
            b'd' => match name {
                b"data_member_location" => Attribute::Location,
                b"declaration" => Attribute::Declaration,
                b"data_bit_offset" => Attribute::DataBitOffset,
                _ => return None,
            },
            b'b' => match name {
                b"byte_size" => Attribute::ByteSize,
                b"bit_size" => Attribute::BitSize,
                b"bit_offset" => Attribute::BitOffset,
                _ => return None,
            },
            b'c' => match name {
                b"const_value" => Attribute::ConstValue,
                b"count" => Attribute::Count,
                b"comp_dir" => Attribute::CompilationFolder,
                _ => return None,
            },
            b'u' if name == b"upper_bound" => Attribute::UpperBound,
            b'e' => match name {
                b"encoding" => Attribute::Encoding,
                b"external" => Attribute::External,
                _ => return None,
            },
            b'l' if name == b"language" => Attribute::Language,
            b'p' if name == b"producer" => Attribute::Producer,
            _ => return None,
        })
    }
}

/// A debugging information entry in a dump: its tag, its place in the tree, and the text of the attributes that types
/// need.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// The offset of its line in the text.
    pub(crate) position: usize,
    /// Its depth in the tree; that of a unit is 0.
    pub(crate) level: u32,
    /// The number by which other entries refer to it.
    pub(crate) id: Id,
    pub(crate) tag: Tag,
    values: [Option<&'a [u8]>; ATTRIBUTES],
}

/// The number of an entry: its offset in the section, or in its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    /// Relative to the start of its unit.
    InUnit(u64),
    /// Relative to the start of the section.
    InSection(u64),
    /// For a unit's own entry: the start of the unit, and the entry's offset in it.
    Unit { start: u64, offset: u64 },
}

impl<'a> Entry<'a> {
    pub(crate) fn new() -> Self {
        Self { position: 0, level: 0, id: Id::InUnit(0), tag: Tag::Other, values: [None; ATTRIBUTES] }
    }

    /// Turns it into another entry without attributes.
    pub(crate) fn begin(&mut self, position: usize, level: u32, id: Id, tag: Tag) {
        *self = Self { position, level, id, tag, values: [None; ATTRIBUTES] };
    }

    pub(crate) fn set(&mut self, attribute: Attribute, text: &'a [u8]) {
        if let Some(slot) = self.values.get_mut(attribute as usize) {
            *slot = Some(text);
        }
    }

    /// An attribute's text, as printed.
    pub(crate) fn raw(&self, attribute: Attribute) -> Option<&'a [u8]> {
        self.values.get(attribute as usize).copied().flatten()
    }

    pub(crate) fn has(&self, attribute: Attribute) -> bool {
        self.raw(attribute).is_some()
    }

    /// The name, without quotes; `None` if it is empty.
    pub(crate) fn name(&self) -> Option<&'a [u8]> {
        self.raw(Attribute::Name).map(value::text).filter(|name| !name.is_empty())
    }

    /// A flag: present and not printed as false.
    pub(crate) fn flag(&self, attribute: Attribute) -> bool {
        self.raw(attribute).is_some_and(|text| !matches!(text, b"no" | b"no(0)" | b"0" | b"false" | b"0x00"))
    }

    /// A number that is not negative.
    pub(crate) fn unsigned(&self, attribute: Attribute) -> Option<u64> {
        value::integer(self.raw(attribute)?)?.plain.try_into().ok()
    }

    /// The type the entry has.
    pub(crate) fn type_id(&self) -> Option<Id> {
        value::reference(self.raw(Attribute::Type)?)
    }
}
