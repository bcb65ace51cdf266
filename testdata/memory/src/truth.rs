//! The values that a reader has to find in an image.

use serde::Serialize;

/// The truth about an image. Addresses are as a reader should print them: kernel addresses of 64-bit systems with all
/// their upper bits set.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    /// Always `synthetic`.
    pub origin: &'static str,
    /// The name of the case.
    pub case: String,
    /// The physical address of the kernel's topmost page table.
    pub dtb: u64,
    /// The virtual address where the kernel begins.
    pub kernel_base: u64,
    /// How far the kernel was shifted from where it was linked (macOS).
    pub shift: u64,
    /// GUID and age of the kernel's PDB (Windows), the UUID (macOS).
    pub identity: String,
    /// The PDB's name, or the version text.
    pub name: String,
    /// Every process on the kernel's list, in its order.
    pub processes: Vec<Process>,
    /// Processes that are in memory but on no list.
    pub stale: Vec<Process>,
    /// Every module on the kernel's list, in its order.
    pub modules: Vec<Module>,
    /// Every record in memory that names a PDB, the kernel's own among them, by physical address.
    pub records: Vec<Record>,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its number.
    pub pid: u64,
    /// Its parent's number.
    pub ppid: u64,
    /// Its name, as the kernel keeps it.
    pub name: String,
    /// The virtual address of the kernel's struct.
    pub offset: u64,
    /// The physical address of its topmost page table.
    pub dtb: u64,
    /// When it started: 100 ns since 1601 (Windows), microseconds since 1970 (macOS); 0 if never.
    pub created: u64,
    /// When it ended, likewise; 0 if it has not.
    pub exited: u64,
    /// Its threads.
    pub threads: u64,
    /// Its handles; none if it has no table of them.
    pub handles: Option<u64>,
    /// Its user (macOS).
    pub uid: Option<u64>,
    /// Whether a walk forwards from the list's head meets it.
    pub forwards: bool,
    /// Whether a walk backwards from the list's head meets it.
    pub backwards: bool,
}

/// A loaded module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Module {
    /// Its name; none where the page that holds it is not in memory.
    pub name: Option<String>,
    /// Its full path, likewise.
    pub path: Option<String>,
    /// The virtual address where it begins.
    pub base: u64,
    /// Its bytes.
    pub size: u64,
    /// The virtual address of the kernel's struct.
    pub offset: u64,
    /// GUID and age of its PDB; none where its headers are not in memory (macOS: the UUID, none).
    pub identity: Option<String>,
}

/// A record that names a PDB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its physical address.
    pub address: u64,
    /// GUID and age.
    pub identity: String,
    /// The name of the PDB.
    pub name: String,
    /// Why it is there.
    pub why: &'static str,
}
