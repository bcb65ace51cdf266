int entry(void) { return 0; }
__declspec(dllexport) int answer(void) { return 42; }
