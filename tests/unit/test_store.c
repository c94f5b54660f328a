/* SPDX-License-Identifier: MIT */
#include "io/store.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/chance.h"
#include "support/store_kit.h"

static const char key[] = "mly1_public/14/8574/5735";
static const struct mly_span nothing = {.data = NULL, .size = 0};

static struct mly_span span_of(const char *text)
{
    return (struct mly_span){.data = (const uint8_t *)text, .size = strlen(text)};
}

static struct mly_store_about stat_of(struct store_kit *kit, const char *of_key)
{
    const struct mly_entry_name name = store_kit_name(of_key);
    struct mly_store_about about = {.http = 0};
    assert_status(mly_store_stat(kit->store, &name, &about), MLY_OK, NULL);
    return about;
}

static enum mly_status try_open(struct store_kit *kit, const char *folder, struct mly_error *err)
{
    store_kit_close(kit);
    kit->options.folder = folder;
    return mly_store_open(&kit->options, &kit->store, err);
}

/* Only root can give things to somebody else. */
static void skip_unless_root(void)
{
    if (geteuid() == 0)
        return;
    print_message("needs root\n");
    skip();
}

/* ---- answers ---- */

static void what_is_put_is_got_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {9, 31, 32, 33, 4095, 4096, 4097, 1 << 20};
    struct store_kit kit;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct bytes body = store_kit_body(i, sizes[i]);
        store_kit_put(&kit, key, 200, bytes_view(&body));
        assert_stored(&kit, key, 200, bytes_view(&body));
        store_kit_open(&kit); /* and by the next one who opens it */
        assert_stored(&kit, key, 200, bytes_view(&body));
        bytes_free(&body);
    }
    assert_int_equal(kit.n_notes, 0);
    store_kit_end(&kit);
}

static void an_answer_without_bytes_keeps_its_status(void **state)
{
    (void)state;
    static const int statuses[] = {200, 204, 404};
    struct store_kit kit;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    for (size_t i = 0; i < COUNT(statuses); i++) {
        store_kit_put(&kit, key, statuses[i], nothing);
        assert_stored(&kit, key, statuses[i], nothing);
    }
    store_kit_end(&kit);
}

static void what_was_never_put_is_missing_and_no_trouble(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    assert_not_stored(&kit, key);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    assert_not_stored(&kit, "mly1_public/14/8574/5736");
    assert_int_equal(kit.n_notes, 0);
    store_kit_end(&kit);
}

static void a_later_answer_takes_the_place_of_an_earlier_one(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a longer"));
    store_kit_put(&kit, key, 200, span_of("\x1a short"));
    assert_stored(&kit, key, 200, span_of("\x1a short"));
    store_kit_put(&kit, key, 204, nothing);
    assert_stored(&kit, key, 204, nothing);
    assert_int_equal(scratch_count(kit.folder.path, ".mlyc"), 1);
    assert_int_equal(scratch_count(kit.folder.path, ".mlyt"), 0);
    store_kit_end(&kit);
}

static void a_removed_answer_is_missing(void **state)
{
    (void)state;
    struct store_kit kit;
    const struct mly_entry_name name = store_kit_name(key), bad = store_kit_name("../x");
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    mly_store_remove(kit.store, &bad);
    mly_store_remove(kit.store, &name);
    mly_store_remove(kit.store, &name);
    assert_not_stored(&kit, key);
    store_kit_end(&kit);
}

static void answers_of_different_services_do_not_mix(void **state)
{
    (void)state;
    static const char *const scopes[] = {"https://tiles.example", "https://tiles.example:444", "http://127.0.0.1:8080"};
    struct store_kit kit;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    for (size_t i = 0; i < COUNT(scopes); i++) {
        const struct mly_entry_name name = {.scope = scopes[i], .key = key};
        struct mly_store_about about;
        assert_status(mly_store_stat(kit.store, &name, &about), MLY_DONE, NULL);
        assert_status(mly_store_put(kit.store, &name, 200, span_of(scopes[i])), MLY_OK, NULL);
    }
    assert_stored(&kit, key, 200, span_of(scopes[0]));
    store_kit_end(&kit);
}

