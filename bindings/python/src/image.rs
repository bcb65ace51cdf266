use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use pyo3::prelude::*;
use rekall_profile as library;
use rekall_profile::analyze;

use crate::error::raised;
use crate::profile::{Profile, late};

/// A memory image.
#[pyclass(frozen, module = "rekall_profile")]
pub struct Image {
    pub inner: library::Image,
}

#[pymethods]
impl Image {
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let inner = py.detach(|| library::Image::open(path)).map_err(raised)?;
        Ok(Self { inner })
    }

    #[getter]
    fn container(&self) -> String {
        self.inner.container()
    }

    #[getter]
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn scan<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let found = py.detach(|| self.inner.scan());
        let found: Vec<PdbRecord> = found.into_iter().map(PdbRecord::from).collect();
        found.into_pyobject(py)?.call_method0("__iter__")
    }

    fn validate(&self, py: Python<'_>, profile: &Profile) -> PyResult<Validation> {
        let proof = py.detach(|| self.inner.validate(&profile.inner)).map_err(raised)?;
        Ok(proof.into())
    }

    fn pslist(&self, py: Python<'_>, profile: &Profile) -> PyResult<Rows> {
        let listing = py.detach(|| self.inner.processes(&profile.inner)).map_err(raised)?;
        Rows::of(py, listing, |row| Process::from(row).into_pyobject(py).map(|row| row.into_any().unbind()))
    }

    fn modules(&self, py: Python<'_>, profile: &Profile) -> PyResult<Rows> {
        let listing = py.detach(|| self.inner.modules(&profile.inner)).map_err(raised)?;
        Rows::of(py, listing, |row| Module::from(row).into_pyobject(py).map(|row| row.into_any().unbind()))
    }

    fn __repr__(&self) -> String {
        format!("<Image {:?}: {}, {} bytes>", self.inner.place(), self.inner.container(), self.inner.size())
    }
}

/// An iterator over rows, which raises at its end if the list in the image is broken.
#[pyclass(frozen)]
pub struct Rows {
    left: Mutex<(std::vec::IntoIter<Py<PyAny>>, Option<PyErr>)>,
}

impl Rows {
    fn of<T>(
        _py: Python<'_>,
        listing: analyze::Listing<T>,
        row: impl Fn(T) -> PyResult<Py<PyAny>>,
    ) -> PyResult<Self> {
        let rows: Vec<Py<PyAny>> = listing.rows.into_iter().map(row).collect::<PyResult<_>>()?;
        let end = listing.end.err().map(|error| late(&error));
        Ok(Self { left: Mutex::new((rows.into_iter(), end)) })
    }
}

#[pymethods]
impl Rows {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self) -> PyResult<Option<Py<PyAny>>> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        match left.0.next() {
            Some(row) => Ok(Some(row)),
            None => left.1.take().map_or(Ok(None), Err),
        }
    }
}

/// A record that names a PDB.
#[pyclass(frozen, module = "rekall_profile", get_all)]
pub struct PdbRecord {
    offset: u64,
    guid_age: String,
    name: String,
    path: String,
}

impl From<library::PdbRecord> for PdbRecord {
    fn from(record: library::PdbRecord) -> Self {
        let guid_age = record.guid_age.to_string();
        Self { offset: record.offset, guid_age, name: record.name, path: record.path }
    }
}

#[pymethods]
impl PdbRecord {
    fn __repr__(&self) -> String {
        format!("<PdbRecord {:?} {} at {:#x}>", self.name, self.guid_age, self.offset)
    }
}

/// A check of a validation.
#[pyclass(frozen, module = "rekall_profile", get_all)]
#[derive(Clone)]
pub struct Check {
    name: String,
    result: &'static str,
    expected: String,
    actual: String,
}

/// What came of laying a profile over an image.
#[pyclass(frozen, module = "rekall_profile", get_all)]
pub struct Validation {
    verdict: &'static str,
    reason: String,
    suspects: Vec<String>,
    checks: Vec<Check>,
}

impl From<analyze::Validation> for Validation {
    fn from(proof: analyze::Validation) -> Self {
        let check = |check: analyze::Check| Check {
            name: check.name,
            result: check.outcome.name(),
            expected: check.expected,
            actual: check.actual,
        };
        Self {
            verdict: proof.verdict.name(),
            reason: proof.reason,
            suspects: proof.suspects,
            checks: proof.checks.into_iter().map(check).collect(),
        }
    }
}

#[pymethods]
impl Check {
    fn __repr__(&self) -> String {
        format!("<Check {:?}: {}>", self.name, self.result)
    }
}

#[pymethods]
impl Validation {
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.checks.clone().into_pyobject(py)?.call_method0("__iter__")
    }

    fn __repr__(&self) -> String {
        format!("<Validation {}: {:?}>", self.verdict, self.reason)
    }
}

/// A process.
#[pyclass(frozen, module = "rekall_profile", get_all)]
pub struct Process {
    pid: u64,
    name: String,
    address: u64,
    parent: Option<u64>,
    threads: Option<u64>,
    user: Option<u32>,
    state: Option<&'static str>,
    dtb: Option<u64>,
    started: Option<i64>,
}

impl From<analyze::Process> for Process {
    fn from(process: analyze::Process) -> Self {
        Self {
            pid: process.pid,
            name: process.name,
            address: process.address,
            parent: process.parent,
            threads: process.threads,
            user: process.user,
            state: process.state,
            dtb: process.dtb,
            started: process.started.and_then(|time| i64::try_from(time.0).ok()),
        }
    }
}

#[pymethods]
impl Process {
    fn __repr__(&self) -> String {
        format!("<Process {} {:?}>", self.pid, self.name)
    }
}

/// A module of a kernel.
#[pyclass(frozen, module = "rekall_profile", get_all)]
pub struct Module {
    name: String,
    address: u64,
    base: u64,
    size: u64,
    path: Option<String>,
}

impl From<analyze::Module> for Module {
    fn from(module: analyze::Module) -> Self {
        Self {
            name: module.name,
            address: module.address,
            base: module.base,
            size: module.size,
            path: module.path,
        }
    }
}

#[pymethods]
impl Module {
    fn __repr__(&self) -> String {
        format!("<Module {:?} at {:#x}>", self.name, self.base)
    }
}
