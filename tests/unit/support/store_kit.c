/* SPDX-License-Identifier: MIT */
#include "store_kit.h"

#include <stdio.h>
#include <string.h>

#include "chance.h"

enum { BODY_HEAD = 9 }; /* the first byte of a tile, then the seed */

static int64_t now_ms(void *ctx)
{
    const struct store_kit *kit = ctx;
    return kit->now_ms;
}

static void listen(void *ctx, const char *text)
{
    struct store_kit *kit = ctx;
    kit->n_notes++;
    (void)snprintf(kit->note, sizeof kit->note, "%s", text);
}

void store_kit_begin(struct store_kit *kit)
{
    *kit = (struct store_kit){.now_ms = INT64_C(1700000000000)};
    fail_mem_init(&kit->mem);
    scratch_make(&kit->scratch);
    kit->folder = scratch_at(kit->scratch.path, "cache");
    kit->options = (struct mly_store_options){
        .mem = &kit->mem.mem,
        .folder = kit->folder.path,
        .max_bytes = 64 << 20,
        .ttl_s = 86400,
        .now_ms = now_ms,
        .now_ctx = kit,
        .note = listen,
        .note_ctx = kit,
    };
}

void store_kit_open(struct store_kit *kit)
{
    struct mly_error err = {.code = MLY_OK};
    store_kit_close(kit);
    assert_status(mly_store_open(&kit->options, &kit->store, &err), MLY_OK, &err);
}

void store_kit_close(struct store_kit *kit)
{
    mly_store_close(kit->store);
    kit->store = NULL;
}

void store_kit_end(struct store_kit *kit)
{
    store_kit_close(kit);
    scratch_remove(&kit->scratch);
    assert_nothing_leaks(&kit->mem);
}

struct mly_entry_name store_kit_name(const char *key)
{
    return (struct mly_entry_name){.scope = "https://tiles.example", .key = key};
}

struct scratch store_kit_file(const struct store_kit *kit, const char *key)
{
    const struct mly_entry_name name = store_kit_name(key);
    const uint64_t hash = mly_entry_hash(&name);
    char folder[MLY_ENTRY_FOLDER], file[MLY_ENTRY_FILE];
    mly_entry_print_folder(hash, folder);
    mly_entry_print_file(hash, file);
    const struct scratch parent = scratch_at(kit->folder.path, folder);
    return scratch_at(parent.path, file);
}

void store_kit_put(struct store_kit *kit, const char *key, int http, struct mly_span body)
{
    const struct mly_entry_name name = store_kit_name(key);
    assert_status(mly_store_put(kit->store, &name, http, body), MLY_OK, NULL);
}

void store_kit_check(struct store_kit *kit, const char *key, int http, struct mly_span body, const char *file, int line)
{
    const struct mly_entry_name name = store_kit_name(key);
    struct mly_store_about about = {.http = 0};
    struct mly_buf read;
    mly_buf_init(&read, &kit->mem.mem, MLY_LIMIT_BODY);
    check_status(mly_store_get(kit->store, &name, &about, &read), MLY_OK, NULL, file, line);
    check_span(mly_buf_view(&read), body.data, body.size, file, line);
    _assert_int_equal((LargestIntegralType)about.http, (LargestIntegralType)http, file, line);
    _assert_int_equal(about.n_bytes, body.size, file, line);
    mly_buf_fini(&read);
}

void store_kit_check_missing(struct store_kit *kit, const char *key, const char *file, int line)
{
    const struct mly_entry_name name = store_kit_name(key);
    struct mly_store_about about;
    struct mly_buf read;
    mly_buf_init(&read, &kit->mem.mem, MLY_LIMIT_BODY);
    check_status(mly_store_get(kit->store, &name, &about, &read), MLY_DONE, NULL, file, line);
    check_status(mly_store_stat(kit->store, &name, &about), MLY_DONE, NULL, file, line);
    _assert_int_equal(read.size, 0, file, line);
}

static uint8_t byte_at(uint64_t seed, size_t i)
{
    const uint64_t mixed = (seed + i / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint8_t)(mixed >> (8 * (i % 8)));
}

struct bytes store_kit_body(uint64_t seed, size_t n)
{
    struct bytes body = {.data = NULL};
    assert_true(n >= BODY_HEAD);
    bytes_byte(&body, 0x1a);
    for (size_t i = 0; i < 8; i++)
        bytes_byte(&body, (uint8_t)(seed >> (8 * i)));
    while (body.size < n)
        bytes_byte(&body, byte_at(seed, body.size));
    return body;
}

bool store_kit_is_body(struct mly_span body, uint64_t *seed)
{
    if (body.size < BODY_HEAD || body.data[0] != 0x1a)
        return false;
    *seed = 0;
    for (size_t i = 0; i < 8; i++)
        *seed |= (uint64_t)body.data[1 + i] << (8 * i);
    for (size_t i = BODY_HEAD; i < body.size; i++) {
        if (body.data[i] != byte_at(*seed, i))
            return false;
    }
    return true;
}
