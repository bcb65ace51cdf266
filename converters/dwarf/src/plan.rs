//! How the entries of one abbreviation are read: which attributes are used, and which are skipped in one step.
//!
//! A kernel's debug information has millions of entries of a few hundred shapes. Each shape (an abbreviation) is
//! compiled once per unit into an [`EntryPlan`]: runs of unused attributes become one number of bytes to skip, and an entry
//! without used attributes costs one addition.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use gimli::constants as dw;

use crate::bytes::Cursor;

/// The role of an entry in the conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// The entry is not used, but its children may be.
    Other,
    /// A compile, type, partial or skeleton unit.
    Unit,
    /// A struct, union, class or interface.
    Record,
    /// An enumeration.
    Enumeration,
    /// A member of a record.
    Member,
    /// A base class.
    Base,
    /// A label of an enumeration.
    Enumerator,
    /// A pointer or reference.
    Pointer,
    /// const, volatile, restrict, atomic and the like.
    Qualifier,
    /// A typedef.
    Typedef,
    /// An array; its children are its bounds.
    Array,
    /// One dimension of an array, or a type that is a subrange of another one.
    Bound,
    /// A function's type; its children are its arguments.
    Signature,
    /// An argument, of a function or of a function's type.
    Argument,
    /// A base type, or a type with only a name.
    Native,
    /// Bytes that no reader of profiles looks into: Fortran's texts, and sets as in Pascal.
    Bytes,
    /// A variable that has, or may have, an address.
    Variable,
    /// A declaration of a variable.
    Declaration,
    /// A variable in a register or without a place; another entry may complete it.
    Local,
    /// A namespace or module, whose name is part of the names in it.
    Namespace,
    /// A variant of a tagged union, whose members belong to the union's record.
    Variant,
    /// An imported unit.
    Import,
}

/// What an attribute is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Nothing,
    Name,
    Type,
    /// The entry with the missing attributes: a declaration that this one completes, an abstract instance, a type
    /// unit.
    Link,
    Size,
    Location,
    BitSize,
    DataBitOffset,
    BitOffset,
    Declared,
    External,
    Value,
    UpperBound,
    LowerBound,
    Count,
    Encoding,
    /// Where the length of a text is stored that is known only at run time.
    Length,
    Language,
    StrOffsetsBase,
    AddrBase,
    Folder,
    SplitName,
    SplitId,
    Import,
}

/// How an attribute's value is stored, with its size resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    U8,
    U16,
    U32,
    U64,
    Data16,
    Uleb,
    Sleb,
    Implicit,
    Present,
    Text,
    StrOffset4,
    StrOffset8,
    LineStr4,
    LineStr8,
    SupplementStr4,
    SupplementStr8,
    StrIndex1,
    StrIndex2,
    StrIndex3,
    StrIndex4,
    StrIndexUleb,
    Ref1,
    Ref2,
    Ref4,
    Ref8,
    RefUleb,
    RefSection4,
    RefSection8,
    RefSignature,
    RefSupplement4,
    RefSupplement8,
    Block1,
    Block2,
    Block4,
    BlockUleb,
    U24,
    Indirect,
}

/// One attribute to read: how many bytes precede it, its form, and its use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) skip: u32,
    pub(crate) slot: Slot,
    pub(crate) form: Form,
    /// For [`Form::Implicit`], the number of its value in [`Plans::implicit`].
    pub(crate) implicit: u32,
}

/// How the entries of one abbreviation are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryPlan {
    pub(crate) kind: EntryKind,
    /// `DW_TAG_...`, for kinds with several tags.
    pub(crate) tag: dw::DwTag,
    pub(crate) children: bool,
    /// For members of the usual shape, the places of their attributes.
    pub(crate) quick: Option<QuickMember>,
    steps: (u32, u32),
    /// The steps that only skip the entry.
    over: (u32, u32),
    /// The bytes after the last step of `steps` and of `over`.
    pub(crate) tail: u32,
    pub(crate) over_tail: u32,
}

/// A member whose attributes all have a fixed size, as offsets into the entry after its code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuickMember {
    pub(crate) name: u8,
    pub(crate) ty: u8,
    pub(crate) location: u8,
    /// 0, 1, 2 or 4 bytes.
    pub(crate) location_size: u8,
    pub(crate) size: u8,
}

