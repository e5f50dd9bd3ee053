// Disk that refuses to synchronise or is full, for a program that loads this library first (LD_PRELOAD).
//
// The file named by LESS_TEST_DISK has "OPERATION PERCENT PART": so many of a hundred calls fail, on files whose path contains
// PART. "sync": fsync and fdatasync, with EIO. As after a real failure, what was written to the file since it was last
// synchronised is gone: its former content is put back. "write": write and pwrite, with ENOSPC. Each refusal is a line of the
// file with the same name and ".log".

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Former content of a range of a file, which was overwritten since it was last synchronised.
struct former {
    struct former *before;
    dev_t device;
    ino_t file;
    off_t offset, size;
    size_t length;
    char bytes[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct former *latest;

/// Returns whether the path of an open file contains `part`, and writes the path to `path`, of 512 bytes.
static int is_below(int fd, const char *part, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 511);
    path[length < 0 ? 0 : length] = 0;
    return strstr(path, part) != NULL;
}

/// Keeps what a write is going to replace. The caller has the lock.
static void keep(int fd, size_t length, off_t offset) {
    struct stat found;
    char path[512];
    if (!is_below(fd, "less-sync.db", path) || is_below(fd, ".db-shm", path) || fstat(fd, &found) != 0) return;
    struct former *former = malloc(sizeof *former + length);
    if (former == NULL) abort();
    ssize_t kept = syscall(SYS_pread64, fd, former->bytes, length, offset);
    *former = (struct former){latest, found.st_dev, found.st_ino, offset, found.st_size, kept < 0 ? 0 : (size_t)kept};
    latest = former;
}

/// Forgets what was kept of a file, and puts it back if it is `lost`. The caller has the lock.
static void settle(int fd, int lost) {
    struct stat file;
    if (fstat(fd, &file) != 0) return;
    for (struct former **next = &latest; *next != NULL;) {
        struct former *former = *next;
        if (former->device != file.st_dev || former->file != file.st_ino) {
            next = &former->before;
            continue;
        }
        if (lost && syscall(SYS_pwrite64, fd, former->bytes, former->length, former->offset) < 0) abort();
        // The file has grown since: its new part was never written.
        if (lost && syscall(SYS_ftruncate, fd, former->size) < 0) abort();
        *next = former->before;
        free(former);
    }
}

static int refuses(const char *operation, int fd) {
    const char *control = getenv("LESS_TEST_DISK");
    char rule[256] = "", refused[8] = "", part[200] = "", path[512], log[512];
    int percent = 0, file = control ? syscall(SYS_openat, AT_FDCWD, control, O_RDONLY, 0) : -1;
    if (file < 0) return 0;
    ssize_t length = syscall(SYS_read, file, rule, sizeof rule - 1);
    syscall(SYS_close, file);
    if (length <= 0 || sscanf(rule, "%7s %d %199s", refused, &percent, part) != 3) return 0;
    if (strcmp(operation, refused) != 0 || !is_below(fd, part, path) || rand() % 100 >= percent) return 0;
    snprintf(log, sizeof log, "%s.log", control);
    file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    length = snprintf(rule, sizeof rule, "%.240s\n", path);
    syscall(SYS_write, file, rule, length);
    syscall(SYS_close, file);
    return 1;
}

/// Returns whether the disk is full for a file. The index of a log is there since the first start.
static int is_full(int fd) {
    char path[512];
    return fd > 2 && !is_below(fd, ".db-shm", path) && refuses("write", fd);
}

static int synchronise(long call, int fd) {
    pthread_mutex_lock(&lock);
    int refused = refuses("sync", fd), outcome = refused ? -1 : (int)syscall(call, fd);
    settle(fd, refused);
    pthread_mutex_unlock(&lock);
    if (refused) errno = EIO;
    return outcome;
}

int fsync(int fd) { return synchronise(SYS_fsync, fd); }

int fdatasync(int fd) { return synchronise(SYS_fdatasync, fd); }

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    if (is_full(fd)) return errno = ENOSPC, -1;
    pthread_mutex_lock(&lock);
    keep(fd, length, offset);
    ssize_t written = syscall(SYS_pwrite64, fd, bytes, length, offset);
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }

ssize_t write(int fd, const void *bytes, size_t length) {
    if (is_full(fd)) return errno = ENOSPC, -1;
    return syscall(SYS_write, fd, bytes, length);
}
