/*
 * The queue of finished log lines and the thread that writes them to standard error. A caller
 * never waits for the reader of the log: while LOG_QUEUE_BYTES are waiting, further lines are
 * dropped and counted, and a line with the count goes out as soon as half of the queue is free. The
 * order of the lines is kept. It knows nothing of what is in a line. Inside log.c only; any thread.
 */
#ifndef BASE_LOG_QUEUE_H
#define BASE_LOG_QUEUE_H

#include "base/str.h"

enum { LOG_LINE_BYTES = 8192, LOG_QUEUE_BYTES = 1 << 20 };

/* Writes the line that says how many were dropped to out and returns its length. */
typedef size_t (*log_dropped_line)(uint64_t dropped, char out[LOG_LINE_BYTES]);

/* Starts the thread, which takes no signals that its creator has blocked. */
void log_queue_start(log_dropped_line dropped_line);

/* A whole line with its '\n'. Before log_queue_start it is written at once. */
void log_queue_add(Str line);

/* Waits until what is queued now is written, or for this long. False when it was not. */
bool log_queue_flush(int64_t ms);

/* Flushes and ends the thread; one that its reader holds up is left behind. */
void log_queue_stop(int64_t ms);

#endif
