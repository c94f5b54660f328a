/* SPDX-License-Identifier: MIT */
/* enrich.h — rows → the same rows, in their order, with what the Graph says of them: many in one request, several
 * requests at once.
 * Owner: whoever called _new, by mly_machine_free; it owns the machine that it stands on, and borrows the rest.
 * Threads: see machine.h. Source: SPEC.md 3, API.md 2.2 and 2.8. */
#ifndef MLY_ENRICH_H
#define MLY_ENRICH_H

#include "expr.h"
#include "machine.h"
#include "source.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_enrich_options {
    const struct mly_layer *layer; /* with an entity */
    uint64_t columns;              /* to be filled; those that the Graph does not have are left alone */
    const char *geometry;          /* the Graph's name of the position that rows get; NULL: they keep theirs */
    bool is_lookup;                /* rows of `inner` are ids only. What the Graph does not know is no row … */
    bool is_exact;                 /* … and positions are as the Graph has them; else on the grid of the z14 tiles */
    const struct mly_expr *filter; /* over all columns; rows of which it says no are not given. NULL: none */
    const struct mly_creator *creators; /* whose names were asked for: known without another request */
    size_t n_creators;
    const char *loss; /* what it means for the rows when a read goes on without an answer (losses.h); NULL: the usual */
};

/* Rows that are asked about go out in batches of MLY_LIMIT_BATCH, or one by one where the Graph has lists instead of
 * entities (sequences). An id that the Graph does not know (code 100, subcode 33) is found by halving the batch; so is
 * an answer that is too much (code 1). An id that an answer passes over in silence is asked for once more, alone.
 * Rows of `inner` that options->keep refuses are dropped before they are asked about; rows without an id, and those of
 * which nothing is missing, are given as they are, in their turn. A lookup drops what belongs to another layer
 * (mly_entity), and images without the position that is asked for. Without lookup an unknown id leaves MLY_NULLs, and
 * a row without a position in the Graph keeps its own. A row that moves to another tile is not is_inside any more.
 * Where the read goes on without an answer, its ids count as unknown.
 * Rows that mly_machine_find finds are `inner`'s, without what the Graph says. Owns `inner` from the call on, also when
 * the call fails. */
enum mly_status mly_enrich_new(const struct mly_enrich_options *enrich, const struct mly_read_options *options,
                               struct mly_machine *inner, struct mly_machine **out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
