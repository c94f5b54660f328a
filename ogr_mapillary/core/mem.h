/* SPDX-License-Identifier: MIT */
/* mem.h — where memory comes from: an interface, so that tests can make any allocation fail.
 * Owner: whoever allocates releases, through the same object. Threads: as its implementer says. */
#ifndef MLY_MEM_H
#define MLY_MEM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mly_mem {
    void *(*alloc)(void *ctx, size_t size);  /* `size` is not 0; NULL when there is none */
    void (*release)(void *ctx, void *block); /* accepts NULL */
    void *ctx;
};

/* malloc and free; any thread. */
const struct mly_mem *mly_mem_system(void);

#ifdef __cplusplus
}
#endif

#endif
