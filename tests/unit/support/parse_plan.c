/* SPDX-License-Identifier: MIT */
#include "parse_plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/limits.h"

enum { MAX_LITERALS = 4096, MAX_TEXT = 4096 };

/* A place in a line. */
struct reader {
    const char *at;
    struct mly_arena *arena;
    struct mly_plan *plan;
};

/* ---- words ---- */

static bool take(struct reader *reader, const char *word)
{
    const size_t n = strlen(word);
    if (strncmp(reader->at, word, n) != 0)
        return false;
    reader->at += n;
    return true;
}

static void expect(struct reader *reader, const char *word)
{
    const bool is_there = take(reader, word);
    if (!is_there)
        print_error("'%s' expected at '%.60s'\n", word, reader->at);
    assert_true(is_there);
}

static uint64_t take_number(struct reader *reader)
{
    char *end = NULL;
    const uint64_t number = strtoull(reader->at, &end, 10);
    assert_true(end > reader->at);
    reader->at = end;
    return number;
}

static double take_real(struct reader *reader)
{
    char *end = NULL;
    const double number = strtod(reader->at, &end);
    assert_true(end > reader->at);
    reader->at = end;
    return number;
}

/* Up to a space, a comma or the end; of the plan's life. */
static const char *take_name(struct reader *reader)
{
    const size_t n = strcspn(reader->at, " ,");
    char *name = mly_arena_alloc(reader->arena, n + 1);
    assert_non_null(name);
    assert_true(n > 0);
    memcpy(name, reader->at, n);
    name[n] = '\0';
    reader->at += n;
    return name;
}

static int take_choice(struct reader *reader, const char *const words[], int n)
{
    const char *word = take_name(reader);
    for (int i = 0; i < n; i++) {
        if (strcmp(words[i], word) == 0)
            return i;
    }
    print_error("'%s' is none of the words\n", word);
    fail();
    return 0;
}

/* ---- values ---- */

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static struct mly_value take_text(struct reader *reader)
{
    char *text = mly_arena_alloc(reader->arena, strlen(reader->at) + 1);
    uint32_t n = 0;
    assert_non_null(text);
    for (expect(reader, "'"); reader->at[0] != '\'' || reader->at[1] == '\''; reader->at++) {
        assert_true(reader->at[0] != '\0');
        if (take(reader, "\\x")) {
            text[n++] = (char)(hex_digit(reader->at[0]) << 4 | hex_digit(reader->at[1]));
            reader->at++;
        } else {
            reader->at += reader->at[0] == '\'';
            text[n++] = reader->at[0];
        }
    }
    expect(reader, "'");
    text[n] = '\0';
    return (struct mly_value){.as.text = text, .n_bytes = n, .type = MLY_TEXT};
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Year by year and month by month. */
static int64_t take_moment(struct reader *reader)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = 0, year = 0, month = 0;
    if (take(reader, "@")) {
        const bool is_negative = take(reader, "-");
        const uint64_t number = take_number(reader);
        return is_negative ? (int64_t)(UINT64_C(0) - number) : (int64_t)number;
    }
    year = (int64_t)take_number(reader);
    expect(reader, "-");
    month = (int64_t)take_number(reader);
    expect(reader, "-");
    day = (int64_t)take_number(reader) - 1;
    for (int64_t i = 1970; i < year; i++)
        day += is_leap(i) ? 366 : 365;
    for (int64_t i = 1; i < month; i++)
        day += days[i - 1] + (i == 2 && is_leap(year));
    expect(reader, "T");
    int64_t ms = day * 24 + (int64_t)take_number(reader);
    expect(reader, ":");
    ms = ms * 60 + (int64_t)take_number(reader);
    expect(reader, ":");
    ms = ms * 60 + (int64_t)take_number(reader);
    expect(reader, ".");
    ms = ms * 1000 + (int64_t)take_number(reader);
    expect(reader, "Z");
    return ms;
}

static bool is_moment(const char *text)
{
    return text[0] == '@' || (strspn(text, "0123456789") == 4 && text[4] == '-');
}

