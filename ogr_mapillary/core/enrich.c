/* SPDX-License-Identifier: MIT */
#include "enrich.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph.h"
#include "losses.h"
#include "request.h"
#include "ring.h"

/* A batch of so many rows goes out with what it has to ask for: many rows may need nothing. */
enum { MAX_ROWS = 4 * MLY_LIMIT_BATCH };
enum { NO_ASK = UINT8_MAX };
enum { MEANING = 256 }; /* of a loss, in words */
enum { GRID = 4096 };   /* the extent of the service's tiles (API.md 1.3) */

/* Something the Graph is asked about. */
struct ask {
    int64_t id;           /* of entities */
    uint8_t n_waiting;    /* so many, from this one on, wait to be asked about together; 0: no such part begins here */
    bool was_passed_over; /* an answer had said nothing of it */
};

struct held_row {
    struct mly_row *row;      /* this and the rest lie in the batch's arena */
    struct mly_value *values; /* row->values */
    const struct mly_tile *tiles;
    size_t n_tiles;
    uint64_t missing; /* the columns that the Graph is to fill */
    uint8_t ask;      /* NO_ASK: it is complete */
    bool is_dropped;
};

struct batch {
    struct mly_arena arena;
    struct held_row rows[MAX_ROWS];
    uint32_t n_rows, n_given;
    struct ask asks[MLY_LIMIT_BATCH];
    uint32_t n_asks, n_open; /* n_open: without an answer for good */
    uint32_t n_parts;        /* that wait to be asked about */
    uint64_t columns;        /* all that is missing in its rows */
};

/* Batches are numbered in their order. [head, tail) are complete but for their answers; number `tail` is being filled.
 * A batch's place is its number modulo n_batches. */
struct enrich {
    struct mly_machine base;
    struct mly_read_options options;
    struct mly_enrich_options how;
    struct mly_machine *inner;
    enum mly_status inner_end;    /* MLY_OK: it goes on. Else how it ended … */
    struct mly_error trouble;     /* … and why, if it failed */
    struct mly_ring *ring;        /* NULL while it is made */
    uint64_t columns;             /* to be filled by the Graph */
    int creator, username, value; /* columns; -1: there is none */
    uint32_t max_asks;            /* of a batch */
    struct mly_buf tiles;         /* of struct mly_tile: a row's, while it is copied */
    const struct held_row *given; /* last */
    uint64_t head, tail;
    uint32_t n_batches;
    uint32_t n_parts; /* of all batches */
    struct batch batches[];
};

static struct batch *batch_at(struct enrich *e, uint64_t number)
{
    return &e->batches[number % e->n_batches];
}

static uint64_t bit_of(int column)
{
    return column < 0 ? 0 : UINT64_C(1) << column;
}

static bool is_list(const struct enrich *e)
{
    return e->how.layer->entity == MLY_ENTITY_SEQUENCE;
}

/* ---- rows that come in ---- */

static enum mly_status note_tile(void *ctx, struct mly_tile tile)
{
    return mly_buf_append(ctx, &tile, sizeof tile);
}

/* By the time the row is given, `inner` is further on. */
static enum mly_status copy_tiles(struct enrich *e, struct batch *batch, struct held_row *held, struct mly_error *err)
{
    if (!e->inner->vtbl->tiles)
        return MLY_OK;
    e->tiles.size = 0;
    const enum mly_status status = mly_machine_tiles(e->inner, note_tile, &e->tiles);
    if (status < 0)
        return mly_fail(err, status, "out of memory for the tiles of a row");
    held->n_tiles = e->tiles.size / sizeof(struct mly_tile);
    struct mly_tile *tiles = mly_arena_alloc(&batch->arena, e->tiles.size);
    if (!tiles)
        return mly_arena_fail(&batch->arena, "a batch of rows", err);
    if (held->n_tiles > 0)
        memcpy(tiles, e->tiles.data, e->tiles.size);
    held->tiles = tiles;
    return MLY_OK;
}

