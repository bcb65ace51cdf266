struct inner {
	int first;
	int second;
};
#include "outer.h"
struct outer pair_outer;
struct above pair_above;
struct shared pair_shared;
struct inner pair_inners[3];
