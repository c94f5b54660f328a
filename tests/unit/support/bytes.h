/* SPDX-License-Identifier: MIT */
/* bytes.h — growing bytes, and the protocol buffers wire format written by hand: the tests' own encoder, which shares
 * nothing with the decoders that it is read by.
 * Owner: whoever holds the struct; zeroed is empty. Threads: one. */
#ifndef MLY_TEST_BYTES_H
#define MLY_TEST_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "core/span.h"

struct bytes {
    uint8_t *data;
    size_t size, capacity;
};

enum bytes_wire_type { BYTES_VARINT = 0, BYTES_64 = 1, BYTES_LENGTH = 2, BYTES_32 = 5 };

/* Accepts a zeroed struct and leaves one. */
void bytes_free(struct bytes *bytes);

/* Keeps the memory. */
void bytes_clear(struct bytes *bytes);

struct mly_span bytes_view(const struct bytes *bytes);

void bytes_append(struct bytes *bytes, const void *data, size_t n);
void bytes_byte(struct bytes *bytes, uint8_t byte);

/* In as few bytes as it takes, or in `n_bytes` of them (at most 10): the longer spellings mean the same. */
void bytes_varint(struct bytes *bytes, uint64_t value);
void bytes_long_varint(struct bytes *bytes, uint64_t value, unsigned n_bytes);

void bytes_tag(struct bytes *bytes, uint32_t number, enum bytes_wire_type type);

/* Whole fields. */
void bytes_put_varint(struct bytes *bytes, uint32_t number, uint64_t value);
void bytes_put_32(struct bytes *bytes, uint32_t number, uint32_t bits);
void bytes_put_64(struct bytes *bytes, uint32_t number, uint64_t bits);
void bytes_put_data(struct bytes *bytes, uint32_t number, const void *data, size_t n);
void bytes_put_text(struct bytes *bytes, uint32_t number, const char *text);
void bytes_put_packed(struct bytes *bytes, uint32_t number, const uint32_t *values, size_t n);

/* Frees `message`. */
void bytes_put_message(struct bytes *bytes, uint32_t number, struct bytes *message);

uint32_t bytes_zigzag32(int32_t value);
uint64_t bytes_zigzag64(int64_t value);

#endif
