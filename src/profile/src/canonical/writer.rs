use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};
use std::ops::Range;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use foldhash::fast::RandomState;
use serde_json::Value;

use super::addresses::{masked, symbols as libvmi_symbols};
use crate::json::printer::{Printer, is_plain, vanishes};
use crate::model::name::Ranks;
use crate::model::vocabulary::is_reserved;
use crate::resolution::{Flaw, Place};
use crate::{
    BitRange, EnumId, Form, Format, Label, Member, Name, Profile, RecordId, Resolution, System, Type, TypeId,
    Types,
};

/// Prints a profile in its canonical form: the sections of Rekall's profiles, keys sorted by code point at every
/// level, descriptors in their modern forms (docs/format.md). The text is streamed; compression is left to the sink.
/// Returns the sink after everything has been written.
///
/// # Errors
/// Any error from the sink; an error of kind `Other` if two symbols have one name, which front-ends have to prevent
/// ([`crate::number_by_address`], [`crate::choose_symbols`]).
pub fn write_text<W: Write>(profile: &Profile, resolution: &Resolution, sink: W) -> io::Result<W> {
    write(profile, resolution, Form::default(), sink)
}

/// Prints a profile in Rekall's form, or in LibVMI's variant of it.
pub(crate) fn write<W: Write>(
    profile: &Profile,
    resolution: &Resolution,
    form: Form<'_>,
    mut sink: W,
) -> io::Result<W> {
    let mut writer = Writer::new(profile, resolution, form, Printer::new(&mut sink));
    writer.sections()?;
    writer.printer.finish()?;
    Ok(sink)
}

struct Writer<'a> {
    profile: &'a Profile,
    resolution: &'a Resolution,
    form: Form<'a>,
    printer: Printer<&'a mut dyn Write>,
    /// The descriptors of members, in the text of `$STRUCTS`.
    descriptors: Descriptors,
}

/// How many entries a thread prints before the other thread's turn.
const CHUNK: usize = 128;
/// How many pieces of text the second thread may be ahead of the first.
const PIECES_AHEAD: usize = 16;

/// Sends text to another thread, piece by piece; an empty piece for each flush.
struct Pieces(SyncSender<io::Result<Vec<u8>>>);

impl Write for Pieces {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.send(Ok(text.to_vec())).map_err(|_| io::Error::other("the receiver of the text is gone"))?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write(&[]).map(drop)
    }
}

/// Descriptors that have been printed. A few types are those of most members, and copying their text is faster than
/// printing it again.
#[derive(Default)]
struct Descriptors {
    text: Vec<u8>,
    places: HashMap<TypeId, Range<usize>, RandomState>,
}

impl Descriptors {
    /// The size of this cache: what fits into a processor's cache. The most common types appear early.
    const LIMIT: usize = 256 << 10;

    fn get(&self, ty: TypeId) -> Option<&[u8]> {
        self.places.get(&ty).and_then(|place| self.text.get(place.clone()))
    }

    fn keep(&mut self, ty: TypeId, text: &[u8]) {
        let start = self.text.len();
        if text.len() <= Self::LIMIT - start {
            self.text.extend_from_slice(text);
            self.places.insert(ty, start..self.text.len());
        }
    }
}

impl<'a> Writer<'a> {
    fn new(
        profile: &'a Profile,
        resolution: &'a Resolution,
        form: Form<'a>,
        printer: Printer<&'a mut dyn Write>,
    ) -> Self {
        Self { profile, resolution, form, printer, descriptors: Descriptors::default() }
    }

    /// Whether no text in the entries needs an escape, as in nearly all profiles.
    fn is_plain(&self) -> bool {
        !self.profile.types.has_verbatim() && is_plain(self.profile.names.texts())
    }