static void names_that_no_answer_can_have_are_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {"", "/etc/passwd", "../../x", "a/../b", "a\nb"};
    struct store_kit kit;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    for (size_t i = 0; i < COUNT(keys); i++) {
        const struct mly_entry_name name = store_kit_name(keys[i]);
        struct mly_store_about about;
        struct mly_buf body;
        mly_buf_init(&body, &kit.mem.mem, 100);
        assert_status(mly_store_put(kit.store, &name, 200, span_of("\x1a")), MLY_E_ARG, NULL);
        assert_status(mly_store_get(kit.store, &name, &about, &body), MLY_E_ARG, NULL);
        assert_status(mly_store_stat(kit.store, &name, &about), MLY_E_ARG, NULL);
    }
    assert_int_equal(scratch_count(kit.folder.path, ""), 0);
    assert_int_equal(kit.n_notes, 0);
    store_kit_end(&kit);
}

static void an_answer_that_would_push_out_all_others_is_refused(void **state)
{
    (void)state;
    struct store_kit kit;
    const struct mly_entry_name name = store_kit_name(key);
    struct bytes body = store_kit_body(1, 40000);
    store_kit_begin(&kit);
    kit.options.max_bytes = 64 << 10;
    store_kit_open(&kit);

    assert_status(mly_store_put(kit.store, &name, 200, bytes_view(&body)), MLY_E_LIMIT, NULL);

    assert_not_stored(&kit, key);
    assert_int_equal(kit.n_notes, 0);
    bytes_free(&body);
    store_kit_end(&kit);
}

static void an_answer_larger_than_the_reader_allows_is_missing_and_stays(void **state)
{
    (void)state;
    struct store_kit kit;
    const struct mly_entry_name name = store_kit_name(key);
    struct bytes body = store_kit_body(1, 1000);
    struct mly_store_about about;
    struct mly_buf small;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, bytes_view(&body));
    mly_buf_init(&small, &kit.mem.mem, 999);

    assert_status(mly_store_get(kit.store, &name, &about, &small), MLY_DONE, NULL);

    assert_stored(&kit, key, 200, bytes_view(&body));
    bytes_free(&body);
    store_kit_end(&kit);
}

/* ---- age ---- */

static void an_answer_is_fresh_for_as_long_as_it_may_be(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    kit.options.ttl_s = 3600;
    store_kit_open(&kit);
    store_kit_put(&kit, "body", 200, span_of("\x1a"));
    store_kit_put(&kit, "empty", 204, nothing);
    store_kit_put(&kit, "missing", 404, nothing);
    const int64_t written_ms = kit.now_ms;

    kit.now_ms = written_ms + 599999;
    assert_true(stat_of(&kit, "missing").is_fresh);
    kit.now_ms++;
    assert_false(stat_of(&kit, "missing").is_fresh);
    assert_true(stat_of(&kit, "empty").is_fresh && stat_of(&kit, "body").is_fresh);
    kit.now_ms = written_ms + 3599999;
    assert_true(stat_of(&kit, "empty").is_fresh && stat_of(&kit, "body").is_fresh);
    kit.now_ms++;
    assert_false(stat_of(&kit, "empty").is_fresh || stat_of(&kit, "body").is_fresh);

    assert_stored(&kit, "body", 200, span_of("\x1a")); /* old, and there */
    store_kit_end(&kit);
}

static void a_short_time_to_live_holds_for_missing_tiles_too(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    kit.options.ttl_s = 60;
    store_kit_open(&kit);
    store_kit_put(&kit, key, 404, nothing);
    kit.now_ms += 60000;
    assert_false(stat_of(&kit, key).is_fresh);
    store_kit_end(&kit);
}

static void with_no_time_to_live_nothing_is_fresh(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    kit.options.ttl_s = 0;
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    assert_false(stat_of(&kit, key).is_fresh);
    kit.now_ms -= 1000;
    assert_false(stat_of(&kit, key).is_fresh);
    store_kit_end(&kit);
}

