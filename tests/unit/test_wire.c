/* SPDX-License-Identifier: MIT */
#include "core/wire.h"

#include <stdlib.h>
#include <string.h>

#include "reference.pb-c.h"
#include "support/bytes.h"
#include "support/chance.h"
#include "support/check.h"

/* ---- varints ---- */

static void a_varint_of_any_length_comes_back(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t near[] = {UINT64_C(1) << bit, (UINT64_C(1) << bit) - 1, ~(UINT64_C(1) << bit)};
        for (size_t i = 0; i < COUNT(near); i++) {
            struct bytes bytes = {.size = 0};
            uint64_t value = 0;
            bytes_varint(&bytes, near[i]);
            struct mly_wire wire = mly_wire_open(bytes_view(&bytes));

            assert_true(mly_wire_varint(&wire, 10, &value));

            assert_true(value == near[i]);
            assert_ptr_equal(wire.at, wire.end);
            bytes_free(&bytes);
        }
    }
}

static void a_varint_that_does_not_end_is_refused(void **state)
{
    (void)state;
    static const uint8_t endless[11] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};
    for (size_t n = 0; n <= sizeof endless; n++) {
        struct mly_wire wire = mly_wire_open((struct mly_span){.data = endless, .size = n});
        uint64_t value = 0;

        assert_false(mly_wire_varint(&wire, 10, &value));
    }
}

static void bits_beyond_the_64th_are_dropped(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7e};
    struct mly_wire wire = mly_wire_open((struct mly_span){.data = bytes, .size = sizeof bytes});
    uint64_t value = 0;

    assert_true(mly_wire_varint(&wire, 10, &value));

    assert_true(value == 1);
}

static void a_varint_that_is_read_at_once_is_the_one_that_is_read_step_by_step(void **state)
{
    (void)state;
    struct chance chance = {.state = 5};
    unsigned long n_read = 0, n_refused = 0;
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[16];
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t)(chance_below(&chance, 256) | (chance_below(&chance, 6) ? 0x80 : 0));
        const size_t n = (size_t)chance_below(&chance, 10), room = (size_t)chance_below(&chance, sizeof bytes + 1);
        struct mly_wire wire = {.at = bytes, .end = bytes + n};
        uint64_t expected = 0, value = 0;
        const bool is_whole = mly_wire_varint(&wire, 10, &expected) && wire.at == wire.end;

        const bool is_read = mly_wire_whole_varint(bytes, n, bytes + room, &value);

        assert_true(is_read == (is_whole && n <= 8 && room >= 8));
        assert_true(!is_read || value == expected);
        n_read += is_read;
        n_refused += !is_read;
    }
    assert_true(n_read > 1000 && n_refused > 1000);
}

static void a_uint32_is_read_as_encoders_write_it(void **state)
{
    (void)state;
    static const uint64_t fits[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX};
    for (size_t i = 0; i < COUNT(fits); i++) {
        struct bytes bytes = {.size = 0};
        uint32_t value = 1;
        bytes_varint(&bytes, fits[i]);
        struct mly_wire wire = mly_wire_open(bytes_view(&bytes));

        assert_true(mly_wire_uint32(&wire, &value));

        assert_int_equal(value, fits[i]);
        bytes_free(&bytes);
    }
}

static void a_uint32_beyond_32_bits_or_five_bytes_is_something_else(void **state)
{
    (void)state;
    struct bytes large = {.size = 0}, padded = {.size = 0};
    uint32_t value = 0;
    bytes_varint(&large, UINT64_C(1) << 32);
    bytes_long_varint(&padded, 1, 6);
    struct mly_wire of_large = mly_wire_open(bytes_view(&large)), of_padded = mly_wire_open(bytes_view(&padded));
    struct mly_wire of_nothing = mly_wire_open((struct mly_span){.data = NULL});

    assert_false(mly_wire_uint32(&of_large, &value));
    assert_false(mly_wire_uint32(&of_padded, &value));
    assert_false(mly_wire_uint32(&of_nothing, &value));

    bytes_free(&large);
    bytes_free(&padded);
}

