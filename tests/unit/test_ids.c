/* SPDX-License-Identifier: MIT */
#include "core/ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/losses.h"
#include "support/fail_mem.h"
#include "support/fake_graph.h"

static const char service[] = "https://graph.example.org";

enum { MAX_LISTS = 24, MAX_IDS = 12000 };

/* A sequence, or all images of a creator or an organization: `n` ids from `first` on. */
struct list {
    const char *name; /* as it stands in an address */
    int64_t first;
    size_t n;
    size_t page;        /* ids in one answer; 0: all */
    const char *next;   /* what the first page names as the next one; NULL: the truth, "": nothing */
    size_t broken;      /* the number in the list of an id that is not there; 0: none … */
    size_t n_broken;    /* … in so many answers */
    int code, subcode;  /* the service refuses it … */
    size_t refuse_from; /* … from this number on */
};

struct world {
    struct fail_mem mem;
    struct fake_graph graph;
    struct mly_machine *ids;
    struct mly_error err;
    struct list lists[MAX_LISTS];
    size_t n_lists;
    int64_t given[MAX_IDS];
    size_t n_given;
    uint32_t max_in_flight;
    bool skips; /* the read goes on without what fails */
    struct mly_losses losses;
    size_t n_fresh; /* requests past every cache */
    char debug[4096];
};

/* ---- the service ---- */

static struct list *find_list(struct world *world, const struct mly_request *request)
{
    static const char *const names[] = {"sequence_id=", "creator_username=", "organization_id="};
    char name[64] = "";
    bool was_found = false;
    for (size_t i = 0; i < COUNT(names) && !was_found; i++)
        was_found = fake_graph_parameter(request, names[i], '&', name, sizeof name);
    assert_true(was_found);
    for (size_t i = 0; i < world->n_lists; i++) {
        if (strcmp(world->lists[i].name, name) == 0)
            return &world->lists[i];
    }
    return NULL;
}

static void say_ids(struct list *list, size_t from, size_t n, struct fake_answer *out)
{
    const bool is_broken = list->n_broken > 0;
    list->n_broken -= is_broken;
    fake_graph_say(out, "{\"data\":[");
    for (size_t i = from; i < from + n; i++) {
        if (is_broken && i + 1 == list->broken)
            fake_graph_say(out, "%s{}", i > from ? "," : "");
        else
            fake_graph_say(out, "%s{\"id\":\"%" PRId64 "\"}", i > from ? "," : "", list->first + (int64_t)i);
    }
    fake_graph_say(out, "]");
}

static void say_paging(const struct list *list, size_t from, size_t end, const struct mly_request *request,
                       struct fake_answer *out)
{
    const char *next = from == 0 ? list->next : NULL;
    if (next && *next)
        fake_graph_say(out, ",\"paging\":{\"next\":\"%s\"}", next);
    if (next || end == list->n)
        return;
    const char *path = request->url + strlen(service);
    const size_t n = strcspn(path, "?");
    fake_graph_say(out,
                   ",\"paging\":{\"cursors\":{\"after\":\"Q%zu\"},\"next\":\"https:\\/\\/graph.example.org\\/%.*s?",
                   end, (int)n - 1, path + 1);
    fake_graph_say(out, "%s%s&after=%zu\"}",
                   strstr(path, "creator_username") ? "creator_username=" : "organization_id=", list->name, end);
}

static void answer(void *ctx, const struct mly_request *request, struct fake_answer *out)
{
    struct world *world = ctx;
    struct list *list = find_list(world, request);
    char after[32] = "0";
    world->n_fresh += request->fresh;
    if (!list) {
        fake_graph_refuse(out, 400, 100, 33, "Unsupported get request");
        return;
    }
    (void)fake_graph_parameter(request, "&after=", '&', after, sizeof after);
    const size_t from = strtoul(after, NULL, 10);
    if (list->code && from >= list->refuse_from) {
        fake_graph_refuse(out, 500, list->code, list->subcode, "Please reduce the amount of data");
        return;
    }
    const size_t left = list->n - from, n = list->page && list->page < left ? list->page : left;
    say_ids(list, from, n, out);
    say_paging(list, from, from + n, request, out);
    fake_graph_say(out, "}");
}

