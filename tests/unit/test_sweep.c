/* SPDX-License-Identifier: MIT */
#include "io/sweep.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/store_kit.h"

#define BLOCK UINT64_C(4096)

static const struct mly_span one_byte = {.data = (const uint8_t *)"\x1a", .size = 1};

/* A folder as a store makes it, opened by the test. */
struct place {
    struct scratch scratch;
    struct fail_mem mem;
    int folder;
};

static void begin(struct place *place)
{
    fail_mem_init(&place->mem);
    scratch_make(&place->scratch);
    place->folder = open(place->scratch.path, O_RDONLY | O_DIRECTORY);
    assert_true(place->folder >= 0);
}

static void end(struct place *place)
{
    (void)close(place->folder);
    scratch_remove(&place->scratch);
    assert_nothing_leaks(&place->mem);
}

static struct scratch file_of(const struct place *place, uint64_t hash)
{
    char folder[MLY_ENTRY_FOLDER], file[MLY_ENTRY_FILE];
    mly_entry_print_folder(hash, folder);
    mly_entry_print_file(hash, file);
    const struct scratch parent = scratch_at(place->scratch.path, folder);
    return scratch_at(parent.path, file);
}

static void write_entry(const struct place *place, uint64_t hash, size_t n_bytes, int64_t written_s)
{
    static const uint8_t bytes[8 * BLOCK];
    const struct scratch file = file_of(place, hash);
    scratch_write(file.path, (struct mly_span){.data = bytes, .size = n_bytes});
    scratch_set_time(file.path, written_s);
}

static uint64_t sweep(struct place *place, uint64_t max_bytes)
{
    return mly_sweep_oldest(place->folder, max_bytes, &place->mem.mem);
}

/* ---- what goes ---- */

static void the_oldest_go_first_until_nine_tenths_are_left(void **state)
{
    (void)state;
    struct place place;
    begin(&place);
    for (uint64_t i = 0; i < 40; i++) /* scattered over folders, the times too */
        write_entry(&place, i * UINT64_C(0x9e3779b97f4a7c15), BLOCK - 1, (int64_t)(1000 + i * 7 % 40));

    assert_true(sweep(&place, 30 * BLOCK) == 27 * BLOCK);

    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(scratch_exists(file_of(&place, i * UINT64_C(0x9e3779b97f4a7c15)).path), i * 7 % 40 >= 13);
    end(&place);
}

static void nothing_goes_while_the_ceiling_is_kept(void **state)
{
    (void)state;
    struct place place;
    begin(&place);
    for (uint64_t i = 0; i < 10; i++)
        write_entry(&place, i << 56, BLOCK - 1, 1000);
    assert_true(sweep(&place, 10 * BLOCK) == 10 * BLOCK);
    assert_int_equal(scratch_count(place.scratch.path, ".mlyc"), 10);
    end(&place);
}

static void files_of_one_age_go_in_the_same_order_for_every_sweeper(void **state)
{
    (void)state;
    struct place place;
    begin(&place);
    for (uint64_t i = 10; i-- > 0;)
        write_entry(&place, i << 56, BLOCK - 1, 1000);
    assert_true(sweep(&place, 6 * BLOCK) == 5 * BLOCK);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(scratch_exists(file_of(&place, i << 56).path), i >= 5);
    end(&place);
}

static void a_file_takes_whole_blocks_and_never_none(void **state)
{
    (void)state;
    struct place place;
    assert_true(mly_sweep_cost(0) == BLOCK);
    assert_true(mly_sweep_cost(BLOCK - 1) == BLOCK);
    assert_true(mly_sweep_cost(2 * BLOCK - 1) == 2 * BLOCK);
    begin(&place);
    write_entry(&place, 1, 0, 1000);
    write_entry(&place, 2, 100, 1001);
    write_entry(&place, 3, 3 * BLOCK + 1, 1002);
    assert_true(sweep(&place, UINT64_MAX) == 6 * BLOCK);
    end(&place);
}

static void times_beyond_all_clocks_are_in_order_too(void **state)
{
    (void)state;
    struct place place;
    begin(&place);
    write_entry(&place, 1, 0, INT64_C(15000000000)); /* the year 2445: more nanoseconds than an int64_t holds */
    write_entry(&place, 2, 0, 1000);
    write_entry(&place, 3, 0, -1000);
    assert_true(sweep(&place, 2 * BLOCK) == BLOCK);
    assert_true(scratch_exists(file_of(&place, 1).path));
    end(&place);
}

static void more_files_than_can_be_remembered_go_in_several_rounds(void **state)
{
    (void)state;
    enum { N_FILES = 70000, N_LEFT = 9000 };
    struct place place;
    begin(&place);
    for (uint64_t i = 0; i < 256; i++) {
        char folder[MLY_ENTRY_FOLDER];
        mly_entry_print_folder(i << 56, folder);
        assert_int_equal(mkdirat(place.folder, folder, 0700), 0);
    }
    for (uint64_t i = 0; i < N_FILES; i++) { /* newer ones have larger numbers */
        const struct scratch file = file_of(&place, i << 56 | i);
        const int opened = open(file.path, O_WRONLY | O_CREAT, 0600);
        const struct timespec times[2] = {{.tv_sec = (time_t)i}, {.tv_sec = (time_t)i}};
        assert_true(opened >= 0 && futimens(opened, times) == 0 && close(opened) == 0);
    }

    assert_true(sweep(&place, 10000 * BLOCK) == N_LEFT * BLOCK);

    assert_int_equal(scratch_count(place.scratch.path, ".mlyc"), N_LEFT);
    for (uint64_t i = N_FILES - N_LEFT; i < N_FILES; i++)
        assert_true(scratch_exists(file_of(&place, i << 56 | i).path));
    end(&place);
}

