/*
 * The writer's care for the write-ahead log and for free pages, between batches.
 *
 * PASSIVE checkpoints copy what they can and wait for nobody. They are enough as long as now and
 * then no reader uses the log, because then the writer starts it anew. When readers overlap without
 * end the log only grows; past a size the writer holds new readers off the log by TRUNCATE, which
 * waits for those at work, but not for long and not often: a stuck reader must not stop the writer.
 *
 * Turned down: SQLite's automatic checkpoints. They run inside a COMMIT that clients wait for, from
 * whichever connection, and never wait for readers, so that the log grows without end under
 * constant writes and reads.
 */
#include "store/db_sqlite.h"

#include "base/clock.h"
#include "base/log.h"

enum {
    PAGE = 4096,
    IDLE_PAGES = 1000,
    BUSY_PAGES = (16 << 20) / PAGE,
    TRUNCATE_PAGES = (64 << 20) / PAGE,
    SETTLED_US = 1000 * 1000, /* without a commit: copy even a short log */
    STUCK_US = 100 * 1000,    /* before another try to empty the log, doubled by each failure */
    STUCK_MAX_US = 1000 * 1000,
    TRUNCATE_WAIT_MS = 100,
    FREE_PAGES = 2048, /* kept for reuse: giving them back only to take them again is waste */
};

/* SQLite calls it after each commit with the pages in the log; a fall means it was begun anew. */
static int committed(void *arg, sqlite3 *sqlite, const char *name, int pages)
{
    struct db *db = arg;
    (void)sqlite;
    (void)name;
    if (pages < db->wal_pages)
        db->wal_copied = db->wal_tried = 0;
    db->wal_pages = pages;
    db->wal_changed_at = clock_mono();
    db->wal_fresh = true;
    db->fence = false;
    return SQLITE_OK;
}

void db_wal_watch(struct db *db)
{
    sqlite3_wal_hook(db->sqlite, committed, db);
    /* What an earlier process left in the log is of unknown size; a first checkpoint tells. */
    db->wal_pages = IDLE_PAGES;
}

static void checkpoint(struct db *db, int mode)
{
    int pages = -1, copied = -1;
    int rc = sqlite3_wal_checkpoint_v2(db->sqlite, "main", mode, &pages, &copied);
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        db_log_error(db, "checkpoint", rc);
    db->wal_pages = pages >= 0 ? pages : db->wal_pages;
    db->wal_copied = copied >= 0 ? copied : db->wal_copied;
    db->wal_tried = db->wal_pages;
    db->wal_tried_at = clock_mono();
}

/* After a failure not again for a while: a reader may be stuck, or just slow on a busy machine. */
static bool truncate_log(struct db *db, int64_t now)
{
    if (db->wal_pages < TRUNCATE_PAGES || now < db->wal_stuck_until)
        return false;
    sqlite3_busy_timeout(db->sqlite, TRUNCATE_WAIT_MS);
    checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE);
    sqlite3_busy_timeout(db->sqlite, DB_BUSY_TIMEOUT_MS);
    if (db->wal_pages == 0) {
        db->wal_pause = 0;
    } else {
        db->wal_pause = db->wal_pause ? 2 * db->wal_pause : STUCK_US;
        db->wal_pause = db->wal_pause < STUCK_MAX_US ? db->wal_pause : STUCK_MAX_US;
        db->wal_stuck_until = clock_mono() + db->wal_pause;
    }
    return true;
}

/* A try that a reader hindered is not repeated before there is more to copy, or a second on. */
static bool copy_log(struct db *db, enum db_moment moment, int64_t now)
{
    int64_t grown = db->wal_pages - db->wal_tried;
    int64_t since = db->wal_tried_at > db->wal_changed_at ? db->wal_tried_at : db->wal_changed_at;
    bool settled = db->wal_copied < db->wal_pages && now - since >= SETTLED_US;
    if (moment == DB_BUSY ? grown < BUSY_PAGES : grown < IDLE_PAGES && !settled)
        return false;
    checkpoint(db, SQLITE_CHECKPOINT_PASSIVE);
    return true;
}

/* A step of 256 pages in a transaction of its own. */
static bool give_back_pages(struct db *db)
{
    int64_t pages = 0;
    if (!db->wal_fresh)
        return false;
    if (db_own(db, OWN_FREE_PAGES, 0, &pages) != SQLITE_OK || pages <= FREE_PAGES) {
        db->wal_fresh = false;
        return false;
    }
    return db_own(db, OWN_VACUUM, 0, NULL) == SQLITE_OK;
}

bool db_maintain(struct db *db, enum db_moment moment)
{
    if (db->role != DB_WRITER || db->begun)
        return false;
    if (db->fence)
        db_fence(db);
    int64_t now = clock_mono();
    return truncate_log(db, now) || copy_log(db, moment, now) ||
           (moment == DB_IDLE && give_back_pages(db));
}
