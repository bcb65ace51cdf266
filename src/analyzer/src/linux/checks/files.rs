use std::collections::BTreeSet;

use super::memory::Maps;
use super::shared::{listed, printable, same, through};
use super::tasks::Tasks;
use super::{LinuxKernel, MOST};
use crate::Error;
use crate::linux::LIST_HEAD;
use crate::linux::table::files as table;
use crate::typed_memory::TypedMemory;
use crate::validate::{Checker, Finding};

/// The maximum number of open files of a process that are read.
const MOST_FILES: u64 = 1024;

/// Open files, their targets and their mounts.
pub(super) fn examine(kernel: &LinuxKernel<'_>, tasks: &Tasks, maps: &Maps, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let mut files = BTreeSet::new();
    for task in &tasks.users {
        let _ = open_files(kernel, *task, &mut files);
    }
    for memory in &maps.memories {
        files.extend(view.get(*memory, "mm_struct.exe_file").ok().filter(|file| kernel.is_upper(*file)));
    }
    let files: Vec<u64> = files.into_iter().take(MOST).collect();
    checker.each(
        &table::FILE_TABLE,
        "a table of a word's bits or more, with its bits",
        &tasks.users,
        |task| {
            let table = through(&view, task, "task_struct.files", "files_struct.fdt")?;
            let most = view.get(table, "fdtable.max_fds")?;
            let word = view.layout.address_size();
            let bits = view.pointer(view.get(table, "fdtable.open_fds")?)?;
            let at_exec = view.pointer(view.get(table, "fdtable.close_on_exec")?)?;
            let first = view.get(table, "fdtable.fd")?;
            let mut open = 0;
            for number in 0..8 * word {
                if kernel.is_upper(view.pointer(first.wrapping_add(word * number))?) {
                    open |= 1u64 << number;
                }
            }
            // The table grows by the bits of a word (`BITS_PER_LONG`).
            let sane = most % (8 * word) == 0 && (8 * word..1 << 24).contains(&most);
            Ok(sane && bits == open && at_exec & !bits == 0)
        },
        |task| view.text_in(task, "task_struct.comm"),
    );
    checker.each(
        &table::NEXT_FILE,
        "a number that can be next, and users",
        &tasks.users,
        |task| {
            let files = view.get(task, "task_struct.files")?;
            let next = view.get(files, "files_struct.next_fd")?;
            let table = view.get(files, "files_struct.fdt")?;
            // All numbers below it are taken.
            let bits = view.pointer(view.get(table, "fdtable.open_fds")?)?;
            let below = (1u64 << next.min(8 * view.layout.address_size() - 1)) - 1;
            let users = view.get(files, "files_struct.count")?;
            Ok(next <= 1 << 20 && bits & below == below && (1..1 << 20).contains(&users))
        },
        |task| view.text_in(task, "task_struct.comm"),
    );
    checker.check(&table::NEXT_FILE_ABOVE_ZERO, "behind the first for some process", || {
        let next = |task: &u64| through(&view, *task, "task_struct.files", "files_struct.next_fd");
        let numbers: Vec<u64> = tasks.users.iter().filter_map(|task| next(task).ok()).collect();
        match numbers.iter().max() {
            None => Finding::nothing_to_check(),
            Some(most) => Finding::judge(*most > 0, format!("up to {most} of {} processes", numbers.len())),
        }
    });
    of_files(kernel, &files, checker);
    of_entries(kernel, &files, checker);
    places(kernel, tasks, checker);
    systems(kernel, &files, checker);
}

fn open_files(kernel: &LinuxKernel<'_>, task: u64, files: &mut BTreeSet<u64>) -> Result<(), Error> {
    let view = kernel.view();
    let table = through(&view, task, "task_struct.files", "files_struct.fdt")?;
    let first = view.get(table, "fdtable.fd")?;
    for number in 0..view.get(table, "fdtable.max_fds")?.min(MOST_FILES) {
        let file = view.pointer(first.wrapping_add(view.layout.address_size() * number))?;
        if kernel.is_upper(file) {
            files.insert(file);
        }
    }
    Ok(())
}

fn name(view: TypedMemory<'_>) -> impl Fn(u64) -> Result<String, Error> {
    move |file| {
        let entry = view.get(file, "file.f_path.dentry")?;
        view.text_behind(entry, "dentry.d_name.name", 256)
    }
}

