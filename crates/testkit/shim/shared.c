/*
 * A disk that fills up and fails under many processes at once, for tests: preloaded under a database server
 * that forks.
 *
 * Owns: the faults of what any of them writes to files below $DISK_SHIM_DIR, by the control file
 * ($DISK_SHIM_CONTROL), which all of them have mapped. Nothing is remembered of a file: what it is and how
 * long is asked of the kernel at each call, and only while a fault is armed. What lies in a folder pg_wal is
 * a write-ahead log; pg_dynshmem is memory that happens to be a file, so it is not on the disk.
 *
 * Leaves out, on purpose: power loss (see disk.c, which keeps books, for one process), stdio, mmap.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "control.h"
#include "faults.h"

#define EXPORT __attribute__((visibility("default")))

enum { PATH_BYTES = 4096 };

static char root[PATH_BYTES];
static size_t root_length;

static void die(const char *why, const char *what) {
    dprintf(2, "disk shim: %s: %s\n", why, what);
    abort();
}

__attribute__((constructor)) static void start(void) {
    const char *dir = getenv("DISK_SHIM_DIR"), *control_path = getenv("DISK_SHIM_CONTROL");
    if (!dir || !control_path) return;
    if (strlen(dir) >= PATH_BYTES) die("its path is too long", dir);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, control_path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) die("cannot open its control file", control_path);
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) die("cannot map its control file", control_path);
    syscall(SYS_close, fd);
    control = at;
    if (get(C_MAGIC) != CONTROL_MAGIC) die("not a control file", control_path);
    strcpy(root, dir);
    root_length = strlen(root);
}

/* Whether the descriptor is a file of this disk, and which kind of file. */
static int on_disk(int fd, enum kind *kind) {
    char link[64], path[PATH_BYTES];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    if (root_length == 0 || strncmp(path, root, root_length) != 0 || path[root_length] != '/') return 0;
    if (strstr(path + root_length, "/pg_dynshmem/")) return 0;
    *kind = strstr(path + root_length, "/pg_wal/") ? KIND_WAL : KIND_MAIN;
    return 1;
}

/* 0, or the errno with which a write of so many bytes fails; `at` < 0: where the descriptor stands. */
static int write_error(int fd, uint64_t length, off_t at) {
    if (!get(C_SPACE) && !get(C_WRITE_FAILS_AT)) return 0;
    int before = errno, error = 0;
    enum kind kind;
    struct stat st;
    if (length > 0 && on_disk(fd, &kind) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        uint64_t size = (uint64_t)st.st_size;
        if (at < 0) at = fcntl(fd, F_GETFL) & O_APPEND ? st.st_size : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
        uint64_t end = (uint64_t)at + length;
        error = write_fault(kind, end > size ? end - size : 0);
    }
    errno = before;
    return error;
}

static uint64_t sum(const struct iovec *parts, int count) {
    uint64_t length = 0;
    for (int i = 0; i < count; i++) length += parts[i].iov_len;
    return length;
}

#define REFUSE(error)      \
    do {                   \
        int e = (error);   \
        if (e != 0) {      \
            errno = e;     \
            return -1;     \
        }                  \
    } while (0)

EXPORT ssize_t write(int fd, const void *bytes, size_t length) {
    REFUSE(write_error(fd, length, -1));
    return syscall(SYS_write, fd, bytes, length);
}
EXPORT ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    REFUSE(write_error(fd, length, offset));
    return syscall(SYS_pwrite64, fd, bytes, length, offset);
}
EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return pwrite(fd, bytes, length, offset); }
EXPORT ssize_t writev(int fd, const struct iovec *parts, int count) {
    REFUSE(write_error(fd, sum(parts, count), -1));
    return syscall(SYS_writev, fd, parts, count);
}
EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    REFUSE(write_error(fd, sum(parts, count), offset));
    return syscall(SYS_pwritev, fd, parts, count, offset, (off_t)0);
}
EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) { return pwritev(fd, parts, count, offset); }

/* Makes room at the end of a file, if there is any. */
static int grow_error(int fd, off_t size) {
    struct stat st;
    if (fstat(fd, &st) != 0 || size <= st.st_size) return 0;
    return write_error(fd, (uint64_t)(size - st.st_size), st.st_size);
}

EXPORT int ftruncate(int fd, off_t size) {
    REFUSE(grow_error(fd, size));
    return (int)syscall(SYS_ftruncate, fd, size);
}
EXPORT int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }
EXPORT int fallocate(int fd, int mode, off_t offset, off_t length) {
    if (mode == 0) REFUSE(grow_error(fd, offset + length));
    return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}
EXPORT int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return fallocate(fd, mode, offset, length); }
EXPORT int posix_fallocate(int fd, off_t offset, off_t length) { return fallocate(fd, 0, offset, length) == 0 ? 0 : errno; }
EXPORT int posix_fallocate64(int fd, off64_t offset, off64_t length) { return posix_fallocate(fd, offset, length); }

static int sync_error(int fd) {
    enum kind kind;
    if ((!get(C_SYNC_FAILS) && !get(C_SYNC_FAILS_AT) && !get(C_SYNC_DELAY_US)) || !on_disk(fd, &kind)) return 0;
    sync_delay();
    return sync_fault(kind);
}

EXPORT int fsync(int fd) {
    REFUSE(sync_error(fd));
    return (int)syscall(SYS_fsync, fd);
}
EXPORT int fdatasync(int fd) {
    REFUSE(sync_error(fd));
    return (int)syscall(SYS_fdatasync, fd);
}
