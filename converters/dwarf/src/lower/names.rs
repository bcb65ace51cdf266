//! The names of definitions, members and variables.

use std::rc::Rc;

use profile::{Name, TypeId};

use super::ahead::{MAX_LINKS, Part};
use super::lowering::Lowering;
use crate::entry::Entry;
use crate::language::Languages;
use crate::site::{Reference, Site};
use crate::value::Value;

/// Names of this length and more are counted.
const LONG_NAME: usize = 256;

impl<'a> Lowering<'_, '_, 'a> {
    /// A definition's own name with the names of its scopes, if its language has them.
    pub(super) fn name(&mut self, site: Site, entry: &Entry<'a>) -> Option<Name> {
        let (mut site, mut entry) = (site, *entry);
        for _ in 0..4 {
            if let Some(text) = self.text(site, &entry) {
                let scope = self.scope(site);
                return match scope {
                    Some(scope) => {
                        if !self.has_room(scope.len()) {
                            return Some(text);
                        }
                        let full = format!("{scope}::{}", self.profile.names.get(text));
                        Some(self.profile.names.intern(&full))
                    }
                    None => Some(text),
                };
            }
            // The name of a definition outside the class that declares it is in the declaration.
            let (unit, at) = self.units.find(site.unit, entry.link)?;
            site = Site { unit, at };
            entry = self.entry(site)?;
        }
        None
    }

    fn scope(&mut self, site: Site) -> Option<Rc<str>> {
        let root = self.found.roots.get(&site.unit);
        if !Languages::is_scoped(root.and_then(|root| root.language)) {
            return None;
        }
        let plans = self.plans_of(site.unit)?;
        let unit = self.units.units.get(site.unit as usize)?;
        let strings = self.found.strings(site.unit, unit);
        self.scopes.around(site, unit, &plans, &strings)
    }

    /// A variable's name and type, from its entry or the entries that it links to. The first of them may have been read.
    pub(super) fn variable(&mut self, site: Site, parts: &[Part<'a>]) -> Option<(Name, TypeId)> {
        let (mut name, mut ty) = (None, None);
        let (mut site, mut parts) = (site, parts.iter());
        for _ in 0..MAX_LINKS {
            let part = match parts.next() {
                Some(part) => *part,
                None => Part::of(&self.entry(site)?),
            };
            name = name.or_else(|| self.named(site, part.name));
            if ty.is_none() && part.ty != Reference::Nothing {
                ty = Some(self.held(site, part.ty));
            }
            if name.is_some() && ty.is_some() {
                break;
            }
            let (unit, at) = self.units.find(site.unit, part.link)?;
            site = Site { unit, at };
        }
        Some((name?, ty?))
    }

    /// An entry's own name.
    pub(super) fn text(&mut self, site: Site, entry: &Entry<'a>) -> Option<Name> {
        self.named(site, entry.name)
    }

    /// The name that an attribute of the entry at `site` gives.
    fn named(&mut self, site: Site, attribute: Option<Value<'a>>) -> Option<Name> {
        let unit = self.units.units.get(site.unit as usize)?;
        let text = self.found.strings(site.unit, unit).text(attribute?)?;
        if text.is_empty() {
            return None;
        }
        if !self.has_room(text.len()) {
            self.report.lose("names that overlap", || self.units.place(site));
            return None;
        }
        let name = self.profile.names.intern_utf8(text).unwrap_or_else(|_| {
            let text = String::from_utf8_lossy(text);
            self.report.lose("names that are not UTF-8", || text.clone().into_owned());
            self.profile.names.intern(&text)
        });
        Some(name)
    }

    /// Whether a name of this length may be kept. Long names can overlap in the table of texts, so together they
    /// could have any size; no more are kept than the file could hold without overlaps.
    fn has_room(&self, length: usize) -> bool {
        length < LONG_NAME || self.profile.names.length().saturating_add(length) <= self.longest_names
    }
}
