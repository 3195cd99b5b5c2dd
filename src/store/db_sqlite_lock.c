/*
 * One process at a time: flock(2) on the database file itself, so that it does not matter by which
 * path, link or data directory another process comes. SQLite's own locks are of the other kind
 * (fcntl), which flock leaves alone, and a shell or a backup may still open the file. The lock
 * ends with the process, however it ends.
 *
 * fcntl locks of a file are dropped when the process closes any descriptor of it: this one is open
 * before the first connection and until after the last.
 *
 * Turned down: "pragma locking_mode = exclusive", which would keep the readers out too; a lock file
 * beside the database, which a second path to the file does not meet.
 */
#include "store/db_sqlite.h"

#include "base/mem.h"
#include "store/driver.h"
#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

struct db_lock {
    int fd;
    bool empty;
};

Err db_path_of(Str url, char **path, const char **why)
{
    const Str scheme = S("sqlite:");
    if (!str_starts(url, scheme) || url.n <= scheme.n)
        return db_refuse(why, "a store is sqlite:PATH, not \"" STR_FMT "\"", STR_ARG(url));
    Str name = str_skip(url, scheme.n);
    *path = mem_alloc(name.n + 1);
    memcpy(*path, name.p, name.n);
    return ERR_OK;
}

static Err take_lock(struct db_lock *lock, const char *path, const char **why)
{
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock->fd < 0)
        return db_refuse(why, "cannot open %s: %s", path, strerror(errno));
    if (flock(lock->fd, LOCK_EX | LOCK_NB) == 0)
        return ERR_OK;
    if (errno == EWOULDBLOCK)
        return db_refuse(why, "%s is in use by another whispd; stop it, or choose another --store",
                         path);
    return db_refuse(why, "cannot lock %s: %s", path, strerror(errno));
}

/* A connection of its own, which leaves the write-ahead log as it is. */
static Err look_inside(struct db_lock *lock, const char *path, const char **why)
{
    sqlite3 *sqlite = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    Err err = ERR_OK;
    if (sqlite3_open_v2(path, &sqlite, flags, NULL) != SQLITE_OK ||
        sqlite3_db_config(sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) != SQLITE_OK)
        err = db_refuse(why, "cannot open %s: %s", path, sqlite3_errmsg(sqlite));
    if (!err)
        err = schema_empty(sqlite, &lock->empty, why);
    sqlite3_close(sqlite);
    return err;
}

Err db_lock(Str url, struct db_lock **out, const char **why)
{
    *out = NULL;
    char *path = NULL;
    Err err = db_path_of(url, &path, why);
    if (!path)
        return err;
    struct db_lock *lock = mem_alloc(sizeof *lock);
    err = take_lock(lock, path, why);
    if (!err)
        err = look_inside(lock, path, why);
    mem_free(path);
    *out = lock;
    if (err)
        db_unlock(out);
    return err;
}

bool db_lock_empty(const struct db_lock *lock)
{
    return lock->empty;
}

void db_unlock(struct db_lock **at)
{
    struct db_lock *lock = *at;
    *at = NULL;
    if (!lock)
        return;
    if (lock->fd >= 0)
        close(lock->fd);
    mem_free(lock);
}