    fn sections(&mut self) -> io::Result<()> {
        let profile = self.profile;
        let whole = self.form.only.is_none();
        let other = profile.other.iter().filter(|(_, value)| whole && !vanishes(value));
        let mut sections: BTreeSet<&str> = other.map(|(section, _)| section.as_str()).collect();
        sections.insert("$METADATA");
        let mut known = |filled: bool, section| {
            if filled {
                sections.insert(section);
            }
        };
        let libvmi = self.form.format == Format::LibVmi;
        let (data, code) = (&profile.constants, &profile.functions);
        let (data, code) =
            (data.iter().any(|(name, _)| self.takes(*name)), code.iter().any(|(name, _)| self.takes(*name)));
        known(whole && !profile.config.is_empty(), "$CONFIG");
        known(data || (libvmi && code), "$CONSTANTS");
        let described = |(name, ty): &(Name, TypeId)| self.takes(*name) && self.resolution.describes(*ty);
        known(profile.constant_types.iter().any(described), "$CONSTANT_TYPES");
        known(code && !libvmi, "$FUNCTIONS");
        known(whole && !profile.merge.is_empty(), "$MERGE");
        known(self.resolution.structs().iter().any(|(key, _)| self.takes_struct(*key)), "$STRUCTS");
        let labelled = |(key, id): &(Name, EnumId)| {
            self.takes_enumeration(*key) && !profile.types.labels(*id).is_empty()
        };
        let enums = self.resolution.enumerations().iter().any(labelled);
        known(enums, "$ENUMS");
        known(enums, "$REVENUMS");

        self.printer.open_object();
        for section in sections {
            self.printer.key(section)?;
            match section {
                "$CONFIG" => self.config()?,
                "$CONSTANTS" if libvmi => self.libvmi_symbols()?,
                "$CONSTANTS" => self.symbols(&profile.constants)?,
                "$CONSTANT_TYPES" => self.constant_types()?,
                "$ENUMS" => self.enumerations(false)?,
                "$FUNCTIONS" => self.symbols(&profile.functions)?,
                "$MERGE" => self.merge(),
                "$METADATA" => self.metadata()?,
                "$REVENUMS" => self.enumerations(true)?,
                "$STRUCTS" => self.structs()?,
                other => {
                    if let Some(value) = profile.other.get(other) {
                        self.printer.value(value)?;
                    }
                }
            }
        }
        self.printer.close_object();
        Ok(())
    }

    /// Whether a symbol belongs to what is printed.
    fn takes(&self, symbol: Name) -> bool {
        self.form.only.is_none_or(|only| only.has_symbol(symbol))
    }

    fn takes_struct(&self, key: Name) -> bool {
        self.form.only.is_none_or(|only| only.has_struct(key))
    }

    fn takes_enumeration(&self, key: Name) -> bool {
        self.form.only.is_none_or(|only| only.has_enumeration(key))
    }

    fn config(&mut self) -> io::Result<()> {
        self.printer.open_object();
        for (key, value) in &self.profile.config {
            self.printer.key(key)?;
            self.printer.string(value);
        }
        self.printer.close_object();
        Ok(())
    }

    fn symbols(&mut self, symbols: &[(Name, u64)]) -> io::Result<()> {
        let names = &self.profile.names;
        let taken = symbols.iter().filter(|(name, _)| self.takes(*name));
        let mut sorted: Vec<(&str, u64)> = taken.map(|(name, value)| (names.get(*name), *value)).collect();
        sorted.sort_unstable();
        self.printer.open_object();
        for (name, value) in sorted {
            self.printer.key(name)?;
            self.printer.number(value);
        }
        self.printer.close_object();
        Ok(())
    }

    /// Every symbol in one section, as signed numbers.
    fn libvmi_symbols(&mut self) -> io::Result<()> {
        let profile = self.profile;
        let mut sorted = libvmi_symbols(profile);
        // Derived symbols are needed wherever their sources are.
        let taken = |text: &str| profile.names.find(text).is_none_or(|name| self.takes(name));
        sorted.retain(|(text, _)| taken(text));
        sorted.sort_unstable();
        self.printer.open_object();
        for (name, value) in sorted {
            self.printer.key(name)?;
            self.printer.number(masked(profile, value, self.form.addresses));
        }
        self.printer.close_object();
        Ok(())
    }

