/* SPDX-License-Identifier: MIT */
/* store_kit.h — a store in a folder of its own, with a clock that stands still and ears for what it has to say.
 * Owner: the test, on its stack; must not move. Threads: one. */
#ifndef MLY_TEST_STORE_KIT_H
#define MLY_TEST_STORE_KIT_H

#include "fail_mem.h"
#include "io/store.h"
#include "scratch.h"

struct store_kit {
    struct scratch scratch, folder; /* the folder is the store's, and is made by it */
    struct fail_mem mem;
    int64_t now_ms;
    struct mly_store_options options; /* of the next opening; 64 MiB and a day unless the test says otherwise */
    struct mly_store *store;
    size_t n_notes;
    char note[MLY_ERROR_TEXT];
};

/* Opens nothing yet. */
void store_kit_begin(struct store_kit *kit);

/* A store that is open is closed before. */
void store_kit_open(struct store_kit *kit);
void store_kit_close(struct store_kit *kit);

/* Takes all away; nothing may have leaked. */
void store_kit_end(struct store_kit *kit);

/* The name of `key` at the one service that most tests know, and its file. */
struct mly_entry_name store_kit_name(const char *key);
struct scratch store_kit_file(const struct store_kit *kit, const char *key);

void store_kit_put(struct store_kit *kit, const char *key, int http, struct mly_span body);

/* The whole answer is there. */
#define assert_stored(kit, key, http, body) store_kit_check(kit, key, http, body, __FILE__, __LINE__)
void store_kit_check(struct store_kit *kit, const char *key, int http, struct mly_span body, const char *file,
                     int line);

#define assert_not_stored(kit, key) store_kit_check_missing(kit, key, __FILE__, __LINE__)
void store_kit_check_missing(struct store_kit *kit, const char *key, const char *file, int line);

/* `n` bytes that begin like a tile, different for each `seed`; the caller frees them. */
struct bytes store_kit_body(uint64_t seed, size_t n);

/* Whether the bytes are such a body, whole; any seed. */
bool store_kit_is_body(struct mly_span body, uint64_t *seed);

#endif
