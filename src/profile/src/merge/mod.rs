//! Profiles that refer to other profiles: `$MERGE` and symlinks.
//!
//! The caller finds the other profiles: it passes a function that loads a profile by its name.

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
        /// The cause.
        source: E,
    },
    /// The references form a circle.
    #[error("profiles refer to each other in a circle: {}", names.join(" -> "))]
    Circle {
        /// The names on the path, the first repeated at the end.
        names: Vec<String>,
    },
    /// The chain of references is longer than in any valid profile.
    #[error("profiles refer to each other in too long a chain: {} -> ...; expected at most {limit}", names.join(" -> "))]
    TooFar {
        /// The names on the path.
        names: Vec<String>,
        /// The longest chain that is followed.
        limit: usize,
    },
}

/// The longest chain of references.
const MAX_DEPTH: usize = 16;
/// How many profiles may be merged into one.
const MAX_MERGED: usize = 256;

/// The profile that `profile` stands for: itself, or the target of its symlinks.
///
/// # Errors
/// [`MergeError`] if a profile cannot be loaded, or symlinks form a circle or too long a chain.
pub fn follow_symlinks<E>(
    profile: Profile,
    load: &mut dyn FnMut(&str) -> Result<Profile, E>,
) -> Result<Profile, MergeError<E>> {
    Walk { load, way: Vec::new(), merged: 0 }.follow(profile)
}

/// The profile with every profile in its `$MERGE` applied to it, as Rekall does on loading.
///
/// They are applied in order, each with its own `$MERGE` and through symlinks. A later struct or enumeration replaces
/// an earlier one as a whole; symbols, types of variables and settings are replaced one by one. The metadata stay
/// those of `profile`, and the result has no `$MERGE`.
///
/// # Errors
/// [`MergeError`] if a profile cannot be loaded, or profiles form a circle or too long a chain.
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
