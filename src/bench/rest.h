/*
 * HTTP as far as a measurement needs it: a request out, an answer with a Content-Length in.
 * Blocking unless the socket is not.
 */
#ifndef BENCH_REST_H
#define BENCH_REST_H

#include "bench/target.h"

/* The length of the whole answer at the start of in; 0: more is needed. body: borrowed from in. */
size_t rest_answer(Str in, int *status, Str *body);

/* A header of such an answer, by its name with a colon and a space; empty: it has none. */
Str rest_header(Str answer, const char *name);

/* headers: each with its line end; may be "". body: JSON, or NULL. Ends the program when the server
 * does not take it. */
void rest_ask(int fd, const struct target *target, const char *method, const char *path,
              const char *headers, const char *body);

/* One whole answer to what was asked; both borrowed until the next call. */
Str rest_take(int fd, int *status, Str *body);

/* The string of that name in a JSON text, as it stands there; ends the program: there is none. */
Str rest_field(Str json, const char *name);

#endif
