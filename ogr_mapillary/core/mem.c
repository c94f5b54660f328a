/* SPDX-License-Identifier: MIT */
#include "mem.h"

#include <stdlib.h>

static void *take(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void give_back(void *ctx, void *block)
{
    (void)ctx;
    free(block);
}

const struct mly_mem *mly_mem_system(void)
{
    static const struct mly_mem mem = {.alloc = take, .release = give_back, .ctx = NULL};
    return &mem;
}