static const struct mly_creator *find_name(const struct enrich *e, const struct mly_value *values)
{
    if (e->creator < 0 || values[e->creator].type != MLY_INT)
        return NULL;
    for (size_t i = 0; i < e->how.n_creators; i++) {
        if (e->how.creators[i].id == values[e->creator].as.i)
            return &e->how.creators[i];
    }
    return NULL;
}

/* Fills what is known without a request; the rest is missing. */
static void prepare_values(const struct enrich *e, struct held_row *held)
{
    held->missing = e->columns;
    if (e->how.is_lookup) {
        held->values[0] = (struct mly_value){.as.i = held->row->id, .type = MLY_INT};
        return;
    }
    const struct mly_creator *name = e->columns & bit_of(e->username) ? find_name(e, held->values) : NULL;
    if (name) {
        held->missing &= ~bit_of(e->username);
        held->values[e->username] = (struct mly_value){
            .as.text = name->name, .n_bytes = name->n_bytes, .type = MLY_TEXT};
    }
}

static bool is_askable(const struct enrich *e, const struct held_row *held)
{
    const struct mly_value *key = &held->values[0];
    if (is_list(e)) /* a key that is longer than any real one is not worth an error */
        return held->missing != 0 && key->type == MLY_TEXT && key->n_bytes > 0 && key->n_bytes <= MLY_LIMIT_NAME;
    return held->row->id > 0 && (e->how.is_lookup || e->how.geometry || held->missing != 0);
}

/* An id is asked for once, for all rows of the batch that have it. */
static uint8_t find_ask(struct batch *batch, int64_t id)
{
    uint8_t number = 0;
    while (number < batch->n_asks && batch->asks[number].id != id)
        number++;
    if (number == batch->n_asks)
        batch->asks[batch->n_asks++] = (struct ask){.id = id};
    return number;
}

static enum mly_status add_row(struct enrich *e, struct batch *batch, const struct mly_row *row, struct mly_error *err)
{
    struct held_row *held = &batch->rows[batch->n_rows];
    struct mly_row *copy = mly_row_copy(&batch->arena, row, e->how.layer->n_columns);
    if (!copy)
        return mly_arena_fail(&batch->arena, "a batch of rows", err);
    *held = (struct held_row){.row = copy, .values = (void *)copy->values, .ask = NO_ASK}; /* the copy is ours */
    MLY_TRY(copy_tiles(e, batch, held, err));
    prepare_values(e, held);
    if (is_askable(e, held)) {
        held->ask = find_ask(batch, copy->id);
        batch->columns |= held->missing;
    }
    batch->n_rows++;
    return MLY_OK;
}

static bool is_wanted(const struct enrich *e, const struct mly_row *row)
{
    if (e->how.is_lookup)
        return row->id > 0; /* no entity has another id */
    return !e->options.keep || e->options.keep(e->options.keep_ctx, row);
}

static void add_part(struct enrich *e, struct batch *batch, uint32_t first, uint32_t n)
{
    batch->asks[first].n_waiting = (uint8_t)n;
    batch->n_parts++;
    e->n_parts++;
}

static void close_batch(struct enrich *e)
{
    struct batch *batch = batch_at(e, e->tail++);
    batch->n_open = batch->n_asks;
    if (batch->n_asks > 0)
        add_part(e, batch, 0, batch->n_asks);
}

/* MLY_OK: another batch stands in the line. MLY_AGAIN: `inner` must be fed first, or as many are open as may be.
 * MLY_DONE: `inner` has ended, and there will be no other. */
static enum mly_status gather(struct enrich *e, struct mly_error *err)
{
    struct batch *batch = batch_at(e, e->tail);
    if (e->inner_end != MLY_OK)
        return MLY_DONE;
    if (e->tail - e->head == e->n_batches - 1)
        return MLY_AGAIN;
    while (e->inner_end == MLY_OK && batch->n_asks < e->max_asks && batch->n_rows < MAX_ROWS) {
        struct mly_row row;
        const enum mly_status status = mly_machine_take(e->inner, &row, &e->trouble);
        if (status == MLY_AGAIN)
            return MLY_AGAIN;
        if (status != MLY_OK)
            e->inner_end = status; /* its failure waits until the rows before it are given */
        else if (is_wanted(e, &row))
            MLY_TRY(add_row(e, batch, &row, err));
    }
    close_batch(e);
    return MLY_OK;
}

