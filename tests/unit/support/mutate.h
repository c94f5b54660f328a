/* SPDX-License-Identifier: MIT */
/* mutate.h — small damage to bytes: blindly, or to the fields of a message, which are then framed again with lengths
 * that hold, so that the damage is not noticed at the outermost frame already. Owner: the bytes are the caller's.
 * Threads: one. */
#ifndef MLY_TEST_MUTATE_H
#define MLY_TEST_MUTATE_H

#include "bytes.h"
#include "chance.h"

/* One change: a byte flipped, set, put in or taken out; a range repeated, moved or taken out; the end cut off. */
void mutate_bytes(struct bytes *bytes, struct chance *chance);

/* One change to a message's fields, or to the fields of a message in it, at most `depth` levels down. Bytes that are no
 * message are changed blindly. */
void mutate_message(struct bytes *message, struct chance *chance, unsigned depth);

#endif
