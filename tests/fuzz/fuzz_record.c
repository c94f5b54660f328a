/* SPDX-License-Identifier: MIT */
/* What is stored of an entity of the Graph: a record is read as it would be written, field by field, and what is no
 * record ends where it stops being one.
 * Input: the record; also as a list of names, and as text with signed addresses. */
#include <string.h>

#include "fuzz.h"
#include "io/record.h"
#include "unit/support/fail_mem.h"

/* Fields read are those that were there: written anew they are the same, but for zeros before a number. */
static void check_fields(struct mly_span record, struct mly_buf *out)
{
    struct mly_span rest = record;
    struct mly_record_field field, found;
    enum mly_status status;
    while ((status = mly_record_next(&rest, &field)) == MLY_OK) {
        assert_true(field.fetched_ms >= 0 && field.expires_ms >= 0 && field.name.size > 0);
        assert_true(field.name.data > record.data && field.json.data + field.json.size < rest.data);
        assert_status(mly_record_find(record, field.name, &found), MLY_OK, NULL); /* the first of that name */
        assert_int_equal(found.name.size, field.name.size);
        assert_status(mly_record_append(out, &field), MLY_OK, NULL);
    }
    assert_true(status == MLY_DONE ? rest.size == 0 : status == MLY_E_CORRUPT);
}

static void check_again(struct mly_span written)
{
    struct fail_mem mem;
    struct mly_buf again;
    struct mly_span rest = written;
    struct mly_record_field field;
    fail_mem_init(&mem);
    mly_buf_init(&again, &mem.mem, 1 << 20);
    while (mly_record_next(&rest, &field) == MLY_OK)
        assert_status(mly_record_append(&again, &field), MLY_OK, NULL);
    assert_int_equal(rest.size, 0);
    assert_span(mly_buf_view(&again), written.data, written.size);
    mly_buf_fini(&again);
    assert_nothing_leaks(&mem);
}

static void check_names(struct mly_span text)
{
    char list[256] = "";
    struct mly_span name;
    const char *at = list;
    memcpy(list, text.data, text.size < sizeof list - 1 ? text.size : sizeof list - 1);
    const char *end = list + strlen(list);
    while (mly_record_next_name(&at, &name)) {
        assert_true(at <= end && name.size > 0);
        assert_null(memchr(name.data, ',', name.size));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fail_mem mem;
    struct mly_buf out;
    const struct mly_span record = {.data = data, .size = size};
    if (size == 0)
        return 0;
    fail_mem_init(&mem);
    mly_buf_init(&out, &mem.mem, 1 << 20);
    check_fields(record, &out);
    check_again(mly_buf_view(&out));
    check_names(record);
    const int64_t expiry = mly_record_expiry(record);
    assert_true(expiry >= 0 && expiry % 1000 == 0);
    mly_buf_fini(&out);
    assert_nothing_leaks(&mem);
    return 0;
}