fn of_files(kernel: &LinuxKernel<'_>, files: &[u64], checker: &mut Checker<'_>) {
    let view = kernel.view();
    checker.each(
        &table::FILE_INODE,
        "the inode of its entry",
        files,
        |file| {
            same(through(&view, file, "file.f_path.dentry", "dentry.d_inode"), view.get(file, "file.f_inode"))
        },
        name(view),
    );
    checker.each(
        &table::FILE_MOUNT,
        "a mount of the entry's file system",
        files,
        |file| {
            let mount = view.get(file, "file.f_path.mnt")?;
            let system = through(&view, file, "file.f_path.dentry", "dentry.d_sb")?;
            Ok(view.get(mount, "vfsmount.mnt_sb")? == system
                && through(&view, mount, "vfsmount.mnt_root", "dentry.d_sb")? == system)
        },
        name(view),
    );
    checker.each(
        &table::FILE_MAPPING,
        "the inode's pages",
        files,
        |file| {
            same(view.get(file, "file.f_mapping"), through(&view, file, "file.f_inode", "inode.i_mapping"))
        },
        name(view),
    );
    checker.each(
        &table::FILE_OPERATIONS,
        "tables of the kernel",
        files,
        |file| {
            let inode = view.get(file, "file.f_inode")?;
            Ok(kernel.holds(view.get(file, "file.f_op")?)
                && kernel.holds(view.get(inode, "inode.i_fop")?)
                && kernel.holds(view.get(inode, "inode.i_op")?))
        },
        name(view),
    );
    checker.each(
        &table::FILE_USERS,
        "users, and to be read or written",
        files,
        |file| {
            let users = match view.layout.has("file.f_ref") {
                // A `file_ref_t` since 6.13, which is zero for one user.
                true => view.get(file, "file.f_ref")?.wrapping_add(1),
                false => view.get(file, "file.f_count")?,
            };
            let mode = view.get(file, "file.f_mode")?;
            // FMODE_OPENED and one of FMODE_READ and FMODE_WRITE, or FMODE_PATH.
            Ok((1..1 << 24).contains(&users) && (mode & 3 != 0 || mode & 0x4000 != 0) && mode & 0x80000 != 0)
        },
        name(view),
    );
    checker.each(
        &table::FILE_OPENER,
        "credentials that count their users",
        files,
        |file| Ok((1..1 << 24).contains(&through(&view, file, "file.f_cred", "cred.usage")?)),
        name(view),
    );
}

