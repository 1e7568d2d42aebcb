/*
 * A disk that can lose power, fill up and fail, for tests: preloaded under the unmodified binary.
 *
 * Owns: everything the process writes to files below $DISK_SHIM_DIR. Two things happen there.
 *
 * 1. Power loss. kill -9 alone proves nothing about durability, because the page cache outlives the
 *    process. So before a tracked file changes, what it held there is copied into an undo log
 *    ($DISK_SHIM_STATE/NNN.undo, one per file), and a successful fsync or fdatasync of the file
 *    declares everything before it durable. After the kill the harness reads the logs and takes back
 *    what was never synced (src/shim/power.rs).
 *    Invariant: a record is complete in the log before the file changes, and the log's base moves
 *    only after the real sync has returned 0. Both are one 64-bit store, so a SIGKILL between any
 *    two instructions leaves a log that means something: at worst a change is undone that never
 *    happened (a no-op), or one is lost whose sync nobody was told about (allowed).
 *
 * 2. Faults, by a control file ($DISK_SHIM_CONTROL) that the test writes while the process runs:
 *    no space, I/O errors on write and on sync, slow syncs; and counters that it reads back.
 *
 * Leaves out, on purpose: stores through mmap (SQLite maps only its -shm, which is rebuilt after a
 * crash and gets faults but no undo), stdio, io_uring. A file's own sync makes its directory entry
 * durable, as ext4, XFS and Btrfs do; a rename or an unlink is durable at once.
 *
 * Real calls go through syscall(2), not dlsym: an allocator that opens files while it starts up
 * would otherwise find us half initialised.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "control.h"
#include "faults.h"
#include "undo.h"

#define EXPORT __attribute__((visibility("default")))

enum { MAX_FDS = 1 << 20, MAX_FILES = 1024 };

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[MAX_FILES];
static int file_count;
static _Atomic int16_t fd_file[MAX_FDS]; /* 1 + index into files; negative for a descriptor in append mode */
static char root[PATH_BYTES];
static size_t root_length;
static int ready;
/* --- the table of files ------------------------------------------------------------------------ */

static int ends_with(const char *s, const char *tail) {
    size_t n = strlen(s), m = strlen(tail);
    return n >= m && strcmp(s + n - m, tail) == 0;
}

static void name_file(struct file *f, const char *path) {
    snprintf(f->log->path, sizeof f->log->path, "%s", path);
    f->is_shm = ends_with(path, "-shm");
    f->is_wal = ends_with(path, "-wal");
}

static enum kind kind_of(const struct file *f) { return f->is_wal ? KIND_WAL : f->is_shm ? KIND_INDEX : KIND_MAIN; }

static struct file *find(const char *path) {
    for (int i = 0; i < file_count; i++)
        if (!atomic_load(&files[i].log->unlinked) && strcmp(files[i].log->path, path) == 0) return &files[i];
    return NULL;
}

static struct file *find_or_add(const char *path, int created) {
    struct file *f = find(path);
    if (f) return f;
    if (file_count == MAX_FILES) die("too many files", path);
    f = &files[file_count];
    pthread_mutex_init(&f->lock, NULL);
    f->log = map_log(file_count, 1);
    name_file(f, path);
    atomic_store(&f->log->entry_pending, (uint64_t)created);
    f->log->magic = LOG_MAGIC;
    file_count++;
    return f;
}

static struct file *file_of(int fd) {
    if (!ready || fd < 0 || fd >= MAX_FDS) return NULL;
    int n = atomic_load_explicit(&fd_file[fd], memory_order_acquire);
    return n == 0 ? NULL : &files[(n < 0 ? -n : n) - 1];
}

static int appends(int fd) { return atomic_load_explicit(&fd_file[fd], memory_order_relaxed) < 0; }

/* The absolute path if it lies below the root, else 0. Paths are compared as given: the harness hands
   out a canonical root, and SQLite canonicalises what it opens. */