static void zigzag_turns_small_numbers_of_both_signs_into_small_ones(void **state)
{
    (void)state;
    static const int64_t wide[] = {0, -1, 1, -2, 2, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
    static const int32_t narrow[] = {0, -1, 1, -2, 2, INT32_MIN, INT32_MAX};

    assert_int_equal(mly_wire_zigzag32(0), 0);
    assert_int_equal(mly_wire_zigzag32(1), -1);
    assert_int_equal(mly_wire_zigzag32(2), 1);
    assert_int_equal(mly_wire_zigzag32(UINT32_MAX), INT32_MIN);
    for (size_t i = 0; i < COUNT(narrow); i++)
        assert_int_equal(mly_wire_zigzag32(bytes_zigzag32(narrow[i])), narrow[i]);
    for (size_t i = 0; i < COUNT(wide); i++)
        assert_true(mly_wire_zigzag64(bytes_zigzag64(wide[i])) == wide[i]);
}

/* ---- fields ---- */

static void fields_of_every_type_come_one_after_another(void **state)
{
    (void)state;
    struct bytes bytes = {.size = 0};
    bytes_put_varint(&bytes, 1, 300);
    bytes_put_64(&bytes, 2, 5);
    bytes_put_text(&bytes, 3, "text");
    bytes_put_32(&bytes, 536870911, 7); /* the largest field number */
    struct mly_wire wire = mly_wire_open(bytes_view(&bytes));
    struct mly_wire_field varint = {.number = 0}, fixed64 = varint, text = varint, fixed32 = varint, none = varint;

    assert_int_equal(mly_wire_next(&wire, &varint), MLY_WIRE_FIELD);
    assert_int_equal(mly_wire_next(&wire, &fixed64), MLY_WIRE_FIELD);
    assert_int_equal(mly_wire_next(&wire, &text), MLY_WIRE_FIELD);
    assert_int_equal(mly_wire_next(&wire, &fixed32), MLY_WIRE_FIELD);
    assert_int_equal(mly_wire_next(&wire, &none), MLY_WIRE_END);

    assert_int_equal(varint.number, 1);
    assert_int_equal(varint.type, MLY_WIRE_VARINT);
    assert_span(varint.payload, "\xac\x02", 2);
    assert_span(fixed64.payload, "\5\0\0\0\0\0\0\0", 8);
    assert_int_equal(text.number, 3);
    assert_span(text.payload, "text", 4);
    assert_int_equal(fixed32.number, 536870911);
    assert_span(fixed32.payload, "\7\0\0\0", 4);
    bytes_free(&bytes);
}

static enum mly_wire_step first_step(const void *data, size_t n)
{
    struct mly_wire wire = mly_wire_open((struct mly_span){.data = data, .size = n});
    struct mly_wire_field field;
    return mly_wire_next(&wire, &field);
}

static void no_bytes_are_no_fields(void **state)
{
    (void)state;

    assert_int_equal(first_step(NULL, 0), MLY_WIRE_END);
    assert_int_equal(first_step("", 0), MLY_WIRE_END);
}

static void field_zero_does_not_exist(void **state)
{
    (void)state;

    assert_int_equal(first_step("\x00\x00", 2), MLY_WIRE_BROKEN);
    assert_int_equal(first_step("\x02\x00", 2), MLY_WIRE_BROKEN);
}

static void groups_and_reserved_types_are_refused(void **state)
{
    (void)state;

    assert_int_equal(first_step("\x0b\x0c", 2), MLY_WIRE_BROKEN); /* a group begins and ends */
    assert_int_equal(first_step("\x0c", 1), MLY_WIRE_BROKEN);
    assert_int_equal(first_step("\x0e\x00\x00\x00\x00\x00\x00\x00\x00", 9), MLY_WIRE_BROKEN);
    assert_int_equal(first_step("\x0f\x00\x00\x00\x00\x00\x00\x00\x00", 9), MLY_WIRE_BROKEN);
}

static void a_payload_that_is_cut_is_refused(void **state)
{
    (void)state;

    assert_int_equal(first_step("\x08", 1), MLY_WIRE_BROKEN);               /* a varint without a byte */
    assert_int_equal(first_step("\x08\x80", 2), MLY_WIRE_BROKEN);           /* without its last one */
    assert_int_equal(first_step("\x09\1\2\3\4\5\6\7", 8), MLY_WIRE_BROKEN); /* seven bytes of eight */
    assert_int_equal(first_step("\x0d\1\2\3", 4), MLY_WIRE_BROKEN);
    assert_int_equal(first_step("\x0a", 1), MLY_WIRE_BROKEN);
    assert_int_equal(first_step("\x0a\x05"
                                "abcd",
                                6),
                     MLY_WIRE_BROKEN);
    assert_int_equal(first_step("\x80\x80\x80\x80\x80\x01\x00", 7), MLY_WIRE_BROKEN); /* a tag of six bytes */
}

static void a_length_beyond_2_gibibytes_is_refused_before_anything_is_added_to_it(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {INT32_MAX, UINT64_C(1) << 31, UINT32_MAX, UINT64_C(0x7ffffffff)};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct bytes bytes = {.size = 0};
        bytes_tag(&bytes, 3, BYTES_LENGTH);
        bytes_varint(&bytes, lengths[i]);
        bytes_append(&bytes, "some", 4);

        assert_int_equal(first_step(bytes.data, bytes.size), MLY_WIRE_BROKEN);

        bytes_free(&bytes);
    }
}