/// The properties of a unit that determine the sizes of forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Encoding {
    pub(crate) version: u16,
    pub(crate) address_size: u8,
    /// Whether offsets have eight bytes (64-bit DWARF).
    pub(crate) wide: bool,
}

/// The plans of one unit, by abbreviation code.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    /// Plans of the codes 1, 2, 3, ... as compilers number them.
    dense: Vec<EntryPlan>,
    /// Plans of codes that are not consecutive.
    sparse: HashMap<u64, EntryPlan, RandomState>,
    steps: Vec<Step>,
    pub(crate) implicit: Vec<i64>,
    /// How many bytes of the table were read last time.
    pub(crate) read: usize,
}

/// The plans of abbreviations that were compiled before, by their bytes after the code. Each of a kernel's thousands of
/// units numbers its abbreviations anew, and all together have a few hundred shapes.
///
/// At most [`MAX_SHAPES`] shapes of at most [`MAX_DECLARATION`] bytes are kept.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    /// The encoding that the plans are for.
    encoding: Option<Encoding>,
    known: HashMap<Box<[u8]>, Shape, RandomState>,
}

/// The plan of an abbreviation, and what it refers to, counted from 0.
#[derive(Debug)]
struct Shape {
    plan: EntryPlan,
    steps: Box<[Step]>,
    implicit: Box<[i64]>,
}

/// How many shapes are kept.
const MAX_SHAPES: usize = 4096;
/// The longest abbreviation that is kept, in bytes.
const MAX_DECLARATION: usize = 256;

impl Shapes {
    /// Forgets plans for another encoding.
    fn prepare(&mut self, encoding: Encoding) {
        if self.encoding.replace(encoding) != Some(encoding) {
            self.known.clear();
        }
    }

    fn add(&mut self, declaration: &[u8], shape: impl FnOnce() -> Shape) {
        if self.known.len() < MAX_SHAPES && declaration.len() <= MAX_DECLARATION {
            self.known.insert(declaration.into(), shape());
        }
    }
}

/// Moves past an abbreviation's tag, its flag and its attributes.
fn skip_declaration(cursor: &mut Cursor<'_, false>) -> Option<()> {
    cursor.uleb()?;
    cursor.u8()?;
    while next_attribute(cursor)?.is_some() {}
    Some(())
}

/// The next attribute of an abbreviation: its name, its form, and its value if the abbreviation holds that. The inner
/// `None` is the end of the attributes.
#[inline(always)]
fn next_attribute(cursor: &mut Cursor<'_, false>) -> Option<Option<(u64, u64, i64)>> {
    let (name, form) = (cursor.uleb()?, cursor.uleb()?);
    if name == 0 && form == 0 {
        return Some(None);
    }
    let is_implicit = form == u64::from(dw::DW_FORM_implicit_const.0);
    Some(Some((name, form, if is_implicit { cursor.sleb()? } else { 0 })))
}

impl Plans {
    /// Compiles the abbreviations at `offset` of `section`, replacing the current ones; `None` if the table is
    /// truncated. Abbreviations of known shapes are taken from `shapes`, and new shapes are added to it.
    pub(crate) fn compile(
        &mut self,
        section: &[u8],
        offset: usize,
        encoding: Encoding,
        shapes: &mut Shapes,
    ) -> Option<()> {
        let mut cursor = Cursor::<false>::new(section, offset);
        shapes.prepare(encoding);
        let compiled = self.compile_at(&mut cursor, encoding, shapes);
        self.read = cursor.at.saturating_sub(offset);
        compiled
    }

    fn compile_at(
        &mut self,
        cursor: &mut Cursor<'_, false>,
        encoding: Encoding,
        shapes: &mut Shapes,
    ) -> Option<()> {
        self.dense.clear();
        self.sparse.clear();
        self.steps.clear();
        self.implicit.clear();
        loop {
            let code = cursor.uleb()?;
            if code == 0 {
                return Some(());
            }
            let start = cursor.at;
            skip_declaration(cursor)?;
            let declaration = cursor.since(start);
            let plan = match shapes.known.get(declaration) {
                Some(shape) => self.add_shape(shape)?,
                None => {
                    let (steps, implicit) = (self.steps.len(), self.implicit.len());
                    let plan = self.plan_of(declaration, encoding)?;
                    shapes.add(declaration, || self.shape(&plan, steps, implicit));
                    plan
                }
            };
            if code == self.dense.len() as u64 + 1 {
                self.dense.push(plan);
            } else {
                self.sparse.insert(code, plan);
            }
        }
    }

