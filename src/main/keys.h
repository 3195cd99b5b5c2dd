/*
 * The signing keys in the data directory: DATA/keys, readable by the owner only. Made on the first
 * start, read on every later one.
 */
#ifndef MAIN_KEYS_H
#define MAIN_KEYS_H

#include "base/err.h"
#include "codec/token.h"

/* *out owned. *why says which file and what is wrong with it. */
Err keys_open(const char *data, struct token_keys **out, const char **why) must_check;

#endif
