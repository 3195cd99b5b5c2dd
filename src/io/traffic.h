/*
 * What the kernel has counted on a TCP socket. It knows nothing of struct tcp: the kernel's header
 * for this and the C library's, which libuv includes, cannot be in one file.
 */
#ifndef IO_TRAFFIC_H
#define IO_TRAFFIC_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes received and sent since the socket was accepted, what was sent again not counted. False,
 * with neither set, when the kernel does not say (before 4.19). */
bool traffic_read(int fd, uint64_t *in, uint64_t *out) must_check;

#endif
