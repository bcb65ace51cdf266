// The structs of a Windows kernel that a reader of process and module lists meets, by their documented names and in
// their documented order, but with few of their members: no offset below is that of any Windows unless documents fix
// it. The unnamed parts are declared before their structs, as nested ones make records that Microsoft's compiler never
// writes for C. BUILD 19041 differs from 7601 as Windows 10 differs from 7: members came, went and moved.

typedef unsigned char UCHAR;
typedef signed char CHAR;
typedef unsigned short USHORT;
typedef unsigned int ULONG32;
typedef unsigned long ULONG;
typedef long LONG;
typedef unsigned long long ULONGLONG;
typedef long long LONGLONG;
typedef void *PVOID;
typedef unsigned short WCHAR;
#ifdef _M_X64
typedef unsigned long long ULONG_PTR;
#else
typedef unsigned long ULONG_PTR;
#endif

typedef struct _LIST_ENTRY { struct _LIST_ENTRY *Flink, *Blink; } LIST_ENTRY;
typedef struct _SINGLE_LIST_ENTRY { struct _SINGLE_LIST_ENTRY *Next; } SINGLE_LIST_ENTRY;
typedef struct LIST_ENTRY64 { ULONGLONG Flink, Blink; } LIST_ENTRY64;
typedef struct _UNICODE_STRING { USHORT Length, MaximumLength; WCHAR *Buffer; } UNICODE_STRING;
typedef struct _STRING { USHORT Length, MaximumLength; CHAR *Buffer; } STRING;
typedef struct { ULONG LowPart; LONG HighPart; } LARGE_INTEGER_PARTS;
typedef struct { ULONG LowPart; LONG HighPart; } LARGE_INTEGER_U;
typedef union _LARGE_INTEGER {
  LARGE_INTEGER_PARTS;
  LARGE_INTEGER_U u;
  LONGLONG QuadPart;
} LARGE_INTEGER;
typedef struct _KSYSTEM_TIME { ULONG LowPart; LONG High1Time, High2Time; } KSYSTEM_TIME;
typedef struct _CLIENT_ID { PVOID UniqueProcess, UniqueThread; } CLIENT_ID;
typedef struct { ULONG_PTR Locked : 1, Waiting : 1, Waking : 1, MultipleShared : 1, Shared : sizeof(ULONG_PTR) * 8 - 4; } EX_PUSH_LOCK_BITS;
typedef union {
  EX_PUSH_LOCK_BITS;
  ULONG_PTR Value;
  PVOID Ptr;
  } EX_PUSH_LOCK_PARTS;
typedef struct _EX_PUSH_LOCK {
  EX_PUSH_LOCK_PARTS;
} EX_PUSH_LOCK;
typedef union { ULONG_PTR Count; PVOID Ptr; } EX_RUNDOWN_REF_PARTS;
typedef struct _EX_RUNDOWN_REF { EX_RUNDOWN_REF_PARTS; } EX_RUNDOWN_REF;
typedef union {
    PVOID Object;
#ifdef _M_X64
    ULONGLONG RefCnt : 4;
#else
    ULONG RefCnt : 3;
#endif
    ULONG_PTR Value;
  } EX_FAST_REF_PARTS;
typedef struct _EX_FAST_REF {
  EX_FAST_REF_PARTS;
} EX_FAST_REF;

typedef struct { UCHAR Type, Signalling, Size, Reserved1; } DISPATCHER_HEADER_PARTS;
typedef union {
  DISPATCHER_HEADER_PARTS;
  LONG Lock;
  } DISPATCHER_HEADER_PARTS2;
typedef struct _DISPATCHER_HEADER {
  DISPATCHER_HEADER_PARTS2;
  LONG SignalState;
  LIST_ENTRY WaitListHead;
} DISPATCHER_HEADER;

