//! Finds the symbols that distinguish each profile from all others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use profile::Text;
use sha2::{Digest, Sha256};

use super::pieces::hexadecimal;

/// Symbols with their offsets from the base.
pub(super) type Trait = Vec<(String, i64)>;

/// The result.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The traits of each profile, by its position; none if another one has the same symbols.
    pub(super) traits: BTreeMap<usize, Vec<Trait>>,
    /// Every profile that has the base.
    pub(super) profiles: BTreeSet<usize>,
    /// For each set of symbols, its digest and the first profile that has it.
    pub(super) hashes: BTreeMap<String, usize>,
}

/// Up to this many profiles' symbols are held in memory as a whole; with more profiles, a part of the names at a
/// time.
const HELD: usize = 16;
/// How many of a profile's rarest symbols are paired.
const PAIRED: usize = 64;

/// The largest image of a kernel, in bytes.
const REACH: u64 = 1 << 30;

/// A symbol of a profile: the number of its name, its offset, and the profile.
type Symbol = (u32, i64, u32);

/// Finds up to `most` traits of each of `count` profiles; `read` returns the text of one, or `None`. First come
/// single symbols whose offset no other profile shares, spread over all of them; if those are too few, pairs.
pub(super) fn find(
    count: usize,
    base: &str,
    most: usize,
    read: &mut dyn FnMut(usize) -> Option<Text>,
) -> Found {
    let mut found = Found::default();
    let slices = count.div_ceil(HELD).max(1) as u64;
    let mut first = Slice::default();
    for slice in 0..slices {
        let mut held = Slice::default();
        for profile in 0..count {
            let repeated = slice > 0 && !found.traits.contains_key(&profile);
            if repeated {
                continue;
            }
            let Some(text) = read(profile) else { continue };
            if slice == 0 && !found.add(profile, &text, base) {
                continue;
            }
            held.take(profile, &text, base, |name| fnv(name) % slices == slice);
        }
        held.symbols.sort_unstable();
        for (profile, single) in held.single() {
            let Some(traits) = found.traits.get_mut(&profile) else { continue };
            let wanted = most.saturating_sub(traits.len()).min(single.len());
            let spread = (0..wanted).filter_map(|one| single.get(one * single.len() / wanted.max(1)));
            traits.extend(spread.map(|symbol| vec![symbol.clone()]));
        }
        if slice == 0 {
            first = held;
        }
        if found.traits.values().all(|traits| traits.len() >= most) {
            break;
        }
    }
    for (profile, traits) in &mut found.traits {
        let wanted = most.saturating_sub(traits.len());
        traits.extend(first.pairs(*profile, wanted));
    }
    found
}

impl Found {
    /// Adds a profile; returns whether it is the first with its symbols and has the base.
    fn add(&mut self, profile: usize, text: &Text, base: &str) -> bool {
        let Some(origin) = origin(text, base) else { return false };
        let mut symbols: Vec<String> = Vec::new();
        text.each_symbol(|name, address, _| {
            if is_own(name) {
                symbols.push(format!("({name}, {})", i128::from(address) - i128::from(origin)));
            }
        });
        symbols.sort_unstable();
        let digest = hexadecimal(&Sha256::digest(symbols.join("|").as_bytes()));
        self.profiles.insert(profile);
        let known = self.hashes.contains_key(&digest);
        if !known {
            self.hashes.insert(digest, profile);
            self.traits.insert(profile, Vec::new());
        }
        !known
    }
}

/// The address of the base.
fn origin(text: &Text, base: &str) -> Option<u64> {
    let mut origin = None;
    text.each_symbol(|name, address, _| {
        if name == base {
            origin = Some(address);
        }
    });
    origin
}

/// Whether a symbol is used: symbols that compilers number change with every build, and others are not the kernel's
/// own.
fn is_own(name: &str) -> bool {
    !name.contains('.') && name != "__irf_end"
}

/// The symbols of a part of the names.
#[derive(Default)]
struct Slice {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
    symbols: Vec<Symbol>,
}

impl Slice {
    fn take(&mut self, profile: usize, text: &Text, base: &str, wanted: impl Fn(&str) -> bool) {
        let Some(origin) = origin(text, base) else { return };
        let mut seen = BTreeSet::new();
        text.each_symbol(|name, address, _| {
            let place = address.wrapping_sub(origin) as i64;
            // Offsets in per-CPU data do not move with the kernel.
            let moves = place.unsigned_abs() < REACH && name != base;
            if !moves || !is_own(name) || !wanted(name) {
                return;
            }
            let number = self.numbers.get(name).copied().unwrap_or_else(|| {
                let number = self.names.len() as u32;
                self.names.push(name.to_owned());
                self.numbers.insert(name.to_owned(), number);
                number
            });
            if seen.insert(number) {
                self.symbols.push((number, place, profile as u32));
            }
        });
    }

    /// The profiles that share each symbol's offset.
    fn groups(&self) -> impl Iterator<Item = &[Symbol]> {
        self.symbols.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
    }

