/* SPDX-License-Identifier: MIT */
/* What the other tests stand on: that the encoder writes what the specification says, and that the doubles count. */
#include <string.h>

#include "support/check.h"
#include "support/fail_mem.h"
#include "support/gzip.h"
#include "support/make_tile.h"
#include "support/mutate.h"
#include "support/script_transport.h"

/* ---- bytes ---- */

static void varints_are_written_as_the_specification_says(void **state)
{
    (void)state;
    struct bytes bytes = {.size = 0};

    bytes_varint(&bytes, 0);
    bytes_varint(&bytes, 1);
    bytes_varint(&bytes, 150); /* the example of the protocol buffers' own documentation */
    bytes_varint(&bytes, UINT64_MAX);
    bytes_long_varint(&bytes, 1, 3);

    assert_span(bytes_view(&bytes), "\x00\x01\x96\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x81\x80\x00", 17);
    bytes_free(&bytes);
}

static void fields_are_written_as_the_specification_says(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {3, 270, 86942};
    struct bytes bytes = {.size = 0};

    bytes_put_varint(&bytes, 1, 150);
    bytes_put_text(&bytes, 2, "testing");
    bytes_put_packed(&bytes, 4, numbers, COUNT(numbers)); /* documentation's examples, these three */
    bytes_put_32(&bytes, 5, 0x01020304);
    bytes_put_64(&bytes, 16, 1);

    assert_span(bytes_view(&bytes),
                "\x08\x96\x01"
                "\x12\x07testing"
                "\x22\x06\x03\x8e\x02\x9e\xa7\x05"
                "\x2d\x04\x03\x02\x01"
                "\x81\x01\x01\0\0\0\0\0\0\0",
                3 + 9 + 8 + 5 + 10);
    bytes_free(&bytes);
}

static void zigzag_is_written_as_the_specification_says(void **state)
{
    (void)state;

    assert_int_equal(bytes_zigzag32(0), 0);
    assert_int_equal(bytes_zigzag32(-1), 1);
    assert_int_equal(bytes_zigzag32(1), 2);
    assert_int_equal(bytes_zigzag32(-2), 3);
    assert_int_equal(bytes_zigzag32(INT32_MAX), 4294967294);
    assert_int_equal(bytes_zigzag32(INT32_MIN), 4294967295);
    assert_true(bytes_zigzag64(INT64_MIN) == UINT64_MAX);
}

/* ---- tiles ---- */

/* MVT 2.1, 4.3.1 and 4.3.5.1: the command 9 and the point (25, 17). */
static void a_point_is_written_as_the_specification_says(void **state)
{
    (void)state;
    const struct make_tag tag = {.key = "id", .value = {.encoding = MAKE_INT, .integer = 7}};
    const struct make_feature feature = {.x = 25, .y = 17, .tags = &tag, .n_tags = 1};
    struct bytes tile = {.size = 0};

    make_layer(&tile, &(struct make_layer){.name = "image", .extent = 4096, .features = &feature, .n_features = 1});

    assert_span(bytes_view(&tile),
                "\x1a\x21"
                "\x78\x02"         /* version 2 */
                "\x0a\x05image"    /* name */
                "\x1a\x02id"       /* keys */
                "\x22\x02\x20\x07" /* values: int_value 7 */
                "\x12\x0b"         /* a feature: */
                "\x12\x02\x00\x00" /* tags 0 0 */
                "\x18\x01"         /* POINT */
                "\x22\x03\x09\x32\x22"
                "\x28\x80\x20", /* extent */
                35);
    bytes_free(&tile);
}

static void a_sketch_writes_its_parts_and_nothing_else(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    for (int part = 0; part < MAKE_N_PARTS; part++)
        (void)make_rewrite(&sketch, (enum make_part)part);
    for (int part = 0; part < MAKE_N_FEATURE_PARTS; part++)
        (void)make_rewrite_feature(&sketch, (enum make_feature_part)part);
    bytes_put_varint(&sketch.layer[MAKE_VERSION], LAYER_VERSION, 2);

    struct bytes tile = make_sketched_tile(&sketch);

    assert_span(bytes_view(&tile), "\x1a\x04\x12\x00\x78\x02", 6);
    bytes_free(&tile);
}

static void damage_within_its_frame_keeps_the_frame(void **state)
{
    (void)state;
    struct chance chance = {.state = 40};
    size_t n_changed = 0;
    for (int i = 0; i < 2000; i++) {
        struct bytes message = {.size = 0}, before = {.size = 0};
        bytes_put_text(&message, 1, "some text");
        bytes_put_varint(&message, 2, 300);
        bytes_put_text(&message, 3, "other text");
        bytes_append(&before, message.data, message.size);

        mutate_message(&message, &chance, 0);

        n_changed += message.size != before.size || memcmp(message.data, before.data, before.size) != 0;
        bytes_free(&message);
        bytes_free(&before);
    }
    assert_true(n_changed > 1800); /* chance may set a byte to what it was */
}

