// The structs of a macOS kernel (XNU) that a reader of process and kext lists meets, by their names and in their order,
// but with few of their members. RELEASE 17 differs from 10 as macOS 10.13 differs from 10.6.

typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
typedef int32_t pid_t;
typedef uint32_t uid_t, gid_t;
typedef uint64_t pmap_paddr_t;
typedef uint64_t pml4_entry_t;

struct timeval { int64_t tv_sec; int32_t tv_usec; };
struct queue_entry { struct queue_entry *next, *prev; };
typedef struct queue_entry queue_head_t, queue_chain_t;

struct pmap {
  uint64_t lock[2];
#if RELEASE < 17
  uint64_t pm_cr3;
  uint64_t *pm_pml4;
#else
  pmap_paddr_t pm_cr3, pm_ucr3;
  pml4_entry_t *pm_pml4, *pm_upml4;
#endif
  int nx_enabled, pm_task_map;
};
typedef struct pmap *pmap_t;
struct _vm_map {
  uint64_t lock[4];
  struct { queue_head_t links; int nentries; } hdr;
  pmap_t pmap;
  uint64_t size;
};
typedef struct _vm_map *vm_map_t;

struct task {
  uint64_t lock[2];
  uint32_t ref_count, active;
  vm_map_t map;
  queue_chain_t tasks;
  void *user_data;
  queue_head_t threads;
  int thread_count;
#if RELEASE >= 17
  uint64_t uniqueid;
#endif
  void *bsd_info;
};
typedef struct task *task_t;

struct ucred {
  struct { struct ucred *le_next, **le_prev; } cr_link;
  uint64_t cr_ref;
  struct { uid_t cr_uid, cr_ruid, cr_svuid; short cr_ngroups; gid_t cr_groups[16]; gid_t cr_rgid, cr_svgid; } cr_posix;
};
typedef struct ucred *kauth_cred_t;
struct session { int s_count; struct proc *s_leader; pid_t s_sid; char s_login[255]; };
struct pgrp { struct { struct pgrp *le_next, **le_prev; } pg_hash; struct session *pg_session; pid_t pg_id; };

struct proc {
  struct { struct proc *le_next, **le_prev; } p_list;
  pid_t p_pid;
  void *task;
#if RELEASE < 17
  struct proc *p_pptr;
  pid_t p_ppid, p_pgrpid;
#else
  struct proc *p_pptr;
  pid_t p_ppid, p_pgrpid;
  uid_t p_uid;
  gid_t p_gid;
  uid_t p_ruid;
  gid_t p_rgid;
  uid_t p_svuid;
  gid_t p_svgid;
  uint64_t p_uniqueid;
#endif
  uint64_t p_mlock[2];
  char p_stat, p_shutdownstate, p_kdebug, p_btrace;
  struct { struct proc *le_next, **le_prev; } p_pglist, p_sibling;
  struct { struct proc *lh_first; } p_children;
  kauth_cred_t p_ucred;
  unsigned p_flag;
  struct timeval p_start;
  uint64_t user_stack;
  struct pgrp *p_pgrp;
  char p_comm[17];
  char p_name[33];
  int p_exitval;
};
struct proclist { struct proc *lh_first; };

typedef struct kmod_info {
  struct kmod_info *next;
  int32_t info_version;
  uint32_t id;
  char name[64], version[64];
  int32_t reference_count;
  void *reference_list;
  uint64_t address, size, hdr_size;
  void *start, *stop;
} kmod_info_t;

// As osfmk/x86_64/lowglobals.h has it.
struct lowglo {
  uint8_t lgVerCode[8];
  uint64_t lgZero, lgStext, lgRsv018, lgVersion, lgRsv028[280], lgKmodptr, lgTransOff;
};

// What Volatility 3 wants to know of before it lists anything. There is no object of any of these.
struct sockaddr { uint8_t sa_len, sa_family; char sa_data[14]; };
struct sockaddr_dl { uint8_t sdl_len, sdl_family; uint16_t sdl_index; uint8_t sdl_type, sdl_nlen, sdl_alen, sdl_slen; char sdl_data[12]; };
struct ifnet { void *if_softc; const char *if_name; struct { struct ifnet *tqe_next, **tqe_prev; } if_link; };
struct inpcb { struct { struct inpcb *le_next, **le_prev; } inp_hash, inp_list; };
struct socket { int so_zone, so_type; uint32_t so_options; void *so_pcb; };
struct vnode { uint64_t v_lock[2]; struct { struct vnode *tqe_next, **tqe_prev; } v_freelist, v_mntvnodes; uint16_t v_type, v_tag; };
struct fileglob { struct { struct fileglob *le_next, **le_prev; } f_msglist; int32_t fg_flag, fg_count; void *fg_data; };
union vm_map_object { void *vmo_object; struct _vm_map *vmo_submap; };
struct vm_map_entry { struct { struct vm_map_entry *prev, *next; uint64_t start, end; } links; union vm_map_object vme_object; };
struct sysctl_oid { void *oid_parent; struct { struct sysctl_oid *sle_next; } oid_link; int oid_number; };
struct kauth_scope { struct { struct kauth_scope *tqe_next, **tqe_prev; } ks_link; const char *ks_identifier; };
struct unused {
  struct sockaddr *sockaddr;
  struct sockaddr_dl *sockaddr_dl;
  struct ifnet *ifnet;
  struct inpcb *inpcb;
  struct socket *socket;
  struct vnode *vnode;
  struct fileglob *fileglob;
  struct vm_map_entry *vm_map_entry;
  struct sysctl_oid *sysctl_oid;
  struct kauth_scope *kauth_scope;
};
