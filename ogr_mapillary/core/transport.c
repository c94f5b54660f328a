/* SPDX-License-Identifier: MIT */
#include "transport.h"

#include "value.h"

void mly_transport_mask(struct mly_transport *t, char *text)
{
    if (t->vtbl->mask)
        t->vtbl->mask(t, text);
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