static void a_clock_that_goes_back_does_not_keep_answers_for_years(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a"));

    kit.now_ms -= 59000; /* clocks differ a little */
    assert_true(stat_of(&kit, key).is_fresh);
    kit.now_ms -= 2000; /* they do not differ this much */
    assert_false(stat_of(&kit, key).is_fresh);
    kit.now_ms = 0;
    assert_false(stat_of(&kit, key).is_fresh);
    assert_stored(&kit, key, 200, span_of("\x1a"));
    store_kit_end(&kit);
}

static void a_clock_without_sense_keeps_nothing_and_breaks_nothing(void **state)
{
    (void)state;
    static const int64_t times[] = {INT64_C(253402300800000), -1, INT64_MAX / 2};
    struct store_kit kit;
    store_kit_begin(&kit);
    for (size_t i = 0; i < COUNT(times); i++) {
        kit.now_ms = times[i];
        store_kit_open(&kit);
        store_kit_put(&kit, key, 200, span_of("\x1a"));
        assert_not_stored(&kit, key);
    }
    store_kit_end(&kit);
}

static void the_system_clock_serves_where_no_other_is_given(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    kit.options.now_ms = NULL;
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    const struct mly_store_about about = stat_of(&kit, key);
    assert_true(about.is_fresh);
    assert_true(about.fetched_ms > INT64_C(1700000000000) && about.fetched_ms < INT64_C(10000000000000));
    store_kit_end(&kit);
}

static void stat_tells_size_and_time_without_the_bytes(void **state)
{
    (void)state;
    struct store_kit kit;
    struct bytes body = store_kit_body(3, 5000);
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, bytes_view(&body));
    const size_t n_allocs = kit.mem.n_allocs;

    const struct mly_store_about about = stat_of(&kit, key);

    assert_int_equal(about.http, 200);
    assert_int_equal(about.n_bytes, 5000);
    assert_true(about.fetched_ms == kit.now_ms);
    assert_int_equal(kit.mem.n_allocs, n_allocs);
    bytes_free(&body);
    store_kit_end(&kit);
}

/* ---- folders ---- */

static void folders_and_files_are_for_the_user_alone(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    const struct scratch parent = scratch_at(kit.scratch.path, "a"), deep = scratch_at(parent.path, "b//c///");
    const mode_t mask = umask(0);
    kit.options.folder = deep.path;
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    (void)umask(mask);

    kit.folder = scratch_at(parent.path, "b/c");
    struct scratch entry = store_kit_file(&kit, key);
    assert_int_equal(scratch_mode(parent.path), 0700);
    assert_int_equal(scratch_mode(kit.folder.path), 0700);
    assert_int_equal(scratch_mode(entry.path), 0600);
    *strrchr(entry.path, '/') = '\0';
    assert_int_equal(scratch_mode(entry.path), 0700);
    store_kit_end(&kit);
}

static void a_folder_that_is_there_keeps_its_mode(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    assert_int_equal(mkdir(kit.folder.path, 0755), 0);
    assert_int_equal(chmod(kit.folder.path, 0755), 0);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    assert_int_equal(scratch_mode(kit.folder.path), 0755);
    store_kit_end(&kit);
}

static void a_folder_that_others_can_write_is_refused(void **state)
{
    (void)state;
    static const mode_t modes[] = {0770, 0707, 01777, 0720, 0702};
    struct store_kit kit;
    store_kit_begin(&kit);
    assert_int_equal(mkdir(kit.folder.path, 0700), 0);
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct mly_error err;
        assert_int_equal(chmod(kit.folder.path, modes[i]), 0);
        assert_status(try_open(&kit, kit.folder.path, &err), MLY_E_IO, NULL);
        assert_says(err.text, "written by others");
        assert_says(err.text, kit.folder.path);
        assert_int_equal(scratch_mode(kit.folder.path), modes[i]);
    }
    store_kit_end(&kit);
}

