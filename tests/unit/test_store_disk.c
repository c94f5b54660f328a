/* SPDX-License-Identifier: MIT */
/* The store on a disk that refuses, damages and fills up, and in processes that die or write at the same time. */
#define _GNU_SOURCE /* unshare: a full disk of our own to mount */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/chance.h"
#include "support/fail_disk.h"
#include "support/store_kit.h"

static const char key[] = "mly1_public/14/8574/5735";
static const struct mly_span nothing = {.data = NULL, .size = 0};
static const int errors[] = {ENOSPC, ENOENT, EEXIST, EINTR}; /* the first stands for all that need no answer */

/* What a child process has to say; assertions are the parent's. */
enum { CHILD_OK, CHILD_FAILED, CHILD_CANNOT };

static int wait_for(pid_t child)
{
    int status = 0;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* These tests write files whose times count. */
static void begin_now(struct store_kit *kit)
{
    store_kit_begin(kit);
    kit->now_ms = (int64_t)time(NULL) * 1000;
}

/* Reads an answer that may be missing. False: it is there and is not whole. */
static bool is_whole_or_missing(struct store_kit *kit, const char *of_key, bool *is_there)
{
    const struct mly_entry_name name = store_kit_name(of_key);
    struct mly_store_about about;
    struct mly_buf body;
    uint64_t seed;
    mly_buf_init(&body, mly_mem_system(), MLY_LIMIT_BODY);
    const enum mly_status status = mly_store_get(kit->store, &name, &about, &body);
    const bool is_whole = status == MLY_OK && (body.size == 0 || store_kit_is_body(mly_buf_view(&body), &seed));
    mly_buf_fini(&body);
    *is_there = status == MLY_OK;
    return is_whole || status == MLY_DONE;
}

/* ---- the system refuses ---- */

/* All that a store does, on one key. The store may not even open. */
static void do_everything(struct store_kit *kit, struct mly_span body)
{
    const struct mly_entry_name name = store_kit_name(key);
    struct mly_store_about about;
    struct mly_buf read;
    const enum mly_status opened = mly_store_open(&kit->options, &kit->store, NULL);
    assert_true(opened == MLY_OK || opened == MLY_E_IO);
    if (opened != MLY_OK)
        return;
    mly_buf_init(&read, &kit->mem.mem, MLY_LIMIT_BODY);
    const enum mly_status put = mly_store_put(kit->store, &name, 200, body);
    assert_true(put == MLY_OK || put == MLY_E_IO);
    const enum mly_status found = mly_store_stat(kit->store, &name, &about);
    assert_true(found == MLY_OK || found == MLY_DONE);
    const enum mly_status got = mly_store_get(kit->store, &name, &about, &read);
    assert_true(got == MLY_OK || got == MLY_DONE);
    if (got == MLY_OK)
        assert_span(mly_buf_view(&read), body.data, body.size);
    else
        assert_int_equal(read.size, 0);
    mly_buf_fini(&read);
    mly_store_remove(kit->store, &name);
    for (int i = 0; i < 3; i++) /* each sweeps: the ceiling is that low */
        (void)mly_store_put(kit->store, &name, 200, body);
    store_kit_close(kit);
}

/* Call `first` and `n - 1` more fail with `error`. Returns how many calls there were. */
static size_t do_everything_refused(size_t first, size_t n, int error)
{
    struct store_kit kit;
    struct bytes body = store_kit_body(first, 3000);
    fail_disk_reset();
    store_kit_begin(&kit);
    kit.options.max_bytes = 12288;
    store_kit_open(&kit); /* something is there before */
    store_kit_put(&kit, "another", 200, bytes_view(&body));
    store_kit_close(&kit);
    const size_t n_open = scratch_count_open();

    fail_disk_refuse(first, n, error);
    do_everything(&kit, bytes_view(&body));
    const size_t n_calls = fail_disk_count();
    fail_disk_reset();

    assert_int_equal(scratch_count_open(), n_open);
    assert_true(kit.n_notes <= 1);
    store_kit_open(&kit);
    store_kit_put(&kit, "afterwards", 200, bytes_view(&body));
    assert_stored(&kit, "afterwards", 200, bytes_view(&body));
    bytes_free(&body);
    store_kit_end(&kit);
    return n_calls;
}

static void any_call_of_the_system_may_fail(void **state)
{
    (void)state;
    const size_t n_calls = do_everything_refused(SIZE_MAX, 0, 0);
    assert_true(n_calls > 50);
    for (size_t i = 0; i < COUNT(errors); i++) {
        for (size_t first = 0; first < n_calls; first++)
            (void)do_everything_refused(first, 1, errors[i]);
    }
    for (size_t first = 0; first < n_calls; first++)
        (void)do_everything_refused(first, SIZE_MAX / 2, EIO); /* from then on, every one */
}

static void what_was_there_stays_when_a_write_fails(void **state)
{
    (void)state;
    const struct mly_entry_name name = store_kit_name(key);
    struct bytes before = store_kit_body(1, 3000), after = store_kit_body(2, 4000);
    size_t first = 0;
    enum mly_status status = MLY_E_IO;
    for (; status != MLY_OK; first++) {
        struct store_kit kit;
        fail_disk_reset();
        store_kit_begin(&kit);
        kit.options.max_bytes = UINT64_MAX; /* no sweep by chance, whose calls would be counted */
        store_kit_open(&kit);
        store_kit_put(&kit, key, 200, bytes_view(&before));
        fail_disk_refuse(first, 1, ENOSPC);
        status = mly_store_put(kit.store, &name, 200, bytes_view(&after));
        fail_disk_reset();
        assert_stored(&kit, key, 200, bytes_view(status == MLY_OK ? &after : &before));
        assert_int_equal(scratch_count(kit.folder.path, ".mlyt"), 0);
        assert_int_equal(kit.n_notes, status == MLY_OK ? 0 : 1);
        store_kit_end(&kit);
    }
    assert_int_equal(first, 6); /* create, write, close, open the subfolder, rename; closing that is not looked at */
    bytes_free(&before);
    bytes_free(&after);
}

static void answers_may_come_and_go_in_small_pieces(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 7, 48, 100, 4096};
    struct store_kit kit;
    struct bytes body = store_kit_body(1, 5000);
    store_kit_begin(&kit);
    store_kit_open(&kit);
    for (size_t i = 0; i < COUNT(pieces); i++) {
        fail_disk_shorten(pieces[i]);
        store_kit_put(&kit, key, 200, bytes_view(&body));
        assert_stored(&kit, key, 200, bytes_view(&body));
        store_kit_put(&kit, key, 204, nothing);
        assert_stored(&kit, key, 204, nothing);
    }
    fail_disk_reset();
    bytes_free(&body);
    store_kit_end(&kit);
}

