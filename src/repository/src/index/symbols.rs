use serde_json::Value;

use super::likeness::SYMBOL_BITS;
use super::{Likeness, number, sections, wrong};
use crate::Error;

/// For each profile, sets of symbols whose offsets from a base no other profile shares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SymbolIndex {
    base: String,
    profiles: Vec<(String, Vec<Trait>)>,
}

/// Symbols with their offsets from the base.
type Trait = Vec<(String, i64)>;

impl SymbolIndex {
    /// Reads an index, compressed or not; `place` is its name in errors.
    ///
    /// # Errors
    /// [`Error::Profile`] and [`Error::Storage`] if it is not an index.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self, Error> {
        let (entries, around) = sections(bytes, place)?;
        let metadata = around.get("$METADATA");
        let base = metadata.and_then(|metadata| metadata.get("BaseSymbol")?.as_str());
        let mut profiles = Vec::new();
        if let Some(Value::Object(all)) = entries.get("$TRAITS") {
            for (name, value) in all {
                let traits = value.as_array().and_then(|traits| traits.iter().map(from_json).collect());
                let traits: Vec<Trait> =
                    traits.ok_or_else(|| wrong(place, name, "a list of [[symbol, offset]...]", value))?;
                profiles.push((name.clone(), traits));
            }
        }
        Ok(Self { base: base.unwrap_or("linux_proc_banner").to_owned(), profiles })
    }

    /// Compares each profile with a kernel whose addresses `symbol` returns by name; empty if the kernel lacks the
    /// base.
    pub fn rank<'s>(&self, symbol: &dyn Fn(&str) -> &'s [u64]) -> Vec<Likeness> {
        let [base] = symbol(&self.base) else { return Vec::new() };
        let stands = |(name, offset): &(String, i64)| {
            symbol(name).iter().any(|address| address.wrapping_sub(*base) as i64 == *offset)
        };
        let profiles = self.profiles.iter().map(|(name, traits)| {
            let mut likeness = Likeness::new(name);
            for one in traits {
                likeness.see(one.iter().all(stands), SYMBOL_BITS * one.len() as u64);
            }
            likeness
        });
        profiles.collect()
    }
}

/// A trait: `[[symbol, offset], ...]`.
fn from_json(value: &Value) -> Option<Trait> {
    let symbol = |value: &Value| {
        let [name, offset] = value.as_array()?.as_slice() else { return None };
        Some((name.as_str()?.to_owned(), number(offset)?))
    };
    value.as_array().filter(|symbols| !symbols.is_empty())?.iter().map(symbol).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trait_is_all_of_its_symbols() {
        let text = r#"{"$METADATA": {"BaseSymbol": "b"}, "$INDEX": {"$TRAITS": {
            "x": [[["a", 16], ["c", -8]]], "y": [[["a", 16]], [["d", 1]]]}}}"#;
        let index = SymbolIndex::parse(text.as_bytes(), "index").unwrap();
        let symbol = |name: &str| -> &[u64] {
            match name {
                "b" => &[0x1000],
                "a" => &[0x20, 0x1010],
                "c" => &[0xff8],
                _ => &[],
            }
        };
        let said = index.rank(&symbol);
        let said: Vec<_> = said.iter().map(|one| (one.profile.as_str(), one.agreed, one.seen)).collect();
        assert_eq!(said, [("x", 1, 1), ("y", 1, 2)]);
        assert!(index.rank(&|_| &[]).is_empty());
        let error = SymbolIndex::parse(br#"{"$INDEX": {"$TRAITS": {"x": [[["a"]]]}}}"#, "index").unwrap_err();
        assert!(error.to_string().contains("[[symbol, offset]...]"), "{error}");
    }
}
