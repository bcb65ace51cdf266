use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::judge::needs::{ALL, Consumer, Lookup, Need, kernel_needs};
use crate::{Name, Profile, Resolution, System, Type, TypeId};

/// The quality of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds what its readers need.
    Complete,
    /// It has symbols and no types, like the public PDB of any module.
    SymbolsOnly,
    /// It is empty, or it belongs to a kernel and lacks types or something that every reader needs.
    Failed,
}

impl Verdict {
    /// The verdict in words, as reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Complete => "complete",
            Verdict::SymbolsOnly => "symbols only",
            Verdict::Failed => "failed",
        }
    }
}

/// A name that a consumer looks up and would not find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The consumer.
    pub consumer: Consumer,
    /// The name: a member (`_EPROCESS.Pcb`), a symbol or a struct; alternatives are joined by "or".
    pub what: String,
    /// Whether the consumer cannot work without it.
    pub required: bool,
}

/// The usefulness of a profile for its readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The verdict.
    pub verdict: Verdict,
    /// The reasons for it, one sentence each.
    pub reasons: Vec<String>,
    /// Whether it belongs to a kernel; readers have requirements only for kernels.
    pub kernel: bool,
    /// What each consumer would miss, required names first.
    pub missing: Vec<Missing>,
    /// How many names are used as types but not defined: pointers to them can be followed, not read.
    pub opaque: usize,
    /// Types held by value of which a profile that was read gives only the name: a native type of one compiler, or a
    /// struct that its writer lost. Sorted.
    pub unresolved: Vec<String>,
    /// How many structs there are.
    pub structs: usize,
    /// How many enumerations.
    pub enumerations: usize,
    /// How many symbols, code and data together.
    pub symbols: usize,
}

/// The part of a profile that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// Its types: symbols were left out on purpose.
    Types,
}

impl Health {
    /// Judges a profile.
    pub fn of(profile: &Profile, resolution: &Resolution, scope: Scope) -> Self {
        let structs = resolution.structs().len();
        let enumerations = resolution.enumerations().len();
        let symbols = profile.constants.len() + profile.functions.len();
        let kernel = is_kernel(profile, resolution);
        let mut missing = if kernel { missing(profile, resolution) } else { Vec::new() };
        missing.sort_by_key(|missing| (!missing.required, missing.consumer));
        let mut reasons = Vec::new();
        let mut verdict = Verdict::Complete;
        let carries_data = !profile.other.is_empty() || profile.metadata_text("Type") == Some("Symlink");
        if structs == 0 && symbols == 0 && !carries_data {
            verdict = Verdict::Failed;
            reasons.push("it is empty: no structs, no symbols".to_owned());
        } else if structs == 0 && kernel {
            verdict = Verdict::Failed;
            reasons.push("it is a kernel's and has no structs".to_owned());
        } else if structs == 0 && !carries_data {
            verdict = Verdict::SymbolsOnly;
            reasons.push("the source holds no types".to_owned());
        }
        if resolution.oversized() > 0 {
            verdict = Verdict::Failed;
            reasons.push(format!("{} sizes or offsets are above 2^40", resolution.oversized()));
        }
        let lacking = essentials(profile, resolution, scope);
        if kernel && structs > 0 && !lacking.is_empty() {
            verdict = Verdict::Failed;
            reasons.push(format!("no reader works without {}", lacking.join(", ")));
        }
        Self {
            verdict,
            reasons,
            kernel,
            missing,
            opaque: opaque(profile, resolution),
            unresolved: unresolved(profile, resolution),
            structs,
            enumerations,
            symbols,
        }
    }

    /// The judgement as JSON for reports.
    pub fn to_json(&self) -> Value {
        let missing: Vec<Value> = self
            .missing
            .iter()
            .map(|missing| {
                json!({
                    "consumer": missing.consumer.name(),
                    "versions": missing.consumer.versions(),
                    "what": missing.what,
                    "required": missing.required,
                })
            })
            .collect();
        json!({
            "verdict": self.verdict.name(),
            "reasons": self.reasons,
            "kernel": self.kernel,
            "missing": missing,
            "opaque_types": self.opaque,
            "unresolved_types": self.unresolved,
        })
    }
}