typedef enum _KPROCESS_STATE { ProcessInMemory, ProcessOutOfMemory, ProcessInTransition, ProcessOutTransition } KPROCESS_STATE;
typedef enum _KTHREAD_STATE { Initialized, Ready, Running, Standby, Terminated, Waiting, Transition } KTHREAD_STATE;

typedef struct { LONG AutoAlignment : 1, DisableBoost : 1, DisableQuantum : 1; ULONG ActiveGroupsMask : 4; LONG ReservedFlags : 25; } KPROCESS_BITS;
typedef union {
  KPROCESS_BITS;
  LONG ProcessFlags;
  } KPROCESS_PARTS;
typedef struct _KPROCESS {
  DISPATCHER_HEADER Header;
  LIST_ENTRY ProfileListHead;
#if BUILD == 2600
  ULONG_PTR DirectoryTableBase[2];
#else
  ULONG_PTR DirectoryTableBase;
#endif
#if BUILD < 19041
  ULONG_PTR LdtDescriptor[2];
#endif
  LIST_ENTRY ThreadListHead;
  ULONG ProcessLock;
  ULONG_PTR Affinity[4];
  LIST_ENTRY ReadyListHead;
  KPROCESS_PARTS;
  CHAR BasePriority, QuantumReset;
  KPROCESS_STATE State;
  ULONG StackCount;
  LIST_ENTRY ProcessListEntry;
  ULONGLONG CycleTime;
  ULONG KernelTime, UserTime;
#if BUILD >= 19041
  ULONG_PTR UserDirectoryTableBase;
  UCHAR AddressPolicy;
#endif
} KPROCESS;

typedef struct _KTHREAD {
  DISPATCHER_HEADER Header;
  PVOID InitialStack, StackLimit, KernelStack;
  ULONG ContextSwitches;
  KTHREAD_STATE State;
  KPROCESS *Process;
  LIST_ENTRY ThreadListEntry;
} KTHREAD;

typedef struct _ETHREAD {
  KTHREAD Tcb;
  LARGE_INTEGER CreateTime, ExitTime;
  CLIENT_ID Cid;
  PVOID StartAddress, Win32StartAddress;
  struct _EPROCESS *ThreadsProcess;
  LIST_ENTRY ThreadListEntry;
  ULONG CrossThreadFlags;
} ETHREAD;

typedef struct _HANDLE_TABLE {
  ULONG_PTR TableCode;
  struct _EPROCESS *QuotaProcess;
  PVOID UniqueProcessId;
  EX_PUSH_LOCK HandleLock;
  LIST_ENTRY HandleTableList;
  LONG FirstFreeHandle;
  ULONG NextHandleNeedingPool;
  LONG HandleCount;
} HANDLE_TABLE;

typedef union { ULONG LongFlags; } MM_SESSION_SPACE_U;
typedef struct _MM_SESSION_SPACE { LONG ReferenceCount; MM_SESSION_SPACE_U u; ULONG SessionId; LIST_ENTRY ProcessList; } MM_SESSION_SPACE;
typedef struct _OBJECT_NAME_INFORMATION { UNICODE_STRING Name; } OBJECT_NAME_INFORMATION;
typedef struct _SE_AUDIT_PROCESS_CREATION_INFO { OBJECT_NAME_INFORMATION *ImageFileName; } SE_AUDIT_PROCESS_CREATION_INFO;

typedef struct _PEB_LDR_DATA {
  ULONG Length;
  UCHAR Initialized;
  PVOID SsHandle;
  LIST_ENTRY InLoadOrderModuleList, InMemoryOrderModuleList, InInitializationOrderModuleList;
} PEB_LDR_DATA;
typedef struct _CURDIR { UNICODE_STRING DosPath; PVOID Handle; } CURDIR;
typedef struct _RTL_USER_PROCESS_PARAMETERS {
  ULONG MaximumLength, Length, Flags, DebugFlags;
  PVOID ConsoleHandle;
  ULONG ConsoleFlags;
  PVOID StandardInput, StandardOutput, StandardError;
  CURDIR CurrentDirectory;
  UNICODE_STRING DllPath, ImagePathName, CommandLine;
  PVOID Environment;
} RTL_USER_PROCESS_PARAMETERS;
typedef struct { UCHAR ImageUsesLargePages : 1, IsProtectedProcess : 1, IsImageDynamicallyRelocated : 1, SpareBits : 5; } PEB_BITS;
typedef union {
  UCHAR BitField;
  PEB_BITS;
  } PEB_PARTS;