static int tracked_path(int dir, const char *path, char *out) {
    if (!ready || path == NULL) return 0;
    if (path[0] == '/') {
        if (strlen(path) >= PATH_BYTES) return 0;
        strcpy(out, path);
    } else {
        char base[PATH_BYTES];
        if (dir == AT_FDCWD) {
            if (getcwd(base, sizeof base) == NULL) return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
            ssize_t n = readlink(link, base, sizeof base - 1);
            if (n < 0) return 0;
            base[n] = 0;
        }
        if (strncmp(path, "./", 2) == 0) path += 2;
        if ((size_t)snprintf(out, PATH_BYTES, "%s/%s", base, path) >= PATH_BYTES) return 0;
    }
    return strncmp(out, root, root_length) == 0 && out[root_length] == '/';
}

__attribute__((constructor)) static void start(void) {
    const char *dir = getenv("DISK_SHIM_DIR"), *state = getenv("DISK_SHIM_STATE");
    const char *control_path = getenv("DISK_SHIM_CONTROL");
    if (!dir || !state || strlen(dir) >= PATH_BYTES || strlen(state) >= PATH_BYTES) return;
    strcpy(root, dir);
    strcpy(state_dir, state);
    root_length = strlen(root);
    if (control_path) {
        int fd = real_openat(AT_FDCWD, control_path, O_RDWR | O_CLOEXEC, 0);
        if (fd < 0) die("cannot open its control file", control_path);
        void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED) die("cannot map its control file", control_path);
        syscall(SYS_close, fd);
        control = at;
        if (get(C_MAGIC) != CONTROL_MAGIC) die("not a control file", control_path);
    }
    /* Logs of an earlier process that was killed without a power loss go on: what it did not sync is
       still not synced. */
    while (file_count < MAX_FILES && (files[file_count].log = map_log(file_count, 0)) != NULL) {
        struct file *f = &files[file_count++];
        pthread_mutex_init(&f->lock, NULL);
        f->is_shm = ends_with(f->log->path, "-shm");
        f->is_wal = ends_with(f->log->path, "-wal");
        struct stat st;
        f->size = stat(f->log->path, &st) == 0 ? (uint64_t)st.st_size : 0;
    }
    ready = 1;
}

/* --- what the program calls ---------------------------------------------------------------------- */

/* `offset` < 0: where the descriptor stands. */
static ssize_t tracked_write(struct file *f, int fd, const void *bytes, size_t length, off_t offset) {
    pthread_mutex_lock(&f->lock);
    int positioned = offset >= 0;
    uint64_t at = positioned ? (uint64_t)offset : appends(fd) ? f->size : (uint64_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
    uint64_t growth = at + length > f->size ? at + length - f->size : 0;
    int error = write_fault(kind_of(f), growth);
    ssize_t n = -1;
    if (error == 0) {
        add(C_WRITES, 1);
        remember(f, fd, at, length);
        n = positioned ? syscall(SYS_pwrite64, fd, bytes, length, offset) : syscall(SYS_write, fd, bytes, length);
        error = errno;
        if (n > 0 && at + (uint64_t)n > f->size) f->size = at + (uint64_t)n;
    }
    pthread_mutex_unlock(&f->lock);
    if (n < 0) errno = error;
    return n;
}

static ssize_t tracked_writev(struct file *f, int fd, const struct iovec *parts, int count, off_t offset) {
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_len == 0) continue;
        ssize_t n = tracked_write(f, fd, parts[i].iov_base, parts[i].iov_len, offset < 0 ? -1 : offset + total);
        if (n < 0) return total > 0 ? total : -1;
        total += n;
        if ((size_t)n < parts[i].iov_len) break;
    }
    return total;
}

static int tracked_truncate(struct file *f, int fd, off_t size) {
    pthread_mutex_lock(&f->lock);
    uint64_t to = (uint64_t)size;
    int error = to > f->size ? write_fault(kind_of(f), to - f->size) : 0;
    int result = -1;
    if (error == 0) {
        if (to < f->size) remember(f, fd, to, f->size - to);
        if (to > f->size) remember(f, fd, f->size, to - f->size);
        result = (int)syscall(SYS_ftruncate, fd, size);
        error = errno;
        if (result == 0) f->size = to;
    }
    pthread_mutex_unlock(&f->lock);
    if (result != 0) errno = error;
    return result;
}

