/* SPDX-License-Identifier: MIT */
/* record.h — what is stored of an entity of the Graph: a line for each of its fields, each with its own age, so that
 * answers to different questions add up. Owner: spans are borrowed from the record; nothing is kept. Threads: pure
 * functions.
 *
 * A line is "FETCHED EXPIRES NAME JSON\n": two times in ms since 1970, UTC (0: it does not expire), the field as it was
 * asked for, and the service's answer on one line, nothing if the entity had no such member. */
#ifndef MLY_RECORD_H
#define MLY_RECORD_H

#include <stdbool.h>

#include "core/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_record_field {
    struct mly_span name;
    int64_t fetched_ms, expires_ms;
    struct mly_span json;
};

/* Reads the line that `rest` begins with, and moves `rest` behind it. MLY_DONE: that was the last one. MLY_E_CORRUPT:
 * no record. */
enum mly_status mly_record_next(struct mly_span *rest, struct mly_record_field *out);

/* MLY_DONE: the record has no such field, or is none. */
enum mly_status mly_record_find(struct mly_span record, struct mly_span name, struct mly_record_field *out);

/* Appends a line. MLY_E_ARG: the name or the JSON would break it. MLY_E_NOMEM, MLY_E_LIMIT: the buffer refused. */
enum mly_status mly_record_append(struct mly_buf *record, const struct mly_record_field *field);

/* Takes the next name off a list with commas. False: it is empty. */
bool mly_record_next_name(const char **list, struct mly_span *out);

/* When the first of the signed addresses in this text ends, which carry it as oe=, hexadecimal seconds since 1970
 * (API.md 2.7); 0: there is none. */
int64_t mly_record_expiry(struct mly_span json);

#ifdef __cplusplus
}
#endif

#endif
