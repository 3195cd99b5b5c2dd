/*
 * A SQLite VFS over the default one that knows what a disk would still hold after a power cut. For
 * each file it keeps the bytes as of the last xSync and the writes and truncations since. When the
 * power goes, everything fails; fault_restore then leaves in the real files what was synced and,
 * of the rest, a random part: each sector on its own, in any version, torn at any byte.
 *
 * It does no real fsync. Its own knobs also make syncs fail. One database at a time, one thread.
 */
#ifndef TEST_STORE_FAULT_VFS_H
#define TEST_STORE_FAULT_VFS_H

#include "base/mem.h"
#include "base/str.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FAULT_FILES = 8, FAULT_SECTOR = 512 };

/* A write of n bytes, or, with p NULL, a cut to offset `at`. */
struct fault_change {
    struct fault_change *next;
    sqlite3_int64 at;
    size_t n;
    char *p;
};

struct fault_disk {
    char *path;
    char *safe; /* as of the last sync */
    size_t n, cap;
    struct fault_change *first, **last;
};

struct fault_file {
    sqlite3_file base;
    struct fault_disk *disk; /* NULL: nobody would look for it after a power cut */
    sqlite3_file *real;
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    struct fault_disk disks[FAULT_FILES];
    long cut_after; /* the power goes at this many more writes and syncs; < 0: it does not */
    bool dark;      /* it has gone */
    int fail_syncs; /* so many more syncs fail */
    long syncs;
} fault = {.cut_after = -1};

static inline void fault_apply(struct fault_disk *d, sqlite3_int64 at, const char *p, size_t n)
{
    size_t size = (size_t)at + n;
    if (size > d->cap) {
        d->cap = 2 * size;
        d->safe = mem_resize(d->safe, d->cap);
    }
    if (size > d->n)
        memset(d->safe + d->n, 0, size - d->n);
    if (!p || size > d->n)
        d->n = size;
    if (p && n)
        memcpy(d->safe + at, p, n);
}

static inline void fault_drop(struct fault_disk *d)
{
    for (struct fault_change *c = d->first, *next; c; c = next) {
        next = c->next;
        mem_free(c->p);
        mem_free(c);
    }
    d->first = NULL;
    d->last = &d->first;
}

static inline void fault_change(struct fault_disk *d, sqlite3_int64 at, const void *p, size_t n)
{
    struct fault_change *c = mem_alloc(sizeof *c);
    *c = (struct fault_change){.at = at, .n = n};
    if (p)
        c->p = memcpy(mem_alloc(n), p, n);
    *d->last = c;
    d->last = &c->next;
}

/* Is it dark, or does this very operation meet the cut? */
static inline bool fault_cut(void)
{
    if (fault.cut_after == 0)
        fault.dark = true;
    if (fault.cut_after >= 0)
        fault.cut_after--;
    return fault.dark;
}

static inline sqlite3_file *fault_real(sqlite3_file *f)
{
    return ((struct fault_file *)f)->real;
}

static inline int fault_close(sqlite3_file *f)
{
    sqlite3_file *real = fault_real(f);
    int rc = real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
    sqlite3_free(real);
    return rc;
}

static inline int fault_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return fault_real(f)->pMethods->xRead(fault_real(f), p, n, at);
}

/* A write that meets the cut may still reach the disk in part. */
static inline int fault_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    struct fault_disk *d = ((struct fault_file *)f)->disk;
    bool was_dark = fault.dark, dark = fault_cut();
    if (d && !was_dark)
        fault_change(d, at, p, (size_t)n);
    return dark ? SQLITE_IOERR_WRITE : fault_real(f)->pMethods->xWrite(fault_real(f), p, n, at);
}

static inline int fault_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct fault_disk *d = ((struct fault_file *)f)->disk;
    if (fault_cut())
        return SQLITE_IOERR_TRUNCATE;
    if (d)
        fault_change(d, size, NULL, 0);
    return fault_real(f)->pMethods->xTruncate(fault_real(f), size);
}

static inline int fault_sync(sqlite3_file *f, int flags)
{
    (void)flags;
    struct fault_disk *d = ((struct fault_file *)f)->disk;
    if (fault_cut())
        return SQLITE_IOERR_FSYNC;
    if (fault.fail_syncs > 0) {
        fault.fail_syncs--;
        return SQLITE_IOERR_FSYNC;
    }
    fault.syncs++;
    if (!d)
        return SQLITE_OK;
    for (struct fault_change *c = d->first; c; c = c->next)
        fault_apply(d, c->at, c->p, c->n);
    fault_drop(d);
    return SQLITE_OK;
}

static inline int fault_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return fault_real(f)->pMethods->xFileSize(fault_real(f), size);
}

static inline int fault_lock(sqlite3_file *f, int level)
{
    return fault_real(f)->pMethods->xLock(fault_real(f), level);
}

static inline int fault_unlock(sqlite3_file *f, int level)
{
    return fault_real(f)->pMethods->xUnlock(fault_real(f), level);
}

static inline int fault_reserved(sqlite3_file *f, int *out)
{
    return fault_real(f)->pMethods->xCheckReservedLock(fault_real(f), out);
}

static inline int fault_control(sqlite3_file *f, int op, void *arg)
{
    return fault_real(f)->pMethods->xFileControl(fault_real(f), op, arg);
}

static inline int fault_sector(sqlite3_file *f)
{
    return fault_real(f)->pMethods->xSectorSize(fault_real(f));
}