/* ---- requests ---- */

/* A part of a batch, as the ring hands it back with the answer. */
struct part {
    struct batch *batch;
    uint32_t first, n;
};

static uint64_t tag_of(uint64_t number, uint32_t first, uint32_t n)
{
    return number << 16 | first << 8 | n;
}

static struct part part_of(struct enrich *e, uint64_t tag)
{
    return (struct part){.batch = batch_at(e, tag >> 16), .first = tag >> 8 & 0xff, .n = tag & 0xff};
}

/* The row that a list is asked for. */
static const struct held_row *row_of_ask(const struct batch *batch, uint32_t ask)
{
    const struct held_row *held = batch->rows;
    while (held->ask != ask)
        held++;
    return held;
}

static enum mly_status make_request(const struct enrich *e, const struct part *part, struct mly_request *out,
                                    struct mly_error *err)
{
    int64_t ids[MLY_LIMIT_BATCH];
    const char *service = e->options.graph_service;
    if (is_list(e)) {
        const struct mly_value *key = &row_of_ask(part->batch, part->first)->values[0];
        return mly_request_image_ids(
            service, (struct mly_span){.data = (const uint8_t *)key->as.text, .size = key->n_bytes}, out, err);
    }
    for (uint32_t i = 0; i < part->n; i++)
        ids[i] = part->batch->asks[part->first + i].id;
    const bool with_kind = e->how.is_lookup && e->how.layer->entity != MLY_ENTITY_IMAGE;
    uint64_t columns = part->batch->columns;
    if (with_kind) /* the value tells the kind where nothing else does */
        columns |= bit_of(e->value);
    return mly_request_entities(service, e->how.layer, ids, part->n, columns, e->how.geometry, with_kind, out, err);
}

/* Oldest batches first: what was split comes before what is new. */
static enum mly_status next_request(void *ctx, struct mly_request *out, uint64_t *tag, struct mly_error *err)
{
    struct enrich *e = ctx;
    while (e->ring && e->n_parts == 0) {
        const enum mly_status status = gather(e, err);
        if (status != MLY_OK)
            return status < 0 ? status : MLY_AGAIN;
    }
    if (e->n_parts == 0)
        return MLY_AGAIN;

    uint64_t number = e->head;
    while (batch_at(e, number)->n_parts == 0)
        number++;
    struct part part = {.batch = batch_at(e, number)};
    while (part.batch->asks[part.first].n_waiting == 0)
        part.first++;
    part.n = part.batch->asks[part.first].n_waiting;
    part.batch->asks[part.first].n_waiting = 0;
    part.batch->n_parts--;
    e->n_parts--;
    *tag = tag_of(number, part.first, part.n);
    return make_request(e, &part, out, err);
}

/* ---- what an answer says ---- */

static bool has_text(const struct mly_value *value, const char *text)
{
    return value->n_bytes == strlen(text) && memcmp(value->as.text, text, value->n_bytes) == 0;
}

static bool begins_with(const struct mly_value *value, const char *text)
{
    return value->n_bytes >= strlen(text) && memcmp(value->as.text, text, strlen(text)) == 0;
}

/* API.md 2.5 for the kinds, and 3 for the values. */
static bool is_sign(const struct mly_graph_entity *entity)
{
    static const char *const beginnings[] = {"regulatory--", "warning--", "information--", "complementary--",
                                             "general--traffic-sign"};
    const struct mly_value kind = mly_graph_text(entity, "object_type");
    if (kind.type == MLY_TEXT)
        return has_text(&kind, "trafficsign") || has_text(&kind, "traffic_sign");
    const struct mly_value value = mly_graph_text(entity, "object_value");
    for (size_t i = 0; value.type == MLY_TEXT && i < sizeof beginnings / sizeof beginnings[0]; i++) {
        if (begins_with(&value, beginnings[i]))
            return true;
    }
    return false;
}

