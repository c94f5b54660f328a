/* SPDX-License-Identifier: MIT */
/* wire.h — the protocol buffers wire format, one field at a time, on borrowed bytes.
 * Owner: nothing is owned or copied. Threads: values.
 * Accepts and refuses exactly what protobuf-c 1.4 does when it scans a message: the tests hold the two side by side. */
#ifndef MLY_WIRE_H
#define MLY_WIRE_H

#include <limits.h>
#include <stdbool.h>

#include "span.h"

/* Of a function that is one hot loop, which needs all registers for itself. */
#if defined(__GNUC__)
#define MLY_APART __attribute__((noinline))
#else
#define MLY_APART
#endif

enum mly_wire_type { MLY_WIRE_VARINT = 0, MLY_WIRE_64 = 1, MLY_WIRE_BYTES = 2, MLY_WIRE_32 = 5 };

enum mly_wire_step { MLY_WIRE_END, MLY_WIRE_FIELD, MLY_WIRE_BROKEN };

struct mly_wire {
    const uint8_t *at, *end;
};

struct mly_wire_field {
    uint32_t number;
    enum mly_wire_type type;
    const uint8_t *start;    /* of the tag; the field ends where its payload ends */
    struct mly_span payload; /* without the length prefix; of a varint, its bytes */
};

static inline struct mly_wire mly_wire_open(struct mly_span bytes)
{
    static const uint8_t none = 0;
    const uint8_t *data = bytes.data ? bytes.data : &none;
    return (struct mly_wire){.at = data, .end = data + bytes.size};
}

/* A varint of at most `max_bytes` bytes; bits beyond the 64th are dropped. False: it does not end in time. */
static inline bool mly_wire_varint(struct mly_wire *wire, unsigned max_bytes, uint64_t *out)
{
    if (wire->at < wire->end && *wire->at < 0x80) { /* most tags, and most sizes */
        *out = *wire->at++;
        return true;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < max_bytes && wire->at < wire->end; i++) {
        const uint8_t byte = *wire->at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

static inline uint64_t mly_wire_fixed64(const uint8_t *at)
{
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
           (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
}

/* A varint that has just `n` bytes, of up to 56 bits, all at once: eight bytes from `at` on must lie before `end`.
 * False: another one, or no room to look. */
static inline bool mly_wire_whole_varint(const uint8_t *at, size_t n, const uint8_t *end, uint64_t *out)
{
    const uint64_t highs = UINT64_C(0x8080808080808080);
    if (n < 1 || n > 8 || end - at < 8)
        return false;
    const unsigned beyond = 64 - 8 * (unsigned)n;
    uint64_t word = mly_wire_fixed64(at) << beyond >> beyond;
    if ((word & highs) != (highs << beyond >> beyond & ~(UINT64_C(0x80) << (8 * (n - 1)))))
        return false;
    word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
    word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
    *out = (word & UINT64_C(0x000000000fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
    return true;
}

/* A uint32_t as an encoder writes it: at most five bytes, nothing beyond 32 bits. False: something else, or the end. */
static inline bool mly_wire_uint32(struct mly_wire *wire, uint32_t *out)
{
    const uint8_t *at = wire->at;
    uint64_t value = 0;
    if (wire->end - at >= 3) { /* nearly all are below 2^21: keys, values of a tile's dictionary, steps */
        if (at[0] < 0x80) {
            *out = at[0];
            wire->at = at + 1;
            return true;
        }
        if (at[1] < 0x80) {
            *out = (at[0] & 0x7fU) | (uint32_t)at[1] << 7;
            wire->at = at + 2;
            return true;
        }
        if (at[2] < 0x80) {
            *out = (at[0] & 0x7fU) | (at[1] & 0x7fU) << 7 | (uint32_t)at[2] << 14;
            wire->at = at + 3;
            return true;
        }
    }
    if (!mly_wire_varint(wire, 5, &value) || value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

static inline int32_t mly_wire_zigzag32(uint32_t v)
{
    return (int32_t)((v >> 1) ^ (~(v & 1) + 1));
}

static inline int64_t mly_wire_zigzag64(uint64_t v)
{
    return (int64_t)((v >> 1) ^ (~(v & 1) + 1));
}

static inline bool mly_wire_skip(struct mly_wire *wire, size_t n, struct mly_span *out)
{
    if (n > (size_t)(wire->end - wire->at))
        return false;
    *out = (struct mly_span){.data = wire->at, .size = n};
    wire->at += n;
    return true;
}

static inline bool mly_wire_payload(struct mly_wire *wire, unsigned type, struct mly_span *out)
{
    const uint8_t *start = wire->at;
    uint64_t value = 0;
    switch (type) {
    case MLY_WIRE_VARINT:
        if (!mly_wire_varint(wire, 10, &value))
            return false;
        *out = (struct mly_span){.data = start, .size = (size_t)(wire->at - start)};
        return true;
    case MLY_WIRE_64:
        return mly_wire_skip(wire, 8, out);
    case MLY_WIRE_BYTES:
        return mly_wire_varint(wire, 5, &value) && value <= INT_MAX && mly_wire_skip(wire, (size_t)value, out);
    case MLY_WIRE_32:
        return mly_wire_skip(wire, 4, out);
    default: /* groups and the reserved types */
        return false;
    }
}

/* How long the field at `at` is, if it is one of bytes whose tag and size take one byte each: all features of points,
 * and nearly all values, are such. 0: another one, or none. */
static inline size_t mly_wire_short_size(const uint8_t *at, const uint8_t *end)
{
    const size_t left = (size_t)(end - at);
    if (left < 2 || (at[0] & 0x87) != MLY_WIRE_BYTES || at[0] < 8 || at[1] >= 0x80 || at[1] > left - 2)
        return 0;
    return (size_t)at[1] + 2;
}

/* Steps over short fields wait for memory more than for anything else: has what lies ahead fetched. */
static inline void mly_wire_look_ahead(const uint8_t *at, const uint8_t *end)
{
#if defined(__GNUC__)
    enum { AHEAD = 1024 };
    __builtin_prefetch(end - at > AHEAD ? at + AHEAD : at);
#else
    (void)at;
    (void)end;
#endif
}

static inline bool mly_wire_short_bytes(struct mly_wire *wire, struct mly_wire_field *out)
{
    const uint8_t *at = wire->at;
    const size_t size = mly_wire_short_size(at, wire->end);
    if (size == 0)
        return false;
    *out = (struct mly_wire_field){
        .number = at[0] >> 3, .type = MLY_WIRE_BYTES, .start = at, .payload = {.data = at + 2, .size = size - 2}};
    wire->at = at + size;
    return true;
}

static inline enum mly_wire_step mly_wire_next(struct mly_wire *wire, struct mly_wire_field *out)
{
    if (mly_wire_short_bytes(wire, out))
        return MLY_WIRE_FIELD;
    if (wire->at == wire->end)
        return MLY_WIRE_END;
    out->start = wire->at;
    uint64_t tag = 0;
    if ((*wire->at & 0xf8) == 0 || !mly_wire_varint(wire, 5, &tag)) /* field 0 does not exist */
        return MLY_WIRE_BROKEN;
    out->number = (uint32_t)(tag >> 3);
    out->type = (enum mly_wire_type)(tag & 7);
    return mly_wire_payload(wire, (unsigned)(tag & 7), &out->payload) ? MLY_WIRE_FIELD : MLY_WIRE_BROKEN;
}

#endif
