/* SPDX-License-Identifier: MIT */
#include "transport.h"

void mly_transport_mask(struct mly_transport *t, char *text)
{
    if (t->vtbl->mask)
        t->vtbl->mask(t, text);
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
