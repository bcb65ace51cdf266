use super::objects::Objects;
use super::state::State;
use crate::records::{PackedContent, Records};
use crate::{Content, Key, Stat};

/// The description of each listed object, at the position of the object: where it is among the records.
#[derive(Debug, Default)]
pub(super) struct Contents {
    places: Vec<Place>,
    /// The descriptions of objects that no record describes.
    own: Records,
}

/// Where the description of an object is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// No description is known.
    #[default]
    None,
    /// In the record of the inventory at this position, which stays.
    Inventory(u32),
    /// In a part, which is counted from the oldest, at this position.
    Part(u32, u32),
    /// Among the new ones.
    Own(u32),
}

impl Contents {
    /// No object is described yet.
    pub(super) fn new(objects: &Objects) -> Self {
        Self { places: vec![Place::None; objects.len()], own: Records::default() }
    }

    /// Where the description of the object at this position is.
    pub(super) fn place(&self, position: usize) -> Place {
        self.places.get(position).copied().unwrap_or_default()
    }

    /// The description of the object at this position.
    pub(super) fn at<'a>(&'a self, state: &'a State, position: usize) -> Option<PackedContent<'a>> {
        let record = match self.place(position) {
            Place::None => None,
            Place::Inventory(at) => state.inventory.records().at(at as usize),
            Place::Part(part, at) => state.parts.get(part as usize)?.1.made.at(at as usize),
            Place::Own(at) => self.own.at(at as usize),
        };
        record?.content
    }

    /// The description of an object.
    pub(super) fn get<'a>(&'a self, state: &'a State, key: &str) -> Option<PackedContent<'a>> {
        self.at(state, state.present.find(key).ok()?)
    }

    /// The positions of the described objects, in the order of their keys.
    pub(super) fn described(&self) -> impl Iterator<Item = usize> {
        let places = self.places.iter().enumerate();
        places.filter(|(_, place)| **place != Place::None).map(|(position, _)| position)
    }

    /// Says where the object at this position is described.
    pub(super) fn set(&mut self, position: usize, described: Place) {
        if let Some(place) = self.places.get_mut(position) {
            *place = described;
        }
    }

    /// Makes room for descriptions of this many objects.
    pub(super) fn reserve(&mut self, count: usize) {
        self.own.reserve(count);
    }

    /// Describes the object at this position anew.
    pub(super) fn describe(&mut self, position: usize, content: &Content) {
        // The position says which object it is, so the record needs no name.
        let at = self.own.len() as u32;
        self.own.push("", 0.0, Some(content));
        self.set(position, Place::Own(at));
    }

    /// Describes an object that was written just now.
    pub(super) fn insert(&mut self, objects: &mut Objects, key: &Key, stat: &Stat, content: &Content) {
        let (position, is_new) = objects.insert(key, stat);
        if is_new {
            self.places.reserve_exact(1);
            self.places.insert(position.min(self.places.len()), Place::None);
        }
        self.describe(position, content);
    }
}