    fn constant_types(&mut self) -> io::Result<()> {
        let names = &self.profile.names;
        let mut sorted = self.profile.constant_types.clone();
        sorted.retain(|(name, ty)| self.takes(*name) && self.resolution.describes(*ty));
        sorted.sort_unstable_by_key(|(name, _)| names.get(*name));
        self.printer.open_object();
        for (name, ty) in sorted {
            self.printer.key(names.get(name))?;
            self.descriptor(ty, None)?;
        }
        self.printer.close_object();
        Ok(())
    }

    fn merge(&mut self) {
        self.printer.raw("[");
        for (position, name) in self.profile.merge.iter().enumerate() {
            if position > 0 {
                self.printer.raw(", ");
            }
            self.printer.string(name);
        }
        self.printer.raw("]");
    }

    fn metadata(&mut self) -> io::Result<()> {
        let arch = Value::from(self.profile.arch.name());
        let mut metadata: Vec<(&str, &Value)> =
            self.profile.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
        metadata.retain(|(_, value)| !vanishes(value));
        if self.profile.metadata_text("Type") == Some("Profile") && self.profile.system != System::Other {
            metadata.retain(|(key, _)| *key != "arch");
            metadata.push(("arch", &arch));
        }
        metadata.sort_unstable_by_key(|(key, _)| *key);
        self.printer.open_object();
        for (key, value) in metadata {
            self.printer.key(key)?;
            self.printer.value(value)?;
        }
        self.printer.close_object();
        Ok(())
    }

    /// `$ENUMS` (value to label; the last declared label stands for its value) or `$REVENUMS` (label to value, all of
    /// them).
    fn enumerations(&mut self, reverse: bool) -> io::Result<()> {
        let types = &self.profile.types;
        let all = self.resolution.enumerations().iter().copied();
        let taken = all.filter(|(key, id)| self.takes_enumeration(*key) && !types.labels(*id).is_empty());
        let labelled: Vec<(Name, EnumId)> = taken.collect();
        self.entries(&labelled, |writer, _, id| writer.enumeration(id, reverse))
    }

    fn enumeration(&mut self, id: EnumId, reverse: bool) -> io::Result<()> {
        let (names, types) = (&self.profile.names, &self.profile.types);
        let signed = types.enumeration(id).is_some_and(|item| item.signed);
        let labels = crate::model::last_values(types.labels(id));
        self.printer.open_object();
        if reverse {
            let mut sorted: Vec<(&str, u64)> =
                labels.iter().map(|label| (names.get(label.name), label.bits)).collect();
            sorted.sort_unstable();
            for (label, bits) in sorted {
                self.printer.key(label)?;
                match signed {
                    true => self.printer.number(bits.cast_signed()),
                    false => self.printer.number(bits),
                }
            }
        } else {
            let mut sorted: Vec<(Decimal, &str)> =
                labels.iter().map(|label| (Decimal::new(label, signed), names.get(label.name))).collect();
            // The last declared of those that share a value comes first, and stays there.
            sorted.sort_by_key(|(value, _)| *value);
            sorted.dedup_by_key(|(value, _)| *value);
            for (value, label) in sorted {
                self.printer.key(value.text())?;
                self.printer.string(label);
            }
        }
        self.printer.close_object();
        Ok(())
    }

    fn structs(&mut self) -> io::Result<()> {
        let (names, types) = (&self.profile.names, &self.profile.types);
        let ranks = names.ranks(types.all_members().map(|member| member.name));
        let all = self.resolution.structs().iter().copied();
        let taken: Vec<(Name, RecordId)> = all.filter(|(key, _)| self.takes_struct(*key)).collect();
        self.entries(&taken, |writer, key, id| writer.structure(key, id, &ranks))
    }

