//! The checks that prove a Windows profile; docs/validation.md explains each of them.

use std::collections::BTreeSet;

use image::{Hints, Memory, ScanPlan, Window};
use memchr::memmem;
use pe::Rsds;
use profile::GuidAge;

use super::list::{self, forwards, leads_back};
use super::{DIRECTORY, KERNELS, Mapped, WindowsKernel, builds, shared_data, table, user_end};
use crate::blank::Watched;
use crate::error::Missed;
use crate::validate::{Checker, Difference, Finding, MOST, Scope, Validation, Verdict};
use crate::{Error, Layout};

/// The values of `_DISPATCHER_HEADER.Type` for a process and a thread (`KOBJECTS`).
const PROCESS_OBJECT: u64 = 3;
const THREAD_OBJECT: u64 = 6;

/// Proves a Windows profile on an image.
///
/// # Errors
/// [`Error::Unsupported`] and similar errors if nothing can be checked.
pub(crate) fn validate(
    memory: &dyn Memory,
    layout: &Layout,
    hints: &Hints,
    scope: Scope,
    plan: &ScanPlan<'_>,
) -> Result<Validation, Error> {
    let watched = Watched::new(memory);
    let mut checker = Checker::watching(layout, &watched);
    let wanted: Option<GuidAge> = layout.metadata("GUID_AGE").and_then(|text| text.parse().ok());
    match WindowsKernel::seek(&watched, layout, hints, plan)? {
        Ok(kernel) => {
            let exported = Exported::of(&kernel);
            identity(&kernel, wanted, &exported, &mut checker);
            let exported_agree = exported.elsewhere.is_empty();
            exported.check(&mut checker);
            anchors(&kernel, &mut checker);
            processes(&kernel, &mut checker);
            modules(&kernel, &mut checker);
            // The type of an object shares its place with other data in older kernels.
            let alone: Vec<&str> = table::CHECKS
                .reads()
                .into_iter()
                .filter(|item| !item.starts_with("_DISPATCHER_HEADER."))
                .collect();
            checker.layout_of_each(&table::LAYOUT, &alone);
            if exported_agree && checker.only_identity_failed() && checker.has_enough() {
                checker.outweigh_identity(FITS);
            }
            let names_the_build = kernel.pdb.as_ref().is_some_and(|(found, _)| Some(*found) == wanted);
            if exported_agree && names_the_build && checker.has_enough() {
                checker.excuse_blank();
            }
            if scope == Scope::Whole {
                decoys(memory, kernel.pdb.as_ref().map(|(found, _)| *found), plan, &mut checker);
            }
            let facts = kernel.facts();
            Ok(checker.conclude(facts))
        }
        Err(missed) => {
            strangers(memory, layout, wanted, &missed, plan, &mut checker);
            Ok(checker.conclude(Vec::new()))
        }
    }
}

/// What outweighs a record that names another build.
const FITS: &str =
    "everything else that could be read of the kernel, its processes and its modules fits the profile";

/// Whether everything that can be read of the kernel fits its profile, but for the record that names its build.
pub(crate) fn fits(kernel: &WindowsKernel<'_>) -> bool {
    let mut checker = Checker::new(kernel.layout);
    let exported = Exported::of(kernel);
    if !exported.elsewhere.is_empty() {
        return false;
    }
    anchors(kernel, &mut checker);
    processes(kernel, &mut checker);
    modules(kernel, &mut checker);
    checker.conclude(Vec::new()).verdict == Verdict::Match
}

fn words(wanted: Option<GuidAge>) -> String {
    wanted.map_or("the profile names none".to_owned(), |wanted| wanted.to_string())
}

/// The kernel's own addresses of symbols: its export table, compared with the profile.
#[derive(Default)]
pub(crate) struct Exported {
    /// How many agree with the profile.
    agreeing: usize,
    /// Those that disagree, with their names in the profile.
    elsewhere: Vec<String>,
}

