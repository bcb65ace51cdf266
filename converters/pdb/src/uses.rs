//! Which definition a use of a name refers to, if the type stream has several of that name.
//!
//! A declaration without a body (a forward reference) is one record for the whole PDB, because the linker keeps one
//! copy of equal records from all modules. So every use of it is resolved separately. The criteria, in this order:
//!
//! 1. a definition that refers to its own name refers to itself;
//! 2. an array's size is a multiple of its element's size, and a member ends within its owner;
//! 3. the definition in the user's own module, if the item stream lists modules ([`crate::item_stream`]); for types
//!    from headers that any module may include, the definition in the same file;
//! 4. a member ends before the next one begins and fills the space up to it;
//! 5. of definitions in the same module, or if modules are unknown, the nearest in the type stream.
//!
//! A module has one definition of a name, so a use that is resolved in a module resolves the others there too. Uses
//! that several definitions still fit are left to [`profile::Choice`].

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;
use profile::{Choice, ChoiceOption, Name, NewMember, Type, TypeId};

use crate::codeview::CV_FIRST_NONPRIM;
use crate::item_stream::{Module, Origin};
use crate::leaf::{Class, ClassKind, Leaf};
use crate::types::Lowering;

/// How deep types are followed from a use to the name.
const MAX_DEPTH: usize = 32;
/// How many candidates all uses together may be compared with, for each type record. A hostile file can have as many
/// definitions of one name as it has uses.
const WORK_PER_RECORD: usize = 64;

/// The user of a type.
#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    /// The position of the definition that contains the member.
    owner: Option<usize>,
    origin: Origin,
    /// `owner.member`, or the name of a variable.
    place: String,
}

/// The space that is available for a member held by value, in bytes.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// Up to the end of the owner.
    owner: u64,
    /// Up to the next member.
    next: u64,
}

/// A use that is left to the ranking of names.
#[derive(Clone, Debug)]
pub(crate) struct OpenUse {
    slot: TypeId,
    /// The positions of the definitions, and the type of the use with each of them.
    options: Vec<(u32, Type)>,
    ordered: bool,
    place: String,
    /// The modules that can contain the user, if that is known completely.
    modules: Vec<Module>,
    /// The first definition of the name.
    name: u32,
}

/// The definition that a name has in a module, by the name's first definition; `None` if uses contradict each other.
pub(crate) type Decided = HashMap<(Module, u32), Option<u32>, FixedState>;

/// The definition that a use refers to.
enum Meaning {
    One(u32),
    /// Several; if `ordered`, the first is the nearest.
    Several {
        name: u32,
        definitions: Vec<u32>,
        ordered: bool,
    },
}

/// A candidate with its size in bytes.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    position: u32,
    size: Option<u64>,
}

