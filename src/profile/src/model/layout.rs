use std::collections::HashMap;

use foldhash::fast::RandomState;
use sha2::{Digest, Sha256};

use crate::model::types::Definition;
use crate::{EnumId, Member, Names, RecordId, Type, TypeId, Types};

/// A layout hash: equal for definitions that put the same members at the same offsets, whatever the source
/// (docs/format.md, invariant 6).
pub(crate) type LayoutHash = [u8; 32];

/// Computes layout hashes, each once.
#[derive(Default)]
pub(crate) struct Layouts {
    known: Known,
    /// Unnamed records whose hash is being computed, so that one with a pointer to itself is recognised.
    open: Vec<RecordId>,
    /// How many more types the current hash may visit.
    budget: usize,
    /// A buffer for texts to hash.
    spare: Vec<String>,
    /// Suffixes for the names of definitions that share theirs with others.
    marks: HashMap<Definition, String, RandomState>,
}

/// Hashes by the index of their definition; profiles can have hashes for nearly all definitions.
#[derive(Default)]
struct Known {
    /// One more than the index into `hashes`; 0 if there is none yet.
    records: Vec<u32>,
    enums: Vec<u32>,
    hashes: Vec<LayoutHash>,
}

impl Known {
    fn get(&self, definition: Definition) -> Option<LayoutHash> {
        let places = match definition {
            Definition::Record(_) => &self.records,
            Definition::Enumeration(_) => &self.enums,
        };
        let place = *places.get(definition.index())? as usize;
        self.hashes.get(place.checked_sub(1)?).copied()
    }

    fn insert(&mut self, definition: Definition, hash: LayoutHash) {
        let places = match definition {
            Definition::Record(_) => &mut self.records,
            Definition::Enumeration(_) => &mut self.enums,
        };
        self.hashes.push(hash);
        let (index, place) = (definition.index(), u32::try_from(self.hashes.len()).unwrap_or(0));
        if places.len() <= index {
            places.resize(index + 1, 0);
        }
        if let Some(slot) = places.get_mut(index) {
            *slot = place;
        }
    }
}

/// How deep types are followed within one hash; real C is never nested deeper.
const MAX_DEPTH: usize = 64;
/// How many types one hash visits: functions that take functions double with each level.
const MAX_TYPES: usize = 1024;
const MAX_TYPES_PER_MEMBER: usize = 16;

impl Layouts {
    /// Layouts in whose texts the definitions in `marks` have this suffix after their names.
    pub(crate) fn with_marks(marks: HashMap<Definition, String, RandomState>) -> Self {
        Self { marks, ..Self::default() }
    }

    /// Gives a definition another hash than that of its own members.
    pub(crate) fn set(&mut self, definition: Definition, hash: LayoutHash) {
        self.known.insert(definition, hash);
    }

    fn push_mark(&self, definition: Definition, text: &mut String) {
        if let Some(mark) = self.marks.get(&definition) {
            text.push_str(mark);
        }
    }

    pub(crate) fn hash(&mut self, names: &Names, types: &Types, definition: Definition) -> LayoutHash {
        if let Some(hash) = self.known.get(definition) {
            return hash;
        }
        let mut text = self.spare.pop().unwrap_or_default();
        text.clear();
        match definition {
            Definition::Record(id) => {
                let budget = MAX_TYPES + MAX_TYPES_PER_MEMBER * types.members(id).len();
                let outer = std::mem::replace(&mut self.budget, budget);
                self.open.push(id);
                self.record_text(names, types, id, &mut text);
                self.open.pop();
                self.budget = outer;
            }
            Definition::Enumeration(id) => enumeration_text(names, types, id, &mut text),
        }
        let hash = Sha256::digest(text.as_bytes()).into();
        self.spare.push(text);
        self.known.insert(definition, hash);
        hash
    }

    /// `size\n`, then per member in order of (offset, bit, name) `name\toffset\tbits\ttype\n`.
    fn record_text(&mut self, names: &Names, types: &Types, id: RecordId, text: &mut String) {
        let size = types.record(id).map_or(0, |record| record.size);
        push_number(text, size);
        text.push('\n');
        let members = types.members(id);
        let place = |member: &Member| (member.offset, member.bits.map(|bits| bits.start));
        // Most compilers list members in this order, so that names need not be compared.
        if members.is_sorted_by(|a, b| place(a) < place(b)) {
            members.iter().for_each(|member| self.member_text(names, types, member, text));
        } else {
            let mut members: Vec<&Member> = members.iter().collect();
            members.sort_by_key(|member| (place(member), names.get(member.name)));
            members.iter().for_each(|member| self.member_text(names, types, member, text));
        }
    }