impl Exported {
    /// How many have to agree, without exception, so that a record that names another build counts as changed.
    const ENOUGH: usize = 16;
    /// How many of those that disagree are shown.
    const MOST_TOLD: usize = 16;

    pub(crate) fn of(kernel: &WindowsKernel<'_>) -> Self {
        let mapped = Mapped::mended(&kernel.space, kernel.base);
        let exports = mapped.and_then(|(mapped, _)| mapped.exports(&kernel.space)).unwrap_or_default();
        // Profiles have names without the compiler's prefixes; if several symbols have one, those after the first are
        // numbered.
        let plain = |name: &str| name.trim_start_matches(['_', '@']).to_owned();
        let spelled: Vec<[String; 3]> = exports
            .symbols
            .iter()
            .map(|(name, _)| [name.clone(), plain(name), format!("{name}_1")])
            .collect();
        let known = kernel.layout.symbols(spelled.iter().flatten().map(String::as_str));
        let mut exported = Self::default();
        for (names, (name, rva)) in spelled.iter().zip(&exports.symbols) {
            let mut found = names.iter().filter_map(|name| known.get(name.as_str())).peekable();
            if found.peek().is_none() {
                continue;
            }
            if found.any(|found| found == rva) {
                exported.agreeing += 1;
            } else {
                exported.elsewhere.push(format!("&{name}"));
            }
        }
        exported
    }

    pub(crate) fn all(&self) -> usize {
        self.agreeing + self.elsewhere.len()
    }

    /// Whether this alone shows that the kernel belongs to the profile.
    pub(crate) fn is_certain(&self) -> bool {
        self.agreeing >= Self::ENOUGH && self.elsewhere.is_empty()
    }

    fn check(self, checker: &mut Checker<'_>) {
        let expected = "where the profile has them";
        checker.check(&table::EXPORTS, expected, || {
            if self.all() == 0 {
                return Finding::Skipped("the kernel's table of exports is not in memory".to_owned());
            }
            let words = format!("{} of {}", self.agreeing, self.all());
            // Some malware changes export tables to hide. A few changes do not mean another kernel.
            if self.elsewhere.len() * 10 <= self.all() {
                return Finding::Passed(words);
            }
            let mut culprits = self.elsewhere;
            culprits.truncate(Self::MOST_TOLD);
            Finding::Culprits(words, culprits)
        });
    }
}

fn identity(
    kernel: &WindowsKernel<'_>,
    wanted: Option<GuidAge>,
    exported: &Exported,
    checker: &mut Checker<'_>,
) {
    if let Some((_, Some(changed))) = Mapped::mended(&kernel.space, kernel.base) {
        checker.check(&table::HEADERS, "those of a PE file", || Finding::Skipped(changed));
    }
    let unnamed = || Finding::Skipped(Mapped::unnamed(&kernel.space, kernel.base));
    checker.check(&table::GUID_AGE, words(wanted), || {
        match (&kernel.pdb, wanted) {
            (_, None) => Finding::Skipped("the profile names none".to_owned()),
            (None, _) => unnamed(),
            (Some((found, _)), Some(wanted)) => match Difference::of_builds(*found, wanted) {
                Difference::None => Finding::Passed(found.to_string()),
                // One changed byte of a record does not make another kernel of it.
                Difference::OneByte if exported.elsewhere.is_empty() => Finding::Skipped(format!(
                    "{found}, one byte away, and {} exported symbols are where the profile has them: the record was changed",
                    exported.all()
                )),
                _ if !exported.is_certain() => Finding::Failed(found.to_string()),
                // Neighbouring servicing builds agree on every export and differ in other symbols.
                _ => Finding::Doubtful(format!(
                    "{found}, yet all {} exported symbols are where the profile has them: either the record was \
                     changed, or the kernel is the neighbouring build {found}, whose profile is needed",
                    exported.all()
                )),
            },
        }
    });
    checker.check(&table::PDB, "one of a kernel", || match &kernel.pdb {
        None => unnamed(),
        Some((_, name)) if KERNELS.iter().any(|kernel| kernel.eq_ignore_ascii_case(name)) => {
            Finding::Passed(name.clone())
        }
        // The GUID and the exports are more precise than the name.
        Some((found, name)) if Some(*found) == wanted || exported.is_certain() => {
            Finding::Skipped(format!("{name}: the name was changed"))
        }
        Some((_, name)) => Finding::Failed(name.clone()),
    });
}