typedef struct _PEB {
  UCHAR InheritedAddressSpace, ReadImageFileExecOptions, BeingDebugged;
  PEB_PARTS;
  PVOID Mutant, ImageBaseAddress;
  PEB_LDR_DATA *Ldr;
  RTL_USER_PROCESS_PARAMETERS *ProcessParameters;
  ULONG SessionId;
  UNICODE_STRING CSDVersion;
} PEB;

typedef struct _MMVAD_FLAGS { ULONG_PTR CommitCharge : 19, NoChange : 1, VadType : 3, MemCommit : 1, Protection : 5, Spare : 2, PrivateMemory : 1; } MMVAD_FLAGS;
struct _MMVAD;
typedef union { ULONG_PTR Balance : 2; struct _MMVAD *Parent; } MMVAD_SHORT_U1;
typedef union { ULONG_PTR LongFlags; MMVAD_FLAGS VadFlags; } MMVAD_SHORT_U;
typedef struct _MMVAD_SHORT {
  MMVAD_SHORT_U1 u1;
  struct _MMVAD *LeftChild, *RightChild;
  ULONG_PTR StartingVpn, EndingVpn;
  MMVAD_SHORT_U u;
} MMVAD_SHORT;
typedef union { ULONG_PTR Balance : 2; struct _MMVAD *Parent; } MMVAD_U1;
typedef union { ULONG_PTR LongFlags; MMVAD_FLAGS VadFlags; } MMVAD_U;
typedef struct _MMVAD {
  MMVAD_U1 u1;
  struct _MMVAD *LeftChild, *RightChild;
  ULONG_PTR StartingVpn, EndingVpn;
  MMVAD_U u;
} MMVAD;

typedef struct { ULONG JobNotReallyActive : 1, AccountingFolded : 1, NewProcessReported : 1; } EPROCESS_BITS;
typedef union {
  ULONG Flags2;
  EPROCESS_BITS;
  } EPROCESS_PARTS;
typedef struct { ULONG CreateReported : 1, NoDebugInherit : 1, ProcessExiting : 1, ProcessDelete : 1; } EPROCESS_BITS2;
typedef union {
  ULONG Flags;
  EPROCESS_BITS2;
  } EPROCESS_PARTS2;
typedef struct _EPROCESS {
  KPROCESS Pcb;
  EX_PUSH_LOCK ProcessLock;
#if BUILD >= 19041
  PVOID UniqueProcessId;
  LIST_ENTRY ActiveProcessLinks;
  EX_RUNDOWN_REF RundownProtect;
  EPROCESS_PARTS;
  ULONG Flags;
  LARGE_INTEGER CreateTime;
#else
  LARGE_INTEGER CreateTime, ExitTime;
  EX_RUNDOWN_REF RundownProtect;
  PVOID UniqueProcessId;
  LIST_ENTRY ActiveProcessLinks;
#endif
  ULONG_PTR ProcessQuotaUsage[2], ProcessQuotaPeak[2];
  ULONG_PTR CommitCharge, PeakVirtualSize, VirtualSize;
  LIST_ENTRY SessionProcessLinks;
  PVOID DebugPort, ExceptionPortData;
  HANDLE_TABLE *ObjectTable;
  EX_FAST_REF Token;
  ULONG_PTR WorkingSetPage;
  PVOID SectionObject, SectionBaseAddress;
#if BUILD >= 19041
  PEB *Peb;
  MM_SESSION_SPACE *Session;
  PVOID WoW64Process;
  PVOID InheritedFromUniqueProcessId;
#else
  PVOID InheritedFromUniqueProcessId;
#ifdef _M_X64
  PVOID Wow64Process;
#endif
  MM_SESSION_SPACE *Session;
#endif
  UCHAR ImageFileName[BUILD == 2600 ? 16 : 15];
  UCHAR PriorityClass;
  LIST_ENTRY JobLinks;
  LIST_ENTRY ThreadListHead;
  ULONG ActiveThreads;
  SE_AUDIT_PROCESS_CREATION_INFO SeAuditProcessCreationInfo;
#if BUILD < 19041
  PEB *Peb;
#endif
  MMVAD *VadRoot;
  LONG ExitStatus;
#if BUILD >= 19041
  LARGE_INTEGER ExitTime;
#else
  EPROCESS_PARTS2;
#endif
} EPROCESS;

