/* Prints what the compiler makes of the types: size of each struct, offset of each member. */
#include <stddef.h>
#include <stdio.h>
#define vermagic unused
#include "zoo.c"
struct task init_task;
struct list_head modules;
#define S(type) printf("%s %zu\n", #type, sizeof(type));
#define O(type, member) printf("%s.%s %zu\n", #type, #member, offsetof(type, member));
int main(void) {
  S(struct list_head) S(union word) S(struct bits) S(struct packed) S(struct task) S(struct collide)
  O(struct packed, b) O(struct packed, c) O(struct task, stack) O(struct task, tasks) O(struct task, pid)
  O(struct task, comm) O(struct task, parent) O(struct task, uid) O(struct task, now) O(struct task, wide)
  O(struct task, flags) O(struct task, local) O(struct task, word) O(struct task, bits) O(struct task, packed)
  O(struct task, only) O(struct task, inner) O(struct task, deep_b) O(struct task, named_unnamed)
  O(struct task, matrix) O(struct task, cube) O(struct task, opaque) O(struct task, call) O(struct task, calls)
  O(struct task, plain) O(struct task, constant) O(struct task, truth) O(struct task, huge)
  O(struct task, fraction) O(struct task, real) O(struct task, own) O(struct task, tail)
  return 0;
}
