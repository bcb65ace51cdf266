// A kernel in name only: the structs and symbols that readers of Windows profiles look up, laid out as no
// Windows ever had them. Built by scripts/build-testdata.

typedef unsigned char UCHAR;
typedef unsigned short USHORT;
typedef unsigned long ULONG;
typedef unsigned long long ULONGLONG;
typedef void *PVOID;
typedef unsigned short WCHAR;

typedef struct _LIST_ENTRY {
  struct _LIST_ENTRY *Flink;
  struct _LIST_ENTRY *Blink;
} LIST_ENTRY;

typedef struct _UNICODE_STRING {
  USHORT Length;
  USHORT MaximumLength;
  WCHAR *Buffer;
} UNICODE_STRING;

typedef union _LARGE_INTEGER {
  struct {
    ULONG LowPart;
    long HighPart;
  };
  struct {
    ULONG LowPart;
    long HighPart;
  } u;
  long long QuadPart;
} LARGE_INTEGER;

typedef enum _KPROCESS_STATE { ProcessInMemory, ProcessOutOfMemory, ProcessInTransition } KPROCESS_STATE;

typedef struct _DISPATCHER_HEADER {
  UCHAR Type;
  UCHAR Signalling : 1;
  UCHAR Reserved : 7;
  USHORT Size;
  long SignalState;
  LIST_ENTRY WaitListHead;
} DISPATCHER_HEADER;

typedef struct _KPROCESS {
  DISPATCHER_HEADER Header;
  ULONGLONG DirectoryTableBase;
  LIST_ENTRY ThreadListHead;
  ULONG AutoAlignment : 1;
  ULONG DisableBoost : 1;
  ULONG ActiveGroupsMask : 20;
  KPROCESS_STATE State;
} KPROCESS;

typedef struct _EPROCESS {
  KPROCESS Pcb;
  LARGE_INTEGER CreateTime;
  LARGE_INTEGER ExitTime;
  PVOID UniqueProcessId;
  LIST_ENTRY ActiveProcessLinks;
  PVOID InheritedFromUniqueProcessId;
  struct _HANDLE_TABLE *ObjectTable;
  UCHAR ImageFileName[16];
  LIST_ENTRY ThreadListHead;
  ULONG ActiveThreads;
  union {
    ULONG Flags;
    struct {
      ULONG CreateReported : 1;
      ULONG ProcessDelete : 1;
    } Bits;
  } u;
} EPROCESS;

typedef struct _LDR_DATA_TABLE_ENTRY {
  LIST_ENTRY InLoadOrderLinks;
  PVOID DllBase;
  PVOID EntryPoint;
  ULONG SizeOfImage;
  UNICODE_STRING FullDllName;
  UNICODE_STRING BaseDllName;
} LDR_DATA_TABLE_ENTRY;

typedef long (*NOTIFY)(EPROCESS *Process, ULONG Reason);

LIST_ENTRY PsActiveProcessHead;
LIST_ENTRY PsLoadedModuleList;
EPROCESS *PsInitialSystemProcess;
LDR_DATA_TABLE_ENTRY *PspKernelModule;
UCHAR KiInitialPCR[4096];
ULONG KiInterruptTemplate[4][3];
NOTIFY PspNotifyRoutine;

static ULONG PspCalls;

long PspNotify(EPROCESS *process, ULONG reason) {
  PspCalls += reason;
  return PspNotifyRoutine ? PspNotifyRoutine(process, reason) : (long)PspCalls;
}

int entry(void) { return (int)PspNotify(PsInitialSystemProcess, KiInterruptTemplate[1][2] + KiInitialPCR[0]); }