    /// The plan of an abbreviation by its bytes after the code.
    fn plan_of(&mut self, declaration: &[u8], encoding: Encoding) -> Option<EntryPlan> {
        let mut cursor = Cursor::<false>::new(declaration, 0);
        let tag = cursor.uleb()?;
        let children = cursor.u8()? != 0;
        let mut attributes = Vec::new();
        while let Some(attribute) = next_attribute(&mut cursor)? {
            attributes.push(attribute);
        }
        self.plan(tag, children, &attributes, encoding)
    }

    /// Adds the steps of a known shape.
    fn add_shape(&mut self, shape: &Shape) -> Option<EntryPlan> {
        let steps = u32::try_from(self.steps.len()).ok()?;
        let implicit = u32::try_from(self.implicit.len()).ok()?;
        self.steps.extend(shape.steps.iter().map(|step| match step.form {
            Form::Implicit => Step { implicit: step.implicit.saturating_add(implicit), ..*step },
            _ => *step,
        }));
        self.implicit.extend_from_slice(&shape.implicit);
        let moved = |(start, end): (u32, u32)| Some((start.checked_add(steps)?, end.checked_add(steps)?));
        Some(EntryPlan { steps: moved(shape.plan.steps)?, over: moved(shape.plan.over)?, ..shape.plan })
    }

    /// The shape of a plan whose steps and implicit values begin at these places.
    fn shape(&self, plan: &EntryPlan, steps: usize, implicit: usize) -> Shape {
        let (first_step, first_implicit) = (steps as u32, implicit as u32);
        let moved =
            |(start, end): (u32, u32)| (start.saturating_sub(first_step), end.saturating_sub(first_step));
        let own = self.steps.get(steps..).unwrap_or_default().iter();
        Shape {
            plan: EntryPlan { steps: moved(plan.steps), over: moved(plan.over), ..*plan },
            steps: own
                .map(|step| Step { implicit: step.implicit.saturating_sub(first_implicit), ..*step })
                .collect(),
            implicit: self.implicit.get(implicit..).unwrap_or_default().into(),
        }
    }

    /// Releases unused capacity.
    pub(crate) fn shrink(&mut self) {
        self.dense.shrink_to_fit();
        self.steps.shrink_to_fit();
        self.implicit.shrink_to_fit();
    }