fn of_entries(kernel: &LinuxKernel<'_>, files: &[u64], checker: &mut Checker<'_>) {
    let view = kernel.view();
    let mut entries: Vec<u64> =
        files.iter().filter_map(|file| view.get(*file, "file.f_path.dentry").ok()).collect();
    entries.sort_unstable();
    entries.dedup();
    let name = |entry| view.text_behind(entry, "dentry.d_name.name", 256);
    checker.each(
        &table::ENTRY_NAME,
        "a name as long as it says",
        &entries,
        |entry| {
            let text = view.text_behind(entry, "dentry.d_name.name", 256)?;
            Ok((printable(&text) || text.is_empty())
                && view.get(entry, "dentry.d_name.len")? == text.len() as u64)
        },
        name,
    );
    checker.each(
        &table::SHORT_NAME,
        "holds short names",
        &entries,
        |entry| {
            let own = view.at(entry, "dentry.d_iname|dentry.d_shortname")?;
            let short = view.get(entry, "dentry.d_name.len")? < 24;
            let pointer = view.get(entry, "dentry.d_name.name")?;
            // Names that never change, as those of pipes, stand elsewhere.
            Ok(!short || pointer == own || kernel.holds(pointer))
        },
        name,
    );
    checker.each(
        &table::PARENT_SYSTEM,
        "a parent in the same file system",
        &entries,
        |entry| same(through(&view, entry, "dentry.d_parent", "dentry.d_sb"), view.get(entry, "dentry.d_sb")),
        name,
    );
    checker.each(
        &table::PARENT_CHAIN,
        "a way to a root",
        &entries,
        |entry| {
            let mut at = entry;
            for _ in 0..256 {
                let parent = view.get(at, "dentry.d_parent")?;
                if parent == at {
                    return Ok(true);
                }
                at = parent;
            }
            Ok(false)
        },
        name,
    );
    let mut inodes: Vec<u64> = entries
        .iter()
        .filter_map(|entry| view.get(*entry, "dentry.d_inode").ok())
        .filter(|inode| *inode != 0)
        .collect();
    inodes.sort_unstable();
    inodes.dedup();
    let number = |inode| Ok(format!("inode {}", view.get(inode, "inode.i_ino")?));
    checker.each(
        &table::INODE_SYSTEM,
        "the file system of its entry",
        &entries,
        |entry| same(through(&view, entry, "dentry.d_inode", "inode.i_sb"), view.get(entry, "dentry.d_sb")),
        name,
    );
    checker.each(
        &table::INODE_KIND,
        "one of the seven kinds",
        &inodes,
        |inode| {
            let mode = view.get(inode, "inode.i_mode")? & 0xffff;
            // Files of pseudo file systems (`anon_inode`) may have no kind.
            Ok(matches!(mode >> 12, 0 | 1 | 2 | 4 | 6 | 8 | 10 | 12) && mode & 0xfff != 0)
        },
        number,
    );
    checker.each(
        &table::ROOT_FOLDERS,
        "the roots of file systems",
        &entries
            .iter()
            .filter_map(|entry| through(&view, *entry, "dentry.d_sb", "super_block.s_root").ok())
            .filter_map(|root| view.get(root, "dentry.d_inode").ok())
            .collect::<Vec<u64>>(),
        |inode| {
            let mode = view.get(inode, "inode.i_mode")? & 0xffff;
            Ok(mode >> 12 == 4 && mode & 0o700 != 0)
        },
        number,
    );
    checker.each(
        &table::INODE_MAPPING,
        "its own pages, or a device's",
        &inodes,
        |inode| {
            let mapping = view.get(inode, "inode.i_mapping")?;
            let own = view.at(inode, "inode.i_data")?;
            Ok(mapping == own && view.get(own, "address_space.host")? == inode)
        },
        number,
    );
    checker.each(
        &table::INODE_COUNTS,
        "few links, few users",
        &inodes,
        |inode| {
            Ok(view.get(inode, "inode.i_nlink")? < 1 << 20
                && (1..1 << 24).contains(&view.get(inode, "inode.i_count")?))
        },
        number,
    );
    checker.each(
        &table::INODE_OWNER,
        "numbers that a user and a group can have",
        &inodes,
        |inode| {
            let small = |number: u64| number & 0xffff_ffff < 1 << 31;
            Ok(small(view.get(inode, "inode.i_uid")?) && small(view.get(inode, "inode.i_gid")?))
        },
        number,
    );
    checker.each(
        &table::INODE_NUMBER,
        "a number, and blocks of 512 bytes or more",
        &inodes,
        |inode| {
            let bits = view.get(inode, "inode.i_blkbits")?;
            // On 32 bits every number is one.
            let pointer = |number: u64| view.layout.address_size() == 8 && kernel.is_upper(number);
            Ok((9..=20).contains(&bits) && !pointer(view.get(inode, "inode.i_ino")?))
        },
        number,
    );
}

/// Every task's root and working folder.
fn places(kernel: &LinuxKernel<'_>, tasks: &Tasks, checker: &mut Checker<'_>) {
    let view = kernel.view();
    for (entry, mount) in
        [("fs_struct.root.dentry", "fs_struct.root.mnt"), ("fs_struct.pwd.dentry", "fs_struct.pwd.mnt")]
    {
        checker.each_of(
            &table::FOLDERS,
            entry,
            "a folder, in a mount of its file system",
            &tasks.leaders,
            |task| {
                let places = view.get(task, "task_struct.fs")?;
                if places == 0 {
                    // A zombie no longer has one.
                    return Ok(true);
                }
                let folder = view.get(places, entry)?;
                let mode = through(&view, folder, "dentry.d_inode", "inode.i_mode")? & 0xffff;
                let system = through(&view, places, mount, "vfsmount.mnt_sb")?;
                Ok(mode >> 12 == 4 && system == view.get(folder, "dentry.d_sb")?)
            },
            |task| view.text_in(task, "task_struct.comm"),
        );
    }
    checker.each(
        &table::UMASK,
        "nine bits, and users",
        &tasks.leaders,
        |task| {
            let places = view.get(task, "task_struct.fs")?;
            Ok(places == 0
                || (view.get(places, "fs_struct.umask")? <= 0o777
                    && (1..1 << 20).contains(&view.get(places, "fs_struct.users")?)))
        },
        |task| view.text_in(task, "task_struct.comm"),
    );
}

