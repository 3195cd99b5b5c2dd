/*
 * `whispd bench SCENARIO [options]`: puts a load on a server, checks every delivery, and prints
 * what it took. Without a target it starts a server of its own on a temporary data directory.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

/* argv: what follows "bench". The program's exit status: 0; 1 when a check failed; 2. */
int bench_run(int argc, char **argv);

#endif