    fn structure(&mut self, key: Name, id: RecordId, ranks: &Ranks) -> io::Result<()> {
        let types = &self.profile.types;
        self.printer.raw("[");
        self.printer.number(types.record(id).map_or(0, |record| record.size));
        self.printer.raw(", ");
        self.printer.open_object();
        for (_, member) in self.members(key, id, ranks) {
            self.member(&member)?;
        }
        self.printer.close_object();
        self.printer.raw("]");
        Ok(())
    }

    /// An object with these entries, each printed by `print`. A long one is printed by two threads.
    fn entries<I: Copy + Sync>(
        &mut self,
        entries: &[(Name, I)],
        print: impl Fn(&mut Writer<'_>, Name, I) -> io::Result<()> + Sync,
    ) -> io::Result<()> {
        let names = &self.profile.names;
        let print_all = |writer: &mut Writer<'_>, entries: &[(Name, I)]| {
            entries.iter().try_for_each(|(key, id)| {
                writer.printer.key(names.get(*key))?;
                print(writer, *key, *id)
            })
        };
        self.printer.open_object();
        let plain = self.is_plain();
        self.printer.expect_plain(plain);
        if self.form.threads > 1 && entries.len() > CHUNK {
            self.in_turns(entries, plain, &print_all)?;
        } else {
            print_all(self, entries)?;
        }
        self.printer.expect_plain(false);
        self.printer.close_object();
        Ok(())
    }

