/* SPDX-License-Identifier: MIT */
#include "core/hold.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/limits.h"
#include "core/mvt.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/make_tile.h"

static const char scope[] = "https://tiles.example.org";
static const char tileset[] = "mly1_public";
static const uint64_t any_age = UINT64_MAX;

enum { ROOMY = 16 << 20 };

/* A hold, and a lock that knows whether it is closed. */
struct rig {
    struct fail_mem mem;
    struct mly_hold *hold;
    size_t base_bytes; /* of the hold itself */
    bool is_locked;
    size_t n_locked;
    struct mly_error err;
};

static void close_lock(void *ctx)
{
    struct rig *rig = ctx;
    assert_false(rig->is_locked);
    rig->is_locked = true;
    rig->n_locked++;
}

static void open_lock(void *ctx)
{
    struct rig *rig = ctx;
    assert_true(rig->is_locked);
    rig->is_locked = false;
}

static void set_up(struct rig *rig, size_t max_bytes)
{
    *rig = (struct rig){.hold = NULL};
    fail_mem_init(&rig->mem);
    const struct mly_hold_options options = {
        .mem = &rig->mem.mem, .max_bytes = max_bytes, .lock = {.lock = close_lock, .unlock = open_lock, .ctx = rig}};
    assert_status(mly_hold_new(&options, &rig->hold, &rig->err), MLY_OK, &rig->err);
    rig->base_bytes = rig->mem.live_bytes;
}

static void tear_down(struct rig *rig)
{
    mly_hold_free(rig->hold);
    assert_false(rig->is_locked);
    assert_nothing_leaks(&rig->mem);
}

static const struct mly_layer *images(void)
{
    return mly_schema_find("images");
}

/* Tiles in a row, named by a number. */
static struct mly_hold_name name_of(uint32_t number)
{
    return (struct mly_hold_name){.scope = scope,
                                  .tileset = tileset,
                                  .layer = images(),
                                  .tile = {.x = number % (1 << 14), .y = number >> 14, .z = 14}};
}

static bool try_decode(const struct mly_mem *mem, struct mly_span bytes, const struct mly_hold_name *name,
                       struct mly_hold_tile *out)
{
    struct mly_mvt *mvt = NULL;
    *out = (struct mly_hold_tile){.mvt = NULL};
    mly_buf_init(&out->body, mem, MLY_LIMIT_BODY);
    mly_arena_init(&out->arena, mem, MLY_LIMIT_TILE_MEMORY);
    if (mly_buf_append(&out->body, bytes.data, bytes.size) < 0)
        return false;
    const enum mly_status status = mly_mvt_open(mly_buf_view(&out->body), name->tile, name->layer, &out->arena, &mvt,
                                                NULL);
    out->mvt = mvt;
    return status == MLY_OK;
}

static void free_tile(struct mly_hold_tile *tile)
{
    if (tile->body.mem)
        mly_buf_fini(&tile->body);
    mly_arena_fini(&tile->arena);
}

/* The tile of these bytes; NULL when it is not kept. */
static struct mly_held *put(struct rig *rig, struct mly_hold_name name, struct bytes bytes, int64_t said_ms)
{
    struct mly_hold_tile tile;
    assert_true(try_decode(&rig->mem.mem, bytes_view(&bytes), &name, &tile));
    struct mly_held *held = mly_hold_put(rig->hold, &name, &tile, said_ms);
    assert_int_equal(tile.mvt == NULL, held != NULL); /* moved, or left to the caller */
    free_tile(&tile);
    bytes_free(&bytes);
    return held;
}

/* Row i of tile `number` has the id 1000000 * (number + 1) + i. */
static int64_t id_of(uint32_t number, size_t row)
{
    return INT64_C(1000000) * (number + 1) + (int64_t)row;
}

/* Tile `number`, with so many rows, is put and given back. */
static void keep(struct rig *rig, uint32_t number, size_t n_rows, int64_t said_ms)
{
    struct mly_held *held = put(rig, name_of(number), make_images(id_of(number, 0), n_rows), said_ms);
    assert_non_null(held);
    mly_hold_drop(rig->hold, held);
}

/* Whether the tile is held, and is the one that was put there. */
static bool has(struct rig *rig, uint32_t number)
{
    const struct mly_hold_name name = name_of(number);
    struct mly_held *held = mly_hold_get(rig->hold, &name, 0, any_age);
    if (!held)
        return false;
    const struct mly_mvt *mvt = mly_hold_mvt(held);
    assert_int_equal(mly_mvt_tile(mvt).x, name.tile.x);
    assert_true(mly_mvt_count(mvt) == 0 || mly_mvt_id(mvt, 0) == id_of(number, 0));
    mly_hold_drop(rig->hold, held);
    return true;
}

