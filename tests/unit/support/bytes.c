/* SPDX-License-Identifier: MIT */
#include "bytes.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){.size = 0};
}

void bytes_clear(struct bytes *bytes)
{
    bytes->size = 0;
}

struct mly_span bytes_view(const struct bytes *bytes)
{
    return (struct mly_span){.data = bytes->data, .size = bytes->size};
}

void bytes_append(struct bytes *bytes, const void *data, size_t n)
{
    if (n == 0)
        return;
    if (n > bytes->capacity - bytes->size) {
        const size_t capacity = 2 * bytes->capacity + n;
        uint8_t *grown = realloc(bytes->data, capacity);
        assert_non_null(grown);
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    memcpy(bytes->data + bytes->size, data, n);
    bytes->size += n;
}

void bytes_byte(struct bytes *bytes, uint8_t byte)
{
    bytes_append(bytes, &byte, 1);
}

void bytes_varint(struct bytes *bytes, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        bytes_byte(bytes, (uint8_t)(value | 0x80));
    bytes_byte(bytes, (uint8_t)value);
}

void bytes_long_varint(struct bytes *bytes, uint64_t value, unsigned n_bytes)
{
    for (unsigned i = 1; i < n_bytes; i++, value >>= 7)
        bytes_byte(bytes, (uint8_t)(value | 0x80));
    assert_true(value < 0x80); /* it fits */
    bytes_byte(bytes, (uint8_t)value);
}

void bytes_tag(struct bytes *bytes, uint32_t number, enum bytes_wire_type type)
{
    bytes_varint(bytes, (uint64_t)number << 3 | (uint64_t)type);
}

void bytes_put_varint(struct bytes *bytes, uint32_t number, uint64_t value)
{
    bytes_tag(bytes, number, BYTES_VARINT);
    bytes_varint(bytes, value);
}

static void put_little_endian(struct bytes *bytes, uint64_t bits, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        bytes_byte(bytes, (uint8_t)(bits >> (8 * i)));
}

void bytes_put_32(struct bytes *bytes, uint32_t number, uint32_t bits)
{
    bytes_tag(bytes, number, BYTES_32);
    put_little_endian(bytes, bits, 4);
}

void bytes_put_64(struct bytes *bytes, uint32_t number, uint64_t bits)
{
    bytes_tag(bytes, number, BYTES_64);
    put_little_endian(bytes, bits, 8);
}

void bytes_put_data(struct bytes *bytes, uint32_t number, const void *data, size_t n)
{
    bytes_tag(bytes, number, BYTES_LENGTH);
    bytes_varint(bytes, n);
    bytes_append(bytes, data, n);
}

void bytes_put_text(struct bytes *bytes, uint32_t number, const char *text)
{
    bytes_put_data(bytes, number, text, strlen(text));
}

void bytes_put_packed(struct bytes *bytes, uint32_t number, const uint32_t *values, size_t n)
{
    struct bytes packed = {.size = 0};
    for (size_t i = 0; i < n; i++)
        bytes_varint(&packed, values[i]);
    bytes_put_message(bytes, number, &packed);
}

void bytes_put_message(struct bytes *bytes, uint32_t number, struct bytes *message)
{
    bytes_put_data(bytes, number, message->data, message->size);
    bytes_free(message);
}

uint32_t bytes_zigzag32(int32_t value)
{
    return (uint32_t)bytes_zigzag64(value);
}

uint64_t bytes_zigzag64(int64_t value)
{
    return value < 0 ? 2 * (uint64_t) - (value + 1) + 1 : 2 * (uint64_t)value;
}