    /// Their size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.dense.capacity() * size_of::<EntryPlan>()
            + self.sparse.capacity() * size_of::<(u64, EntryPlan)>()
            + self.steps.capacity() * size_of::<Step>()
            + self.implicit.capacity() * size_of::<i64>()
    }

    /// The plan of a code; codes count from 1.
    #[inline(always)]
    pub(crate) fn get(&self, code: u64) -> Option<&EntryPlan> {
        self.dense.get((code as usize).wrapping_sub(1)).or_else(|| self.sparse.get(&code))
    }

    /// The steps that read the used attributes of an entry.
    #[inline(always)]
    pub(crate) fn steps(&self, plan: &EntryPlan) -> &[Step] {
        self.steps.get(plan.steps.0 as usize..plan.steps.1 as usize).unwrap_or_default()
    }

    /// The steps that skip an entry.
    #[inline(always)]
    pub(crate) fn over(&self, plan: &EntryPlan) -> &[Step] {
        self.steps.get(plan.over.0 as usize..plan.over.1 as usize).unwrap_or_default()
    }

    fn plan(
        &mut self,
        tag: u64,
        children: bool,
        attributes: &[(u64, u64, i64)],
        encoding: Encoding,
    ) -> Option<EntryPlan> {
        let kind = kind(tag, attributes);
        let (over, over_tail) = self.program(EntryKind::Other, attributes, encoding)?;
        let (steps, tail) = match kind {
            EntryKind::Other | EntryKind::Variant => (over, over_tail),
            _ => self.program(kind, attributes, encoding)?,
        };
        let tag = dw::DwTag(u16::try_from(tag).unwrap_or(0));
        let mut plan = EntryPlan { kind, tag, children, quick: None, steps, over, tail, over_tail };
        if kind == EntryKind::Member && !children {
            plan.quick = self.quick(&plan);
        }
        Some(plan)
    }

    /// The steps for the attributes that `kind` uses, and the number of bytes after the last one.
    fn program(
        &mut self,
        kind: EntryKind,
        attributes: &[(u64, u64, i64)],
        encoding: Encoding,
    ) -> Option<((u32, u32), u32)> {
        let start = self.steps.len();
        let mut skip = 0u32;
        // One bit for each slot that already has a step.
        let mut taken = 0u64;
        for (name, form, value) in attributes {
            let slot = slot(kind, *name);
            // The standard forbids two attributes of the same name; reading both would only cost time.
            let bit = 1u64.checked_shl(slot as u32).unwrap_or(0);
            let slot = if taken & bit != 0 { Slot::Nothing } else { slot };
            taken |= bit;
            let (form, size) = layout(*form, encoding)?;
            if slot == Slot::Nothing
                && let Some(size) = size
            {
                skip = skip.checked_add(size)?;
                continue;
            }
            let implicit = if form == Form::Implicit {
                self.implicit.push(*value);
                u32::try_from(self.implicit.len() - 1).ok()?
            } else {
                0
            };
            self.steps.push(Step { skip, slot, form, implicit });
            skip = 0;
        }
        Some(((u32::try_from(start).ok()?, u32::try_from(self.steps.len()).ok()?), skip))
    }

    fn quick(&self, plan: &EntryPlan) -> Option<QuickMember> {
        let mut at = 0u8;
        let (mut name, mut ty, mut location) = (None, None, None);
        for step in self.steps(plan) {
            at = at.checked_add(u8::try_from(step.skip).ok()?)?;
            let size = match (step.slot, step.form) {
                (Slot::Name, Form::StrOffset4) => {
                    name = Some(at);
                    4
                }
                (Slot::Type, Form::Ref4) => {
                    ty = Some(at);
                    4
                }
                (Slot::Location, Form::U8 | Form::U16 | Form::U32) => {
                    let size = match step.form {
                        Form::U8 => 1,
                        Form::U16 => 2,
                        _ => 4,
                    };
                    location = Some((at, size));
                    size
                }
                _ => return None,
            };
            at = at.checked_add(size)?;
        }
        let size = at.checked_add(u8::try_from(plan.tail).ok()?)?;
        let (location, location_size) = location.unwrap_or((0, 0));
        Some(QuickMember { name: name?, ty: ty?, location, location_size, size })
    }
}

fn kind(tag: u64, attributes: &[(u64, u64, i64)]) -> EntryKind {
    let Ok(tag) = u16::try_from(tag) else { return EntryKind::Other };
    match dw::DwTag(tag) {
        dw::DW_TAG_compile_unit
        | dw::DW_TAG_type_unit
        | dw::DW_TAG_partial_unit
        | dw::DW_TAG_skeleton_unit => EntryKind::Unit,
        dw::DW_TAG_structure_type
        | dw::DW_TAG_union_type
        | dw::DW_TAG_class_type
        | dw::DW_TAG_interface_type => EntryKind::Record,
        dw::DW_TAG_enumeration_type => EntryKind::Enumeration,
        dw::DW_TAG_member => EntryKind::Member,
        dw::DW_TAG_inheritance => EntryKind::Base,
        dw::DW_TAG_enumerator => EntryKind::Enumerator,
        dw::DW_TAG_pointer_type
        | dw::DW_TAG_reference_type
        | dw::DW_TAG_rvalue_reference_type
        | dw::DW_TAG_ptr_to_member_type => EntryKind::Pointer,
        dw::DW_TAG_const_type
        | dw::DW_TAG_volatile_type
        | dw::DW_TAG_restrict_type
        | dw::DW_TAG_atomic_type
        | dw::DW_TAG_packed_type
        | dw::DW_TAG_shared_type
        | dw::DW_TAG_immutable_type
        // DW_TAG_LLVM_ptrauth_type, which the table of constants does not have yet.
        | dw::DwTag(0x4300) => EntryKind::Qualifier,
        dw::DW_TAG_typedef | dw::DW_TAG_template_alias => EntryKind::Typedef,
        dw::DW_TAG_array_type => EntryKind::Array,
        dw::DW_TAG_subrange_type => EntryKind::Bound,
        dw::DW_TAG_subroutine_type => EntryKind::Signature,
        dw::DW_TAG_formal_parameter => EntryKind::Argument,
        dw::DW_TAG_base_type | dw::DW_TAG_unspecified_type => EntryKind::Native,
        dw::DW_TAG_string_type | dw::DW_TAG_set_type => EntryKind::Bytes,
        dw::DW_TAG_variable => {
            let located = attributes.iter().any(|(name, form, _)| {
                *name == u64::from(dw::DW_AT_location.0) && is_expression(*form)
            });
            let declared = attributes.iter().any(|(name, ..)| *name == u64::from(dw::DW_AT_declaration.0));
            match (located, declared) {
                (true, _) => EntryKind::Variable,
                (_, true) => EntryKind::Declaration,
                _ => EntryKind::Local,
            }
        }
        dw::DW_TAG_namespace | dw::DW_TAG_module => EntryKind::Namespace,
        dw::DW_TAG_variant_part | dw::DW_TAG_variant => EntryKind::Variant,
        dw::DW_TAG_imported_unit => EntryKind::Import,
        _ => EntryKind::Other,
    }
}

