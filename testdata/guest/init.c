// The first and only program of the guest that scripts/e2e-linux boots: it starts processes of every kind that a
// process list has to tell apart, prints what /proc says of them all, and then sleeps, so that what it printed is
// what the memory holds when the machine is stopped.

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// Where this process says that it is as it will stay.
static int say = -1;

// Starts a child and waits until it has settled or ended.
static pid_t spawn(void) {
  int ends[2];
  char byte;
  if (pipe(ends)) _exit(1);
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    say = ends[1];
    return 0;
  }
  close(ends[1]);
  if (read(ends[0], &byte, 1) < 0) _exit(1);
  close(ends[0]);
  return child;
}

static void settle(const char *name) {
  prctl(PR_SET_NAME, name);
  if (write(say, "x", 1) != 1) _exit(1);
  for (;;) pause();
}

static void start(const char *name, int uid, int gid) {
  if (spawn() != 0) return;
  if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid)) _exit(1);
  settle(name);
}

static pthread_barrier_t started;

static void *thread(void *name) {
  prctl(PR_SET_NAME, name);
  pthread_barrier_wait(&started);
  for (;;) pause();
  return NULL;
}

static void family(void) {
  start("e2e-child-a", 0, 0);
  if (spawn() == 0) {
    if (spawn() == 0) {
      start("e2e-grandson", 33, 33);
      settle("e2e-daughter");
    }
    settle("e2e-child-b");
  }
  if (spawn() == 0) {
    pthread_t thrown;
    pthread_barrier_init(&started, NULL, 4);
    for (int i = 0; i < 3; i++) pthread_create(&thrown, NULL, thread, "e2e-worker");
    pthread_barrier_wait(&started);
    settle("e2e-threads");
  }
  start("e2e-user", 1000, 1000);
  start("e2e-nobody", 65534, 65534);
  start("a name with (parentheses) in it", 4000000, 100);
  // Real, effective and saved ids that differ.
  if (spawn() == 0) {
    if (setresuid(1000, 0, 1001)) _exit(1);
    settle("e2e-setuid");
  }
  // Its parent goes away, so the first process inherits it.
  pid_t gone = spawn();
  if (gone == 0) {
    start("e2e-orphan", 0, 0);
    // The orphan holds the same pipe, so closing it would not be seen.
    _exit(write(say, "x", 1) != 1);
  }
  waitpid(gone, NULL, 0);
  // Nobody waits for this one.
  if (spawn() == 0) {
    prctl(PR_SET_NAME, "e2e-zombie");
    _exit(7);
  }
  settle("e2e-parent");
}

static void show(const char *path) {
  char buffer[4096];
  int file = open(path, O_RDONLY);
  if (file < 0) return;
  printf("@ %s\n", path);
  fflush(stdout);
  for (ssize_t got; (got = read(file, buffer, sizeof buffer)) > 0;) fwrite(buffer, 1, got, stdout);
  fflush(stdout);
  close(file);
}

static void show_processes(void) {
  DIR *proc = opendir("/proc");
  if (!proc) return;
  char path[300];
  for (struct dirent *entry; (entry = readdir(proc));) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
    show(path);
    snprintf(path, sizeof path, "/proc/%s/status", entry->d_name);
    show(path);
  }
  closedir(proc);
}

// Loads the modules of a folder in the order of their names: each file is NUMBER-NAME.ko.
static void load(const char *folder, int unload) {
  struct dirent **found;
  char path[300], name[256];
  int count = scandir(folder, &found, NULL, alphasort);
  for (int i = 0; i < count; i++) {
    if (sscanf(found[i]->d_name, "%*d-%255[^.]", name) != 1) continue;
    snprintf(path, sizeof path, "%s/%s", folder, found[i]->d_name);
    int file = open(path, O_RDONLY);
    if (file < 0) continue;
    if (syscall(SYS_finit_module, file, "", 0)) printf("@ cannot load %s\n", path);
    close(file);
    if (unload && syscall(SYS_delete_module, name, O_NONBLOCK)) printf("@ cannot unload %s\n", name);
  }
}

int main(void) {
  mkdir("/proc", 0755);
  mkdir("/sys", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("sysfs", "/sys", "sysfs", 0, NULL);
  // No messages of the kernel between ours.
  int level = open("/proc/sys/kernel/printk", O_WRONLY);
  if (level >= 0 && write(level, "1", 1) == 1) close(level);
  int names = open("/proc/sys/kernel/kptr_restrict", O_WRONLY);
  if (names >= 0 && write(names, "0", 1) == 1) close(names);
  load("/unloaded", 1);
  load("/modules", 0);
  if (spawn() == 0) family();
  // Whatever starting them set off has time to end.
  sleep(3);
  printf("@ begin\n");
  show("/proc/version");
  show("/proc/cmdline");
  show("/proc/iomem");
  show("/proc/modules");
  show("/proc/stat");
  show("/sys/kernel/vmcoreinfo");
  // This is the longest by far, so what changes while it is printed comes behind it.
  show("/proc/kallsyms");
  show("/proc/uptime");
  show_processes();
  printf("@ end\n");
  fflush(stdout);
  for (;;) pause();
}
