/* SPDX-License-Identifier: MIT */
#include "losses.h"

#include <inttypes.h>
#include <stdio.h>

#include "limits.h"

enum { MESSAGE = MLY_ERROR_TEXT + 384 }; /* why it was lost, and what that means */

bool mly_losses_can_bear(enum mly_status failure)
{
    switch (failure) {
    case MLY_E_LIMIT:
    case MLY_E_CORRUPT:
    case MLY_E_NETWORK:
    case MLY_E_REMOTE:
    case MLY_E_IO:
        return true;
    default:
        return false;
    }
}

static void warn(const struct mly_read_options *options, const char *text)
{
    if (options->warn)
        options->warn(options->debug_ctx, text);
}

/* Beyond the ceiling each is still named to whoever debugs. */
static void tell(const struct mly_read_options *options, const char *text)
{
    struct mly_losses *losses = options->losses;
    char more[MESSAGE];
    if (losses->n_told < MLY_LIMIT_TOLD_LOSSES) {
        losses->n_told++;
        warn(options, text);
        return;
    }
    if (losses->n_told == MLY_LIMIT_TOLD_LOSSES) {
        losses->n_told++;
        (void)snprintf(more, sizeof more,
                       "%s: ON_ERROR=SKIP: what else is skipped is only counted; CPL_DEBUG=MAPILLARY names each",
                       losses->layer);
        warn(options, more);
    }
    if (options->debug)
        options->debug(options->debug_ctx, text);
}

void mly_losses_hear(struct mly_losses *losses, enum mly_request_kind kind, const struct mly_response *response)
{
    if (!losses || response->is_stored)
        return;
    if (response->status == MLY_E_NETWORK)
        losses->n_silent[kind]++;
    else
        losses->n_silent[kind] = 0;
}

/* Requests that are in flight at once may be lost together, to an outage that is over soon: one more was asked after it
 * had begun. */
static uint32_t count_silent(const struct mly_read_options *options, enum mly_loss what)
{
    const uint32_t patience = options->max_in_flight + 1;
    const uint32_t n = options->losses->n_silent[what == MLY_LOSS_GRAPH ? MLY_REQUEST_GRAPH : MLY_REQUEST_TILE];
    return n >= (patience < MLY_LIMIT_SILENCE ? MLY_LIMIT_SILENCE : patience) ? n : 0;
}

enum mly_status mly_losses_bear(const struct mly_read_options *options, enum mly_loss what, const struct mly_error *why,
                                const char *meaning, struct mly_error *err)
{
    struct mly_losses *losses = options->losses;
    char text[MESSAGE];
    if (!losses || !mly_losses_can_bear(why->code)) {
        if (err)
            *err = *why;
        return why->code;
    }
    const uint32_t n_silent = why->code == MLY_E_NETWORK ? count_silent(options, what) : 0;
    if (n_silent > 0)
        return mly_fail(err, MLY_E_NETWORK,
                        "%s: ON_ERROR=SKIP: the last %" PRIu32 " requests got no answer, so the read ends here: %s",
                        losses->layer, n_silent, why->text);
    losses->n_tiles += what == MLY_LOSS_TILE;
    losses->n_requests += what == MLY_LOSS_GRAPH;
    (void)snprintf(text, sizeof text, "%s: skipped (ON_ERROR=SKIP): %s; %s", losses->layer, why->text, meaning);
    tell(options, text);
    return MLY_OK;
}

bool mly_losses_are_there(const struct mly_losses *losses)
{
    return losses && (losses->n_tiles > 0 || losses->n_requests > 0);
}

void mly_losses_sum_up(const struct mly_read_options *options)
{
    struct mly_losses *losses = options->losses;
    char text[MESSAGE];
    if (!mly_losses_are_there(losses) || losses->is_summed_up)
        return;
    losses->is_summed_up = true;
    (void)snprintf(text, sizeof text,
                   "%s: ON_ERROR=SKIP: the result is not complete: skipped were %" PRIu64 " %s and %" PRIu64
                   " %s to the Graph",
                   losses->layer, losses->n_tiles, losses->n_tiles == 1 ? "tile" : "tiles", losses->n_requests,
                   losses->n_requests == 1 ? "request" : "requests");
    warn(options, text);
}
