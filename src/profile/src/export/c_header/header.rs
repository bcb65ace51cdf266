use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io::{self, Write};

use foldhash::fast::RandomState;

use super::declarations::{Declarations, Declared};
use super::fields::{BodyPart, Field, arrange};
use super::identifiers::{Identifiers, comment};
use crate::resolution::Place;
use crate::{EnumId, Form, Name, Profile, RecordId, Report, Resolution, Selection};

/// Prints a profile as a header of C that gcc and clang accept: its enumerations and structs, and an assertion for the
/// offset of each member that is not a bit-field, and for each size.
///
/// All structs are packed, and their padding is written out, so that the header is right on any machine whose pointers
/// have the size of the profile's. What C cannot express becomes bytes of the same size; what is left out is counted in
/// `report`. The order of the text depends on names alone.
///
/// # Errors
/// What the sink gives.
pub(crate) fn write<W: Write>(
    profile: &Profile,
    resolution: &Resolution,
    form: Form<'_>,
    report: &mut Report,
    sink: W,
) -> io::Result<W> {
    // Compilers refuse larger objects than half of what an address can name.
    let largest = if profile.arch.address_size() == 4 { i32::MAX as u64 } else { 1 << 40 };
    let declarations = Declarations::new(profile, resolution, largest);
    let mut header = Header { profile, resolution, only: form.only, declarations, report, sink };
    header.preamble()?;
    header.enumerations()?;
    header.structs()?;
    header.sink.write_all(b"\n#pragma pack(pop)\n\n#endif\n")?;
    Ok(header.sink)
}

struct Header<'a, W> {
    profile: &'a Profile,
    resolution: &'a Resolution,
    only: Option<&'a Selection>,
    declarations: Declarations<'a>,
    report: &'a mut Report,
    sink: W,
}

const PREAMBLE: &str = "\
#ifndef REKALL_PROFILE_TYPES_H
#define REKALL_PROFILE_TYPES_H