    fn member_text(&mut self, names: &Names, types: &Types, member: &Member, text: &mut String) {
        text.push_str(names.get(member.name));
        text.push('\t');
        push_number(text, member.offset);
        text.push('\t');
        if let Some(bits) = member.bits {
            push_number(text, bits.start);
            text.push('-');
            push_number(text, bits.end);
        }
        text.push('\t');
        self.type_text(names, types, member.ty, 0, text);
        text.push('\n');
    }

    /// A type as text: named types by name, unnamed types by their own hash.
    fn type_text(&mut self, names: &Names, types: &Types, ty: TypeId, depth: usize, text: &mut String) {
        if depth + self.open.len() > MAX_DEPTH || self.budget == 0 {
            text.push('?');
            return;
        }
        self.budget -= 1;
        let (alias, ty) = types.peel_named(ty);
        match ty {
            Type::Void => text.push_str("Void"),
            Type::Native(id) => {
                text.push_str(types.native_of(id).map_or("", |native| names.get(native.name)))
            }
            Type::Pointer { target, size } => {
                text.push_str("Pointer");
                push_number(text, size);
                text.push(' ');
                self.type_text(names, types, target, depth + 1, text);
            }
            Type::Array { target, count } => {
                text.push_str("Array");
                push_number(text, count);
                text.push(' ');
                self.type_text(names, types, target, depth + 1, text);
            }
            Type::Function(arguments) => {
                text.push_str("Function(");
                for argument in types.arguments(arguments) {
                    self.type_text(names, types, *argument, depth + 1, text);
                    text.push(',');
                }
                text.push(')');
            }
            Type::Record(id) => {
                let name = types.record(id).and_then(|record| record.name).or(alias);
                match name {
                    Some(name) => {
                        text.push_str(names.get(name));
                        self.push_mark(Definition::Record(id), text);
                    }
                    None => self.unnamed(names, types, Definition::Record(id), text),
                }
            }
            Type::Enumeration(id) => {
                let name = types.enumeration(id).and_then(|item| item.name).or(alias);
                text.push_str("Enumeration ");
                match name {
                    Some(name) => {
                        text.push_str(names.get(name));
                        self.push_mark(Definition::Enumeration(id), text);
                    }
                    None => self.unnamed(names, types, Definition::Enumeration(id), text),
                }
            }
            Type::Named(name) => text.push_str(names.get(name)),
            Type::WideString { bytes } => {
                text.push_str("UnicodeString");
                push_number(text, bytes.unwrap_or(0));
            }
            Type::Verbatim(number) => {
                if let Some((target, arguments)) = types.verbatim(number) {
                    text.push_str(target);
                    text.push(' ');
                    text.push_str(&arguments.to_string());
                }
            }
            // `peel_named` looks through aliases.
            Type::Alias { .. } => {}
        }
    }

    fn unnamed(&mut self, names: &Names, types: &Types, definition: Definition, text: &mut String) {
        if let Definition::Record(id) = definition
            && self.open.contains(&id)
        {
            text.push('^');
            return;
        }
        let hash = self.hash(names, types, definition);
        push_hex(text, &hash, 64);
    }
}

fn enumeration_text(names: &Names, types: &Types, id: EnumId, text: &mut String) {
    let signed = types.enumeration(id).is_some_and(|item| item.signed);
    push_number(text, types.enumeration_size(id));
    text.push('\n');
    let mut labels: Vec<_> =
        types.labels(id).iter().map(|label| (label.value(signed), names.get(label.name))).collect();
    labels.sort_unstable();
    for (value, label) in labels {
        text.push_str(label);
        text.push('\t');
        push_number(text, value);
        text.push('\n');
    }
}

/// Thousands of layouts contain an unnamed record: formatting would cost more than hashing.
fn push_number(text: &mut String, number: impl itoa::Integer) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// Adds the first `digits` hexadecimal digits of a hash to `text`.
pub(crate) fn push_hex(text: &mut String, hash: &LayoutHash, digits: usize) {
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    text.extend(nibbles.take(digits).map(digit));
}