static void an_interrupted_call_is_made_again(void **state)
{
    (void)state;
    struct store_kit kit;
    struct bytes body = store_kit_body(1, 5000);
    const struct mly_entry_name name = store_kit_name(key);
    struct mly_store_about about;
    struct mly_buf got;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    mly_buf_init(&got, &kit.mem.mem, MLY_LIMIT_BODY);

    fail_disk_refuse(1, 3, EINTR); /* after openat */
    store_kit_put(&kit, key, 200, bytes_view(&body));
    fail_disk_refuse(2, 3, EINTR); /* after openat and fstat */
    assert_status(mly_store_get(kit.store, &name, &about, &got), MLY_OK, NULL);
    fail_disk_reset();

    assert_span(mly_buf_view(&got), body.data, body.size);
    mly_buf_fini(&got);
    bytes_free(&body);
    store_kit_end(&kit);
}

static void a_hit_takes_four_calls_and_a_miss_takes_one(void **state)
{
    (void)state;
    struct store_kit kit;
    struct bytes body = store_kit_body(1, 1 << 20);
    const struct mly_entry_name name = store_kit_name(key), other = store_kit_name("other");
    struct mly_store_about about;
    struct mly_buf read;
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, bytes_view(&body));
    mly_buf_init(&read, &kit.mem.mem, MLY_LIMIT_BODY);

    fail_disk_reset();
    assert_status(mly_store_get(kit.store, &name, &about, &read), MLY_OK, NULL);
    assert_int_equal(fail_disk_count(), 4);
    fail_disk_reset();
    assert_status(mly_store_stat(kit.store, &name, &about), MLY_OK, NULL);
    assert_int_equal(fail_disk_count(), 4);
    fail_disk_reset();
    assert_status(mly_store_stat(kit.store, &other, &about), MLY_DONE, NULL);
    assert_int_equal(fail_disk_count(), 1);

    mly_buf_fini(&read);
    bytes_free(&body);
    store_kit_end(&kit);
}