typedef struct _LDR_DATA_TABLE_ENTRY {
  LIST_ENTRY InLoadOrderLinks, InMemoryOrderLinks, InInitializationOrderLinks;
  PVOID DllBase, EntryPoint;
  ULONG SizeOfImage;
  UNICODE_STRING FullDllName, BaseDllName;
  ULONG Flags;
  USHORT LoadCount, TlsIndex;
  LIST_ENTRY HashLinks;
  ULONG TimeDateStamp;
} LDR_DATA_TABLE_ENTRY;
// What the kernel's own list really holds; the part that readers use lies as in _LDR_DATA_TABLE_ENTRY.
typedef struct _KLDR_DATA_TABLE_ENTRY {
  LIST_ENTRY InLoadOrderLinks;
  PVOID ExceptionTable;
  ULONG ExceptionTableSize;
  PVOID GpValue, NonPagedDebugInfo;
  PVOID DllBase, EntryPoint;
  ULONG SizeOfImage;
  UNICODE_STRING FullDllName, BaseDllName;
  ULONG Flags;
  USHORT LoadCount;
} KLDR_DATA_TABLE_ENTRY;

// As wdbgexts.h has them.
typedef struct _DBGKD_GET_VERSION64 {
  USHORT MajorVersion, MinorVersion;
  UCHAR ProtocolVersion, KdSecondaryVersion;
  USHORT Flags, MachineType;
  UCHAR MaxPacketType, MaxStateChange, MaxManipulate, Simulation;
  USHORT Unused[1];
  ULONGLONG KernBase, PsLoadedModuleList, DebuggerDataList;
} DBGKD_GET_VERSION64;
typedef struct _DBGKD_DEBUG_DATA_HEADER64 { LIST_ENTRY64 List; ULONG OwnerTag, Size; } DBGKD_DEBUG_DATA_HEADER64;

typedef enum _NT_PRODUCT_TYPE { NtProductWinNt = 1, NtProductLanManNt, NtProductServer } NT_PRODUCT_TYPE;

// As ntddk.h has it.
typedef struct _KUSER_SHARED_DATA {
  ULONG TickCountLowDeprecated, TickCountMultiplier;
  KSYSTEM_TIME InterruptTime, SystemTime, TimeZoneBias;
  USHORT ImageNumberLow, ImageNumberHigh;
  WCHAR NtSystemRoot[260];
  ULONG MaxStackTraceDepth, CryptoExponent, TimeZoneId, LargePageMinimum, AitSamplingValue, AppCompatFlag;
  ULONGLONG RNGSeedVersion;
  ULONG GlobalValidationRunlevel;
  LONG TimeZoneBiasStamp;
  ULONG NtBuildNumber;
  NT_PRODUCT_TYPE NtProductType;
  UCHAR ProductTypeIsValid, Reserved0[1];
  USHORT NativeProcessorArchitecture;
  ULONG NtMajorVersion, NtMinorVersion;
} KUSER_SHARED_DATA;
_Static_assert(__builtin_offsetof(KUSER_SHARED_DATA, NtSystemRoot) == 0x30, "");
_Static_assert(__builtin_offsetof(KUSER_SHARED_DATA, NtMajorVersion) == 0x26c, "");