#if defined(__GNUC__)
#define REKALL_PROFILE_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type);
#define REKALL_PROFILE_OFFSET(type, member, offset) \\
  _Static_assert(__builtin_offsetof(type, member) == (offset), #type \".\" #member);
#else
#define REKALL_PROFILE_SIZE(type, size)
#define REKALL_PROFILE_OFFSET(type, member, offset)
#endif

#pragma pack(push, 1)
";

impl<W: Write> Header<'_, W> {
    fn preamble(&mut self) -> io::Result<()> {
        let profile = self.profile;
        let mut text = String::from("/*\n * The types of one build, written by rekall-profile.\n *\n");
        for key in ["ProfileClass", "PDBFile", "GUID_AGE", "Release", "BuildID", "UUID"] {
            if let Some(value) = profile.metadata_text(key) {
                let _ = writeln!(text, " * {key}: {}", comment(value));
            }
        }
        let _ = writeln!(text, " * arch: {}", profile.arch);
        text.push_str(
            " *\n * Offsets and sizes are exact. All structs are packed and their padding is written out. A profile does not\n \
             * record what a function returns, nor how structs are aligned.\n */\n\n",
        );
        text.push_str(PREAMBLE);
        let size = profile.arch.address_size();
        let _ = write!(
            text,
            "\n#if defined(__SIZEOF_POINTER__) && __SIZEOF_POINTER__ != {size}\n\
             #error \"these types have {size}-byte pointers: compile for a target that has them too\"\n#endif\n",
        );
        self.sink.write_all(text.as_bytes())
    }

    fn enumerations(&mut self) -> io::Result<()> {
        let mut labels = Identifiers::default();
        for (key, id) in self.resolution.enumerations() {
            let text = self.enumeration(*key, *id, &mut labels);
            if self.only.is_none_or(|only| only.has_enumeration(*key)) {
                self.sink.write_all(text.as_bytes())?;
            }
        }
        Ok(())
    }

    fn enumeration(&self, key: Name, id: EnumId, taken: &mut Identifiers) -> String {
        let (types, names) = (&self.profile.types, &self.profile.names);
        let Some(tag) = self.declarations.enums.get(&key) else { return String::new() };
        let signed = types.enumeration(id).is_some_and(|item| item.signed);
        let mut labels: Vec<(i128, &str)> =
            types.labels(id).iter().map(|label| (label.value(signed), names.get(label.name))).collect();
        labels.sort_unstable();
        labels.dedup();
        // C has no enumeration without labels.
        if labels.is_empty() {
            return String::new();
        }
        let mut text = String::from("\n");
        let size = types.enumeration_size(id);
        let note = match (tag.is_exact, size) {
            (true, _) => String::new(),
            (false, 1) => "  // stored in 1 byte".to_owned(),
            (false, size) => format!("  // stored in {size} bytes"),
        };
        let _ = writeln!(text, "enum {} {{{}{note}", tag.name, original(&tag.name, names.get(key)));
        for (value, label) in labels {
            // Two enumerations of different source files may share a label, which those of one C file cannot.
            let identifier = match taken.has(label) {
                false => taken.take(label),
                true => taken.take(&format!("{label}_{}", tag.name)),
            };
            let _ = writeln!(text, "  {identifier} = {},{}", number(value), original(&identifier, label));
        }
        text.push_str("};\n");
        text
    }

    /// The structs, each after those that it holds by value.
    fn structs(&mut self) -> io::Result<()> {
        let only = self.only;
        let chosen =
            self.resolution.structs().iter().filter(|(key, _)| only.is_none_or(|only| only.has_struct(*key)));
        let chosen: Vec<(Name, RecordId)> = chosen.copied().collect();
        self.sink.write_all(b"\n")?;
        // A struct that is first named in a list of arguments would be known in that list only.
        for (key, _) in self.resolution.structs() {
            if let Some(tag) = self.declarations.tags.get(key) {
                writeln!(self.sink, "{} {};", tag.word, tag.name)?;
            }
        }
        let mut begun: HashSet<Name, RandomState> = HashSet::default();
        for (key, id) in chosen {
            if !self.declarations.tags.contains_key(&key) {
                self.report.lose("structs too large for C", || self.profile.names.get(key).to_owned());
                continue;
            }
            let mut pending = vec![(key, id, false)];
            while let Some((key, id, ready)) = pending.pop() {
                if ready {
                    self.structure(key, id)?;
                } else if begun.insert(key) {
                    pending.push((key, id, true));
                    for held in self.held(key, id).into_iter().rev() {
                        if let Some(tag) =
                            self.declarations.tags.get(&held).filter(|_| !begun.contains(&held))
                        {
                            pending.push((held, tag.record, false));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The structs that a struct holds by value, in the order of its members.
    fn held(&self, owner: Name, id: RecordId) -> Vec<Name> {
        let members = self.profile.types.members(id).iter().enumerate();
        let held = members.filter_map(|(index, member)| {
            let place = Place { owner, member: u32::try_from(index).ok()? };
            self.declarations.held(member.ty, Some(place))
        });
        held.collect()
    }

    fn structure(&mut self, key: Name, id: RecordId) -> io::Result<()> {
        let names = &self.profile.names;
        let Some(tag) = self.declarations.tags.get(&key).cloned() else { return Ok(()) };
        let mut taken = Identifiers::default();
        let mut fields = Vec::new();
        let mut offsets: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        let limit = tag.size.saturating_mul(8);
        // Names are given in their order, so that the order of the source's members does not matter.
        let mut members: Vec<_> = self.profile.types.members(id).iter().enumerate().collect();
        members.sort_by_key(|(index, member)| (names.get(member.name), *index));
        for (index, member) in members {
            let original_name = names.get(member.name);
            let Some((start, end)) = self.declarations.places.place(key, id, index, member) else {
                self.report.lose("members that C cannot express", || original_name.to_owned());
                continue;
            };
            let is_bit_field = member.bits.is_some();
            // A bit-field lies within its struct or nowhere: there is no part of it to declare.
            if start > limit || is_bit_field && end > limit {
                self.report.lose("members that C cannot express", || original_name.to_owned());
                continue;
            }
            let name = taken.take(original_name);
            let Declared { text, size } = match end <= limit {
                true => self.declarations.member(key, id, index, member, &name),
                // Only bytes that are there.
                false => Declared { text: format!("unsigned char {name}[0]"), size: 0 },
            };
            let end = if end <= limit { end } else { start };
            // What C makes of the declaration decides: an array may be larger than the numbers of this program.
            let text = match is_bit_field || start.saturating_add(size.saturating_mul(8)) == end {
                true => text,
                false => format!("unsigned char {name}[{}]", end.saturating_sub(start) / 8),
            };
            if !is_bit_field {
                offsets.entry(start / 8).or_default().push(name.clone());
            }
            fields.push(Field { start, end, text: format!("{text};{}", original(&name, original_name)) });
        }
        let mut text = String::new();
        let is_union = tag.word == "union";
        let parts = if is_union { union_parts(fields, limit) } else { arrange(fields, limit) };
        let mut printer = Body { text: &mut text, padding: taken };
        if is_union {
            printer.alternatives(&parts, 1);
        } else {
            printer.parts(&parts, 1);
        }
        let body = text;
        let mut text = String::new();
        for opaque in self.declarations.undeclared.drain(..) {
            let _ = write!(text, "\nstruct {opaque};");
        }
        let shown = original(&tag.name, names.get(key));
        let _ = write!(text, "\n{} {} {{{shown}\n{body}}};\n", tag.word, tag.name);
        let name = format!("{} {}", tag.word, tag.name);
        let _ = writeln!(text, "REKALL_PROFILE_SIZE({name}, {:#x})", tag.size);
        for (offset, members) in offsets {
            for member in members {
                let _ = writeln!(text, "REKALL_PROFILE_OFFSET({name}, {member}, {offset:#x})");
            }
        }
        self.declarations.complete.insert(key);
        self.sink.write_all(text.as_bytes())
    }
}

/// The alternatives of a union: each field, and bytes where the union is larger than all of them.
fn union_parts(fields: Vec<Field>, size: u64) -> Vec<BodyPart> {
    let largest = fields.iter().map(|field| field.end).max().unwrap_or(0);
    let mut parts: Vec<BodyPart> = fields.into_iter().map(BodyPart::Field).collect();
    parts.sort_by(|a, b| match (a, b) {
        (BodyPart::Field(a), BodyPart::Field(b)) => (a.start, a.end, &a.text).cmp(&(b.start, b.end, &b.text)),
        _ => std::cmp::Ordering::Equal,
    });
    if largest.div_ceil(8) < size / 8 {
        parts.push(BodyPart::Padding { start: 0, bits: size });
    }
    parts
}

/// Prints the body of a struct.
struct Body<'t> {
    text: &'t mut String,
    /// The names that are taken, members' and padding's.
    padding: Identifiers,
}

impl Body<'_> {
    /// Parts that follow one another; offsets are shown of those that begin with a byte.
    fn parts(&mut self, parts: &[BodyPart], depth: usize) {
        for part in parts {
            match part {
                BodyPart::Field(field) => self.field(field, depth),
                BodyPart::Padding { start, bits } => self.pad(*start, *bits, depth),
                BodyPart::Union(lanes) => {
                    self.line(depth, format_args!("union {{"));
                    for lane in lanes {
                        self.lane(lane, depth + 1);
                    }
                    self.line(depth, format_args!("}};"));
                }
            }
        }
    }

    fn lane(&mut self, lane: &[BodyPart], depth: usize) {
        match lane {
            [BodyPart::Field(field)] => self.field(field, depth),
            lane => {
                self.line(depth, format_args!("struct {{"));
                self.parts(lane, depth + 1);
                self.line(depth, format_args!("}};"));
            }
        }
    }

    fn alternatives(&mut self, parts: &[BodyPart], depth: usize) {
        for part in parts {
            self.lane(std::slice::from_ref(part), depth);
        }
    }

    fn field(&mut self, field: &Field, depth: usize) {
        match field.start % 8 {
            0 => self.line(depth, format_args!("/* {:#05x} */ {}", field.start / 8, field.text)),
            bit => self.line(depth, format_args!("/* {:#05x}:{bit} */ {}", field.start / 8, field.text)),
        }
    }

    /// Bits up to the next byte, whole bytes, and bits of the last one.
    fn pad(&mut self, start: u64, bits: u64, depth: usize) {
        let end = start.saturating_add(bits);
        let first = start.next_multiple_of(8).min(end);
        let last = (end / 8 * 8).max(first);
        if first > start {
            self.line(depth, format_args!("unsigned char : {};", first - start));
        }
        if last > first {
            let name = self.padding.take(&format!("padding_{:#x}", first / 8));
            self.line(
                depth,
                format_args!("/* {:#05x} */ unsigned char {name}[{}];", first / 8, (last - first) / 8),
            );
        }
        if end > last {
            self.line(depth, format_args!("unsigned char : {};", end - last));
        }
    }

    fn line(&mut self, depth: usize, text: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{:width$}{text}", "", width = depth * 2);
    }
}

/// A comment that says what the profile calls something, if C has to call it differently.
fn original(identifier: &str, name: &str) -> String {
    if identifier == name { String::new() } else { format!(" /* {} */", comment(name)) }
}

/// A value as C writes it.
fn number(value: i128) -> String {
    if value == i128::from(i64::MIN) {
        "(-9223372036854775807LL - 1)".to_owned()
    } else if value > i128::from(i64::MAX) {
        format!("{value}ULL")
    } else if value < i128::from(i32::MIN) || value > i128::from(u32::MAX) {
        format!("{value}LL")
    } else {
        value.to_string()
    }
}
