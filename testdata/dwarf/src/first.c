/* The unit most definitions come from. */
#include "kernel.h"

/* Compiled differently in second.c: the larger one keeps the name. */
struct elf_note_info { u32 size; struct task_struct *thread; };

struct modern {
	_Complex double complex;
	u32 vector __attribute__((vector_size(16)));
	u8 *restrict restricted;
#ifndef OLD
	_Atomic int atomic;
#endif
#ifdef __SIZEOF_INT128__
	__int128 huge;
#endif
	long double extended;
};

struct task_struct init_task = { .comm = "swapper" };
struct modern modern;
struct elf_note_info note;
struct zero_length zero_length;
struct empty empty;
static const char *const names[] = { "one", "two" };

const char linux_banner[] =
	"Linux version 6.1.0-test (us@here) (gcc) #1 SMP\n";

int lookup(int index)
{
	/* A type that stands in a function's body only, and a variable with a number behind its name. */
	struct in_function { int hits; u64 last; };
	static struct in_function counter;
	counter.hits++;
	counter.last = (u64)index;
	return counter.hits + (names[index & 1] != 0);
}

int start(void)
{
	{
		enum in_block { INSIDE = 3 };
		static volatile enum in_block counter;
		counter = INSIDE;
	}
	return lookup(1) + (int)init_task.state;
}