typedef struct _KPRCB { USHORT MinorVersion, MajorVersion; KTHREAD *CurrentThread, *NextThread, *IdleThread; UCHAR Number; } KPRCB;
typedef struct _KPCR { PVOID Used_Self; PVOID CurrentPrcb; ULONG Irql; DBGKD_GET_VERSION64 *KdVersionBlock; PVOID IdtBase, GdtBase; KPRCB *Prcb; } KPCR;

#if defined(_M_X64) || defined(PAE)
#define PTE ULONGLONG
#define PFN_BITS 36
#else
#define PTE ULONG
#define PFN_BITS 20
#endif
typedef struct _MMPTE_HARDWARE { PTE Valid : 1, Dirty1 : 1, Owner : 1, WriteThrough : 1, CacheDisable : 1, Accessed : 1, Dirty : 1, LargePage : 1, Global : 1, CopyOnWrite : 1, Unused : 1, Write : 1, PageFrameNumber : PFN_BITS; } MMPTE_HARDWARE;
typedef struct _MMPTE_TRANSITION { PTE Valid : 1, Write : 1, Owner : 1, WriteThrough : 1, CacheDisable : 1, Protection : 5, Prototype : 1, Transition : 1, PageFrameNumber : PFN_BITS; } MMPTE_TRANSITION;
#if defined(_M_X64) || defined(PAE)
typedef struct _MMPTE_SOFTWARE { PTE Valid : 1, PageFileLow : 4, Protection : 5, Prototype : 1, Transition : 1, Reserved : 20, PageFileHigh : 32; } MMPTE_SOFTWARE;
typedef struct _MMPTE_PROTOTYPE { PTE Valid : 1, Unused0 : 7, ReadOnly : 1, Unused1 : 1, Prototype : 1, Protection : 5; LONGLONG ProtoAddress : 48; } MMPTE_PROTOTYPE;
#else
typedef struct _MMPTE_SOFTWARE { PTE Valid : 1, PageFileLow : 4, Protection : 5, Prototype : 1, Transition : 1, PageFileHigh : 20; } MMPTE_SOFTWARE;
typedef struct _MMPTE_PROTOTYPE { PTE Valid : 1, ProtoAddressLow : 7, ReadOnly : 1, WhichPool : 1, Prototype : 1, ProtoAddressHigh : 21; } MMPTE_PROTOTYPE;
#endif
typedef union { PTE Long; MMPTE_HARDWARE Hard; MMPTE_PROTOTYPE Proto; MMPTE_SOFTWARE Soft; MMPTE_TRANSITION Trans; } MMPTE_U;
typedef struct _MMPTE {
  MMPTE_U u;
} MMPTE;

