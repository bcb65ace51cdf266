use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use profile::{
    Arch, BitRange, GuidAge, Health, Member as ModelMember, Report, Resolution, Scope, Structure as Found,
    System, Text, Type, TypeId, declaration,
};
use serde_json::Value;

use crate::Error;

/// A profile that is asked for single structs, enumerations and symbols.
///
/// Opening one unpacks its text; what is asked for is read from the text when it is asked for. Cloning one shares the text.
#[derive(Clone, Debug)]
pub struct Profile {
    text: Arc<Text>,
}

/// A struct, union or class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its members, by offset. Members without a name are called `u1`, `u2` and so on.
    pub members: Vec<Member>,
}

/// A member of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where it is, in bytes from the beginning of the struct that was asked for. For a bit-field this is the offset of
    /// its storage unit.
    pub offset: u64,
    /// Its type as C would write it: `list_head *`, `char [16]`.
    pub ty: String,
    /// Its size in bytes, of a bit-field that of its storage unit. `None` if the profile does not say.
    pub size: Option<u64>,
    /// The bits of a bit-field in its storage unit.
    pub bits: Option<BitRange>,
    /// The struct that it holds by value, by name.
    target: Option<String>,
}

/// An enumeration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enumeration {
    /// Its name.
    pub name: String,
    /// Its labels with their values, by value.
    pub labels: Vec<(String, i128)>,
}

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// Its RVA (Windows), or its address as linked.
    pub address: u64,
    /// Whether it is among the functions, which only profiles of Windows keep apart.
    pub function: bool,
}

/// How many similar names an error lists.
const SIMILAR: usize = 5;
/// How deep members without a name are looked into, and how long a path of members may be.
const MAX_DEPTH: usize = 32;

