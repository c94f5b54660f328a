/* SPDX-License-Identifier: MIT */
#include "stack.h"

#include "detections.h"
#include "enrich.h"
#include "ids.h"
#include "listing.h"
#include "names.h"
#include "prune.h"
#include "sequences.h"
#include "tiles.h"
#include "trace.h"

static enum mly_status make_near(const struct mly_plan *plan, const struct mly_read_options *options,
                                 struct mly_machine *inner, struct mly_machine **out, struct mly_error *err)
{
    /* The plan has seen to it; but positions from the Graph need not lie in the tile that the row is from. */
    const bool is_sorted = plan->source == MLY_SOURCE_TILES && !plan->geometry;
    return mly_near_new(&plan->near, plan->layer, is_sorted, options, inner, out, err);
}

static enum mly_status make_enrich(const struct mly_plan *plan, const struct mly_read_options *options,
                                   struct mly_machine *inner, struct mly_machine **out, struct mly_error *err)
{
    const struct mly_enrich_options enrich = {
        .layer = plan->layer,
        .columns = plan->graph_columns,
        .geometry = plan->geometry,
        .is_lookup = plan->source == MLY_SOURCE_ENTITIES,
        .is_exact = plan->is_exact,
        .filter = plan->filter,
        .creators = plan->creators,
        .n_creators = plan->n_creators,
    };
    return mly_enrich_new(&enrich, options, inner, out, err);
}

/* Rows by their ids. */
static enum mly_status make_lookup(const struct mly_plan *plan, const struct mly_read_options *options,
                                   struct mly_machine **out, struct mly_error *err)
{
    struct mly_machine *machine = NULL;
    const struct mly_ids_source source = mly_plan_ids(plan);
    MLY_TRY(mly_ids_new(&source, options, &machine, err));
    MLY_TRY(make_enrich(plan, options, machine, &machine, err));
    if (plan->has_near)
        MLY_TRY(make_near(plan, options, machine, &machine, err));
    *out = machine;
    return MLY_OK;
}

/* Rows of tiles. Positions from the Graph decide what is near; else the order comes first, so that a reader that needs
 * only the nearest ones asks the Graph for no others. */
static enum mly_status make_tiles(const struct mly_plan *plan, const struct mly_read_options *options,
                                  struct mly_machine **out, struct mly_error *err)
{
    struct mly_machine *machine = NULL;
    const bool is_near_last = plan->geometry != NULL;
    if (plan->layer->shape == MLY_LINES)
        MLY_TRY(mly_sequences_new(plan, options, &machine, err));
    else
        MLY_TRY(mly_tiles_new(plan, options, &machine, err));
    if (plan->has_near && !is_near_last)
        MLY_TRY(make_near(plan, options, machine, &machine, err));
    if (plan->graph_columns || plan->geometry)
        MLY_TRY(make_enrich(plan, options, machine, &machine, err));
    if (plan->has_near && is_near_last)
        MLY_TRY(make_near(plan, options, machine, &machine, err));
    *out = machine;
    return MLY_OK;
}

enum mly_status mly_stack_make(const struct mly_plan *plan, const struct mly_read_options *options,
                               struct mly_machine **out, struct mly_error *err)
{
    const struct mly_ids_source nothing = {.kind = MLY_IDS_GIVEN};
    switch (plan->source) {
    case MLY_SOURCE_TILES:
        if (plan->names.size > 0)
            return mly_names_new(plan, options, mly_stack_make, out, err);
        if (plan->scout.n_tiles > 0)
            return mly_prune_new(plan, options, mly_stack_make, out, err);
        return make_tiles(plan, options, out, err);
    case MLY_SOURCE_ENTITIES:
        return make_lookup(plan, options, out, err);
    case MLY_SOURCE_TRACE:
        return mly_trace_new(plan, options, mly_stack_make, out, err);
    case MLY_SOURCE_OWNERS:
        return mly_detections_new(plan, options, out, err);
    case MLY_SOURCE_LISTING:
        return mly_listing_new(plan, options, out, err);
    case MLY_SOURCE_NOWHERE:
    case MLY_SOURCE_NOTHING:
        break;
    }
    return mly_ids_new(&nothing, options, out, err);
}