/* What a tile of so many rows takes. */
static size_t bytes_of_tile(size_t n_rows)
{
    struct rig rig;
    set_up(&rig, ROOMY);
    keep(&rig, 0, n_rows, 0);
    const size_t bytes = mly_hold_measure(rig.hold);
    tear_down(&rig);
    return bytes;
}

/* ---- names ---- */

static void a_tile_is_given_to_whoever_names_it(void **state)
{
    (void)state;
    struct rig rig;
    const struct mly_hold_name name = name_of(7);
    set_up(&rig, ROOMY);
    keep(&rig, 7, 3, 0);

    struct mly_held *first = mly_hold_get(rig.hold, &name, 0, any_age);
    struct mly_held *second = mly_hold_get(rig.hold, &name, 0, any_age);

    assert_non_null(first);
    assert_ptr_equal(first, second); /* nothing is copied */
    assert_int_equal(mly_mvt_count(mly_hold_mvt(first)), 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(mly_mvt_id(mly_hold_mvt(first), i) == id_of(7, i));
    mly_hold_drop(rig.hold, first);
    mly_hold_drop(rig.hold, second);
    tear_down(&rig);
}

static void nothing_is_held_under_any_other_name(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, ROOMY);
    keep(&rig, 7, 3, 0);
    struct mly_hold_name others[7];
    for (size_t i = 0; i < COUNT(others); i++)
        others[i] = name_of(7);
    others[0].scope = "https://tiles.example.com";
    others[1].tileset = "mly1_computed_public";
    others[2].layer = mly_schema_find("map_features");
    others[3].tile.x++;
    others[4].tile.y++;
    others[5].tile.z--;
    others[6].scope = "https://tiles.example.orgm"; /* the same letters, split elsewhere */
    others[6].tileset = "ly1_public";

    for (size_t i = 0; i < COUNT(others); i++)
        assert_null(mly_hold_get(rig.hold, &others[i], 0, any_age));

    assert_true(has(&rig, 7));
    tear_down(&rig);
}

static void names_need_not_outlive_the_call(void **state)
{
    (void)state;
    struct rig rig;
    char text[64];
    struct mly_hold_name name = name_of(1);
    set_up(&rig, ROOMY);
    (void)snprintf(text, sizeof text, "%s", scope);
    name.scope = text;
    mly_hold_drop(rig.hold, put(&rig, name, make_images(id_of(1, 0), 3), 0));

    memset(text, 'x', sizeof text - 1);

    assert_true(has(&rig, 1));
    tear_down(&rig);
}

static void a_tile_without_rows_is_held_too(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, ROOMY);

    mly_hold_drop(rig.hold, put(&rig, name_of(1), (struct bytes){.size = 0}, 0));

    assert_true(has(&rig, 1));
    tear_down(&rig);
}

static void the_lock_is_used_and_left_open(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, ROOMY);

    keep(&rig, 1, 3, 0);
    assert_true(has(&rig, 1));

    assert_true(rig.n_locked >= 4); /* put, get, and two drops */
    assert_false(rig.is_locked);
    tear_down(&rig);
}

static void one_thread_needs_no_lock(void **state)
{
    (void)state;
    struct rig rig = {.hold = NULL};
    fail_mem_init(&rig.mem);
    const struct mly_hold_options options = {.mem = &rig.mem.mem, .max_bytes = ROOMY};
    assert_status(mly_hold_new(&options, &rig.hold, &rig.err), MLY_OK, &rig.err);

    keep(&rig, 1, 3, 0);

    assert_true(has(&rig, 1));
    tear_down(&rig);
    mly_hold_free(NULL);
}

/* ---- room ---- */

static void the_tile_used_least_recently_goes_first(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 4 * bytes_of_tile(100));
    for (uint32_t i = 0; i < 4; i++)
        keep(&rig, i, 100, 0);
    assert_true(has(&rig, 0)); /* now 1 is the one */

    keep(&rig, 4, 100, 0);
    keep(&rig, 5, 100, 0);

    assert_true(has(&rig, 0));
    assert_false(has(&rig, 1));
    assert_false(has(&rig, 2));
    assert_true(has(&rig, 3));
    assert_true(has(&rig, 4));
    assert_true(has(&rig, 5));
    tear_down(&rig);
}

static void what_is_counted_is_what_is_taken(void **state)
{
    (void)state;
    static const size_t numbers[] = {0, 1, 10, 3000};
    struct rig rig;
    set_up(&rig, ROOMY);
    for (uint32_t i = 0; i < COUNT(numbers); i++) {
        struct mly_arena arena;
        struct mly_row *row = NULL;
        const struct mly_hold_name name = name_of(i);
        keep(&rig, i, numbers[i], 0);
        assert_in_range(mly_hold_measure(rig.hold), rig.mem.live_bytes - rig.base_bytes, ROOMY);

        mly_arena_init(&arena, mly_mem_system(), 1 << 20); /* looked through, it has its index as well */
        assert_status(mly_hold_find(rig.hold, &name, 999, 0, any_age, &arena, &row, &rig.err), MLY_DONE, &rig.err);
        mly_arena_fini(&arena);

        assert_int_equal(mly_hold_measure(rig.hold), rig.mem.live_bytes - rig.base_bytes);
    }
    tear_down(&rig);
}