static void note(void *ctx, const char *text)
{
    struct world *world = ctx;
    (void)snprintf(world->debug, sizeof world->debug, "%s", text);
}

/* ---- reading ---- */

static void set_up(struct world *world, const struct list *lists, size_t n)
{
    *world = (struct world){.n_lists = n, .max_in_flight = 4};
    world->graph = (struct fake_graph){.answer = answer, .ctx = world, .chance = {.state = 1}};
    fail_mem_init(&world->mem);
    for (size_t i = 0; i < n; i++)
        world->lists[i] = lists[i];
}

static enum mly_status start(struct world *world, enum mly_ids_kind kind, const struct mly_value *values, size_t n)
{
    const struct mly_ids_source source = {.kind = kind, .values = values, .n_values = n};
    const struct mly_read_options options = {
        .mem = &world->mem.mem,
        .graph_service = service,
        .max_in_flight = world->max_in_flight,
        .debug = note,
        .debug_ctx = world,
        .warn = note,
        .losses = world->skips ? &world->losses : NULL,
    };
    return mly_ids_new(&source, &options, &world->ids, &world->err);
}

static enum mly_status take_all(struct world *world)
{
    struct mly_row row;
    enum mly_status status;
    while ((status = fake_graph_take(&world->graph, world->ids, &row, &world->err)) == MLY_OK) {
        assert_true(world->n_given < MAX_IDS);
        assert_false(row.has_position);
        for (size_t i = 0; i < MLY_SCHEMA_MAX_COLUMNS; i++)
            assert_int_equal(row.values[i].type, MLY_NULL);
        world->given[world->n_given++] = row.id;
    }
    return status;
}

static enum mly_status read_all(struct world *world, enum mly_ids_kind kind, const struct mly_value *values, size_t n)
{
    MLY_TRY(start(world, kind, values, n));
    return take_all(world);
}

static void tear_down(struct world *world)
{
    mly_machine_free(world->ids);
    assert_nothing_leaks(&world->mem);
}

static struct mly_value text_value(const char *text)
{
    return (struct mly_value){.as.text = text, .n_bytes = (uint32_t)strlen(text), .type = MLY_TEXT};
}

/* The next of the given ids are these, from number `at` on. */
static size_t assert_gives(const struct world *world, size_t at, int64_t first, size_t n)
{
    assert_true(world->n_given >= at + n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(world->given[at + i], first + (int64_t)i);
    return at + n;
}

/* ---- given ---- */

static void given_ids_come_without_a_request(void **state)
{
    (void)state;
    const struct mly_value values[] = {{.as.i = 7, .type = MLY_INT},
                                       {.as.i = 3, .type = MLY_INT},
                                       {.as.i = INT64_C(900719925474099333), .type = MLY_INT}};
    struct world world;
    set_up(&world, NULL, 0);

    assert_status(read_all(&world, MLY_IDS_GIVEN, values, COUNT(values)), MLY_DONE, &world.err);

    assert_int_equal(world.n_given, 3);
    assert_int_equal(world.given[0], 7);
    assert_int_equal(world.given[1], 3);
    assert_int_equal(world.given[2], INT64_C(900719925474099333));
    assert_int_equal(world.graph.n_requests, 0);
    tear_down(&world);
}

static void nothing_to_ask_for_is_done_at_once(void **state)
{
    (void)state;
    static const enum mly_ids_kind kinds[] = {MLY_IDS_GIVEN, MLY_IDS_SEQUENCES, MLY_IDS_CREATORS,
                                              MLY_IDS_ORGANIZATIONS};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct world world;
        set_up(&world, NULL, 0);

        assert_status(read_all(&world, kinds[i], NULL, 0), MLY_DONE, &world.err);

        assert_status(take_all(&world), MLY_DONE, &world.err);
        assert_int_equal(world.n_given, 0);
        tear_down(&world);
    }
}

