/*
 * whispd check-config: what would keep a server with these options from starting, as far as that
 * can be seen without making, locking or binding anything; and the values in force, with those that
 * follow from others or from this machine.
 */
#ifndef MAIN_CHECK_H
#define MAIN_CHECK_H

#include "main/config.h"

/* Prints the options in force, or on standard error what is wrong. Returns the exit status. */
int check_run(const struct config *config);

#endif
