//! One walk over a unit: collects what is needed to distinguish its types and variables.

use crate::bytes::Cursor;
use crate::language::Languages;
use crate::mix::{Fingerprint, mix, mix_text};
use crate::plan::{EntryKind, EntryPlan, Form, Plans, Shapes, Slot, Step};
use crate::site::Reference;
use crate::units::{Strings, Table, Unit};
use crate::value::{self, Place, Value};

/// A type as the first pass notes it: enough to tell it from others, without its texts.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The entry's offset from the unit's header.
    pub(crate) at: u32,
    pub(crate) kind: EntryKind,
    /// Whether it is only declared here and defined elsewhere.
    pub(crate) declared: bool,
    /// A number that stands for its name, including scopes; 0 if it has none.
    pub(crate) name: u64,
    /// The type that it is derived from.
    pub(crate) ty: Reference,
    /// The entry that holds its missing attributes.
    pub(crate) link: Reference,
    /// Its attributes and its labels or bounds, mixed.
    pub(crate) content: u64,
    /// The first and the last of its parts, which are a linked list; [`NONE`] without parts.
    first: u32,
    last: u32,
    /// Its fingerprint, after it has been computed; see [`crate::print`].
    pub(crate) print: Option<Fingerprint>,
}

/// A member, a base class or an argument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DieChild {
    next: u32,
    pub(crate) ty: Reference,
    /// Its name and place, mixed.
    pub(crate) content: u64,
}

/// A variable that may be a symbol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    pub(crate) at: u32,
    pub(crate) name: u64,
    pub(crate) ty: Reference,
    pub(crate) place: Option<Place>,
}

/// The contents of a unit's first entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Root {
    /// `DW_AT_language`; `None` if it is missing.
    pub(crate) language: Option<u16>,
    pub(crate) str_offsets_base: Option<u64>,
    pub(crate) addr_base: Option<u64>,
    /// For a skeleton, the file with its types and the compiler's working folder.
    pub(crate) split_name: Option<Vec<u8>>,
    pub(crate) folder: Option<Vec<u8>>,
    pub(crate) split_id: Option<u64>,
}

/// The types and variables of one unit.
#[derive(Debug, Default)]
pub(crate) struct UnitTypes {
    pub(crate) nodes: Vec<Node>,
    parts: Vec<DieChild>,
    pub(crate) variables: Vec<Variable>,
    /// Imported units.
    pub(crate) imports: Vec<Reference>,
    /// One bit per byte of the unit, set where a node begins.
    starts: Vec<u64>,
    /// The number of nodes before each word of `starts`.
    before: Vec<u32>,
}

/// No node, or no part.
const NONE: u32 = u32::MAX;

impl UnitTypes {
    fn reset(&mut self, len: usize) {
        self.nodes.clear();
        self.parts.clear();
        self.variables.clear();
        self.imports.clear();
        self.starts.clear();
        self.starts.resize(len / 64 + 1, 0);
    }

    /// Fills `before` after the walk.
    fn index(&mut self) {
        self.before.clear();
        let mut count = 0;
        self.before.extend(self.starts.iter().map(|word| {
            let before = count;
            count += word.count_ones();
            before
        }));
    }

    /// The number of the node that begins at `at`.
    #[inline(always)]
    pub(crate) fn node_at(&self, at: u32) -> Option<usize> {
        let (word, bit) = (at as usize / 64, at % 64);
        let starts = *self.starts.get(word)?;
        if starts >> bit & 1 == 0 {
            return None;
        }
        let below = (starts & ((1u64 << bit) - 1)).count_ones();
        Some((*self.before.get(word)? + below) as usize)
    }

    /// The first of a node's parts, for [`UnitTypes::part`].
    pub(crate) fn first_part(&self, node: usize) -> u32 {
        self.nodes.get(node).map_or(NONE, |node| node.first)
    }

    /// A part and the number of the next one.
    pub(crate) fn part(&self, number: u32) -> Option<(DieChild, u32)> {
        let part = self.parts.get(number as usize)?;
        Some((*part, part.next))
    }

    fn add_part(&mut self, owner: u32, ty: Reference, content: u64) {
        let Some(node) = self.nodes.get_mut(owner as usize) else { return };
        let number = self.parts.len() as u32;
        self.parts.push(DieChild { next: NONE, ty, content });
        if node.first == NONE {
            node.first = number;
        } else if let Some(last) = self.parts.get_mut(node.last as usize) {
            last.next = number;
        }
        node.last = number;
    }
}