static struct mly_literal take_literal(struct reader *reader)
{
    struct mly_literal literal = {.value.type = MLY_NULL};
    if (take(reader, "NULL"))
        return literal;
    if (reader->at[0] == '\'') {
        literal.value = take_text(reader);
    } else if (take(reader, "TRUE") || take(reader, "FALSE")) {
        literal.value = (struct mly_value){.as.i = reader->at[-2] == 'U', .type = MLY_BOOL};
    } else if (is_moment(reader->at)) {
        literal.value = (struct mly_value){.as.i = take_moment(reader), .type = MLY_TIME};
        literal.until = take(reader, " TO ") ? take_moment(reader) : literal.value.as.i;
    } else if (strcspn(reader->at, ".en") < strcspn(reader->at, ",) ")) {
        literal.value = (struct mly_value){.as.r = take_real(reader), .type = MLY_REAL};
    } else {
        char *end = NULL;
        literal.value = (struct mly_value){.as.i = strtoll(reader->at, &end, 10), .type = MLY_INT};
        assert_true(end > reader->at);
        reader->at = end;
    }
    return literal;
}

/* ---- filters ---- */

static const struct mly_expr *take_test(struct reader *reader)
{
    static const struct {
        const char *word;
        enum mly_op op;
    } ops[] = {{"IS NULL", MLY_OP_IS_NULL},
               {"ILIKE", MLY_OP_ILIKE},
               {"LIKE", MLY_OP_LIKE},
               {"IN", MLY_OP_IN},
               {"<>", MLY_OP_NE},
               {"<=", MLY_OP_LE},
               {">=", MLY_OP_GE},
               {"=", MLY_OP_EQ},
               {"<", MLY_OP_LT},
               {">", MLY_OP_GT}};
    static struct mly_literal literals[MAX_LITERALS];
    const char *name = take_name(reader);
    const int column = strcmp(name, "FID") == 0 ? MLY_EXPR_FID : mly_schema_column(reader->plan->layer, name);
    size_t op = 0;
    uint32_t n = 0;
    assert_true(column >= 0 || column == MLY_EXPR_FID);
    expect(reader, " ");
    while (op + 1 < COUNT(ops) && !take(reader, ops[op].word))
        op++;
    if (op + 1 == COUNT(ops))
        expect(reader, ops[op].word);
    if (ops[op].op != MLY_OP_IS_NULL) {
        const bool is_list = take(reader, " (");
        if (!is_list)
            expect(reader, " ");
        do {
            assert_true(n < MAX_LITERALS);
            literals[n++] = take_literal(reader);
        } while (is_list && take(reader, ", "));
        if (is_list)
            expect(reader, ")");
    }
    return mly_expr_test(reader->arena, column, ops[op].op, literals, n);
}

/* NOLINTNEXTLINE(misc-no-recursion): a tree, as deep as the core lets it be */
static const struct mly_expr *take_expr(struct reader *reader)
{
    if (take(reader, "NOT "))
        return mly_expr_not(reader->arena, take_expr(reader));
    if (take(reader, "UNKNOWN VALUE "))
        return mly_expr_unknown_value(reader->arena, take_text(reader).as.text);
    if (take(reader, "UNKNOWN "))
        return mly_expr_unknown(reader->arena, take_text(reader).as.text);
    if (take(reader, "TRUE") || take(reader, "FALSE"))
        return mly_expr_constant(reader->arena, reader->at[-2] == 'U');
    if (!take(reader, "("))
        return take_test(reader);
    const struct mly_expr *l = take_expr(reader), *e = NULL;
    if (take(reader, " AND ")) {
        e = mly_expr_and(reader->arena, l, take_expr(reader));
    } else {
        expect(reader, " OR ");
        e = mly_expr_or(reader->arena, l, take_expr(reader));
    }
    expect(reader, ")");
    return e;
}

/* ---- lines ---- */

static void take_cover(struct reader *reader, struct mly_cover *cover)
{
    expect(reader, "z");
    cover->zoom = (uint8_t)take_number(reader);
    expect(reader, " ");
    cover->n_tiles = take_number(reader);
    expect(reader, cover->n_tiles == 1 ? " tile" : " tiles");
    mly_buf_init(&cover->nodes, mly_mem_system(), SIZE_MAX);
}

static void take_squares(struct reader *reader, struct mly_cover *cover)
{
    do {
        struct mly_cover_node node = {.z = (uint8_t)take_number(reader)};
        expect(reader, "/");
        node.x = (uint32_t)take_number(reader);
        expect(reader, "/");
        node.y = (uint32_t)take_number(reader);
        node.inside = take(reader, "+");
        assert_status(mly_buf_append(&cover->nodes, &node, sizeof node), MLY_OK, NULL);
    } while (take(reader, " "));
}

static void take_values(struct reader *reader, struct mly_buf *values)
{
    do {
        const struct mly_literal literal = take_literal(reader);
        assert_status(mly_buf_append(values, &literal.value, sizeof literal.value), MLY_OK, NULL);
    } while (take(reader, ", "));
}