static int tracked_sync(struct file *f, int fd, long call) {
    pthread_mutex_lock(&f->lock);
    uint64_t tail = tail_of(atomic_load(&f->log->span)), epoch = f->epoch;
    pthread_mutex_unlock(&f->lock);
    add(C_SYNCS, 1);
    sync_delay();
    int error = sync_fault(kind_of(f));
    if (error != 0) {
        errno = error;
        return -1;
    }
    if (!get(C_SYNC_PRETEND) && syscall(call, fd) != 0) return -1;
    pthread_mutex_lock(&f->lock);
    atomic_store(&f->log->entry_pending, 0);
    if (f->epoch == epoch) { /* else the log was emptied meanwhile: all of this is durable already */
        uint64_t span = atomic_load(&f->log->span);
        if (tail_of(span) == tail) empty_log(f);
        else if (base_of(span) < tail) atomic_store_explicit(&f->log->span, tail << 32 | tail_of(span), memory_order_release);
    }
    pthread_mutex_unlock(&f->lock);
    return 0;
}

static int tracked_open(int dir, const char *path, const char *absolute, int flags, mode_t mode) {
    struct stat st;
    int created = (flags & O_CREAT) && stat(absolute, &st) != 0;
    int truncates = (flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY;
    int fd = real_openat(dir, path, truncates ? flags & ~O_TRUNC : flags, mode);
    if (fd < 0 || fd >= MAX_FDS) return fd;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return fd;
    pthread_mutex_lock(&table_lock);
    struct file *f = find_or_add(absolute, created);
    int16_t number = (int16_t)(f - files + 1);
    pthread_mutex_unlock(&table_lock);
    pthread_mutex_lock(&f->lock); /* nobody writes while the size is looked up */
    if (fstat(fd, &st) == 0) f->size = (uint64_t)st.st_size;
    pthread_mutex_unlock(&f->lock);
    atomic_store_explicit(&fd_file[fd], (flags & O_APPEND) ? (int16_t)-number : number, memory_order_release);
    if (truncates && st.st_size > 0 && tracked_truncate(f, fd, 0) != 0) {
        int error = errno;
        atomic_store(&fd_file[fd], 0);
        syscall(SYS_close, fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int any_open(int dir, const char *path, int flags, mode_t mode) {
    char absolute[PATH_BYTES];
    if (tracked_path(dir, path, absolute)) return tracked_open(dir, path, absolute, flags, mode);
    return real_openat(dir, path, flags, mode);
}

static void forget(const char *absolute) {
    pthread_mutex_lock(&table_lock);
    struct file *f = find(absolute);
    if (f) {
        pthread_mutex_lock(&f->lock);
        atomic_store(&f->log->unlinked, 1);
        empty_log(f);
        pthread_mutex_unlock(&f->lock);
    }
    pthread_mutex_unlock(&table_lock);
}

#define MODE_FROM(flags, mode)                                 \
    mode_t mode = 0;                                           \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                   \
        va_list rest;                                          \
        va_start(rest, flags);                                 \
        mode = (mode_t)va_arg(rest, int);                      \
        va_end(rest);                                          \
    }

EXPORT int open(const char *path, int flags, ...) { MODE_FROM(flags, mode) return any_open(AT_FDCWD, path, flags, mode); }
EXPORT int open64(const char *path, int flags, ...) { MODE_FROM(flags, mode) return any_open(AT_FDCWD, path, flags, mode); }
EXPORT int openat(int dir, const char *path, int flags, ...) { MODE_FROM(flags, mode) return any_open(dir, path, flags, mode); }
EXPORT int openat64(int dir, const char *path, int flags, ...) { MODE_FROM(flags, mode) return any_open(dir, path, flags, mode); }
EXPORT int __open_2(const char *path, int flags) { return any_open(AT_FDCWD, path, flags, 0); }
EXPORT int __open64_2(const char *path, int flags) { return any_open(AT_FDCWD, path, flags, 0); }
EXPORT int creat(const char *path, mode_t mode) { return any_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
EXPORT int creat64(const char *path, mode_t mode) { return any_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

EXPORT int close(int fd) {
    if (fd >= 0 && fd < MAX_FDS) atomic_store_explicit(&fd_file[fd], 0, memory_order_release);
    return (int)syscall(SYS_close, fd);
}

EXPORT ssize_t write(int fd, const void *bytes, size_t length) {
    struct file *f = file_of(fd);
    return f ? tracked_write(f, fd, bytes, length, -1) : syscall(SYS_write, fd, bytes, length);
}
EXPORT ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    struct file *f = file_of(fd);
    return f ? tracked_write(f, fd, bytes, length, offset) : syscall(SYS_pwrite64, fd, bytes, length, offset);
}
EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return pwrite(fd, bytes, length, offset); }
EXPORT ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct file *f = file_of(fd);
    return f ? tracked_writev(f, fd, parts, count, -1) : syscall(SYS_writev, fd, parts, count);
}
EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    struct file *f = file_of(fd);
    return f ? tracked_writev(f, fd, parts, count, offset) : syscall(SYS_pwritev, fd, parts, count, offset, (off_t)0);
}
EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) { return pwritev(fd, parts, count, offset); }

