/* Every kind of type that kernels have, for the readers of dumps. */
#include "zoo.h"

struct opaque; /* never defined */

enum state { STATE_DEAD = -1, STATE_IDLE, STATE_RUNNING, STATE_READY = 1, STATE_LAST = 0x7fffffff };
enum wide { WIDE_LOW = 1, WIDE_HIGH = 0x123456789abcdefLL };
enum flags { FLAG_128 = 128, FLAG_255 = 255, FLAG_TOP = 0xffffffffu };

union word {
  int number;
  unsigned char bytes[4];
  struct { unsigned low : 4, : 4, high : 8; };
};

struct bits {
  unsigned a : 1, b : 3, : 4, c : 8, d : 16;
  unsigned long long e : 40, f : 24;
  signed char g : 2;
  _Bool h : 1;
  enum state i : 4;
};

struct __attribute__((packed)) packed {
  unsigned char a;
  unsigned int b;
  unsigned long long c;
  unsigned int p : 3, q : 9;
};

struct task {
  volatile long state;
  void *stack;
  struct list_head tasks;
  int pid;
  char comm[16];
  struct task *parent, *const real_parent;
  kuid_t uid;
  enum state now;
  enum wide wide;
  enum flags flags;
  enum { LOCAL_A, LOCAL_B } local;
  union word word;
  struct bits bits;
  struct packed packed;
  struct { int only; struct { short inner; union { long deep_a; char deep_b[3]; }; }; };
  struct { int x, y; } named_unnamed;
  int matrix[2][3];
  unsigned char cube[2][3][4];
  struct opaque *opaque;
  int (*call)(struct task *, const char *, ...);
  void (*calls[3])(void);
  int *restrict plain;
  const void *constant;
  _Bool truth;
  __int128 huge;
  float fraction;
  double real;
  struct collide own;
  char tail[];
};

extern struct task init_task;
extern struct list_head modules;
struct task *current_task = &init_task;
struct list_head *list = &modules;
static union word hidden;
int answer(struct bits *bits, struct packed *packed) { return bits->a + packed->b + hidden.number; }
const char vermagic[] __attribute__((section(".modinfo"), used)) = "vermagic=1.2.3-zoo SMP mod_unload ";