static void an_answer_to_given_ids_is_one_nobody_asked_for(void **state)
{
    (void)state;
    struct mly_response response = {.ticket = (uint64_t)MLY_LANE_IDS << 56, .http = 200};
    struct world world;
    set_up(&world, NULL, 0);
    assert_status(start(&world, MLY_IDS_GIVEN, NULL, 0), MLY_OK, &world.err);

    assert_status(mly_machine_feed(world.ids, &response, &world.err), MLY_E_ARG, NULL);

    tear_down(&world);
}

/* ---- sequences ---- */

static void images_of_sequences_come_in_the_order_of_the_keys_and_of_capture(void **state)
{
    (void)state;
    const struct list lists[] = {{.name = "a", .first = 500, .n = 968},
                                 {.name = "b", .first = 100, .n = 3},
                                 {.name = "c", .first = INT64_C(1) << 60, .n = 5}};
    const struct mly_value keys[] = {text_value("c"), text_value("a"), text_value("b")};
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct world world;
        set_up(&world, lists, COUNT(lists));
        world.graph.chance.state = seed;

        assert_status(read_all(&world, MLY_IDS_SEQUENCES, keys, COUNT(keys)), MLY_DONE, &world.err);

        size_t at = assert_gives(&world, 0, INT64_C(1) << 60, 5);
        at = assert_gives(&world, at, 500, 968);
        at = assert_gives(&world, at, 100, 3);
        assert_int_equal(world.n_given, at);
        assert_int_equal(world.graph.n_requests, 3);
        tear_down(&world);
    }
}

static void as_many_sequences_are_asked_for_at_once_as_may_be(void **state)
{
    (void)state;
    struct mly_value keys[20];
    struct world world;
    for (size_t i = 0; i < COUNT(keys); i++)
        keys[i] = text_value("a");
    set_up(&world, &(struct list){.name = "a", .first = 1, .n = 2}, 1);

    assert_status(read_all(&world, MLY_IDS_SEQUENCES, keys, COUNT(keys)), MLY_DONE, &world.err);

    assert_int_equal(world.graph.peak_in_flight, 4);
    assert_int_equal(world.n_given, 40);
    tear_down(&world);
}

static void sequences_without_images_and_unknown_ones_have_no_rows(void **state)
{
    (void)state;
    const struct list lists[] = {{.name = "empty"}, {.name = "b", .first = 100, .n = 3}};
    const struct mly_value keys[] = {text_value("empty"), text_value("unknown"), text_value("b")};
    struct world world;
    set_up(&world, lists, COUNT(lists));

    assert_status(read_all(&world, MLY_IDS_SEQUENCES, keys, COUNT(keys)), MLY_DONE, &world.err);

    assert_int_equal(assert_gives(&world, 0, 100, 3), world.n_given);
    assert_says(world.debug, "unknown");
    tear_down(&world);
}

static void a_page_of_a_sequence_is_no_sequence(void **state)
{
    (void)state;
    const struct mly_value key = text_value("a");
    struct world world;
    set_up(&world, &(struct list){.name = "a", .first = 1, .n = 10, .page = 5}, 1);

    assert_status(read_all(&world, MLY_IDS_SEQUENCES, &key, 1), MLY_E_REMOTE, NULL);

    assert_int_equal(world.n_given, 0);
    assert_says(world.err.text, "only a page");
    tear_down(&world);
}

static void rows_before_a_failure_come_first(void **state)
{
    (void)state;
    const struct list lists[] = {{.name = "a", .first = 500, .n = 9}, {.name = "b", .code = 100}};
    const struct mly_value keys[] = {text_value("a"), text_value("b"), text_value("a")};
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct world world;
        set_up(&world, lists, COUNT(lists));
        world.graph.chance.state = seed;

        assert_status(read_all(&world, MLY_IDS_SEQUENCES, keys, COUNT(keys)), MLY_E_REMOTE, NULL);

        assert_int_equal(assert_gives(&world, 0, 500, 9), world.n_given);
        assert_int_equal(world.err.code, MLY_E_REMOTE);
        tear_down(&world);
    }
}