impl<'a> Lowering<'a, '_> {
    /// How many comparisons may be spent on ambiguous names in a stream with this many records.
    pub(crate) fn work_for(records: usize) -> usize {
        records.saturating_mul(WORK_PER_RECORD).saturating_add(4096)
    }

    /// Resolves members whose types lead to an ambiguous name. Each is given by its place in `members` and its type
    /// index.
    pub(crate) fn bind_members(
        &mut self,
        position: usize,
        class: &Class<'a>,
        members: &mut [NewMember],
        ambiguous: &[(usize, u32)],
    ) {
        let origin = self.origins.of(self.stream.index_of(position)).cloned().unwrap_or_default();
        let offsets: BTreeSet<u64> = members.iter().map(|member| member.offset).collect();
        let owner = String::from_utf8_lossy(class.name).into_owned();
        for (number, index) in ambiguous {
            let Some(member) = members.get(*number).copied() else { continue };
            let name = member.name.map_or("", |name| self.profile.names.get(name));
            let user =
                User { owner: Some(position), origin: origin.clone(), place: format!("{owner}.{name}") };
            let end = class.size.saturating_sub(member.offset);
            let next = match class.kind {
                ClassKind::Union => None,
                _ => offsets.range(member.offset.saturating_add(1)..).next(),
            };
            let next = next.map_or(end, |next| (next - member.offset).min(end));
            let room = member.bits.is_none().then_some(Room { owner: end, next });
            let ty = self.bound(*index, &user, room, 0);
            if let Some(member) = members.get_mut(*number) {
                member.ty = ty;
            }
        }
    }

    /// The type of a variable in a module.
    pub(crate) fn variable_type(&mut self, index: u32, module: Option<Module>, name: Name) -> Option<TypeId> {
        if !self.stream.is_ambiguous(index) {
            return self.map.get(index, self.stream, self.profile);
        }
        let modules: Vec<Module> = module.into_iter().collect();
        let origin = Origin { complete: !modules.is_empty(), modules, files: Vec::new() };
        let user = User { owner: None, origin, place: self.profile.names.get(name).to_owned() };
        Some(self.bound(index, &user, None, 0))
    }

    /// The type with this index, resolved for `user`.
    fn bound(&mut self, index: u32, user: &User, room: Option<Room>, depth: usize) -> TypeId {
        if index < CV_FIRST_NONPRIM || depth > MAX_DEPTH || !self.stream.is_ambiguous(index) {
            return self.type_of(index);
        }
        let Some(left) = self.work.checked_sub(1) else {
            self.report
                .lose("uses of names that have too many definitions to tell apart", || user.place.clone());
            return self.type_of(index);
        };
        self.work = left;
        let leaf = self.stream.get(index).map(|record| record.parse());
        let ty = match leaf {
            Some(Ok(Leaf::Modifier(target))) => return self.bound(target, user, room, depth + 1),
            Some(Ok(Leaf::Alias { target, name })) => {
                let name = Some(self.name(name));
                Type::Alias { name, target: self.bound(target, user, room, depth + 1) }
            }
            Some(Ok(Leaf::BitField(field))) => return self.bound(field.base, user, None, depth + 1),
            Some(Ok(Leaf::Pointer(pointer))) => {
                let target = self.bound(pointer.target, user, None, depth + 1);
                Type::Pointer { target, size: pointer.size(self.address) }
            }
            Some(Ok(Leaf::Array { element, bytes })) => return self.bound_array(element, bytes, user, depth),
            Some(Ok(Leaf::Procedure(arguments))) => match self.stream.get(arguments).map(|it| it.parse()) {
                Some(Ok(Leaf::Arguments(indexes))) => {
                    let indexes = indexes.chunks_exact(4).filter_map(|index| index.first_chunk().copied());
                    let mut types = Vec::new();
                    for index in indexes.map(u32::from_le_bytes).filter(|index| *index != 0) {
                        types.push(self.bound(index, user, None, depth + 1));
                    }
                    Type::Function(self.profile.types.add_arguments(&types))
                }
                _ => return self.type_of(index),
            },
            Some(Ok(Leaf::Class(_) | Leaf::Enumeration(_))) => {
                return self.bound_name(index, user, room, None);
            }
            _ => return self.type_of(index),
        };
        self.profile.types.add(ty)
    }

    /// An array of `bytes` bytes whose elements lead to an ambiguous name.
    fn bound_array(&mut self, element: u32, bytes: u64, user: &User, depth: usize) -> TypeId {
        let element = self.stream.unmodified(element);
        match self.stream.get(element).map(|record| record.parse()) {
            Some(Ok(Leaf::Class(_) | Leaf::Enumeration(_))) => {
                self.bound_name(element, user, None, Some(bytes))
            }
            _ => {
                let target = self.bound(element, user, None, depth + 1);
                // The element is a pointer or an array, so its size is known without the name.
                let count = match self.stream.size_of(element, self.address) {
                    Some(size) if size > 0 => bytes / size,
                    _ => 0,
                };
                self.profile.types.add(Type::Array { target, count })
            }
        }
    }

    /// Resolves a declaration without a body for `user`, alone or as the element of an array of this many bytes.
    fn bound_name(&mut self, index: u32, user: &User, room: Option<Room>, array: Option<u64>) -> TypeId {
        let whole = |lowering: &Self, definition: u32| {
            let target = lowering.map.record(definition as usize);
            match array {
                None => Type::Alias { name: None, target },
                Some(bytes) => {
                    let size = lowering.size_at(definition).filter(|size| *size > 0);
                    Type::Array { target, count: size.map_or(0, |size| bytes / size) }
                }
            }
        };
        match self.meaning(index, user, room, array) {
            Some(Meaning::One(definition)) if array.is_none() => self.map.record(definition as usize),
            Some(Meaning::One(definition)) => {
                let size = self.size_at(definition);
                if let (Some(size), Some(bytes)) = (size.filter(|size| *size > 0), array)
                    && !bytes.is_multiple_of(size)
                {
                    self.report.lose("arrays whose size is not a multiple of their element's", || {
                        user.place.clone()
                    });
                }
                let whole = whole(self, definition);
                self.profile.types.add(whole)
            }
            Some(Meaning::Several { name, definitions, ordered }) => {
                let options: Vec<(u32, Type)> =
                    definitions.iter().map(|definition| (*definition, whole(self, *definition))).collect();
                let slot = self.profile.types.reserve(1);
                let modules = if user.origin.complete { user.origin.modules.clone() } else { Vec::new() };
                let place = user.place.clone();
                self.open_uses.push(OpenUse { slot, options, ordered, place, modules, name });
                slot
            }
            None => self.type_of(index),
        }
    }

    /// The definitions that a declaration can refer to for `user`; `None` if they cannot be searched.
    fn meaning(
        &mut self,
        index: u32,
        user: &User,
        room: Option<Room>,
        array: Option<u64>,
    ) -> Option<Meaning> {
        let definitions = self.stream.definitions_of(index);
        if let Some(owner) = user.owner.and_then(|owner| u32::try_from(owner).ok())
            && definitions.contains(&owner)
        {
            return Some(Meaning::One(owner));
        }
        let name = *definitions.first()?;
        self.work = self.work.checked_sub(definitions.len())?;
        let mut left: Vec<Candidate> = definitions
            .iter()
            .map(|position| Candidate { position: *position, size: self.size_at(*position) })
            .collect();
        narrow(&mut left, |it| match (it.size, array) {
            (Some(size), Some(bytes)) => bytes == 0 || size > 0 && bytes.is_multiple_of(size),
            (Some(size), None) => room.is_none_or(|room| size <= room.owner),
            (None, _) => false,
        });
        self.narrow_by_origin(&mut left, &user.origin);
        if let Some(room) = room {
            narrow(&mut left, |it| it.size.is_some_and(|size| size <= room.next));
            // Allows for the alignment of the next member.
            narrow(&mut left, |it| it.size.is_some_and(|size| size <= room.next && room.next - size < 8));
            narrow(&mut left, |it| it.size == Some(room.next));
        }
        if let [only] = left.as_slice() {
            let modules = if user.origin.complete { user.origin.modules.as_slice() } else { &[] };
            for module in modules {
                let decided = self.decided.entry((*module, name)).or_insert(Some(only.position));
                if *decided != Some(only.position) {
                    *decided = None;
                }
            }
            return Some(Meaning::One(only.position));
        }
        let ordered = user.owner.is_some() && !self.in_unlike_modules(&left, &user.origin);
        if let (true, Some(owner)) = (ordered, user.owner) {
            left.sort_by_key(|it| (it.position as usize).abs_diff(owner));
        }
        let definitions = left.iter().map(|it| it.position).collect();
        Some(Meaning::Several { name, definitions, ordered })
    }

    /// Keeps the candidates that the user's modules can refer to.
    fn narrow_by_origin(&self, left: &mut Vec<Candidate>, user: &Origin) {
        if !user.complete && !user.files.is_empty() {
            // For a type from a header: other modules than the known ones may hold it and use the name for something
            // else. Which of them comes first depends on the order of linking.
            let same_file = |it: &Candidate| {
                self.origin_at(it.position).is_some_and(|origin| have_common(&origin.files, &user.files))
            };
            let count = left.iter().filter(|it| same_file(it)).count();
            if count == 1 {
                left.retain(same_file);
            }
            return;
        }
        let mut meant: BTreeSet<u32> = BTreeSet::new();
        for module in &user.modules {
            let holds = |it: &&Candidate| {
                self.origin_at(it.position).is_some_and(|origin| origin.modules.binary_search(module).is_ok())
            };
            let mut of_module: Vec<u32> = left.iter().filter(holds).map(|it| it.position).collect();
            if of_module.is_empty() {
                // Linkers that merge duplicates name only the first module that holds a definition.
                let may_hold = |it: &&Candidate| match self.origin_at(it.position) {
                    None => true,
                    Some(origin) => {
                        !origin.complete && origin.modules.first().is_none_or(|first| first < module)
                    }
                };
                of_module = left.iter().filter(may_hold).map(|it| it.position).collect();
            }
            meant.extend(of_module);
        }
        if !meant.is_empty() {
            left.retain(|it| meant.contains(&it.position));
        }
    }

    /// Whether the candidates are known to come from other modules than the user, or from different ones. The
    /// position of a record in the stream then depends on the order of linking.
    fn in_unlike_modules(&self, candidates: &[Candidate], user: &Origin) -> bool {
        let mut origins =
            candidates.iter().map(|it| self.origin_at(it.position).map(|origin| &origin.modules));
        let Some(Some(first)) = origins.next() else { return false };
        !user.modules.is_empty() && origins.all(|it| it.is_some()) && {
            let mut origins = candidates.iter().filter_map(|it| self.origin_at(it.position));
            origins.any(|origin| origin.modules != *first)
        }
    }

    fn origin_at(&self, position: u32) -> Option<&Origin> {
        self.origins.of(self.stream.index_of(position as usize))
    }

    fn size_at(&self, position: u32) -> Option<u64> {
        self.stream.size_of(self.stream.index_of(position as usize), self.address)
    }

    /// The definition that other uses of the same name in the user's modules were resolved to.
    fn decided_meaning(&self, open: &OpenUse) -> Option<Type> {
        let mut decided = open.modules.iter().map(|module| self.decided.get(&(*module, open.name)).copied());
        let first = decided.next()???;
        let agree = decided.all(|other| other == Some(Some(first)));
        let (_, whole) = open.options.iter().find(|(definition, _)| *definition == first && agree)?;
        Some(*whole)
    }

    /// Passes the uses that are still open to the profile.
    pub(crate) fn close_uses(&mut self) {
        for open in std::mem::take(&mut self.open_uses) {
            if let Some(whole) = self.decided_meaning(&open) {
                self.profile.types.set(open.slot, whole);
                continue;
            }
            let options = open.options.iter().map(|(position, whole)| ChoiceOption {
                definition: self.profile.types.peel(self.map.record(*position as usize)),
                whole: *whole,
            });
            let options = options.collect();
            let choice = Choice { slot: open.slot, options, ordered: open.ordered, place: open.place };
            self.profile.types.add_choice(choice);
        }
    }
}

/// Keeps the candidates that fit, unless none fits.
fn narrow(candidates: &mut Vec<Candidate>, fits: impl Fn(&Candidate) -> bool) {
    if candidates.iter().any(&fits) {
        candidates.retain(fits);
    }
}

fn have_common(a: &[u32], b: &[u32]) -> bool {
    a.iter().any(|item| b.binary_search(item).is_ok())
}