static inline int fault_device(sqlite3_file *f)
{
    return fault_real(f)->pMethods->xDeviceCharacteristics(fault_real(f));
}

static inline int fault_shm_map(sqlite3_file *f, int page, int size, int extend,
                                void volatile **out)
{
    return fault_real(f)->pMethods->xShmMap(fault_real(f), page, size, extend, out);
}

static inline int fault_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return fault_real(f)->pMethods->xShmLock(fault_real(f), offset, n, flags);
}

static inline void fault_shm_barrier(sqlite3_file *f)
{
    fault_real(f)->pMethods->xShmBarrier(fault_real(f));
}

static inline int fault_shm_unmap(sqlite3_file *f, int remove_it)
{
    return fault_real(f)->pMethods->xShmUnmap(fault_real(f), remove_it);
}

static const sqlite3_io_methods fault_methods = {
    .iVersion = 2, /* no xFetch: what is mapped would be written behind our back */
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_reserved,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector,
    .xDeviceCharacteristics = fault_device,
    .xShmMap = fault_shm_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_shm_barrier,
    .xShmUnmap = fault_shm_unmap,
};

/* What the file holds when it is first met counts as synced. */
static inline struct fault_disk *fault_disk(const char *path)
{
    struct fault_disk *d = fault.disks;
    while (d < fault.disks + FAULT_FILES && d->path && strcmp(d->path, path))
        d++;
    must(d < fault.disks + FAULT_FILES);
    if (d->path)
        return d;
    *d = (struct fault_disk){.path = strdup(path), .last = &d->first};
    FILE *file = fopen(path, "rb");
    char bytes[65536];
    for (size_t n; file && (n = fread(bytes, 1, sizeof bytes, file)) > 0;)
        fault_apply(d, (sqlite3_int64)d->n, bytes, n);
    if (file)
        must(fclose(file) == 0);
    return d;
}

static inline int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
                             int *out)
{
    (void)vfs;
    struct fault_file *file = (struct fault_file *)f;
    *file = (struct fault_file){.real = sqlite3_malloc(fault.real->szOsFile)};
    must(file->real);
    if (name && !(flags & SQLITE_OPEN_DELETEONCLOSE))
        file->disk = fault_disk(name);
    int rc = fault.real->xOpen(fault.real, name, file->real, flags, out);
    if (rc == SQLITE_OK)
        file->base.pMethods = &fault_methods;
    else
        sqlite3_free(file->real);
    return rc;
}

static inline int fault_delete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
    (void)vfs;
    (void)sync_directory;
    if (fault_cut())
        return SQLITE_IOERR_DELETE;
    struct fault_disk *d = fault_disk(name);
    fault_drop(d);
    d->n = 0;
    return fault.real->xDelete(fault.real, name, 0);
}

static inline void fault_install(void)
{
    fault.real = sqlite3_vfs_find("unix");
    must(fault.real);
    fault.vfs = *fault.real;
    fault.vfs.pNext = NULL;
    fault.vfs.zName = "fault";
    fault.vfs.szOsFile = sizeof(struct fault_file);
    fault.vfs.xOpen = fault_open;
    fault.vfs.xDelete = fault_delete;
    fault.cut_after = -1;
    fault.dark = false;
    fault.fail_syncs = 0;
    must(sqlite3_vfs_register(&fault.vfs, 1) == SQLITE_OK);
}

/* Back to the default VFS; forgets all files. Every connection must be closed. */
static inline void fault_uninstall(void)
{
    must(sqlite3_vfs_unregister(&fault.vfs) == SQLITE_OK);
    must(sqlite3_vfs_register(fault.real, 1) == SQLITE_OK);
    for (struct fault_disk *d = fault.disks; d < fault.disks + FAULT_FILES; d++) {
        if (d->path)
            fault_drop(d);
        free(d->path);
        mem_free(d->safe);
        *d = (struct fault_disk){0};
    }
}

/* xorshift: the same sequence from the same seed, everywhere. */
static inline uint32_t fault_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 32);
}

/* One unsynced change: each sector arrives with a chance of `percent`, one in 16 of those torn. */
static inline void fault_arrive(struct fault_disk *d, const struct fault_change *c,
                                unsigned percent, uint64_t *seed)
{
    if (!c->p) {
        if (fault_random(seed) % 100 < percent)
            fault_apply(d, c->at, NULL, 0);
        return;
    }
    for (size_t i = 0, n; i < c->n; i += n) {
        n = FAULT_SECTOR - ((size_t)c->at + i) % FAULT_SECTOR;
        n = n < c->n - i ? n : c->n - i;
        if (fault_random(seed) % 100 >= percent)
            continue;
        bool torn = percent < 100 && fault_random(seed) % 16 == 0;
        fault_apply(d, c->at + (sqlite3_int64)i, c->p + i, torn ? fault_random(seed) % n : n);
    }
}

/*
 * After the connections were closed in the dark: leaves in the real files what the disk holds.
 * percent: the chance of an unsynced sector to have arrived; 0 none, 100 all.
 */
static inline void fault_restore(unsigned percent, uint64_t *seed)
{
    for (struct fault_disk *d = fault.disks; d < fault.disks + FAULT_FILES && d->path; d++) {
        for (struct fault_change *c = d->first; c; c = c->next)
            fault_arrive(d, c, percent, seed);
        FILE *file = fopen(d->path, "wb");
        must(file && fwrite(d->safe ? d->safe : "", 1, d->n, file) == d->n && fclose(file) == 0);
    }
}

#endif