static void a_list_that_is_too_much_is_a_failure_in_the_service_s_words(void **state)
{
    (void)state;
    static const enum mly_ids_kind kinds[] = {MLY_IDS_SEQUENCES, MLY_IDS_CREATORS};
    const struct mly_value key = text_value("a");
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct world world;
        set_up(&world, &(struct list){.name = "a", .code = 1}, 1);

        assert_status(read_all(&world, kinds[i], &key, 1), MLY_E_REMOTE, NULL);

        assert_says(world.err.text, "reduce the amount");
        tear_down(&world);
    }
}

static void an_element_without_an_id_is_asked_for_once_more(void **state)
{
    (void)state;
    static const enum mly_ids_kind kinds[] = {MLY_IDS_SEQUENCES, MLY_IDS_CREATORS};
    const struct mly_value key = text_value("a");
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct world world;
        set_up(&world, &(struct list){.name = "a", .first = 1, .n = 10, .broken = 10, .n_broken = 1}, 1);

        assert_status(read_all(&world, kinds[i], &key, 1), MLY_DONE, &world.err);

        assert_int_equal(assert_gives(&world, 0, 1, 10), world.n_given); /* none of them twice */
        assert_int_equal(world.n_fresh, 1);
        tear_down(&world);
    }
}

static void an_element_without_an_id_is_no_row_less(void **state)
{
    (void)state;
    static const enum mly_ids_kind kinds[] = {MLY_IDS_SEQUENCES, MLY_IDS_CREATORS};
    const struct mly_value key = text_value("a");
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct world world;
        set_up(&world, &(struct list){.name = "a", .first = 1, .n = 10, .broken = 10, .n_broken = 2}, 1);

        assert_status(read_all(&world, kinds[i], &key, 1), MLY_E_CORRUPT, NULL);

        assert_int_equal(world.n_given, 0);
        assert_says(world.err.text, "number 10");
        assert_says(world.err.text, "twice");
        tear_down(&world);
    }
}

static void numbers_below_one_are_no_ids(void **state)
{
    (void)state;
    const struct mly_value key = text_value("a");
    struct world world;
    set_up(&world, &(struct list){.name = "a", .first = 0, .n = 2}, 1);

    assert_status(read_all(&world, MLY_IDS_SEQUENCES, &key, 1), MLY_E_CORRUPT, NULL);

    assert_int_equal(world.n_given, 0);
    tear_down(&world);
}

/* ---- searches ---- */

static void pages_are_followed_to_the_end_one_after_another(void **state)
{
    (void)state;
    const struct list lists[] = {{.name = "ada", .first = 1000, .n = 2000 * 2 + 77, .page = 2000},
                                 {.name = "bob", .first = 9000, .n = 12, .page = 4},
                                 {.name = "cem", .first = 20000, .n = 1}};
    const struct mly_value names[] = {text_value("bob"), text_value("nobody"), text_value("ada"), text_value("cem")};
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct world world;
        set_up(&world, lists, COUNT(lists));
        world.graph.chance.state = seed;

        assert_status(read_all(&world, MLY_IDS_CREATORS, names, COUNT(names)), MLY_DONE, &world.err);

        size_t at = assert_gives(&world, 0, 9000, 12);
        at = assert_gives(&world, at, 1000, 4077);
        at = assert_gives(&world, at, 20000, 1);
        assert_int_equal(world.n_given, at);
        assert_int_equal(world.graph.n_requests, 3 + 1 + 3 + 1);
        assert_int_equal(world.graph.peak_in_flight, 1);
        tear_down(&world);
    }
}

static void organizations_are_searched_by_number(void **state)
{
    (void)state;
    const struct list lists[] = {{.name = "1805883732926354", .first = 5, .n = 7, .page = 3}};
    const struct mly_value values[] = {{.as.i = INT64_C(1805883732926354), .type = MLY_INT},
                                       {.as.i = 1, .type = MLY_INT}};
    struct world world;
    set_up(&world, lists, COUNT(lists));

    assert_status(read_all(&world, MLY_IDS_ORGANIZATIONS, values, COUNT(values)), MLY_DONE, &world.err);

    assert_int_equal(assert_gives(&world, 0, 5, 7), world.n_given);
    assert_int_equal(world.graph.n_requests, 4);
    tear_down(&world);
}