fn anchors(kernel: &WindowsKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let number = |names: &str, size: u64| kernel.symbol(names).and_then(|at| view.number(at, size));
    checker.check(&table::BUILD_LAB, "a build's name", || {
        match kernel.symbol("NtBuildLab").and_then(|at| view.text(at, 128)) {
            Ok(text) => {
                let digits = text.bytes().take_while(u8::is_ascii_digit).count();
                Finding::judge((4..=5).contains(&digits) && text.contains('.'), text)
            }
            Err(error) => Finding::of(&error),
        }
    });
    checker.check(&table::BUILD_NUMBER, "of the family of NtBuildLab", || {
        let lab = kernel.symbol("NtBuildLab").and_then(|at| view.text(at, 128));
        match (number("NtBuildNumber", 4), lab) {
            (Ok(build), Ok(lab)) => {
                let (kind, build) = (build >> 28, build & 0xffff);
                // The upper half says whether it is a free or a checked build.
                let lab: Option<u64> = lab.split('.').next().and_then(|word| word.parse().ok());
                let same = lab.is_some_and(|lab| builds::is_of_family(build, lab));
                let words = match lab {
                    Some(lab) if lab != build => format!("{build} over {lab}"),
                    _ => build.to_string(),
                };
                Finding::judge(matches!(kind, 0xc | 0xf) && same, words)
            }
            (Err(error), _) | (_, Err(error)) => Finding::of(&error),
        }
    });
    checker.check(&table::VERSION_BASE, format!("{:#x}", kernel.base), || {
        let found =
            kernel.symbol("KdVersionBlock").and_then(|at| view.get(at, "_DBGKD_GET_VERSION64.KernBase"));
        match found {
            // Since Windows 10 it is filled in only if a debugger is attached.
            Ok(0) => Finding::Skipped("it is not filled in".to_owned()),
            found => Finding::equal(found.map(|found| widen(kernel, found)), kernel.base),
        }
    });
    checker.check(&table::VERSION_MODULES, "the address of PsLoadedModuleList", || {
        let found = kernel
            .symbol("KdVersionBlock")
            .and_then(|at| view.get(at, "_DBGKD_GET_VERSION64.PsLoadedModuleList"));
        match (found, kernel.symbol("PsLoadedModuleList")) {
            (Ok(0), _) => Finding::Skipped("it is not filled in".to_owned()),
            (found, Ok(head)) => Finding::equal(found.map(|found| widen(kernel, found)), head),
            (_, Err(error)) => Finding::of(&error),
        }
    });
    // `_KDDEBUGGER_DATA64`, as the debuggers' own header lays it out: tag, base and lists.
    for (offset, what, symbol) in [
        (0x18, "KernBase", None),
        (0x48, "PsLoadedModuleList", Some("PsLoadedModuleList")),
        (0x50, "PsActiveProcessHead", Some("PsActiveProcessHead")),
    ] {
        checker.check_of(
            &table::DEBUGGER_DATA,
            &format!("KdDebuggerDataBlock: {what}"),
            "its address",
            || {
                let block = match kernel.symbol("KdDebuggerDataBlock") {
                    Ok(block) => block,
                    Err(error) => return Finding::of(&error),
                };
                match view.bytes::<4>(block.wrapping_add(0x10)) {
                    Ok(tag) if &tag == b"KDBG" => {}
                    // Windows 8 began to encode it.
                    Ok(tag) => {
                        let shared = shared_data(kernel.layout.arch());
                        let version =
                            (view.number(shared + 0x26c, 4).ok(), view.number(shared + 0x270, 4).ok());
                        return match version < (Some(6), Some(2)) {
                            true => Finding::Failed(format!("no tag, but {tag:02x?}")),
                            false => Finding::Skipped("it is encoded".to_owned()),
                        };
                    }
                    Err(error) => return Finding::of(&error),
                }
                match symbol.map_or(Ok(kernel.base), |symbol| kernel.symbol(symbol)) {
                    Ok(expected) => {
                        let found =
                            view.number(block.wrapping_add(offset), 8).map(|found| widen(kernel, found));
                        Finding::equal(found, expected)
                    }
                    Err(error) => Finding::of(&error),
                }
            },
        );
    }
    checker.check(&table::SYSTEM_PROCESS, "System, process 4", || {
        let look = |at: u64| -> Result<Finding, Error> {
            let process = view.pointer(at)?;
            let pid = view.get(process, "_EPROCESS.UniqueProcessId")?;
            let name = view.text_in(process, "_EPROCESS.ImageFileName")?;
            Ok(Finding::judge(pid == 4 && name == "System", format!("{name}, process {pid}")))
        };
        kernel.symbol("PsInitialSystemProcess").and_then(look).unwrap_or_else(|error| Finding::of(&error))
    });
    checker.check(&table::IMAGE_BASE, format!("{:#x}", kernel.base), || {
        Finding::equal(number("PsNtosImageBase", kernel.layout.address_size()), kernel.base)
    });
    checker.check(&table::SHARED_DATA, "the build of the kernel", || {
        // `NtBuildNumber` was put into it in Windows 10.
        let shared = shared_data(kernel.layout.arch());
        let read = || -> Result<Finding, Error> {
            let (major, build) = (view.number(shared + 0x26c, 4)?, view.number(shared + 0x260, 4)?);
            if major < 10 {
                return Ok(Finding::Passed(format!("version {major}.{}", view.number(shared + 0x270, 4)?)));
            }
            let own = number("NtBuildNumber", 4)? & 0xffff;
            Ok(Finding::judge(build == own || build == 0, format!("{build}, {own} in the kernel")))
        };
        read().unwrap_or_else(|error| Finding::of(&error))
    });
}

