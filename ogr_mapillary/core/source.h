/* SPDX-License-Identifier: MIT */
/* source.h — which ids the Graph is asked for, or how it lists them.
 * Owner: borrowed values. Threads: values. Source: SPEC.md 3. */
#ifndef MLY_SOURCE_H
#define MLY_SOURCE_H

#include <stddef.h>

#include "value.h"

enum mly_ids_kind {
    MLY_IDS_GIVEN,        /* these, without a request */
    MLY_IDS_SEQUENCES,    /* the images of these sequences, by key, each in the order of capture */
    MLY_IDS_CREATORS,     /* all images of these user names, page by page */
    MLY_IDS_ORGANIZATIONS /* all images of these organizations, page by page */
};

/* Each once. `values` are MLY_INT or, for sequences and creators, MLY_TEXT. */
struct mly_ids_source {
    enum mly_ids_kind kind;
    const struct mly_value *values;
    size_t n_values;
    const char *loss; /* what it means for the rows when a read goes on without a list (losses.h); NULL: the usual */
};

/* A creator whose number was asked for by the name. */
struct mly_creator {
    int64_t id;
    const char *name; /* as the service spells it; not terminated */
    uint32_t n_bytes;
};

#endif
