// What C++ puts into a PDB: bases, virtual tables, nested and local types, templates, members that take no room.
// The enumeration `facts` holds what the compiler itself says of them; the tests compare.

using size_t = decltype(sizeof 0);

namespace shapes {

enum class Kind : unsigned char { None, Circle = 0x80, Last = 255 };
enum class Signed : short { Low = -300, High = 300 };
enum class Wide : long long { Low = -0x7fffffffffffffff - 1, High = 0x7fffffffffffffff };
enum class Huge : unsigned long long { All = 0xffffffffffffffff };

struct Tag {
    static int count;
    int id;
};

class Shape {
public:
    virtual ~Shape();
    virtual long area(int scale) const;
    long plain(int, char *);
    static Shape *make();

    struct Corner {
        int x, y;
    };
    enum Side { LEFT, RIGHT };

    Corner corners[2];
    Kind kind;

private:
    friend struct Friend;
    Side side;
};

struct Friend {
    Shape *of;
};

class Circle : public Tag, public Shape {
public:
    long area(int scale) const override;
    virtual void grow(int by);
    long radius;
    struct {
        int from, to;
    } arc;
    union {
        int number;
        char letter;
    };
};

template <typename T, int N> struct Row {
    T cells[N];
    Row<T, N> *next;
    using Cell = T;
    struct Link {
        Row *row;
    } link;
};

struct Left {
    int left;
};
struct Right {
    int right;
};
struct Both : Left, Right {
    int both;
};
struct Empty {};
struct Derived : Empty {
    int value;
};

struct Pointers {
    int Tag::*data;
    long (Shape::*method)(int) const;
    int &reference;
    int &&moved;
    decltype(nullptr) null;
    char16_t utf16[4];
    char32_t utf32[2];
    wchar_t wide[6];
    bool flag;
    Signed sign;
    Wide wider;
    Huge huge;
};

int Tag::count = 5;
Shape::~Shape() {}
long Shape::area(int scale) const { return scale; }
long Shape::plain(int a, char *b) { return a + b[0]; }
long Circle::area(int scale) const { return radius * scale; }
void Circle::grow(int by) { radius += by; }

__attribute__((used)) static int use(Pointers &of) { return of.reference + static_cast<int>(of.wider); }

Circle circle;
Row<short, 3> row;
Both both;
Derived derived;
alignas(16) unsigned char pointers[sizeof(Pointers)];
Friend friendly;

} // namespace shapes

namespace {
struct Hidden {
    int value;
} hidden __attribute__((used));
} // namespace

#define SIZE(name, type) sizeof__##name = sizeof(type)
#define OFFSET(name, type, member) offsetof__##name##__##member = __builtin_offsetof(type, member)
enum facts : unsigned {
    SIZE(Shape, shapes::Shape), OFFSET(Shape, shapes::Shape, corners), OFFSET(Shape, shapes::Shape, kind),
    SIZE(Circle, shapes::Circle), OFFSET(Circle, shapes::Circle, radius), OFFSET(Circle, shapes::Circle, arc),
    OFFSET(Circle, shapes::Circle, letter), OFFSET(Circle, shapes::Circle, id),
    SIZE(Both, shapes::Both), OFFSET(Both, shapes::Both, right), OFFSET(Both, shapes::Both, both),
    SIZE(Derived, shapes::Derived), OFFSET(Derived, shapes::Derived, value),
    SIZE(Pointers, shapes::Pointers), OFFSET(Pointers, shapes::Pointers, method),
    OFFSET(Pointers, shapes::Pointers, null), OFFSET(Pointers, shapes::Pointers, utf16),
    OFFSET(Pointers, shapes::Pointers, utf32), OFFSET(Pointers, shapes::Pointers, wide),
    OFFSET(Pointers, shapes::Pointers, flag), OFFSET(Pointers, shapes::Pointers, sign),
} facts;

void operator delete(void *) noexcept {}
void operator delete(void *, size_t) noexcept {}
extern "C" int _purecall() { return 0; }
extern "C" int _fltused = 0;

extern "C" long entry() {
    struct Local {
        int step;
        shapes::Pointers *pointers;
    } local = {3, reinterpret_cast<shapes::Pointers *>(shapes::pointers)};
    shapes::circle.grow(local.step);
    shapes::row.cells[0] = static_cast<short>(local.pointers->sign);
    return shapes::circle.plain(1, shapes::row.link.row ? nullptr : nullptr) + hidden.value + facts + shapes::both.both +
           shapes::derived.value + (shapes::friendly.of ? 1 : 0);
}
