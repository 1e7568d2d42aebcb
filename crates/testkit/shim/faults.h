/* Whether a write or a sync fails, and how: the control file's wishes applied to one call. */
#ifndef DISK_SHIM_FAULTS_H
#define DISK_SHIM_FAULTS_H

#include <errno.h>
#include <time.h>

#include "control.h"

/* What a file is to the program that writes it. */
enum kind { KIND_MAIN, KIND_WAL, KIND_INDEX };

static int is_target(enum kind kind) {
    switch (get(C_TARGET)) {
    case 1: return kind == KIND_WAL;
    case 2: return kind == KIND_MAIN;
    default: return 1;
    }
}

/* 0, or the errno with which a write that grows the file by `growth` bytes fails. */
static int write_fault(enum kind kind, uint64_t growth) {
    if (!is_target(kind)) return 0;
    if (countdown_hits(C_WRITE_FAILS_AT)) {
        add(C_WRITE_FAILURES, 1);
        return EIO;
    }
    int full = 0;
    switch (get(C_SPACE)) {
    case 1: full = growth > 0; break;
    case 2: {
        uint64_t left = get(C_SPACE_LEFT);
        while (growth <= left && !atomic_compare_exchange_weak(&control[C_SPACE_LEFT], &left, left - growth)) {}
        full = growth > left;
        break;
    }
    case 3: full = 1; break;
    default: break;
    }
    if (full) add(C_NO_SPACE_HITS, 1);
    return full ? ENOSPC : 0;
}

static void sync_delay(void) {
    uint64_t delay = get(C_SYNC_DELAY_US);
    if (delay == 0) return;
    struct timespec t = {(time_t)(delay / 1000000), (long)(delay % 1000000) * 1000};
    nanosleep(&t, NULL);
}

/* 0, or the errno with which a sync of such a file fails. */
static int sync_fault(enum kind kind) {
    if (!is_target(kind) || !(get(C_SYNC_FAILS) || countdown_hits(C_SYNC_FAILS_AT))) return 0;
    add(C_SYNC_FAILURES, 1);
    return EIO;
}

#endif
