use std::collections::BTreeMap;

use image::{AddressSpace, Granule, Paging, PhysicalAddress};

use super::shared::through;
use super::tasks::Tasks;
use super::{LinuxKernel, MOST};
use crate::layout::FieldKind;
use crate::linux::table::memory as table;
use crate::space::if_mapped;
use crate::typed_memory::TypedMemory;
use crate::validate::Checker;
use crate::{Error, Space};

/// The collected data about the tasks' memory.
#[derive(Default)]
pub(super) struct Maps {
    /// The `mm_struct` of each task with one, without repetitions.
    pub(super) memories: Vec<u64>,
    /// The areas of each, in the order of addresses, if they could be listed.
    pub(super) areas: BTreeMap<u64, Vec<u64>>,
}

/// The entries of the auxiliary vector that are checked (`elf.h`).
const AT_ENTRY: u64 = 9;
const AT_EXECFN: u64 = 31;

const PAGE: u64 = 4096;

/// The size of the kernel's pages: ARM64 kernels may be built with larger ones.
fn page_size(kernel: &LinuxKernel<'_>) -> u64 {
    match kernel.space.paging() {
        Paging::Arm64 { granule: Granule::K16, .. } => 16 << 10,
        Paging::Arm64 { granule: Granule::K64, .. } => 64 << 10,
        _ => PAGE,
    }
}

/// Bits of `vm_area_struct.vm_flags`.
const VM_EXEC: u64 = 4;
const VM_GROWSDOWN: u64 = 0x100;

/// The maximum number of areas in a process (`vm.max_map_count` is 65530 by default).
const MOST_AREAS: usize = 1 << 16;

/// Structs of virtual memory that must agree with each other and with the processes' own pages.
pub(super) fn examine(kernel: &LinuxKernel<'_>, tasks: &Tasks, checker: &mut Checker<'_>) -> Maps {
    let view = kernel.view();
    let mut maps = Maps::default();
    for task in &tasks.users {
        if let Ok(memory) = view.get(*task, "task_struct.mm")
            && !maps.memories.contains(&memory)
        {
            maps.memories.push(memory);
        }
    }
    maps.memories.truncate(MOST);
    let mut total = 0;
    for memory in &maps.memories {
        if total < MOST_AREAS
            && let Ok(areas) = areas(kernel, *memory)
        {
            total += areas.len();
            maps.areas.insert(*memory, areas);
        }
    }
    of_memories(kernel, &maps, checker);
    of_processes(kernel, &maps, checker);
    of_areas(kernel, &maps, checker);
    maps
}

fn word(view: TypedMemory<'_>) -> impl Fn(u64) -> Result<String, Error> {
    move |memory| {
        let owner = view.get(memory, "mm_struct.owner")?;
        view.text_in(owner, "task_struct.comm")
    }
}

fn of_memories(kernel: &LinuxKernel<'_>, maps: &Maps, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let all = &maps.memories;
    checker.each(
        &table::PAGE_TABLES,
        "page tables that lead to the kernel, or to its stack",
        all,
        |memory| {
            let root = if_mapped(kernel.space.physical(view.get(memory, "mm_struct.pgd")?))?;
            let Some(root) = root else { return Ok(false) };
            let space = AddressSpace::new(kernel.memory, kernel.space.paging(), PhysicalAddress(root));
            if kernel.layout.arch() == profile::Arch::Arm64 {
                // A user's page tables are its own: they lead to its stack.
                return Ok(if_mapped(space.physical(view.get(memory, "mm_struct.start_stack")?))?.is_some());
            }
            let banner = kernel.symbol("linux_banner")?;
            Ok(if_mapped(space.physical(banner))? == Some(kernel.space.physical(banner)?))
        },
        word(view),
    );
    checker.each(
        &table::OWNER,
        "a task with this memory",
        all,
        |memory| Ok(through(&view, memory, "mm_struct.owner", "task_struct.mm")? == memory),
        word(view),
    );
    checker.each(
        &table::MEMORY_USERS,
        "at least one, and few",
        all,
        |memory| {
            let few = 1..1 << 20;
            Ok(few.contains(&view.get(memory, "mm_struct.mm_users")?)
                && few.contains(&view.get(memory, "mm_struct.mm_count")?))
        },
        word(view),
    );
    checker.each(
        &table::TASK_SIZE,
        "the end of the user's half",
        all,
        |memory| {
            let size = view.get(memory, "mm_struct.task_size")?;
            // One page below a power of two with 64 bits; less for 32-bit programs.
            Ok((size + PAGE).is_power_of_two() || size % (1 << 28) == 0 || size == 0xffff_e000)
        },
        word(view),
    );
    checker.each(
        &table::BOUNDS,
        "in order",
        all,
        |memory| {
            let at = |member: &str| view.get(memory, member);
            Ok(at("mm_struct.start_code")? < at("mm_struct.end_code")?
                && at("mm_struct.start_data")? <= at("mm_struct.end_data")?
                && at("mm_struct.start_brk")? <= at("mm_struct.brk")?
                && at("mm_struct.start_stack")? < at("mm_struct.arg_start")?
                && at("mm_struct.arg_start")? < at("mm_struct.arg_end")?
                && at("mm_struct.arg_end")? == at("mm_struct.env_start")?
                && at("mm_struct.env_start")? <= at("mm_struct.env_end")?
                && at("mm_struct.env_end")? < at("mm_struct.task_size")?)
        },
        word(view),
    );
    checker.each(
        &table::AUXILIARY_VECTOR,
        "the program's entry in its code, its name behind its environment",
        all,
        |memory| {
            let (mut entry, mut name) = (None, None);
            let vector = view.at(memory, "mm_struct.saved_auxv")?;
            let size = view.layout.address_size();
            for pair in 0..32 {
                let kind = view.pointer(vector.wrapping_add(2 * size * pair))?;
                let value = view.pointer(vector.wrapping_add(2 * size * pair + size))?;
                match kind {
                    0 => break,
                    AT_ENTRY => entry = Some(value),
                    AT_EXECFN => name = Some(value),
                    _ => {}
                }
            }
            let code = view.get(memory, "mm_struct.start_code")?..view.get(memory, "mm_struct.end_code")?;
            Ok(entry.is_some_and(|entry| code.contains(&entry))
                && name == Some(view.get(memory, "mm_struct.env_end")?))
        },
        word(view),
    );
}

