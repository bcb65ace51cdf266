use super::LinuxKernel;
use super::shared::printable;
use crate::linux::START_KERNEL_MAP;
use crate::linux::table::anchors::{self as table, FIRST_POINTERS, Pointer};
use crate::table::CheckRow;
use crate::validate::{Checker, Finding};
use crate::{Error, Layout, Space};

/// Texts: the row, the check's name (the symbol, and a member if it is not at the start), and the expected beginning.
static TEXTS: [(&CheckRow, &str, &str); 4] = [
    (&table::BANNER_TEXT, "linux_banner", "Linux version "),
    (&table::FIRST_TEXTS, "linux_proc_banner", "%s version %s"),
    (&table::FIRST_TEXTS, "init_task: task_struct.comm", "swapper"),
    (&table::FIRST_TEXTS, "init_uts_ns: uts_namespace.name.sysname", "Linux"),
];

/// Known values at the addresses of symbols.
pub(super) fn examine(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) {
    texts(kernel, checker);
    pointers(kernel, checker);
    names_of_the_system(kernel, checker);
    mapping(kernel, checker);
    system_calls(kernel, checker);
    numbers(kernel, checker);
    crash_notes(kernel, checker);
    type_table(kernel, checker);
}

fn texts(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    for (row, name, expected) in TEXTS {
        let (symbol, member) = match name.split_once(": ") {
            Some((symbol, member)) => (symbol, Some(member)),
            None => (name, None),
        };
        checker.check_of(row, name, format!("begins with '{expected}'"), || {
            let at = kernel.symbol(symbol);
            let text = match member {
                Some(member) => at.and_then(|at| view.text_in(at, member)),
                None => at.and_then(|at| view.text(at, 64)),
            };
            match text {
                Ok(text) => Finding::judge(text.starts_with(expected), text),
                Err(error) => Finding::of(&error),
            }
        });
    }
}

fn pointers(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    for Pointer { name, target, inner } in &FIRST_POINTERS {
        let (symbol, member) = name.split_once(": ").unwrap_or((name, ""));
        let expected = match inner {
            Some(inner) => format!("{inner} of {target}"),
            None => format!("address of {}", target.replace('|', " or ")),
        };
        checker.check_of(&table::POINTERS, name, expected, || {
            let target =
                kernel.symbol(target).and_then(|at| inner.map_or(Ok(at), |inner| view.at(at, inner)));
            match (kernel.symbol(symbol).and_then(|base| view.get(base, member)), target) {
                (found, Ok(target)) => match Finding::equal(found, target) {
                    Finding::Failed(found) => Finding::Failed(format!("{found}, not {target:#x}")),
                    finding => finding,
                },
                (_, Err(error)) => Finding::of(&error),
            }
        });
    }
}

/// The release and the version are in the banner and in the first namespace.
fn names_of_the_system(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    for (row, member, what) in [
        (&table::RELEASE, "uts_namespace.name.release", "the banner's release"),
        (&table::VERSION, "uts_namespace.name.version", "a part of the banner"),
    ] {
        checker.check(row, what, || {
            let banner = kernel.symbol("linux_banner").and_then(|at| view.text(at, 512));
            let found = kernel.symbol("init_uts_ns").and_then(|at| view.text_in(at, member));
            match (banner, found) {
                (Ok(banner), Ok(found)) => {
                    let whole = if member.ends_with("release") {
                        banner.split(' ').nth(2) == Some(found.as_str())
                    } else {
                        found.starts_with('#') && banner.contains(&found)
                    };
                    Finding::judge(whole, found)
                }
                (Err(error), _) | (_, Err(error)) => Finding::of(&error),
            }
        });
    }
    checker.check(&table::MACHINE, "the profile's processor", || {
        let machine =
            kernel.symbol("init_uts_ns").and_then(|at| view.text_in(at, "uts_namespace.name.machine"));
        let expected: &[&str] = match kernel.layout.arch() {
            profile::Arch::Amd64 => &["x86_64"],
            profile::Arch::I386 => &["i386", "i486", "i586", "i686"],
            _ => &["aarch64", "arm64"],
        };
        match machine {
            Ok(machine) => Finding::judge(expected.contains(&machine.as_str()), machine),
            Err(error) => Finding::of(&error),
        }
    });
    checker.check(&table::NODE, "names", || {
        let found = kernel.symbol("init_uts_ns").and_then(|at| {
            let node = view.text_in(at, "uts_namespace.name.nodename")?;
            Ok((node, view.text_in(at, "uts_namespace.name.domainname")?))
        });
        match found {
            // A domain is either set or `(none)`; both exist from the start.
            Ok((node, domain)) => {
                Finding::judge(printable(&node) && printable(&domain), format!("{node}, {domain}"))
            }
            Err(error) => Finding::of(&error),
        }
    });
    checker.check(&table::COMMAND_LINE, "a pointer to a text", || {
        let text = kernel.symbol("saved_command_line").and_then(|at| view.text(view.pointer(at)?, 2048));
        match text {
            Ok(text) => Finding::judge(printable(text.trim_end_matches('\n')), text),
            Err(error) => Finding::of(&error),
        }
    });
}

