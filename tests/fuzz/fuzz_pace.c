/* SPDX-License-Identifier: MIT */
/* What stands in the place of the pace's file, which any program of the user's may write, and what the service says of
 * its quota. A wait is never longer than it may be; no more requests go out than the burst and the rate allow since the
 * file was last changed; what was no file of ours is left as it is. Input: the header's value up to a NUL; then steps,
 * each a byte that says what happens, and its own bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"
#include "fuzz.h"
#include "io/hash.h"
#include "io/pace.h"
#include "unit/support/chance.h"
#include "unit/support/fail_mem.h"
#include "unit/support/scratch.h"

enum { FILE_BYTES = 32, HASHED_FROM = 16, MAX_STEPS = 64, ONE = 1000000 };

/* ---- the quota ---- */

/* The same once more, by another way: each number behind a colon and spaces. */
static uint32_t plain_usage(const char *text)
{
    double most = 0;
    for (const char *at = text; (at = strchr(at, ':')) != NULL;) {
        double number = 0;
        at += 1 + strspn(at + 1, " ");
        for (; *at >= '0' && *at <= '9'; at++)
            number = number * 10 + (*at - '0');
        most = number > most ? number : most;
    }
    return most < 1000 ? (uint32_t)most : 1000;
}

static void check_usage(const char *text)
{
    const size_t n = strlen(text);
    const uint32_t usage = mly_pace_read_usage((struct mly_span){.data = (const uint8_t *)text, .size = n});
    assert_int_equal(usage, plain_usage(text));
}

/* ---- the file ---- */

struct rig {
    struct scratch scratch, folder, file, beside;
    struct fail_mem mem;
    int64_t now_ms;
    struct mly_pace *paces[2];
    bool is_ours; /* a file, which may be read and written */
    /* Since the file was changed from outside, in the bucket's units. */
    double granted, allowed, burst;
    uint32_t rate_mhz;
};

static int64_t now_ms(void *ctx)
{
    const struct rig *rig = ctx;
    return rig->now_ms;
}

static void begin_anew(struct rig *rig)
{
    rig->granted = rig->allowed = 0;
}

static void take_away(const struct rig *rig)
{
    if (rmdir(rig->file.path) != 0)
        (void)unlink(rig->file.path);
}

/* As _write makes it, whatever the numbers. */
static void put_hash(uint8_t bytes[FILE_BYTES])
{
    static const uint8_t magic[8] = {'M', 'L', 'Y', 'P', 'A', 'C', 'E', 1};
    const uint64_t hash = mly_hash_bytes(
        (struct mly_span){.data = bytes + HASHED_FROM, .size = FILE_BYTES - HASHED_FROM});
    memcpy(bytes, magic, sizeof magic);
    for (size_t i = 0; i < 8; i++)
        bytes[8 + i] = (uint8_t)(hash >> (8 * i));
}

static void put_file(struct rig *rig, struct chance *steered)
{
    uint8_t bytes[2 * FILE_BYTES] = {0};
    const bool is_hashed = chance_below(steered, 2);
    const size_t n = chance_below(steered, sizeof bytes + 1);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)chance_below(steered, 256);
    if (is_hashed && n >= FILE_BYTES)
        put_hash(bytes);
    take_away(rig);
    scratch_write(rig->file.path, (struct mly_span){.data = bytes, .size = n});
    rig->is_ours = true;
}

static void put_other(struct rig *rig, struct chance *steered)
{
    const size_t what = chance_below(steered, 3);
    take_away(rig);
    if (what == 0)
        assert_int_equal(symlink(rig->beside.path, rig->file.path), 0);
    else if (what == 1)
        assert_int_equal(mkdir(rig->file.path, 0700), 0);
    else
        assert_int_equal(mkfifo(rig->file.path, 0600), 0);
    rig->is_ours = false;
}

static void change(struct rig *rig, struct chance *steered)
{
    const size_t what = chance_below(steered, 4);
    if (what == 0)
        take_away(rig);
    else if (what == 1)
        put_other(rig, steered);
    else
        put_file(rig, steered);
    rig->is_ours = rig->is_ours || what == 0;
    begin_anew(rig);
}