static double clamp_to_grid(double at)
{
    const double last = (double)GRID * (1 << MLY_LIMIT_ZOOM) - 1.0;
    return at > last ? last : at;
}

/* On the grid a row lies where a tile has it: there, positions are floored. The Graph prints 14 digits, so that a
 * position on the grid may come back a little to the west or north of it. */
static void set_position(const struct enrich *e, struct mly_row *row, double longitude, double latitude)
{
    const double slack = e->how.is_exact ? 0.0 : 1e-5;
    const double x = clamp_to_grid(floor(mly_tile_x(longitude, MLY_LIMIT_ZOOM) * GRID + slack));
    const double y = clamp_to_grid(floor(mly_tile_y(latitude, MLY_LIMIT_ZOOM) * GRID + slack));
    const struct mly_tile tile = {.x = (uint32_t)x / GRID, .y = (uint32_t)y / GRID, .z = MLY_LIMIT_ZOOM};
    const bool is_same = tile.x == row->tile.x && tile.y == row->tile.y && tile.z == row->tile.z;
    row->is_inside = row->is_inside && is_same;
    row->tile = tile;
    row->has_position = true;
    row->longitude = e->how.is_exact ? longitude : mly_tile_longitude(tile, (uint32_t)x % GRID, GRID);
    row->latitude = e->how.is_exact ? latitude : mly_tile_latitude(tile, (uint32_t)y % GRID, GRID);
}

/* A looked-up row that the layer's tiles would not have. */
static bool is_foreign(const struct enrich *e, const struct mly_graph_entity *entity, bool has_point)
{
    if (e->how.layer->entity == MLY_ENTITY_IMAGE)
        return e->how.geometry && !has_point;
    return is_sign(entity) != (e->how.layer->entity == MLY_ENTITY_SIGN);
}

/* The answer is freed before the rows are given. */
static enum mly_status fill_values(const struct enrich *e, struct batch *batch, struct held_row *held,
                                   const struct mly_graph_entity *entity, struct mly_error *err)
{
    MLY_TRY(mly_graph_values(entity, e->how.layer, held->missing, &batch->arena, held->values, err));
    for (uint32_t i = 0; i < e->how.layer->n_columns; i++) {
        struct mly_value *value = &held->values[i];
        if (!(held->missing >> i & 1) || value->type != MLY_TEXT)
            continue;
        char *text = mly_arena_alloc(&batch->arena, value->n_bytes);
        if (!text)
            return mly_arena_fail(&batch->arena, "a batch of rows", err);
        memcpy(text, value->as.text, value->n_bytes);
        value->as.text = text;
    }
    return MLY_OK;
}

static enum mly_status fill_row(const struct enrich *e, struct batch *batch, struct held_row *held,
                                const struct mly_graph_entity *entity, struct mly_error *err)
{
    double longitude = 0.0, latitude = 0.0;
    const bool has_point = e->how.geometry && mly_graph_point(entity, e->how.geometry, &longitude, &latitude);
    if (e->how.is_lookup && is_foreign(e, entity, has_point)) {
        held->is_dropped = true;
        return MLY_OK;
    }
    if (has_point)
        set_position(e, held->row, longitude, latitude);
    return fill_values(e, batch, held, entity, err);
}

static enum mly_status fill_rows(const struct enrich *e, struct batch *batch, uint32_t ask,
                                 const struct mly_graph_entity *entity, struct mly_error *err)
{
    for (uint32_t i = 0; i < batch->n_rows; i++) {
        if (batch->rows[i].ask == ask)
            MLY_TRY(fill_row(e, batch, &batch->rows[i], entity, err));
    }
    batch->n_open--;
    return MLY_OK;
}

/* The Graph does not know it: looked up, it is no row; else what is missing stays NULL. */
static void leave_unknown(const struct enrich *e, struct batch *batch, uint32_t ask)
{
    for (uint32_t i = 0; i < batch->n_rows; i++) {
        if (batch->rows[i].ask == ask)
            batch->rows[i].is_dropped = e->how.is_lookup;
    }
    batch->n_open--;
}

