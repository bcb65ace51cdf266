#include "shared.h"
#include "narrow.h"
struct Item { int a; int b; };
struct Node { Node *next; int value; };
struct Part { int a; Item item; };
enum Color { RED = 1, GREEN };
struct First { Item one; Item many[3]; int end; Node node; Node *list; Node *(*walk)(Node *, Item *); Color color; };
struct Tree { int key; struct { int left; Tree *up; } links; int tail; };
struct Pair { Part part; Holder holder; Tool tool; };
First g_first;
Item g_items1[4];
Tree g_tree1;
Pair g_pair1;
// As many bytes as the eight items of two.cpp take.
Item g_many1[16];
extern "C" int use2();
extern "C" int use3();
extern "C" int entry() { return g_first.end + g_items1[0].a + g_tree1.tail + g_pair1.holder.number + g_many1[1].a + use2() + use3(); }