/// The variables on which the kernel's address map is based.
fn mapping(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    if kernel.layout.arch() == profile::Arch::Amd64 {
        checker.check(&table::TEXT_ALIGNMENT, "at a multiple of two megabytes", || {
            match kernel.layout.symbol("_text") {
                Some(linked) => {
                    let physical = linked.wrapping_add(kernel.delta);
                    Finding::judge(physical % (2 << 20) == 0, format!("{physical:#x}"))
                }
                None => Finding::Skipped("the profile has no symbol for it".to_owned()),
            }
        });
    }
    let banner = kernel.layout.symbol("linux_banner").map(|linked| linked.wrapping_add(kernel.delta));
    checker.check(
        &table::PHYS_BASE,
        format!("{:#x}", kernel.delta.wrapping_sub(kernel.shift).wrapping_add(START_KERNEL_MAP)),
        || {
            let expected = kernel.delta.wrapping_sub(kernel.shift).wrapping_add(START_KERNEL_MAP);
            match kernel.symbol("phys_base") {
                Ok(at) => Finding::equal(view.number(at, 8), expected),
                Err(error) => Finding::of(&error),
            }
        },
    );
    checker.check(&table::PAGE_OFFSET, "where all of memory is mapped", || {
        let base = kernel.symbol("page_offset_base").and_then(|at| view.number(at, 8));
        match (base, banner) {
            (Ok(base), Some(physical)) => match kernel.space.physical(base.wrapping_add(physical)) {
                Ok(there) => Finding::judge(there == physical, format!("{base:#x}")),
                Err(error) => Finding::of(&error),
            },
            (Err(error), _) => Finding::of(&error),
            (_, None) => Finding::Skipped("the profile has no linux_banner".to_owned()),
        }
    });
    checker.check(&table::MAP_ORDER, "in the map's order", || {
        let base = |name: &str| kernel.symbol(name).and_then(|at| view.number(at, 8));
        match (base("page_offset_base"), base("vmalloc_base"), base("vmemmap_base")) {
            (Ok(all), Ok(dynamic), Ok(pages)) => {
                // Each begins at a multiple of a gigabyte (`kaslr_regions`).
                let aligned = [all, dynamic, pages].iter().all(|base| base % (1 << 30) == 0);
                let good = aligned && kernel.is_upper(all) && all < dynamic && dynamic < pages;
                Finding::judge(good, format!("{all:#x}, {dynamic:#x}, {pages:#x}"))
            }
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => Finding::of(&error),
        }
    });
    let scattered = has_no_frame_map(kernel.layout);
    checker.check(&table::FRAMES, "mapped", || {
        let base = kernel.symbol("vmemmap_base").and_then(|at| view.number(at, 8));
        let size = kernel.layout.shape("page").map(|page| page.size);
        match (base, banner, size) {
            (Ok(base), Some(physical), Some(size)) => {
                let at = base.wrapping_add((physical >> 12).wrapping_mul(size));
                match view.number(at, 1) {
                    Ok(_) => Finding::Passed(format!("{at:#x}")),
                    Err(_) if scattered => {
                        Finding::Skipped("the kernel was built without SPARSEMEM_VMEMMAP".to_owned())
                    }
                    Err(error) => Finding::of(&error),
                }
            }
            (Err(error), ..) => Finding::of(&error),
            _ => Finding::Skipped("the profile has no struct page, or no linux_banner".to_owned()),
        }
    });
}