/// An address as the kernel prints it: on 32-bit systems it is sign-extended.
fn widen(kernel: &WindowsKernel<'_>, address: u64) -> u64 {
    if kernel.layout.address_size() == 4 { address & 0xffff_ffff } else { address }
}

fn processes(kernel: &WindowsKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let (mut all, mut partial, mut broken) = (Vec::new(), false, false);
    checker.check(&table::PROCESSES, "a list that closes, back pointers agree", || {
        let head = match kernel.symbol("PsActiveProcessHead") {
            Ok(head) => head,
            Err(error) => return Finding::of(&error),
        };
        match list::both_ways(&view, head, "_EPROCESS.ActiveProcessLinks") {
            Ok(list) => {
                (all, partial, broken) = (list.entries, list.partial, list.end.is_err());
                let words = format!("{} processes, {} back pointers disagree", all.len(), list.disagreeing);
                // A broken list is read from both ends; then the readable entries have to be right.
                let agree = list.disagreeing * 4 <= all.len() && leads_back(&view, head);
                Finding::judge_part(all.len() > 1 && agree, agree && partial, words)
            }
            Err(error) => Finding::of(&error),
        }
    });
    if checker.has_just_failed() {
        all.clear();
    }
    all.truncate(MOST);
    let name = |process| {
        kernel.layout.field("_EPROCESS.ActiveProcessLinks")?;
        view.text_in(process, "_EPROCESS.ImageFileName")
    };
    checker.each(
        &table::PROCESS_NAME,
        "a name",
        &all,
        |process| {
            let text = view.text_in(process, "_EPROCESS.ImageFileName")?;
            Ok(!text.is_empty() && !text.chars().any(char::is_control))
        },
        name,
    );
    checker.check(&table::PROCESS_ID, "all different, multiples of 4", || {
        // The start of the processes follows from it.
        kernel.layout.has("_EPROCESS.ActiveProcessLinks");
        if let Err(error) = kernel.layout.field("_EPROCESS.UniqueProcessId") {
            return Finding::of(&error);
        }
        let (ids, absent) = view.get_all(&all, "_EPROCESS.UniqueProcessId");
        let different: BTreeSet<u64> = ids.iter().copied().collect();
        let good = ids.iter().filter(|id| *id % 4 == 0 && (1..1 << 24).contains(*id)).count();
        let sane = good * 10 >= ids.len() * 9 && different.len() * 10 >= ids.len() * 9;
        Finding::judge_part(
            sane && different.contains(&4),
            sane && (partial || broken || absent > 0 || all.is_empty()),
            format!("{} different of {}", different.len(), ids.len()),
        )
    });
    checker.each(
        &table::PAGE_TABLES,
        "page tables that show KUSER_SHARED_DATA",
        &all,
        |process| {
            let ended = view.get(process, "_EPROCESS.ExitTime").is_ok_and(|time| time != 0);
            Ok(ended || kernel.shares(view.get(process, DIRECTORY)?)?)
        },
        name,
    );
    checker.each(
        &table::PROCESS_TYPE,
        "a process",
        &all,
        |process| Ok(view.get(process, "_EPROCESS.Pcb.Header.Type")? & 0x7f == PROCESS_OBJECT),
        name,
    );
    checker.each(
        &table::PARENT,
        "a multiple of 4",
        &all,
        |process| {
            let parent = view.get(process, "_EPROCESS.InheritedFromUniqueProcessId")?;
            Ok(parent % 4 == 0
                && parent < 1 << 24
                && parent != view.get(process, "_EPROCESS.UniqueProcessId")?)
        },
        name,
    );
    checker.check(&table::PARENT, "System's child, and children of others", || {
        if let Err(error) = kernel.layout.field("_EPROCESS.InheritedFromUniqueProcessId") {
            return Finding::of(&error);
        }
        let (ids, absent) = view.get_all(&all, "_EPROCESS.UniqueProcessId");
        let (parents, more) = view.get_all(&all, "_EPROCESS.InheritedFromUniqueProcessId");
        let ids: BTreeSet<u64> = ids.into_iter().collect();
        let known = parents.iter().filter(|parent| ids.contains(parent)).count();
        // Parents may have ended.
        Finding::judge_part(
            known * 3 >= all.len() && known > 0,
            partial || absent + more > 0 || all.is_empty(),
            format!("{known} of {} have a parent", all.len()),
        )
    });
    checker.each(
        &table::PROCESS_TIMES,
        "a time since 1990, and none before it",
        &all,
        |process| {
            let created = view.get(process, "_EPROCESS.CreateTime")?;
            let ended = view.get(process, "_EPROCESS.ExitTime")?;
            // 100 ns since 1601: 1990 to 2100. System of older kernels has none.
            let sane = |time: u64| (122_000_000_000_000_000..157_500_000_000_000_000).contains(&time);
            Ok((sane(created) || created == 0) && (ended == 0 || (sane(ended) && ended >= created)))
        },
        name,
    );
    checker.each(
        &table::HANDLES,
        "a table of handles of this process",
        &all,
        |process| {
            let table = view.get(process, "_EPROCESS.ObjectTable")?;
            if table == 0 {
                return Ok(true);
            }
            let owner = view.get(table, "_HANDLE_TABLE.QuotaProcess")?;
            let count = view.get(table, "_HANDLE_TABLE.HandleCount").unwrap_or(0);
            Ok((owner == process || owner == 0) && count < 1 << 24)
        },
        name,
    );
    checker.each(
        &table::PEB,
        "in the user's half, or none",
        &all,
        |process| Ok(view.get(process, "_EPROCESS.Peb")? < user_end(kernel.space.paging())),
        name,
    );
    threads(kernel, &all, checker);
}

