use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rekall_profile as library;

use crate::error::{raised, words};
use crate::repository::Repository;
use crate::values::to_python;

/// A profile.
#[pyclass(frozen, module = "rekall_profile")]
pub struct Profile {
    pub inner: library::Profile,
}

#[pymethods]
impl Profile {
    #[staticmethod]
    #[pyo3(signature = (name, repositories=None))]
    fn open(py: Python<'_>, name: PathBuf, repositories: Option<Vec<String>>) -> PyResult<Self> {
        match repositories {
            None => {
                let inner = py.detach(|| library::Profile::open(&name)).map_err(raised)?;
                Ok(Self { inner })
            }
            Some(places) => Repository::at(places)?.load(py, &name.to_string_lossy()),
        }
    }

    #[staticmethod]
    fn from_text(py: Python<'_>, text: Vec<u8>) -> PyResult<Self> {
        let inner = py.detach(|| library::Profile::from_text(text)).map_err(raised)?;
        Ok(Self { inner })
    }

    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dictionary = PyDict::new(py);
        for (key, value) in self.inner.metadata() {
            dictionary.set_item(key, to_python(py, &value)?)?;
        }
        Ok(dictionary)
    }

    #[getter]
    fn system(&self) -> &'static str {
        match self.inner.system() {
            library::System::Linux => "Linux",
            library::System::Windows => "Windows",
            library::System::Mac => "macOS",
            library::System::Other => "other",
        }
    }

    #[getter]
    fn arch(&self) -> String {
        self.inner.arch().name().to_owned()
    }

    #[getter]
    fn guid_age(&self) -> Option<String> {
        self.inner.guid_age().map(|guid_age| guid_age.to_string())
    }

    #[getter]
    fn text(&self) -> &str {
        self.inner.as_str()
    }

    fn counts(&self, py: Python<'_>) -> PyResult<BTreeMap<String, usize>> {
        py.detach(|| self.inner.counts()).map_err(raised)
    }

    fn health(&self, py: Python<'_>) -> PyResult<Health> {
        py.detach(|| self.inner.health()).map(Health::from).map_err(raised)
    }

    #[pyo3(name = "struct")]
    fn structure(&self, py: Python<'_>, name: String) -> PyResult<Struct> {
        let size = py.detach(|| self.inner.size_of(&name)).map_err(raised)?;
        Ok(Struct { profile: self.inner.clone(), name, size })
    }

    fn member(&self, py: Python<'_>, path: &str) -> PyResult<Member> {
        py.detach(|| self.inner.member(path)).map(Member::from).map_err(raised)
    }

    #[pyo3(name = "enum")]
    fn enumeration(&self, py: Python<'_>, name: &str) -> PyResult<Enumeration> {
        let found = py.detach(|| self.inner.enumeration(name)).map_err(raised)?;
        Ok(Enumeration { name: found.name, labels: found.labels })
    }

    fn symbol(&self, py: Python<'_>, name: &str) -> PyResult<Symbol> {
        py.detach(|| self.inner.symbol(name)).map(Symbol::from).map_err(raised)
    }

    fn symbols_at(&self, py: Python<'_>, address: u64) -> Vec<Symbol> {
        py.detach(|| self.inner.symbols_at(address)).into_iter().map(Symbol::from).collect()
    }

    fn symbols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let all: Vec<Symbol> = py.detach(|| self.inner.symbols().into_iter().map(Symbol::from).collect());
        all.into_pyobject(py)?.call_method0("__iter__")
    }

    #[pyo3(signature = (name, limit=5))]
    fn similar(&self, py: Python<'_>, name: &str, limit: usize) -> Vec<String> {
        py.detach(|| self.inner.similar(name, limit))
    }

    fn __repr__(&self) -> String {
        let build = self.guid_age().map(|build| format!(" {build}")).unwrap_or_default();
        format!("<Profile {} {}{build}>", self.system(), self.arch())
    }
}

/// A struct, whose members are read when they are asked for.
#[pyclass(frozen, module = "rekall_profile")]
pub struct Struct {
    profile: library::Profile,
    #[pyo3(get)]
    name: String,
    #[pyo3(get)]
    size: u64,
}

