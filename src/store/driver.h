/*
 * What the drivers behind db.h share with each other and with nobody else.
 */
#ifndef STORE_DRIVER_H
#define STORE_DRIVER_H

#include "base/err.h"

/* Sets *why to the sentence, good until this thread's next refusal; returns ERR_INTERNAL. */
Err db_refuse(const char **why, const char *fmt, ...) must_check
    __attribute__((format(printf, 2, 3)));

#endif
