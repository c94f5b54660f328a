/* SPDX-License-Identifier: MIT */
/* sequences.h — a plan of sequence tiles → sequences, as a machine without I/O: it wants, is fed, and gives.
 * First the plan's tiles are read; then, if the plan says so, what leaves them is followed from border to border; then
 * rows are given, in the order in which sequences first appeared.
 * Owner: whoever called _new; the plan is borrowed. Threads: one machine, one thread at a time. */
#ifndef MLY_SEQUENCES_H
#define MLY_SEQUENCES_H

#include "tiles.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_sequences;

enum mly_status mly_sequences_new(const struct mly_plan *plan, const struct mly_tiles_options *options,
                                  struct mly_sequences **out, struct mly_error *err);

/* As mly_tiles_want, _feed and _take. */
enum mly_status mly_sequences_want(struct mly_sequences *sequences, struct mly_request *out, struct mly_error *err);
enum mly_status mly_sequences_feed(struct mly_sequences *sequences, struct mly_response *response,
                                   struct mly_error *err);
enum mly_status mly_sequences_take(struct mly_sequences *sequences, struct mly_row *out, struct mly_error *err);

/* The row with this id, if it has been or will be given: MLY_OK; else MLY_DONE. Only once _take has given a row or
 * answered MLY_DONE, and not for pieces (MLY_STITCH_NO). The row is valid until the next call. */
enum mly_status mly_sequences_find(struct mly_sequences *sequences, int64_t id, struct mly_row *out,
                                   struct mly_error *err);

/* The tiles of the plan in which the row taken last was found: with these, and the id, it can be made again. */
enum mly_status mly_sequences_tiles(const struct mly_sequences *sequences, mly_tile_fn *fn, void *ctx);

/* Accepts NULL. */
void mly_sequences_free(struct mly_sequences *sequences);

#ifdef __cplusplus
}
#endif

#endif
