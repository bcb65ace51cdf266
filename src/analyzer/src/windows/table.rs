//! The table of the checks of a Windows profile.

use crate::table::Group::{Anchors, Decoys, Identity, Profile, Structure};
use crate::table::{CheckTable, row, rows};

rows! {
    HEADERS = row(Identity, &["headers"])
        .proves(
            "The headers of the kernel in memory are those of a PE file. This check is reported only if a \
            byte of them was changed, and it is then skipped.",
        );

    GUID_AGE = row(Identity, &["GUID and age"])
        .decisive()
        .proves(
            "The GUID and age in the mapped kernel's debug directory are those of the profile. If they \
            differ although at least sixteen exported symbols are all at the profile's addresses, the \
            check is doubtful. If no kernel was found, a record anywhere in the image counts.",
        )
        .skipped_if(
            "the profile has none, the record cannot be read, or it differs in one byte and no exported \
            symbol has another address",
        );

    PDB = row(Identity, &["PDB"])
        .proves("The PDB that the kernel names is called as one of a kernel is.")
        .skipped_if(
            "the record cannot be read, or the GUID or the exported symbols show that only the name was \
            changed",
        );

    EXPORTS = row(Anchors, &["exported symbols"])
        .proves(
            "The symbols in the kernel's export table have the addresses of the profile. One in ten may \
            differ, because some programs change the table.",
        )
        .skipped_if("the export table is not in memory");

    BUILD_LAB = row(Anchors, &["NtBuildLab"])
        .proves("The text at the symbol is the name of a build.")
        .reads(&["&NtBuildLab"]);

    BUILD_NUMBER = row(Anchors, &["NtBuildNumber"])
        .proves("The number of the build is that of `NtBuildLab`, or of an enablement package on top of it.")
        .reads(&["&NtBuildLab", "&NtBuildNumber"]);

    VERSION_BASE = row(Anchors, &["KdVersionBlock: KernBase"])
        .proves("The debugger's block of versions has the kernel's base.")
        .skipped_if("it is not filled in, as since Windows 10 without a debugger")
        .reads(&["_DBGKD_GET_VERSION64.KernBase", "&KdVersionBlock"]);

    VERSION_MODULES = row(Anchors, &["KdVersionBlock: PsLoadedModuleList"])
        .proves("The debugger's block of versions has the address of the list of modules.")
        .skipped_if("it is not filled in")
        .reads(&["_DBGKD_GET_VERSION64.PsLoadedModuleList", "&KdVersionBlock", "&PsLoadedModuleList"]);

    DEBUGGER_DATA = row(Anchors, &[
        "KdDebuggerDataBlock: KernBase", "KdDebuggerDataBlock: PsLoadedModuleList",
        "KdDebuggerDataBlock: PsActiveProcessHead",
    ])
        .proves(
            "The debugger's block of data has the kernel's base and the addresses of the lists of modules \
            and processes.",
        )
        .skipped_if("it is encoded, as since Windows 8")
        .reads(&["&KdDebuggerDataBlock", "&PsActiveProcessHead", "&PsLoadedModuleList"]);

    SYSTEM_PROCESS = row(Anchors, &["PsInitialSystemProcess"])
        .proves("The first process is called System and has number 4.")
        .reads(&["_EPROCESS.ImageFileName", "_EPROCESS.UniqueProcessId", "&PsInitialSystemProcess"]);

    IMAGE_BASE = row(Anchors, &["PsNtosImageBase"])
        .proves("The variable holds the kernel's base.")
        .reads(&["&PsNtosImageBase"]);

    SHARED_DATA = row(Anchors, &["KUSER_SHARED_DATA"])
        .proves(
            "The build in the data that every process can read is that of the kernel. Before Windows 10 \
            there is only a version.",
        )
        .reads(&["&NtBuildNumber"]);

    NO_KERNEL = row(Anchors, &["kernel"])
        .without_kernel()
        .proves(
            "A kernel is where the profile's symbols lead. This check is made only if no kernel was found. \
            It fails if the image has a kernel of another build.",
        )
        .skipped_if("the image has no kernel")
        .reads(&[
            "_EPROCESS.ActiveProcessLinks", "_EPROCESS.ImageFileName", "_EPROCESS.Pcb",
            "_KPROCESS.DirectoryTableBase", "&PsActiveProcessHead",
        ]);

    PROCESSES = row(Structure, &["PsActiveProcessHead"])
        .proves(
            "The list of processes is closed, and at least three in four back pointers agree. A broken list \
            is read from both ends.",
        )
        .reads(&[
            "_EPROCESS.ActiveProcessLinks", "_LIST_ENTRY.Blink", "_LIST_ENTRY.Flink", "&PsActiveProcessHead",
        ]);

    PROCESS_NAME = row(Structure, &["_EPROCESS.ImageFileName"])
        .proves("A process has a name without control characters.")
        .reads(&["_EPROCESS.ImageFileName"]);

    PROCESS_ID = row(Structure, &["_EPROCESS.UniqueProcessId"])
        .proves("Nine in ten process numbers are different multiples of 4, and 4 is among them.")
        .reads(&["_EPROCESS.ActiveProcessLinks", "_EPROCESS.UniqueProcessId"]);

    PAGE_TABLES = row(Structure, &["_KPROCESS.DirectoryTableBase"])
        .proves("The page tables of a process map `KUSER_SHARED_DATA`, unless the process has ended.")
        .reads(&["_EPROCESS.ExitTime", "_EPROCESS.Pcb", "_KPROCESS.DirectoryTableBase"]);

    PROCESS_TYPE = row(Structure, &["_DISPATCHER_HEADER.Type of a process"])
        .proves("The header of a process says that it is a process.")
        .reads(&["_DISPATCHER_HEADER.Type", "_EPROCESS.Pcb", "_KPROCESS.Header"]);

    PARENT = row(Structure, &["_EPROCESS.InheritedFromUniqueProcessId"])
        .proves(
            "The number of the parent is a multiple of 4 and not the process's own, and a third of the \
            processes have a parent in the list.",
        )
        .reads(&["_EPROCESS.InheritedFromUniqueProcessId", "_EPROCESS.UniqueProcessId"]);

    PROCESS_TIMES = row(Structure, &["_EPROCESS.CreateTime, ExitTime"])
        .proves("A process began between 1990 and 2100, and did not end before that.")
        .reads(&["_EPROCESS.CreateTime", "_EPROCESS.ExitTime"]);

    HANDLES = row(Structure, &["_EPROCESS.ObjectTable"])
        .proves("The handle table of a process names that process.")
        .reads(&["_EPROCESS.ObjectTable", "_HANDLE_TABLE.HandleCount", "_HANDLE_TABLE.QuotaProcess"]);

    PEB = row(Structure, &["_EPROCESS.Peb"])
        .proves("The process environment block is in the user's half of the address space.")
        .reads(&["_EPROCESS.Peb"]);

    THREADS = row(Structure, &["_EPROCESS.ThreadListHead, ActiveThreads"])
        .proves("The list of threads has as many entries as are counted, or more that are ending.")
        .reads(&[
            "_EPROCESS.ActiveThreads", "_EPROCESS.ThreadListHead", "_ETHREAD.ThreadListEntry",
            "_LIST_ENTRY.Blink", "_LIST_ENTRY.Flink",
        ]);

    THREAD_PROCESS = row(Structure, &["_ETHREAD.ThreadsProcess"])
        .proves("A thread belongs to the process that lists it.")
        .reads(&["_ETHREAD.ThreadsProcess"]);

    THREAD_ID = row(Structure, &["_ETHREAD.Cid"])
        .proves("A thread has the number of its process, and one of its own that is a multiple of 4.")
        .reads(&[
            "_CLIENT_ID.UniqueProcess", "_CLIENT_ID.UniqueThread", "_EPROCESS.UniqueProcessId",
            "_ETHREAD.Cid",
        ]);

    THREAD_TYPE = row(Structure, &["_DISPATCHER_HEADER.Type of a thread"])
        .proves("The header of a thread says that it is a thread.")
        .reads(&["_DISPATCHER_HEADER.Type", "_ETHREAD.Tcb", "_KTHREAD.Header"]);

    MODULES = row(Structure, &["PsLoadedModuleList"])
        .proves("The list of modules is closed, and the kernel is in it once.")
        .reads(&[
            "_KLDR_DATA_TABLE_ENTRY.DllBase", "_KLDR_DATA_TABLE_ENTRY.InLoadOrderLinks", "_LIST_ENTRY.Blink",
            "_LIST_ENTRY.Flink", "&PsLoadedModuleList",
        ]);

    MODULE_SIZE = row(Structure, &["module: SizeOfImage"])
        .proves("The size of a module is the one in its own headers.")
        .skipped_if("the headers are not in the image, or one byte of the size was changed")
        .reads(&["_KLDR_DATA_TABLE_ENTRY.DllBase", "_KLDR_DATA_TABLE_ENTRY.SizeOfImage"]);

    CHANGED_HEADERS = row(Structure, &["module: changed headers"])
        .note()
        .proves(
            "The headers of modules have the size that the list has. This check is reported only if they \
            differ in one byte, and it is then skipped.",
        );

    MODULE_NAMES = row(Structure, &["module: names"])
        .proves("The path of a module ends with its name.")
        .reads(&[
            "_KLDR_DATA_TABLE_ENTRY.BaseDllName", "_KLDR_DATA_TABLE_ENTRY.FullDllName",
            "_UNICODE_STRING.Buffer", "_UNICODE_STRING.Length",
        ]);

    LAYOUT = row(Profile, &["layout of what is read"])
        .proves(
            "The members that are read do not overlap others, are aligned, and are inside their struct. \
            Gaps are not looked at, because a PDB does not distinguish unions without a name from structs.",
        )
        .skipped_if("the profile has none of the members");

    DECOYS = row(Decoys, &["records of other kernels"])
        .note()
        .proves(
            "Lists records of other builds' kernels in memory: files in the cache, remains of an older \
            kernel. This check cannot fail.",
        );
}

/// The checks of a Windows profile.
pub static CHECKS: CheckTable = CheckTable { parts: &[("", ROWS)] };
