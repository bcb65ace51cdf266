/* Clang gives every bit-precise integer one name, and every complex number another. */
struct natives {
	_BitInt(7) narrow;
	_BitInt(128) wide;
	unsigned _BitInt(33) odd;
	_Complex float single;
	_Complex double pair;
};
struct natives natives;
void start(void) { }
