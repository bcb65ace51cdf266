use std::collections::BTreeMap;

/// How similar a profile is to an image: the points that agree, of all that could be read.
///
/// Points are weighted. A byte that fills the space between functions is common, eight letters are not: the weight of
/// a point is the number of bits that chance would have to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likeness {
    /// The profile's name.
    pub profile: String,
    /// How many points agree.
    pub agreed: usize,
    /// How many could be read.
    pub seen: usize,
    /// The bits of the points that agree.
    pub bits: u64,
    /// The bits of the points that could be read.
    pub of: u64,
}

/// The weight of a symbol at the right address: a kernel has megabytes, in steps of 16 bytes.
pub(super) const SYMBOL_BITS: u64 = 16;

/// The weight of a pointer to page tables at the profile's offset: chance does not match that, but builds share
/// layouts.
const LAYOUT_BITS: u64 = 24;

impl Likeness {
    /// Nothing seen yet.
    pub(super) fn new(profile: &str) -> Self {
        Self { profile: profile.to_owned(), agreed: 0, seen: 0, bits: 0, of: 0 }
    }

    /// For a profile by exported symbols: whether each common symbol is at the right address.
    pub(crate) fn of_exports(profile: &str, agree: impl Iterator<Item = bool>) -> Self {
        let mut likeness = Self::new(profile);
        agree.for_each(|agrees| likeness.see(agrees, SYMBOL_BITS));
        likeness
    }

    /// For a profile by a struct's layout: whether an instance with this layout was found.
    pub(crate) fn of_struct(profile: &str, found: bool) -> Self {
        let mut likeness = Self::new(profile);
        likeness.see(found, LAYOUT_BITS);
        likeness
    }

    /// Adds a point that was read.
    pub(super) fn see(&mut self, agrees: bool, bits: u64) {
        self.seen += 1;
        self.of += bits;
        if agrees {
            self.agreed += 1;
            self.bits += bits;
        }
    }

    /// From 0 to 1: the share of bits that agree; 0 if nothing could be read.
    pub fn score(&self) -> f64 {
        if self.of == 0 { 0.0 } else { self.bits as f64 / self.of as f64 }
    }

    /// Combines the results of several indexes for the same profiles, best first: the highest score, then the most
    /// that could be read, then by name. Profiles without any agreement are left out.
    pub fn together(said: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut all: BTreeMap<String, Self> = BTreeMap::new();
        for one in said {
            let sum = all.entry(one.profile.clone()).or_insert_with(|| Self::new(&one.profile));
            sum.agreed += one.agreed;
            sum.seen += one.seen;
            sum.bits += one.bits;
            sum.of += one.of;
        }
        let mut all: Vec<Self> = all.into_values().filter(|one| one.agreed > 0).collect();
        // Scores are compared as fractions, so that equal ones are equal.
        all.sort_by(|a, b| {
            let (left, right) =
                (u128::from(a.bits) * u128::from(b.of), u128::from(b.bits) * u128::from(a.of));
            right.cmp(&left).then(b.of.cmp(&a.of)).then_with(|| a.profile.cmp(&b.profile))
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(profile: &str, bits: u64, of: u64) -> Likeness {
        Likeness { profile: profile.to_owned(), agreed: bits as usize, seen: of as usize, bits, of }
    }

    #[test]
    fn the_best_comes_first() {
        let said =
            [one("b", 3, 4), one("a", 1, 4), one("a", 8, 8), one("c", 3, 4), one("d", 0, 4), one("e", 6, 8)];
        let order: Vec<String> = Likeness::together(said).into_iter().map(|one| one.profile).collect();
        // All have the same share; nine of twelve counts more than three of four.
        assert_eq!(order, ["a", "e", "b", "c"]);
        assert_eq!(Likeness::new("x").score(), 0.0);
    }
}