impl Profile {
    /// Opens the profile in a file: Rekall's form or Volatility 3's table, as text or packed with gzip, xz or zstd.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read or is not a profile.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        match Text::open(path) {
            Ok(text) => Ok(text.into()),
            Err(error) => Err(Error::from(error).in_file(path)),
        }
    }

    /// A profile from its unpacked text.
    ///
    /// # Errors
    /// [`Error::Profile`] if the text is not a profile.
    pub fn from_text(text: Vec<u8>) -> Result<Self, Error> {
        Ok(Text::new(text)?.into())
    }

    /// The text of the profile. It is canonical (`docs/format.md`) if this program wrote it.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// The system that the profile is of.
    pub fn system(&self) -> System {
        self.text.system()
    }

    /// The architecture that the profile is for.
    pub fn arch(&self) -> Arch {
        self.text.arch()
    }

    /// The metadata (`$METADATA`).
    pub fn metadata(&self) -> BTreeMap<String, Value> {
        self.text.metadata()
    }

    /// The GUID and age of the PDB that the profile was made from; `None` for other sources.
    pub fn guid_age(&self) -> Option<GuidAge> {
        self.metadata().get("GUID_AGE")?.as_str()?.parse().ok()
    }

    /// The number of entries in each section, by the section's name. Walks the whole text.
    ///
    /// # Errors
    /// [`Error::Profile`] if the text is damaged.
    pub fn counts(&self) -> Result<BTreeMap<String, usize>, Error> {
        Ok(self.text.counts()?)
    }

    /// What the profile is worth to its readers. Reads the whole profile.
    ///
    /// # Errors
    /// [`Error::Profile`] if the text is damaged.
    pub fn health(&self) -> Result<Health, Error> {
        let mut report = Report::default();
        let mut profile = self.whole(&mut report)?;
        let resolution = Resolution::new(&mut profile, &mut report);
        Ok(Health::of(&profile, &resolution, Scope::Whole))
    }

    /// The struct of this name.
    ///
    /// # Errors
    /// [`Error::Lacking`] with similar names.
    pub fn structure(&self, name: &str) -> Result<Structure, Error> {
        let found = self.text.structure(name).ok_or_else(|| self.lacking("struct", name))?;
        let types = &found.profile.types;
        let mut members: Vec<Member> =
            types.members(found.record).iter().map(|member| self.shown(&found, member)).collect();
        members.sort_by_key(|member| (member.offset, member.bits.map(|bits| bits.start)));
        let size = types.record(found.record).map_or(0, |record| record.size);
        Ok(Structure { name: name.to_owned(), size, members })
    }

    /// The size in bytes of the struct of this name, without reading its members.
    ///
    /// # Errors
    /// [`Error::Lacking`] with similar names.
    pub fn size_of(&self, name: &str) -> Result<u64, Error> {
        self.text.size(name).ok_or_else(|| self.lacking("struct", name))
    }

    /// The member at a path: `STRUCT.MEMBER`, or `STRUCT.MEMBER.MEMBER` through structs held by value. Members of
    /// members without a name count as the struct's own, as in C. The offset counts from the beginning of the first struct.
    ///
    /// # Errors
    /// [`Error::Lacking`] with similar names.
    pub fn member(&self, path: &str) -> Result<Member, Error> {
        match path.split_once('.') {
            Some((owner, path)) => self.member_of(owner, path),
            None => Err(Error::Lacking {
                what: format!("member {path}: expected STRUCT.MEMBER"),
                similar: Vec::new(),
            }),
        }
    }

    /// The member of a struct, by its name or a path, as [`Profile::member`] finds it.
    ///
    /// # Errors
    /// [`Error::Lacking`] with similar names.
    pub fn member_of(&self, owner: &str, path: &str) -> Result<Member, Error> {
        let whole = format!("{owner}.{path}");
        let mut reached: Option<Member> = None;
        for part in path.split('.').take(MAX_DEPTH) {
            let owner = match &reached {
                None => Some(owner.to_owned()),
                Some(before) => before.target.clone(),
            };
            let found = match &owner {
                Some(owner) => self.find(owner, part, 0)?,
                None => None,
            };
            let found = found.ok_or_else(|| self.lacking_member(&whole, owner.as_deref(), part))?;
            let before = reached.map_or(0, |member| member.offset);
            reached = Some(Member { offset: before.saturating_add(found.offset), ..found });
        }
        reached.ok_or_else(|| self.lacking("member", &whole))
    }

    /// The enumeration of this name.
    ///
    /// # Errors
    /// [`Error::Lacking`] with similar names.
    pub fn enumeration(&self, name: &str) -> Result<Enumeration, Error> {
        let labels = self.text.enumeration(name).ok_or_else(|| self.lacking("enumeration", name))?;
        Ok(Enumeration { name: name.to_owned(), labels })
    }

    /// The symbol of this name; data comes before code, as for LibVMI.
    ///
    /// # Errors
    /// [`Error::Lacking`] with similar names.
    pub fn symbol(&self, name: &str) -> Result<Symbol, Error> {
        let found = self.text.symbol(name).ok_or_else(|| self.lacking("symbol", name))?;
        Ok(found.into())
    }

    /// The symbols at the highest address that is not above `address`, by name. Empty if every symbol is above it.
    pub fn symbols_at(&self, address: u64) -> Vec<Symbol> {
        self.text.symbols_at(address).into_iter().map(Symbol::from).collect()
    }

    /// Every symbol in the order of the text, data before code.
    pub fn symbols(&self) -> Vec<Symbol> {
        let mut symbols = Vec::new();
        self.text.each_symbol(|name, address, function| {
            symbols.push(Symbol { name: name.to_owned(), address, function });
        });
        symbols
    }

    /// Up to `limit` names of structs, enumerations and symbols that are like `name`. Walks the whole text.
    pub fn similar(&self, name: &str, limit: usize) -> Vec<String> {
        self.text.similar(name, limit)
    }

    /// The whole profile, as the crates below know it.
    pub(crate) fn whole(&self, report: &mut Report) -> Result<profile::Profile, Error> {
        Ok(self.text.profile(report)?)
    }

    /// The profile as the analysis of images uses it.
    pub(crate) fn layout(&self) -> analyzer::Layout {
        analyzer::Layout::from_text(Arc::clone(&self.text))
    }

    /// A member of a struct, or of its members without a name.
    fn find(&self, owner: &str, name: &str, depth: usize) -> Result<Option<Member>, Error> {
        let Some(found) = self.text.structure(owner) else {
            return if depth == 0 { Err(self.lacking("struct", owner)) } else { Ok(None) };
        };
        let (names, types) = (&found.profile.names, &found.profile.types);
        let members = types.members(found.record);
        if let Some(member) = members.iter().find(|member| names.get(member.name) == name) {
            return Ok(Some(self.shown(&found, member)));
        }
        if depth >= MAX_DEPTH {
            return Ok(None);
        }
        for member in members {
            let nameless = member.anonymous || is_numbered(names.get(member.name));
            let Some(inner) = held(&found, member.ty).filter(|_| nameless) else { continue };
            if let Some(reached) = self.find(&inner, name, depth + 1)? {
                return Ok(Some(Member { offset: reached.offset.saturating_add(member.offset), ..reached }));
            }
        }
        Ok(None)
    }

    fn shown(&self, found: &Found, member: &ModelMember) -> Member {
        let profile = &found.profile;
        let target = held(found, member.ty);
        let size = match &target {
            Some(target) => self.text.size(target),
            None => self.size_of_type(found, member.ty),
        };
        Member {
            name: profile.names.get(member.name).to_owned(),
            offset: member.offset,
            ty: declaration(profile, member.ty, None, ""),
            size,
            bits: member.bits,
            target,
        }
    }

    /// The size of a type; that of an array of structs is looked up by the struct's name.
    fn size_of_type(&self, found: &Found, ty: TypeId) -> Option<u64> {
        let types = &found.profile.types;
        if let Some(size) = types.size_of(ty) {
            return Some(size);
        }
        let (mut ty, mut factor) = (ty, 1u64);
        for _ in 0..MAX_DEPTH {
            match types.peel(ty) {
                Type::Array { target, count } => {
                    factor = factor.checked_mul(count)?;
                    ty = target;
                }
                _ => return self.text.size(&held(found, ty)?)?.checked_mul(factor),
            }
        }
        None
    }

    fn lacking(&self, kind: &str, name: &str) -> Error {
        Error::Lacking { what: format!("{kind} {name}"), similar: self.text.similar(name, SIMILAR) }
    }

    fn lacking_member(&self, path: &str, owner: Option<&str>, part: &str) -> Error {
        let Some(owner) = owner else {
            let what = format!("member {path}: what comes before {part} is not a struct held by value");
            return Error::Lacking { what, similar: Vec::new() };
        };
        let plain = |text: &str| text.trim_start_matches('_').to_ascii_lowercase();
        let wanted = plain(part);
        let members = self.structure(owner).map(|found| found.members).unwrap_or_default();
        let alike = members.iter().filter(|member| plain(&member.name).contains(&wanted));
        let similar = alike.take(SIMILAR).map(|member| format!("{owner}.{}", member.name)).collect();
        Error::Lacking { what: format!("member {path}"), similar }
    }
}

impl From<Text> for Profile {
    fn from(text: Text) -> Self {
        Self { text: Arc::new(text) }
    }
}

impl From<profile::Symbol> for Symbol {
    fn from(found: profile::Symbol) -> Self {
        Self { name: found.name, address: found.address, function: found.function }
    }
}

/// The struct that a type is, by name.
fn held(found: &Found, ty: TypeId) -> Option<String> {
    let profile = &found.profile;
    let name = match profile.types.peel(ty) {
        Type::Named(name) => name,
        Type::Record(id) => profile.types.record(id)?.name?,
        _ => return None,
    };
    Some(profile.names.get(name).to_owned())
}

/// Whether a member is called as those without a name are (`u1`).
fn is_numbered(name: &str) -> bool {
    let digits = name.strip_prefix('u').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}
