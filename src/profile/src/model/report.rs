use std::collections::BTreeMap;

/// The losses of a front-end, and warnings for the user.
///
/// Every loss has a kind and a count; nothing is dropped without being counted here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    losses: BTreeMap<String, Tally>,
    warnings: Vec<String>,
}

/// How often one kind of loss occurred, with its first examples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The count.
    pub count: u64,
    /// Up to [`Tally::EXAMPLES`] places or names, in order of appearance; up to [`Tally::LISTED`] if each of them
    /// matters ([`Report::list`]).
    pub examples: Vec<String>,
}

impl Tally {
    /// How many examples are kept.
    pub const EXAMPLES: usize = 5;
    /// How many are kept for losses that are listed.
    pub const LISTED: usize = 1000;
}

impl Report {
    /// Counts one loss of `kind`; `example` is called only while examples are still kept.
    pub fn lose(&mut self, kind: &str, example: impl FnOnce() -> String) {
        self.lose_many(kind, 1, example);
    }

    /// Counts `count` losses of `kind` at once, with one example for them.
    pub fn lose_many(&mut self, kind: &str, count: u64, example: impl FnOnce() -> String) {
        self.add(kind, count, Tally::EXAMPLES, example);
    }

    /// Counts one loss of a `kind` whose every occurrence matters to a user: up to [`Tally::LISTED`] are kept.
    pub fn list(&mut self, kind: &str, example: impl FnOnce() -> String) {
        self.add(kind, 1, Tally::LISTED, example);
    }

    fn add(&mut self, kind: &str, count: u64, kept: usize, example: impl FnOnce() -> String) {
        if !self.losses.contains_key(kind) {
            self.losses.insert(kind.to_owned(), Tally::default());
        }
        if let Some(tally) = self.losses.get_mut(kind) {
            tally.count += count;
            if tally.examples.len() < kept {
                tally.examples.push(example());
            }
        }
    }

    /// Adds a sentence for the user that is not a loss.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Every kind of loss with its count, by kind.
    pub fn losses(&self) -> impl Iterator<Item = (&str, &Tally)> {
        self.losses.iter().map(|(kind, tally)| (kind.as_str(), tally))
    }

    /// How many losses of `kind` were counted.
    pub fn count(&self, kind: &str) -> u64 {
        self.losses.get(kind).map_or(0, |tally| tally.count)
    }

    /// How many losses there are of all kinds.
    pub fn total(&self) -> u64 {
        self.losses.values().map(|tally| tally.count).sum()
    }

    /// The warnings, in the order given.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Adds everything that `other` counted.
    pub fn absorb(&mut self, other: Report) {
        for (kind, theirs) in other.losses {
            let ours = self.losses.entry(kind).or_default();
            ours.count += theirs.count;
            let kept = Tally::EXAMPLES.max(ours.examples.len()).max(theirs.examples.len());
            ours.examples.extend(theirs.examples);
            ours.examples.truncate(kept);
        }
        self.warnings.extend(other.warnings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_kind_and_keeps_the_first_examples() {
        let mut report = Report::default();
        for index in 0..7 {
            report.lose("unknown leaf", || format!("0x{index:x}"));
        }
        assert_eq!(report.count("unknown leaf"), 7);
        let (_, tally) = report.losses().next().unwrap();
        assert_eq!(tally.examples, ["0x0", "0x1", "0x2", "0x3", "0x4"]);
    }

    #[test]
    fn absorbing_adds_counts() {
        let (mut ours, mut theirs) = (Report::default(), Report::default());
        ours.lose("a", || "1".into());
        theirs.lose_many("a", 2, || "2".into());
        theirs.warn("w");
        ours.absorb(theirs);
        assert_eq!((ours.count("a"), ours.total(), ours.warnings().len()), (3, 3, 1));
    }
}
