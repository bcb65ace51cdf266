//! Profiles that an index cannot tell apart.

use std::collections::{BTreeMap, HashMap};

use super::data::Point;

/// A profile whose points all match another one with different symbols. Both are positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ambiguity {
    /// The profile.
    pub(super) profile: usize,
    /// A profile that it may be confused with.
    pub(super) other: usize,
}

/// The profiles of an index by their points: those with the same points form one group.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// The number of each point.
    ids: HashMap<Point, usize>,
    /// The positions of the profiles of each group, by the numbers of their points.
    groups: BTreeMap<Vec<usize>, Vec<usize>>,
}

impl Groups {
    /// Adds the profile at a position. Positions have to come in their order.
    pub(super) fn add(&mut self, position: usize, points: Vec<Point>) {
        let ids = &mut self.ids;
        let number = |point| {
            let next = ids.len();
            *ids.entry(point).or_insert(next)
        };
        let mut set: Vec<usize> = points.into_iter().map(number).collect();
        set.sort_unstable();
        set.dedup();
        self.groups.entry(set).or_default().push(position);
    }

    /// Every profile that may be confused with another one. `symbols` gives the digest of a profile's symbols: profiles
    /// with the same symbols are equivalent.
    ///
    /// Not every pair is compared. A group's points can only all match another group if the rarest of them does, so only
    /// the groups that share it are compared.
    pub(super) fn find(&self, symbols: &dyn Fn(usize) -> Option<u64>) -> Vec<Ambiguity> {
        let same = |one: usize, other: usize| symbols(one).is_some() && symbols(one) == symbols(other);
        let groups: Vec<(&Vec<usize>, &Vec<usize>)> = self.groups.iter().collect();
        let mut holders: Vec<Vec<usize>> = vec![Vec::new(); self.ids.len()];
        for (group, (set, _)) in groups.iter().enumerate() {
            for point in *set {
                if let Some(holders) = holders.get_mut(*point) {
                    holders.push(group);
                }
            }
        }
        let mut found = Vec::new();
        for (group, (set, profiles)) in groups.iter().enumerate() {
            let rarest =
                set.iter().filter_map(|point| holders.get(*point)).min_by_key(|holders| holders.len());
            let others: Vec<usize> = rarest
                .into_iter()
                .flatten()
                .filter(|other| **other != group)
                .filter_map(|other| groups.get(*other))
                .filter(|(other, _)| is_subset(set, other))
                .flat_map(|(_, profiles)| profiles.iter().copied())
                .collect();
            for profile in *profiles {
                let mut like = profiles.iter().filter(|other| *other != profile).chain(&others);
                if let Some(other) = like.find(|other| !same(*profile, **other)) {
                    found.push(Ambiguity { profile: *profile, other: *other });
                }
            }
        }
        found.sort_by_key(|one| one.profile);
        found
    }
}

/// Whether every number of `few` is in `many`; both are sorted.
fn is_subset(few: &[usize], many: &[usize]) -> bool {
    let mut many = many.iter();
    few.iter().all(|one| many.any(|other| other == one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contained_and_equal_profiles_are_told() {
        let point = |offset, byte: u8| Point { offset, data: vec![vec![byte]] };
        let profiles = [
            vec![point(1, 1), point(2, 2)],
            vec![point(2, 2), point(1, 1), point(3, 3)],
            vec![point(1, 1), point(3, 3), point(2, 2)],
            vec![point(4, 4)],
            vec![point(4, 4)],
            vec![point(1, 9)],
        ];
        let symbols = [1, 2, 3, 4, 4, 5];
        let found = groups(&profiles).find(&|position| Some(symbols[position]));
        let told: Vec<_> = found.iter().map(|one| (one.profile, one.other)).collect();
        // 3 and 4 are equivalent; every point of 0 is in 1; 1 and 2 have the same points.
        assert_eq!(told, [(0, 1), (1, 2), (2, 1)]);
        // Nothing is known of the symbols.
        let told: Vec<usize> = groups(&profiles).find(&|_| None).iter().map(|one| one.profile).collect();
        assert_eq!(told, [0, 1, 2, 3, 4]);
    }

    fn groups(profiles: &[Vec<Point>]) -> Groups {
        let mut groups = Groups::default();
        profiles.iter().enumerate().for_each(|(position, points)| groups.add(position, points.clone()));
        groups
    }

    /// Every pair compared, as Rekall does.
    #[test]
    fn the_same_as_comparing_every_pair() {
        let mut state = 7_u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut profiles = Vec::new();
        for _ in 0..120 {
            let count = 1 + draw(4);
            let drawn = (0..count).map(|_| Point { offset: draw(6) as i64, data: vec![vec![draw(2) as u8]] });
            profiles.push(drawn.collect::<Vec<_>>());
        }
        let symbols: Vec<u64> = (0..120).map(|_| draw(100)).collect();
        let is_like = |one: usize, other: usize| {
            other != one
                && profiles[one].iter().all(|point| profiles[other].contains(point))
                && symbols[one] != symbols[other]
        };
        let slow: Vec<usize> = (0..120).filter(|one| (0..120).any(|other| is_like(*one, other))).collect();
        let quick = groups(&profiles).find(&|position| Some(symbols[position]));
        assert!(slow.len() > 20 && slow.len() < 120, "{}", slow.len());
        assert_eq!(quick.iter().map(|one| one.profile).collect::<Vec<_>>(), slow);
    }
}
