/* SPDX-License-Identifier: MIT */
#include "transport.h"

#include <inttypes.h>
#include <string.h>

#include "value.h"

bool mly_transport_is_validator(const char *text)
{
    static const char *const names[] = {"If-None-Match: ", "If-Modified-Since: "};
    const size_t n = strlen(text);
    bool is_named = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        is_named = is_named || (strncmp(text, names[i], strlen(names[i])) == 0 && n > strlen(names[i]));
    for (const char *c = text; *c; c++) { /* a line's end would begin another header */
        if (*c < ' ' || *c > '~')
            return false;
    }
    return is_named && n < MLY_LIMIT_VALIDATOR;
}

enum mly_status mly_transport_spend(const struct mly_request *request, struct mly_error *err)
{
    struct mly_budget *budget = request->budget;
    if (!budget || request->kind == MLY_REQUEST_TILE)
        return MLY_OK;
    if (budget->n_sent < budget->max) {
        budget->n_sent++;
        return MLY_OK;
    }
    return mly_fail(err, MLY_E_LIMIT,
                    "%s: this read needs more Graph requests than the %" PRIu64 " that MAX_REQUESTS allows. Make the "
                    "filters stricter, ask for fewer rows, or set the open option MAX_REQUESTS (or "
                    "MAPILLARY_MAX_REQUESTS) higher",
                    budget->layer, budget->max);
}

void mly_transport_mask(struct mly_transport *t, char *text)
{
    if (t->vtbl->mask)
        t->vtbl->mask(t, text);
}

void mly_transport_wake(struct mly_transport *t)
{
    if (t->vtbl->wake)
        t->vtbl->wake(t);
}

void mly_transport_held(struct mly_transport *t, size_t n_bytes)
{
    if (t->vtbl->held)
        t->vtbl->held(t, n_bytes);
}

bool mly_transport_masks(struct mly_transport *t, struct mly_buf *text)
{
    const int64_t before = mly_value_hash(0, text->data, text->size);
    if (mly_buf_append(text, "", 1) != MLY_OK)
        return true;
    mly_transport_mask(t, (char *)text->data);
    text->size--;
    return mly_value_hash(0, text->data, text->size) != before;
}

void mly_transport_free(struct mly_transport *t)
{
    if (t)
        t->vtbl->destroy(t);
}

void mly_transport_fini_response(struct mly_response *response)
{
    if (response->body.mem)
        mly_buf_fini(&response->body);
    *response = (struct mly_response){.ticket = 0};
}
