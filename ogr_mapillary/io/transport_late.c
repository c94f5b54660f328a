/* SPDX-License-Identifier: MIT */
#include "io/transports.h"

struct late {
    struct mly_transport base;
    struct mly_transport *inner; /* NULL: nothing has been asked */
    mly_transport_make_fn *make;
    void *ctx;
    const struct mly_mem *mem;
};

static enum mly_status submit(struct mly_transport *t, const struct mly_request *req, struct mly_error *err)
{
    struct late *late = (struct late *)t;
    if (!late->inner)
        MLY_TRY(late->make(late->ctx, &late->inner, err));
    return late->inner->vtbl->submit(late->inner, req, err);
}

static enum mly_status poll(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err)
{
    const struct late *late = (struct late *)t;
    return late->inner ? late->inner->vtbl->poll(late->inner, timeout_ms, out, err) : MLY_DONE;
}

static void reset(struct mly_transport *t)
{
    const struct late *late = (struct late *)t;
    if (late->inner)
        late->inner->vtbl->reset(late->inner);
}

static void mask(struct mly_transport *t, char *text)
{
    const struct late *late = (struct late *)t;
    if (late->inner)
        mly_transport_mask(late->inner, text);
}

static void held(struct mly_transport *t, size_t n_bytes)
{
    const struct late *late = (struct late *)t;
    if (late->inner)
        mly_transport_held(late->inner, n_bytes);
}

static void destroy(struct mly_transport *t)
{
    struct late *late = (struct late *)t;
    mly_transport_free(late->inner);
    late->mem->release(late->mem->ctx, late);
}

enum mly_status mly_transport_late(mly_transport_make_fn *make, void *ctx, const struct mly_mem *mem,
                                   struct mly_transport **out, struct mly_error *err)
{
    static const struct mly_transport_vtbl vtbl = {
        .submit = submit, .poll = poll, .reset = reset, .destroy = destroy, .mask = mask, .held = held};
    struct late *late = mem->alloc(mem->ctx, sizeof *late);
    if (!late)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the transport");
    *late = (struct late){.base = {.vtbl = &vtbl}, .make = make, .ctx = ctx, .mem = mem};
    *out = &late->base;
    return MLY_OK;
}
