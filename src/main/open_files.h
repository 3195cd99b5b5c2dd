/*
 * How the open files that this process may have are divided: sockets of the chat API, sockets of
 * the management API, and what the program needs itself.
 */
#ifndef MAIN_OPEN_FILES_H
#define MAIN_OPEN_FILES_H

#include <stddef.h>

#define OPEN_FILES_TOO_FEW "the hard limit of open files (ulimit -Hn) is too low"

struct open_files {
    size_t connections; /* of the chat API */
    size_t management;  /* sockets of the management API */
};

/* Raises the limit of this process as far as it may, and divides it. asked: connections wanted, 0
 * for all that there are; fewer are given where the limit is too low. */
struct open_files open_files_divide(size_t asked);

#endif
