struct inner;
struct holder {
	struct inner *unknown;
};
struct holder holder;
void start(void) { }