static void the_ceiling_holds_whatever_comes(void **state)
{
    (void)state;
    enum { CEILING = 1 << 20, N_NAMES = 40, MAX_USED = 8 };
    struct chance chance = {.state = 3};
    struct rig rig;
    struct mly_held *used[MAX_USED] = {NULL};
    size_t n_kept = 0, n_refused = 0;
    set_up(&rig, CEILING);
    for (unsigned long round = chance_rounds(1000); round > 0; round--) {
        const uint32_t number = (uint32_t)chance_below(&chance, N_NAMES);
        const struct mly_hold_name name = name_of(number);
        struct mly_held **slot = &used[chance_below(&chance, MAX_USED)];
        mly_hold_drop(rig.hold, *slot);
        if (chance_below(&chance, 2))
            *slot = mly_hold_get(rig.hold, &name, 0, any_age);
        else
            *slot = put(&rig, name, make_images(id_of(number, 0), chance_below(&chance, 3000)), 0);
        n_kept += *slot != NULL;
        n_refused += *slot == NULL;

        assert_in_range(rig.mem.live_bytes - rig.base_bytes, 0, CEILING);
        assert_in_range(mly_hold_measure(rig.hold), rig.mem.live_bytes - rig.base_bytes, CEILING);
    }
    for (size_t i = 0; i < MAX_USED; i++)
        mly_hold_drop(rig.hold, used[i]);
    assert_true(n_kept > 0 && n_refused > 0);
    tear_down(&rig);
}

static void before_a_tile_is_decoded_others_make_way_for_it(void **state)
{
    (void)state;
    const size_t bytes = bytes_of_tile(100);
    struct rig rig;
    set_up(&rig, 8 * bytes);
    for (uint32_t i = 0; i < 8; i++)
        keep(&rig, i, 100, 0);
    const struct mly_hold_name name = name_of(0);
    struct mly_held *used = mly_hold_get(rig.hold, &name, 0, any_age);

    mly_hold_make_way(rig.hold, 2 * bytes);
    assert_int_equal(mly_hold_measure(rig.hold), 6 * bytes);
    mly_hold_make_way(rig.hold, 2 * bytes); /* there is room already */
    assert_int_equal(mly_hold_measure(rig.hold), 6 * bytes);
    mly_hold_make_way(rig.hold, SIZE_MAX); /* it will not be kept */
    assert_int_equal(mly_hold_measure(rig.hold), 4 * bytes);

    assert_true(has(&rig, 0) && has(&rig, 7)); /* in use, and used last */
    mly_hold_drop(rig.hold, used);
    tear_down(&rig);
}

static void a_tile_that_takes_more_than_half_stays_the_caller_s(void **state)
{
    (void)state;
    const size_t bytes = bytes_of_tile(1000);
    struct rig rig;
    set_up(&rig, 2 * bytes - 1);
    keep(&rig, 0, 10, 0);

    assert_null(put(&rig, name_of(1), make_images(id_of(1, 0), 1000), 0));

    assert_true(has(&rig, 0)); /* nothing had to go for it */
    tear_down(&rig);
    set_up(&rig, 2 * bytes);
    keep(&rig, 1, 1000, 0);
    tear_down(&rig);
}

static void a_hold_without_room_keeps_nothing(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0);

    assert_null(put(&rig, name_of(1), make_images(1, 1), 0));

    assert_false(has(&rig, 1));
    tear_down(&rig);
}

static void there_is_a_bound_on_the_number_of_tiles(void **state)
{
    (void)state;
    enum { BOUND = 4096, MORE = BOUND + 10 };
    struct rig rig;
    set_up(&rig, ROOMY);
    for (uint32_t i = 0; i < MORE; i++)
        mly_hold_drop(rig.hold, put(&rig, name_of(i), (struct bytes){.size = 0}, 0));

    for (uint32_t i = 0; i < MORE; i++)
        assert_int_equal(has(&rig, i), i >= MORE - BOUND);

    tear_down(&rig);
}

/* ---- use ---- */

static void a_tile_in_use_does_not_go(void **state)
{
    (void)state;
    struct rig rig;
    const struct mly_hold_name name = name_of(0);
    set_up(&rig, 4 * bytes_of_tile(100));
    for (uint32_t i = 0; i < 4; i++)
        keep(&rig, i, 100, 0);
    struct mly_held *held = mly_hold_get(rig.hold, &name, 0, any_age);
    for (uint32_t i = 1; i < 4; i++)
        assert_true(has(&rig, i)); /* all are used later than it */

    keep(&rig, 4, 100, 0);

    assert_true(has(&rig, 0));
    assert_false(has(&rig, 1));
    assert_true(mly_mvt_id(mly_hold_mvt(held), 99) == id_of(0, 99));
    mly_hold_drop(rig.hold, held);
    tear_down(&rig);
}