/* A pace that cannot use the file counts alone: each for itself, and from what it last saw. */
static double buckets(const struct rig *rig)
{
    return rig->is_ours ? 1 : 2;
}

static void check_take(struct rig *rig, struct chance *steered)
{
    struct mly_pace *pace = rig->paces[chance_below(steered, 2)];
    const struct mly_pace_limit limit = {.rate_mhz = rig->rate_mhz, .burst = (uint32_t)(rig->burst / ONE)};
    const uint32_t wait_ms = mly_pace_take(pace, limit);
    assert_true(wait_ms <= MLY_PACE_LONGEST_WAIT_MS);
    rig->granted += wait_ms == 0 ? ONE : 0;
    assert_true(rig->granted <= buckets(rig) * (rig->burst + rig->allowed));
    if (rig->is_ours && wait_ms != 0) { /* the wait is long enough, unless it is cut */
        rig->now_ms += wait_ms;
        rig->allowed += (double)wait_ms * rig->rate_mhz;
        if (wait_ms < MLY_PACE_LONGEST_WAIT_MS)
            assert_int_equal(mly_pace_take(pace, limit), 0);
        rig->granted += wait_ms < MLY_PACE_LONGEST_WAIT_MS ? ONE : 0;
    }
}

/* Forth or back, by a little or by far. */
static void pass_time(struct rig *rig, struct chance *steered)
{
    const int shift = (int)chance_below(steered, 40);
    const int64_t by = (int64_t)chance_below(steered, 256) << shift;
    const bool is_back = chance_below(steered, 4) == 0;
    if (is_back ? rig->now_ms < by : INT64_C(253402300800000) - rig->now_ms < by)
        return;
    rig->now_ms += is_back ? -by : by;
    rig->allowed += is_back ? 0 : (double)by * rig->rate_mhz;
}

static void set_up(struct rig *rig, struct chance *steered)
{
    *rig = (struct rig){.now_ms = INT64_C(1700000000000), .is_ours = true};
    rig->rate_mhz = 1 + (uint32_t)(chance_next(steered) % MLY_LIMIT_RATE_MHZ);
    rig->burst = ONE * (1 + (double)chance_below(steered, MLY_LIMIT_BURST));
    fail_mem_init(&rig->mem);
    scratch_make(&rig->scratch);
    rig->folder = scratch_at(rig->scratch.path, "cache");
    rig->file = scratch_at(rig->folder.path, "tiles.mlyp");
    rig->beside = scratch_at(rig->scratch.path, "beside");
    scratch_write_text(rig->beside.path, "precious");
    const struct mly_pace_options options = {
        .mem = &rig->mem.mem, .folders = {rig->folder.path, NULL}, .now_ms = now_ms, .now_ctx = rig};
    for (size_t i = 0; i < COUNT(rig->paces); i++)
        assert_status(mly_pace_open(&options, &rig->paces[i], NULL), MLY_OK, NULL);
}

static void tear_down(struct rig *rig)
{
    struct bytes beside = scratch_read(rig->beside.path);
    assert_span(bytes_view(&beside), "precious", strlen("precious"));
    bytes_free(&beside);
    for (size_t i = 0; i < COUNT(rig->paces); i++)
        mly_pace_close(rig->paces[i]);
    scratch_remove(&rig->scratch);
    assert_nothing_leaks(&rig->mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rig rig;
    char header[256];
    const uint8_t *end = memchr(data, 0, size < sizeof header ? size : sizeof header);
    if (!end)
        return 0;
    memcpy(header, data, (size_t)(end - data) + 1);
    check_usage(header);

    struct chance steered = {.bytes = end + 1, .n_bytes = size - (size_t)(end + 1 - data)};
    if (steered.n_bytes == 0)
        return 0;
    set_up(&rig, &steered);
    for (int i = 0; i < MAX_STEPS && steered.n_bytes > 0; i++) {
        const size_t what = chance_below(&steered, 8);
        if (what == 0)
            change(&rig, &steered);
        else if (what < 3)
            pass_time(&rig, &steered);
        else
            check_take(&rig, &steered);
    }
    tear_down(&rig);
    return 0;
}
