/* SPDX-License-Identifier: MIT */
/* graph.h — the service's JSON → values. The only module that knows json-c.
 * Owner: answers are the caller's, to be freed; entities are borrowed from them. Threads: pure functions; one answer,
 * one thread at a time. Source: API.md 2.
 *
 * A path such as creator.id leads to a member of a member. In it, a number is a place in an array, * stands for all
 * elements of an array (the value is then a list: MLY_INTS or MLY_REALS), and # for their number. */
#ifndef MLY_GRAPH_H
#define MLY_GRAPH_H

#include <stdbool.h>

#include "arena.h"
#include "buf.h"
#include "limits.h"
#include "schema.h"
#include "span.h"

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

struct mly_graph;        /* an answer, parsed; it copies what it needs of the bytes */
struct mly_graph_entity; /* an object in it; to the functions that read one, NULL says nothing */

/* Any JSON object. MLY_E_CORRUPT: the bytes are none, or one with more brackets than any answer has. MLY_E_LIMIT:
 * larger than MLY_LIMIT_JSON. */
enum mly_status mly_graph_open(struct mly_span json, struct mly_graph **out, struct mly_error *err);

/* A `{"data":[…]}` answer. Failures as above; MLY_E_CORRUPT: not of this form, or its next page has no address. */
enum mly_status mly_graph_open_list(struct mly_span json, struct mly_graph **out, struct mly_error *err);

/* The answer itself as an entity. */
const struct mly_graph_entity *mly_graph_root(const struct mly_graph *answer);

/* Of a list. NULL beyond the end, and for what is no object. */
size_t mly_graph_count(const struct mly_graph *list);
const struct mly_graph_entity *mly_graph_at(const struct mly_graph *list, size_t index);

/* The address of the page after this list, borrowed; empty when there is none (API.md 2.4). */
struct mly_span mly_graph_next(const struct mly_graph *list);

/* Of an answer to `/?ids=`: the entity with this id; NULL when it is not there or is no object. */
const struct mly_graph_entity *mly_graph_get(const struct mly_graph *entities, int64_t id);

/* The JSON of a member, on one line, borrowed from the answer; numbers keep the service's spelling as far as
 * mly_graph_values does. Empty: the entity has no such member. MLY_E_NOMEM. */
enum mly_status mly_graph_member(const struct mly_graph_entity *entity, const char *name, struct mly_span *json,
                                 struct mly_error *err);

/* Appends the list as JSON that mly_graph_open_list reads: its elements, and `next` as the address of its next page,
 * none if that is NULL. Of what else the service said nothing is left. MLY_E_NOMEM, MLY_E_LIMIT: the buffer refused. */
enum mly_status mly_graph_print_list(const struct mly_graph *list, const char *next, struct mly_buf *out,
                                     struct mly_error *err);

/* Fills values[i] for each column i of the set that has a place in the Graph, MLY_NULL where the entity says nothing;
 * others are left alone. Texts are borrowed from the answer; lists, and digits of numbers that are asked for as text,
 * lie in `arena`. A number that is asked for as text keeps the service's spelling. A list with an element that cannot
 * be read is MLY_NULL as a whole. MLY_E_NOMEM, MLY_E_LIMIT: the arena refused. */
enum mly_status mly_graph_values(const struct mly_graph_entity *entity, const struct mly_layer *layer, uint64_t columns,
                                 struct mly_arena *arena, struct mly_value *values, struct mly_error *err);

/* One value, by its path. */
struct mly_value mly_graph_int(const struct mly_graph_entity *entity, const char *path);  /* MLY_INT or MLY_NULL */
struct mly_value mly_graph_text(const struct mly_graph_entity *entity, const char *path); /* MLY_TEXT or MLY_NULL */

/* The GeoJSON point under this name. False: there is none, or none on earth. */
bool mly_graph_point(const struct mly_graph_entity *entity, const char *name, double *longitude, double *latitude);

/* Accepts NULL. */
void mly_graph_free(struct mly_graph *answer);

#ifdef __cplusplus
}
#endif

#endif
