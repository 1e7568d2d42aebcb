/*
 * A wall clock that stands elsewhere and jumps, for tests: preloaded under the unmodified binary.
 *
 * Owns: what the process is told when it asks for the time of day. The page $CLOCK_SHIM_CONTROL, mapped here
 * and written as a file there (src/shim/clock.rs), says in microseconds how far that is off. The monotonic
 * clock, by which a process waits, is left alone, as it is when somebody sets a machine's clock.
 *
 * Leaves out, on purpose: waits for a time of day, which nobody here makes, and the times of files.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static _Atomic int64_t none;
static _Atomic int64_t *off_by_us = &none;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("CLOCK_SHIM_CONTROL");
    if (!path) return;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        dprintf(2, "clock shim: cannot map %s\n", path);
        abort();
    }
    close(fd);
    off_by_us = at;
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (result != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
    int64_t off = atomic_load_explicit(off_by_us, memory_order_relaxed);
    int64_t ns = time->tv_nsec + off % 1000000 * 1000;
    time->tv_sec += off / 1000000;
    if (ns < 0) time->tv_sec -= 1, ns += 1000000000;
    if (ns >= 1000000000) time->tv_sec += 1, ns -= 1000000000;
    time->tv_nsec = ns;
    return 0;
}

EXPORT int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (time == NULL) return 0;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

EXPORT time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
