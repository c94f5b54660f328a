/* SPDX-License-Identifier: MIT */
#include "fail_mem.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { FRESH = 0xa5, STALE = 0x5a }; /* whoever reads what he did not write, or has given back, sees these */

static const uint64_t mark = UINT64_C(0x6d6c795f626c6f63);

/* Stands before the bytes that the code under test sees. */
struct block {
    uint64_t mark;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

static void *take(void *ctx, size_t size)
{
    struct fail_mem *mem = ctx;
    const size_t number = mem->n_allocs++;
    assert_true(size > 0); /* core/mem.h promises this to its implementers */
    if (number >= mem->first_failure && number - mem->first_failure < mem->n_failures) {
        mem->n_failed++;
        return NULL;
    }
    assert_true(size <= SIZE_MAX - sizeof(struct block));
    struct block *block = malloc(sizeof *block + size);
    if (!block)
        return NULL;
    block->mark = mark;
    block->size = size;
    memset(block->bytes, FRESH, size);
    mem->n_live++;
    mem->live_bytes += size;
    if (mem->live_bytes > mem->peak_bytes)
        mem->peak_bytes = mem->live_bytes;
    return block->bytes;
}

static void give_back(void *ctx, void *bytes)
{
    struct fail_mem *mem = ctx;
    if (!bytes)
        return;
    struct block *block = (void *)((unsigned char *)bytes - offsetof(struct block, bytes));
    assert_true(block->mark == mark); /* it came from here, and comes back for the first time */
    assert_true(mem->n_live > 0);
    mem->n_live--;
    mem->live_bytes -= block->size;
    block->mark = 0;
    memset(block->bytes, STALE, block->size);
    free(block);
}

void fail_mem_init(struct fail_mem *mem)
{
    fail_mem_init_failing(mem, SIZE_MAX, 0);
}

void fail_mem_init_failing(struct fail_mem *mem, size_t first, size_t n)
{
    *mem = (struct fail_mem){
        .mem = {.alloc = take, .release = give_back, .ctx = mem},
        .first_failure = first,
        .n_failures = n,
    };
}

void fail_mem_check(const struct fail_mem *mem, const char *file, int line)
{
    if (mem->n_live == 0)
        return;
    print_error("%zu blocks of %zu bytes were not given back\n", mem->n_live, mem->live_bytes);
    _fail(file, line);
}