/// The threads of processes lead back to them.
fn threads(kernel: &WindowsKernel<'_>, all: &[u64], checker: &mut Checker<'_>) {
    let view = kernel.view();
    let name = |process| view.text_in(process, "_EPROCESS.ImageFileName");
    let mut threads = Vec::new();
    checker.each(
        &table::THREADS,
        "as many threads as are counted",
        all,
        |process| {
            let head = view.at(process, "_EPROCESS.ThreadListHead")?;
            let list = list::short(&view, head, "_ETHREAD.ThreadListEntry")?;
            list.end?;
            let room = MOST.saturating_sub(threads.len());
            threads.extend(list.entries.iter().take(room).map(|thread| (process, *thread)));
            // Threads that end are removed from the count first.
            Ok(view.get(process, "_EPROCESS.ActiveThreads")? <= list.entries.len() as u64)
        },
        name,
    );
    let owners: std::collections::BTreeMap<u64, u64> =
        threads.iter().map(|(process, thread)| (*thread, *process)).collect();
    let each: Vec<u64> = owners.keys().copied().collect();
    let number = |thread| {
        // The start of the threads follows from it.
        kernel.layout.field("_ETHREAD.ThreadListEntry")?;
        Ok(format!("thread {}", view.get(thread, "_ETHREAD.Cid.UniqueThread")?))
    };
    checker.each(
        &table::THREAD_PROCESS,
        "the process that lists it",
        &each,
        |thread| {
            Ok(owners.get(&thread)
                == Some(&view.get(thread, "_ETHREAD.ThreadsProcess|_ETHREAD.Tcb.Process")?))
        },
        number,
    );
    checker.each(
        &table::THREAD_ID,
        "the process's number, and one of its own",
        &each,
        |thread| {
            let process = owners.get(&thread).copied().unwrap_or_default();
            Ok(view.get(thread, "_ETHREAD.Cid.UniqueProcess")?
                == view.get(process, "_EPROCESS.UniqueProcessId")?
                && view.get(thread, "_ETHREAD.Cid.UniqueThread")? % 4 == 0)
        },
        number,
    );
    checker.each(
        &table::THREAD_TYPE,
        "a thread",
        &each,
        |thread| Ok(view.get(thread, "_ETHREAD.Tcb.Header.Type")? & 0x7f == THREAD_OBJECT),
        number,
    );
}

