/* SPDX-License-Identifier: MIT */
/* header.h — a line of an answer's head → what a response keeps of it: how long to wait before the next attempt, and
 * how to ask later whether the answer is still true. Owner: nothing is kept. Threads: a pure function. Source: RFC
 * 9110, 10.2.3 and 13.1. */
#ifndef MLY_HEADER_H
#define MLY_HEADER_H

#include "core/span.h"
#include "core/transport.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `line` as it came, with the bytes that end it or without. Sets `retry_after_ms` or `validator`, or neither: of two
 * validators the entity tag is kept, since it is the sharper one. One that is too long, or odd, is none. */
void mly_header_read(struct mly_span line, struct mly_response *response);

#ifdef __cplusplus
}
#endif

#endif
