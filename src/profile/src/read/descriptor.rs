use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde_json::{Map, Value};

use crate::json::printer::vanishes;
use crate::model::vocabulary::{self, is_reserved};
use crate::{BitRange, Label, Name, Profile, Report, Type, TypeId};

/// The content of a member's descriptor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lowered {
    pub(super) ty: TypeId,
    pub(super) bits: Option<BitRange>,
}

/// Converts descriptors into types of the model, each different one once.
///
/// Everything that depends on the whole profile stays open and is listed: the target of a name, the width of a
/// pointer, the number of elements in an array of a given size.
#[derive(Default)]
pub(super) struct Descriptors<'de> {
    seen: HashMap<&'de str, Option<Lowered>, RandomState>,
    /// The type of each name that stands for a struct, a native or something unknown.
    pub(super) named: HashMap<Name, TypeId, RandomState>,
    /// Each enumeration that is used by name.
    pub(super) enums: HashMap<Name, EnumUse, RandomState>,
    /// Arrays with a known size but an unknown number of elements, inner ones first.
    pub(super) sized: Vec<SizedArray>,
    /// The unsigned natives of 1, 2, 4 and 8 bytes that stand for an unnamed storage unit.
    pub(super) units: [Option<TypeId>; 4],
    /// `long` as the type of an enumeration's values.
    pub(super) enum_long: Option<TypeId>,
    /// Whether an empty `target_args` was written as `null`, which only Rekall's DWARF front-end does.
    pub(super) null_arguments: bool,
    /// Whether a descriptor has the empty object of Rekall's PDB front-end.
    pub(super) empty_arguments: bool,
}

/// How an enumeration is used.
pub(super) struct EnumUse {
    pub(super) ty: TypeId,
    /// The type of its values, from its first use. A use with another type is kept unchanged.
    pub(super) underlying: Option<TypeId>,
    /// For bit-fields without a type: the number of bits that it must have.
    pub(super) bits: u16,
}

/// An array given by its size.
pub(super) struct SizedArray {
    pub(super) ty: TypeId,
    pub(super) bytes: u64,
    pub(super) element: TypeId,
}

/// Counted for descriptors that Rekall cannot read either.
pub(super) const NOT_UNDERSTOOD: &str = "descriptors no reader understands";

impl<'de> Descriptors<'de> {
    /// The type of the descriptor `text`; `None` if it is not a descriptor.
    pub(super) fn lower(
        &mut self,
        text: &'de str,
        profile: &mut Profile,
        report: &mut Report,
    ) -> Option<Lowered> {
        if let Some(lowered) = self.seen.get(text) {
            return *lowered;
        }
        self.empty_arguments |= text.ends_with("{}]");
        let lowered = serde_json::from_str(text).ok().and_then(|value: Value| {
            let value = pruned(value, &mut self.null_arguments);
            Lowering { descriptors: self, profile, report }.member(&value)
        });
        self.seen.insert(text, lowered);
        lowered
    }

    /// The type of a name, which is resolved at the end.
    pub(super) fn named(&mut self, name: Name, profile: &mut Profile) -> TypeId {
        *self.named.entry(name).or_insert_with(|| profile.types.add(Type::Named(name)))
    }
}

/// The value without empty entries: empty objects, and arguments that are `null`, which `nulls` then reports.
fn pruned(value: Value, nulls: &mut bool) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(|item| pruned(item, nulls)).collect()),
        Value::Object(entries) => {
            let mut kept = Map::new();
            for (key, value) in entries {
                if key == "target_args" && value.is_null() {
                    *nulls = true;
                } else if !vanishes(&value) {
                    kept.insert(key, pruned(value, nulls));
                }
            }
            Value::Object(kept)
        }
        other => other,
    }
}

struct Lowering<'a, 'de> {
    descriptors: &'a mut Descriptors<'de>,
    profile: &'a mut Profile,
    report: &'a mut Report,
}

