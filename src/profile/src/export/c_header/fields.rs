/// A member with its place in the struct, in bits from the struct's first.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) start: u64,
    pub(super) end: u64,
    /// The declaration, without the semicolon.
    pub(super) text: String,
}

/// What the body of a struct or union holds.
#[derive(Clone, Debug)]
pub(super) enum BodyPart {
    /// A declaration.
    Field(Field),
    /// So many bits that no member uses, from this bit on.
    Padding { start: u64, bits: u64 },
    /// Members that overlap: one of these at a time.
    Union(Vec<Vec<BodyPart>>),
}

/// The body of a struct of `size` bits with these fields, none of which ends behind it.
///
/// Fields that overlap share a union. Each of its alternatives is a list of fields that do not overlap, filled up in the
/// order of their places.
pub(super) fn arrange(mut fields: Vec<Field>, size: u64) -> Vec<BodyPart> {
    fields.sort_by_key(|field| (field.start, field.end));
    let mut parts = Vec::new();
    let mut at = 0;
    for group in groups(fields) {
        let (start, end) = group.extent();
        pad(&mut parts, at, start);
        at = end.max(at);
        if group.is_union() {
            parts.push(BodyPart::Union(lanes(group.fields, start)));
        } else {
            parts.extend(group.fields.into_iter().map(BodyPart::Field));
        }
    }
    pad(&mut parts, at, size);
    parts
}

/// Fields that overlap, or a single one.
struct Group {
    start: u64,
    end: u64,
    fields: Vec<Field>,
}

impl Group {
    fn is_union(&self) -> bool {
        self.fields.len() > 1
    }

    /// The bits that it takes: a union begins and ends with a byte.
    fn extent(&self) -> (u64, u64) {
        match self.is_union() {
            true => (self.start / 8 * 8, self.end.div_ceil(8) * 8),
            false => (self.start, self.end),
        }
    }
}

fn groups(fields: Vec<Field>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for field in fields {
        let mut group = Group { start: field.start, end: field.end, fields: vec![field] };
        while let Some(before) = groups.pop_if(|before| before.extent().1 > group.extent().0) {
            let mut fields = before.fields;
            fields.append(&mut group.fields);
            group = Group { start: before.start, end: before.end.max(group.end), fields };
        }
        groups.push(group);
    }
    groups
}

fn pad(parts: &mut Vec<BodyPart>, from: u64, to: u64) {
    if to > from {
        parts.push(BodyPart::Padding { start: from, bits: to - from });
    }
}

/// How many alternatives are looked at for each field: a union of more fields has one alternative for each.
const MOST_LANES: usize = 64;

/// Fields that overlap, in lists of those that do not. Each list begins at `start`.
fn lanes(group: Vec<Field>, start: u64) -> Vec<Vec<BodyPart>> {
    let mut lanes: Vec<(u64, Vec<BodyPart>)> = Vec::new();
    for field in group {
        let open = lanes.len().saturating_sub(MOST_LANES);
        let fits = lanes.iter_mut().skip(open).find(|(end, _)| *end <= field.start);
        match fits {
            Some((end, parts)) => {
                pad(parts, *end, field.start);
                *end = field.end;
                parts.push(BodyPart::Field(field));
            }
            None => {
                let mut parts = Vec::new();
                pad(&mut parts, start, field.start);
                lanes.push((field.end, parts));
                if let Some((_, parts)) = lanes.last_mut() {
                    parts.push(BodyPart::Field(field));
                }
            }
        }
    }
    lanes.into_iter().map(|(_, parts)| parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(start: u64, end: u64) -> Field {
        Field { start, end, text: format!("{start}-{end}") }
    }

    fn shown(parts: &[BodyPart]) -> String {
        let each = parts.iter().map(|part| match part {
            BodyPart::Field(field) => field.text.clone(),
            BodyPart::Padding { bits, .. } => format!("pad {bits}"),
            BodyPart::Union(lanes) => {
                format!("({})", lanes.iter().map(|lane| shown(lane)).collect::<Vec<_>>().join(" | "))
            }
        });
        each.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn padding_is_what_no_field_uses() {
        let parts = arrange(vec![field(0, 8), field(32, 35), field(64, 128)], 192);
        assert_eq!(shown(&parts), "0-8, pad 24, 32-35, pad 29, 64-128, pad 64");
    }

    #[test]
    fn fields_that_overlap_share_a_union() {
        let parts = arrange(vec![field(64, 128), field(64, 96), field(96, 128), field(0, 64)], 128);
        assert_eq!(shown(&parts), "0-64, (64-96, 96-128 | 64-128)");
    }

    #[test]
    fn a_union_takes_whole_bytes() {
        // Bits 0 to 3 share their byte with the union of what begins at bit 3.
        let parts = arrange(vec![field(0, 3), field(3, 8), field(3, 12), field(12, 16)], 16);
        assert_eq!(shown(&parts), "(0-3, 3-8, pad 4, 12-16 | pad 3, 3-12)");
    }

    #[test]
    fn a_field_of_no_size_is_where_it_begins() {
        let parts = arrange(vec![field(64, 64), field(0, 32)], 64);
        assert_eq!(shown(&parts), "0-32, pad 32, 64-64");
    }
}
