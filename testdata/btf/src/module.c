/* A module: types of its own that hold those of the kernel (../dwarf/src/kernel.h). */
#include "../../dwarf/src/kernel.h"

enum connection_state { IDLE, BUSY = 7 };

struct connection {
	struct list_head entry;
	struct cred cred;
	struct task_struct *task;
	vfsuid_t owner;
	enum connection_state state : 4;
	u32 aborted : 1;
	struct { u16 major, minor; } version;
	int (*send)(struct connection *self, struct flags *flags);
};

struct connection connection;
