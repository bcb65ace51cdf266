use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rekall_profile::Repositories;
use rekall_profile::repository::ProfileName;

use crate::error::{Error, raised, words};
use crate::image::Image;
use crate::profile::Profile;

/// Repositories of profiles.
#[pyclass(frozen, module = "rekall_profile")]
pub struct Repository {
    places: Vec<String>,
    inner: Repositories,
}

impl Repository {
    /// Opens the repositories at these places.
    pub fn at(places: Vec<String>) -> PyResult<Self> {
        let inner = Repositories::open(&places, None).map_err(raised)?;
        Ok(Self { places, inner })
    }

    /// The profile of this name.
    pub fn load(&self, py: Python<'_>, name: &str) -> PyResult<Profile> {
        let name: ProfileName =
            name.parse().map_err(|error| raised(rekall_profile::Error::Repository(error)))?;
        let inner = py.detach(|| self.inner.load(&name)).map_err(raised)?;
        Ok(Profile { inner })
    }
}

#[pymethods]
impl Repository {
    #[new]
    #[pyo3(signature = (*places))]
    fn new(places: &Bound<'_, PyTuple>) -> PyResult<Self> {
        Self::at(places.extract()?)
    }

    #[pyo3(signature = (folder=""))]
    fn names(&self, py: Python<'_>, folder: &str) -> PyResult<Vec<String>> {
        let (names, failed) = py.detach(|| self.inner.names(folder));
        match failed.first() {
            Some(error) => Err(Error::new_err(words(error))),
            None => Ok(names.iter().map(ToString::to_string).collect()),
        }
    }

    fn open(&self, py: Python<'_>, name: &str) -> PyResult<Profile> {
        self.load(py, name)
    }

    fn detect(&self, py: Python<'_>, image: &Image) -> Option<String> {
        py.detach(|| self.inner.detect(&image.inner)).map(|name| name.to_string())
    }

    fn __repr__(&self) -> String {
        format!("<Repository {:?}>", self.places)
    }
}
