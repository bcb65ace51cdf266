use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// One of several parts of the work, determined by the profile's name alone, so that machines need not coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 1.
    pub number: u32,
    /// The number of parts.
    pub count: u32,
}

/// Why a text is not a shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("shard '{0}': expected K/N, K from 1 to N, as 2/8")]
pub struct ShardError(String);

impl Shard {
    /// Whether the profile of this name belongs to it.
    pub fn takes(&self, name: &str) -> bool {
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(name.as_bytes()));
        u32::from_be_bytes([a, b, c, d]) % self.count == self.number - 1
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let wrong = || ShardError(text.chars().take(64).collect());
        let (number, count) = text.split_once('/').ok_or_else(wrong)?;
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let count: u32 = count.parse().map_err(|_| wrong())?;
        if number == 0 || number > count { Err(wrong()) } else { Ok(Self { number, count }) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_belongs_to_one_shard() {
        let mut counts = [0; 3];
        for index in 0..300 {
            let name = format!("nt/GUID/{index}");
            let takers: Vec<u32> =
                (1..=3).filter(|number| Shard { number: *number, count: 3 }.takes(&name)).collect();
            assert_eq!(takers.len(), 1, "{name}");
            counts[takers[0] as usize - 1] += 1;
        }
        assert!(counts.iter().all(|count| (70..=130).contains(count)), "{counts:?}");
    }

    #[test]
    fn other_texts_than_shards_are_refused() {
        assert_eq!("2/8".parse(), Ok(Shard { number: 2, count: 8 }));
        for text in ["", "1", "0/3", "4/3", "1/0", "a/b", "-1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
