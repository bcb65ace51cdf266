use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;

use super::shape::Shape;
use crate::json::walk;

/// How many times the bytes of a section are searched before its index is made: walking a section as JSON costs as much as
/// searching it some ten times.
const SEARCHES: usize = 16;
/// What walking a section costs, in searches.
const WALK: usize = 10;

/// Where the entries of one section are, by key. It is made once lookups have cost more than making it does.
#[derive(Debug, Default)]
pub(super) struct Index {
    searches: AtomicUsize,
    /// `None` inside if the section is damaged: searching finds entries behind the damage too.
    places: OnceLock<Option<Places>>,
}

type Places = HashMap<Box<str>, Place, RandomState>;

/// Where a value is in its section.
#[derive(Debug)]
struct Place {
    range: Range<usize>,
    /// Whether the value looks like an entry of the section.
    fits: bool,
}

impl Index {
    /// Counts a search of the section's bytes.
    pub(super) fn searched(&self) {
        self.searches.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a walk through the section.
    pub(super) fn walked(&self) {
        self.searches.fetch_add(WALK, Ordering::Relaxed);
    }

    /// The text of the last value whose key is `name` and which looks like an entry, else of the last value of that key.
    /// The outer `None` means that there is no index.
    pub(super) fn find<'a>(&self, section: &'a str, name: &str, shape: Shape) -> Option<Option<&'a str>> {
        if self.places.get().is_none() && self.searches.load(Ordering::Relaxed) < SEARCHES {
            return None;
        }
        let places = self.places.get_or_init(|| places(section, shape)).as_ref()?;
        Some(places.get(name).and_then(|place| section.get(place.range.clone())))
    }
}

fn places(section: &str, shape: Shape) -> Option<Places> {
    let mut places = Places::default();
    let base = section.as_ptr().addr();
    let walked = walk::entries(section, |key, value| {
        let start = value.as_ptr().addr() - base;
        let place = Place { range: start..start + value.len(), fits: shape(value.as_bytes()) };
        match places.get_mut(&*key) {
            None => drop(places.insert(key.into(), place)),
            Some(known) if place.fits || !known.fits => *known = place,
            Some(_) => {}
        }
    });
    walked.is_ok().then_some(places)
}
