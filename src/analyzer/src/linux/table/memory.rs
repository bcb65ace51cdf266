//! The processes' memory.

use crate::table::Group::Structure;
use crate::table::{row, rows};

rows! {
    PAGE_TABLES = row(Structure, &["mm_struct.pgd"])
        .proves(
            "The page tables of a process lead to the kernel's banner; on ARM64, to the process's own \
            stack.",
        )
        .reads(&["mm_struct.pgd", "&linux_banner"])
        .reads_elsewhere(&["mm_struct.start_stack"]);

    OWNER = row(Structure, &["mm_struct.owner"])
        .proves("The owner of a memory is a task with this memory.")
        .reads(&["mm_struct.owner", "task_struct.mm"]);

    MEMORY_USERS = row(Structure, &["mm_struct.mm_users, mm_count"])
        .proves("A memory counts its users.")
        .reads(&["mm_struct.mm_count", "mm_struct.mm_users"]);

    TASK_SIZE = row(Structure, &["mm_struct.task_size"])
        .proves("The user's half of the address space ends where the processor has it.")
        .reads(&["mm_struct.task_size"]);

    BOUNDS = row(Structure, &["mm_struct: code, data, heap, arguments"])
        .proves("The parts of a program are in the order in which the kernel lays them out.")
        .reads(&[
            "mm_struct.arg_end", "mm_struct.arg_start", "mm_struct.brk", "mm_struct.end_code",
            "mm_struct.end_data", "mm_struct.env_end", "mm_struct.env_start", "mm_struct.start_brk",
            "mm_struct.start_code", "mm_struct.start_data", "mm_struct.start_stack", "mm_struct.task_size",
        ]);

    AUXILIARY_VECTOR = row(Structure, &["mm_struct.saved_auxv"])
        .proves(
            "The auxiliary vector has an entry point in the program's code, and the program's name behind \
            its environment.",
        )
        .reads(&["mm_struct.end_code", "mm_struct.env_end", "mm_struct.saved_auxv", "mm_struct.start_code"]);

    USER_STACK = row(Structure, &["mm_struct.start_stack"])
        .proves(
            "The stack begins, in the process's own memory, with the number of arguments and the address of \
            the first.",
        )
        .reads(&["mm_struct.arg_start", "mm_struct.pgd", "mm_struct.start_stack"]);

    AREAS = row(Structure, &["areas of memory"])
        .proves("The memory areas of a process can be listed, are whole pages, and do not overlap.")
        .reads(&[
            "maple_arange_64.pivot", "maple_arange_64.slot", "maple_range_64.pivot", "maple_range_64.slot",
            "maple_tree.ma_root", "mm_struct.mm_mt", "vm_area_struct.vm_end", "vm_area_struct.vm_start",
        ])
        .reads_elsewhere(&["mm_struct.mmap", "vm_area_struct.vm_next"]);

    AREA_COUNT = row(Structure, &["mm_struct.map_count, total_vm"])
        .proves("There are as many areas and pages as are counted.")
        .reads(&[
            "mm_struct.map_count", "mm_struct.total_vm", "vm_area_struct.vm_end", "vm_area_struct.vm_start",
        ]);

    AREA_MEMORY = row(Structure, &["vm_area_struct.vm_mm"])
        .proves("An area belongs to the memory that lists it.")
        .reads(&["vm_area_struct.vm_mm"]);

    AREA_FLAGS = row(Structure, &["vm_area_struct.vm_flags"])
        .proves(
            "The area of the code is executable, and the area of the stack grows downwards and is not \
            executable.",
        )
        .reads(&[
            "mm_struct.start_code", "mm_struct.start_stack", "vm_area_struct.vm_end",
            "vm_area_struct.vm_flags", "vm_area_struct.vm_start",
        ]);

    PROGRAM_FILE = row(Structure, &["mm_struct.exe_file, vm_area_struct.vm_file"])
        .proves("The area of the code is mapped from the program's file, at a place inside that file.")
        .reads(&[
            "file.f_inode", "inode.i_size", "mm_struct.exe_file", "mm_struct.start_code",
            "vm_area_struct.vm_end", "vm_area_struct.vm_file", "vm_area_struct.vm_pgoff",
            "vm_area_struct.vm_start",
        ]);

    HEAP = row(Structure, &["mm_struct.brk"])
        .proves("The area of the heap ends where the heap does.")
        .reads(&["mm_struct.brk", "mm_struct.start_brk", "vm_area_struct.vm_end", "vm_area_struct.vm_start"]);
}
