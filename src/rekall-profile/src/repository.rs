//! Repositories of profiles: local folders, servers and buckets.

use std::path::PathBuf;

use image::ScanPlan;
use profile::Silent;
pub use repository::{Error, ProfileName};
use repository::{Options, Repositories as Places, detect};

use crate::{Image, Profile};

/// Repositories in the order in which they are asked; folders of this machine come before servers.
pub struct Repositories {
    places: Places,
}

impl Repositories {
    /// Opens the repositories at these places: folders, addresses (`https://…`) or buckets (`s3://…`). Nothing is read
    /// yet. Copies of what servers have are kept in `cache` if it is given.
    ///
    /// # Errors
    /// [`crate::Error::Repository`] if a text is something else.
    pub fn open(places: &[String], cache: Option<PathBuf>) -> Result<Self, crate::Error> {
        Ok(Self { places: Places::open(places, &Options { cache, ..Options::default() })? })
    }

    /// The profile of this name (`nt/GUID/…`, `Linux/<build-id>`, `OSX/10.7.4_AMD`), behind any symlinks.
    ///
    /// # Errors
    /// [`crate::Error::Repository`] with every place that was asked.
    pub fn load(&self, name: &ProfileName) -> Result<Profile, crate::Error> {
        Ok(self.places.load(name, &Silent)?.text.into())
    }

    /// The names of all profiles below a folder (`nt/GUID`; the empty text stands for all), with the places that could not
    /// be asked.
    pub fn names(&self, folder: &str) -> (Vec<ProfileName>, Vec<Error>) {
        self.places.names(folder)
    }

    /// The name of the profile of the kernel in an image: one that is in the repositories and was proved on the image.
    /// `None` if there is no such profile.
    pub fn detect(&self, image: &Image) -> Option<ProfileName> {
        let detection = detect::detect(image.inner(), &self.places, &ScanPlan::default());
        detection.found.map(|(name, _, _)| name)
    }
}
