/* SPDX-License-Identifier: MIT */
#include "plan_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { IN_A_LINE = 8 }; /* squares, or ids: lines stay as short as people read them */

struct writer {
    struct mly_buf *out;
    enum mly_status status; /* sticky */
};

static void put(struct writer *writer, const char *text, size_t n)
{
    if (writer->status == MLY_OK)
        writer->status = mly_buf_append(writer->out, text, n);
}

/* What is short: a number, a name of ours. */
static void print(struct writer *writer, const char *format, ...) MLY_PRINTF(2, 3);
static void print(struct writer *writer, const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(writer, text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

/* ---- values ---- */

static void print_text(struct writer *writer, const char *text, size_t n)
{
    print(writer, "'");
    for (size_t i = 0; i < n; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if (byte < ' ' || byte > '~' || byte == '\\')
            print(writer, "\\x%02x", (unsigned)byte);
        else
            print(writer, byte == '\'' ? "''" : "%c", byte);
    }
    print(writer, "'");
}

/* Always with something in it that no whole number has. */
static void print_real(struct writer *writer, double real)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.17g", real);
    print(writer, "%s%s", text, strpbrk(text, ".en") ? "" : ".0");
}

/* The Gregorian calendar by eras of 400 years, which begin with a March (the proleptic one of ISO 8601). */
static void print_moment(struct writer *writer, int64_t ms)
{
    enum { DAY_MS = 86400000, ERA_DAYS = 146097, BEFORE_1970 = 719468 };
    if (ms < 0 || ms > MLY_TIME_MAX) {
        print(writer, "@%" PRId64, ms);
        return;
    }
    const int64_t day = ms / DAY_MS + BEFORE_1970, era = day / ERA_DAYS;
    const int of_era = (int)(day % ERA_DAYS), of_day = (int)(ms % DAY_MS);
    const int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int of_year = of_era - (365 * year + year / 4 - year / 100);
    const int march = (5 * of_year + 2) / 153, month = march < 10 ? march + 3 : march - 9;
    print(writer, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)era * 400 + year + (month <= 2), month,
          of_year - (153 * march + 2) / 5 + 1, of_day / 3600000, of_day / 60000 % 60, of_day / 1000 % 60,
          of_day % 1000);
}

/* Lists compare with nothing, as NULL does. */
static void print_literal(struct writer *writer, const struct mly_literal *literal)
{
    const struct mly_value *value = &literal->value;
    switch (value->type) {
    case MLY_BOOL:
        print(writer, "%s", value->as.i ? "TRUE" : "FALSE");
        break;
    case MLY_INT:
        print(writer, "%" PRId64, value->as.i);
        break;
    case MLY_REAL:
        print_real(writer, value->as.r);
        break;
    case MLY_TEXT:
        print_text(writer, value->as.text, value->n_bytes);
        break;
    case MLY_TIME:
        print_moment(writer, value->as.i);
        if (literal->until != value->as.i) {
            print(writer, " TO ");
            print_moment(writer, literal->until);
        }
        break;
    default:
        print(writer, "NULL");
    }
}

/* ---- filters ---- */

static void print_test(struct writer *writer, const struct mly_layer *layer, const struct mly_expr_node *test)
{
    static const char *const ops[] = {
        [MLY_OP_EQ] = "=",        [MLY_OP_NE] = "<>",           [MLY_OP_LT] = "<",  [MLY_OP_LE] = "<=",
        [MLY_OP_GT] = ">",        [MLY_OP_GE] = ">=",           [MLY_OP_IN] = "IN", [MLY_OP_LIKE] = "LIKE",
        [MLY_OP_ILIKE] = "ILIKE", [MLY_OP_IS_NULL] = "IS NULL",
    };
    const bool is_list = test->op == MLY_OP_IN || test->n_literals > 1;
    print(writer, "%s %s", test->column == MLY_EXPR_FID ? "FID" : layer->columns[test->column].name, ops[test->op]);
    for (uint32_t i = 0; i < test->n_literals; i++) {
        print(writer, "%s", i > 0 ? ", " : is_list ? " (" : " ");
        print_literal(writer, &test->literals[i]);
    }
    print(writer, "%s", is_list ? ")" : "");
}

// NOLINTNEXTLINE(misc-no-recursion): a tree; the builders bound its depth
static void print_expr(struct writer *writer, const struct mly_layer *layer, const struct mly_expr *e)
{
    const struct mly_expr_node node = mly_expr_look(e);
    switch (node.kind) {
    case MLY_EXPR_CONSTANT:
        print(writer, "%s", node.truth ? "TRUE" : "FALSE");
        break;
    case MLY_EXPR_UNKNOWN:
        print(writer, "%s", node.is_value ? "UNKNOWN VALUE " : "UNKNOWN ");
        print_text(writer, node.label, strlen(node.label));
        break;
    case MLY_EXPR_TEST:
        print_test(writer, layer, &node);
        break;
    case MLY_EXPR_NOT:
        print(writer, "NOT ");
        print_expr(writer, layer, node.l);
        break;
    case MLY_EXPR_AND:
    case MLY_EXPR_OR:
        print(writer, "(");
        print_expr(writer, layer, node.l);
        print(writer, "%s", node.kind == MLY_EXPR_AND ? " AND " : " OR ");
        print_expr(writer, layer, node.r);
        print(writer, ")");
        break;
    }
}

