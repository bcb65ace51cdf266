/* What both units share, and one type they disagree on. */
struct list_head { struct list_head *next, *prev; };
typedef struct { unsigned val; } kuid_t;
#ifdef SECOND
struct collide { int a; };
#else
struct collide { long a; int b; };
#endif