#[pymethods]
impl Struct {
    #[getter]
    fn members(&self, py: Python<'_>) -> PyResult<Vec<Member>> {
        let found = py.detach(|| self.profile.structure(&self.name)).map_err(raised)?;
        Ok(found.members.into_iter().map(Member::from).collect())
    }

    fn member(&self, py: Python<'_>, path: &str) -> PyResult<Member> {
        py.detach(|| self.profile.member_of(&self.name, path)).map(Member::from).map_err(raised)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.members(py)?.into_pyobject(py)?.call_method0("__iter__")
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.members(py)?.len())
    }

    fn __contains__(&self, py: Python<'_>, path: &str) -> bool {
        py.detach(|| self.profile.member_of(&self.name, path)).is_ok()
    }

    fn __repr__(&self) -> String {
        format!("<Struct {:?} of {} bytes>", self.name, self.size)
    }
}

/// A member of a struct.
#[pyclass(frozen, module = "rekall_profile")]
pub struct Member {
    #[pyo3(get)]
    name: String,
    #[pyo3(get)]
    offset: u64,
    ty: String,
    #[pyo3(get)]
    size: Option<u64>,
    #[pyo3(get)]
    bits: Option<(u16, u16)>,
}

#[pymethods]
impl Member {
    #[getter(r#type)]
    fn ty(&self) -> &str {
        &self.ty
    }

    fn __repr__(&self) -> String {
        format!("<Member {:?} at {:#x}: {:?}>", self.name, self.offset, self.ty)
    }
}

impl From<library::Member> for Member {
    fn from(member: library::Member) -> Self {
        let bits = member.bits.map(|bits| (bits.start, bits.end));
        Self { name: member.name, offset: member.offset, ty: member.ty, size: member.size, bits }
    }
}

/// An enumeration.
#[pyclass(frozen, module = "rekall_profile")]
pub struct Enumeration {
    #[pyo3(get)]
    name: String,
    labels: Vec<(String, i128)>,
}

#[pymethods]
impl Enumeration {
    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dictionary = PyDict::new(py);
        for (label, value) in &self.labels {
            // Values of 64 bits, with a sign or without: Python reads the digits, whatever their number.
            let value = match i64::try_from(*value) {
                Ok(value) => value.into_pyobject(py)?.into_any(),
                Err(_) => py.get_type::<pyo3::types::PyInt>().call1((value.to_string(),))?,
            };
            dictionary.set_item(label, value)?;
        }
        Ok(dictionary)
    }

    fn __repr__(&self) -> String {
        format!("<Enumeration {:?} of {} labels>", self.name, self.labels.len())
    }
}

/// A symbol.
#[pyclass(frozen, module = "rekall_profile", get_all)]
pub struct Symbol {
    name: String,
    address: u64,
    function: bool,
}

#[pymethods]
impl Symbol {
    fn __repr__(&self) -> String {
        format!("<Symbol {:?} at {:#x}>", self.name, self.address)
    }
}

impl From<library::Symbol> for Symbol {
    fn from(symbol: library::Symbol) -> Self {
        Self { name: symbol.name, address: symbol.address, function: symbol.function }
    }
}

/// What a profile is worth.
#[pyclass(frozen, module = "rekall_profile", get_all)]
#[derive(Clone)]
pub struct Health {
    verdict: &'static str,
    reasons: Vec<String>,
    kernel: bool,
    missing: Vec<String>,
    structs: usize,
    enumerations: usize,
    symbols: usize,
}

impl From<library::Health> for Health {
    fn from(health: library::Health) -> Self {
        Self {
            verdict: health.verdict.name(),
            reasons: health.reasons,
            kernel: health.kernel,
            missing: health.missing.into_iter().map(|missing| missing.what).collect(),
            structs: health.structs,
            enumerations: health.enumerations,
            symbols: health.symbols,
        }
    }
}

#[pymethods]
impl Health {
    fn __repr__(&self) -> String {
        format!("<Health {:?}>", self.verdict)
    }
}

/// The text of an error of the library, for iterators that raise it late.
pub fn late(error: &dyn std::error::Error) -> PyErr {
    crate::error::Error::new_err(words(error))
}