static void when_all_are_in_use_a_new_one_is_not_kept(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_held *used[3];
    set_up(&rig, 4 * bytes_of_tile(100));
    for (uint32_t i = 0; i < 3; i++)
        used[i] = put(&rig, name_of(i), make_images(id_of(i, 0), 100), 0);
    keep(&rig, 3, 1, 0);

    assert_null(put(&rig, name_of(4), make_images(id_of(4, 0), 200), 0));

    assert_true(has(&rig, 3)); /* since it would not have helped, it was left alone */
    mly_hold_drop(rig.hold, used[0]);
    keep(&rig, 4, 200, 0);
    assert_false(has(&rig, 0));
    mly_hold_drop(rig.hold, used[1]);
    mly_hold_drop(rig.hold, used[2]);
    tear_down(&rig);
}

static void a_newer_tile_takes_the_place_of_an_older_one_whose_user_keeps_it(void **state)
{
    (void)state;
    struct rig rig;
    const struct mly_hold_name name = name_of(1);
    set_up(&rig, ROOMY);
    struct mly_held *older = put(&rig, name, make_images(500, 5), 0);

    struct mly_held *newer = put(&rig, name, make_images(id_of(1, 0), 3), 10);

    assert_int_equal(mly_mvt_count(mly_hold_mvt(older)), 5);
    assert_true(mly_mvt_id(mly_hold_mvt(older), 4) == 504);
    assert_true(has(&rig, 1)); /* the newer one */
    const size_t both = rig.mem.live_bytes;
    assert_in_range(mly_hold_measure(rig.hold), both - rig.base_bytes, ROOMY); /* and both count */
    mly_hold_drop(rig.hold, older);
    assert_true(rig.mem.live_bytes < both);
    assert_true(has(&rig, 1));
    mly_hold_drop(rig.hold, newer);
    tear_down(&rig);
}

static void nothing_can_be_given_back_too(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, ROOMY);

    mly_hold_drop(rig.hold, NULL);

    tear_down(&rig);
}

/* ---- age ---- */

static void a_tile_is_given_until_it_is_too_old(void **state)
{
    (void)state;
    const struct mly_hold_name name = name_of(1);
    struct rig rig;
    set_up(&rig, ROOMY);
    keep(&rig, 1, 100, 5000);
    struct mly_held *held = mly_hold_get(rig.hold, &name, 6000, 1000);
    assert_non_null(held);

    assert_null(mly_hold_get(rig.hold, &name, 6001, 1000));

    assert_true(mly_mvt_id(mly_hold_mvt(held), 99) == id_of(1, 99)); /* who had it goes on to have it */
    assert_false(has(&rig, 1));
    mly_hold_drop(rig.hold, held);
    assert_int_equal(mly_hold_measure(rig.hold), 0); /* then it goes */
    assert_int_equal(rig.mem.live_bytes, rig.base_bytes);
    tear_down(&rig);
}

static void use_does_not_make_a_tile_younger_but_a_new_one_is(void **state)
{
    (void)state;
    const struct mly_hold_name name = name_of(1);
    struct rig rig;
    set_up(&rig, ROOMY);
    keep(&rig, 1, 3, 0);
    mly_hold_drop(rig.hold, mly_hold_get(rig.hold, &name, 900, 1000));
    assert_null(mly_hold_get(rig.hold, &name, 1001, 1000));

    keep(&rig, 1, 3, 1001);

    struct mly_held *held = mly_hold_get(rig.hold, &name, 2001, 1000);
    assert_non_null(held);
    mly_hold_drop(rig.hold, held);
    tear_down(&rig);
}

static void any_age_will_do_for_whoever_says_so(void **state)
{
    (void)state;
    const struct mly_hold_name name = name_of(1);
    struct rig rig;
    set_up(&rig, ROOMY);
    keep(&rig, 1, 3, 10);

    const uint64_t times[] = {UINT64_MAX, 0}; /* the second one is before it was put: another thread was slow */
    for (size_t i = 0; i < COUNT(times); i++) {
        struct mly_held *held = mly_hold_get(rig.hold, &name, times[i], i == 0 ? any_age : 0);
        assert_non_null(held);
        mly_hold_drop(rig.hold, held);
    }

    tear_down(&rig);
}

/* ---- rows ---- */

struct finding {
    struct mly_arena arena;
    struct mly_row *row;
};

