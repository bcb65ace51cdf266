/* What C puts into a PDB: every kind of member a kernel's structs have. The enumeration `facts` holds what the
   compiler itself says of them; the tests compare. */

typedef unsigned short wchar;
typedef unsigned long long uint64;

typedef struct list_entry {
    struct list_entry *Flink, *Blink;
} list_entry;

enum color { RED = -1, GREEN, BLUE = 0x7fffffff };
enum { LONELY = 3, LONELY_TOO = 3 };
struct process;

/* Named by its typedef alone. */
typedef struct {
    long x, y;
} point;

struct opaque;

typedef long (*callback)(struct process *self, point where, const wchar *name, ...);

struct natives {
    signed char a;
    unsigned char b;
    char c;
    short d;
    unsigned short e;
    int f;
    unsigned int g;
    long h;
    unsigned long i;
    long long j;
    unsigned long long k;
    float l;
    double m;
    _Bool n;
    wchar o;
    void *p;
    const volatile unsigned int q;
};

struct bits {
    unsigned int low : 3;
    unsigned int : 2;
    unsigned int high : 27;
    uint64 page : 40;
    uint64 rest : 24;
    unsigned char flag : 1;
    int tint : 5;
    enum color color : 8;
};

struct arrays {
    unsigned char bytes[15];
    wchar text[32];
    __WCHAR_TYPE__ wide[8];
    unsigned short grid[3][5];
    list_entry heads[4];
    struct opaque *opaque[2][3];
    callback calls[2];
    enum color colors[3];
    unsigned int rest[];
};

union number {
    long long whole;
    struct {
        unsigned int low;
        int high;
    };
    struct {
        unsigned int low, high;
    } parts;
};

struct process {
    list_entry links;
    union number time;
    point where;
    callback notify;
    struct opaque *opaque;
    struct {
        unsigned int active : 1;
        unsigned int state : 7;
        struct {
            short deep;
        } inner;
    } flags;
    union {
        void *pointer;
        struct process *next;
    };
    struct process **table;
    unsigned char name[16];
};

#pragma pack(push, 1)
struct packed {
    unsigned char kind;
    unsigned int length;
    uint64 value : 33;
    unsigned short tail;
};
#pragma pack(pop)

struct empty_array {
    unsigned int count;
    list_entry entries[];
};

#define SIZE(type) sizeof__##type = sizeof(struct type)
#define OFFSET(type, member) offsetof__##type##__##member = __builtin_offsetof(struct type, member)
enum facts {
    SIZE(list_entry), OFFSET(list_entry, Blink),
    SIZE(natives), OFFSET(natives, d), OFFSET(natives, f), OFFSET(natives, j), OFFSET(natives, k),
    OFFSET(natives, l), OFFSET(natives, m), OFFSET(natives, n), OFFSET(natives, o), OFFSET(natives, p),
    OFFSET(natives, q),
    SIZE(bits),
    SIZE(arrays), OFFSET(arrays, bytes), OFFSET(arrays, text), OFFSET(arrays, wide), OFFSET(arrays, grid),
    OFFSET(arrays, heads), OFFSET(arrays, opaque), OFFSET(arrays, calls), OFFSET(arrays, colors), OFFSET(arrays, rest),
    SIZE(process), OFFSET(process, time), OFFSET(process, where), OFFSET(process, notify), OFFSET(process, opaque),
    OFFSET(process, flags), OFFSET(process, pointer), OFFSET(process, next), OFFSET(process, table),
    OFFSET(process, name),
    SIZE(packed), OFFSET(packed, length), OFFSET(packed, tail),
    SIZE(empty_array), OFFSET(empty_array, entries),
};

struct process *head;
struct natives natives;
struct bits bits;
struct arrays arrays;
struct packed packed;
struct empty_array empty;
enum facts facts;
static union number counter;
static const wchar banner[] = u"a banner";
int _fltused;
long lonely = LONELY;

static long tick(struct process *self, point where, const wchar *name, ...) {
    counter.whole += self->name[0] + where.x + name[0];
    return counter.low;
}

long entry(void) {
    head->notify = tick;
    return banner[0] + head->flags.inner.deep + facts + lonely;
}