/* ---- damage ---- */

/* A small answer in a file of its own, to be damaged by the test. */
struct specimen {
    struct store_kit kit;
    struct scratch file;
    struct bytes body, whole;
};

static void begin_specimen(struct specimen *specimen)
{
    store_kit_begin(&specimen->kit);
    store_kit_open(&specimen->kit);
    specimen->body = store_kit_body(1, 40);
    store_kit_put(&specimen->kit, key, 200, bytes_view(&specimen->body));
    specimen->file = store_kit_file(&specimen->kit, key);
    specimen->whole = scratch_read(specimen->file.path);
}

static void end_specimen(struct specimen *specimen)
{
    bytes_free(&specimen->body);
    bytes_free(&specimen->whole);
    store_kit_end(&specimen->kit);
}

static void check_missing_and_removed(struct specimen *specimen)
{
    const struct mly_entry_name name = store_kit_name(key);
    struct mly_store_about about;
    struct mly_buf read;
    mly_buf_init(&read, &specimen->kit.mem.mem, MLY_LIMIT_BODY);
    assert_status(mly_store_get(specimen->kit.store, &name, &about, &read), MLY_DONE, NULL);
    assert_int_equal(read.size, 0);
    assert_false(scratch_exists(specimen->file.path));
}

static void an_answer_damaged_at_any_byte_is_missing(void **state)
{
    (void)state;
    struct specimen specimen;
    begin_specimen(&specimen);
    for (size_t i = 0; i < specimen.whole.size; i++) {
        for (unsigned mask = 1; mask < 256; mask = mask * 3 + 1) {
            specimen.whole.data[i] ^= (uint8_t)mask;
            scratch_write(specimen.file.path, bytes_view(&specimen.whole));
            check_missing_and_removed(&specimen);
            specimen.whole.data[i] ^= (uint8_t)mask;
        }
    }
    scratch_write(specimen.file.path, bytes_view(&specimen.whole));
    assert_stored(&specimen.kit, key, 200, bytes_view(&specimen.body));
    assert_int_equal(specimen.kit.n_notes, 0);
    end_specimen(&specimen);
}

static void an_answer_of_any_other_length_is_missing(void **state)
{
    (void)state;
    struct specimen specimen;
    begin_specimen(&specimen);
    const size_t n = specimen.whole.size;
    for (size_t length = 0; length < n; length++) {
        scratch_write(specimen.file.path, (struct mly_span){.data = specimen.whole.data, .size = length});
        check_missing_and_removed(&specimen);
    }
    for (size_t i = 0; i < 100; i++) {
        bytes_byte(&specimen.whole, 0);
        scratch_write(specimen.file.path, bytes_view(&specimen.whole));
        check_missing_and_removed(&specimen);
    }
    scratch_write(specimen.file.path, nothing);
    assert_int_equal(truncate(specimen.file.path, (off_t)1 << 40), 0); /* a hole of a terabyte is not read */
    check_missing_and_removed(&specimen);
    end_specimen(&specimen);
}

static void an_answer_under_the_name_of_another_is_missing(void **state)
{
    (void)state;
    static const char neighbour[] = "mly1_public/14/8574/5736", longer[] = "mly1_public/14/8574/57350";
    struct specimen specimen;
    struct bytes other = store_kit_body(2, 40);
    begin_specimen(&specimen);
    store_kit_put(&specimen.kit, neighbour, 200, bytes_view(&other));
    store_kit_put(&specimen.kit, longer, 200, bytes_view(&other));

    assert_int_equal(rename(store_kit_file(&specimen.kit, neighbour).path, specimen.file.path), 0);
    check_missing_and_removed(&specimen);
    assert_int_equal(rename(store_kit_file(&specimen.kit, longer).path, specimen.file.path), 0);
    check_missing_and_removed(&specimen);

    bytes_free(&other);
    end_specimen(&specimen);
}

static void a_body_under_the_head_of_another_is_missing(void **state)
{
    (void)state;
    struct specimen specimen;
    struct bytes other = store_kit_body(2, 40);
    begin_specimen(&specimen);
    memcpy(specimen.whole.data + specimen.whole.size - other.size, other.data, other.size);
    scratch_write(specimen.file.path, bytes_view(&specimen.whole));
    check_missing_and_removed(&specimen);
    bytes_free(&other);
    end_specimen(&specimen);
}