static enum mly_status find(struct rig *rig, int64_t id, struct finding *finding)
{
    const struct mly_hold_name name = name_of(0);
    mly_arena_init(&finding->arena, mly_mem_system(), 1 << 20);
    finding->row = NULL;
    return mly_hold_find(rig->hold, &name, id, 0, any_age, &finding->arena, &finding->row, &rig->err);
}

static bool finds(struct rig *rig, int64_t id)
{
    struct finding finding;
    const enum mly_status status = find(rig, id, &finding);
    assert_true(status == MLY_OK || status == MLY_DONE);
    if (status == MLY_OK) {
        assert_true(finding.row->id == id);
        assert_int_equal(finding.row->values[0].type, MLY_INT);
        assert_true(finding.row->values[0].as.i == id);
    }
    mly_arena_fini(&finding.arena);
    return status == MLY_OK;
}

static void every_row_is_found_by_its_id(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, ROOMY);
    for (uint32_t i = 0; i < 3; i++)
        keep(&rig, i, 1000, 0);

    for (uint32_t i = 0; i < 3; i++) {
        for (size_t row = 0; row < 1000; row++)
            assert_true(finds(&rig, id_of(i, row)));
        assert_false(finds(&rig, id_of(i, 0) - 1));
        assert_false(finds(&rig, id_of(i, 1000)));
    }

    assert_false(finds(&rig, INT64_MAX));
    assert_false(finds(&rig, 0));
    assert_false(finds(&rig, -1));
    assert_false(finds(&rig, INT64_MIN));
    tear_down(&rig);
}

static void a_row_that_is_found_is_the_tile_s_and_outlives_it(void **state)
{
    (void)state;
    const struct make_tag tags[] = {{.key = "id", .value = {.encoding = MAKE_INT, .integer = 42}},
                                    {.key = "sequence_id", .value = {.encoding = MAKE_TEXT, .text = "a-sequence"}}};
    const struct make_feature point = {.x = 100, .y = 200, .tags = tags, .n_tags = COUNT(tags)};
    struct bytes bytes = {.size = 0};
    struct rig rig;
    struct finding finding;
    set_up(&rig, ROOMY);
    make_layer(&bytes, &(struct make_layer){.name = "image", .features = &point, .n_features = 1});
    mly_hold_drop(rig.hold, put(&rig, name_of(3), bytes, 0));

    assert_status(find(&rig, 42, &finding), MLY_OK, &rig.err);
    tear_down(&rig);

    const struct mly_tile tile = name_of(3).tile;
    assert_int_equal(finding.row->tile.x, tile.x);
    assert_true(finding.row->has_position);
    assert_true(finding.row->longitude == mly_tile_longitude(tile, 100, 4096));
    assert_near(finding.row->latitude, mly_tile_latitude(tile, 200, 4096), 3e-14);
    const int column = mly_schema_column(images(), "sequence_id");
    assert_int_equal(finding.row->values[column].n_bytes, 10);
    assert_memory_equal(finding.row->values[column].as.text, "a-sequence", 10);
    for (uint32_t i = images()->n_tile_columns; i < images()->n_columns; i++)
        assert_int_equal(finding.row->values[i].type, MLY_NULL);
    mly_arena_fini(&finding.arena);
}

static void of_rows_with_one_id_the_first_is_found_and_none_without(void **state)
{
    (void)state;
    enum { N = 6 };
    static const int64_t ids[N] = {9, 5, 0, 5, -5, 5}; /* zero and less are no ids */
    struct make_tag tags[N];
    struct make_feature features[N + 1] = {{.x = 0}};
    for (int32_t i = 0; i < N; i++) {
        tags[i] = (struct make_tag){.key = "id", .value = {.encoding = MAKE_SINT, .integer = ids[i]}};
        features[i] = (struct make_feature){.x = 10 * i, .tags = &tags[i], .n_tags = 1};
    }
    struct bytes bytes = {.size = 0};
    struct rig rig;
    struct finding finding;
    set_up(&rig, ROOMY);
    make_layer(&bytes, &(struct make_layer){.name = "image", .features = features, .n_features = N + 1});
    mly_hold_drop(rig.hold, put(&rig, name_of(3), bytes, 0));

    assert_status(find(&rig, 5, &finding), MLY_OK, &rig.err);

    assert_true(finding.row->longitude == mly_tile_longitude(name_of(3).tile, 10, 4096));
    mly_arena_fini(&finding.arena);
    assert_true(finds(&rig, 9));
    assert_false(finds(&rig, 0));
    assert_false(finds(&rig, -1));
    assert_false(finds(&rig, -5));
    tear_down(&rig);
}