/* ---- side by side with protobuf-c ---- */

/* Walks the same bytes as protobuf-c, which knows no field of the message, and so keeps all of them. */
static void assert_same_fields(const uint8_t *data, size_t n)
{
    Reference__Anything *message = reference__anything__unpack(NULL, n, data);
    struct mly_wire wire = mly_wire_open((struct mly_span){.data = data, .size = n});
    struct mly_wire_field field;
    enum mly_wire_step step;
    size_t i = 0;
    while ((step = mly_wire_next(&wire, &field)) == MLY_WIRE_FIELD) {
        if (message) {
            const ProtobufCMessageUnknownField *expected = &message->base.unknown_fields[i];
            assert_true(i < message->base.n_unknown_fields);
            assert_int_equal(field.number, expected->tag);
            assert_int_equal((int)field.type, (int)expected->wire_type);
            assert_true(expected->len >= field.payload.size); /* protobuf-c keeps the length as well */
            assert_memory_equal(wire.at - expected->len, expected->data, expected->len);
        }
        i++;
    }
    assert_int_equal(step == MLY_WIRE_END, message != NULL);
    assert_true(!message || i == message->base.n_unknown_fields);
    reference__anything__free_unpacked(message, NULL);
}

static void random_bytes_are_walked_as_protobuf_c_does(void **state)
{
    (void)state;
    struct chance chance = {.state = 12};
    for (unsigned long round = chance_rounds(100000); round > 0; round--) {
        const size_t n = 1 + chance_below(&chance, 12);
        uint8_t *bytes = malloc(n); /* of exactly this size: a step too far is seen */
        assert_non_null(bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)chance_next(&chance);
        assert_same_fields(bytes, n);
        free(bytes);
    }
}

static void put_random_field(struct bytes *bytes, struct chance *chance)
{
    const uint32_t number = (uint32_t)(chance_next(chance) >> (35 + chance_below(chance, 28)));
    const unsigned type = (unsigned)chance_below(chance, 8);
    const size_t n = chance_below(chance, 20);
    bytes_tag(bytes, number, (enum bytes_wire_type)type);
    if (type == BYTES_VARINT)
        bytes_long_varint(bytes, chance_below(chance, 128), (unsigned)(1 + chance_below(chance, 11)));
    if (type == BYTES_LENGTH)
        bytes_long_varint(bytes, n, (unsigned)(1 + chance_below(chance, 6)));
    for (size_t i = 0; i < (type == BYTES_64 ? 8 : type == BYTES_32 ? 4 : type == BYTES_LENGTH ? n : 0); i++)
        bytes_byte(bytes, (uint8_t)chance_next(chance));
}

static void random_fields_are_walked_as_protobuf_c_does(void **state)
{
    (void)state;
    struct chance chance = {.state = 13};
    for (unsigned long round = chance_rounds(50000); round > 0; round--) {
        struct bytes bytes = {.size = 0};
        for (size_t i = 1 + chance_below(&chance, 4); i > 0; i--)
            put_random_field(&bytes, &chance);
        const size_t n = 1 + chance_below(&chance, bytes.size); /* some are cut */
        uint8_t *exact = malloc(n);
        assert_non_null(exact);
        memcpy(exact, bytes.data, n);
        bytes_free(&bytes);
        assert_same_fields(exact, n);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_varint_of_any_length_comes_back),
        cmocka_unit_test(a_varint_that_does_not_end_is_refused),
        cmocka_unit_test(bits_beyond_the_64th_are_dropped),
        cmocka_unit_test(a_varint_that_is_read_at_once_is_the_one_that_is_read_step_by_step),
        cmocka_unit_test(a_uint32_is_read_as_encoders_write_it),
        cmocka_unit_test(a_uint32_beyond_32_bits_or_five_bytes_is_something_else),
        cmocka_unit_test(zigzag_turns_small_numbers_of_both_signs_into_small_ones),
        cmocka_unit_test(fields_of_every_type_come_one_after_another),
        cmocka_unit_test(no_bytes_are_no_fields),
        cmocka_unit_test(field_zero_does_not_exist),
        cmocka_unit_test(groups_and_reserved_types_are_refused),
        cmocka_unit_test(a_payload_that_is_cut_is_refused),
        cmocka_unit_test(a_length_beyond_2_gibibytes_is_refused_before_anything_is_added_to_it),
        cmocka_unit_test(random_bytes_are_walked_as_protobuf_c_does),
        cmocka_unit_test(random_fields_are_walked_as_protobuf_c_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