static void take_columns(struct reader *reader)
{
    do {
        const int column = mly_schema_column(reader->plan->layer, take_name(reader));
        assert_true(column >= 0);
        reader->plan->graph_columns |= UINT64_C(1) << column;
    } while (take(reader, ", "));
}

static void take_near(struct reader *reader)
{
    struct mly_near *near = &reader->plan->near;
    reader->plan->has_near = true;
    near->place.x = take_real(reader);
    near->place.y = take_real(reader);
    expect(reader, " from ");
    near->min_radius_m = take_real(reader);
    expect(reader, " to ");
    near->radius_m = take_real(reader);
    expect(reader, " m");
}

static void take_limits(struct reader *reader)
{
    reader->plan->max_tiles = take_number(reader);
    expect(reader, " tiles ");
    reader->plan->max_requests = take_number(reader);
    expect(reader, " requests");
}

/* Lines about tiles; false: it is another one. */
static bool take_tile_line(struct reader *reader, struct mly_cover **cover)
{
    static const char *const stitches[] = {"whole", "area", "no"};
    struct mly_plan *plan = reader->plan;
    if (take(reader, "tileset "))
        plan->tileset = take_name(reader);
    else if (take(reader, "zoom "))
        plan->zoom = (uint8_t)take_number(reader);
    else if (take(reader, "stitch "))
        plan->stitch = (enum mly_stitch_mode)take_choice(reader, stitches, 3);
    else if (take(reader, "limits "))
        take_limits(reader);
    else if (take(reader, "cover ") || take(reader, "scout ")) {
        *cover = reader->at[-2] == 'r' ? &plan->cover : &plan->scout;
        take_cover(reader, *cover);
    } else if (take(reader, "square ")) {
        take_squares(reader, *cover);
    } else if (take(reader, "options")) {
        plan->computed = take(reader, " computed");
        plan->is_exact = take(reader, " exact");
    } else {
        return false;
    }
    return true;
}

static void take_line(struct reader *reader, struct mly_cover **cover)
{
    static const char *const sources[] = {"nowhere", "nothing", "tiles", "entities", "trace", "owners", "listing"};
    static const char *const kinds[] = {"given", "sequences", "creators", "organizations"};
    static const char *const owners[] = {"image", "map_feature"};
    struct mly_plan *plan = reader->plan;
    if (take(reader, "layer ")) {
        plan->layer = mly_schema_find(take_name(reader));
        assert_non_null(plan->layer);
    } else if (take(reader, "source ")) {
        plan->source = (enum mly_source)take_choice(reader, sources, (int)COUNT(sources));
    } else if (take(reader, "near ")) {
        take_near(reader);
    } else if (take(reader, "looking ")) {
        plan->near.is_looking = true;
        plan->near.fov_degrees = take_real(reader);
        expect(reader, " degrees");
    } else if (take(reader, "ids ")) {
        plan->ids_kind = (enum mly_ids_kind)take_choice(reader, kinds, (int)COUNT(kinds));
    } else if (take(reader, "id ")) {
        take_values(reader, &plan->ids);
    } else if (take(reader, "owner ")) {
        plan->owner = (enum mly_owner)take_choice(reader, owners, (int)COUNT(owners));
    } else if (take(reader, "name ")) {
        take_values(reader, &plan->names);
    } else if (take(reader, "graph ")) {
        take_columns(reader);
    } else if (take(reader, "position ")) {
        plan->geometry = take_name(reader);
    } else if (take(reader, "filter ")) {
        plan->filter = take_expr(reader);
        assert_non_null(plan->filter);
    } else if (!take_tile_line(reader, cover)) {
        print_error("no line of a plan: %s\n", reader->at);
        fail();
    }
}

struct mly_plan parse_plan(struct mly_span text, struct mly_arena *arena)
{
    struct mly_plan plan = {.layer = NULL};
    struct mly_cover *cover = NULL;
    mly_buf_init(&plan.ids, mly_mem_system(), SIZE_MAX);
    mly_buf_init(&plan.names, mly_mem_system(), SIZE_MAX);
    const char *at = (const char *)text.data, *end = at + text.size;
    while (at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(next);
        char *line = mly_arena_alloc(arena, (size_t)(next - at) + 1);
        assert_non_null(line);
        memcpy(line, at, (size_t)(next - at));
        line[next - at] = '\0';
        struct reader reader = {.at = line, .arena = arena, .plan = &plan};
        take_line(&reader, &cover);
        if (reader.at[0] != '\0')
            print_error("left over: %s\n", reader.at);
        assert_int_equal(reader.at[0], '\0');
        at = next + 1;
    }
    return plan;
}
