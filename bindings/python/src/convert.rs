use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rekall_profile as library;
use rekall_profile::convert::Options;

use crate::error::raised;
use crate::profile::{Health, Profile};

/// What a source gave.
#[pyclass(frozen, module = "rekall_profile")]
pub struct Conversion {
    inner: library::convert::Conversion,
}

#[pymethods]
impl Conversion {
    #[getter]
    fn profile(&self, py: Python<'_>) -> PyResult<Profile> {
        let inner = py.detach(|| self.inner.profile()).map_err(raised)?;
        Ok(Profile { inner })
    }

    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.text)
    }

    #[getter]
    fn health(&self) -> Health {
        self.inner.health.clone().into()
    }

    #[getter]
    fn losses(&self) -> BTreeMap<String, u64> {
        let losses = self.inner.report.losses();
        losses.map(|(kind, tally)| (kind.to_string(), tally.count as u64)).collect()
    }

    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.inner.report.warnings().to_vec()
    }

    #[getter]
    fn identity(&self) -> Option<String> {
        self.inner.identity.as_ref().map(ToString::to_string)
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.inner.save(path)).map_err(raised)
    }

    fn __repr__(&self) -> String {
        format!("<Conversion {:?}>", self.inner.health.verdict.name())
    }
}

/// What a profile is made of.
#[derive(FromPyObject)]
pub enum Source {
    /// The content of a file.
    Bytes(Vec<u8>),
    /// A file or a folder.
    Path(PathBuf),
}

/// Makes a profile of a file, a folder, or the bytes of a file.
#[pyfunction]
#[pyo3(signature = (source, *, name=String::new(), profile_class=None, windows_version=None, concise=false, raw_names=false))]
pub fn convert(
    py: Python<'_>,
    source: Source,
    name: String,
    profile_class: Option<String>,
    windows_version: Option<String>,
    concise: bool,
    raw_names: bool,
) -> PyResult<Conversion> {
    let options =
        Options { profile_class, windows_version, concise, raw_names, threads: 1, ..Options::default() };
    let made = py.detach(|| match source {
        Source::Path(path) => library::convert::file(path, &options),
        Source::Bytes(bytes) => library::convert::bytes(&name, bytes, &options),
    });
    Ok(Conversion { inner: made.map_err(raised)? })
}

/// One way in which two profiles differ.
#[pyclass(frozen, module = "rekall_profile", get_all)]
pub struct Difference {
    name: String,
    old: Option<String>,
    new: Option<String>,
}

#[pymethods]
impl Difference {
    fn __repr__(&self) -> String {
        format!("<Difference {:?}: {:?} -> {:?}>", self.name, self.old, self.new)
    }
}

/// What changed from one profile to another.
#[pyfunction]
pub fn diff(py: Python<'_>, old: &Profile, new: &Profile) -> PyResult<Vec<Difference>> {
    let found = py.detach(|| library::diff(&old.inner, &new.inner)).map_err(raised)?;
    Ok(found.into_iter().map(|item| Difference { name: item.name, old: item.old, new: item.new }).collect())
}
