use std::path::{Path, PathBuf};

use clap::Args;

use super::heading::REPOSITORIES;
use super::in_bundle::{InBundle, list_profile_anywhere};
use super::{Building, Image, NamedImage};
use crate::files::Files;

/// A memory image and the profile of the kernel in it.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Subject {
    #[command(flatten)]
    pub image: Image,
    /// The kernel's profile: a file, a name, or a build of a bundle (FILE.bundle:BUILD); by default it is detected.
    #[arg(long, value_name = "NAME_OR_FILE", help_heading = REPOSITORIES)]
    pub profile: Option<String>,
    /// Use the profile even if it belongs to another build than the one that the image names.
    #[arg(long, help_heading = REPOSITORIES)]
    pub force: bool,
    #[command(flatten)]
    pub building: Building,
}

impl Subject {
    /// The same, with the image that was given without `-f`.
    pub fn with(&self, named: &NamedImage) -> Self {
        Self { image: self.image.or(named), ..self.clone() }
    }

    /// Adds the image and the profile. A profile that is not given is searched for, and made if there is none.
    pub fn list(&self, files: &mut Files) {
        self.image.list(files);
        match self.profile.as_deref() {
            Some(name) => match file(name) {
                Some(path) => files.input("--profile", &path),
                None if InBundle::of(Path::new(name)).is_some() => {
                    let connection = &self.building.symbols.connection;
                    list_profile_anywhere("--profile", Path::new(name), connection, files);
                }
                None => self.building.list_reading(files),
            },
            None => self.building.list(files),
        }
    }
}

/// The profile's file with this name, or with this name and `.gz`.
pub fn file(name: &str) -> Option<PathBuf> {
    let packed = format!("{name}.gz");
    [name, packed.as_str()].into_iter().map(Path::new).find(|path| path.is_file()).map(Path::to_owned)
}