fn modules(kernel: &WindowsKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let mut all = Vec::new();
    checker.check(&table::MODULES, "a list that closes, the kernel on it", || {
        let list =
            kernel.symbol("PsLoadedModuleList").and_then(|head| forwards(&view, head, list::MODULE_LINKS));
        match list {
            Ok(list) => {
                all = list.entries;
                match list.end {
                    Ok(()) => {
                        let (bases, absent) = view.get_all(&all, list::MODULE_BASE);
                        let count = bases.iter().filter(|base| **base == kernel.base).count();
                        let words = format!("{} modules, {count} of them the kernel", all.len());
                        Finding::judge_part(count == 1, count == 0 && absent > 0, words)
                    }
                    Err(error) => Finding::of(&error),
                }
            }
            Err(error) => Finding::of(&error),
        }
    });
    all.truncate(MOST);
    let name = |entry| {
        kernel.layout.field(list::MODULE_LINKS)?;
        list::text(&view, entry, list::MODULE_NAME)
    };
    let mut changed = Vec::new();
    checker.each(
        &table::MODULE_SIZE,
        "what its own headers say",
        &all,
        |entry| {
            let base = view.get(entry, list::MODULE_BASE)?;
            let size = view.get(entry, list::MODULE_SIZE)?;
            if let Some((mapped, _)) = Mapped::mended(&kernel.space, base) {
                let own = u64::from(mapped.headers.size_of_image);
                let bytes = (own ^ size).to_le_bytes();
                if bytes.iter().filter(|byte| **byte != 0).count() != 1 {
                    return Ok(own == size);
                }
                // One byte was changed, here or there.
                changed.push(format!("{own:#x} in the headers at {base:#x}"));
                return Err(Error::Unreadable { address: base, length: 4, mapped: true });
            }
            if base == kernel.base {
                // The kernel was found without its headers, which are damaged.
                return Err(Error::Unreadable { address: base, length: 2, mapped: true });
            }
            match view.number(base, 2) {
                Ok(_) => Ok(false),
                Err(error) if error.is_absence() => Err(error),
                // Headers that were discarded or paged out decide nothing.
                Err(_) => Ok(base % 4096 == 0 && size % 4096 == 0 && size > 0),
            }
        },
        name,
    );
    if let Some(first) = changed.first() {
        let words = format!("{first}, one byte away: either was changed");
        checker.check(&table::CHANGED_HEADERS, "the size that the list has", || Finding::Skipped(words));
    }
    checker.each(
        &table::MODULE_NAMES,
        "a name that its path ends with",
        &all,
        |entry| {
            let missing = |error: Error| match error {
                // Names are in memory that can be paged out.
                Error::Unreadable { address, length, .. } => {
                    Error::Unreadable { address, length, mapped: true }
                }
                error => error,
            };
            let short = list::text(&view, entry, list::MODULE_NAME).map_err(missing)?;
            let path = list::text(&view, entry, list::MODULE_PATH).map_err(missing)?;
            Ok(!short.is_empty() && path.to_lowercase().ends_with(&short.to_lowercase()))
        },
        name,
    );
}

