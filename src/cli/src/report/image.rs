use std::collections::BTreeMap;

use repository::index::Likeness;
use serde::Serialize;

/// `validate`: a profile compared with an image, check by check.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Validation {
    pub image: String,
    /// `match`, `mismatch` or `inconclusive`.
    pub verdict: String,
    pub reason: String,
    /// The members and symbols that all failed checks have in common.
    pub suspects: Vec<String>,
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    /// What was found in the image.
    pub facts: BTreeMap<String, String>,
    pub checks: Vec<Check>,
    /// The kernels in the image, if all of them belong to other systems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub another_system: Option<String>,
}

/// One check.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Check {
    pub group: String,
    pub name: String,
    pub weight: String,
    pub expected: String,
    pub actual: String,
    pub result: String,
    /// The symbols and members that it reads.
    pub reads: Vec<String>,
}

/// Without a command: the verdict, and the contents of the image.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    #[serde(flatten)]
    pub validation: Validation,
    pub container: String,
    /// The size of the memory in bytes.
    pub bytes: u64,
    /// The number of processes; null if no kernel was found.
    pub processes: Option<usize>,
    /// The number of modules; null if no kernel was found.
    pub modules: Option<usize>,
}

/// `pslist`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Processes {
    pub image: String,
    pub processes: Vec<Process>,
    /// Why the list is incomplete.
    pub problem: Option<String>,
}

/// A process.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Process {
    /// The virtual address of its struct.
    pub offset: u64,
    pub name: String,
    pub pid: u64,
    pub ppid: Option<u64>,
    pub threads: Option<u64>,
    pub handles: Option<u64>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub state: Option<String>,
    /// The physical address of its page tables.
    pub dtb: Option<u64>,
    pub nanoseconds_after_boot: Option<u64>,
    pub start: Option<String>,
    pub exit: Option<String>,
}

/// `modules`: the modules of a kernel, or those in a triage dump.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Modules {
    Triage {
        /// `true`.
        triage: bool,
        modules: Vec<TriageModule>,
    },
    Kernel {
        image: String,
        modules: Vec<Module>,
        /// Why the list is incomplete.
        problem: Option<String>,
    },
}

/// A module in a triage dump. `linked` and `size` identify a PE file in a symbol store.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TriageModule {
    pub file: String,
    pub base: u64,
    pub size: u32,
    /// The link time, in seconds since 1970.
    pub linked: u32,
}

/// A module of a kernel.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Module {
    /// The virtual address of its struct.
    pub offset: u64,
    pub name: String,
    pub base: u64,
    /// In bytes.
    pub size: u64,
    pub uses: Option<u64>,
    pub state: Option<String>,
    pub guid_age: Option<String>,
    pub pdb: Option<String>,
    pub file: Option<String>,
}

/// `version_modules`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ModuleVersions {
    pub image: String,
    pub modules: Vec<ModuleVersion>,
    /// How many modules do not name a PDB because their headers are not in memory.
    pub without: usize,
}

/// The PDB that a module names.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ModuleVersion {
    pub base: u64,
    pub module: String,
    pub guid_age: String,
    pub pdb: String,
}

/// `autodetect`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Detection {
    pub image: String,
    /// The profile that matches; null if none does.
    pub profile: Option<String>,
    /// The repository from which it came.
    pub place: Option<String>,
    /// What the image says about its kernel.
    pub kernels: Vec<Sighting>,
    pub fingerprints: Vec<Fingerprint>,
    /// The profiles that were tried.
    pub tried: Vec<Candidate>,
}

/// A kernel that an image names.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Sighting {
    /// The physical address of the evidence.
    pub offset: u64,
    pub evidence: String,
    pub kernel: String,
}

/// A kernel that was compared with indexes.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Fingerprint {
    pub kernel: String,
    pub likely: Vec<Likely>,
    /// How much better the first profile fits than the second.
    pub margin: f64,
    pub problems: Vec<String>,
}

/// A profile that is similar to a kernel or module.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Likely {
    pub profile: String,
    /// From 0 to 1.
    pub score: f64,
    /// How many points of comparison agree, of those that were read.
    pub agreed: usize,
    pub seen: usize,
    pub bits: u64,
    pub of_bits: u64,
}

/// The profiles that are similar to a kernel or module.
pub fn likely<'l>(found: impl Iterator<Item = &'l Likeness>) -> Vec<Likely> {
    let one = |one: &Likeness| Likely {
        profile: one.profile.clone(),
        score: one.score(),
        agreed: one.agreed,
        seen: one.seen,
        bits: one.bits,
        of_bits: one.of,
    };
    found.map(one).collect()
}

/// A profile that was tried.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Candidate {
    pub profile: String,
    pub place: String,
    pub evidence: String,
    /// Null if the profile could not be read.
    pub verdict: Option<String>,
    pub reason: String,
    pub score: Option<i64>,
}

/// `guess_guid`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Guess {
    pub module: String,
    pub base: u64,
    /// The PDB that the module names.
    pub guid_age: Option<String>,
    pub pdb: Option<String>,
    pub likely: Vec<Likely>,
    /// How much better the first profile fits than the second.
    pub margin: f64,
}