/* ---- what stays ---- */

static void files_of_others_are_never_removed(void **state)
{
    (void)state;
    static const char *const names[] = {
        "README",
        "pace",
        "0000000000000001.mlyc",    /* in no subfolder */
        "ab/0000000000000001.mlyc", /* in the wrong one */
        "ab/AB00000000000001.mlyc",
        "ab/ab00000000000001.mlyc.bak",
        "ab/ab00000000000001",
        "ab/ab00000000000001.mlyt",
        "AB/ab00000000000001.mlyc",
        "abc/ab00000000000001.mlyc",
        "ab/deeper/ab00000000000001.mlyc",
    };
    struct place place;
    begin(&place);
    for (size_t i = 0; i < COUNT(names); i++)
        scratch_write_text(scratch_at(place.scratch.path, names[i]).path, "mine");
    write_entry(&place, UINT64_C(0xab00000000000001), 10, 1000);

    assert_true(sweep(&place, UINT64_MAX) == BLOCK); /* nor do they count */
    assert_true(sweep(&place, 0) == 0);
    mly_sweep_leftovers(place.folder, INT64_C(4000000000000));
    mly_sweep_remove(place.folder, UINT64_C(0xab00000000000002));

    for (size_t i = 0; i < COUNT(names); i++)
        assert_true(scratch_exists(scratch_at(place.scratch.path, names[i]).path));
    assert_false(scratch_exists(file_of(&place, UINT64_C(0xab00000000000001)).path));
    end(&place);
}

static void links_are_neither_followed_nor_removed(void **state)
{
    (void)state;
    struct place place, other;
    begin(&place);
    begin(&other);
    write_entry(&other, UINT64_C(0xab00000000000001), 10, 1000);
    write_entry(&place, UINT64_C(0xcd00000000000001), 10, 1000);
    const struct scratch subfolder = scratch_at(place.scratch.path, "ab");
    const struct scratch entry = file_of(&place, UINT64_C(0xcd00000000000002));
    const struct scratch target = file_of(&other, UINT64_C(0xab00000000000001));
    const struct scratch leftover = scratch_at(place.scratch.path, "0000000000000001.mlyt");
    assert_int_equal(symlink(scratch_at(other.scratch.path, "ab").path, subfolder.path), 0);
    assert_int_equal(symlink(target.path, entry.path), 0);
    assert_int_equal(symlink(target.path, leftover.path), 0);
    scratch_set_time(leftover.path, 1);

    assert_true(sweep(&place, 0) == 0);
    mly_sweep_leftovers(place.folder, INT64_C(4000000000000));
    mly_sweep_remove(place.folder, UINT64_C(0xab00000000000001));

    assert_true(scratch_exists(target.path));
    assert_true(scratch_exists(subfolder.path) && scratch_exists(entry.path) && scratch_exists(leftover.path));
    end(&other);
    end(&place);
}

static void without_memory_the_size_is_told_and_nothing_goes(void **state)
{
    (void)state;
    struct place place;
    begin(&place);
    for (uint64_t i = 0; i < 10; i++)
        write_entry(&place, i << 56, 10, 1000);
    fail_mem_init_failing(&place.mem, 0, 100);
    assert_true(sweep(&place, BLOCK) == 10 * BLOCK);
    assert_int_equal(scratch_count(place.scratch.path, ".mlyc"), 10);
    end(&place);
}

/* ---- as the store does it ---- */

static void a_store_that_is_written_to_keeps_its_ceiling(void **state)
{
    (void)state;
    struct store_kit kit;
    struct bytes body = store_kit_body(1, 3 * BLOCK);
    store_kit_begin(&kit);
    kit.options.max_bytes = 400 * BLOCK;
    store_kit_open(&kit);
    for (int i = 0; i < 500; i++) {
        char key[MLY_LIMIT_KEY];
        (void)snprintf(key, sizeof key, "tile/%d", i);
        store_kit_put(&kit, key, 200, bytes_view(&body));
        assert_true(scratch_count(kit.folder.path, ".mlyc") <= 104); /* a thirty-second more, and the last one */
        assert_stored(&kit, key, 200, bytes_view(&body));
    }
    assert_true(scratch_count(kit.folder.path, ".mlyc") >= 90);
    bytes_free(&body);
    store_kit_end(&kit);
}

static void many_stores_that_each_write_once_keep_their_ceiling(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    kit.options.max_bytes = 128 * BLOCK; /* swept by about every fourth of them */
    for (int i = 0; i < 1000; i++) {
        char key[MLY_LIMIT_KEY];
        (void)snprintf(key, sizeof key, "tile/%d", i);
        store_kit_open(&kit);
        store_kit_put(&kit, key, 200, one_byte);
    }
    assert_true(scratch_count(kit.folder.path, ".mlyc") < 256); /* else a one in four chance failed 128 times */
    store_kit_end(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_go_first_until_nine_tenths_are_left),
        cmocka_unit_test(nothing_goes_while_the_ceiling_is_kept),
        cmocka_unit_test(files_of_one_age_go_in_the_same_order_for_every_sweeper),
        cmocka_unit_test(a_file_takes_whole_blocks_and_never_none),
        cmocka_unit_test(times_beyond_all_clocks_are_in_order_too),
        cmocka_unit_test(more_files_than_can_be_remembered_go_in_several_rounds),
        cmocka_unit_test(files_of_others_are_never_removed),
        cmocka_unit_test(links_are_neither_followed_nor_removed),
        cmocka_unit_test(without_memory_the_size_is_told_and_nothing_goes),
        cmocka_unit_test(a_store_that_is_written_to_keeps_its_ceiling),
        cmocka_unit_test(many_stores_that_each_write_once_keep_their_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
