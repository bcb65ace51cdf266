#include "shared.h"
#include "wide.h"
struct Item { int a; int b; int c; int d; };
struct Node { long long value; char text[24]; Node *next; };
enum Color { RED = 10, BLUE = -4 };
struct Second { Item one; Item many[3]; int end; Node node; Node *list; Color color; };
struct Tree { int key; struct { char pre[24]; int left; Tree *up; } links; int tail; };
Second g_second;
Item g_items2[4];
Tree g_tree2;
Holder g_holder2;
// The same type record as g_many1 has.
Item g_many2[8];
Part g_parts[2];
extern "C" int use2() { return g_second.end + g_items2[0].a + g_tree2.tail + g_holder2.number + g_many2[1].a + (int)g_parts[1].a; }
