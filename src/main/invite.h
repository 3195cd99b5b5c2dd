/*
 * `whispd invite EMAIL`: prints an invitation to register on the server of the data directory,
 * which may run meanwhile: only its keys are read.
 */
#ifndef MAIN_INVITE_H
#define MAIN_INVITE_H

#include "main/config.h"

/* The exit status. */
int invite_run(const struct config *config, Str email);

#endif
