/*
 * The control file: what the test tells the disk to do, and what the disk counts. One page of 64-bit
 * words, mapped here and read and written as a file there (src/shim/control.rs), so both sides see
 * each other at once.
 */
#ifndef DISK_SHIM_CONTROL_H
#define DISK_SHIM_CONTROL_H

#include <stdatomic.h>
#include <stdint.h>

#define CONTROL_MAGIC UINT64_C(0x313054434b534944) /* "DISKCT01" */

/* The same words, in the same order, as src/shim/control.rs. */
enum {
    C_MAGIC,
    C_TARGET,          /* which files the faults hit: 0 all, 1 write-ahead logs, 2 neither those nor their index */
    C_SPACE,           /* 0 enough, 1 no growth, 2 growth until C_SPACE_LEFT is used, 3 no write at all */
    C_SPACE_LEFT,      /* bytes */
    C_WRITE_FAILS_AT,  /* n: the n-th write from now fails once with EIO; 0 off */
    C_SYNC_FAILS,      /* 1: every sync fails with EIO */
    C_SYNC_FAILS_AT,   /* n: the n-th sync from now fails once with EIO; 0 off */
    C_SYNC_DELAY_US,   /* every sync takes this much longer */
    C_SYNC_PRETEND,    /* 1: syncs are recorded, not made: the page cache outlives the process anyway */
    C_WRITES,          /* counters from here on */
    C_SYNCS,
    C_NO_SPACE_HITS,
    C_WRITE_FAILURES,
    C_SYNC_FAILURES,
    C_UNDO_BYTES,
    C_WRITE_BACKS,     /* times an undo log was full and the file was synced behind the program's back */
    C_WORDS
};

static _Atomic uint64_t no_control[C_WORDS];
static _Atomic uint64_t *control = no_control;

static uint64_t add(int word, uint64_t n) { return atomic_fetch_add_explicit(&control[word], n, memory_order_relaxed); }
static uint64_t get(int word) { return atomic_load_explicit(&control[word], memory_order_relaxed); }

/* Counts down a "the n-th from now" word; true for exactly one caller, the n-th. */
static int countdown_hits(int word) {
    uint64_t n = get(word);
    while (n > 0)
        if (atomic_compare_exchange_weak(&control[word], &n, n - 1)) return n == 1;
    return 0;
}

#endif
