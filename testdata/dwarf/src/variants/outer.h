/* Compiled after each unit's own `struct inner`: equal names and places, and yet another struct. */
struct outer {
	struct inner in;
	struct inner *next;
	int end;
};

struct above {
	struct outer outers[2];
};

/* Points to `struct inner` alone, and so is one struct for all. */
struct shared {
	struct inner *inner;
	int count;
};