fn is_expression(form: u64) -> bool {
    let Ok(form) = u16::try_from(form) else { return false };
    matches!(
        dw::DwForm(form),
        dw::DW_FORM_exprloc
            | dw::DW_FORM_block
            | dw::DW_FORM_block1
            | dw::DW_FORM_block2
            | dw::DW_FORM_block4
            | dw::DW_FORM_indirect
    )
}

/// The use of an attribute in an entry of `kind`.
fn slot(kind: EntryKind, name: u64) -> Slot {
    let Ok(name) = u16::try_from(name) else { return Slot::Nothing };
    let name = dw::DwAt(name);
    let wanted = match kind {
        EntryKind::Other | EntryKind::Variant => return Slot::Nothing,
        EntryKind::Unit => {
            return match name {
                dw::DW_AT_language => Slot::Language,
                dw::DW_AT_str_offsets_base => Slot::StrOffsetsBase,
                dw::DW_AT_addr_base | dw::DW_AT_GNU_addr_base => Slot::AddrBase,
                dw::DW_AT_comp_dir => Slot::Folder,
                dw::DW_AT_dwo_name | dw::DW_AT_GNU_dwo_name => Slot::SplitName,
                dw::DW_AT_GNU_dwo_id => Slot::SplitId,
                _ => Slot::Nothing,
            };
        }
        // The type of a record is that of its bits, as Zig writes it of packed structs.
        EntryKind::Record => &[Slot::Name, Slot::Type, Slot::Size, Slot::Declared, Slot::Link][..],
        EntryKind::Enumeration => &[Slot::Name, Slot::Type, Slot::Size, Slot::Declared, Slot::Link],
        EntryKind::Member => &[
            Slot::Name,
            Slot::Type,
            Slot::Location,
            Slot::BitSize,
            Slot::DataBitOffset,
            Slot::BitOffset,
            Slot::Size,
            Slot::Declared,
            Slot::External,
        ],
        EntryKind::Base => &[Slot::Type, Slot::Location],
        EntryKind::Enumerator => &[Slot::Name, Slot::Value],
        EntryKind::Pointer => &[Slot::Type, Slot::Size],
        EntryKind::Qualifier | EntryKind::Argument => &[Slot::Type],
        EntryKind::Typedef => &[Slot::Name, Slot::Type],
        EntryKind::Array => &[Slot::Type],
        EntryKind::Bound => &[Slot::Type, Slot::Size, Slot::UpperBound, Slot::LowerBound, Slot::Count],
        EntryKind::Native => &[Slot::Name, Slot::Size, Slot::BitSize, Slot::Encoding],
        EntryKind::Bytes => &[Slot::Type, Slot::Size, Slot::Length],
        EntryKind::Signature => &[Slot::Size],
        EntryKind::Variable => &[Slot::Name, Slot::Type, Slot::Location, Slot::Link],
        EntryKind::Declaration | EntryKind::Local => &[Slot::Name, Slot::Type, Slot::Link],
        EntryKind::Namespace => &[Slot::Name],
        EntryKind::Import => return if name == dw::DW_AT_import { Slot::Import } else { Slot::Nothing },
    };
    let slot = match name {
        dw::DW_AT_name => Slot::Name,
        dw::DW_AT_type => Slot::Type,
        dw::DW_AT_specification | dw::DW_AT_abstract_origin | dw::DW_AT_signature => Slot::Link,
        dw::DW_AT_byte_size => Slot::Size,
        dw::DW_AT_data_member_location | dw::DW_AT_location => Slot::Location,
        dw::DW_AT_bit_size => Slot::BitSize,
        dw::DW_AT_data_bit_offset => Slot::DataBitOffset,
        dw::DW_AT_bit_offset => Slot::BitOffset,
        dw::DW_AT_declaration => Slot::Declared,
        dw::DW_AT_external => Slot::External,
        dw::DW_AT_const_value => Slot::Value,
        dw::DW_AT_upper_bound => Slot::UpperBound,
        dw::DW_AT_lower_bound => Slot::LowerBound,
        dw::DW_AT_count => Slot::Count,
        dw::DW_AT_encoding => Slot::Encoding,
        dw::DW_AT_string_length => Slot::Length,
        _ => Slot::Nothing,
    };
    if wanted.contains(&slot) { slot } else { Slot::Nothing }
}