static void the_same_page_may_be_read_in_two_searches(void **state)
{
    (void)state;
    const struct mly_value numbers[] = {{.as.i = 7, .type = MLY_INT}, {.as.i = 7, .type = MLY_INT}};
    struct world world;
    set_up(&world, &(struct list){.name = "7", .first = 1, .n = 10, .page = 4}, 1);

    assert_status(read_all(&world, MLY_IDS_ORGANIZATIONS, numbers, COUNT(numbers)), MLY_DONE, &world.err);

    assert_int_equal(world.n_given, 20);
    tear_down(&world);
}

/* `is_one`: the service takes them for one name, and somebody took another picture in the meantime. */
static void spellings_of_a_name_are_one_creator_or_several(void **state)
{
    (void)state;
    const struct mly_value names[] = {text_value("Bob"), text_value("bOB"), text_value("bo"), text_value("BOB")};
    for (int is_one = 0; is_one < 2; is_one++) {
        const struct list lists[] = {{.name = "Bob", .first = 10, .n = 10, .page = 4},
                                     {.name = "bOB", .first = is_one ? 9 : 100, .n = is_one ? 11 : 3, .page = 4},
                                     {.name = "bo", .first = 10, .n = 2},
                                     {.name = "BOB", .first = is_one ? 10 : 200, .n = 10, .page = 4}};
        struct world world;
        set_up(&world, lists, COUNT(lists));

        assert_status(read_all(&world, MLY_IDS_CREATORS, names, COUNT(names)), MLY_DONE, &world.err);

        size_t at = assert_gives(&world, 0, 10, 10);
        at = is_one ? at : assert_gives(&world, at, 100, 3);
        at = assert_gives(&world, at, 10, 2);
        at = is_one ? at : assert_gives(&world, at, 200, 10);
        assert_int_equal(world.n_given, at);
        assert_int_equal(world.graph.n_requests, is_one ? 3 + 1 + 1 + 1 : 3 + 1 + 1 + 3);
        tear_down(&world);
    }
}

static void a_creator_without_images_is_warned_of(void **state)
{
    (void)state;
    const struct mly_value names[] = {text_value("Bob"), text_value("nobody")};
    for (size_t i = 0; i < COUNT(names); i++) { /* an empty list, or a refusal */
        struct world world;
        set_up(&world, &(struct list){.name = "Bob", .n = 0}, 1);

        assert_status(read_all(&world, MLY_IDS_CREATORS, &names[i], 1), MLY_DONE, &world.err);

        assert_int_equal(world.n_given, 0);
        assert_says(world.debug, i == 0 ? "none of a creator 'Bob'; check the spelling"
                                        : "none of a creator 'nobody'; check the spelling");
        tear_down(&world);
    }
}

static void a_full_page_without_a_next_one_is_no_end(void **state)
{
    (void)state;
    const struct mly_value name = text_value("ada");
    struct world full, other;
    set_up(&full, &(struct list){.name = "ada", .first = 1, .n = 5000, .page = MLY_LIMIT_PAGE, .next = ""}, 1);
    set_up(&other, &(struct list){.name = "ada", .first = 1, .n = 5000, .page = MLY_LIMIT_PAGE - 1, .next = ""}, 1);

    assert_status(read_all(&full, MLY_IDS_CREATORS, &name, 1), MLY_E_REMOTE, NULL);
    assert_status(read_all(&other, MLY_IDS_CREATORS, &name, 1), MLY_DONE, &other.err);

    assert_int_equal(assert_gives(&full, 0, 1, MLY_LIMIT_PAGE), full.n_given); /* its rows come first */
    assert_says(full.err.text, "may go on");
    assert_says(full.err.text, "Graph request");
    assert_int_equal(other.n_given, MLY_LIMIT_PAGE - 1);
    tear_down(&full);
    tear_down(&other);
}