static void a_folder_of_somebody_else_is_refused(void **state)
{
    (void)state;
    struct store_kit kit;
    struct mly_error err;
    skip_unless_root();
    store_kit_begin(&kit);
    assert_int_equal(mkdir(kit.folder.path, 0700), 0);
    assert_int_equal(chown(kit.folder.path, 65534, 65534), 0);
    assert_status(try_open(&kit, kit.folder.path, &err), MLY_E_IO, NULL);
    assert_says(err.text, "another user");
    store_kit_end(&kit);
}

static void what_is_no_folder_is_refused(void **state)
{
    (void)state;
    struct store_kit kit;
    struct mly_error err;
    char endless[5000];
    store_kit_begin(&kit);
    const struct scratch file = scratch_at(kit.scratch.path, "file"), below = scratch_at(file.path, "cache");
    scratch_write_text(file.path, "mine");
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';

    assert_status(try_open(&kit, file.path, &err), MLY_E_IO, NULL);
    assert_says(err.text, file.path);
    assert_status(try_open(&kit, below.path, &err), MLY_E_IO, NULL);
    assert_status(try_open(&kit, "", &err), MLY_E_IO, NULL);
    assert_status(try_open(&kit, endless, &err), MLY_E_IO, NULL);
    assert_status(try_open(&kit, "/proc/no/such/place", &err), MLY_E_IO, NULL);

    struct bytes content = scratch_read(file.path);
    assert_span(bytes_view(&content), "mine", 4);
    bytes_free(&content);
    store_kit_end(&kit);
}

static void a_link_that_the_user_laid_is_followed(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    const struct scratch target = scratch_at(kit.scratch.path, "large disk");
    assert_int_equal(mkdir(target.path, 0700), 0);
    assert_int_equal(symlink(target.path, kit.folder.path), 0);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    assert_stored(&kit, key, 200, span_of("\x1a"));
    assert_int_equal(scratch_count(target.path, ".mlyc"), 1);
    store_kit_end(&kit);
}

static void a_link_that_somebody_else_laid_is_refused(void **state)
{
    (void)state;
    struct store_kit kit;
    struct mly_error err;
    skip_unless_root();
    store_kit_begin(&kit);
    const struct scratch target = scratch_at(kit.scratch.path, "private"), slash = scratch_at(kit.folder.path, "");
    assert_int_equal(mkdir(target.path, 0700), 0);
    assert_int_equal(symlink(target.path, kit.folder.path), 0);
    assert_int_equal(lchown(kit.folder.path, 65534, 65534), 0);
    assert_status(try_open(&kit, kit.folder.path, &err), MLY_E_IO, NULL);
    assert_status(try_open(&kit, slash.path, &err), MLY_E_IO, NULL);
    store_kit_end(&kit);
}

static void a_folder_that_is_moved_or_vanishes_is_no_error(void **state)
{
    (void)state;
    struct store_kit kit;
    const struct mly_entry_name name = store_kit_name(key);
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    const struct scratch away = scratch_at(kit.scratch.path, "away");
    assert_int_equal(rename(kit.folder.path, away.path), 0);
    assert_stored(&kit, key, 200, span_of("\x1a"));
    assert_false(scratch_exists(kit.folder.path));

    scratch_remove(&away);
    assert_not_stored(&kit, key);
    assert_int_equal(kit.n_notes, 0);
    assert_status(mly_store_put(kit.store, &name, 200, span_of("\x1a")), MLY_E_IO, NULL);
    assert_status(mly_store_put(kit.store, &name, 200, span_of("\x1a")), MLY_E_IO, NULL);
    assert_int_equal(kit.n_notes, 1); /* not one for each answer */
    assert_says(kit.note, kit.folder.path);
    assert_says(kit.note, "written");
    store_kit_end(&kit);
}

static void a_subfolder_that_vanishes_is_made_again(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    struct scratch subfolder = store_kit_file(&kit, key);
    *strrchr(subfolder.path, '/') = '\0';
    scratch_remove(&subfolder);
    assert_not_stored(&kit, key);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    assert_stored(&kit, key, 200, span_of("\x1a"));
    store_kit_end(&kit);
}

/* ---- what others have left in the folder ---- */