typedef struct _POOL_HEADER {
  USHORT PreviousSize : 8, PoolIndex : 8, BlockSize : 8, PoolType : 8;
  ULONG PoolTag;
#ifdef _M_X64
  struct _EPROCESS *ProcessBilled;
#endif
} POOL_HEADER;
typedef struct _OBJECT_TYPE { LIST_ENTRY TypeList; UNICODE_STRING Name; PVOID DefaultObject; UCHAR Index; } OBJECT_TYPE;
typedef struct { ULONGLONG UseThisFieldToCopy; } OBJECT_HEADER_BODY;
typedef struct _OBJECT_HEADER {
  ULONG_PTR PointerCount, HandleCount;
  EX_PUSH_LOCK Lock;
  UCHAR TypeIndex, TraceFlags, InfoMask, Flags;
  PVOID ObjectCreateInfo, SecurityDescriptor;
  OBJECT_HEADER_BODY Body;
} OBJECT_HEADER;
typedef struct _DEVICE_OBJECT { short Type; USHORT Size; LONG ReferenceCount; struct _DRIVER_OBJECT *DriverObject; } DEVICE_OBJECT;
typedef struct _DRIVER_OBJECT { short Type, Size; DEVICE_OBJECT *DeviceObject; ULONG Flags; PVOID DriverStart; ULONG DriverSize; PVOID DriverSection; UNICODE_STRING DriverName; } DRIVER_OBJECT;
typedef struct _FILE_OBJECT { short Type, Size; DEVICE_OBJECT *DeviceObject; UNICODE_STRING FileName; } FILE_OBJECT;
typedef struct _TOKEN { LARGE_INTEGER TokenId; ULONG SessionId, UserAndGroupCount; } TOKEN;
typedef struct _ERESOURCE { LIST_ENTRY SystemResourcesList; USHORT ActiveCount, Flag; } ERESOURCE;
typedef struct _KMUTANT { DISPATCHER_HEADER Header; LIST_ENTRY MutantListEntry; KTHREAD *OwnerThread; UCHAR Abandoned, ApcDisable; } KMUTANT;
typedef struct _KTIMER { DISPATCHER_HEADER Header; LARGE_INTEGER DueTime; LIST_ENTRY TimerListEntry; PVOID Dpc; ULONG Period; } KTIMER;
typedef struct _OBJECT_SYMBOLIC_LINK { LARGE_INTEGER CreationTime; UNICODE_STRING LinkTarget; } OBJECT_SYMBOLIC_LINK;
typedef struct _CONTROL_AREA { PVOID Segment; LIST_ENTRY ListHead; EX_FAST_REF FilePointer; } CONTROL_AREA;
typedef struct _VACB { PVOID BaseAddress; struct _SHARED_CACHE_MAP *SharedCacheMap; } VACB;
typedef struct _SHARED_CACHE_MAP { short NodeTypeCode, NodeByteSize; ULONG OpenCount; LARGE_INTEGER FileSize; VACB *InitialVacbs[4]; VACB **Vacbs; } SHARED_CACHE_MAP;
typedef struct _POOL_TRACKER_BIG_PAGES { PVOID Va; ULONG Key, PoolType; ULONG_PTR NumberOfBytes; } POOL_TRACKER_BIG_PAGES;
typedef struct _CM_KEY_BODY { ULONG Type; PVOID KeyControlBlock; LIST_ENTRY KeyBodyList; } CM_KEY_BODY;
typedef struct _CM_KEY_NODE { USHORT Signature, Flags; LARGE_INTEGER LastWriteTime; USHORT NameLength; WCHAR Name[1]; } CM_KEY_NODE;
typedef struct _CM_KEY_VALUE { USHORT Signature, NameLength; ULONG DataLength, Data, Type; USHORT Flags, Spare; WCHAR Name[1]; } CM_KEY_VALUE;
typedef struct _HMAP_ENTRY { ULONG_PTR BlockAddress, BinAddress; } HMAP_ENTRY;
typedef struct _CMHIVE { ULONG Signature; LIST_ENTRY HiveList; UNICODE_STRING FileFullPath, FileUserName, HiveRootPath; } CMHIVE;
typedef struct _IMAGE_DOS_HEADER { USHORT e_magic, e_cblp, e_cp, e_crlc, e_cparhdr, e_minalloc, e_maxalloc, e_ss, e_sp, e_csum, e_ip, e_cs, e_lfarlc, e_ovno, e_res[4], e_oemid, e_oeminfo, e_res2[10]; LONG e_lfanew; } IMAGE_DOS_HEADER;
typedef struct _IMAGE_FILE_HEADER { USHORT Machine, NumberOfSections; ULONG TimeDateStamp, PointerToSymbolTable, NumberOfSymbols; USHORT SizeOfOptionalHeader, Characteristics; } IMAGE_FILE_HEADER;
