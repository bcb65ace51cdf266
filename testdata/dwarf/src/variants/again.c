struct inner {
	long long value;
};
#include "outer.h"
struct outer again_outer;
struct shared again_shared;