static void random_bytes_in_the_place_of_an_answer_are_missing(void **state)
{
    (void)state;
    struct specimen specimen;
    struct chance chance = {.state = 5};
    begin_specimen(&specimen);
    for (int round = 0; round < 200; round++) {
        uint8_t noise[300];
        const size_t n = chance_below(&chance, sizeof noise), n_kept = chance_below(&chance, 60);
        for (size_t i = 0; i < n; i++)
            noise[i] = (uint8_t)chance_next(&chance);
        memcpy(noise, specimen.whole.data, n_kept); /* a true beginning */
        scratch_write(specimen.file.path, (struct mly_span){.data = noise, .size = n});
        check_missing_and_removed(&specimen);
    }
    end_specimen(&specimen);
}

/* ---- the disk is full, or not ours to write ---- */

static int write_beyond_the_limit_of_files(struct store_kit *kit)
{
    const struct mly_entry_name name = store_kit_name(key);
    const struct rlimit limit = {.rlim_cur = 8192, .rlim_max = 8192};
    struct bytes body = store_kit_body(2, 100000);
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return CHILD_CANNOT;
    for (int i = 0; i < 3; i++) {
        if (mly_store_put(kit->store, &name, 200, bytes_view(&body)) != MLY_E_IO)
            return CHILD_FAILED;
    }
    bytes_free(&body);
    return kit->n_notes == 1 && strstr(kit->note, "File too large") ? CHILD_OK : CHILD_FAILED;
}

static void a_file_that_may_not_grow_is_not_kept(void **state)
{
    (void)state;
    struct store_kit kit;
    struct bytes body = store_kit_body(1, 3000);
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, bytes_view(&body));
    const pid_t child = fork();
    if (child == 0)
        _exit(write_beyond_the_limit_of_files(&kit));
    assert_int_equal(wait_for(child), CHILD_OK);
    assert_stored(&kit, key, 200, bytes_view(&body));
    assert_int_equal(scratch_count(kit.folder.path, ".mlyt"), 0);
    bytes_free(&body);
    store_kit_end(&kit);
}

static int fill_a_small_disk(struct store_kit *kit)
{
    struct bytes body = store_kit_body(2, 20000);
    size_t n_kept = 0, n_lost = 0;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", kit->folder.path, "tmpfs", 0, "size=64k,mode=700") != 0)
        return CHILD_CANNOT;
    if (mly_store_open(&kit->options, &kit->store, NULL) != MLY_OK)
        return CHILD_FAILED;
    for (int i = 0; i < 10; i++) {
        char of_key[MLY_LIMIT_KEY];
        bool is_there = false;
        (void)snprintf(of_key, sizeof of_key, "tile/%d", i);
        const struct mly_entry_name name = store_kit_name(of_key);
        const enum mly_status put = mly_store_put(kit->store, &name, 200, bytes_view(&body));
        if (!is_whole_or_missing(kit, of_key, &is_there) || is_there != (put == MLY_OK))
            return CHILD_FAILED;
        n_kept += put == MLY_OK;
        n_lost += put == MLY_E_IO;
    }
    bytes_free(&body);
    const bool is_clean = scratch_count(kit->folder.path, ".mlyt") == 0;
    return n_kept > 0 && n_lost > 0 && kit->n_notes == 1 && is_clean ? CHILD_OK : CHILD_FAILED;
}

static void a_full_disk_keeps_what_it_has_and_is_mentioned_once(void **state)
{
    (void)state;
    struct store_kit kit;
    store_kit_begin(&kit);
    assert_int_equal(mkdir(kit.folder.path, 0700), 0);
    const pid_t child = fork();
    if (child == 0)
        _exit(fill_a_small_disk(&kit));
    const int status = wait_for(child);
    store_kit_end(&kit);
    if (status == CHILD_CANNOT << 8) {
        print_message("needs the right to mount\n");
        skip();
    }
    assert_int_equal(status, CHILD_OK);
}

