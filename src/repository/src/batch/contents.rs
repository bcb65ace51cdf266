use super::objects::Objects;
use crate::inventory::PackedContent;
use crate::{Key, Stat};

/// The description of each listed object, at the position of the object.
#[derive(Debug, Default)]
pub(super) struct Contents(Vec<Option<PackedContent>>);

impl Contents {
    /// No object is described yet.
    pub(super) fn new(objects: &Objects) -> Self {
        Self(vec![None; objects.len()])
    }

    /// The description of an object.
    pub(super) fn get(&self, objects: &Objects, key: &str) -> Option<&PackedContent> {
        self.0.get(objects.find(key).ok()?)?.as_ref()
    }

    /// The description of the object at this position.
    pub(super) fn at(&self, position: usize) -> Option<&PackedContent> {
        self.0.get(position)?.as_ref()
    }

    /// The described objects, in the order of their keys.
    pub(super) fn iter<'a>(
        &'a self,
        objects: &'a Objects,
    ) -> impl Iterator<Item = (&'a str, &'a PackedContent)> {
        objects.keys().zip(&self.0).filter_map(|(key, content)| Some((key, content.as_ref()?)))
    }

    /// Describes the object at this position.
    pub(super) fn set(&mut self, position: usize, content: PackedContent) {
        if let Some(place) = self.0.get_mut(position) {
            *place = Some(content);
        }
    }

    /// Describes an object that was written just now.
    pub(super) fn insert(&mut self, objects: &mut Objects, key: &Key, stat: &Stat, content: PackedContent) {
        let (position, is_new) = objects.insert(key, stat);
        if is_new {
            self.0.insert(position.min(self.0.len()), None);
        }
        self.set(position, content);
    }
}
