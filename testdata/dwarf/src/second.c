/* The unit that disagrees with first.c, and completes what that one only declares. */
#include "kernel.h"

struct completed { u64 done; struct list_head waiters; };

/* The same name as in first.c with another layout, and a user of it. */
struct elf_note_info { u32 size; u64 thread; u64 more; };
struct user_of_note { struct elf_note_info info; struct elf_note_info *link; };

/* A static variable that shares its name with two in first.c. */
struct irq_info { u16 irq; u16 bus; };

struct completed completed;
struct user_of_note user;
static volatile struct irq_info counter;

int second(void)
{
	return (int)completed.done + (int)user.info.size + counter.irq + init_task.packed.first;
}