    fn named(&self, symbol: &Symbol) -> (String, i64) {
        (self.names.get(symbol.0 as usize).cloned().unwrap_or_default(), symbol.1)
    }

    /// For each profile, the symbols whose offset it shares with none, by name.
    fn single(&self) -> BTreeMap<usize, Vec<(String, i64)>> {
        let mut single: BTreeMap<usize, Vec<(String, i64)>> = BTreeMap::new();
        for group in self.groups() {
            if let [symbol] = group {
                single.entry(symbol.2 as usize).or_default().push(self.named(symbol));
            }
        }
        for symbols in single.values_mut() {
            symbols.sort_unstable();
        }
        single
    }

    /// Up to `wanted` pairs of the rarest symbols whose offsets no other profile has both of.
    fn pairs(&self, profile: usize, wanted: usize) -> Vec<Trait> {
        if wanted == 0 {
            return Vec::new();
        }
        let own = |group: &&[Symbol]| group.len() > 1 && group.iter().any(|one| one.2 as usize == profile);
        let mut shared: Vec<&[Symbol]> = self.groups().filter(own).collect();
        shared.sort_by_cached_key(|group| (group.len(), group.first().map(|one| self.named(one))));
        shared.truncate(PAIRED);
        let mut pairs = Vec::new();
        for (at, one) in shared.iter().enumerate() {
            for other in shared.iter().skip(at + 1) {
                let both = one.iter().filter(|a| other.iter().any(|b| a.2 == b.2)).count();
                if both == 1
                    && let (Some(one), Some(other)) = (one.first(), other.first())
                {
                    pairs.push(vec![self.named(one), self.named(other)]);
                    if pairs.len() == wanted {
                        return pairs;
                    }
                }
            }
        }
        pairs
    }
}

/// The FNV-1a hash of a name: the part of the names that it belongs to, the same on every machine.
fn fnv(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(symbols: &[(&str, u64)]) -> Text {
        let symbols: Vec<String> =
            symbols.iter().map(|(name, address)| format!("\"{name}\": {address}")).collect();
        let text = format!(
            "{{\"$CONSTANTS\": {{{}}}, \"$METADATA\": {{\"ProfileClass\": \"Linux64\", \"Type\": \"Profile\"}}}}",
            symbols.join(", ")
        );
        Text::new(text.into_bytes()).unwrap()
    }

    fn traits(profiles: &[&[(&str, u64)]], most: usize) -> Found {
        find(profiles.len(), "base", most, &mut |profile| Some(text(profiles[profile])))
    }

    fn shown(traits: &[Trait]) -> Vec<String> {
        let one = |one: &Trait| {
            let symbols: Vec<String> = one.iter().map(|(name, at)| format!("{name}{at:+}")).collect();
            symbols.join(" ")
        };
        traits.iter().map(one).collect()
    }

    #[test]
    fn single_symbols_then_pairs() {
        let found = traits(
            &[
                &[("base", 100), ("a", 110), ("b", 120), ("c", 130), ("x.1", 7), ("__irf_end", 8)],
                &[("base", 200), ("a", 210), ("b", 221), ("c", 230)],
                &[("base", 300), ("a", 311), ("b", 320), ("c", 330)],
                // The same symbols as the first.
                &[("__irf_end", 8), ("a", 110), ("b", 120), ("base", 100), ("c", 130), ("x.1", 7)],
                &[("other", 1)],
            ],
            2,
        );
        assert_eq!(found.traits.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
        // No symbol of the first is unique: a is also in the second, b in the third; only the first has both.
        assert_eq!(shown(&found.traits[&0]), ["a+10 b+20"]);
        assert_eq!(shown(&found.traits[&1]), ["b+21", "a+10 b+21"].get(..1).unwrap());
        assert_eq!(shown(&found.traits[&2]), ["a+11"]);
        assert_eq!(found.hashes.len(), 3);
    }

    #[test]
    fn many_profiles_are_distinguished_slice_by_slice() {
        let all: Vec<Vec<(String, u64)>> = (0..40_u64)
            .map(|profile| {
                let mut symbols = vec![("base".to_owned(), 1000)];
                symbols
                    .extend((0..200).map(|at| (format!("s{at}"), 2000 + at * 100 + (profile * 7 + at) % 41)));
                symbols
            })
            .collect();
        let mut reads = 0;
        let found = find(all.len(), "base", 6, &mut |profile| {
            reads += 1;
            let symbols: Vec<(&str, u64)> =
                all[profile].iter().map(|(name, at)| (name.as_str(), *at)).collect();
            Some(text(&symbols))
        });
        assert_eq!(reads, 40, "the first part of the names was enough");
        for (profile, traits) in &found.traits {
            assert_eq!(traits.len(), 6);
            for (other, symbols) in all.iter().enumerate() {
                let holds = |one: &Trait| {
                    one.iter().all(|(name, at)| {
                        symbols.iter().any(|(known, address)| known == name && *address as i64 - 1000 == *at)
                    })
                };
                assert_eq!(traits.iter().any(holds), other == *profile, "{profile} {other}");
            }
        }
    }
}
