// The same Part and Tool as in two.cpp, whose records the linker keeps once.
#include "wide.h"
struct Third { Part *pointer; Part parts[2]; Tool *tool; Tool tools[3]; };
Third g_third;
Part *g_pointer;
Tool *g_tool;
extern "C" int use3() { return (int)g_third.parts[1].a + (int)g_pointer->a + g_tool->weight; }
