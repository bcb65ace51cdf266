// Any other module: something to relocate, and a debug record that names its PDB.
static int counter;
int *volatile where = &counter;
int DriverEntry(void *driver, void *path) { return *where = driver == path; }
