/* SPDX-License-Identifier: MIT */
/* graph.h — the service's JSON → values. The only module that knows json-c.
 * Owner: lists are the caller's, to be freed. Threads: pure functions; one list, one thread at a time. Source:
 * API.md 2.8. */
#ifndef MLY_GRAPH_H
#define MLY_GRAPH_H

#include <stdbool.h>

#include "limits.h"
#include "schema.h"
#include "span.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the service says when it refuses. Codes seen: 1 too much data, 2 an outage, 4 a rate limit, 100 a bad request,
 * 190 the token. */
struct mly_graph_error {
    int code, subcode; /* 0 when absent */
    bool is_transient; /* the service says that asking again may help */
    char message[256]; /* its own words, printable; empty when it has none */
};

/* Reads `{"error":{…}}` and `{"error":"…"}`. False: the bytes are not of this form. */
bool mly_graph_read_error(struct mly_span json, struct mly_graph_error *out);

/* The entities of a `{"data":[…]}` answer. It copies what it needs of the bytes. */
struct mly_graph_list;

/* MLY_E_CORRUPT: not of this form. MLY_E_LIMIT: larger than MLY_LIMIT_JSON. MLY_E_REMOTE: only a page of a longer list,
 * which this answer is not known to be (API.md 2.6). */
enum mly_status mly_graph_list_open(struct mly_span json, struct mly_graph_list **out, struct mly_error *err);

size_t mly_graph_list_count(const struct mly_graph_list *list);

/* Fills one value for each column of the layer, MLY_NULL where the entity says nothing. Texts are borrowed from the
 * list; numbers asked for as text have their digits in `digits`, one of them for each column. */
void mly_graph_list_values(const struct mly_graph_list *list, size_t index, const struct mly_layer *layer,
                           struct mly_value *values, char (*digits)[MLY_VALUE_SCRATCH]);

/* A member that is text, borrowed; empty when absent. */
struct mly_span mly_graph_list_text(const struct mly_graph_list *list, size_t index, const char *path);

/* Accepts NULL. */
void mly_graph_list_free(struct mly_graph_list *list);

#ifdef __cplusplus
}
#endif

#endif
