// Names that are alike once the first underscore is taken off.
int _under = 1;
int under = 2;
int _exit(int x) { return x + _under; }
int exit(int x) { return x * under; }
int entry(void) { return _exit(1) + exit(2); }
