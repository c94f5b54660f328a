/* SPDX-License-Identifier: MIT */
/* Blocks that wait are cut and put to use without the system; only one that has to grow asks it, and takes along the
 * pages that it has. So few pages are made and cleared anew, which costs more than to decode what they hold. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the system names it so */
#include "io/pages.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* In front of what is handed out. */
struct block {
    alignas(max_align_t) size_t size; /* in pages of its own, with this head; 0: malloc's */
    struct block *next;               /* while it waits */
};

enum { HEAD = (sizeof(struct block) + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t) };

struct mly_pages {
    struct mly_mem mem;
    size_t page, max_bytes;
    pthread_mutex_t mutex; /* guards what follows */
    struct block *kept;    /* released last first */
    size_t kept_bytes, used_bytes;
};

static void *bytes_of(struct block *block)
{
    return (unsigned char *)block + HEAD;
}

static struct block *block_of(void *bytes)
{
    return (void *)((unsigned char *)bytes - HEAD);
}

/* ---- the system ---- */

static struct block *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* It may lie elsewhere afterwards. NULL: this cannot be done, and it stays as it is. */
static struct block *grow(struct block *block, size_t size)
{
#ifdef MREMAP_MAYMOVE
    void *memory = mremap(block, block->size, size, MREMAP_MAYMOVE);
    return memory == MAP_FAILED ? NULL : memory;
#else
    (void)block;
    (void)size;
    return NULL;
#endif
}

static void unmap_all(struct block *blocks)
{
    while (blocks) {
        struct block *next = blocks->next;
        (void)munmap(blocks, blocks->size);
        blocks = next;
    }
}

/* ---- blocks that wait; with the lock closed ---- */

static struct block *take(struct mly_pages *pages, struct block **link)
{
    struct block *block = *link;
    *link = block->next;
    pages->kept_bytes -= block->size;
    return block;
}

/* The smallest one that is large enough, or the largest of all; NULL: there is none. */
static struct block **choose(struct mly_pages *pages, size_t size)
{
    struct block **best = NULL;
    for (struct block **link = &pages->kept; *link; link = &(*link)->next) {
        const size_t there = (*link)->size, best_size = best ? (*best)->size : 0;
        const bool is_better = best_size < size ? there > best_size : there >= size && there < best_size;
        best = is_better ? link : best;
    }
    return best;
}

/* Cuts off what is not needed, if that is a large block itself; it waits in the other one's place. */
static void cut(struct mly_pages *pages, struct block *block, size_t size, struct block **link)
{
    if (block->size < size || block->size - size < MLY_PAGES_LARGE)
        return;
    struct block *rest = (void *)((unsigned char *)block + size);
    *rest = (struct block){.size = block->size - size, .next = *link};
    *link = rest;
    pages->kept_bytes += rest->size;
    block->size = size;
}

static void keep(struct mly_pages *pages, struct block *block)
{
    block->next = pages->kept;
    pages->kept = block;
    pages->kept_bytes += block->size;
}

/* What is too much: the blocks that have waited longest, and a part of the next one. */
static struct block *take_excess(struct mly_pages *pages)
{
    const size_t max_kept = pages->used_bytes < pages->max_bytes ? pages->max_bytes - pages->used_bytes : 0;
    struct block **link = &pages->kept;
    size_t n_before = 0;
    while (*link && (*link)->size <= max_kept - n_before) {
        n_before += (*link)->size;
        link = &(*link)->next;
    }
    if (!*link)
        return NULL;
    const size_t room = (max_kept - n_before) / pages->page * pages->page;
    struct block *excess = *link;
    if (room >= MLY_PAGES_LARGE) {
        struct block *rest = (void *)((unsigned char *)excess + room);
        *rest = (struct block){.size = excess->size - room, .next = excess->next};
        excess->size = room;
        n_before += room;
        link = &excess->next;
        excess = rest;
    }
    *link = NULL;
    pages->kept_bytes = n_before;
    return excess;
}

/* ---- as memory ---- */

