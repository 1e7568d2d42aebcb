/*
 * The undo log of one file: what the file held before each change that no sync has made durable yet.
 * Read back by src/shim/power.rs after the process is dead.
 */
#ifndef DISK_SHIM_UNDO_H
#define DISK_SHIM_UNDO_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control.h"

enum { PATH_BYTES = 4000, RECORD_BYTES = 40 };
#define HEADER_BYTES ((uint64_t)4096)
#define LOG_BYTES ((uint64_t)1 << 30) /* sparse; when full, the disk "gets round to" writing back */
#define PUNCH_BYTES ((uint64_t)16 << 20)
#define LOG_MAGIC UINT64_C(0x31304f444e554257) /* "WBUNDO01" */
#define RECORD_MAGIC UINT64_C(0x44524f4345524255)

struct log_header {
    uint64_t magic;
    _Atomic uint64_t span;          /* base << 32 | tail: the records in between are not durable */
    _Atomic uint64_t entry_pending; /* the file was created and never synced since */
    _Atomic uint64_t unlinked;
    char path[PATH_BYTES];
};

struct record {
    uint64_t magic;
    uint64_t offset;
    uint64_t length;   /* bytes about to change, from offset */
    uint64_t old_size; /* of the file */
    uint64_t saved;    /* bytes of old content that follow, from offset */
};

struct file {
    pthread_mutex_t lock; /* held from the record to the end of the real write */
    struct log_header *log;
    uint64_t size;  /* of the file, as this process last saw it */
    uint64_t epoch; /* rises whenever the log is emptied */
    int is_shm, is_wal;
};

_Static_assert(sizeof(struct record) == RECORD_BYTES, "power.rs reads this layout");
_Static_assert(sizeof(struct log_header) <= HEADER_BYTES, "records begin after the header");

static char state_dir[PATH_BYTES];

static int real_openat(int dir, const char *path, int flags, mode_t mode) {
    return (int)syscall(SYS_openat, dir, path, flags, mode);
}

static void die(const char *why, const char *what) {
    dprintf(2, "disk shim: %s: %s (%s)\n", why, what, strerror(errno));
    abort();
}

static struct log_header *map_log(int number, int create) {
    char name[PATH_BYTES + 32];
    snprintf(name, sizeof name, "%s/%03d.undo", state_dir, number);
    int fd = real_openat(AT_FDCWD, name, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
    if (fd < 0) {
        if (!create && errno == ENOENT) return NULL;
        die("cannot open its undo log", name);
    }
    if (syscall(SYS_ftruncate, fd, (off_t)(HEADER_BYTES + LOG_BYTES)) != 0) die("cannot size its undo log", name);
    void *at = mmap(NULL, HEADER_BYTES + LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (at == MAP_FAILED) die("cannot map its undo log", name);
    syscall(SYS_close, fd);
    return at;
}

/* From here on the caller holds the file's lock. */

static uint64_t base_of(uint64_t span) { return span >> 32; }
static uint64_t tail_of(uint64_t span) { return span & UINT32_MAX; }

static void empty_log(struct file *f) {
    uint64_t used = tail_of(atomic_load(&f->log->span));
    f->epoch++;
    atomic_store_explicit(&f->log->span, 0, memory_order_release);
    if (used > PUNCH_BYTES) madvise((char *)f->log + HEADER_BYTES, LOG_BYTES, MADV_REMOVE);
}

/* Writes down what [offset, offset + length) and the file's size are, before they change. */
static void remember(struct file *f, int fd, uint64_t offset, uint64_t length) {
    if (f->is_shm) return;
    uint64_t saved = offset >= f->size ? 0 : f->size - offset;
    if (saved > length) saved = length;
    uint64_t need = (RECORD_BYTES + saved + 7) & ~(uint64_t)7;
    uint64_t span = atomic_load_explicit(&f->log->span, memory_order_relaxed);
    if (tail_of(span) + need > LOG_BYTES) {
        if (need > LOG_BYTES || syscall(SYS_fsync, fd) != 0) die("cannot make room in its undo log", f->log->path);
        add(C_WRITE_BACKS, 1);
        empty_log(f);
        span = 0;
    }
    char *at = (char *)f->log + HEADER_BYTES + tail_of(span);
    for (uint64_t got = 0; got < saved;) {
        ssize_t n = syscall(SYS_pread64, fd, at + RECORD_BYTES + got, (size_t)(saved - got), (off_t)(offset + got));
        if (n < 0 && errno == EBADF) { /* a write-only descriptor */
            int reader = real_openat(AT_FDCWD, f->log->path, O_RDONLY | O_CLOEXEC, 0);
            if (reader < 0) die("cannot read the old content", f->log->path);
            n = syscall(SYS_pread64, reader, at + RECORD_BYTES + got, (size_t)(saved - got), (off_t)(offset + got));
            syscall(SYS_close, reader);
        }
        if (n <= 0) die("cannot read the old content", f->log->path);
        got += (uint64_t)n;
    }
    struct record r = {RECORD_MAGIC, offset, length, f->size, saved};
    memcpy(at, &r, sizeof r);
    add(C_UNDO_BYTES, need);
    atomic_store_explicit(&f->log->span, base_of(span) << 32 | (tail_of(span) + need), memory_order_release);
}

#endif
