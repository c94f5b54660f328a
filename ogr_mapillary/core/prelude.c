/* SPDX-License-Identifier: MIT */
#include "prelude.h"

struct prelude {
    struct mly_machine base;
    struct mly_prelude_part part;
    const struct mly_read_options *options;
    mly_make_fn *make;
    struct mly_machine *inner; /* NULL until the part is done */
};

static enum mly_status want(struct mly_machine *m, struct mly_request *out, struct mly_error *err)
{
    struct prelude *p = (struct prelude *)m;
    return p->inner ? mly_machine_want(p->inner, out, err) : p->part.want(p->part.self, out, err);
}

static enum mly_status feed(struct mly_machine *m, struct mly_response *response, struct mly_error *err)
{
    struct prelude *p = (struct prelude *)m;
    return p->inner ? mly_machine_feed(p->inner, response, err) : p->part.feed(p->part.self, response, err);
}

static enum mly_status take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    struct prelude *p = (struct prelude *)m;
    const struct mly_plan *plan = NULL;
    if (!p->inner) {
        const enum mly_status status = p->part.step(p->part.self, &plan, err);
        if (status != MLY_DONE)
            return status;
        MLY_TRY(p->make(plan, p->options, &p->inner, err));
    }
    return mly_machine_take(p->inner, out, err);
}

static enum mly_status find(struct mly_machine *m, int64_t id, struct mly_row *out, struct mly_error *err)
{
    struct prelude *p = (struct prelude *)m;
    return p->inner ? mly_machine_find(p->inner, id, out, err) : MLY_DONE;
}

static enum mly_status tiles(struct mly_machine *m, mly_tile_fn *fn, void *ctx)
{
    struct prelude *p = (struct prelude *)m;
    return p->inner ? mly_machine_tiles(p->inner, fn, ctx) : MLY_OK;
}

static void destroy(struct mly_machine *m)
{
    struct prelude *p = (struct prelude *)m;
    const struct mly_mem *mem = p->options->mem;
    mly_machine_free(p->inner); /* borrows the part's plan */
    p->part.destroy(p->part.self);
    mem->release(mem->ctx, p);
}

enum mly_status mly_prelude_new(const struct mly_prelude_part *part, const struct mly_read_options *options,
                                mly_make_fn *make, struct mly_machine **out, struct mly_error *err)
{
    static const struct mly_machine_vtbl vtbl = {
        .want = want, .feed = feed, .take = take, .find = find, .tiles = tiles, .destroy = destroy};
    struct prelude *p = options->mem->alloc(options->mem->ctx, sizeof *p);
    if (!p) {
        part->destroy(part->self);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    }
    *p = (struct prelude){.base = {.vtbl = &vtbl}, .part = *part, .options = options, .make = make};
    *out = &p->base;
    return MLY_OK;
}