/// Whether the kernel keeps its frames in sections without one map of them all: `vmemmap_base` has its value then too, but
/// nothing is mapped there. The function that fills the map (`arch/x86/mm/init_64.c`) is missing where `sparse_init`, which
/// calls it, is known; a profile that lacks both says nothing.
fn has_no_frame_map(layout: &Layout) -> bool {
    layout.symbol("sparse_init").is_some() && layout.symbol("vmemmap_populate").is_none()
}

/// System calls by their number on x86-64, with the symbols of their functions.
const SYSTEM_CALLS: &[(u64, &str)] = &[
    (0, "__x64_sys_read|sys_read|SyS_read"),
    (39, "__x64_sys_getpid|sys_getpid"),
    (60, "__x64_sys_exit|sys_exit|SyS_exit"),
];

/// The table of system calls leads to these functions.
fn system_calls(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) {
    if kernel.layout.arch() != profile::Arch::Amd64 {
        return;
    }
    let view = kernel.view();
    for (number, symbol) in SYSTEM_CALLS {
        let name = format!("sys_call_table: entry {number}");
        let expected = format!("address of {}", symbol.replace('|', " or "));
        checker.check_of(&table::SYSTEM_CALLS, &name, expected, || {
            let entry = kernel
                .symbol("sys_call_table")
                .and_then(|table| view.pointer(table.wrapping_add(8 * number)));
            match kernel.symbol(symbol) {
                Ok(code) => Finding::equal(entry, code),
                Err(error) => Finding::of(&error),
            }
        });
    }
}

/// The kernel's BTF is between its symbols and has the length in its header.
fn type_table(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) {
    checker.check(&table::TYPE_TABLE, "the table of types, to the byte", || {
        let bounds = (kernel.symbol("__start_BTF"), kernel.symbol("__stop_BTF"));
        let (Ok(start), Ok(stop)) = bounds else {
            return Finding::Skipped("the profile has no symbols for it".to_owned());
        };
        let view = kernel.view();
        let look = || -> Result<Finding, Error> {
            let header = view.number(start.wrapping_add(4), 4)?;
            let length =
                header + view.number(start.wrapping_add(16), 4)? + view.number(start.wrapping_add(20), 4)?;
            let good = view.number(start, 2)? == 0xeb9f && stop.wrapping_sub(start) == length;
            Ok(Finding::judge(
                good,
                format!("{:#x} bytes, {length:#x} by its header", stop.wrapping_sub(start)),
            ))
        };
        look().unwrap_or_else(|error| Finding::of(&error))
    });
}

fn numbers(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    for (symbol, member, expected) in [
        ("init_task", "task_struct.pid", 0),
        ("init_task", "task_struct.tgid", 0),
        ("init_task", "task_struct.mm", 0),
        ("init_pid_ns", "pid_namespace.level", 0),
        ("init_struct_pid", "pid.level", 0),
    ] {
        checker.check_of(&table::NUMBERS, &format!("{symbol}: {member}"), expected.to_string(), || {
            match kernel.symbol(symbol) {
                Ok(base) => Finding::equal(view.get(base, member), expected),
                Err(error) => Finding::of(&error),
            }
        });
    }
    checker.check(&table::IDLE_MEMORY, "a memory of its own or borrowed", || {
        let found = kernel.symbol("init_task").and_then(|task| view.get(task, "task_struct.active_mm"));
        match found {
            Ok(found) => Finding::judge(kernel.is_upper(found), format!("{found:#x}")),
            Err(error) => Finding::of(&error),
        }
    });
    checker.check(&table::REAPER, "process 1", || {
        let reaper =
            kernel.symbol("init_pid_ns").and_then(|space| view.get(space, "pid_namespace.child_reaper"));
        match reaper.and_then(|task| view.get(task, "task_struct.tgid")) {
            Ok(pid) => Finding::judge(pid == 1, format!("process {pid}")),
            Err(error) => Finding::of(&error),
        }
    });
}

