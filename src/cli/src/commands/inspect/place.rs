use profile::{Member, Structure, Text, Type, TypeId, Types};

/// A member that was looked for by name in a struct, or in the unnamed members of it.
pub(super) struct Place {
    /// The struct that declares it.
    pub(super) structure: Structure,
    pub(super) member: Member,
    /// Its name, after those of the unnamed members that it lies in: `u1.pid`.
    pub(super) name: String,
    /// In bytes, from the struct in which it was looked for.
    pub(super) offset: u64,
}

/// How many unnamed members are opened in search of one name.
const MOST_OPENED: usize = 256;

/// The member of this name, or the first of this name in an unnamed member, as C finds it.
pub(super) fn member(text: &Text, at: &Structure, name: &str) -> Option<Place> {
    let own = at.profile.names.get(at.profile.types.record(at.record)?.name?).to_owned();
    let mut pending = vec![(own, 0u64, String::new())];
    let mut opened = 0;
    while opened < MOST_OPENED && opened < pending.len() {
        let (owner, base, prefix) = pending.get(opened)?.clone();
        opened += 1;
        let Some(structure) = text.structure(&owner) else { continue };
        let members = structure.profile.types.members(structure.record);
        for member in members {
            let found = structure.profile.names.get(member.name);
            let offset = base.saturating_add(member.offset);
            if found == name {
                let (member, name) = (*member, format!("{prefix}{found}"));
                return Some(Place { member, name, offset, structure });
            }
            if is_unnamed(found)
                && let Some(inner) = target(&structure, member)
                && !inner.is_pointer
                && inner.name.starts_with("__unnamed_")
            {
                pending.push((inner.name, offset, format!("{prefix}{found}.")));
            }
        }
    }
    None
}

/// Whether a member is called as those without a name are: `u1`, `u2`.
fn is_unnamed(name: &str) -> bool {
    let digits = name.strip_prefix('u').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The struct that a member holds or points to.
pub(super) struct Target {
    pub(super) name: String,
    pub(super) is_pointer: bool,
    /// The bounds of the arrays around it: `[2][3]`.
    pub(super) bounds: String,
    /// How many of it the member holds.
    pub(super) count: u64,
}

/// The struct that a member holds or points to, if it is one.
pub(super) fn target(structure: &Structure, member: &Member) -> Option<Target> {
    let profile = &structure.profile;
    let mut found = Target { name: String::new(), is_pointer: false, bounds: String::new(), count: 1 };
    let mut ty = member.ty;
    for _ in 0..Types::MAX_CHAIN {
        let name = match profile.types.peel(ty) {
            Type::Array { target, count } => {
                if !found.is_pointer {
                    found.bounds.push_str(&if count == 0 { "[]".to_owned() } else { format!("[{count}]") });
                    found.count = found.count.saturating_mul(count);
                }
                ty = target;
                continue;
            }
            Type::Pointer { target, .. } => {
                found.is_pointer = true;
                ty = target;
                continue;
            }
            Type::Named(name) => name,
            Type::Record(id) => profile.types.record(id)?.name?,
            _ => return None,
        };
        found.name = profile.names.get(name).to_owned();
        return Some(found);
    }
    None
}

/// How many bytes a member takes; `None` if that is not known. A bit-field takes its storage unit.
pub(super) fn size(text: &Text, structure: &Structure, member: &Member) -> Option<u64> {
    size_of(structure, member.ty).or_else(|| {
        let target = target(structure, member).filter(|target| !target.is_pointer)?;
        text.size(&target.name)?.checked_mul(target.count)
    })
}

fn size_of(structure: &Structure, ty: TypeId) -> Option<u64> {
    structure.profile.types.size_of(ty)
}

/// Bytes of a struct that no member uses, in order: where they begin, and how many there are.
pub(super) fn holes(text: &Text, structure: &Structure) -> Vec<(u64, u64)> {
    let types = &structure.profile.types;
    let size = types.record(structure.record).map_or(0, |record| record.size);
    let mut members: Vec<&Member> = types.members(structure.record).iter().collect();
    members.sort_by_key(|member| member.offset);
    let mut holes = Vec::new();
    // Where the members so far end; `None` after one whose size is not known.
    let mut end = Some(0u64);
    for member in members {
        if let Some(end) = end.filter(|end| *end < member.offset.min(size)) {
            holes.push((end, member.offset.min(size) - end));
        }
        let member_end = self::size(text, structure, member).and_then(|size| member.offset.checked_add(size));
        end = member_end.map(|member_end| member_end.max(end.unwrap_or(0)));
    }
    if let Some(end) = end.filter(|end| *end < size) {
        holes.push((end, size - end));
    }
    holes
}

/// Whether members overlap from the first byte on, as those of a union do.
pub(super) fn is_union(structure: &Structure) -> bool {
    let members = structure.profile.types.members(structure.record);
    members.len() > 1 && members.iter().all(|member| member.offset == 0 && member.bits.is_none())
}