/* ---- gzip ---- */

static void stored_gzip_comes_back_and_is_checked(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 200000};
    static unsigned char plain[200000], out[200000];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (unsigned char)(i % 253);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct bytes gzip = gzip_store(plain, sizes[i]);

        assert_true(gzip_unstore(gzip.data, gzip.size, out, sizes[i]));
        assert_memory_equal(out, plain, sizes[i]);
        gzip.data[gzip.size - 5] ^= 1; /* the check sum */
        assert_false(gzip_unstore(gzip.data, gzip.size, out, sizes[i]));

        bytes_free(&gzip);
    }
}

/* As zlib writes it at level 0, but for the byte that names the system. */
static void stored_gzip_is_what_zlib_writes(void **state)
{
    (void)state;
    struct bytes gzip = gzip_store("a tile", 6);

    assert_span(bytes_view(&gzip),
                "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x06\x00\xf9\xff"
                "a tile\x40\x24\x60\xe4\x06\x00\x00\x00",
                29);
    bytes_free(&gzip);
}

/* ---- memory, clock, script ---- */

static void failing_memory_fails_where_it_is_told_to(void **state)
{
    (void)state;
    struct fail_mem mem;
    void *blocks[5];
    fail_mem_init_failing(&mem, 1, 2);

    for (size_t i = 0; i < COUNT(blocks); i++)
        blocks[i] = mem.mem.alloc(mem.mem.ctx, 10);

    assert_non_null(blocks[0]);
    assert_null(blocks[1]);
    assert_null(blocks[2]);
    assert_non_null(blocks[3]);
    assert_int_equal(mem.n_allocs, 5);
    assert_int_equal(mem.n_failed, 2);
    assert_int_equal(mem.n_live, 3);
    assert_int_equal(mem.peak_bytes, 30);
    for (size_t i = 0; i < COUNT(blocks); i++)
        mem.mem.release(mem.mem.ctx, blocks[i]);
    assert_nothing_leaks(&mem);
}

static void new_memory_is_not_zeroed(void **state)
{
    (void)state;
    struct fail_mem mem;
    fail_mem_init(&mem);

    unsigned char *block = mem.mem.alloc(mem.mem.ctx, 100);

    for (size_t i = 0; i < 100; i++)
        assert_int_not_equal(block[i], 0);
    mem.mem.release(mem.mem.ctx, block);
}

static void a_script_answers_in_the_order_of_arrival(void **state)
{
    (void)state;
    static const uint32_t after[] = {30, 10, 20};
    static const char *const keys[] = {"a", "b", "c"};
    static const uint64_t expected[] = {1, 2, 0};
    struct fail_mem mem;
    struct fake_clock clock;
    struct script_transport script;
    struct mly_response response;
    fail_mem_init(&mem);
    fake_clock_init(&clock, 100);
    script_init(&script, &mem.mem, &clock);
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct mly_request request = {.ticket = i, .max_bytes = 10};
        memcpy(request.key, keys[i], 2);
        script_add(&script, (struct script_answer){.key = keys[i], .after_ms = after[i]});
        assert_status(script.base.vtbl->submit(&script.base, &request, NULL), MLY_OK, NULL);
    }

    assert_status(script.base.vtbl->poll(&script.base, 5, &response, NULL), MLY_AGAIN, NULL);
    assert_int_equal(clock.now_ms, 105);
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_status(script.base.vtbl->poll(&script.base, 1000, &response, NULL), MLY_OK, NULL);
        assert_int_equal(response.ticket, expected[i]);
        assert_int_equal(clock.now_ms, 110 + 10 * i);
        mly_transport_fini_response(&response);
    }
    assert_status(script.base.vtbl->poll(&script.base, 1000, &response, NULL), MLY_DONE, NULL);

    assert_script_is_used_up(&script);
    assert_int_equal(script_count(&script, "b"), 1);
    mly_transport_free(&script.base);
    assert_nothing_leaks(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_are_written_as_the_specification_says),
        cmocka_unit_test(fields_are_written_as_the_specification_says),
        cmocka_unit_test(zigzag_is_written_as_the_specification_says),
        cmocka_unit_test(a_point_is_written_as_the_specification_says),
        cmocka_unit_test(a_sketch_writes_its_parts_and_nothing_else),
        cmocka_unit_test(damage_within_its_frame_keeps_the_frame),
        cmocka_unit_test(stored_gzip_comes_back_and_is_checked),
        cmocka_unit_test(stored_gzip_is_what_zlib_writes),
        cmocka_unit_test(failing_memory_fails_where_it_is_told_to),
        cmocka_unit_test(new_memory_is_not_zeroed),
        cmocka_unit_test(a_script_answers_in_the_order_of_arrival),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
