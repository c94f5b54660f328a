/* SPDX-License-Identifier: MIT */
/* The Graph's JSON, as each endpoint's answer is read: errors, entities by id, lists.
 * Input: a byte that chooses the layer, and the answer. */
#include "core/graph.h"

#include <string.h>

#include "core/verdict.h"
#include "fuzz.h"
#include "unit/support/check_row.h"
#include "unit/support/fail_mem.h"

static const int64_t ids[] = {1, 7, 42, INT64_MAX};

static void check_entity(const struct mly_graph_entity *entity, const struct mly_layer *layer, struct mly_arena *arena)
{
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS] = {{.type = MLY_NULL}};
    struct mly_error err = {.code = MLY_OK};
    double longitude = 0, latitude = 0;
    const enum mly_status status = mly_graph_values(entity, layer, ~UINT64_C(0), arena, values, &err);
    assert_true(status == MLY_OK || status == MLY_E_LIMIT);
    for (uint32_t i = 0; status == MLY_OK && i < layer->n_columns; i++)
        (void)check_value(layer->columns[i].type, values[i], 0);
    (void)check_value(MLY_INT, mly_graph_int(entity, "creator.id"), 0);
    (void)check_value(MLY_TEXT, mly_graph_text(entity, "geometry"), 0);
    if (mly_graph_point(entity, "geometry", &longitude, &latitude))
        assert_true(longitude >= -180 && longitude <= 180 && latitude >= -90 && latitude <= 90);
}

static void check_entities(struct mly_span json, const struct mly_layer *layer, struct mly_arena *arena)
{
    struct mly_graph *answer = NULL;
    struct mly_error err = {.code = MLY_OK};
    const enum mly_status status = mly_graph_open(json, &answer, &err);
    if (status < 0) {
        assert_int_equal(status, MLY_E_CORRUPT);
        return;
    }
    check_entity(mly_graph_root(answer), layer, arena);
    for (size_t i = 0; i < COUNT(ids); i++) {
        const struct mly_graph_entity *entity = mly_graph_get(answer, ids[i]);
        if (entity)
            check_entity(entity, layer, arena);
    }
    mly_graph_free(answer);
}

static void check_list(struct mly_span json, const struct mly_layer *layer, struct mly_arena *arena)
{
    struct mly_graph *list = NULL;
    struct mly_error err = {.code = MLY_OK};
    const enum mly_status status = mly_graph_open_list(json, &list, &err);
    if (status < 0) {
        assert_int_equal(status, MLY_E_CORRUPT);
        return;
    }
    for (size_t i = 0; i < mly_graph_count(list); i++)
        check_entity(mly_graph_at(list, i), layer, arena);
    assert_null(mly_graph_at(list, mly_graph_count(list)));
    const struct mly_span next = mly_graph_next(list);
    (void)mly_value_hash(0, next.data, next.size);
    mly_graph_free(list);
}

/* What is shown to a person has no control characters, and an answer has one meaning for each status. */
static void check_error(struct mly_span json)
{
    static const int statuses[] = {200, 204, 302, 400, 401, 403, 404, 429, 500, 503};
    struct mly_graph_error error;
    if (mly_graph_read_error(json, &error)) {
        assert_true(strlen(error.message) < sizeof error.message);
        for (const char *c = error.message; *c; c++)
            assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
    }
    for (size_t i = 0; i < 2 * COUNT(statuses); i++) {
        struct mly_error err = {.code = MLY_OK};
        struct mly_response response = {.http = statuses[i / 2]};
        const enum mly_request_kind kind = i % 2 ? MLY_REQUEST_GRAPH : MLY_REQUEST_TILE;
        mly_buf_init(&response.body, mly_mem_system(), MLY_LIMIT_BODY);
        assert_status(mly_buf_append(&response.body, json.data, json.size), MLY_OK, NULL);
        const enum mly_verdict verdict = mly_verdict_of(kind, &response, &err);
        assert_true(verdict == MLY_VERDICT_BODY || verdict == MLY_VERDICT_EMPTY || err.code < 0);
        assert_int_equal(mly_verdict_of(kind, &response, NULL), verdict);
        mly_transport_fini_response(&response);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fail_mem mem;
    struct mly_arena arena;
    if (size == 0)
        return 0;
    const struct mly_layer *layer = mly_schema_layer(data[0] % mly_schema_count());
    const struct mly_span json = {.data = size > 1 ? data + 1 : NULL, .size = size - 1};
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 8 << 20);
    check_error(json);
    check_entities(json, layer, &arena);
    check_list(json, layer, &arena);
    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
    return 0;
}