/// The data in the processes' own pages.
fn of_processes(kernel: &LinuxKernel<'_>, maps: &Maps, checker: &mut Checker<'_>) {
    let view = kernel.view();
    checker.each(
        &table::USER_STACK,
        "the count of arguments, and the first one's address",
        &maps.memories,
        |memory| {
            let root = if_mapped(kernel.space.physical(view.get(memory, "mm_struct.pgd")?))?;
            let Some(root) = root else { return Ok(false) };
            let space = AddressSpace::new(kernel.memory, kernel.space.paging(), PhysicalAddress(root));
            let own = TypedMemory { layout: kernel.layout, space: &space };
            let stack = view.get(memory, "mm_struct.start_stack")?;
            // A process's page that is not mapped was paged out or never used.
            let missing = |error: Error| match error {
                Error::Unreadable { address, length, .. } => {
                    Error::Unreadable { address, length, mapped: true }
                }
                error => error,
            };
            let count = own.pointer(stack).map_err(missing)?;
            let first = own.pointer(stack.wrapping_add(own.layout.address_size())).map_err(missing)?;
            Ok((1..1 << 20).contains(&count) && first == view.get(memory, "mm_struct.arg_start")?)
        },
        word(view),
    );
}

fn of_areas(kernel: &LinuxKernel<'_>, maps: &Maps, checker: &mut Checker<'_>) {
    let page = page_size(kernel);
    let view = kernel.view();
    let with_areas: Vec<u64> = maps.areas.keys().copied().collect();
    let of = |memory: u64| maps.areas.get(&memory).map(Vec::as_slice).unwrap_or_default();
    checker.each(
        &table::AREAS,
        "they can be listed, one behind the other",
        &maps.memories,
        |memory| {
            let areas = areas(kernel, memory)?;
            let mut end = 0;
            let mut good = !areas.is_empty();
            for area in &areas {
                let (from, to) =
                    (view.get(*area, "vm_area_struct.vm_start")?, view.get(*area, "vm_area_struct.vm_end")?);
                good &= end <= from && from < to && from % page == 0 && to % page == 0;
                end = to;
            }
            Ok(good)
        },
        word(view),
    );
    checker.each(
        &table::AREA_COUNT,
        "as many areas and pages as are listed",
        &with_areas,
        |memory| {
            let mut pages = 0;
            for area in of(memory) {
                pages += view
                    .get(*area, "vm_area_struct.vm_end")?
                    .wrapping_sub(view.get(*area, "vm_area_struct.vm_start")?)
                    / page;
            }
            Ok(view.get(memory, "mm_struct.map_count")? == of(memory).len() as u64
                && view.get(memory, "mm_struct.total_vm")? == pages)
        },
        word(view),
    );
    checker.each(
        &table::AREA_MEMORY,
        "the memory it is of",
        &with_areas,
        |memory| {
            let mut good = true;
            for area in of(memory) {
                good &= view.get(*area, "vm_area_struct.vm_mm")? == memory;
            }
            Ok(good)
        },
        word(view),
    );
    // The area of an address, with its flags.
    let area_at = |memory: u64, address: u64| -> Result<Option<u64>, Error> {
        for area in of(memory) {
            let from = view.get(*area, "vm_area_struct.vm_start")?;
            if (from..view.get(*area, "vm_area_struct.vm_end")?).contains(&address) {
                return Ok(Some(*area));
            }
        }
        Ok(None)
    };
    checker.each(
        &table::AREA_FLAGS,
        "code can be executed, the stack grows",
        &with_areas,
        |memory| {
            let code = area_at(memory, view.get(memory, "mm_struct.start_code")?)?;
            let stack = area_at(memory, view.get(memory, "mm_struct.start_stack")?)?;
            let (Some(code), Some(stack)) = (code, stack) else { return Ok(false) };
            Ok(view.get(code, "vm_area_struct.vm_flags")? & VM_EXEC != 0
                && view.get(stack, "vm_area_struct.vm_flags")? & (VM_GROWSDOWN | VM_EXEC) == VM_GROWSDOWN)
        },
        word(view),
    );
    checker.each(
        &table::PROGRAM_FILE,
        "the code's file, at its place in it",
        &with_areas,
        |memory| {
            let start = view.get(memory, "mm_struct.start_code")?;
            let Some(code) = area_at(memory, start)? else { return Ok(false) };
            let file = view.get(code, "vm_area_struct.vm_file")?;
            let inode = view.get(file, "file.f_inode")?;
            let running = through(&view, memory, "mm_struct.exe_file", "file.f_inode")?;
            let pages = view.get(inode, "inode.i_size")?.div_ceil(page);
            Ok(inode == running && view.get(code, "vm_area_struct.vm_pgoff")? < pages)
        },
        word(view),
    );
    checker.each(
        &table::HEAP,
        "the end of the heap's area",
        &with_areas,
        |memory| {
            let (start, end) = (view.get(memory, "mm_struct.start_brk")?, view.get(memory, "mm_struct.brk")?);
            if start == end {
                return Ok(true);
            }
            let Some(heap) = area_at(memory, end - 1)? else { return Ok(false) };
            Ok(view.get(heap, "vm_area_struct.vm_end")? == end.next_multiple_of(page))
        },
        word(view),
    );
}

