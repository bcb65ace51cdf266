use std::ops::Range;

use crate::bytes::{Cursor, Decoded, Malformed, push_number};

/// Consecutive builds in which a key has the same value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Positions in the list of builds.
    pub builds: Range<usize>,
    /// The number of the value among the key's values; `None` if these builds do not have the key.
    pub version: Option<usize>,
}

/// Which value a key has in each build, as a list of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// The position of a build, and the number of the value that the key has from that build on.
    changes: Vec<(usize, Option<usize>)>,
}

impl Timeline {
    /// Records that the key has the value `version` from `build` on. Builds have to come in order.
    pub(crate) fn set(&mut self, build: usize, version: Option<usize>) {
        if self.last() != version {
            self.changes.push((build, version));
        }
    }

    /// The value in the last build.
    pub(crate) fn last(&self) -> Option<usize> {
        self.changes.last().and_then(|(_, version)| *version)
    }

    /// The value in `build`; `None` if the build does not have the key.
    pub(crate) fn at(&self, build: usize) -> Option<usize> {
        let behind = self.changes.partition_point(|(from, _)| *from <= build);
        behind.checked_sub(1).and_then(|at| self.changes.get(at)).and_then(|(_, version)| *version)
    }

    /// All builds, split where the value changes.
    pub(crate) fn spans(&self, builds: usize) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut push = |builds: Range<usize>, version| {
            if !builds.is_empty() {
                spans.push(Span { builds, version });
            }
        };
        let (mut start, mut version) = (0, None);
        for (from, next) in &self.changes {
            push(start..*from, version);
            (start, version) = (*from, *next);
        }
        push(start..builds, version);
        spans
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        push_number(out, self.changes.len() as u64);
        let mut before = 0;
        for (build, version) in &self.changes {
            push_number(out, (build - before) as u64);
            push_number(out, version.map_or(0, |version| version as u64 + 1));
            before = *build;
        }
    }

    /// Reads the timeline of a key with `versions` values from a bundle of `builds` builds.
    pub(crate) fn read(cursor: &mut Cursor<'_>, versions: usize, builds: usize) -> Decoded<Self> {
        let count = cursor.count(cursor.len())?;
        let mut changes = Vec::with_capacity(count);
        let mut build = 0_usize;
        for nth in 0..count {
            let distance = cursor.size()?;
            build = build.saturating_add(distance);
            let version = cursor.size()?.checked_sub(1);
            if build >= builds || (nth > 0 && distance == 0) {
                return Err(Malformed("a value changes in a build that does not exist"));
            }
            if version.is_some_and(|version| version >= versions) {
                return Err(Malformed("a build has a value that does not exist"));
            }
            changes.push((build, version));
        }
        Ok(Self { changes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_all_builds() {
        let mut timeline = Timeline::default();
        for (build, version) in [None, Some(0), Some(0), Some(1), None, Some(0)].into_iter().enumerate() {
            timeline.set(build, version);
        }
        let spans: Vec<_> = timeline.spans(7).into_iter().map(|span| (span.builds, span.version)).collect();
        assert_eq!(spans, [(0..1, None), (1..3, Some(0)), (3..4, Some(1)), (4..5, None), (5..7, Some(0))]);
        assert_eq!(
            (0..7).map(|build| timeline.at(build)).collect::<Vec<_>>(),
            [None, Some(0), Some(0), Some(1), None, Some(0), Some(0)]
        );
        let mut out = Vec::new();
        timeline.write(&mut out);
        assert_eq!(Timeline::read(&mut Cursor::new(&out), 2, 7), Ok(timeline.clone()));
        assert!(Timeline::read(&mut Cursor::new(&out), 1, 7).is_err(), "a value that does not exist");
        assert!(Timeline::read(&mut Cursor::new(&out), 2, 5).is_err(), "a build that does not exist");
    }
}