static void pass_over(struct enrich *e, struct batch *batch, uint32_t ask)
{
    if (batch->asks[ask].was_passed_over) {
        mly_ring_debug(e->ring, "the answer says nothing of it; it is unknown");
        leave_unknown(e, batch, ask);
        return;
    }
    mly_ring_debug(e->ring, "the answer passes over an id; asking once more for that one");
    batch->asks[ask].was_passed_over = true;
    add_part(e, batch, ask, 1);
}

static enum mly_status read_entities(struct enrich *e, const struct part *part, const struct mly_graph *answer,
                                     struct mly_error *err)
{
    enum mly_status status = MLY_OK;
    for (uint32_t i = 0; status == MLY_OK && i < part->n; i++) {
        const uint32_t ask = part->first + i;
        const struct mly_graph_entity *entity = mly_graph_get(answer, part->batch->asks[ask].id);
        if (entity)
            status = fill_rows(e, part->batch, ask, entity, err);
        else
            pass_over(e, part->batch, ask);
    }
    return status;
}

static enum mly_status open_list(struct mly_span body, struct mly_graph **out, struct mly_error *err)
{
    MLY_TRY(mly_graph_open_list(body, out, err));
    if (mly_graph_next(*out).size == 0) /* known to come in one answer (API.md 2.2) */
        return MLY_OK;
    mly_graph_free(*out);
    *out = NULL;
    return mly_fail(err, MLY_E_REMOTE,
                    "the service gives only a page of the sequence, where all of it is expected; please report it");
}

/* Once an answer is open, only memory can be lacking: the read cannot go on then. */
static enum mly_status read_body(struct enrich *e, const struct part *part, struct mly_span body, struct mly_error *why,
                                 struct mly_error *err)
{
    struct mly_graph *answer = NULL;
    enum mly_status status = is_list(e) ? open_list(body, &answer, why) : mly_graph_open(body, &answer, why);
    if (status < 0)
        return mly_ring_refuse(e->ring, status, why);
    if (is_list(e))
        status = fill_rows(e, part->batch, part->first, mly_graph_root(answer), err);
    else
        status = read_entities(e, part, answer, err);
    mly_graph_free(answer);
    return status < 0 ? mly_ring_refuse(e->ring, status, err) : MLY_OK;
}

static void halve(struct enrich *e, const struct part *part)
{
    const uint32_t n = part->n / 2;
    mly_ring_debug(e->ring, "asking once more in two parts");
    add_part(e, part->batch, part->first, n);
    add_part(e, part->batch, part->first + n, part->n - n);
}

/* What it means for the rows that this part of a batch is lost. */
static void print_loss(const struct enrich *e, const struct part *part, char text[MEANING])
{
    char which[96] = "this sequence";
    const int64_t first = part->batch->asks[part->first].id;
    if (!is_list(e) && part->n == 1)
        (void)snprintf(which, sizeof which, "id %" PRId64, first);
    else if (!is_list(e))
        (void)snprintf(which, sizeof which, "%" PRIu32 " ids, the first of them %" PRId64, part->n, first);
    if (e->how.loss)
        (void)snprintf(text, MEANING, "%s: %s", which, e->how.loss);
    else if (e->how.is_lookup)
        (void)snprintf(text, MEANING, "%s: %s missing", which, part->n == 1 ? "its row is" : "their rows are");
    else
        (void)snprintf(text, MEANING, "%s: fields from the Graph stay NULL%s, and filters judge them so", which,
                       e->how.geometry ? ", positions on the grid of the tiles" : "");
}

/* MLY_OK: the read goes on without an answer about this part of a batch. */
static enum mly_status lose(struct enrich *e, const struct part *part, const struct mly_error *why,
                            struct mly_error *err)
{
    char meaning[MEANING];
    print_loss(e, part, meaning);
    MLY_TRY(mly_losses_bear(&e->options, MLY_LOSS_GRAPH, why, meaning, err));
    for (uint32_t i = 0; i < part->n; i++)
        leave_unknown(e, part->batch, part->first + i);
    return MLY_OK;
}

