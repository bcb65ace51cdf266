use serde_json::{Map, Value};

use crate::{Arch, System};

/// The build that a profile belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) system: System,
    pub(crate) arch: Arch,
}

/// The parts of a profile's sections that identify it if its metadata does not.
pub(crate) struct Evidence<'a> {
    /// The size of the struct of this name, if it exists.
    pub(crate) structure: &'a dyn Fn(&str) -> Option<u64>,
    /// The value of the constant of this name, if it exists.
    pub(crate) constant: &'a dyn Fn(&str) -> Option<u64>,
    /// The highest constant.
    pub(crate) highest: &'a dyn Fn() -> u64,
    /// A setting of the kernel's configuration.
    pub(crate) config: &'a dyn Fn(&str) -> Option<String>,
    /// Whether descriptors have the empty object of the PDB front-end.
    pub(crate) empty_arguments: &'a dyn Fn() -> bool,
}

/// The names of the Windows kernel's own PDBs, capitalised, which Rekall accepts as classes that mean `Nt`.
const NT: [&str; 6] = ["Nt", "Ntoskrnl", "Ntkrnlmp", "Ntkrnlpa", "Ntkrpamp", "Ntkrla57"];

/// Decides system and architecture, and removes `arch` and old spellings from the metadata.
///
/// In Rekall's order: first the metadata, then for Linux a guess from the configuration and the symbols (its
/// `GuessMachineArchitecture`), while Windows counts as AMD64. If the structs are more precise, they are used.
pub(crate) fn settle(metadata: &mut Map<String, Value>, evidence: &Evidence<'_>) -> Identity {
    let text = |metadata: &Map<String, Value>, key: &str| match metadata.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    if !metadata.contains_key("Type") {
        metadata.insert("Type".to_owned(), "Profile".into());
    }
    let class = text(metadata, "ProfileClass");
    let named = text(metadata, "arch").and_then(|arch| arch.parse::<Arch>().ok());
    let system = match class.as_deref() {
        _ if text(metadata, "Type").as_deref() != Some("Profile") => Some(System::Other),
        Some(class) => system_of(class),
        None => None,
    }
    .unwrap_or_else(|| guess_system(metadata, named, evidence));
    if system == System::Other {
        return Identity { system, arch: named.unwrap_or(Arch::Amd64) };
    }
    metadata.remove("arch");
    let by_class = match class.as_deref() {
        Some("Linux64" | "Darwin64") => Some(Arch::Amd64),
        Some("Linux32" | "Darwin32") => Some(Arch::I386),
        _ => None,
    };
    let arch = named.or(by_class).unwrap_or_else(|| guess_arch(system, evidence));
    let modern = match (class.as_deref(), system) {
        (Some("Linux32" | "Linux64"), _) => Some("Linux"),
        (Some("Darwin"), _) => Some(if arch.address_size() == 8 { "Darwin64" } else { "Darwin32" }),
        (Some(class), System::Windows) if is_nt(class) => Some("Nt"),
        _ => None,
    };
    if let Some(modern) = modern {
        metadata.insert("ProfileClass".to_owned(), modern.into());
    }
    Identity { system, arch }
}

fn is_nt(class: &str) -> bool {
    let stem = class.strip_suffix(".pdb").unwrap_or(class);
    NT.iter().any(|known| known.eq_ignore_ascii_case(stem))
}

/// The class that Rekall's loader gives to a PDB with this name: `Nt` for every flavour of the Windows kernel;
/// otherwise the one named like the PDB, if Rekall has it; otherwise the one for any executable.
pub fn pdb_class(file_name: &str) -> &'static str {
    let stem = file_name.split_once('.').map_or(file_name, |(stem, _)| stem);
    if is_nt(stem) {
        return "Nt";
    }
    // Classes of Rekall that are named like a PDB.
    const CLASSES: [&str; 5] = ["Lsasrv", "Ntdll", "Tcpip", "Wdigest", "Win32k"];
    CLASSES.into_iter().find(|class| class.eq_ignore_ascii_case(stem)).unwrap_or("BasicPEProfile")
}

/// The system of a class; `None` if the class alone does not show it.
fn system_of(class: &str) -> Option<System> {
    match class {
        "Linux" | "Linux32" | "Linux64" => Some(System::Linux),
        "Darwin" | "Darwin32" | "Darwin64" => Some(System::Mac),
        "BasicPEProfile" => Some(System::Windows),
        "Index" | "Inventory" | "LinuxSymbolOffsetIndex" | "EProcessIndex" => Some(System::Other),
        class if is_nt(class) => Some(System::Windows),
        _ => None,
    }
}

fn guess_system(metadata: &Map<String, Value>, arch: Option<Arch>, evidence: &Evidence<'_>) -> System {
    let structure = |name: &str| (evidence.structure)(name).is_some();
    if metadata.contains_key("GUID_AGE") || metadata.contains_key("PDBFile") || (evidence.empty_arguments)() {
        System::Windows
    } else if structure("task_struct") || structure("list_head") {
        System::Linux
    } else if structure("_mh_execute_header") || structure("proclist") {
        System::Mac
    } else if structure("_LIST_ENTRY") || structure("_UNICODE_STRING") {
        System::Windows
    } else if arch.is_some() {
        // A profile with an architecture but an unknown class is written as for Linux.
        System::Linux
    } else {
        System::Other
    }
}

fn guess_arch(system: System, evidence: &Evidence<'_>) -> Arch {
    let by_size = |name: &str| match (evidence.structure)(name) {
        Some(8) => Some(Arch::I386),
        Some(16) => Some(Arch::Amd64),
        _ => None,
    };
    if system == System::Windows {
        return by_size("_LIST_ENTRY").unwrap_or(Arch::Amd64);
    }
    let set = |name: &str| (evidence.config)(name).is_some();
    if system == System::Linux {
        if set("CONFIG_CPU_MIPS32") {
            return Arch::Mips;
        } else if set("CONFIG_ARM64") {
            return Arch::Arm64;
        } else if set("CONFIG_ARM") || (evidence.constant)("arm_syscall").is_some() {
            return Arch::Arm;
        }
    }
    by_size("list_head").unwrap_or_else(|| match (evidence.highest)() {
        // Without symbols there is no evidence; 64 bits are far more frequent.
        0 => Arch::Amd64,
        highest if highest > u64::from(u32::MAX) => Arch::Amd64,
        _ => Arch::I386,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_by_name() {
        assert_eq!(pdb_class("ntkrnlmp.pdb"), "Nt");
        assert_eq!(pdb_class("NTKRPAMP.PDB"), "Nt");
        assert_eq!(pdb_class("win32k.pdb"), "Win32k");
        assert_eq!(pdb_class("hal.pdb"), "BasicPEProfile");
    }
}