/// If no kernel fits: what the image says about the kernels in it.
fn strangers(
    memory: &dyn Memory,
    layout: &Layout,
    wanted: Option<GuidAge>,
    missed: &Missed,
    plan: &ScanPlan<'_>,
    checker: &mut Checker<'_>,
) {
    let found = kernels(memory, plan);
    checker.check(&table::GUID_AGE, words(wanted), || match wanted {
        None => Finding::Skipped("the profile names none".to_owned()),
        Some(_) if found.is_empty() => Finding::Skipped("the image holds no record of a kernel".to_owned()),
        Some(wanted) => {
            let shown: Vec<String> = found.iter().take(3).map(ToString::to_string).collect();
            // Without a kernel, records are remains.
            Finding::judge_part(found.contains(&wanted), !missed.another, shown.join(" | "))
        }
    });
    checker.check(&table::NO_KERNEL, "one at the profile's addresses", || {
        for member in ["_EPROCESS.ImageFileName", DIRECTORY, "_EPROCESS.ActiveProcessLinks"] {
            let _ = layout.field(member);
        }
        layout.symbol("PsActiveProcessHead");
        let reason = missed.tried.join("; ");
        if missed.another { Finding::Failed(reason) } else { Finding::Skipped(reason) }
    });
}

/// Records of kernels in memory that are not the one found: copies in the cache, older builds, remains.
fn decoys(memory: &dyn Memory, own: Option<GuidAge>, plan: &ScanPlan<'_>, checker: &mut Checker<'_>) {
    checker.check(&table::DECOYS, "none, or remains", || {
        let others: Vec<String> = kernels(memory, plan)
            .iter()
            .filter(|found| Some(**found) != own)
            .map(ToString::to_string)
            .collect();
        match others.len() {
            0 => Finding::Passed("none".to_owned()),
            count => Finding::Passed(format!(
                "{count}, passed over: {}",
                others.iter().take(3).cloned().collect::<Vec<_>>().join(", ")
            )),
        }
    });
}

/// The identities of kernels in physical memory, each once.
fn kernels(memory: &dyn Memory, plan: &ScanPlan<'_>) -> BTreeSet<GuidAge> {
    let finder = memmem::Finder::new(Rsds::MAGIC);
    let plan = ScanPlan { overlap: 24 + 64, ..*plan };
    let found = image::scan(memory, &plan, |window: Window<'_>, found: &mut Vec<GuidAge>| {
        for at in finder.find_iter(window.bytes).take_while(|at| *at < window.own) {
            let rsds = window.bytes.get(at..).and_then(Rsds::parse);
            found.extend(rsds.filter(|rsds| KERNELS.contains(&rsds.file_name())).map(|rsds| rsds.guid_age));
        }
        found.sort_unstable();
        found.dedup();
    });
    found.found.into_iter().collect()
}
