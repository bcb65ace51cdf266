use std::collections::HashMap;

use foldhash::fast::RandomState;
use sha2::{Digest, Sha256};

use crate::{EnumId, Names, RecordId, Type, TypeId, Types};

/// Something that has a name of its own in a profile: a record or an enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Definition {
    Record(RecordId),
    Enumeration(EnumId),
}

/// A layout hash: equal for definitions that put the same members at the same places, whatever the source
/// (docs/format.md, invariant 6).
pub(crate) type LayoutHash = [u8; 32];

/// Computes layout hashes, each once.
#[derive(Default)]
pub(crate) struct Layouts {
    known: HashMap<Definition, LayoutHash, RandomState>,
    /// Unnamed records whose hash is being computed: one that holds a pointer to itself.
    open: Vec<RecordId>,
    /// How many types the hash that is being computed may still look at.
    budget: usize,
}

/// How deep types are followed within one hash; deeper nesting is no C anyone wrote.
const MAX_DEPTH: usize = 64;
/// How many types one hash looks at: functions that take functions double with each level.
const MAX_TYPES: usize = 1024;
const MAX_TYPES_PER_MEMBER: usize = 16;

impl Layouts {
    pub(crate) fn hash(&mut self, names: &Names, types: &Types, definition: Definition) -> LayoutHash {
        if let Some(hash) = self.known.get(&definition) {
            return *hash;
        }
        let mut text = String::new();
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
        self.known.insert(definition, hash);
        hash
    }

    /// `size\n`, then per member in order of (offset, bit, name) `name\toffset\tbits\ttype\n`.
    fn record_text(&mut self, names: &Names, types: &Types, id: RecordId, text: &mut String) {
        let size = types.record(id).map_or(0, |record| record.size);
        push_number(text, size);
        text.push('\n');
        let mut members: Vec<_> = types.members(id).iter().collect();
        members.sort_by_key(|member| {
            (member.offset, member.bits.map(|bits| bits.start), names.get(member.name))
        });
        for member in members {
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
    }

    /// A type in words: named ones by name, unnamed ones by their own hash.
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
                    Some(name) => text.push_str(names.get(name)),
                    None => self.unnamed(names, types, Definition::Record(id), text),
                }
            }
            Type::Enumeration(id) => {
                let name = types.enumeration(id).and_then(|item| item.name).or(alias);
                text.push_str("Enumeration ");
                match name {
                    Some(name) => text.push_str(names.get(name)),
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
        text.push_str(&hex(&hash, 64));
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

/// Thousands of layouts have an unnamed record in them: formatting would cost more than hashing.
fn push_number(text: &mut String, number: impl itoa::Integer) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// The first `digits` hexadecimal digits of a hash.
pub(crate) fn hex(hash: &LayoutHash, digits: usize) -> String {
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    let mut text = String::with_capacity(digits);
    text.extend(nibbles.take(digits).map(digit));
    text
}
