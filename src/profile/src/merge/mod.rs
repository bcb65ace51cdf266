//! Profiles that refer to others: `$MERGE`, and symlinks.
//!
//! Where the others are is for the caller to know: it gives a function that loads a profile by its name.

mod overlay;

use overlay::laid_over;

use crate::Profile;

/// Why a profile that refers to others is not complete.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError<E> {
    /// One of them could not be loaded.
    #[error("profile {name}: {source}")]
    Load {
        /// Its name.
        name: String,
        /// Why.
        source: E,
    },
    /// They lead in a circle.
    #[error("profiles lead in a circle: {}", names.join(" -> "))]
    Circle {
        /// The names on the way, the first once more at the end.
        names: Vec<String>,
    },
    /// They lead further than any profile does.
    #[error("profiles lead too far: {} -> ...; expected at most {limit}", names.join(" -> "))]
    TooFar {
        /// The names on the way.
        names: Vec<String>,
        /// How many are followed.
        limit: usize,
    },
}

/// How deep profiles may refer to others.
const MAX_DEPTH: usize = 16;
/// How many profiles may be merged into one.
const MAX_MERGED: usize = 256;

/// The profile that `profile` stands for: itself, or what its symlink leads to in the end.
///
/// # Errors
/// [`MergeError`] where a profile cannot be loaded, or symlinks lead in a circle or too far.
pub fn follow_symlinks<E>(
    profile: Profile,
    load: &mut dyn FnMut(&str) -> Result<Profile, E>,
) -> Result<Profile, MergeError<E>> {
    Walk { load, way: Vec::new(), merged: 0 }.follow(profile)
}

/// The profile with every profile of its `$MERGE` laid over it, as Rekall does when it loads one.
///
/// They are laid over in order, each with its own `$MERGE` and through symlinks. A struct or an enumeration
/// that comes later replaces an earlier one whole; symbols, variables' types and settings are replaced one
/// by one. The metadata stay those of `profile`, and nothing is left to merge.
///
/// # Errors
/// [`MergeError`] where a profile cannot be loaded, or profiles lead in a circle or too far.
pub fn merge<E>(
    profile: Profile,
    load: &mut dyn FnMut(&str) -> Result<Profile, E>,
) -> Result<Profile, MergeError<E>> {
    Walk { load, way: Vec::new(), merged: 0 }.merge(profile)
}

struct Walk<'a, E> {
    load: &'a mut dyn FnMut(&str) -> Result<Profile, E>,
    /// The names of the profiles that led here.
    way: Vec<String>,
    merged: usize,
}

impl<E> Walk<'_, E> {
    fn merge(&mut self, profile: Profile) -> Result<Profile, MergeError<E>> {
        let depth = self.way.len();
        let mut whole = self.follow(profile)?;
        for name in std::mem::take(&mut whole.merge) {
            let depth = self.way.len();
            self.merged += 1;
            let over = self.load(&name)?;
            let over = self.merge(over)?;
            self.way.truncate(depth);
            whole = laid_over(&whole, &over);
        }
        self.way.truncate(depth);
        Ok(whole)
    }

    fn follow(&mut self, mut profile: Profile) -> Result<Profile, MergeError<E>> {
        while let Some(target) = profile.symlink_target() {
            let target = target.to_owned();
            profile = self.load(&target)?;
        }
        Ok(profile)
    }

    fn load(&mut self, name: &str) -> Result<Profile, MergeError<E>> {
        let circle = self.way.iter().position(|known| known == name);
        self.way.push(name.to_owned());
        if let Some(start) = circle {
            return Err(MergeError::Circle { names: self.way.split_off(start) });
        }
        if self.way.len() > MAX_DEPTH || self.merged > MAX_MERGED {
            let limit = if self.merged > MAX_MERGED { MAX_MERGED } else { MAX_DEPTH };
            return Err(MergeError::TooFar { names: std::mem::take(&mut self.way), limit });
        }
        (self.load)(name).map_err(|source| MergeError::Load { name: name.to_owned(), source })
    }
}