impl Lowering<'_, '_> {
    /// A member's descriptor, which may be a bit-field.
    fn member(&mut self, value: &Value) -> Option<Lowered> {
        if let [Value::String(word), Value::Object(arguments)] = value.as_array()?.as_slice() {
            let bit_field = match word.as_str() {
                "BitField" => self.bit_field(arguments),
                "Enumeration" => self.enumeration_bits(arguments),
                _ => None,
            };
            if bit_field.is_some() {
                return bit_field;
            }
        }
        Some(Lowered { ty: self.plain(value)?, bits: None })
    }

    /// A descriptor that is not a bit-field, in any of its forms.
    fn plain(&mut self, value: &Value) -> Option<TypeId> {
        match value.as_array()?.as_slice() {
            [Value::String(name)] | [Value::String(name), Value::Null] => Some(self.name(name)),
            [Value::String(word), inner] if word == "pointer" || word == "pointer64" => {
                let target = match self.plain(inner) {
                    Some(target) => target,
                    None => {
                        self.report.lose(NOT_UNDERSTOOD, || inner.to_string());
                        self.add(Type::Void)
                    }
                };
                let size = if word == "pointer64" { 8 } else { ADDRESS };
                Some(self.add(Type::Pointer { target, size }))
            }
            [Value::String(word), count, inner] if word == "array" => {
                let (count, target) = (count.as_u64()?, self.plain(inner)?);
                Some(self.add(Type::Array { target, count }))
            }
            [Value::String(name), Value::Object(arguments)] => Some(self.modern(name, arguments)),
            [Value::String(_), Value::Array(_)] => {
                // Deprecated long ago; Rekall warns and reads it as an `int`.
                self.report.lose(NOT_UNDERSTOOD, || value.to_string());
                Some(self.name("int"))
            }
            _ => None,
        }
    }

    /// A name without arguments.
    fn name(&mut self, name: &str) -> TypeId {
        let name = vocabulary::known(name).map_or(name, |native| native.name);
        if name == "void" || name == "Void" {
            return self.add(Type::Void);
        }
        let name = self.profile.intern(name);
        self.descriptors.named(name, self.profile)
    }

    /// A word or name with its object of arguments.
    fn modern(&mut self, word: &str, arguments: &Map<String, Value>) -> TypeId {
        if arguments.is_empty() {
            return self.name(word);
        }
        let understood = match word {
            "Pointer" => self.target_of(arguments, &[]).map(|target| Type::Pointer { target, size: ADDRESS }),
            "Pointer32" => self.target_of(arguments, &[]).map(|target| Type::Pointer { target, size: 4 }),
            "Array" => return self.array(arguments),
            "Function" => self.function(arguments),
            "Enumeration" => self.enumeration(arguments),
            "UnicodeString" => {
                match only(arguments, &["length"]).then(|| arguments.get("length")?.as_u64()) {
                    Some(Some(length)) => Some(Type::WideString { bytes: Some(length) }),
                    _ => None,
                }
            }
            _ => None,
        };
        match understood {
            // An enumeration has one type, which is set at the end.
            Some(Type::Alias { name: None, target }) => target,
            Some(ty) => self.add(ty),
            None => self.verbatim(word, arguments),
        }
    }

    /// The type for `target` and `target_args`, if there are no other arguments than `others`.
    fn target_of(&mut self, arguments: &Map<String, Value>, others: &[&str]) -> Option<TypeId> {
        let Some(Value::String(target)) = arguments.get("target") else { return None };
        let known = |key: &String| key == "target" || key == "target_args" || others.contains(&key.as_str());
        if !arguments.keys().all(known) {
            return None;
        }
        match arguments.get("target_args") {
            None => Some(self.name(target)),
            Some(Value::Object(inner)) => Some(self.modern(target, inner)),
            Some(_) => None,
        }
    }