static void ids_in_any_order_are_found(void **state)
{
    (void)state;
    enum { N = 500 };
    struct chance chance = {.state = 11};
    struct make_tag tags[N];
    struct make_feature features[N];
    for (int32_t i = 0; i < N; i++) {
        const int64_t id = (int64_t)(chance_next(&chance) >> 1) | 1;
        tags[i] = (struct make_tag){.key = "id", .value = {.encoding = MAKE_INT, .integer = id}};
        features[i] = (struct make_feature){.x = i, .tags = &tags[i], .n_tags = 1};
    }
    struct bytes bytes = {.size = 0};
    struct rig rig;
    set_up(&rig, ROOMY);
    make_layer(&bytes, &(struct make_layer){.name = "image", .features = features, .n_features = N});
    mly_hold_drop(rig.hold, put(&rig, name_of(3), bytes, 0));

    for (int32_t i = 0; i < N; i++) {
        struct finding finding;
        assert_status(find(&rig, tags[i].value.integer, &finding), MLY_OK, &rig.err);
        assert_true(finding.row->longitude == mly_tile_longitude(name_of(3).tile, i, 4096));
        mly_arena_fini(&finding.arena);
        assert_false(finds(&rig, tags[i].value.integer - 1)); /* even */
    }

    tear_down(&rig);
}

static void rows_of_other_scopes_tilesets_and_layers_are_not_found(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_hold_name others[] = {name_of(1), name_of(1), name_of(1)};
    set_up(&rig, ROOMY);
    others[0].scope = "https://tiles.example.com";
    others[1].tileset = "mly1_computed_public";
    others[2].layer = mly_schema_find("map_features");
    for (uint32_t i = 0; i < COUNT(others); i++)
        mly_hold_drop(rig.hold, put(&rig, others[i], make_images(id_of(i, 0), 3), 0));

    for (uint32_t i = 0; i < COUNT(others); i++)
        assert_false(finds(&rig, id_of(i, 0)));

    tear_down(&rig);
}

/* What a cache kept while the machine was off. */
static void a_tile_may_be_older_than_the_clock(void **state)
{
    (void)state;
    struct rig rig;
    const struct mly_hold_name name = name_of(1);
    set_up(&rig, ROOMY);
    keep(&rig, 1, 3, -500);

    struct mly_held *held = mly_hold_get(rig.hold, &name, 100, 600);
    assert_non_null(held);
    mly_hold_drop(rig.hold, held);
    assert_null(mly_hold_get(rig.hold, &name, 100, 599));
    tear_down(&rig);
}

static void a_row_that_is_too_old_is_not_found(void **state)
{
    (void)state;
    const struct mly_hold_name name = name_of(0);
    struct rig rig;
    struct mly_arena arena;
    struct mly_row *row = NULL;
    set_up(&rig, ROOMY);
    keep(&rig, 0, 3, 100);
    mly_arena_init(&arena, mly_mem_system(), 1 << 20);

    assert_status(mly_hold_find(rig.hold, &name, id_of(0, 0), 1101, 1000, &arena, &row, &rig.err), MLY_DONE, &rig.err);
    assert_status(mly_hold_find(rig.hold, &name, id_of(0, 0), 1100, 1000, &arena, &row, &rig.err), MLY_OK, &rig.err);

    mly_arena_fini(&arena);
    tear_down(&rig);
}

static void looking_for_rows_is_use(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 4 * bytes_of_tile(100));
    for (uint32_t i = 0; i < 4; i++)
        keep(&rig, i, 100, 0);

    assert_true(finds(&rig, id_of(0, 50)));

    keep(&rig, 4, 100, 0);
    assert_true(has(&rig, 0));
    assert_false(has(&rig, 1));
    tear_down(&rig);
}

static void lines_are_not_found_by_their_pieces(void **state)
{
    (void)state;
    const struct make_vertex line[] = {{.x = 1, .y = 1}, {.x = 2, .y = 2}};
    struct make_lines lines = {.n = 0};
    struct mly_hold_name name = name_of(1);
    struct mly_arena arena;
    struct mly_row *row = NULL;
    struct rig rig;
    set_up(&rig, ROOMY);
    name.layer = mly_schema_find("sequences");
    make_lines_add(&lines, "key", line, COUNT(line));
    mly_hold_drop(rig.hold, put(&rig, name, make_lines_tile(&lines, 4096), 0));
    mly_arena_init(&arena, mly_mem_system(), 1 << 20);

    assert_status(mly_hold_find(rig.hold, &name, mly_value_hash(0, "key", 3), 0, any_age, &arena, &row, &rig.err),
                  MLY_DONE, &rig.err);

    mly_arena_fini(&arena);
    tear_down(&rig);
}

/* ---- memory ---- */

static void a_hold_without_memory_is_none(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_hold *hold = NULL;
    struct mly_error err;
    fail_mem_init_failing(&mem, 0, 1);
    const struct mly_hold_options options = {.mem = &mem.mem, .max_bytes = ROOMY};

    assert_status(mly_hold_new(&options, &hold, &err), MLY_E_NOMEM, NULL);

    assert_null(hold);
    assert_nothing_leaks(&mem);
}