/// VMCOREINFO, through the kernel's pointer to it.
fn crash_notes(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let info = kernel.vmcoreinfo();
    checker.check(&table::CRASH_NOTES, "VMCOREINFO", || {
        match kernel.symbol("vmcoreinfo_data").and_then(|at| view.text(view.pointer(at)?, 16)) {
            Ok(text) => Finding::judge(text.starts_with("OSRELEASE="), text),
            Err(error) => Finding::of(&error),
        }
    });
    checker.check(&table::CRASH_NOTES_SIZE, "the length of VMCOREINFO", || {
        let length = kernel
            .symbol("vmcoreinfo_data")
            .and_then(|at| Ok(view.text(view.pointer(at)?, super::VmCoreInfo::LONGEST)?.len() as u64));
        match (length, kernel.symbol("vmcoreinfo_size")) {
            (Ok(length), Ok(at)) => Finding::equal(view.pointer(at), length),
            (Err(error), _) | (_, Err(error)) => Finding::of(&error),
        }
    });
    let Some(info) = info else { return };
    for symbol in ["_stext", "init_uts_ns", "swapper_pg_dir", "init_top_pgt", "node_online_map"] {
        let Some(expected) = info.symbol(symbol) else { continue };
        // On x86-64 `swapper_pg_dir` is a macro for one of the others.
        if kernel.layout.symbol(symbol).is_none() {
            continue;
        }
        let name = format!("VMCOREINFO: {symbol}");
        checker.check_of(&table::CRASH_SYMBOLS, &name, format!("{expected:#x}"), || {
            Finding::equal(kernel.symbol(symbol), expected)
        });
    }
    checker.check(&table::CRASH_OFFSET, format!("{:#x}", kernel.shift), || match info.kernel_offset() {
        Some(offset) => Finding::equal(Ok(offset), kernel.shift),
        None => Finding::Skipped("it does not tell".to_owned()),
    });
    for (struct_name, member) in [
        ("list_head", "next"),
        ("list_head", "prev"),
        ("page", "flags"),
        ("page", "lru"),
        ("pglist_data", "node_zones"),
    ] {
        let text = info.text(&format!("OFFSET({struct_name}.{member})")).and_then(|text| text.parse().ok());
        let Some(expected): Option<u64> = text else { continue };
        let path = format!("{struct_name}.{member}");
        checker.check_of(&table::CRASH_MEMBERS, &format!("VMCOREINFO: {path}"), expected.to_string(), || {
            Finding::equal(kernel.layout.field(&path).map(|field| field.offset), expected)
        });
    }
}

#[cfg(test)]
mod tests {
    use profile::Text;

    use super::*;

    /// A profile with these symbols alone.
    fn layout(symbols: &[&str]) -> Layout {
        let constants: Vec<String> = symbols.iter().map(|name| format!("\"{name}\":4096")).collect();
        let metadata = r#"{"ProfileClass":"Linux","Type":"Profile","Version":1,"arch":"AMD64"}"#;
        let text =
            format!(r#"{{"$CONSTANTS":{{{}}},"$METADATA":{metadata},"$STRUCTS":{{}}}}"#, constants.join(","));
        Layout::from_text(Text::new(text.into_bytes()).unwrap())
    }

    #[test]
    fn a_kernel_that_cannot_fill_the_map_of_frames_has_none() {
        assert!(has_no_frame_map(&layout(&["sparse_init", "vmemmap_base"])));
        assert!(!has_no_frame_map(&layout(&["sparse_init", "vmemmap_base", "vmemmap_populate"])));
        // This says nothing, so the check stays.
        assert!(!has_no_frame_map(&layout(&["vmemmap_base"])));
    }
}