static void temporary_files_of_dead_writers_go_when_they_are_old(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    const int64_t now_s = kit.now_ms / 1000;
    const struct {
        const char *name;
        int64_t written_s;
        bool stays;
    } files[] = {
        {"0000000000000001.mlyt", now_s - 3601, false},
        {"0000000000000002.mlyt", now_s - 3599, true},
        {"0000000000000003.mlyt", now_s + 3599, true},
        {"0000000000000004.mlyt", now_s + 3601, false}, /* a clock was wrong */
        {"0000000000000005.mlyc", now_s - 9999, true},
        {"notes.mlyt", now_s - 9999, true},
        {"pace", now_s - 9999, true},
        {"ab/0000000000000006.mlyt", now_s - 9999, true}, /* no writer puts one there */
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        const struct scratch file = scratch_at(kit.folder.path, files[i].name);
        scratch_write_text(file.path, "half an ans");
        scratch_set_time(file.path, files[i].written_s);
    }
    assert_int_equal(chmod(kit.folder.path, 0700), 0);

    store_kit_open(&kit);

    for (size_t i = 0; i < COUNT(files); i++)
        assert_int_equal(scratch_exists(scratch_at(kit.folder.path, files[i].name).path), files[i].stays);
    store_kit_end(&kit);
}

static void folders_links_and_pipes_in_the_place_of_an_answer_are_left_alone(void **state)
{
    (void)state;
    struct store_kit kit;
    const struct mly_entry_name name = store_kit_name(key);
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    const struct scratch file = store_kit_file(&kit, key), other = scratch_at(kit.scratch.path, "other");
    assert_int_equal(rename(file.path, other.path), 0);

    assert_int_equal(symlink(other.path, file.path), 0); /* to an answer that would do, elsewhere */
    assert_not_stored(&kit, key);
    assert_true(scratch_exists(file.path));
    assert_int_equal(unlink(file.path), 0);

    assert_int_equal(mkfifo(file.path, 0600), 0);
    assert_not_stored(&kit, key); /* and nobody waits for its other end */
    assert_true(scratch_exists(file.path));
    assert_int_equal(unlink(file.path), 0);

    assert_int_equal(mkdir(file.path, 0700), 0);
    assert_not_stored(&kit, key);
    assert_status(mly_store_put(kit.store, &name, 200, span_of("\x1a")), MLY_E_IO, NULL);
    assert_true(scratch_exists(file.path));
    assert_int_equal(scratch_count(kit.folder.path, ".mlyt"), 0);
    store_kit_end(&kit);
}

static void a_link_in_the_place_of_an_answer_is_not_written_through(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a old"));
    const struct scratch file = store_kit_file(&kit, key), precious = scratch_at(kit.scratch.path, "precious");
    scratch_write_text(precious.path, "precious");
    assert_int_equal(unlink(file.path), 0);
    assert_int_equal(symlink(precious.path, file.path), 0);

    store_kit_put(&kit, key, 200, span_of("\x1a new"));

    struct bytes content = scratch_read(precious.path);
    assert_span(bytes_view(&content), "precious", 8);
    assert_stored(&kit, key, 200, span_of("\x1a new"));
    bytes_free(&content);
    store_kit_end(&kit);
}

static void a_link_in_the_place_of_a_subfolder_is_not_written_through(void **state)
{
    (void)state;
    struct store_kit kit;
    const struct mly_entry_name name = store_kit_name(key);
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    struct scratch file = store_kit_file(&kit, key), elsewhere = scratch_at(kit.scratch.path, "elsewhere");
    const struct scratch moved = scratch_at(elsewhere.path, strrchr(file.path, '/') + 1);
    *strrchr(file.path, '/') = '\0';
    assert_int_equal(rename(file.path, elsewhere.path), 0);
    assert_int_equal(symlink(elsewhere.path, file.path), 0);
    scratch_write_text(moved.path, "damaged");

    assert_not_stored(&kit, key);
    mly_store_remove(kit.store, &name);
    assert_status(mly_store_put(kit.store, &name, 200, span_of("\x1a")), MLY_E_IO, NULL);

    struct bytes content = scratch_read(moved.path);
    assert_span(bytes_view(&content), "damaged", 7);
    assert_int_equal(scratch_count(kit.folder.path, ".mlyt"), 0);
    assert_int_equal(kit.n_notes, 1);
    bytes_free(&content);
    store_kit_end(&kit);
}

