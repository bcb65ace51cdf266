struct inner {
	long long value;
};
#include "outer.h"
struct outer single_outer;
struct above single_above;
struct shared single_shared;
struct inner single_inners[5];
