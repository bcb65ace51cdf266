// Offsets and sizes as the compiler knows them; see ../windows/layout.c.

#include "kernel.h"

#define OFFSET(s, m) const unsigned offset__##s##___##m = __builtin_offsetof(struct s, m);
#define SIZE(s) const unsigned size__##s = sizeof(struct s);

SIZE(proc) SIZE(task) SIZE(_vm_map) SIZE(pmap) SIZE(ucred) SIZE(kmod_info) SIZE(pgrp) SIZE(session)
OFFSET(proc, p_list) OFFSET(proc, p_pid) OFFSET(proc, task) OFFSET(proc, p_pptr) OFFSET(proc, p_ppid) OFFSET(proc, p_stat)
OFFSET(proc, p_ucred) OFFSET(proc, p_start) OFFSET(proc, p_pgrp) OFFSET(proc, p_comm) OFFSET(proc, p_name)
#if RELEASE >= 17
OFFSET(proc, p_uid) OFFSET(proc, p_ruid) OFFSET(pmap, pm_ucr3)
#endif
OFFSET(task, map) OFFSET(task, tasks) OFFSET(task, bsd_info) OFFSET(task, thread_count) OFFSET(task, active)
OFFSET(_vm_map, pmap) OFFSET(pmap, pm_cr3) OFFSET(pmap, pm_pml4)
OFFSET(ucred, cr_posix) OFFSET(pgrp, pg_session) OFFSET(pgrp, pg_id) OFFSET(session, s_leader) OFFSET(session, s_sid)
OFFSET(kmod_info, next) OFFSET(kmod_info, id) OFFSET(kmod_info, name) OFFSET(kmod_info, version) OFFSET(kmod_info, address)
OFFSET(kmod_info, size)
OFFSET(lowglo, lgStext) OFFSET(lowglo, lgVersion) OFFSET(lowglo, lgKmodptr)