static void a_page_that_was_read_already_is_not_read_again(void **state)
{
    (void)state;
    const struct mly_value name = text_value("ada");
    const struct list lists[] = {{.name = "ada",
                                  .first = 1,
                                  .n = 10,
                                  .page = 5,
                                  .next = "https://graph.example.org/images?creator_username=ada&after=0"}};
    struct world world;
    set_up(&world, lists, 1);

    assert_status(read_all(&world, MLY_IDS_CREATORS, &name, 1), MLY_E_REMOTE, NULL);

    assert_true(world.graph.n_requests <= 3);
    assert_says(world.err.text, "already");
    tear_down(&world);
}

static void a_page_elsewhere_is_not_asked_for(void **state)
{
    (void)state;
    static const char *const others[] = {"https://evil.example.com/images?creator_username=ada&after=5",
                                         "https://graph.example.org.evil.example.com/images?after=5",
                                         "https://graph.example.org/me?creator_username=ada&after=5"};
    const struct mly_value name = text_value("ada");
    for (size_t i = 0; i < COUNT(others); i++) {
        struct world world;
        set_up(&world, &(struct list){.name = "ada", .first = 1, .n = 10, .page = 5, .next = others[i]}, 1);

        assert_status(read_all(&world, MLY_IDS_CREATORS, &name, 1), MLY_E_REMOTE, NULL);

        assert_int_equal(assert_gives(&world, 0, 1, 5), world.n_given);
        assert_int_equal(world.graph.n_requests, 1);
        tear_down(&world);
    }
}

static void a_page_that_is_gone_is_no_end(void **state)
{
    (void)state;
    const struct mly_value name = text_value("ada");
    const struct list lists[] = {
        {.name = "ada", .first = 1, .n = 10, .page = 5, .code = 100, .subcode = 33, .refuse_from = 5}};
    struct world world;
    set_up(&world, lists, 1);

    assert_status(read_all(&world, MLY_IDS_CREATORS, &name, 1), MLY_E_REMOTE, NULL);

    assert_int_equal(assert_gives(&world, 0, 1, 5), world.n_given);
    assert_says(world.err.text, "does not know the page");
    tear_down(&world);
}

/* ---- memory ---- */

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const struct list lists[] = {{.name = "ada", .first = 1, .n = 12, .page = 5}, {.name = "bob", .first = 50, .n = 3}};
    const struct mly_value names[] = {text_value("ada"), text_value("bob")};
    static const enum mly_ids_kind kinds[] = {MLY_IDS_GIVEN, MLY_IDS_SEQUENCES, MLY_IDS_CREATORS};
    for (size_t kind = 0; kind < COUNT(kinds); kind++) {
        struct world whole;
        set_up(&whole, lists, COUNT(lists));
        whole.lists[0].page = kinds[kind] == MLY_IDS_SEQUENCES ? 0 : 5;
        const enum mly_status expected = read_all(&whole, kinds[kind], names, COUNT(names));
        assert_status(expected, MLY_DONE, &whole.err);
        tear_down(&whole);

        for (size_t i = 0; i < whole.mem.n_allocs; i++) {
            struct world world;
            set_up(&world, lists, COUNT(lists));
            fail_mem_init_failing(&world.mem, i, SIZE_MAX);

            assert_status(read_all(&world, kinds[kind], names, COUNT(names)), MLY_E_NOMEM, &world.err);

            assert_int_equal(world.err.code, MLY_E_NOMEM);
            assert_int_not_equal(world.err.text[0], '\0');
            tear_down(&world);
        }
    }
}

/* ---- going on ---- */

static void set_up_skipping(struct world *world, const struct list *lists, size_t n)
{
    set_up(world, lists, n);
    world->skips = true;
    world->losses.layer = "images";
}

