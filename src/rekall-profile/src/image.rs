use std::path::Path;

use analyzer::{Guest, Identity, Listing, Module, Process, Scope, Validation};
use image::ScanPlan;
use pe::CodeView;
use profile::GuidAge;

use crate::{Error, Profile};

/// A memory image, in any of the containers of `docs/images.md`. Nothing is written to it.
#[derive(Debug)]
pub struct Image {
    image: ::image::Image,
    place: String,
}

/// A record in memory that names a PDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PdbRecord {
    /// Its physical address.
    pub offset: u64,
    /// The GUID and age of the PDB.
    pub guid_age: GuidAge,
    /// The file name of the PDB.
    pub name: String,
    /// The path of the PDB where it was linked.
    pub path: String,
}

impl Image {
    /// Opens a memory image. The container is recognised by the content of the file, not by its name.
    ///
    /// # Errors
    /// [`Error::Image`] if it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let place = path.display().to_string();
        match ::image::Image::open(path) {
            Ok(image) => Ok(Self { image, place }),
            Err(source) => Err(Error::Image { place, source }),
        }
    }

    /// The container in words, such as "LiME image".
    pub fn container(&self) -> String {
        self.image.container().to_string()
    }

    /// The size of the memory in bytes.
    pub fn size(&self) -> u64 {
        self.image.size()
    }

    /// Every record in physical memory that names a PDB (RSDS), each GUID and age once, by address.
    pub fn scan(&self) -> Vec<PdbRecord> {
        let plan = ScanPlan { overlap: CodeView::LONGEST - 1, ..ScanPlan::default() };
        let scanned = ::image::scan(&self.image, &plan, |window, found| {
            let own = CodeView::find(window.bytes).take_while(|(at, _)| *at < window.own);
            found.extend(own.map(|(at, record)| {
                let offset = window.start.0.saturating_add(at as u64);
                pe::Sighting { offset, record }
            }));
        });
        let mut found = scanned.found;
        CodeView::keep_first(&mut found);
        let records = found.into_iter().filter_map(|pe::Sighting { offset, record }| match record {
            CodeView::Pdb(rsds) => Some(PdbRecord {
                offset,
                guid_age: rsds.guid_age,
                name: rsds.file_name().to_owned(),
                path: rsds.path,
            }),
            // These records name no PDB, or one without a GUID.
            CodeView::Unnamed(_) | CodeView::Nb10(_) => None,
        });
        records.collect()
    }

    /// Proves a profile on the image: every check with what was expected and what was found, and the verdict.
    ///
    /// # Errors
    /// [`Error::Analysis`] if the profile is not that of a kernel.
    pub fn validate(&self, profile: &Profile) -> Result<Validation, Error> {
        Ok(analyzer::prove(&self.image, &profile.layout(), Scope::Whole, &ScanPlan::default())?.validation)
    }

    /// The processes, in the order of the kernel's list.
    ///
    /// # Errors
    /// [`Error::AnotherBuild`] if the image names another build than the profile; [`Error::Analysis`] if the profile's
    /// kernel is not in the image, or the profile does not describe processes.
    pub fn processes(&self, profile: &Profile) -> Result<Listing<Process>, Error> {
        self.with_guest(profile, |guest| guest.processes())
    }

    /// The modules of the kernel, in the order of its list.
    ///
    /// # Errors
    /// As [`Image::processes`].
    pub fn modules(&self, profile: &Profile) -> Result<Listing<Module>, Error> {
        self.with_guest(profile, |guest| guest.modules())
    }

    /// The file, as it was named.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The image as the analysis uses it.
    pub(crate) fn inner(&self) -> &::image::Image {
        &self.image
    }

    /// Lists something of the kernel that a profile describes, if the image does not name another build.
    fn with_guest<T>(
        &self,
        profile: &Profile,
        list: impl FnOnce(&Guest<'_>) -> Result<T, analyzer::Error>,
    ) -> Result<T, Error> {
        let layout = profile.layout();
        let guest = Guest::find(&self.image, &layout, &ScanPlan::default())?;
        if let Identity::Another { profile, image } = guest.identity() {
            return Err(Error::AnotherBuild { profile, image });
        }
        Ok(list(&guest)?)
    }
}