/* ---- tiles ---- */

static void print_cover(struct writer *writer, const char *name, const struct mly_cover *cover)
{
    const struct mly_cover_node *nodes = (const void *)cover->nodes.data;
    const size_t n = cover->nodes.size / sizeof *nodes;
    print(writer, "%s z%u %" PRIu64 " tile%s\n", name, cover->zoom, cover->n_tiles, cover->n_tiles == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++) {
        const bool is_last = i + 1 == n || i % IN_A_LINE == IN_A_LINE - 1;
        print(writer, "%s%u/%" PRIu32 "/%" PRIu32 "%s%s", i % IN_A_LINE == 0 ? "square " : " ", nodes[i].z, nodes[i].x,
              nodes[i].y, nodes[i].inside ? "+" : "", is_last ? "\n" : "");
    }
}

static void print_tiles(struct writer *writer, const struct mly_plan *plan)
{
    static const char *const stitches[] = {
        [MLY_STITCH_WHOLE] = "whole", [MLY_STITCH_AREA] = "area", [MLY_STITCH_NO] = "no"};
    if (plan->tileset)
        print(writer, "tileset %s\n", plan->tileset);
    print(writer, "zoom %u\n", plan->zoom);
    if (plan->computed || plan->is_exact)
        print(writer, "options%s%s\n", plan->computed ? " computed" : "", plan->is_exact ? " exact" : "");
    print(writer, "stitch %s\n", stitches[plan->stitch]);
    print(writer, "limits %" PRIu64 " tiles %" PRIu64 " requests\n", plan->max_tiles, plan->max_requests);
    if (plan->source == MLY_SOURCE_TILES || plan->source == MLY_SOURCE_LISTING)
        print_cover(writer, "cover", &plan->cover);
    if (plan->scout.n_tiles > 0)
        print_cover(writer, "scout", &plan->scout);
}

static void print_near(struct writer *writer, const struct mly_near *near)
{
    print(writer, "near %.17g %.17g from %.17g to %.17g m\n", near->place.x, near->place.y, near->min_radius_m,
          near->radius_m);
    if (near->is_looking)
        print(writer, "looking %.17g degrees\n", near->fov_degrees);
}

/* ---- the Graph ---- */

static void print_values(struct writer *writer, const char *name, const struct mly_buf *values)
{
    const struct mly_value *each = (const void *)values->data;
    const size_t n = values->size / sizeof *each;
    for (size_t i = 0; i < n; i++) {
        const struct mly_literal literal = {.value = each[i]};
        const bool is_last = i + 1 == n || i % IN_A_LINE == IN_A_LINE - 1;
        print(writer, "%s%s", i % IN_A_LINE == 0 ? name : ",", " ");
        print_literal(writer, &literal);
        print(writer, "%s", is_last ? "\n" : "");
    }
}

static void print_graph(struct writer *writer, const struct mly_plan *plan)
{
    static const char *const kinds[] = {[MLY_IDS_GIVEN] = "given",
                                        [MLY_IDS_SEQUENCES] = "sequences",
                                        [MLY_IDS_CREATORS] = "creators",
                                        [MLY_IDS_ORGANIZATIONS] = "organizations"};
    const char *separator = "graph ";
    if (plan->ids.size > 0)
        print(writer, "ids %s\n", kinds[plan->ids_kind]);
    print_values(writer, "id", &plan->ids);
    print(writer, "owner %s\n", plan->owner == MLY_OWNER_IMAGE ? "image" : "map_feature");
    print_values(writer, "name", &plan->names);
    for (uint32_t i = 0; i < plan->layer->n_columns; i++) {
        if (!(plan->graph_columns >> i & 1))
            continue;
        print(writer, "%s%s", separator, plan->layer->columns[i].name);
        separator = ", ";
    }
    print(writer, "%s", plan->graph_columns ? "\n" : "");
    if (plan->geometry)
        print(writer, "position %s\n", plan->geometry);
}

enum mly_status mly_plan_text_write(const struct mly_plan *plan, struct mly_buf *out)
{
    static const char *const sources[] = {
        [MLY_SOURCE_NOWHERE] = "nowhere",   [MLY_SOURCE_NOTHING] = "nothing", [MLY_SOURCE_TILES] = "tiles",
        [MLY_SOURCE_ENTITIES] = "entities", [MLY_SOURCE_TRACE] = "trace",     [MLY_SOURCE_OWNERS] = "owners",
        [MLY_SOURCE_LISTING] = "listing",
    };
    struct writer writer = {.out = out, .status = MLY_OK};
    print(&writer, "layer %s\nsource %s\n", plan->layer->name, sources[plan->source]);
    print_tiles(&writer, plan);
    if (plan->has_near)
        print_near(&writer, &plan->near);
    print_graph(&writer, plan);
    if (plan->filter) {
        print(&writer, "filter ");
        print_expr(&writer, plan->layer, plan->filter);
        print(&writer, "\n");
    }
    return writer.status;
}