/// Why a unit could not be walked to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Its abbreviations are truncated or contain an unknown form.
    Abbreviations,
    /// The entry at this offset from the unit's header.
    Entry(u32),
}

/// An entry whose children are being read.
#[derive(Clone, Copy)]
struct Frame {
    /// Its node, or [`NONE`].
    node: u32,
    /// The names of the enclosing scopes, mixed; 0 if there are none.
    scope: u64,
}

/// Walks units one after the other and reuses its buffers.
#[derive(Default)]
pub(crate) struct Scanner {
    plans: Plans,
    shapes: Shapes,
    /// The table that `plans` was compiled from.
    compiled: Option<Table>,
    /// How many bytes of abbreviations were read.
    pub(crate) abbreviations_read: u64,
    frames: Vec<Frame>,
}

impl Scanner {
    /// Walks `unit` into `types`. For a unit in a language that is not included only the root is read.
    ///
    /// # Errors
    /// [`Broken`] at the place where it stopped; everything before it is in `types`.
    pub(crate) fn scan(
        &mut self,
        unit: &Unit<'_>,
        languages: &Languages,
        types: &mut UnitTypes,
    ) -> (Root, Result<(), Broken>) {
        if unit.big_endian {
            self.scan_in::<true>(unit, languages, types)
        } else {
            self.scan_in::<false>(unit, languages, types)
        }
    }

    fn scan_in<const BIG: bool>(
        &mut self,
        unit: &Unit<'_>,
        languages: &Languages,
        types: &mut UnitTypes,
    ) -> (Root, Result<(), Broken>) {
        types.reset(unit.bytes.len());
        let mut root = Root::default();
        let key = unit.table();
        if self.compiled != Some(key) {
            self.compiled = None;
            let (bytes, at) = (unit.abbreviations, unit.abbreviations_at);
            let compiled = self.plans.compile(bytes, at, unit.encoding, &mut self.shapes);
            self.abbreviations_read += self.plans.read as u64;
            if compiled.is_none() {
                return (root, Err(Broken::Abbreviations));
            }
            self.compiled = Some(key);
        }
        let mut walk = Walk::<BIG> {
            cursor: Cursor::new(unit.bytes, unit.entries_at),
            unit,
            plans: &self.plans,
            frames: &mut self.frames,
            types,
            strings: unit.strings,
        };
        let at = walk.cursor.at;
        let result = match walk.root(&mut root) {
            Some(_) if !languages.wants(root.language) => Ok(()),
            Some(true) => {
                walk.strings.base = root.str_offsets_base.or(unit.strings.base);
                let scoped = Languages::is_scoped(root.language);
                walk.run(scoped).map_err(|at| Broken::Entry(at as u32))
            }
            Some(false) => Ok(()),
            None => Err(Broken::Entry(at as u32)),
        };
        types.index();
        (root, result)
    }
}

struct Walk<'w, 'a, const BIG: bool> {
    cursor: Cursor<'a, BIG>,
    unit: &'w Unit<'a>,
    plans: &'w Plans,
    frames: &'w mut Vec<Frame>,
    types: &'w mut UnitTypes,
    strings: Strings<'a>,
}

/// The attributes that were read from an entry.
struct Taken {
    name: u64,
    ty: Reference,
    link: Reference,
    content: u64,
    declared: bool,
    place: Option<Place>,
    import: Reference,
}