/// How a form is read with this encoding, and its size if that is fixed (DWARF 5, section 7.5.6).
fn layout(form: u64, encoding: Encoding) -> Option<(Form, Option<u32>)> {
    let offset = |narrow: Form, wide: Form| {
        if encoding.wide { (wide, Some(8)) } else { (narrow, Some(4)) }
    };
    Some(match dw::DwForm(u16::try_from(form).ok()?) {
        dw::DW_FORM_addr => match encoding.address_size {
            1 => (Form::U8, Some(1)),
            2 => (Form::U16, Some(2)),
            4 => (Form::U32, Some(4)),
            8 => (Form::U64, Some(8)),
            _ => return None,
        },
        dw::DW_FORM_data1 | dw::DW_FORM_flag => (Form::U8, Some(1)),
        dw::DW_FORM_data2 => (Form::U16, Some(2)),
        dw::DW_FORM_data4 => (Form::U32, Some(4)),
        dw::DW_FORM_data8 => (Form::U64, Some(8)),
        dw::DW_FORM_data16 => (Form::Data16, Some(16)),
        dw::DW_FORM_udata | dw::DW_FORM_loclistx | dw::DW_FORM_rnglistx => (Form::Uleb, None),
        dw::DW_FORM_sdata => (Form::Sleb, None),
        dw::DW_FORM_implicit_const => (Form::Implicit, Some(0)),
        dw::DW_FORM_flag_present => (Form::Present, Some(0)),
        dw::DW_FORM_string => (Form::Text, None),
        dw::DW_FORM_strp => offset(Form::StrOffset4, Form::StrOffset8),
        dw::DW_FORM_line_strp => offset(Form::LineStr4, Form::LineStr8),
        dw::DW_FORM_strp_sup | dw::DW_FORM_GNU_strp_alt => offset(Form::SupplementStr4, Form::SupplementStr8),
        dw::DW_FORM_strx | dw::DW_FORM_GNU_str_index => (Form::StrIndexUleb, None),
        dw::DW_FORM_strx1 => (Form::StrIndex1, Some(1)),
        dw::DW_FORM_strx2 => (Form::StrIndex2, Some(2)),
        dw::DW_FORM_strx3 => (Form::StrIndex3, Some(3)),
        dw::DW_FORM_strx4 => (Form::StrIndex4, Some(4)),
        dw::DW_FORM_ref1 => (Form::Ref1, Some(1)),
        dw::DW_FORM_ref2 => (Form::Ref2, Some(2)),
        dw::DW_FORM_ref4 => (Form::Ref4, Some(4)),
        dw::DW_FORM_ref8 => (Form::Ref8, Some(8)),
        dw::DW_FORM_ref_udata => (Form::RefUleb, None),
        // In DWARF 2 such a reference has the size of an address.
        dw::DW_FORM_ref_addr if encoding.version == 2 => match encoding.address_size {
            4 => (Form::RefSection4, Some(4)),
            8 => (Form::RefSection8, Some(8)),
            _ => return None,
        },
        dw::DW_FORM_ref_addr => offset(Form::RefSection4, Form::RefSection8),
        dw::DW_FORM_ref_sig8 => (Form::RefSignature, Some(8)),
        dw::DW_FORM_ref_sup4 => (Form::RefSupplement4, Some(4)),
        dw::DW_FORM_ref_sup8 => (Form::RefSupplement8, Some(8)),
        dw::DW_FORM_GNU_ref_alt => offset(Form::RefSupplement4, Form::RefSupplement8),
        dw::DW_FORM_sec_offset => offset(Form::U32, Form::U64),
        dw::DW_FORM_block1 => (Form::Block1, None),
        dw::DW_FORM_block2 => (Form::Block2, None),
        dw::DW_FORM_block4 => (Form::Block4, None),
        dw::DW_FORM_block | dw::DW_FORM_exprloc => (Form::BlockUleb, None),
        // The start of code: skipped.
        dw::DW_FORM_addrx | dw::DW_FORM_GNU_addr_index => (Form::Uleb, None),
        dw::DW_FORM_addrx1 => (Form::U8, Some(1)),
        dw::DW_FORM_addrx2 => (Form::U16, Some(2)),
        dw::DW_FORM_addrx3 => (Form::U24, Some(3)),
        dw::DW_FORM_addrx4 => (Form::U32, Some(4)),
        dw::DW_FORM_indirect => (Form::Indirect, None),
        _ => return None,
    })
}

