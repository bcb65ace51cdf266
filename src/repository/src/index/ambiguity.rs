//! Profiles that an index cannot tell apart.

use std::collections::{BTreeMap, HashMap};

use super::data::Point;

/// A profile whose points all match another one with different symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ambiguity {
    /// The profile.
    pub(super) profile: String,
    /// A profile that it may be confused with.
    pub(super) other: String,
}

/// Every profile that may be confused with another one. `symbols` says which have the same symbols: those are
/// equivalent.
///
/// Not every pair is compared. Profiles with the same points form one group. A group's points can only all match
/// another group if the rarest of them does, so only the groups that share it are compared.
pub(super) fn find(points: &BTreeMap<String, Vec<Point>>, symbols: &HashMap<&str, &str>) -> Vec<Ambiguity> {
    let same = |one: &str, other: &str| {
        let digest = |name| symbols.get(name).filter(|digest| !digest.is_empty());
        digest(one).is_some() && digest(one) == digest(other)
    };
    let mut ids: HashMap<&Point, usize> = HashMap::new();
    let mut groups: BTreeMap<Vec<usize>, Vec<&str>> = BTreeMap::new();
    for (name, points) in points {
        let mut set: Vec<usize> = points
            .iter()
            .map(|point| {
                let next = ids.len();
                *ids.entry(point).or_insert(next)
            })
            .collect();
        set.sort_unstable();
        set.dedup();
        groups.entry(set).or_default().push(name);
    }
    let groups: Vec<(Vec<usize>, Vec<&str>)> = groups.into_iter().collect();
    let mut holders: Vec<Vec<usize>> = vec![Vec::new(); ids.len()];
    for (group, (set, _)) in groups.iter().enumerate() {
        for point in set {
            if let Some(holders) = holders.get_mut(*point) {
                holders.push(group);
            }
        }
    }
    let mut found = Vec::new();
    for (group, (set, names)) in groups.iter().enumerate() {
        let rarest = set.iter().filter_map(|point| holders.get(*point)).min_by_key(|holders| holders.len());
        let others: Vec<&str> = rarest
            .into_iter()
            .flatten()
            .filter(|other| **other != group)
            .filter_map(|other| groups.get(*other))
            .filter(|(other, _)| is_subset(set, other))
            .flat_map(|(_, names)| names.iter().copied())
            .collect();
        for name in names {
            let mut like = names.iter().filter(|other| *other != name).chain(&others);
            if let Some(other) = like.find(|other| !same(name, other)) {
                found.push(Ambiguity { profile: (*name).to_owned(), other: (*other).to_owned() });
            }
        }
    }
    found.sort_by(|a, b| a.profile.cmp(&b.profile));
    found
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
        let points = BTreeMap::from([
            ("a".to_owned(), vec![point(1, 1), point(2, 2)]),
            ("b".to_owned(), vec![point(2, 2), point(1, 1), point(3, 3)]),
            ("c".to_owned(), vec![point(1, 1), point(3, 3), point(2, 2)]),
            ("d".to_owned(), vec![point(4, 4)]),
            ("e".to_owned(), vec![point(4, 4)]),
            ("f".to_owned(), vec![point(1, 9)]),
        ]);
        let symbols = HashMap::from([("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "4"), ("f", "5")]);
        let found = find(&points, &symbols);
        let told: Vec<_> = found.iter().map(|one| (one.profile.as_str(), one.other.as_str())).collect();
        // d and e are equivalent; every point of a is in b; b and c have the same points.
        assert_eq!(told, [("a", "b"), ("b", "c"), ("c", "b")]);
    }

    /// Every pair compared, as Rekall does.
    #[test]
    fn the_same_as_comparing_every_pair() {
        let mut state = 7_u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut points = BTreeMap::new();
        for profile in 0..120 {
            let count = 1 + draw(4);
            let drawn = (0..count).map(|_| Point { offset: draw(6) as i64, data: vec![vec![draw(2) as u8]] });
            points.insert(format!("{profile:03}"), drawn.collect::<Vec<_>>());
        }
        let digests: Vec<String> = (0..120).map(|_| draw(100).to_string()).collect();
        let symbols: HashMap<&str, &str> =
            points.keys().zip(&digests).map(|(name, digest)| (name.as_str(), digest.as_str())).collect();
        let slow: Vec<&str> = points
            .iter()
            .filter(|(name, set)| {
                points.iter().any(|(other, many)| {
                    other != *name
                        && set.iter().all(|point| many.contains(point))
                        && symbols[name.as_str()] != symbols[other.as_str()]
                })
            })
            .map(|(name, _)| name.as_str())
            .collect();
        let quick = find(&points, &symbols);
        assert!(slow.len() > 20 && slow.len() < 120, "{}", slow.len());
        assert_eq!(quick.iter().map(|one| one.profile.as_str()).collect::<Vec<_>>(), slow);
    }
}
