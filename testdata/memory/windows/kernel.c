// A kernel in name only: data where a Windows kernel has it, in sections named as a kernel's, and next to no code.
// testdata/memory lays it out in memory; see README.md.

#include "kernel.h"

// Every type that no variable below needs, so that it is in the PDB.
struct _TYPES {
  ETHREAD *Thread; TOKEN *Token; ERESOURCE *Resource; KMUTANT *Mutant; KTIMER *Timer; OBJECT_SYMBOLIC_LINK *Link;
  CONTROL_AREA *ControlArea; SHARED_CACHE_MAP *CacheMap; POOL_TRACKER_BIG_PAGES *BigPages; CM_KEY_BODY *KeyBody;
  CM_KEY_NODE *KeyNode; CM_KEY_VALUE *KeyValue; HMAP_ENTRY *MapEntry; CMHIVE *Hive; IMAGE_DOS_HEADER *Dos;
  IMAGE_FILE_HEADER *File; FILE_OBJECT *FileObject; DRIVER_OBJECT *Driver; OBJECT_HEADER *Header; OBJECT_TYPE *Type;
  POOL_HEADER *Pool; KUSER_SHARED_DATA *Shared; LDR_DATA_TABLE_ENTRY *Entry; KLDR_DATA_TABLE_ENTRY *KernelEntry; PEB *Peb; MMPTE *Pte; MMVAD_SHORT *Short;
  ULONG32 Number; CLIENT_ID *Client; STRING *String; SINGLE_LIST_ENTRY *Single; KPCR *Pcr; DBGKD_DEBUG_DATA_HEADER64 *DataHeader;
} ViTypes = {0};

#define DATA(name) __attribute__((section(name)))
#define EXPORTED __declspec(dllexport)

// What is exported lies elsewhere in every build, as it does in kernels.
#define TEXT_OF(number) #number
#ifdef _WIN64
#define WIDTH "8"
#else
#define WIDTH "4"
#endif
#define PADDING(build) __asm__(".text\n.fill (" TEXT_OF(build) " % 251 + " WIDTH ") * 16, 1, 0xcc")
PADDING(BUILD);

LIST_ENTRY PsActiveProcessHead = {0}, PsLoadedModuleList = {0}, HandleTableListHead = {0};
EXPORTED EPROCESS *PsInitialSystemProcess = 0;
EPROCESS *PsIdleProcess = 0;
EXPORTED PVOID MmSystemRangeStart = 0, MmHighestUserAddress = 0;
PVOID PsNtosImageBase = 0, MmPfnDatabase = 0;
HANDLE_TABLE *PspCidTable = 0;
ULONG32 KeNumberProcessors = 1;
ULONG CmNtCSDVersion = 0x100;
EXPORTED ULONG NtBuildNumber = BUILD | 0xf0000000;
CHAR NtBuildLab[64] = BUILD_LAB;
ULONGLONG KiWaitNever = 0, KiWaitAlways = 0;
UCHAR KdpDataBlockEncoded = 0;
__attribute__((aligned(16))) UCHAR KdDebuggerDataBlock[0x340] = {0};
DBGKD_GET_VERSION64 KdVersionBlock = {0};
KPCR KiInitialPCR = {0};
static WCHAR servicePack[] = u"Service Pack 1";
UNICODE_STRING CmCSDVersionString = {sizeof servicePack - 2, sizeof servicePack, servicePack};

// Code that a kernel may page out, and the two sections by which readers know one.
DATA("PAGE") int NtCreateProcess(EPROCESS **created) { *created = PsInitialSystemProcess; return (int)(ULONG_PTR)ViTypes.Thread; }
DATA("INITKDBG") int KdInitSystem(ULONG phase) { KdVersionBlock.MajorVersion = (USHORT)phase; return KdDebuggerDataBlock[0]; }
DATA("MISYSPTE") int MiReserveSystemPtes(ULONG count) { return (int)(count + KeNumberProcessors); }
DATA("PAGEKD") int KdpTrap(ULONG code) { return (int)(code ^ KdpDataBlockEncoded); }
DATA("INIT") int KiSystemStartup(PVOID loader) {
  EPROCESS *created;
  PsNtosImageBase = loader;
  NtCreateProcess(&created);
  return KdInitSystem(0) + MiReserveSystemPtes(1) + KdpTrap(2);
}
EXPORTED int KeBugCheckEx(ULONG code) { return (int)code; }

// What kernels export, so that they are recognised by where it is.
#define ROUTINE(name) EXPORTED int name(ULONG code) { return KeBugCheckEx(code ^ sizeof #name) + (int)KeNumberProcessors; }
ROUTINE(DbgPrint) ROUTINE(ExAllocatePoolWithTag) ROUTINE(ExFreePoolWithTag) ROUTINE(ExQueueWorkItem)
ROUTINE(IoAllocateIrp) ROUTINE(IoAllocateMdl) ROUTINE(IoCreateDevice) ROUTINE(IoDeleteDevice) ROUTINE(IoFreeIrp)
ROUTINE(IofCallDriver) ROUTINE(KeInitializeEvent) ROUTINE(KeSetEvent) ROUTINE(MmGetSystemRoutineAddress)
ROUTINE(MmIsAddressValid) ROUTINE(MmProbeAndLockPages) ROUTINE(NtClose) ROUTINE(ObReferenceObjectByHandle)
ROUTINE(PsGetCurrentProcessId) ROUTINE(RtlInitUnicodeString) ROUTINE(SeAccessCheck) ROUTINE(ZwClose)