    /// By the number of elements or, in older files, by size, which takes precedence as in Rekall.
    fn array(&mut self, arguments: &Map<String, Value>) -> TypeId {
        let number = |key: &str| match arguments.get(key) {
            None => Some(0),
            Some(value) => value.as_u64(),
        };
        let (Some(count), Some(bytes), Some(target)) =
            (number("count"), number("size"), self.target_of(arguments, &["count", "size"]))
        else {
            return self.verbatim("Array", arguments);
        };
        let ty = self.add(Type::Array { target, count });
        if bytes > 0 {
            self.descriptors.sized.push(SizedArray { ty, bytes, element: target });
        }
        ty
    }

    fn function(&mut self, arguments: &Map<String, Value>) -> Option<Type> {
        let Some(Value::Array(list)) = arguments.get("args") else { return None };
        if !only(arguments, &["args"]) {
            return None;
        }
        let mut types = Vec::with_capacity(list.len());
        for argument in list {
            types.push(match self.plain(argument) {
                Some(ty) => ty,
                None => {
                    self.report.lose(NOT_UNDERSTOOD, || argument.to_string());
                    self.add(Type::Void)
                }
            });
        }
        Some(Type::Function(self.profile.types.add_arguments(&types)))
    }

    /// `["BitField", {start_bit, end_bit, target}]`; the target may be an enumeration.
    fn bit_field(&mut self, arguments: &Map<String, Value>) -> Option<Lowered> {
        if !only(arguments, &["start_bit", "end_bit", "target", "target_args", "native_type"]) {
            return None;
        }
        let bits = bits_of(arguments)?;
        let target = match arguments.get("target").or_else(|| arguments.get("native_type")) {
            None => return Some(Lowered { ty: self.unit(bits.end)?, bits: Some(bits) }),
            Some(target) => target.as_str()?,
        };
        let ty = match (target, arguments.get("target_args")) {
            ("Enumeration", Some(Value::Object(inner))) => {
                let underlying = inner.get("target").map_or(Some("unsigned long"), Value::as_str)?;
                if !only(inner, &["enum_name", "choices", "target"]) {
                    return None;
                }
                self.enumeration_of(inner, Underlying::Named(underlying))?
            }
            (target, None) => self.simple(target)?,
            _ => return None,
        };
        Some(Lowered { ty, bits: Some(bits) })
    }

    /// `["Enumeration", {enum_name, target: "BitField", target_args: {...}}]`.
    fn enumeration_bits(&mut self, arguments: &Map<String, Value>) -> Option<Lowered> {
        let Some(Value::Object(inner)) = arguments.get("target_args") else { return None };
        if arguments.get("target")?.as_str()? != "BitField"
            || !only(arguments, &["enum_name", "choices", "target", "target_args"])
            || !only(inner, &["start_bit", "end_bit", "target", "native_type"])
        {
            return None;
        }
        let bits = bits_of(inner)?;
        let underlying = match inner.get("target").or_else(|| inner.get("native_type")) {
            Some(target) => Underlying::Named(target.as_str()?),
            None => Underlying::Bits(bits.end),
        };
        Some(Lowered { ty: self.enumeration_of(arguments, underlying)?, bits: Some(bits) })
    }

    fn enumeration(&mut self, arguments: &Map<String, Value>) -> Option<Type> {
        if !only(arguments, &["enum_name", "choices", "target"]) {
            return None;
        }
        let underlying = arguments.get("target").map_or(Some("unsigned long"), Value::as_str)?;
        let target = self.enumeration_of(arguments, Underlying::Named(underlying))?;
        Some(Type::Alias { name: None, target })
    }