/* The folder is 65534's if we are root, who may write anywhere. */
static int use_a_read_only_folder(struct store_kit *kit)
{
    const struct mly_entry_name name = store_kit_name("new");
    bool is_there = false;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return CHILD_CANNOT;
    if (mly_store_open(&kit->options, &kit->store, NULL) != MLY_OK)
        return CHILD_FAILED;
    for (int i = 0; i < 3; i++) {
        if (mly_store_put(kit->store, &name, 200, nothing) != MLY_E_IO)
            return CHILD_FAILED;
    }
    if (!is_whole_or_missing(kit, key, &is_there) || !is_there)
        return CHILD_FAILED;
    return kit->n_notes == 1 && strstr(kit->note, "Permission denied") ? CHILD_OK : CHILD_FAILED;
}

static void a_folder_that_cannot_be_written_is_still_read(void **state)
{
    (void)state;
    struct store_kit kit;
    struct bytes body = store_kit_body(1, 3000);
    store_kit_begin(&kit);
    store_kit_open(&kit);
    store_kit_put(&kit, key, 200, bytes_view(&body));
    store_kit_close(&kit);
    struct scratch entry = store_kit_file(&kit, key);
    if (geteuid() == 0) {
        assert_int_equal(chmod(kit.scratch.path, 0755), 0);
        assert_int_equal(chown(entry.path, 65534, 65534), 0);
        assert_int_equal(chown(kit.folder.path, 65534, 65534), 0);
    }
    *strrchr(entry.path, '/') = '\0';
    assert_int_equal(geteuid() == 0 ? chown(entry.path, 65534, 65534) : 0, 0);
    assert_int_equal(chmod(kit.folder.path, 0500), 0);

    const pid_t child = fork();
    if (child == 0)
        _exit(use_a_read_only_folder(&kit));
    assert_int_equal(wait_for(child), CHILD_OK);

    assert_int_equal(chmod(kit.folder.path, 0700), 0);
    bytes_free(&body);
    store_kit_end(&kit);
}

/* ---- processes that die ---- */

static int replace_and_die(struct store_kit *kit, struct mly_span body, size_t number)
{
    const struct mly_entry_name name = store_kit_name(key);
    if (mly_store_open(&kit->options, &kit->store, NULL) != MLY_OK)
        return CHILD_FAILED;
    fail_disk_die(number);
    fail_disk_shorten(1000); /* so that it dies between parts of the answer, too */
    return mly_store_put(kit->store, &name, 200, body) == MLY_OK ? CHILD_OK : CHILD_FAILED;
}

static void a_process_killed_before_any_call_leaves_a_whole_answer(void **state)
{
    (void)state;
    struct store_kit kit;
    struct bytes before = store_kit_body(1, 5000), after = store_kit_body(2, 6000);
    bool is_finished = false, was_left = false;
    fail_disk_reset();
    begin_now(&kit);
    kit.options.max_bytes = UINT64_MAX;
    for (size_t number = 0; !is_finished; number++) {
        store_kit_open(&kit);
        store_kit_put(&kit, key, 200, bytes_view(&before));
        store_kit_close(&kit);
        const pid_t child = fork();
        if (child == 0)
            _exit(replace_and_die(&kit, bytes_view(&after), number));
        const int status = wait_for(child);
        is_finished = WIFEXITED(status);
        assert_true(is_finished ? status == CHILD_OK : WTERMSIG(status) == SIGKILL);

        bool is_there = false;
        store_kit_open(&kit);
        assert_true(is_whole_or_missing(&kit, key, &is_there) && is_there);
        was_left = was_left || scratch_count(kit.folder.path, ".mlyt") > 0;
    }
    assert_true(was_left); /* it did die in the middle */
    assert_stored(&kit, key, 200, bytes_view(&after));

    kit.now_ms += 7200000;
    store_kit_open(&kit); /* what the dead have left goes after an hour */
    assert_int_equal(scratch_count(kit.folder.path, ".mlyt"), 0);
    bytes_free(&before);
    bytes_free(&after);
    store_kit_end(&kit);
}

static void write_until_killed(struct store_kit *kit)
{
    if (mly_store_open(&kit->options, &kit->store, NULL) != MLY_OK)
        return;
    for (uint64_t i = 0;; i++) {
        struct bytes body = store_kit_body(i, 200000 + i % 7 * 100000);
        const struct mly_entry_name name = store_kit_name(i % 2 ? "odd" : "even");
        (void)mly_store_put(kit->store, &name, 200, bytes_view(&body));
        bytes_free(&body);
    }
}