static void a_sequence_whose_list_is_lost_costs_no_other(void **state)
{
    (void)state;
    const struct list lists[] = {{.name = "a", .first = 100, .n = 3},
                                 {.name = "b", .first = 200, .n = 3, .code = 1, .subcode = 99},
                                 {.name = "c", .first = 300, .n = 3, .page = 2},
                                 {.name = "d", .first = 400, .n = 3}};
    const struct mly_value keys[] = {text_value("a"), text_value("b"), text_value("c"), text_value("d")};
    struct world world;
    set_up_skipping(&world, lists, COUNT(lists));

    assert_status(read_all(&world, MLY_IDS_SEQUENCES, keys, COUNT(keys)), MLY_DONE, &world.err);

    assert_int_equal(assert_gives(&world, assert_gives(&world, 0, 100, 3), 400, 3), world.n_given);
    assert_int_equal(world.losses.n_requests, 2);
    assert_int_equal(world.graph.n_requests, 4);
    tear_down(&world);
}

static void a_page_that_is_lost_ends_its_search_and_no_other(void **state)
{
    (void)state;
    const struct list lists[] = {
        {.name = "a", .first = 1000, .n = 9, .page = 3, .code = 1, .subcode = 99, .refuse_from = 3},
        {.name = "b", .first = 2000, .n = 9, .page = 3, .next = "https:\\/\\/evil.example.org\\/x"},
        {.name = "c", .first = 3000, .n = 9, .page = 3, .code = 100, .subcode = 33, .refuse_from = 6},
        {.name = "d", .first = 4000, .n = MLY_LIMIT_PAGE, .next = ""},
        {.name = "e", .first = 7000, .n = 9, .page = 3, .broken = 5, .n_broken = 3},
        {.name = "f", .first = 8000, .n = 9, .page = 3}};
    const struct mly_value names[] = {text_value("a"), text_value("b"), text_value("c"),
                                      text_value("d"), text_value("e"), text_value("f")};
    struct world world;
    set_up_skipping(&world, lists, COUNT(lists));

    assert_status(read_all(&world, MLY_IDS_CREATORS, names, COUNT(names)), MLY_DONE, &world.err);

    size_t n = assert_gives(&world, 0, 1000, 3);
    n = assert_gives(&world, n, 2000, 3);
    n = assert_gives(&world, n, 3000, 6);
    n = assert_gives(&world, n, 4000, MLY_LIMIT_PAGE);
    n = assert_gives(&world, n, 7000, 3);
    assert_int_equal(assert_gives(&world, n, 8000, 9), world.n_given);
    assert_int_equal(world.losses.n_requests, 5);
    assert_int_equal(world.n_fresh, 1);
    tear_down(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given_ids_come_without_a_request),
        cmocka_unit_test(nothing_to_ask_for_is_done_at_once),
        cmocka_unit_test(an_answer_to_given_ids_is_one_nobody_asked_for),
        cmocka_unit_test(images_of_sequences_come_in_the_order_of_the_keys_and_of_capture),
        cmocka_unit_test(as_many_sequences_are_asked_for_at_once_as_may_be),
        cmocka_unit_test(sequences_without_images_and_unknown_ones_have_no_rows),
        cmocka_unit_test(a_page_of_a_sequence_is_no_sequence),
        cmocka_unit_test(rows_before_a_failure_come_first),
        cmocka_unit_test(a_list_that_is_too_much_is_a_failure_in_the_service_s_words),
        cmocka_unit_test(an_element_without_an_id_is_asked_for_once_more),
        cmocka_unit_test(an_element_without_an_id_is_no_row_less),
        cmocka_unit_test(numbers_below_one_are_no_ids),
        cmocka_unit_test(pages_are_followed_to_the_end_one_after_another),
        cmocka_unit_test(organizations_are_searched_by_number),
        cmocka_unit_test(the_same_page_may_be_read_in_two_searches),
        cmocka_unit_test(spellings_of_a_name_are_one_creator_or_several),
        cmocka_unit_test(a_creator_without_images_is_warned_of),
        cmocka_unit_test(a_full_page_without_a_next_one_is_no_end),
        cmocka_unit_test(a_page_that_was_read_already_is_not_read_again),
        cmocka_unit_test(a_page_elsewhere_is_not_asked_for),
        cmocka_unit_test(a_page_that_is_gone_is_no_end),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_sequence_whose_list_is_lost_costs_no_other),
        cmocka_unit_test(a_page_that_is_lost_ends_its_search_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