/// The bits that mark the root of a maple tree as a node.
const ROOT: u64 = 2;

/// The areas of a memory: of its maple tree (since 6.1), else of its list.
fn areas(kernel: &LinuxKernel<'_>, memory: u64) -> Result<Vec<u64>, Error> {
    let view = kernel.view();
    let mut found = Vec::new();
    if view.layout.has("mm_struct.mm_mt") {
        let root = view.get(memory, "mm_struct.mm_mt.ma_root")?;
        if root & 3 == ROOT && root > PAGE {
            let mut nodes = MOST_AREAS;
            // The last index there is (`ULONG_MAX`).
            let last = if view.layout.address_size() == 4 { u64::from(u32::MAX) } else { u64::MAX };
            maple(kernel, root, last, 0, &mut nodes, &mut found)?;
        } else {
            // A tree with one entry is that entry.
            found.extend(kernel.is_upper(root).then_some(root));
        }
        return Ok(found);
    }
    let mut area = view.get(memory, "mm_struct.mmap")?;
    while area != 0 && found.len() < MOST_AREAS {
        found.push(area);
        area = view.get(area, "vm_area_struct.vm_next")?;
    }
    Ok(found)
}

/// The entries of a maple tree, in the order of their indices. A pointer to a node has the node's type in its lower
/// bits (lib/maple_tree.c in the kernel's sources). `last` is the last index of the node. A damaged tree may contain
/// itself, so `nodes` limits how many nodes are read.
fn maple(
    kernel: &LinuxKernel<'_>,
    entry: u64,
    last: u64,
    depth: usize,
    nodes: &mut usize,
    found: &mut Vec<u64>,
) -> Result<(), Error> {
    const DEEPEST: usize = 16;

    let Some(left) = nodes.checked_sub(1) else { return Ok(()) };
    *nodes = left;

    let view = kernel.view();
    let size = view.layout.address_size();
    let node = entry & !0xff;
    let (slots, pivots, leaf) = match entry >> 3 & 0xf {
        kind @ (1 | 2) => ("maple_range_64.slot", "maple_range_64.pivot", kind == 1),
        3 => ("maple_arange_64.slot", "maple_arange_64.pivot", false),
        _ => return Ok(()),
    };
    // A node has 256 bytes: half as many slots on 64 bits as on 32.
    let count = match view.layout.field(slots)?.kind {
        FieldKind::Array { count, .. } => count.min(256 / size),
        _ => 0,
    };
    let (slots, pivots) = (view.at(node, slots)?, view.at(node, pivots)?);
    for slot in 0..count {
        let inner = view.pointer(slots.wrapping_add(size * slot))?;
        // Each slot reaches to its pivot; the last one that is used to the node's own end. Behind it are remains.
        let pivot = if slot + 1 < count { view.pointer(pivots.wrapping_add(size * slot))? } else { last };
        let pivot = if pivot == 0 && slot > 0 { last } else { pivot };
        if leaf {
            found.extend(kernel.is_upper(inner).then_some(inner));
        } else if inner != 0 && depth < DEEPEST {
            maple(kernel, inner, pivot, depth + 1, nodes, found)?;
        }
        if pivot >= last {
            break;
        }
    }
    Ok(())
}