impl<'a, const BIG: bool> Walk<'_, 'a, BIG> {
    /// Reads the unit's first entry and returns whether it has children.
    fn root(&mut self, root: &mut Root) -> Option<bool> {
        let code = self.cursor.uleb()?;
        if code == 0 {
            return Some(false);
        }
        let plans = self.plans;
        let plan = plans.get(code)?;
        let (mut split_name, mut folder) = (None, None);
        for step in plans.steps(plan) {
            let value = value::read(&mut self.cursor, step, plans, self.unit.encoding)?;
            match (step.slot, value) {
                (Slot::Language, Value::Number(language)) => root.language = u16::try_from(language).ok(),
                (Slot::StrOffsetsBase, Value::Number(base)) => root.str_offsets_base = Some(base),
                (Slot::AddrBase, Value::Number(base)) => root.addr_base = Some(base),
                (Slot::SplitId, Value::Number(id)) => root.split_id = Some(id),
                (Slot::SplitName, value) => split_name = Some(value),
                (Slot::Folder, value) => folder = Some(value),
                _ => {}
            }
        }
        self.cursor.skip(plan.tail as usize);
        if split_name.is_some() {
            // Texts given by number need the base, which may come after them.
            let mut strings = self.strings;
            strings.base = root.str_offsets_base.or(strings.base);
            let text = |value: Value<'_>| strings.text(value).map(<[u8]>::to_vec);
            root.split_name = split_name.and_then(text);
            root.folder = folder.and_then(text);
            root.split_id = root.split_id.or(self.unit.split_id);
        }
        Some(plan.children)
    }

    /// Walks the entries below the root. Returns the offset of the entry that could not be read, if there is one.
    fn run(&mut self, scoped: bool) -> Result<(), usize> {
        self.frames.clear();
        self.frames.push(Frame { node: NONE, scope: 0 });
        while self.cursor.at < self.cursor.len() {
            let at = self.cursor.at;
            match self.entry(at, scoped) {
                Some(true) => {}
                Some(false) => return Ok(()),
                None => return Err(at),
            }
        }
        // Trailing end marks are often omitted; any other missing entry is an error.
        Ok(())
    }

    /// Reads one entry; returns false after the last.
    #[inline(always)]
    fn entry(&mut self, at: usize, scoped: bool) -> Option<bool> {
        let code = self.cursor.uleb()?;
        if code == 0 {
            self.frames.pop();
            return Some(!self.frames.is_empty());
        }
        let plans = self.plans;
        let plan = plans.get(code)?;
        let frame = *self.frames.last()?;
        let mut inner = Frame { node: NONE, ..frame };
        match plan.kind {
            EntryKind::Member => {
                if let Some(quick) = plan.quick
                    && self.unit.strings.by_offset
                {
                    self.quick_member(quick, frame.node)?;
                    return Some(true);
                }
                let member = self.take(plan)?;
                if !member.declared {
                    let content = mix(member.content, member.name);
                    self.types.add_part(frame.node, member.ty, content);
                }
            }
            EntryKind::Other | EntryKind::Local | EntryKind::Unit => self.pass_over(plan)?,
            EntryKind::Argument => {
                // A function's own arguments are not needed.
                if frame.node == NONE {
                    self.pass_over(plan)?;
                } else {
                    let argument = self.take(plan)?;
                    self.types.add_part(frame.node, argument.ty, 0);
                }
            }
            EntryKind::Base => {
                let base = self.take(plan)?;
                self.types.add_part(frame.node, base.ty, mix(base.content, 1));
            }
            EntryKind::Enumerator => {
                let label = self.take(plan)?;
                if let Some(node) = self.types.nodes.get_mut(frame.node as usize) {
                    node.content = mix(node.content, mix(label.content, label.name));
                }
            }
            EntryKind::Bound => {
                let bound = self.take(plan)?;
                match self.types.nodes.get_mut(frame.node as usize) {
                    Some(node) if node.kind == EntryKind::Array => {
                        node.content = mix(node.content, mix(bound.content, 2));
                    }
                    _ => inner.node = self.add_node(at, plan.kind, bound.name, &bound),
                }
            }
            EntryKind::Variant => {
                self.pass_over(plan)?;
                inner.node = frame.node;
            }
            EntryKind::Variable | EntryKind::Declaration => {
                let variable = self.take(plan)?;
                if plan.kind == EntryKind::Declaration || variable.place.is_some() {
                    let Taken { name, ty, place, .. } = variable;
                    self.types.variables.push(Variable { at: at as u32, name, ty, place });
                }
            }
            EntryKind::Namespace => {
                let namespace = self.take(plan)?;
                inner.scope = mix(frame.scope, namespace.name);
            }
            EntryKind::Import => {
                let import = self.take(plan)?;
                self.types.imports.push(import.import);
            }
            EntryKind::Record
            | EntryKind::Enumeration
            | EntryKind::Pointer
            | EntryKind::Qualifier
            | EntryKind::Typedef
            | EntryKind::Array
            | EntryKind::Signature
            | EntryKind::Native
            | EntryKind::Bytes => {
                let taken = self.take(plan)?;
                let mut name = taken.name;
                if name != 0 && frame.scope != 0 {
                    name = mix(frame.scope, name);
                }
                if scoped && plan.kind == EntryKind::Record {
                    inner.scope = mix(frame.scope, name);
                }
                inner.node = self.add_node(at, plan.kind, name, &taken);
            }
        }
        if plan.children {
            self.frames.push(inner);
        }
        Some(true)
    }

    /// Adds a type and returns its node's number.
    #[inline(always)]
    fn add_node(&mut self, at: usize, kind: EntryKind, name: u64, taken: &Taken) -> u32 {
        let number = self.types.nodes.len() as u32;
        if let Some(word) = self.types.starts.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
        self.types.nodes.push(Node {
            at: at as u32,
            kind,
            // An entry with a signature only declares a type that a type unit defines.
            declared: taken.declared || matches!(taken.link, Reference::Signature(_)),
            name,
            ty: taken.ty,
            link: taken.link,
            content: taken.content,
            first: NONE,
            last: NONE,
            print: None,
        });
        number
    }

    #[inline(always)]
    fn quick_member(&mut self, quick: crate::plan::QuickMember, owner: u32) -> Option<()> {
        let at = self.cursor.at;
        let read = |offset: u8| self.cursor.at(at + usize::from(offset));
        let name = self.strings.offset_key(u64::from(read(quick.name).u32()?));
        let ty = Reference::Here(read(quick.ty).u32()?);
        let location = match quick.location_size {
            0 => None,
            1 => Some(u64::from(read(quick.location).u8()?)),
            2 => Some(u64::from(read(quick.location).u16()?)),
            _ => Some(u64::from(read(quick.location).u32()?)),
        };
        let content = location.map_or(0, |location| mix_slot(Slot::Location, location));
        self.cursor.skip(usize::from(quick.size));
        self.types.add_part(owner, ty, mix(content, name));
        Some(())
    }

    #[inline(always)]
    fn pass_over(&mut self, plan: &EntryPlan) -> Option<()> {
        let plans = self.plans;
        for step in plans.over(plan) {
            self.pass(step)?;
        }
        self.cursor.skip(plan.over_tail as usize);
        Some(())
    }

    #[inline(always)]
    fn pass(&mut self, step: &Step) -> Option<()> {
        match step.form {
            Form::BlockUleb => {
                self.cursor.skip(step.skip as usize);
                let len = self.cursor.uleb()?;
                self.cursor.skip(usize::try_from(len).ok()?);
            }
            _ => {
                value::read(&mut self.cursor, step, self.plans, self.unit.encoding)?;
            }
        }
        Some(())
    }

    #[inline(always)]
    fn take(&mut self, plan: &EntryPlan) -> Option<Taken> {
        let mut taken = Taken {
            name: 0,
            ty: Reference::Nothing,
            link: Reference::Nothing,
            content: 0,
            declared: false,
            place: None,
            import: Reference::Nothing,
        };
        let plans = self.plans;
        for step in plans.steps(plan) {
            if step.slot == Slot::Nothing {
                self.pass(step)?;
                continue;
            }
            let value = value::read(&mut self.cursor, step, plans, self.unit.encoding)?;
            match step.slot {
                Slot::Name => taken.name = self.strings.key(value),
                Slot::Type => taken.ty = reference(value),
                Slot::Link => taken.link = reference(value),
                Slot::Import => taken.import = reference(value),
                // An external member is a static one: it is only declared here, and defined as a variable.
                Slot::Declared | Slot::External => taken.declared |= matches!(value, Value::Number(1..)),
                slot => {
                    let number = match value {
                        Value::Number(number) => number,
                        Value::Block(bytes) => {
                            if slot == Slot::Location {
                                taken.place = value::place::<BIG>(bytes, self.unit.encoding);
                            }
                            match taken.place {
                                Some(Place::Offset(offset)) => offset,
                                _ => mix_text(bytes),
                            }
                        }
                        // A bound or value that is stored in another entry is unknown.
                        _ => 0,
                    };
                    taken.content = taken.content.wrapping_add(mix_slot(slot, number));
                }
            }
        }
        self.cursor.skip(plan.tail as usize);
        Some(taken)
    }
}

/// A number for an attribute's value. Values are added up, so the attributes' order does not matter.
#[inline(always)]
fn mix_slot(slot: Slot, value: u64) -> u64 {
    mix(slot as u64, value)
}

/// The entry that an attribute refers to.
pub(crate) fn reference(value: Value<'_>) -> Reference {
    match value {
        Value::Entry(at) => u32::try_from(at).map_or(Reference::Nothing, Reference::Here),
        Value::SectionEntry(at) => Reference::Section(at),
        Value::Signature(signature) => Reference::Signature(signature),
        Value::SupplementEntry(at) => Reference::Supplement(at),
        _ => Reference::Nothing,
    }
}
