use std::path::Path;

use super::repositories::is_remote;
use super::symbols::Connection;
use crate::files::Files;

/// The profile of one build of a bundle, which is named as `kernels.bundle:6.1.0-56-cloud-amd64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InBundle<'a> {
    /// The bundle: a file, or an address.
    pub bundle: &'a str,
    /// The build, by its name, its version or what identifies it.
    pub build: &'a str,
}

/// What separates a bundle from the name of a build in it.
const OF_BUNDLE: &str = ".bundle:";

impl<'a> InBundle<'a> {
    /// The build that `named` selects: what follows the name of a file, or an address or a name that ends in `.bundle`,
    /// and a colon. `None` for an existing file and everything else.
    pub fn of(named: &'a Path) -> Option<Self> {
        let text = named.to_str().filter(|_| !named.exists())?;
        let mut colons = text.match_indices(':').map(|(place, _)| place);
        let is_file = |place: &usize| text.get(..*place).is_some_and(|file| Path::new(file).is_file());
        let by_ending = || Some(text.find(OF_BUNDLE)? + OF_BUNDLE.len() - 1);
        let (bundle, build) = text.split_at_checked(colons.find(is_file).or_else(by_ending)?)?;
        let build = build.strip_prefix(':').filter(|build| !build.is_empty())?;
        Some(Self { bundle, build })
    }

    /// Whether the bundle is on a server.
    pub fn is_remote(self) -> bool {
        is_remote(self.bundle)
    }
}

/// Adds a profile as an input: a file, or a build of a bundle.
pub fn list_profile(said: &'static str, named: &Path, files: &mut Files) {
    match InBundle::of(named) {
        Some(build) => files.input(said, Path::new(build.bundle)),
        None => files.input(said, named),
    }
}

/// The same for a command that also reads bundles on servers.
pub fn list_profile_anywhere(said: &'static str, named: &Path, connection: &Connection, files: &mut Files) {
    match InBundle::of(named).filter(|build| build.is_remote()) {
        Some(_) => {
            connection.list_client(files);
            connection.list(files);
        }
        None => list_profile(said, named, files),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_of_a_bundle_is_named_behind_it() {
        let parts = |text| InBundle::of(Path::new(text)).map(|found| (found.bundle, found.build));
        assert_eq!(parts("a/k.bundle:6.1.0"), Some(("a/k.bundle", "6.1.0")));
        assert_eq!(parts("k.bundle:nt/GUID/ABC1"), Some(("k.bundle", "nt/GUID/ABC1")));
        assert_eq!(parts("http://h:80/k.bundle:a#b"), Some(("http://h:80/k.bundle", "a#b")));
        for other in ["k.bundle", "k.bundle:", "c:k.json", "k.json:6.1.0"] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