/// The form that an entry with [`Form::Indirect`] gives in place.
pub(crate) fn indirect(form: u64, encoding: Encoding) -> Option<Form> {
    match layout(form, encoding)?.0 {
        // The standard forbids both, and neither could be read here.
        Form::Indirect | Form::Implicit => None,
        form => Some(form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tables that number the same abbreviations differently: a struct, a member with a value of its own, a variable.
    const FIRST: &[u8] = &[
        1, 0x13, 1, 0x03, 0x0e, 0x0b, 0x0b, 0, 0, // DW_TAG_structure_type: name strp, byte_size data1
        2, 0x0d, 0, 0x03, 0x0e, 0x49, 0x13, 0x38, 0x21, 0x7f, 0,
        0, // DW_TAG_member at implicit_const -1
        5, 0x34, 0, 0x03, 0x08, 0x02, 0x18, 0, 0, // DW_TAG_variable: name string, location exprloc
        0,
    ];
    const SECOND: &[u8] = &[
        1, 0x34, 0, 0x03, 0x08, 0x02, 0x18, 0, 0, //
        2, 0x0d, 0, 0x03, 0x0e, 0x49, 0x13, 0x38, 0x21, 0x7f, 0, 0, //
        3, 0x0d, 0, 0x03, 0x0e, 0x49, 0x13, 0x38, 0x21, 0x05, 0, 0, // Another value.
        4, 0x13, 1, 0x03, 0x0e, 0x0b, 0x0b, 0, 0, //
        0,
    ];

    fn compiled(table: &[u8], wide: bool, shapes: &mut Shapes) -> Plans {
        let mut plans = Plans::default();
        plans.compile(table, 0, Encoding { version: 5, address_size: 8, wide }, shapes).unwrap();
        assert_eq!(plans.read, table.len());
        plans
    }

    #[test]
    fn known_shapes_give_the_plans_of_new_ones() {
        let mut shapes = Shapes::default();
        for (table, wide) in [(FIRST, false), (SECOND, false), (FIRST, false), (SECOND, true), (FIRST, false)]
        {
            let known = compiled(table, wide, &mut shapes);
            let new = compiled(table, wide, &mut Shapes::default());
            assert_eq!(format!("{known:?}"), format!("{new:?}"));
        }
        assert_eq!(shapes.known.len(), 3);
        let second = compiled(SECOND, false, &mut shapes);
        let values = |code| {
            let steps = second.steps(second.get(code).unwrap()).iter();
            steps
                .filter(|step| step.form == Form::Implicit)
                .map(|step| second.implicit[step.implicit as usize])
                .collect()
        };
        let (minus_one, five): (Vec<i64>, Vec<i64>) = (values(2), values(3));
        assert_eq!((minus_one, five), (vec![-1], vec![5]));
    }

    #[test]
    fn a_truncated_table_is_not_compiled() {
        let mut shapes = Shapes::default();
        for end in 0..FIRST.len() {
            let encoding = Encoding { version: 5, address_size: 8, wide: false };
            assert!(Plans::default().compile(&FIRST[..end], 0, encoding, &mut shapes).is_none(), "{end}");
        }
    }
}
