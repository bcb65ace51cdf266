// Offsets and sizes as the compiler knows them: `build` reads them out of the assembly, so that the generator of
// images asks nothing of our own readers.

#include "kernel.h"

#define OFFSET(s, m) const unsigned offset__##s##___##m = __builtin_offsetof(struct s, m);
#define SIZE(s) const unsigned size__##s = sizeof(struct s);

SIZE(_KPROCESS) SIZE(_EPROCESS) SIZE(_ETHREAD) SIZE(_HANDLE_TABLE) SIZE(_LDR_DATA_TABLE_ENTRY) SIZE(_PEB) SIZE(_MM_SESSION_SPACE)
SIZE(_RTL_USER_PROCESS_PARAMETERS)
OFFSET(_KPROCESS, DirectoryTableBase) OFFSET(_KPROCESS, ThreadListHead) OFFSET(_KPROCESS, ProfileListHead)
OFFSET(_KPROCESS, StackCount) OFFSET(_KPROCESS, BasePriority)
OFFSET(_EPROCESS, CreateTime) OFFSET(_EPROCESS, ExitTime) OFFSET(_EPROCESS, UniqueProcessId)
OFFSET(_EPROCESS, ActiveProcessLinks) OFFSET(_EPROCESS, ObjectTable) OFFSET(_EPROCESS, Token)
OFFSET(_EPROCESS, SectionBaseAddress) OFFSET(_EPROCESS, InheritedFromUniqueProcessId) OFFSET(_EPROCESS, Session)
OFFSET(_EPROCESS, ImageFileName) OFFSET(_EPROCESS, ThreadListHead) OFFSET(_EPROCESS, ActiveThreads)
OFFSET(_EPROCESS, Peb) OFFSET(_EPROCESS, Flags) OFFSET(_EPROCESS, SeAuditProcessCreationInfo) OFFSET(_EPROCESS, ExitStatus)
OFFSET(_ETHREAD, CreateTime) OFFSET(_ETHREAD, Cid) OFFSET(_ETHREAD, ThreadListEntry) OFFSET(_ETHREAD, ThreadsProcess)
OFFSET(_KTHREAD, Process) OFFSET(_KTHREAD, ThreadListEntry) OFFSET(_KTHREAD, State)
OFFSET(_HANDLE_TABLE, HandleCount) OFFSET(_HANDLE_TABLE, UniqueProcessId) OFFSET(_HANDLE_TABLE, QuotaProcess)
OFFSET(_HANDLE_TABLE, HandleTableList)
OFFSET(_LDR_DATA_TABLE_ENTRY, InLoadOrderLinks) OFFSET(_LDR_DATA_TABLE_ENTRY, DllBase) OFFSET(_LDR_DATA_TABLE_ENTRY, EntryPoint)
OFFSET(_LDR_DATA_TABLE_ENTRY, SizeOfImage) OFFSET(_LDR_DATA_TABLE_ENTRY, FullDllName)
OFFSET(_LDR_DATA_TABLE_ENTRY, BaseDllName) OFFSET(_LDR_DATA_TABLE_ENTRY, LoadCount)
OFFSET(_PEB, ImageBaseAddress) OFFSET(_PEB, ProcessParameters) OFFSET(_PEB, SessionId)
OFFSET(_RTL_USER_PROCESS_PARAMETERS, ImagePathName) OFFSET(_RTL_USER_PROCESS_PARAMETERS, CommandLine)
OFFSET(_MM_SESSION_SPACE, SessionId) OFFSET(_MM_SESSION_SPACE, ProcessList)