/* NULL: none waits. */
static struct block *take_kept(struct mly_pages *pages, size_t size)
{
    struct block *block = NULL;
    (void)pthread_mutex_lock(&pages->mutex);
    struct block **link = choose(pages, size);
    if (link) {
        block = take(pages, link);
        cut(pages, block, size, link);
        pages->used_bytes += block->size;
    }
    (void)pthread_mutex_unlock(&pages->mutex);
    return block;
}

static void count_used(struct mly_pages *pages, size_t more, size_t less)
{
    (void)pthread_mutex_lock(&pages->mutex);
    pages->used_bytes = pages->used_bytes + more - less;
    (void)pthread_mutex_unlock(&pages->mutex);
}

/* Of at least `size` bytes, whole pages. */
static struct block *make(struct mly_pages *pages, size_t size)
{
    struct block *kept = take_kept(pages, size), *block = NULL;
    const size_t kept_size = kept ? kept->size : 0;
    if (kept_size >= size)
        return kept;
    if (kept)
        block = grow(kept, size);
    if (kept && !block)
        (void)munmap(kept, kept_size);
    if (!block)
        block = map(size);
    if (block)
        block->size = size;
    count_used(pages, block ? size : 0, kept_size);
    return block;
}

static void *allocate(void *ctx, size_t n)
{
    struct mly_pages *pages = ctx;
    struct block *block = NULL;
    if (n > SIZE_MAX / 2)
        return NULL;
    if (n >= MLY_PAGES_LARGE)
        block = make(pages, (HEAD + n + pages->page - 1) / pages->page * pages->page);
    else if ((block = malloc(HEAD + n)) != NULL)
        block->size = 0;
    return block ? bytes_of(block) : NULL;
}

static void release(void *ctx, void *bytes)
{
    struct mly_pages *pages = ctx;
    if (!bytes)
        return;
    struct block *block = block_of(bytes);
    if (block->size == 0) {
        free(block);
        return;
    }
    (void)pthread_mutex_lock(&pages->mutex);
    pages->used_bytes -= block->size;
    keep(pages, block);
    struct block *excess = take_excess(pages);
    (void)pthread_mutex_unlock(&pages->mutex);
    unmap_all(excess);
}

enum mly_status mly_pages_new(size_t max_bytes, struct mly_pages **out, struct mly_error *err)
{
    struct mly_pages *pages = malloc(sizeof *pages);
    const long page = sysconf(_SC_PAGESIZE);
    if (!pages || page <= 0 || pthread_mutex_init(&pages->mutex, NULL) != 0) {
        free(pages);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for tiles");
    }
    pages->mem = (struct mly_mem){.alloc = allocate, .release = release, .ctx = pages};
    pages->page = (size_t)page;
    pages->max_bytes = max_bytes;
    pages->kept = NULL;
    pages->kept_bytes = pages->used_bytes = 0;
    *out = pages;
    return MLY_OK;
}

const struct mly_mem *mly_pages_mem(struct mly_pages *pages)
{
    return &pages->mem;
}

size_t mly_pages_kept(struct mly_pages *pages)
{
    (void)pthread_mutex_lock(&pages->mutex);
    const size_t kept = pages->kept_bytes;
    (void)pthread_mutex_unlock(&pages->mutex);
    return kept;
}

void mly_pages_trim(struct mly_pages *pages)
{
    (void)pthread_mutex_lock(&pages->mutex);
    struct block *kept = pages->kept;
    pages->kept = NULL;
    pages->kept_bytes = 0;
    (void)pthread_mutex_unlock(&pages->mutex);
    unmap_all(kept);
}

void mly_pages_before_fork(struct mly_pages *pages)
{
    (void)pthread_mutex_lock(&pages->mutex);
}

void mly_pages_after_fork(struct mly_pages *pages)
{
    (void)pthread_mutex_unlock(&pages->mutex);
}

void mly_pages_free(struct mly_pages *pages)
{
    if (!pages)
        return;
    mly_pages_trim(pages);
    (void)pthread_mutex_destroy(&pages->mutex);
    free(pages);
}