    /// Prints entries of the open object in two threads that take turns, or in this one if the system starts no
    /// other.
    fn in_turns<I: Sync>(
        &mut self,
        entries: &[(Name, I)],
        plain: bool,
        print_all: &(impl Fn(&mut Writer<'_>, &[(Name, I)]) -> io::Result<()> + Sync),
    ) -> io::Result<()> {
        let (profile, resolution, form) = (self.profile, self.resolution, self.form);
        let depth = self.printer.depth();
        let last_key = |part: &[(Name, I)]| part.last().map_or("", |(key, _)| profile.names.get(*key));
        let turns = entries.chunks(2 * CHUNK).map(|both| (both, both.split_at(both.len().min(CHUNK))));
        thread::scope(|scope| {
            let (sender, pieces) = mpsc::sync_channel(PIECES_AHEAD);
            let others = turns.clone();
            let second = thread::Builder::new().spawn_scoped(scope, move || {
                let mut sink = Pieces(sender.clone());
                let printer = Printer::within(depth, &mut sink as &mut dyn Write);
                let mut writer = Writer::new(profile, resolution, form, printer);
                writer.printer.expect_plain(plain);
                let printed = others.into_iter().try_for_each(|(_, (first, second))| {
                    writer.printer.go_on_behind(last_key(first));
                    print_all(&mut writer, second)?;
                    writer.printer.flush()
                });
                if let Err(error) = printed {
                    // If the sink failed, the receiver is gone.
                    let _ = sender.send(Err(error));
                }
            });
            if second.is_err() {
                return print_all(self, entries);
            }
            for (both, (first, _)) in turns {
                print_all(self, first)?;
                for piece in &pieces {
                    match piece? {
                        piece if piece.is_empty() => break,
                        piece => self.printer.take_over(&piece)?,
                    }
                }
                self.printer.go_on_behind(last_key(both));
            }
            Ok(())
        })
    }

    /// A struct's members in the order of their names; in LibVMI's form together with those of unnamed members, as C
    /// finds them.
    fn members(&self, owner: Name, record: RecordId, ranks: &Ranks) -> Vec<(u32, Printed<'a>)> {
        let types = &self.profile.types;
        let mut members = Vec::with_capacity(types.members(record).len());
        let flatten = self.form.format == Format::LibVmi;
        let mut pending = vec![(owner, record, 0u64)];
        let (mut nested, mut opened) = (false, 0);
        while let Some((owner, record, base)) = pending.pop() {
            for (index, member) in types.members(record).iter().enumerate() {
                let flaw = self.resolution.flaw(record, index);
                let anonymous = flatten && member.anonymous && flaw.is_none() && member.bits.is_none();
                let place = Place { owner, member: index as u32 };
                if anonymous
                    && let (alias, Type::Record(inner)) = types.peel_named(member.ty)
                    && let Some(key) = self.resolution.record_key(types, Some(place), alias, inner)
                    && let Some(offset) = base.checked_add(member.offset)
                    && opened < MAX_ANONYMOUS
                {
                    opened += 1;
                    pending.push((key, inner, offset));
                }
                // An unnamed member has a number that is unique only within its own struct.
                if flaw != Some(Flaw::Dropped) && !(nested && anonymous) {
                    members.push((ranks.of(member.name), Printed { place, base, member, flaw }));
                }
            }
            nested = true;
        }
        // The struct's own members come first and are kept.
        members.sort_by_key(|(rank, _)| *rank);
        members.dedup_by_key(|(rank, _)| *rank);
        members
    }

    fn member(&mut self, printed: &Printed<'_>) -> io::Result<()> {
        let Printed { place, base, member, flaw } = *printed;
        self.printer.key(self.profile.names.get(member.name))?;
        self.printer.raw("[");
        let offset = match flaw {
            Some(Flaw::Unit(unit)) => unit.offset,
            _ => member.offset,
        };
        self.printer.number(base.saturating_add(offset));
        self.printer.raw(", ");
        let place = Some(place);
        match (flaw, member.bits) {
            (Some(Flaw::Bytes(count)), _) => self.bytes(count)?,
            (Some(Flaw::Pointer), _) => {
                self.open_descriptor("Pointer");
                self.printer.key("target")?;
                self.printer.string("Void");
                self.close_descriptor();
            }
            (Some(Flaw::Unit(unit)), _) => self.bit_field(member.ty, unit.bits, Some(unit.size), place)?,
            (_, Some(bits)) => self.bit_field(member.ty, bits, None, place)?,
            (_, None) if self.resolution.is_plain(member.ty) => self.plain_descriptor(member.ty)?,
            (_, None) => self.descriptor(member.ty, place)?,
        }
        self.printer.raw("]");
        Ok(())
    }

    /// The descriptor of a member whose type has the same description everywhere.
    fn plain_descriptor(&mut self, ty: TypeId) -> io::Result<()> {
        if let Some(text) = self.descriptors.get(ty) {
            self.printer.bytes(text);
            return Ok(());
        }
        let start = self.printer.position();
        self.descriptor(ty, None)?;
        if let Some(text) = self.printer.since(start) {
            self.descriptors.keep(ty, text);
        }
        Ok(())
    }

    fn bytes(&mut self, count: u64) -> io::Result<()> {
        self.open_descriptor("Array");
        self.printer.key("count")?;
        self.printer.number(count);
        self.printer.key("target")?;
        self.printer.string("unsigned char");
        self.close_descriptor();
        Ok(())
    }

    /// `["BitField", {...}]`; an enumeration's bits are `["Enumeration", {... "target": "BitField" ...}]`,
    /// which is the form whose labels Rekall shows. `unit` is the size of another unit than the type's.
    fn bit_field(
        &mut self,
        ty: TypeId,
        bits: BitRange,
        unit: Option<u64>,
        place: Option<Place>,
    ) -> io::Result<()> {
        let types = &self.profile.types;
        let whole = ty;
        let (alias, ty) = types.peel_named(whole);
        let Type::Enumeration(id) = ty else {
            self.open_descriptor("BitField");
            let target = match unit {
                Some(size) => unsigned_native(size),
                None => self.target_name(whole, place),
            };
            self.bit_range(bits, target)?;
            self.close_descriptor();
            return Ok(());
        };
        let key = self.resolution.enum_key(types, place, alias, id);
        self.open_descriptor("Enumeration");
        self.printer.key("enum_name")?;
        self.printer.string(key.map_or("", |key| self.profile.names.get(key)));
        self.printer.key("target")?;
        self.printer.string("BitField");
        self.printer.key("target_args")?;
        self.printer.open_object();
        let target = match unit {
            Some(size) => unsigned_native(size),
            None => self.values_of(id),
        };
        self.bit_range(bits, target)?;
        self.printer.close_object();
        self.close_descriptor();
        Ok(())
    }

    fn bit_range(&mut self, bits: BitRange, target: &str) -> io::Result<()> {
        self.printer.key("end_bit")?;
        self.printer.number(bits.end);
        self.printer.key("start_bit")?;
        self.printer.number(bits.start);
        self.printer.key("target")?;
        self.printer.string(target);
        Ok(())
    }

    /// `["<target>"]`, or with arguments `["<target>", {...}]`.
    fn descriptor(&mut self, ty: TypeId, place: Option<Place>) -> io::Result<()> {
        self.printer.raw("[");
        let target = self.target_name(ty, place);
        self.printer.string(target);
        if self.has_arguments(ty) {
            self.printer.raw(", ");
            self.printer.open_object();
            self.arguments(ty, place)?;
            self.printer.close_object();
        } else if self.profile.system == System::Windows {
            // Rekall's PDB front-end writes the empty object; its readers accept both.
            self.printer.raw(", {}");
        }
        self.printer.raw("]");
        Ok(())
    }

    /// The native type of an enumeration's values.
    fn values_of(&self, id: EnumId) -> &'a str {
        let types = &self.profile.types;
        match types.values_of(id) {
            Some(ty) => self.target_name(ty, None),
            None if types.enumeration(id).is_some_and(|item| item.signed) => "int",
            None => unsigned_native(Types::ENUMERATION.into()),
        }
    }

    fn open_descriptor(&mut self, target: &str) {
        self.printer.raw("[");
        self.printer.string(target);
        self.printer.raw(", ");
        self.printer.open_object();
    }

    fn close_descriptor(&mut self) {
        self.printer.close_object();
        self.printer.raw("]");
    }

    /// The name from which a reader learns how to read the type.
    fn target_name(&self, ty: TypeId, place: Option<Place>) -> &'a str {
        let profile = self.profile;
        let (names, types) = (&profile.names, &profile.types);
        let address = self.profile.arch.address_size();
        let (alias, ty) = types.peel_named(ty);
        match ty {
            Type::Void | Type::Alias { .. } => "Void",
            Type::Native(id) => types.native_of(id).map_or("Void", |native| names.get(native.name)),
            Type::Pointer { size, .. } if size == address => "Pointer",
            Type::Pointer { size: 4, .. } => "Pointer32",
            // Readers do not support pointers wider than the system's: as an integer its value is right.
            Type::Pointer { size: 8, .. } => "unsigned long long",
            Type::Pointer { size: 2, .. } => "unsigned short",
            Type::Pointer { .. } | Type::Array { .. } => "Array",
            Type::Function(_) => "Function",
            Type::Record(id) => {
                let key = self.resolution.record_key(types, place, alias, id);
                key.map_or("Void", |key| names.get(key))
            }
            Type::Enumeration(_) => "Enumeration",
            Type::Named(name) => match self.resolution.record(name) {
                Some(_) => names.get(self.resolution.key_of(name)),
                // Opaque, because readers would interpret the name as something else.
                None if is_reserved(names.get(name)) => "Void",
                None => names.get(name),
            },
            Type::WideString { .. } => "UnicodeString",
            Type::Verbatim(number) => types.verbatim(number).map_or("Void", |(target, _)| target),
        }
    }