EXPORT int ftruncate(int fd, off_t size) {
    struct file *f = file_of(fd);
    return f ? tracked_truncate(f, fd, size) : (int)syscall(SYS_ftruncate, fd, size);
}
EXPORT int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

/* Of fallocate only plain growth is tracked; hole punching in a tracked file is refused, since the
   undo log does not know it. */
EXPORT int fallocate(int fd, int mode, off_t offset, off_t length) {
    struct file *f = file_of(fd);
    if (!f) return (int)syscall(SYS_fallocate, fd, mode, offset, length);
    if (mode != 0) { errno = EOPNOTSUPP; return -1; }
    return (uint64_t)(offset + length) > f->size ? tracked_truncate(f, fd, offset + length) : 0;
}
EXPORT int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return fallocate(fd, mode, offset, length); }
EXPORT int posix_fallocate(int fd, off_t offset, off_t length) { return fallocate(fd, 0, offset, length) == 0 ? 0 : errno; }
EXPORT int posix_fallocate64(int fd, off64_t offset, off64_t length) { return posix_fallocate(fd, offset, length); }

EXPORT int fsync(int fd) {
    struct file *f = file_of(fd);
    return f ? tracked_sync(f, fd, SYS_fsync) : (int)syscall(SYS_fsync, fd);
}
EXPORT int fdatasync(int fd) {
    struct file *f = file_of(fd);
    return f ? tracked_sync(f, fd, SYS_fdatasync) : (int)syscall(SYS_fdatasync, fd);
}

EXPORT int unlinkat(int dir, const char *path, int flags) {
    char absolute[PATH_BYTES];
    int tracked = !(flags & AT_REMOVEDIR) && tracked_path(dir, path, absolute);
    int result = (int)syscall(SYS_unlinkat, dir, path, flags);
    if (result == 0 && tracked) forget(absolute);
    return result;
}
EXPORT int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

EXPORT int rename(const char *from, const char *to) {
    char absolute_from[PATH_BYTES], absolute_to[PATH_BYTES];
    int tracked = tracked_path(AT_FDCWD, from, absolute_from) && tracked_path(AT_FDCWD, to, absolute_to);
    int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (result == 0 && tracked) {
        forget(absolute_to);
        pthread_mutex_lock(&table_lock);
        struct file *f = find(absolute_from);
        if (f) name_file(f, absolute_to);
        pthread_mutex_unlock(&table_lock);
    }
    return result;
}