/* ---- read only ---- */

static void a_read_only_store_changes_nothing(void **state)
{
    (void)state;
    struct store_kit kit;
    const struct mly_entry_name name = store_kit_name(key), damaged = store_kit_name("damaged");
    struct mly_store_about about;
    struct mly_buf body;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, span_of("\x1a"));
    const struct scratch leftover = scratch_at(kit.folder.path, "0000000000000001.mlyt");
    scratch_write_text(leftover.path, "half an ans");
    scratch_set_time(leftover.path, 1);
    scratch_write_text(store_kit_file(&kit, "damaged").path, "no answer");

    kit.options.use = MLY_STORE_READ_ONLY;
    store_kit_open(&kit);
    mly_buf_init(&body, &kit.mem.mem, 100);
    assert_stored(&kit, key, 200, span_of("\x1a"));
    mly_store_remove(kit.store, &name);
    assert_status(mly_store_put(kit.store, &name, 204, nothing), MLY_E_ARG, NULL);
    assert_status(mly_store_get(kit.store, &damaged, &about, &body), MLY_DONE, NULL);

    assert_stored(&kit, key, 200, span_of("\x1a"));
    assert_int_equal(scratch_count(kit.folder.path, ".mlyc"), 2);
    assert_true(scratch_exists(leftover.path));
    store_kit_end(&kit);
}

static void a_read_only_store_may_be_anybodys_and_is_not_made(void **state)
{
    (void)state;
    struct store_kit kit;
    struct mly_error err;
    store_kit_begin(&kit);
    kit.options.use = MLY_STORE_READ_ONLY;
    assert_status(try_open(&kit, kit.folder.path, &err), MLY_E_IO, NULL);
    assert_says(err.text, "No such file");
    assert_false(scratch_exists(kit.folder.path));

    assert_int_equal(mkdir(kit.folder.path, 0700), 0);
    assert_int_equal(chmod(kit.folder.path, 0777), 0);
    if (geteuid() == 0) /* else it is at least one that others can write */
        assert_int_equal(chown(kit.folder.path, 65534, 65534), 0);
    store_kit_open(&kit);
    assert_not_stored(&kit, key);
    store_kit_end(&kit);
}

/* ---- threads ---- */

struct worker {
    struct mly_store *store;
    uint64_t seed;
    bool has_failed;
};

static void *work(void *ctx)
{
    struct worker *worker = ctx;
    struct chance chance = {.state = worker->seed};
    for (int i = 0; i < 300; i++) {
        char of_key[MLY_LIMIT_KEY];
        struct mly_store_about about;
        struct mly_buf read;
        uint64_t seed;
        (void)snprintf(of_key, sizeof of_key, "tile/%zu", chance_below(&chance, 8));
        const struct mly_entry_name name = store_kit_name(of_key);
        struct bytes body = store_kit_body(chance_next(&chance), 100 + chance_below(&chance, 20000));
        mly_buf_init(&read, mly_mem_system(), MLY_LIMIT_BODY);
        if (mly_store_put(worker->store, &name, 200, bytes_view(&body)) != MLY_OK)
            worker->has_failed = true;
        if (mly_store_get(worker->store, &name, &about, &read) == MLY_OK &&
            !store_kit_is_body(mly_buf_view(&read), &seed))
            worker->has_failed = true;
        mly_buf_fini(&read);
        bytes_free(&body);
    }
    return NULL;
}