static void a_tile_that_cannot_be_kept_for_want_of_memory_stays_the_caller_s(void **state)
{
    (void)state;
    struct rig rig;
    struct bytes bytes = make_images(id_of(1, 0), 10);
    struct mly_hold_tile tile;
    const struct mly_hold_name name = name_of(1);
    set_up(&rig, ROOMY);
    assert_true(try_decode(&rig.mem.mem, bytes_view(&bytes), &name, &tile));
    rig.mem.first_failure = rig.mem.n_allocs;
    rig.mem.n_failures = 1;

    assert_null(mly_hold_put(rig.hold, &name, &tile, 0));

    assert_int_equal(rig.mem.n_failed, 1);
    assert_int_equal(mly_mvt_count(tile.mvt), 10);
    struct mly_held *held = mly_hold_put(rig.hold, &name, &tile, 0); /* the next time there is some */
    assert_non_null(held);
    mly_hold_drop(rig.hold, held);
    bytes_free(&bytes);
    tear_down(&rig);
}

static void rows_are_found_without_memory_for_an_index(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct rig rig;
        set_up(&rig, ROOMY);
        keep(&rig, 0, 100, 0);
        rig.mem.first_failure = rig.mem.n_allocs + k;
        rig.mem.n_failures = 1;

        assert_true(finds(&rig, id_of(0, 70)));

        assert_int_equal(rig.mem.n_failed, 1);
        assert_false(finds(&rig, id_of(0, 100)));
        assert_true(finds(&rig, id_of(0, 99)));
        tear_down(&rig);
    }
}

static void a_row_that_has_no_room_is_an_error(void **state)
{
    (void)state;
    const struct mly_hold_name name = name_of(0);
    for (size_t k = 0; k < 2; k++) {
        struct rig rig;
        struct fail_mem mem;
        struct mly_arena arena;
        struct mly_row *row = NULL;
        set_up(&rig, ROOMY);
        keep(&rig, 0, 3, 0);
        fail_mem_init_failing(&mem, 0, 1);
        mly_arena_init(&arena, &mem.mem, k == 0 ? 1 << 20 : 16);

        assert_status(mly_hold_find(rig.hold, &name, id_of(0, 0), 0, any_age, &arena, &row, &rig.err),
                      k == 0 ? MLY_E_NOMEM : MLY_E_LIMIT, NULL);

        assert_null(row);
        assert_true(has(&rig, 0));
        mly_arena_fini(&arena);
        assert_nothing_leaks(&mem);
        tear_down(&rig);
    }
}

/* ---- threads ---- */

enum { N_THREADS = 3, N_SHARED = 12, SHARED_ROWS = 200 };

struct worker {
    struct mly_hold *hold;
    uint64_t seed;
    const struct bytes *bodies;
    size_t n_held, n_found;
    bool has_failed;
};

static void lock_mutex(void *ctx)
{
    (void)pthread_mutex_lock(ctx);
}

static void unlock_mutex(void *ctx)
{
    (void)pthread_mutex_unlock(ctx);
}

/* Reads the whole tile, as others do at the same time. */
static bool is_tile(const struct mly_mvt *mvt, uint32_t number)
{
    struct mly_row_space space = {.digits = {{0}}};
    bool is_right = mly_mvt_count(mvt) == SHARED_ROWS;
    for (uint32_t i = 0; is_right && i < SHARED_ROWS; i++) {
        struct mly_row row;
        mly_mvt_row(mvt, i, &space, &row);
        is_right = row.id == id_of(number, i) &&
                   fabs(row.latitude - mly_tile_latitude(name_of(number).tile, 2 * i, 4096)) <= 3e-14;
    }
    return is_right;
}

static struct mly_held *decode_and_put(const struct worker *worker, uint32_t number, uint64_t now_ms)
{
    struct mly_hold_tile tile;
    const struct mly_hold_name name = name_of(number);
    if (!try_decode(mly_mem_system(), bytes_view(&worker->bodies[number]), &name, &tile))
        return NULL;
    struct mly_held *held = mly_hold_put(worker->hold, &name, &tile, (int64_t)now_ms);
    if (!held)
        free_tile(&tile);
    return held;
}

static bool look_for(struct worker *worker, uint32_t number, size_t row, uint64_t now_ms)
{
    struct mly_arena arena;
    struct mly_row *found = NULL;
    const struct mly_hold_name name = name_of(0);
    mly_arena_init(&arena, mly_mem_system(), 1 << 16);
    const enum mly_status status = mly_hold_find(worker->hold, &name, id_of(number, row), now_ms, 100, &arena, &found,
                                                 NULL);
    const bool is_right = status == MLY_DONE || (status == MLY_OK && found->id == id_of(number, row));
    worker->n_found += status == MLY_OK;
    mly_arena_fini(&arena);
    return is_right;
}

