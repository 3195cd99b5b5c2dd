/*
 * Memory. Allocation failure aborts: the product has limits instead of out-of-memory paths, so no
 * caller ever checks for NULL. Knows nothing of who owns what. Any thread.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Owned; zeroed. mem_alloc(0) is a valid pointer. */
void *mem_alloc(size_t size);

/* Owned; not zeroed. Moves and resizes like realloc(3). */
void *mem_resize(void *p, size_t size);

void mem_free(void *p);

/* Gives what is free back to the system: some 50 us when there is little; for idle moments. */
void mem_trim(void);

/* Logs "what" as a broken promise of the program itself and aborts. Stays on in production. */
#define must(cond) ((cond) ? (void)0 : mem_broken(#cond, __FILE__, __LINE__))
_Noreturn void mem_broken(const char *cond, const char *file, int line);

#define countof(a) (sizeof(a) / sizeof(*(a)))

#endif
