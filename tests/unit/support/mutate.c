/* SPDX-License-Identifier: MIT */
#include "mutate.h"

#include <string.h>

#include "check.h"

/* ---- bytes ---- */

/* Replaces `n` bytes at `at` by others. */
static void replace(struct bytes *bytes, size_t at, size_t n, const void *by, size_t n_by)
{
    struct bytes out = {.size = 0};
    bytes_append(&out, bytes->data, at);
    bytes_append(&out, by, n_by);
    bytes_append(&out, bytes->data + at + n, bytes->size - at - n);
    bytes_free(bytes);
    *bytes = out;
}

static uint8_t interesting_byte(struct chance *chance)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0x02, 0x08, 0x09, 0x0a, 0x12, 0x1a, 0x22, 0x28, 0x78, 0x7f, 0x80, 0xff};
    const size_t i = chance_below(chance, COUNT(bytes) + 4);
    return i < COUNT(bytes) ? bytes[i] : (uint8_t)chance_next(chance);
}

static void copy_range(struct bytes *bytes, struct chance *chance)
{
    uint8_t range[64];
    const size_t from = chance_below(chance, bytes->size), left = bytes->size - from;
    const size_t n = 1 + chance_below(chance, left < sizeof range ? left : sizeof range);
    const size_t to = chance_below(chance, bytes->size + 1), after = bytes->size - to;
    memcpy(range, bytes->data + from, n);
    replace(bytes, to, chance_below(chance, 2) ? 0 : n < after ? n : after, range, n);
}

void mutate_bytes(struct bytes *bytes, struct chance *chance)
{
    const uint8_t byte = interesting_byte(chance);
    if (bytes->size == 0) {
        bytes_byte(bytes, byte);
        return;
    }
    const size_t at = chance_below(chance, bytes->size), left = bytes->size - at;
    switch (chance_below(chance, 6)) {
    case 0:
        bytes->data[at] ^= (uint8_t)(1u << chance_below(chance, 8));
        break;
    case 1:
        bytes->data[at] = byte;
        break;
    case 2:
        replace(bytes, at, 0, &byte, 1);
        break;
    case 3:
        replace(bytes, at, 1 + chance_below(chance, left < 8 ? left : 8), NULL, 0);
        break;
    case 4:
        copy_range(bytes, chance);
        break;
    default:
        bytes->size = at;
    }
}

/* ---- messages ---- */

struct field {
    uint32_t number;
    unsigned type;
    size_t start; /* of the tag */
    size_t at, n; /* of the payload, without a length before it */
};

/* A reader of its own, for what the tests' encoder writes. False: the bytes are no message. */
static bool read_varint(const struct bytes *bytes, size_t *at, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; *at < bytes->size && shift < 64; shift += 7) {
        const uint8_t byte = bytes->data[(*at)++];
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool read_field(const struct bytes *bytes, size_t *at, struct field *out)
{
    uint64_t tag = 0, size = 0;
    out->start = *at;
    if (!read_varint(bytes, at, &tag))
        return false;
    out->number = (uint32_t)(tag >> 3);
    out->type = (unsigned)(tag & 7);
    if (out->type == BYTES_LENGTH && !read_varint(bytes, at, &size))
        return false;
    out->at = *at;
    if (out->type == BYTES_VARINT && !read_varint(bytes, at, &size))
        return false;
    const size_t n = out->type == BYTES_VARINT ? *at - out->at
                     : out->type == BYTES_64   ? 8
                     : out->type == BYTES_32   ? 4
                                               : (size_t)size;
    if (out->number == 0 || out->type == 3 || out->type == 4 || out->type > 5 || n > bytes->size - out->at)
        return false;
    out->n = n;
    *at = out->at + n;
    return true;
}

/* A field chosen by chance, in one walk; false when the bytes are no message, or have no field. */
static bool choose_field(const struct bytes *message, struct chance *chance, struct field *out)
{
    size_t n = 0;
    struct field field;
    for (size_t at = 0; at < message->size;) {
        if (!read_field(message, &at, &field))
            return false;
        if (chance_below(chance, ++n) == 0)
            *out = field;
    }
    return n > 0;
}

static void put_field(struct bytes *out, uint32_t number, unsigned type, const struct bytes *payload)
{
    bytes_tag(out, number, (enum bytes_wire_type)type);
    if (type == BYTES_LENGTH)
        bytes_varint(out, payload->size);
    bytes_append(out, payload->data, payload->size);
}

/* Writes what becomes of a field; its payload has been changed or not. */
static void put_changed(struct bytes *out, const struct field *field, const struct bytes *payload,
                        struct chance *chance)
{
    static const uint32_t numbers[] = {1, 2, 3, 4, 5, 6, 7, 15, 16, 100000};
    switch (chance_below(chance, 5)) {
    case 0: /* gone */
        break;
    case 1:
        put_field(out, field->number, field->type, payload);
        put_field(out, field->number, field->type, payload);
        break;
    case 2:
        put_field(out, numbers[chance_below(chance, COUNT(numbers))], field->type, payload);
        break;
    case 3:
        put_field(out, field->number, (unsigned)chance_below(chance, 6), payload);
        break;
    default: { /* an unknown one before it */
        struct bytes unknown = {.size = 0};
        bytes_append(&unknown, "\x05", 1);
        put_field(out, 50, BYTES_VARINT, &unknown);
        bytes_free(&unknown);
        put_field(out, field->number, field->type, payload);
    }
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): at most `depth` levels */
void mutate_message(struct bytes *message, struct chance *chance, unsigned depth)
{
    struct field field = {.number = 0};
    if (!choose_field(message, chance, &field)) {
        mutate_bytes(message, chance);
        return;
    }
    struct bytes payload = {.size = 0}, changed = {.size = 0};
    bytes_append(&payload, message->data + field.at, field.n);
    if (chance_below(chance, 8) == 0) {
        put_changed(&changed, &field, &payload, chance);
    } else {
        if (field.type == BYTES_LENGTH && depth > 0)
            mutate_message(&payload, chance, depth - 1);
        else
            mutate_bytes(&payload, chance);
        put_field(&changed, field.number, field.type, &payload);
    }
    replace(message, field.start, field.at + field.n - field.start, changed.data, changed.size);
    bytes_free(&payload);
    bytes_free(&changed);
}