static void *work(void *ctx)
{
    struct worker *worker = ctx;
    struct chance chance = {.state = worker->seed};
    for (uint64_t round = 0; round < 600 && !worker->has_failed; round++) {
        const uint32_t number = (uint32_t)chance_below(&chance, N_SHARED);
        const struct mly_hold_name name = name_of(number);
        struct mly_held *held = mly_hold_get(worker->hold, &name, round, 100);
        worker->n_held += held != NULL;
        if (!held)
            held = decode_and_put(worker, number, round);
        if (held && !is_tile(mly_hold_mvt(held), number))
            worker->has_failed = true;
        if (!look_for(worker, (uint32_t)chance_below(&chance, N_SHARED), chance_below(&chance, SHARED_ROWS), round))
            worker->has_failed = true;
        mly_hold_drop(worker->hold, held);
    }
    return NULL;
}

static void threads_share_what_they_hold(void **state)
{
    (void)state;
    const size_t max_bytes = 6 * bytes_of_tile(SHARED_ROWS);
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    const struct mly_hold_options options = {
        .mem = mly_mem_system(),
        .max_bytes = max_bytes, /* half of them: they drive each other out all the time */
        .lock = {.lock = lock_mutex, .unlock = unlock_mutex, .ctx = &mutex},
    };
    struct mly_hold *hold = NULL;
    struct bytes bodies[N_SHARED];
    struct worker workers[N_THREADS];
    pthread_t threads[N_THREADS];
    assert_status(mly_hold_new(&options, &hold, NULL), MLY_OK, NULL);
    for (uint32_t i = 0; i < N_SHARED; i++)
        bodies[i] = make_images(id_of(i, 0), SHARED_ROWS);

    for (size_t i = 0; i < N_THREADS; i++) {
        workers[i] = (struct worker){.hold = hold, .seed = i, .bodies = bodies};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);

    for (size_t i = 0; i < N_THREADS; i++) {
        assert_false(workers[i].has_failed);
        assert_true(workers[i].n_held > 0 && workers[i].n_found > 0);
    }
    assert_in_range(mly_hold_measure(hold), 1, max_bytes);
    mly_hold_free(hold);
    for (size_t i = 0; i < N_SHARED; i++)
        bytes_free(&bodies[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tile_is_given_to_whoever_names_it),
        cmocka_unit_test(nothing_is_held_under_any_other_name),
        cmocka_unit_test(names_need_not_outlive_the_call),
        cmocka_unit_test(a_tile_without_rows_is_held_too),
        cmocka_unit_test(the_lock_is_used_and_left_open),
        cmocka_unit_test(one_thread_needs_no_lock),
        cmocka_unit_test(the_tile_used_least_recently_goes_first),
        cmocka_unit_test(what_is_counted_is_what_is_taken),
        cmocka_unit_test(the_ceiling_holds_whatever_comes),
        cmocka_unit_test(before_a_tile_is_decoded_others_make_way_for_it),
        cmocka_unit_test(a_tile_that_takes_more_than_half_stays_the_caller_s),
        cmocka_unit_test(a_hold_without_room_keeps_nothing),
        cmocka_unit_test(there_is_a_bound_on_the_number_of_tiles),
        cmocka_unit_test(a_tile_in_use_does_not_go),
        cmocka_unit_test(when_all_are_in_use_a_new_one_is_not_kept),
        cmocka_unit_test(a_newer_tile_takes_the_place_of_an_older_one_whose_user_keeps_it),
        cmocka_unit_test(nothing_can_be_given_back_too),
        cmocka_unit_test(a_tile_is_given_until_it_is_too_old),
        cmocka_unit_test(use_does_not_make_a_tile_younger_but_a_new_one_is),
        cmocka_unit_test(any_age_will_do_for_whoever_says_so),
        cmocka_unit_test(every_row_is_found_by_its_id),
        cmocka_unit_test(a_row_that_is_found_is_the_tile_s_and_outlives_it),
        cmocka_unit_test(of_rows_with_one_id_the_first_is_found_and_none_without),
        cmocka_unit_test(ids_in_any_order_are_found),
        cmocka_unit_test(rows_of_other_scopes_tilesets_and_layers_are_not_found),
        cmocka_unit_test(a_tile_may_be_older_than_the_clock),
        cmocka_unit_test(a_row_that_is_too_old_is_not_found),
        cmocka_unit_test(looking_for_rows_is_use),
        cmocka_unit_test(lines_are_not_found_by_their_pieces),
        cmocka_unit_test(a_hold_without_memory_is_none),
        cmocka_unit_test(a_tile_that_cannot_be_kept_for_want_of_memory_stays_the_caller_s),
        cmocka_unit_test(rows_are_found_without_memory_for_an_index),
        cmocka_unit_test(a_row_that_has_no_room_is_an_error),
        cmocka_unit_test(threads_share_what_they_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
