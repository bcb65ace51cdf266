/* What both units share: the shapes that kernels have, in small. */
#ifndef KERNEL_H
#define KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct list_head { struct list_head *next, *prev; };

/* One unnamed struct, reached through two typedefs. */
typedef struct { u32 val; } kuid_t;
typedef kuid_t vfsuid_t;
typedef struct { u32 val; } kgid_t;

enum state { RUNNING, SLEEPING = 2, STOPPED = 4, ALIAS = 4 };
enum sign { MINUS = -1, ZERO, PLUS };
enum wide { SMALL = 1, LARGE = 0x123456789abcdefULL };
enum __attribute__((packed)) tiny { NOTHING, SOMETHING, ALL = 200 };
typedef enum { RED, GREEN } color_t;

struct opaque;            /* defined nowhere */
struct completed;         /* defined in second.c only */

struct flags {
	u32 low : 3;
	u32 middle : 7;
	u32 : 2;
	u32 high : 20;
	u64 wide_bits : 33;
	u64 rest : 31;
	enum state state : 3;
	_Bool truth : 1;
	u8 byte : 4;
	signed int negative : 5;
	u16 last;
};

struct __attribute__((packed)) packed_flags {
	u8 first;
	u32 straddling : 27;
	u32 next : 5;
	u16 a : 4, b : 12;
};

struct cred {
	kuid_t uid;
	kgid_t gid;
	vfsuid_t vfsuid;
	struct {
		u16 inner;
		union {
			u32 deep;
			struct { u8 deeper[3]; };
		};
	};
	union { u64 number; void *pointer; } named_union;
};

struct callbacks {
	int (*open)(struct cred *cred, const char *name, u64 flags);
	void (*close)(void);
	long (*variadic)(struct callbacks *self, ...);
	void (*nested)(int (*inner)(u8), struct opaque *);
};

struct task_struct {
	volatile long state;
	void *stack;
	struct list_head tasks;
	const struct cred *cred;
	struct cred *const *creds;
	char comm[16];
	u32 matrix[2][3][4];
	struct callbacks ops;
	enum sign sign;
	enum wide wide;
	enum tiny tiny;
	color_t color;
	float single;
	double twice;
	struct completed *completed;
	struct opaque *opaque;
	struct flags flags;
	struct packed_flags packed;
	struct task_struct *parent;
	u8 tail[];
};

struct empty { };
struct zero_length { u32 count; u32 items[0]; };

extern struct task_struct init_task;
extern char _text[];
#endif