    /// The type of the enumeration that `arguments` name or, in older files, contain. `None` if they do neither, or
    /// if the enumeration is already used with another value type.
    fn enumeration_of(
        &mut self,
        arguments: &Map<String, Value>,
        underlying: Underlying<'_>,
    ) -> Option<TypeId> {
        let name = match arguments.get("enum_name") {
            Some(name) => Some(name.as_str().filter(|_| arguments.get("choices").is_none())?),
            None => None,
        };
        let (underlying, bits) = match underlying {
            Underlying::Named("long" | "long int") => {
                let types = &mut self.profile.types;
                (Some(*self.descriptors.enum_long.get_or_insert_with(|| types.add(Type::Void))), 0)
            }
            Underlying::Named(native) => (Some(self.simple(native)?), 0),
            Underlying::Bits(bits) => (None, bits),
        };
        let Some(name) = name else {
            let (signed, labels) = self.choices(arguments.get("choices")?.as_object()?)?;
            let underlying = match underlying {
                Some(underlying) => underlying,
                None => self.unit(bits)?,
            };
            let id = self.profile.types.add_enumeration(None, underlying, signed, &labels);
            return Some(self.add(Type::Enumeration(id)));
        };
        let name = self.profile.intern(name);
        let types = &mut self.profile.types;
        let found = self.descriptors.enums.entry(name).or_insert_with(|| EnumUse {
            ty: types.add(Type::Void),
            underlying,
            bits: 0,
        });
        found.bits = found.bits.max(bits);
        match (found.underlying, underlying) {
            (Some(first), Some(here)) if first != here => return None,
            (None, Some(here)) => found.underlying = Some(here),
            _ => {}
        }
        Some(found.ty)
    }

    /// Labels that are contained in a descriptor, `{"0": "label"}`.
    fn choices(&mut self, choices: &Map<String, Value>) -> Option<(bool, Vec<Label>)> {
        let mut values: Vec<(i128, &str)> = Vec::with_capacity(choices.len());
        for (value, label) in choices {
            values.push((value.parse().ok()?, label.as_str()?));
        }
        values.sort_unstable();
        let signed = values.first().is_some_and(|(value, _)| *value < 0);
        let mut labels = Vec::with_capacity(values.len());
        for (value, label) in values {
            labels.push(Label { name: self.profile.intern(label), bits: value_bits(value, signed)? });
        }
        Some((signed, labels))
    }

    /// A target that is only a name and not a word of descriptors.
    fn simple(&mut self, name: &str) -> Option<TypeId> {
        (vocabulary::known(name).is_some() || !is_reserved(name)).then(|| self.name(name))
    }

    /// The smallest unsigned native that holds `bits` bits.
    fn unit(&mut self, bits: u16) -> Option<TypeId> {
        let index = match bits {
            0..=8 => 0,
            9..=16 => 1,
            17..=32 => 2,
            33..=64 => 3,
            _ => return None,
        };
        let types = &mut self.profile.types;
        Some(*self.descriptors.units[index].get_or_insert_with(|| types.add(Type::Void)))
    }

    fn verbatim(&mut self, word: &str, arguments: &Map<String, Value>) -> TypeId {
        let kept = self.profile.types.add_verbatim(word.to_owned(), Value::Object(arguments.clone()));
        self.add(kept)
    }

    fn add(&mut self, ty: Type) -> TypeId {
        self.profile.types.add(ty)
    }
}

/// The size of a pointer with the width of the system's addresses, until that is known.
pub(super) const ADDRESS: u8 = 0;

/// The type of an enumeration's values.
#[derive(Clone, Copy)]
enum Underlying<'a> {
    Named(&'a str),
    /// Unknown; it has at least this many bits.
    Bits(u16),
}

fn only(arguments: &Map<String, Value>, known: &[&str]) -> bool {
    arguments.keys().all(|key| known.contains(&key.as_str()))
}

/// `start_bit` and `end_bit`; older writers omit a zero, and Rekall uses 32 for a missing end.
fn bits_of(arguments: &Map<String, Value>) -> Option<BitRange> {
    let bit = |key: &str, default: u16| match arguments.get(key) {
        None => Some(default),
        Some(value) => u16::try_from(value.as_u64()?).ok(),
    };
    Some(BitRange { start: bit("start_bit", 0)?, end: bit("end_bit", 32)? })
}

/// The 64 bits of a label's value; `None` if it does not fit.
pub(crate) fn value_bits(value: i128, signed: bool) -> Option<u64> {
    if signed { i64::try_from(value).ok().map(|value| value as u64) } else { u64::try_from(value).ok() }
}
