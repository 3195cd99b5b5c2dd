/*
 * A ring of bytes under a lock that is never held over a system call. The thread copies whole lines
 * out of the ring, up to WRITE_BYTES, and writes them with one write(2). An empty ring begins at
 * its start again, so that a quiet server touches one page of it.
 *
 * What cannot be written (a log file on a full disk, a pipe whose reader is gone) is counted as
 * dropped. That count is told after the next write that succeeds: told at once it would fail too.
 *
 * Turned down: O_NONBLOCK on standard error, which other processes may share.
 */
#include "base/log_queue.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum queue_state {
    QUEUE_DIRECT, /* before the start, and after an end in good order */
    QUEUE_RUNNING,
    QUEUE_LEFT, /* ended while its thread was held up: nothing is written any more */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t filled;  /* for the thread: there is something, or it is not to wait for more */
    pthread_cond_t written; /* for those who flush */
    pthread_t thread;
    enum queue_state state;
    bool ending;
    bool asleep; /* the thread waits for a first line */
    int hurried; /* by how many who flush: the thread does not wait for more lines */
    bool full;   /* from the first line that did not fit until half is free again */
    uint64_t dropped;
    uint64_t added, done; /* bytes since the start */
    size_t at, n;         /* in the ring */
    log_dropped_line dropped_line;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER};

enum {
    WRITE_BYTES = 64 * 1024,
    GATHER_MS = 5, /* for more lines after the first: one write, and one waking, for all of them */
};

static char ring[LOG_QUEUE_BYTES];
static _Atomic bool mid_line; /* the last write failed inside a line */

/* All of it, or false; a descriptor that someone made non-blocking is waited for. */
static bool write_all(const char *p, size_t n)
{
    if (mid_line)
        mid_line = write(STDERR_FILENO, "\n", 1) != 1;
    for (const char *begin = p; n;) {
        ssize_t wrote = write(STDERR_FILENO, p, n);
        if (wrote < 0 && errno == EAGAIN) {
            struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
            (void)poll(&out, 1, -1);
        } else if (wrote < 0 && errno != EINTR) {
            mid_line = mid_line || (p > begin && p[-1] != '\n');
            return false;
        }
        p += wrote > 0 ? wrote : 0;
        n -= wrote > 0 ? (size_t)wrote : 0;
    }
    return true;
}

static uint64_t count_lines(const char *p, size_t n)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += p[i] == '\n';
    return lines;
}

/* ----- with the lock held ----- */

static void push(const char *p, size_t n)
{
    size_t to = (queue.at + queue.n) % sizeof ring;
    size_t first = n < sizeof ring - to ? n : sizeof ring - to;
    memcpy(ring + to, p, first);
    memcpy(ring, p + first, n - first);
    queue.n += n;
    queue.added += n;
    if (queue.asleep || queue.n >= WRITE_BYTES)
        pthread_cond_signal(&queue.filled);
}

static void tell_dropped(void)
{
    char line[LOG_LINE_BYTES];
    queue.full = false;
    if (!queue.dropped)
        return;
    size_t n = queue.dropped_line(queue.dropped, line);
    queue.dropped = 0;
    push(line, n);
}

/* Whole lines from the front of the ring. */
static size_t copy_lines(char out[WRITE_BYTES])
{
    size_t n = queue.n < WRITE_BYTES ? queue.n : WRITE_BYTES;
    size_t first = n < sizeof ring - queue.at ? n : sizeof ring - queue.at;
    memcpy(out, ring + queue.at, first);
    memcpy(out + first, ring, n - first);
    while (out[n - 1] != '\n')
        n--;
    return n;
}

static void finish_write(const char *lines, size_t n, bool ok)
{
    if (!ok)
        queue.dropped += count_lines(lines, n);
    queue.at = (queue.at + n) % sizeof ring;
    queue.n -= n;
    queue.done += n;
    if (!queue.n)
        queue.at = 0;
    if (queue.n <= sizeof ring / 2) {
        if (ok)
            tell_dropped();
        queue.full = false;
    }
    pthread_cond_broadcast(&queue.written);
}

static void gather_lines(void)
{
    queue.asleep = true;
    while (!queue.n && !queue.ending)
        pthread_cond_wait(&queue.filled, &queue.lock);
    queue.asleep = false;
    struct timespec until = clock_mono_in(GATHER_MS);
    for (int late = 0; !late && queue.n < WRITE_BYTES && !queue.hurried && !queue.ending;)
        late = pthread_cond_timedwait(&queue.filled, &queue.lock, &until);
}

static void *write_lines(void *arg)
{
    static char lines[WRITE_BYTES];
    (void)arg;
    pthread_mutex_lock(&queue.lock);
    for (;;) {
        gather_lines();
        if (!queue.n)
            break;
        size_t n = copy_lines(lines);
        pthread_mutex_unlock(&queue.lock);
        bool ok = write_all(lines, n);
        pthread_mutex_lock(&queue.lock);
        finish_write(lines, n, ok);
        if (queue.state == QUEUE_LEFT)
            break;
    }
    pthread_mutex_unlock(&queue.lock);
    return NULL;
}

/* ----- for callers ----- */

void log_queue_start(log_dropped_line dropped_line)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&queue.filled, &attr);
    pthread_cond_init(&queue.written, &attr);
    pthread_condattr_destroy(&attr);
    queue.dropped_line = dropped_line;
    queue.ending = false;
    if (pthread_create(&queue.thread, NULL, write_lines, NULL) == 0)
        queue.state = QUEUE_RUNNING;
}

void log_queue_add(Str line)
{
    pthread_mutex_lock(&queue.lock);
    enum queue_state state = queue.state;
    if (state == QUEUE_RUNNING) {
        queue.full = queue.full || line.n > sizeof ring - LOG_LINE_BYTES - queue.n;
        if (queue.full)
            queue.dropped++;
        else
            push(line.p, line.n);
    }
    pthread_mutex_unlock(&queue.lock);
    if (state == QUEUE_DIRECT && !write_all(line.p, line.n)) {
        /* Nowhere is left to say it. */
    }
}

bool log_queue_flush(int64_t ms)
{
    int late = 0;
    if (queue.state != QUEUE_RUNNING)
        return queue.state == QUEUE_DIRECT;
    if (pthread_equal(pthread_self(), queue.thread))
        return false;
    struct timespec until = clock_mono_in(ms);
    pthread_mutex_lock(&queue.lock);
    uint64_t added = queue.added;
    queue.hurried++;
    pthread_cond_signal(&queue.filled);
    while (queue.done < added && !late)
        late = pthread_cond_timedwait(&queue.written, &queue.lock, &until);
    queue.hurried--;
    bool flushed = queue.done >= added;
    pthread_mutex_unlock(&queue.lock);
    return flushed;
}

void log_queue_stop(int64_t ms)
{
    if (queue.state != QUEUE_RUNNING)
        return;
    bool flushed = log_queue_flush(ms);
    pthread_mutex_lock(&queue.lock);
    queue.ending = true;
    queue.state = flushed ? QUEUE_DIRECT : QUEUE_LEFT;
    pthread_cond_signal(&queue.filled);
    pthread_mutex_unlock(&queue.lock);
    if (flushed)
        pthread_join(queue.thread, NULL);
    else
        pthread_detach(queue.thread);
}