    fn has_arguments(&self, ty: TypeId) -> bool {
        match self.profile.types.peel(ty) {
            Type::Void | Type::Native(_) | Type::Record(_) | Type::Named(_) | Type::Alias { .. } => false,
            Type::Pointer { size, .. } => !matches!(size, 2 | 8) || size == self.profile.arch.address_size(),
            Type::WideString { bytes } => bytes.is_some(),
            Type::Verbatim(number) => {
                let kept = self.profile.types.verbatim(number);
                kept.is_some_and(|(_, value)| value.is_object() && !vanishes(value))
            }
            Type::Array { .. } | Type::Function(_) | Type::Enumeration(_) => true,
        }
    }

    /// The entries of a descriptor's argument object.
    fn arguments(&mut self, ty: TypeId, place: Option<Place>) -> io::Result<()> {
        let types = &self.profile.types;
        let (alias, ty) = types.peel_named(ty);
        match ty {
            Type::Pointer { size, .. }
                if !matches!(size, 4 | 8) && size != self.profile.arch.address_size() =>
            {
                self.printer.key("count")?;
                self.printer.number(size);
                self.printer.key("target")?;
                self.printer.string("unsigned char");
            }
            Type::Pointer { target, .. } => self.target(target, place)?,
            Type::Array { target, count } => {
                self.printer.key("count")?;
                self.printer.number(count);
                self.target(target, place)?;
            }
            Type::Function(arguments) => {
                self.printer.key("args")?;
                self.printer.raw("[");
                for (position, argument) in types.arguments(arguments).iter().enumerate() {
                    if position > 0 {
                        self.printer.raw(", ");
                    }
                    // Argument types are not on a path from the member: only their hash names them.
                    self.descriptor(*argument, None)?;
                }
                self.printer.raw("]");
            }
            Type::Enumeration(id) => {
                let key = self.resolution.enum_key(types, place, alias, id);
                self.printer.key("enum_name")?;
                self.printer.string(key.map_or("", |key| self.profile.names.get(key)));
                self.printer.key("target")?;
                let target = self.values_of(id);
                self.printer.string(target);
            }
            Type::WideString { bytes: Some(bytes) } => {
                self.printer.key("length")?;
                self.printer.number(bytes);
            }
            Type::Verbatim(number) => {
                if let Some((_, Value::Object(entries))) = types.verbatim(number) {
                    let mut entries: Vec<_> = entries.iter().filter(|(_, value)| !vanishes(value)).collect();
                    entries.sort_unstable_by_key(|(key, _)| *key);
                    for (key, value) in entries {
                        self.printer.key(key)?;
                        self.printer.value(value)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn target(&mut self, ty: TypeId, place: Option<Place>) -> io::Result<()> {
        self.printer.key("target")?;
        let target = self.target_name(ty, place);
        self.printer.string(target);
        if self.has_arguments(ty) {
            self.printer.key("target_args")?;
            self.printer.open_object();
            self.arguments(ty, place)?;
            self.printer.close_object();
        }
        Ok(())
    }
}

/// A member as it appears in a struct.
#[derive(Clone, Copy)]
struct Printed<'a> {
    /// The struct that declares it.
    place: Place,
    /// The place of that struct in the one in which it appears.
    base: u64,
    member: &'a Member,
    flaw: Option<Flaw>,
}

/// How many unnamed members are opened within one struct: a kernel has some dozens; in a hostile file they can double
/// with each level.
const MAX_ANONYMOUS: usize = 1024;

/// The unsigned native of this many bytes.
fn unsigned_native(size: u64) -> &'static str {
    match size {
        1 => "unsigned char",
        2 => "unsigned short",
        4 => "unsigned int",
        8 => "unsigned long long",
        _ => "unsigned __int128",
    }
}

/// A label's value in decimal digits, padded with zero bytes so that values compare like their texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Decimal([u8; 24]);

impl Decimal {
    fn new(label: &Label, signed: bool) -> Self {
        let mut digits = [0; 24];
        let mut buffer = itoa::Buffer::new();
        let text = match signed {
            true => buffer.format(label.bits.cast_signed()),
            false => buffer.format(label.bits),
        };
        for (digit, byte) in digits.iter_mut().zip(text.bytes()) {
            *digit = byte;
        }
        Self(digits)
    }

    fn text(&self) -> &str {
        let digits = self.0.split(|byte| *byte == 0).next().unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }
}
