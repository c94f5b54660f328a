/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>

enum { FIRST_BLOCK = 16 << 10 }; /* a sparse tile's rows fit; blocks then double */

struct mly_arena_block {
    struct mly_arena_block *next;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

void mly_arena_init(struct mly_arena *arena, const struct mly_mem *mem, size_t limit)
{
    const size_t most = SIZE_MAX / 2; /* so that no sum of sizes wraps */
    *arena = (struct mly_arena){.mem = mem, .limit = limit < most ? limit : most};
}

static void *refuse(struct mly_arena *arena, enum mly_status why)
{
    arena->trouble = why;
    return NULL;
}

static struct mly_arena_block *add_block(struct mly_arena *arena, size_t size)
{
    struct mly_arena_block *block = arena->mem->alloc(arena->mem->ctx, sizeof *block + size);
    if (!block)
        return refuse(arena, MLY_E_NOMEM);
    *block = (struct mly_arena_block){.next = arena->block, .size = size};
    arena->block = block;
    return block;
}

static struct mly_arena_block *grow(struct mly_arena *arena, size_t need)
{
    size_t size = arena->block ? arena->block->size * 2 : FIRST_BLOCK;
    if (size > arena->limit - arena->used) /* never more than the ceiling leaves */
        size = arena->limit - arena->used;
    return add_block(arena, size < need ? need : size);
}

void *mly_arena_alloc(struct mly_arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX - align)
        return refuse(arena, MLY_E_LIMIT);
    const size_t padded = size ? (size + align - 1) / align * align : align;
    if (padded > arena->limit - arena->used)
        return refuse(arena, MLY_E_LIMIT);

    struct mly_arena_block *block = arena->block;
    if (!block || padded > block->size - block->used)
        block = grow(arena, padded);
    if (!block)
        return NULL;

    void *memory = block->bytes + block->used;
    block->used += padded;
    arena->used += padded;
    return memory;
}

void *mly_arena_array(struct mly_arena *arena, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return refuse(arena, MLY_E_LIMIT);
    return mly_arena_alloc(arena, count * size);
}

static void release_from(struct mly_arena *arena, struct mly_arena_block *block)
{
    while (block) {
        struct mly_arena_block *next = block->next;
        arena->mem->release(arena->mem->ctx, block);
        block = next;
    }
}

bool mly_arena_reserve(struct mly_arena *arena, size_t size)
{
    if (arena->used > 0 || size > arena->limit || (arena->block && size <= arena->block->size))
        return true;
    release_from(arena, arena->block); /* of an earlier round, too small */
    arena->block = NULL;
    return add_block(arena, size) != NULL;
}

size_t mly_arena_measure(const struct mly_arena *arena)
{
    size_t size = 0;
    for (const struct mly_arena_block *block = arena->block; block; block = block->next)
        size += sizeof *block + block->size;
    return size;
}

enum mly_status mly_arena_fail(const struct mly_arena *arena, const char *what, struct mly_error *err)
{
    if (arena->trouble == MLY_E_LIMIT)
        return mly_fail(err, MLY_E_LIMIT,
                        "%s needs more memory than its ceiling of %zu bytes; read a smaller area, and report it if "
                        "that does not help",
                        what, arena->limit);
    return mly_fail(err, MLY_E_NOMEM, "%s: out of memory", what);
}

void mly_arena_reset(struct mly_arena *arena)
{
    struct mly_arena_block **link = &arena->block, *largest = NULL;
    for (struct mly_arena_block *block = arena->block; block; block = block->next) {
        if (!largest || block->size > largest->size)
            largest = block;
    }
    while (*link && *link != largest)
        link = &(*link)->next;
    if (largest) {
        *link = largest->next;
        release_from(arena, arena->block);
        *largest = (struct mly_arena_block){.size = largest->size};
    }
    arena->block = largest;
    arena->used = 0;
    arena->trouble = MLY_OK;
}

void mly_arena_fini(struct mly_arena *arena)
{
    release_from(arena, arena->block);
    *arena = (struct mly_arena){0};
}
