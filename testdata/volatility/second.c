/* A second unit, whose entries are numbered like those of the first. */
#define SECOND
#include "zoo.h"

struct only_here { struct collide mine; kuid_t uid; struct { char first, second; } pair; struct list_head list; };
struct only_here only_here;
