/* SPDX-License-Identifier: MIT */
/* The outlines of detections, as the machine that reads them gives them: polygons with holes, or none and a warning.
 * Input: a byte of flags, and the outline: as the text that the service sends, or as the tile that is in it. */
#include "core/detections.h"

#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "unit/support/check_row.h"
#include "unit/support/fail_mem.h"
#include "unit/support/make_tile.h"

enum { IS_TILE = 1 };

static void count_warning(void *ctx, const char *text)
{
    unsigned *n_warnings = ctx;
    assert_says(text, "outline");
    ++*n_warnings;
}

static bool is_plain(uint8_t c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

/* An answer with this outline, and one with none. */
static struct bytes make_answer(struct mly_span text)
{
    static const char head[] = "{\"data\":[{\"id\":\"5\",\"geometry\":\"", tail[] = "\"},{\"id\":\"6\"}]}";
    struct bytes json = {.size = 0};
    bytes_append(&json, head, sizeof head - 1);
    bytes_append(&json, text.data, text.size);
    bytes_append(&json, tail, sizeof tail - 1);
    return json;
}

/* Whatever is of the outline lies within a tile's size of the image. */
static void check_outline(const struct mly_layer *layer, const struct mly_row *row)
{
    (void)check_row(layer, row);
    for (uint32_t i = 0; row->n_parts > 0 && i < row->part_ends[row->n_parts - 1]; i++)
        assert_true(fabs(row->points[i].x - 0.5) <= 1.5 && fabs(row->points[i].y - 0.5) <= 1.5);
}

static void feed(struct mly_machine *machine, struct mly_span json)
{
    struct mly_request request;
    struct mly_error err = {.code = MLY_OK};
    assert_status(mly_machine_want(machine, &request, &err), MLY_OK, &err);
    struct mly_response response = {.ticket = request.ticket, .http = 200, .attempts = 1};
    mly_buf_init(&response.body, mly_mem_system(), MLY_LIMIT_BODY);
    assert_status(mly_buf_append(&response.body, json.data, json.size), MLY_OK, NULL);
    assert_status(mly_machine_feed(machine, &response, &err), MLY_OK, &err);
    mly_transport_fini_response(&response);
}

static void read_all(struct mly_span json)
{
    static const int64_t image = 3;
    struct fail_mem mem;
    struct mly_plan plan;
    struct mly_row row;
    struct mly_machine *machine = NULL;
    struct mly_error err = {.code = MLY_OK};
    unsigned n_warnings = 0, n_rows = 0, n_without = 0;
    fail_mem_init(&mem);
    const struct mly_query query = {
        .layer = mly_schema_find("detections"), .ids = &image, .n_ids = 1, .max_tiles = 1, .max_requests = 1};
    const struct mly_read_options options = {.mem = &mem.mem,
                                             .graph_service = "https://graph.example.org",
                                             .max_in_flight = 1,
                                             .warn = count_warning,
                                             .debug_ctx = &n_warnings};
    assert_status(mly_plan_make(&query, &mem.mem, &plan, &err), MLY_OK, &err);
    assert_status(mly_detections_new(&plan, &options, &machine, &err), MLY_OK, &err);
    feed(machine, json);
    for (; mly_machine_take(machine, &row, &err) == MLY_OK; n_rows++) {
        check_outline(query.layer, &row);
        n_without += row.n_polygons == 0;
    }
    assert_int_equal(n_rows, 2);
    assert_int_equal(n_warnings, n_without);
    mly_machine_free(machine);
    mly_plan_fini(&plan);
    assert_nothing_leaks(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct mly_span text = {.data = data + 1, .size = size - 1};
    struct bytes encoded = {.size = 0};
    if (data[0] & IS_TILE) {
        encoded = make_base64(text);
        text = bytes_view(&encoded);
    }
    for (size_t i = 0; i < text.size; i++) { /* what JSON would have to escape is another target's */
        if (!is_plain(text.data[i]))
            return 0;
    }
    struct bytes json = make_answer(text);
    read_all(bytes_view(&json));
    bytes_free(&json);
    bytes_free(&encoded);
    return 0;
}
