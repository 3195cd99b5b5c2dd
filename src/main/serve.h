/* The server's life: from its options to the ready line, and from SIGTERM to the exit status. */
#ifndef MAIN_SERVE_H
#define MAIN_SERVE_H

#include "main/config.h"

/* Returns the exit status. On the main thread, which then only waits for signals. */
int serve_run(const struct config *config);

#endif