static void threads_share_one_store(void **state)
{
    (void)state;
    enum { N = 4 };
    struct store_kit kit;
    struct worker workers[N];
    pthread_t threads[N];
    store_kit_begin(&kit);
    kit.options.mem = mly_mem_system(); /* the kit's counts on one thread */
    kit.options.max_bytes = 64 << 10;   /* so that they sweep all the time */
    store_kit_open(&kit);
    for (uint64_t i = 0; i < N; i++) {
        workers[i] = (struct worker){.store = kit.store, .seed = i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(workers[i].has_failed);
    }
    assert_int_equal(kit.n_notes, 0);
    store_kit_end(&kit);
}

/* ---- memory ---- */

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const struct mly_entry_name name = store_kit_name(key);
    for (size_t first = 0; first < 2; first++) {
        struct store_kit kit;
        struct mly_error err = {.code = MLY_OK};
        struct mly_store_about about;
        struct mly_buf body;
        store_kit_begin(&kit);
        kit.options.max_bytes = UINT64_MAX; /* no sweep by chance, which takes memory too */
        fail_mem_init_failing(&kit.mem, first, 1);
        mly_buf_init(&body, &kit.mem.mem, 100);
        const enum mly_status opened = mly_store_open(&kit.options, &kit.store, &err);
        assert_status(opened, first == 0 ? MLY_E_NOMEM : MLY_OK, &err);
        if (opened == MLY_OK) {
            store_kit_put(&kit, key, 200, span_of("\x1a"));
            assert_status(mly_store_get(kit.store, &name, &about, &body), first == 1 ? MLY_E_NOMEM : MLY_OK, NULL);
            mly_buf_fini(&body);
            assert_stored(&kit, key, 200, span_of("\x1a"));
        }
        store_kit_end(&kit);
    }
    mly_store_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_got_back),
        cmocka_unit_test(an_answer_without_bytes_keeps_its_status),
        cmocka_unit_test(what_was_never_put_is_missing_and_no_trouble),
        cmocka_unit_test(a_later_answer_takes_the_place_of_an_earlier_one),
        cmocka_unit_test(a_removed_answer_is_missing),
        cmocka_unit_test(answers_of_different_services_do_not_mix),
        cmocka_unit_test(names_that_no_answer_can_have_are_refused),
        cmocka_unit_test(an_answer_that_would_push_out_all_others_is_refused),
        cmocka_unit_test(an_answer_larger_than_the_reader_allows_is_missing_and_stays),
        cmocka_unit_test(an_answer_is_fresh_for_as_long_as_it_may_be),
        cmocka_unit_test(a_short_time_to_live_holds_for_missing_tiles_too),
        cmocka_unit_test(with_no_time_to_live_nothing_is_fresh),
        cmocka_unit_test(a_clock_that_goes_back_does_not_keep_answers_for_years),
        cmocka_unit_test(a_clock_without_sense_keeps_nothing_and_breaks_nothing),
        cmocka_unit_test(the_system_clock_serves_where_no_other_is_given),
        cmocka_unit_test(stat_tells_size_and_time_without_the_bytes),
        cmocka_unit_test(folders_and_files_are_for_the_user_alone),
        cmocka_unit_test(a_folder_that_is_there_keeps_its_mode),
        cmocka_unit_test(a_folder_that_others_can_write_is_refused),
        cmocka_unit_test(a_folder_of_somebody_else_is_refused),
        cmocka_unit_test(what_is_no_folder_is_refused),
        cmocka_unit_test(a_link_that_the_user_laid_is_followed),
        cmocka_unit_test(a_link_that_somebody_else_laid_is_refused),
        cmocka_unit_test(a_folder_that_is_moved_or_vanishes_is_no_error),
        cmocka_unit_test(a_subfolder_that_vanishes_is_made_again),
        cmocka_unit_test(temporary_files_of_dead_writers_go_when_they_are_old),
        cmocka_unit_test(folders_links_and_pipes_in_the_place_of_an_answer_are_left_alone),
        cmocka_unit_test(a_link_in_the_place_of_an_answer_is_not_written_through),
        cmocka_unit_test(a_link_in_the_place_of_a_subfolder_is_not_written_through),
        cmocka_unit_test(a_read_only_store_changes_nothing),
        cmocka_unit_test(a_read_only_store_may_be_anybodys_and_is_not_made),
        cmocka_unit_test(threads_share_one_store),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
