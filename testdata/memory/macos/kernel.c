// A kernel in name only; testdata/memory lays it out in memory, see README.md.

#include "kernel.h"

// The page that debuggers find by its first eight letters.
__attribute__((aligned(4096))) struct lowglo lowGlo = {.lgVerCode = "Catfish "};
__attribute__((aligned(4096))) uint64_t
#if RELEASE < 17
  // The kernel's topmost table itself.
  IdlePML4[512] = {1};
#else
  // The table that the processor started with, of all of low memory, at two addresses.
  BootPML4[512] = {1}, BootPDPT[512] = {1}, BootPTD[512] = {1};
// The physical address of the kernel's topmost table.
uint64_t *IdlePML4 = BootPML4;
#endif
const char version[] = VERSION;
const int version_major = RELEASE, version_minor = MINOR;
const char osversion[256] = OSVERSION;
struct proclist allproc = {0}, zombproc = {0};
struct proc *kernproc = 0, *initproc = 0;
task_t kernel_task = 0;
vm_map_t kernel_map = 0;
struct pmap kernel_pmap_store = {0};
pmap_t kernel_pmap = &kernel_pmap_store;
queue_head_t tasks = {0};
kmod_info_t *kmod = 0;
int nprocs = 0, tasks_count = 0;
uint64_t vm_kernel_slide = 0, vm_kernel_stext = 0;
struct session *session0 = 0;
struct unused *unused = 0;

int start(void) { return nprocs + tasks_count + version[0] + (int)lowGlo.lgZero; }
