use crate::ProfileName;

/// A profile that is to be indexed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Its name.
    pub(crate) name: ProfileName,
    /// The SHA-256 of its object.
    pub(crate) sha256: String,
}

/// The profiles that are to be indexed, in the order of their names, each given when it is needed: there are tens of
/// thousands.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    count: usize,
    get: &'a (dyn Fn(usize) -> Option<Source> + Sync),
}

/// How much of a SHA-256 identifies an object's version.
const SHORT: usize = 16;

impl Source {
    /// What an index records of the object's SHA-256.
    pub(super) fn version(&self) -> &str {
        self.sha256.get(..SHORT).unwrap_or(&self.sha256)
    }
}

impl<'a> Sources<'a> {
    /// `get` gives the profile at a position below `count`.
    pub(crate) fn new(count: usize, get: &'a (dyn Fn(usize) -> Option<Source> + Sync)) -> Self {
        Self { count, get }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn get(&self, position: usize) -> Option<Source> {
        if position < self.count { (self.get)(position) } else { None }
    }
}

/// Goes through the sources beside a sorted list of names.
pub(super) struct Cursor<'a> {
    sources: Sources<'a>,
    position: usize,
    /// The source at the position.
    ahead: Option<Source>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(sources: Sources<'a>) -> Self {
        Self { sources, position: 0, ahead: sources.get(0) }
    }

    /// The position and the source of this name, if it is among the sources. Names have to come in their order.
    pub(super) fn find(&mut self, name: &str) -> Option<(usize, &Source)> {
        while self.ahead.as_ref().is_some_and(|source| source.name.as_str() < name) {
            self.position += 1;
            self.ahead = self.sources.get(self.position);
        }
        let source = self.ahead.as_ref().filter(|source| source.name.as_str() == name)?;
        Some((self.position, source))
    }
}