/// The offset of a member in the struct with this key, in bytes: among its own members, or those of its unnamed
/// members, as C finds it.
pub fn member_offset(profile: &Profile, resolution: &Resolution, key: &str, member: &str) -> Option<u64> {
    let record = resolution.record(profile.names.find(key)?)?;
    let member = profile.names.find(member)?;
    let mut pending = vec![(record, 0u64)];
    // Each struct is searched once: unnamed members may form a circle in a damaged profile.
    let mut seen = BTreeSet::new();
    while let Some((record, base)) = pending.pop() {
        if !seen.insert(record) {
            continue;
        }
        for inner in profile.types.members(record) {
            let offset = base.checked_add(inner.offset)?;
            if inner.name == member {
                return Some(offset);
            }
            if inner.anonymous || is_numbered(profile.names.get(inner.name)) {
                match profile.types.peel(inner.ty) {
                    Type::Record(id) => pending.push((id, offset)),
                    Type::Named(name) => pending.extend(resolution.record(name).map(|id| (id, offset))),
                    _ => {}
                }
            }
        }
    }
    None
}

/// Whether a member has the name of an unnamed one (`u1`), which is all that a profile that was read shows.
pub(crate) fn is_numbered(name: &str) -> bool {
    name.strip_prefix('u')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// The PDB names of Windows kernels, without their ending.
const WINDOWS_KERNELS: [&str; 4] = ["ntkrnlmp", "ntkrnlpa", "ntkrpamp", "ntoskrnl"];

fn is_kernel(profile: &Profile, resolution: &Resolution) -> bool {
    match profile.system {
        System::Windows => {
            let pdb = profile.metadata_text("PDBFile").unwrap_or_default().to_ascii_lowercase();
            let class = profile.metadata_text("ProfileClass").unwrap_or_default().to_ascii_lowercase();
            let stem = pdb.strip_suffix(".pdb").unwrap_or(&pdb);
            WINDOWS_KERNELS.contains(&stem) || class == "nt" || WINDOWS_KERNELS.contains(&class.as_str())
        }
        // A module has no addresses before it is loaded, so its profile has no symbols; a program has symbols and none of
        // the kernel's. A pack always belongs to a kernel: if it has no symbols, its map is missing or was refused.
        System::Linux | System::Mac if profile.metadata_text("Generator").is_some_and(is_pack) => true,
        System::Linux => {
            let addressed = !profile.constants.is_empty();
            let kernels_own = || {
                in_upper_half(profile)
                    || has_any(profile, &LINUX_KERNEL)
                    || defines(profile, resolution, "task_struct")
            };
            addressed && kernels_own()
        }
        // A kext uses the kernel's structs, so its types tell nothing.
        System::Mac => has_any(profile, &MAC_KERNEL),
        System::Other => false,
    }
}

/// Symbols of Linux kernels that neither programs nor modules define: at least one is in every kernel's map.
const LINUX_KERNEL: [&str; 10] = [
    "init_task",
    "init_mm",
    "linux_banner",
    "linux_proc_banner",
    "start_kernel",
    "swapper_pg_dir",
    "init_level4_pgt",
    "init_top_pgt",
    "kallsyms_names",
    "__per_cpu_offset",
];

/// The same for kernels of macOS, under the linker's names and under those of C.
const MAC_KERNEL: [&str; 16] = [
    "_allproc",
    "allproc",
    "_kernproc",
    "kernproc",
    "_initproc",
    "initproc",
    "_kernel_task",
    "kernel_task",
    "_kernel_pmap",
    "kernel_pmap",
    "_lowGlo",
    "lowGlo",
    "_IdlePML4",
    "_BootPML4",
    "_kernel_bootstrap",
    "kernel_bootstrap",
];

/// Whether most addresses are those of a 64-bit kernel: no program is linked there.
fn in_upper_half(profile: &Profile) -> bool {
    let above = profile.constants.iter().filter(|(_, address)| address >> 63 == 1).count();
    above > profile.constants.len() / 2
}

fn has_any(profile: &Profile, symbols: &[&str]) -> bool {
    let named: Vec<_> = symbols.iter().filter_map(|symbol| profile.names.find(symbol)).collect();
    let mut defined = profile.constants.iter().chain(&profile.functions);
    !named.is_empty() && defined.any(|(known, _)| named.contains(known))
}

/// Whether a profile has the struct with its members.
fn defines(profile: &Profile, resolution: &Resolution, name: &str) -> bool {
    let record = profile.names.find(name).and_then(|name| resolution.record(name));
    record.is_some_and(|record| !profile.types.members(record).is_empty())
}

/// Whether the front-end for Volatility's packs made a profile.
fn is_pack(generator: &str) -> bool {
    generator.starts_with("rekall-profile volatility ")
}

fn missing(profile: &Profile, resolution: &Resolution) -> Vec<Missing> {
    let needs = kernel_needs(profile.system, profile.arch);
    let symbols = needed_symbols(profile);
    let lacking = needs.filter(|need| !is_met(need, profile, resolution, &symbols));
    lacking
        .flat_map(|need| {
            let (what, required) = (need.words(), need.required);
            need.consumers.iter().map(move |consumer| Missing {
                consumer: *consumer,
                what: what.clone(),
                required,
            })
        })
        .collect()
}

/// The names that every reader requires in a kernel's profile and this one lacks.
fn essentials(profile: &Profile, resolution: &Resolution, scope: Scope) -> Vec<String> {
    let needs = kernel_needs(profile.system, profile.arch);
    let everyone = needs.filter(|need| need.required && need.consumers == ALL);
    let judged = everyone.filter(|need| scope == Scope::Whole || !need.is_symbol());
    let symbols = needed_symbols(profile);
    judged.filter(|need| !is_met(need, profile, resolution, &symbols)).map(Need::words).collect()
}

fn is_met(need: &Need, profile: &Profile, resolution: &Resolution, symbols: &BTreeSet<Name>) -> bool {
    need.names().any(|lookup| match lookup {
        Lookup::Symbol(symbol) => profile.names.find(symbol).is_some_and(|name| symbols.contains(&name)),
        Lookup::Member(..) | Lookup::Struct(_) => has(lookup, profile, resolution),
    })
}

/// The profile's symbols that some reader of its kernels looks up, found in one pass over all symbols.
fn needed_symbols(profile: &Profile) -> BTreeSet<Name> {
    let lookups = kernel_needs(profile.system, profile.arch).flat_map(Need::names);
    let wanted: BTreeSet<Name> = lookups
        .filter_map(|lookup| match lookup {
            Lookup::Symbol(symbol) => profile.names.find(symbol),
            Lookup::Member(..) | Lookup::Struct(_) => None,
        })
        .collect();
    let symbols = profile.constants.iter().chain(&profile.functions).map(|(name, _)| *name);
    symbols.filter(|name| wanted.contains(name)).collect()
}

/// Whether a profile has a name that a reader looks up.
pub(crate) fn has(name: Lookup, profile: &Profile, resolution: &Resolution) -> bool {
    match name {
        Lookup::Member(owner, member) => member_offset(profile, resolution, owner, member).is_some(),
        Lookup::Symbol(symbol) => has_symbol(profile, symbol),
        Lookup::Struct(name) => profile.names.find(name).and_then(|name| resolution.record(name)).is_some(),
    }
}

fn has_symbol(profile: &Profile, symbol: &str) -> bool {
    let Some(name) = profile.names.find(symbol) else { return false };
    let mut symbols = profile.constants.iter().chain(&profile.functions);
    symbols.any(|(known, _)| *known == name)
}

/// Counts the undefined names to which types refer.
fn opaque(profile: &Profile, resolution: &Resolution) -> usize {
    let mut names = BTreeSet::new();
    let mut look = |mut ty: TypeId| {
        for _ in 0..crate::Types::MAX_CHAIN {
            match profile.types.peel(ty) {
                Type::Pointer { target, .. } | Type::Array { target, .. } => ty = target,
                Type::Named(name) => {
                    if resolution.record(name).is_none() {
                        names.insert(name);
                    }
                    return;
                }
                _ => return,
            }
        }
    };
    for (_, record) in resolution.structs() {
        profile.types.members(*record).iter().for_each(|member| look(member.ty));
    }
    profile.constant_types.iter().for_each(|(_, ty)| look(*ty));
    names.len()
}

/// The names of unknown types that members hold by value.
fn unresolved(profile: &Profile, resolution: &Resolution) -> Vec<String> {
    let types = &profile.types;
    let mut names = BTreeSet::new();
    for (_, record) in resolution.structs() {
        for member in types.members(*record) {
            let mut ty = member.ty;
            for _ in 0..crate::Types::MAX_CHAIN {
                match types.peel(ty) {
                    Type::Array { target, .. } => ty = target,
                    Type::Verbatim(number) => {
                        let kept = types.verbatim(number).filter(|(_, arguments)| !arguments.is_object());
                        names.extend(kept.map(|(name, _)| name));
                        break;
                    }
                    _ => break,
                }
            }
        }
    }
    names.into_iter().map(str::to_owned).collect()
}