/// File systems: the mounted ones and the registered ones.
fn systems(kernel: &LinuxKernel<'_>, files: &[u64], checker: &mut Checker<'_>) {
    let view = kernel.view();
    let (mut systems, mut partial) = (Vec::new(), false);
    checker.check(&table::FILE_SYSTEMS, "a list that closes", || {
        match kernel.symbol("super_blocks").and_then(|head| view.list(head, "super_block.s_list", LIST_HEAD))
        {
            Ok(list) => {
                (systems, partial) = (list.entries, list.partial);
                match list.end {
                    Ok(()) => Finding::judge(
                        !systems.is_empty() && list.disagreeing == 0,
                        format!("{} file systems", systems.len()),
                    ),
                    Err(error) => Finding::of(&error),
                }
            }
            Err(error) => Finding::of(&error),
        }
    });
    if checker.has_just_failed() {
        systems.clear();
    }
    let (mut types, mut unknown) = (Vec::new(), false);
    checker.check(&table::FILE_SYSTEM_TYPES, "a chain of kinds with names", || {
        // A chain of pointers until 7.0, an hlist through `file_system_type.list` since.
        let (link, next) = match view.layout.field("file_system_type.list") {
            Ok(link) => (link.offset, "file_system_type.list.next"),
            Err(_) => (0, "file_system_type.next"),
        };
        let entry = |link_at: u64| if link_at == 0 { 0 } else { link_at.wrapping_sub(link) };
        let mut at = match kernel.symbol("file_systems").and_then(|head| view.pointer(head)) {
            Ok(first) => entry(first),
            Err(error) => return Finding::of(&error),
        };
        let mut good = true;
        while at != 0 && types.len() < 256 && good {
            match (view.text_behind(at, "file_system_type.name", 64), view.get(at, next)) {
                (Ok(name), Ok(next)) => {
                    good = printable(&name);
                    types.push(at);
                    at = entry(next);
                }
                (Err(error), _) | (_, Err(error)) => {
                    unknown = error.is_absence();
                    return Finding::of(&error);
                }
            }
        }
        Finding::judge(good && at == 0 && types.len() > 2, format!("{} kinds", types.len()))
    });
    let name = |system| view.text_in(system, "super_block.s_id");
    checker.each(
        &table::SYSTEM_TYPE,
        "a kind with a name, of those known",
        &systems,
        |system| {
            let kind = view.get(system, "super_block.s_type")?;
            let name = view.text_behind(kind, "file_system_type.name", 64)?;
            // Types for the kernel's own use are not registered.
            let known = types.contains(&kind) || kernel.holds(kind);
            Ok(printable(&name) && listed(known, unknown, kind)?)
        },
        name,
    );
    checker.each(
        &table::SYSTEM_ROOT,
        "an entry of this file system, its own parent",
        &systems,
        |system| {
            let root = view.get(system, "super_block.s_root")?;
            Ok(root == 0
                || (view.get(root, "dentry.d_sb")? == system && view.get(root, "dentry.d_parent")? == root))
        },
        name,
    );
    checker.each(
        &table::BLOCK_SIZE,
        "a power of two, and which",
        &systems,
        |system| {
            let bits = view.get(system, "super_block.s_blocksize_bits")? & 0xff;
            Ok(bits < 32 && view.get(system, "super_block.s_blocksize")? == 1 << bits)
        },
        name,
    );
    checker.each(
        &table::SYSTEM_MAGIC,
        "a mark of 32 bits, and a name",
        &systems,
        |system| {
            let mark = view.get(system, "super_block.s_magic")?;
            Ok(mark != 0 && mark >> 32 == 0 && printable(&view.text_in(system, "super_block.s_id")?))
        },
        name,
    );
    checker.each(
        &table::SYSTEM_OPERATIONS,
        "a table of the kernel",
        &systems,
        |system| Ok(kernel.holds(view.get(system, "super_block.s_op")?)),
        name,
    );
    let mut of_files: Vec<u64> =
        files.iter().filter_map(|file| through(&view, *file, "file.f_inode", "inode.i_sb").ok()).collect();
    of_files.sort_unstable();
    of_files.dedup();
    checker.each(
        &table::OPEN_SYSTEMS,
        "they are in the list",
        if systems.is_empty() { &[] } else { &of_files },
        |system| listed(systems.contains(&system), partial, system),
        name,
    );
}