/* MLY_OK: another answer was read. MLY_AGAIN: none has come. */
static enum mly_status read_answer(struct enrich *e, struct mly_error *err)
{
    struct mly_ring_answer answer;
    struct mly_error why = {.code = MLY_OK};
    enum mly_status status = mly_ring_take(e->ring, &answer, err);
    if (status != MLY_OK)
        return status;
    const struct part part = part_of(e, answer.tag);
    if (answer.kind == MLY_ANSWER_BODY) {
        status = read_body(e, &part, answer.body, &why, err);
        return why.code < 0 && status < 0 ? lose(e, &part, &why, err) : status;
    }
    if (answer.kind == MLY_ANSWER_LOST || (answer.kind == MLY_ANSWER_TOO_MUCH && part.n == 1)) {
        (void)mly_ring_give_up(e->ring, &why);
        return lose(e, &part, &why, err);
    }
    if (part.n > 1) {
        halve(e, &part);
        return MLY_OK;
    }
    mly_ring_debug(e->ring, "the service does not know it");
    leave_unknown(e, part.batch, part.first);
    return MLY_OK;
}

/* ---- rows that go out ---- */

static bool passes(const struct enrich *e, const struct held_row *held)
{
    if (held->is_dropped)
        return false;
    if (!e->how.filter)
        return true;
    uint64_t known = e->columns | 1;
    if (!e->how.is_lookup)
        known |= mly_schema_columns(e->how.layer, MLY_FROM_TILE);
    return mly_expr_eval(e->how.filter, held->row->id, held->values, known) != MLY_NO;
}

static bool give_row(struct enrich *e, struct batch *batch, struct mly_row *out)
{
    while (batch->n_given < batch->n_rows) {
        const struct held_row *held = &batch->rows[batch->n_given++];
        if (!passes(e, held))
            continue;
        *out = *held->row;
        e->given = held;
        return true;
    }
    return false;
}

static void empty_batch(struct batch *batch)
{
    batch->n_rows = batch->n_given = 0;
    batch->n_asks = batch->n_open = batch->n_parts = 0;
    batch->columns = 0;
}

static void leave_head(struct enrich *e)
{
    struct batch *batch = batch_at(e, e->head++);
    mly_arena_reset(&batch->arena);
    empty_batch(batch);
}

/* How `inner` ended, once all its rows are given. */
static enum mly_status end(const struct enrich *e, struct mly_error *err)
{
    if (e->inner_end < 0 && err)
        *err = e->trouble;
    return e->inner_end;
}

/* ---- the machine ---- */

static enum mly_status want(struct mly_machine *m, struct mly_request *out, struct mly_error *err)
{
    struct enrich *e = (struct enrich *)m;
    const enum mly_status status = mly_ring_want(e->ring, out, err);
    if (status != MLY_AGAIN || e->inner_end != MLY_OK)
        return status;
    return mly_machine_want(e->inner, out, err);
}

static enum mly_status feed(struct mly_machine *m, struct mly_response *response, struct mly_error *err)
{
    struct enrich *e = (struct enrich *)m;
    if (mly_machine_lane(response->ticket) == MLY_LANE_ENRICH)
        return mly_ring_feed(e->ring, response, err);
    if (e->inner_end < 0) /* what it still waited for has lost its use */
        return MLY_OK;
    return mly_machine_feed(e->inner, response, err);
}

static enum mly_status take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    struct enrich *e = (struct enrich *)m;
    e->given = NULL;
    for (;;) {
        enum mly_status status = MLY_OK;
        struct batch *batch = batch_at(e, e->head);
        if (e->head == e->tail)
            status = gather(e, err);
        else if (batch->n_open > 0)
            status = read_answer(e, err);
        else if (give_row(e, batch, out))
            return MLY_OK;
        else
            leave_head(e);
        if (status == MLY_DONE)
            return end(e, err);
        if (status != MLY_OK)
            return status;
    }
}

static enum mly_status find(struct mly_machine *m, int64_t id, struct mly_row *out, struct mly_error *err)
{
    return mly_machine_find(((struct enrich *)m)->inner, id, out, err);
}