static void a_process_killed_at_any_time_leaves_whole_answers(void **state)
{
    (void)state;
    struct chance chance = {.state = 9};
    struct store_kit kit;
    begin_now(&kit);
    kit.options.max_bytes = 2 << 20; /* so low that it sweeps, too */
    for (unsigned long round = 0; round < chance_rounds(20); round++) {
        const pid_t child = fork();
        if (child == 0) {
            write_until_killed(&kit);
            _exit(CHILD_FAILED);
        }
        const struct timespec pause = {.tv_nsec = (long)chance_below(&chance, 20000000)};
        (void)nanosleep(&pause, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(WTERMSIG(wait_for(child)), SIGKILL);
        bool is_there;
        store_kit_open(&kit);
        assert_true(is_whole_or_missing(&kit, "odd", &is_there) && is_whole_or_missing(&kit, "even", &is_there));
    }
    store_kit_end(&kit);
}

/* ---- processes at the same time ---- */

static int read_and_write(struct store_kit *kit, uint64_t seed, unsigned long n_rounds)
{
    struct chance chance = {.state = seed};
    if (mly_store_open(&kit->options, &kit->store, NULL) != MLY_OK)
        return CHILD_FAILED;
    for (unsigned long i = 0; i < n_rounds; i++) {
        char of_key[MLY_LIMIT_KEY];
        bool is_there;
        (void)snprintf(of_key, sizeof of_key, "tile/%zu", chance_below(&chance, 24));
        const struct mly_entry_name name = store_kit_name(of_key);
        const size_t what = chance_below(&chance, 10);
        if (what < 4) {
            struct bytes body = store_kit_body(chance_next(&chance), 100 + chance_below(&chance, 50000));
            if (mly_store_put(kit->store, &name, 200, bytes_view(&body)) != MLY_OK)
                return CHILD_FAILED;
            bytes_free(&body);
        } else if (what == 4) {
            (void)mly_store_put(kit->store, &name, 204, nothing);
        } else if (what == 5) {
            mly_store_remove(kit->store, &name);
        } else if (!is_whole_or_missing(kit, of_key, &is_there)) {
            return CHILD_FAILED;
        }
    }
    return kit->n_notes == 0 ? CHILD_OK : CHILD_FAILED;
}

static void let_work_together(uint64_t n_processes, uint64_t max_bytes)
{
    struct store_kit kit;
    pid_t children[8];
    begin_now(&kit);
    kit.options.max_bytes = max_bytes;
    for (uint64_t i = 0; i < n_processes; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(read_and_write(&kit, i, chance_rounds(500)));
    }
    for (uint64_t i = 0; i < n_processes; i++)
        assert_int_equal(wait_for(children[i]), CHILD_OK);
    assert_int_equal(scratch_count(kit.folder.path, ".mlyt"), 0);
    store_kit_end(&kit);
}

static void two_processes_share_a_store(void **state)
{
    (void)state;
    let_work_together(2, 64 << 20);
}

static void eight_processes_share_a_store_that_is_always_too_full(void **state)
{
    (void)state;
    let_work_together(8, 256 << 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_of_the_system_may_fail),
        cmocka_unit_test(what_was_there_stays_when_a_write_fails),
        cmocka_unit_test(answers_may_come_and_go_in_small_pieces),
        cmocka_unit_test(an_interrupted_call_is_made_again),
        cmocka_unit_test(a_hit_takes_four_calls_and_a_miss_takes_one),
        cmocka_unit_test(an_answer_damaged_at_any_byte_is_missing),
        cmocka_unit_test(an_answer_of_any_other_length_is_missing),
        cmocka_unit_test(an_answer_under_the_name_of_another_is_missing),
        cmocka_unit_test(a_body_under_the_head_of_another_is_missing),
        cmocka_unit_test(random_bytes_in_the_place_of_an_answer_are_missing),
        cmocka_unit_test(a_file_that_may_not_grow_is_not_kept),
        cmocka_unit_test(a_full_disk_keeps_what_it_has_and_is_mentioned_once),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_still_read),
        cmocka_unit_test(a_process_killed_before_any_call_leaves_a_whole_answer),
        cmocka_unit_test(a_process_killed_at_any_time_leaves_whole_answers),
        cmocka_unit_test(two_processes_share_a_store),
        cmocka_unit_test(eight_processes_share_a_store_that_is_always_too_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
