/* SPDX-License-Identifier: MIT */
/* reader.h — a plan and a transport → rows, one after another. What a host holds while it reads.
 * Owner: whoever called _new; plan and transport are borrowed and must outlive it, the transport alone.
 * Threads: one reader, one thread at a time; any number beside each other. */
#ifndef MLY_READER_H
#define MLY_READER_H

#include "block.h"
#include "machine.h"
#include "plan.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_reader;

enum mly_status mly_reader_new(const struct mly_plan *plan, const struct mly_read_options *options,
                               struct mly_transport *transport, struct mly_reader **out, struct mly_error *err);

/* MLY_OK: a row, valid until the next call. MLY_DONE: that was the last one. The first call sends the first request.
 * After a failure only _free is allowed. What was lost on the way (options->losses) is summed up in a warning before
 * the end or a failure is given, or when the reader is detached. */
enum mly_status mly_reader_next(struct mly_reader *reader, struct mly_row *out, struct mly_error *err);

/* Whether rows also come by several at once: points, as their tiles have them. */
bool mly_reader_has_blocks(const struct mly_reader *reader);

/* The rows that mly_reader_next would give next, `max` at most, which is not 0; both may be called in turns. Only of a
 * reader that has blocks. */
enum mly_status mly_reader_next_block(struct mly_reader *reader, uint32_t max, struct mly_block *out,
                                      struct mly_error *err);

/* A row that was given, by its id: MLY_OK, or MLY_DONE when the reader does not hold it. Sequences are held. Valid
 * until the next call. */
enum mly_status mly_reader_find(struct mly_reader *reader, int64_t id, struct mly_row *out, struct mly_error *err);

/* The tiles in which the row given last was found, where that is more than its place: of sequences. */
enum mly_status mly_reader_tiles(struct mly_reader *reader, mly_tile_fn *fn, void *ctx);

/* Drops what is in flight and lets go of the transport, after the last row: mly_reader_find goes on to work. */
void mly_reader_detach(struct mly_reader *reader);

/* Drops what is in flight; the transport is ready for the next reader. Accepts NULL. */
void mly_reader_free(struct mly_reader *reader);

#ifdef __cplusplus
}
#endif

#endif