static enum mly_status tiles(struct mly_machine *m, mly_tile_fn *fn, void *ctx)
{
    const struct held_row *given = ((const struct enrich *)m)->given;
    for (size_t i = 0; given && i < given->n_tiles; i++)
        MLY_TRY(fn(ctx, given->tiles[i]));
    return MLY_OK;
}

static void destroy(struct mly_machine *m)
{
    struct enrich *e = (struct enrich *)m;
    mly_ring_free(e->ring);
    mly_machine_free(e->inner);
    mly_buf_fini(&e->tiles);
    for (uint32_t i = 0; i < e->n_batches; i++)
        mly_arena_fini(&e->batches[i].arena);
    e->options.mem->release(e->options.mem->ctx, e);
}

/* The columns that the Graph is to fill: of looked-up rows all, else what tiles do not carry. */
static uint64_t choose_columns(const struct mly_enrich_options *how)
{
    uint64_t columns = how->columns;
    if (!how->is_lookup)
        columns &= mly_schema_columns(how->layer, MLY_FROM_GRAPH);
    for (uint32_t i = 0; i < how->layer->n_columns; i++) {
        if (!how->layer->columns[i].graph)
            columns &= ~bit_of((int)i);
    }
    return how->is_lookup ? columns & ~UINT64_C(1) : columns; /* whose id is known */
}

static struct enrich *make(const struct mly_enrich_options *how, const struct mly_read_options *options)
{
    const uint32_t n_batches = 2 * options->max_in_flight + 1; /* as many may wait for their turn as are on their way */
    const struct mly_mem *mem = options->mem;
    struct enrich *e = mem->alloc(mem->ctx, sizeof *e + n_batches * sizeof e->batches[0]);
    if (!e)
        return NULL;
    *e = (struct enrich){
        .options = *options,
        .how = *how,
        .columns = choose_columns(how),
        .creator = mly_schema_column(how->layer, "creator_id"),
        .username = mly_schema_column(how->layer, "creator_username"),
        .value = mly_schema_column(how->layer, "value"),
        .max_asks = how->layer->entity == MLY_ENTITY_SEQUENCE ? 1 : MLY_LIMIT_BATCH,
        .n_batches = n_batches,
    };
    mly_buf_init(&e->tiles, mem, MLY_LIMIT_BATCH_MEMORY);
    for (uint32_t i = 0; i < n_batches; i++) {
        empty_batch(&e->batches[i]);
        mly_arena_init(&e->batches[i].arena, mem, MLY_LIMIT_BATCH_MEMORY);
    }
    return e;
}

/* Until the ring stands, nothing is read: `inner` waits for the first want or take. */
static enum mly_status start_ring(struct enrich *e, struct mly_error *err)
{
    const struct mly_ring_options ring = {
        .mem = e->options.mem,
        .max_in_flight = e->options.max_in_flight,
        .lane = MLY_LANE_ENRICH,
        .takes_all = true,
        .losses = e->options.losses,
        .next = next_request,
        .next_ctx = e,
        .debug = e->options.debug,
        .debug_ctx = e->options.debug_ctx,
        .max_held_bytes = MLY_LIMIT_HELD_BYTES,
        .held_bytes = e->options.held_bytes,
    };
    return mly_ring_new(&ring, &e->ring, err);
}

enum mly_status mly_enrich_new(const struct mly_enrich_options *enrich, const struct mly_read_options *options,
                               struct mly_machine *inner, struct mly_machine **out, struct mly_error *err)
{
    static const struct mly_machine_vtbl vtbl = {
        .want = want, .feed = feed, .take = take, .find = find, .tiles = tiles, .destroy = destroy};
    struct enrich *e = make(enrich, options);
    if (!e) {
        mly_machine_free(inner);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    }
    e->base.vtbl = &vtbl;
    e->inner = inner;
    const enum mly_status status = start_ring(e, err);
    if (status < 0) {
        destroy(&e->base);
        return status;
    }
    *out = &e->base;
    return MLY_OK;
}
