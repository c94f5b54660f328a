/* SPDX-License-Identifier: MIT */
/* The files of the cache, which anything may have happened to: an answer is given only if it is there whole.
 * Input: a byte of flags, and the file; also as the name of a file.
 * A flag mends the hashes, since no mutation finds one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/transport.h"
#include "fuzz.h"
#include "io/hash.h"
#include "unit/support/store_kit.h"

enum { IS_MENDED = 1 };

/* As io/entry.h has them. */
enum { AT_HEAD_HASH = 8, AT_BODY_HASH = 16, AT_RESERVED = 42, AT_VALIDATOR = 48 };

static const char key[] = "mly1_public/14/8574/5735";

static void put(uint8_t *to, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void mend(struct bytes *file, size_t n_head)
{
    if (file->size < n_head)
        return;
    put(file->data + AT_BODY_HASH,
        mly_hash_bytes((struct mly_span){.data = file->data + n_head, .size = file->size - n_head}));
    put(file->data + AT_HEAD_HASH,
        mly_hash_bytes((struct mly_span){.data = file->data + AT_BODY_HASH, .size = n_head - AT_BODY_HASH}));
}

/* Behind its end there may be anything. */
static void pad_validator(uint8_t *validator)
{
    const uint8_t *end = memchr(validator, '\0', MLY_LIMIT_VALIDATOR);
    assert_non_null(end);
    memset(validator + (end - validator), 0, (size_t)(MLY_LIMIT_VALIDATOR - (end - validator)));
}

/* What was read, written anew, is what is in the file, but for the bytes that say nothing. */
static void check_whole(const struct mly_entry_name *name, const struct mly_store_about *about, struct mly_span body,
                        struct bytes *file)
{
    uint8_t head[MLY_ENTRY_HEAD];
    const size_t n_head = mly_entry_head_size(name);
    struct mly_entry entry = {.http = about->http,
                              .fetched_ms = about->fetched_ms,
                              .n_bytes = about->n_bytes,
                              .body_hash = mly_hash_bytes(body)};
    assert_true(!about->validator[0] || mly_transport_is_validator(about->validator)); /* it is sent */
    memcpy(entry.validator, about->validator, sizeof entry.validator);
    mly_entry_write_head(name, &entry, head);
    assert_int_equal(file->size, n_head + body.size);
    memset(file->data + AT_RESERVED, 0, AT_VALIDATOR - AT_RESERVED);
    if (!about->validator[0])
        memset(file->data + AT_VALIDATOR, 0, MLY_LIMIT_VALIDATOR);
    else
        pad_validator(file->data + AT_VALIDATOR);
    memcpy(file->data + AT_HEAD_HASH, head + AT_HEAD_HASH, 8); /* covers them */
    assert_memory_equal(file->data, head, n_head);
    if (body.size)
        assert_memory_equal(file->data + n_head, body.data, body.size);
}

static void check_file(struct store_kit *kit, struct bytes *file)
{
    const struct mly_entry_name name = store_kit_name(key);
    const struct scratch at = store_kit_file(kit, key);
    struct mly_store_about about = {.http = 0}, stat = {.http = 0};
    struct mly_buf body;
    mly_buf_init(&body, &kit->mem.mem, MLY_LIMIT_BODY);
    scratch_write(at.path, bytes_view(file));
    const enum mly_status known = mly_store_stat(kit->store, &name, &stat);
    const enum mly_status status = mly_store_get(kit->store, &name, &about, &body);
    assert_true(status == MLY_OK || status == MLY_DONE);
    if (status == MLY_OK) {
        assert_int_equal(known, MLY_OK);
        assert_int_equal(stat.http, about.http);
        check_whole(&name, &about, mly_buf_view(&body), file);
    } else {
        assert_not_stored(kit, key); /* and it is gone, so that it can be written anew */
        assert_false(scratch_exists(at.path));
    }
    mly_buf_fini(&body);
}

/* Files of other names are somebody else's. */
static void check_name(const uint8_t *data, size_t size)
{
    char text[MLY_ENTRY_FILE + 1] = "", printed[MLY_ENTRY_FILE];
    uint64_t number = 0;
    memcpy(text, data, size < sizeof text - 1 ? size : sizeof text - 1);
    if (mly_entry_parse_folder(text, &number)) {
        (void)snprintf(printed, sizeof printed, "%02x", (unsigned)number);
        assert_string_equal(printed, text);
    }
    if (mly_entry_parse_file(text, &number)) {
        mly_entry_print_file(number, printed);
        assert_string_equal(printed, text);
    }
    if (mly_entry_parse_temporary(text, &number)) {
        mly_entry_print_temporary(number, printed);
        assert_string_equal(printed, text);
    }
}

static struct store_kit kit;

static void end(void)
{
    store_kit_end(&kit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    if (!kit.store) {
        store_kit_begin(&kit);
        store_kit_open(&kit);
        (void)atexit(end);
    }
    const struct mly_entry_name name = store_kit_name(key);
    struct bytes file = {.size = 0};
    bytes_append(&file, data + 1, size - 1);
    if (data[0] & IS_MENDED)
        mend(&file, mly_entry_head_size(&name));
    check_file(&kit, &file);
    check_name(data + 1, size - 1);
    bytes_free(&file);
    return 0;
}
