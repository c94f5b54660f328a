/* SPDX-License-Identifier: MIT */
/* The pace's file on a disk that refuses: no read fails for it, nothing is left open, and whoever cannot use the file
 * keeps the pace for itself. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/pace.h"
#include "support/fail_disk.h"
#include "support/fail_mem.h"
#include "support/scratch.h"

/* EAGAIN from a lock means that somebody else holds it, from anything else that the system is odd. */
static const int errors[] = {ENOSPC, EACCES, EIO, EINTR, ENOENT, EAGAIN, EROFS};
static const struct mly_pace_limit usual = {.rate_mhz = 5000, .burst = 3};
enum { WAIT_MS = 200, LOCKED_MS = 5 }; /* for the next request at that rate; for a lock */

struct rig {
    struct scratch scratch, folder, file;
    struct fail_mem mem;
    int64_t now_ms;
    struct mly_pace_options options;
    struct mly_pace *pace;
    size_t n_notes;
    char note[MLY_ERROR_TEXT];
};

static int64_t now_ms(void *ctx)
{
    const struct rig *rig = ctx;
    return rig->now_ms;
}

static void listen(void *ctx, const char *text)
{
    struct rig *rig = ctx;
    rig->n_notes++;
    (void)snprintf(rig->note, sizeof rig->note, "%s", text);
}

static void set_up(struct rig *rig)
{
    *rig = (struct rig){.now_ms = INT64_C(1700000000000)};
    fail_disk_reset();
    fail_mem_init(&rig->mem);
    scratch_make(&rig->scratch);
    rig->folder = scratch_at(rig->scratch.path, "cache");
    rig->file = scratch_at(rig->folder.path, "tiles.mlyp");
    rig->options = (struct mly_pace_options){.mem = &rig->mem.mem,
                                             .folders = {rig->folder.path, NULL},
                                             .now_ms = now_ms,
                                             .now_ctx = rig,
                                             .note = listen,
                                             .note_ctx = rig};
}

static void tear_down(struct rig *rig)
{
    mly_pace_close(rig->pace);
    scratch_remove(&rig->scratch);
    assert_nothing_leaks(&rig->mem);
}

static void open_pace(struct rig *rig)
{
    assert_status(mly_pace_open(&rig->options, &rig->pace, NULL), MLY_OK, NULL);
}

/* How many requests go out at this moment; who finds the file locked tries once more. */
static unsigned take_all(struct rig *rig)
{
    unsigned n = 0;
    for (int locked = 0; locked < 2;) {
        const uint32_t wait_ms = mly_pace_take(rig->pace, usual);
        assert_true(wait_ms == 0 || wait_ms == WAIT_MS || wait_ms == LOCKED_MS);
        if (wait_ms == WAIT_MS)
            break;
        n += wait_ms == 0;
        locked += wait_ms == LOCKED_MS;
    }
    return n;
}

/* A pace in a folder that is new or, with the file in it, old; call `first` and `n - 1` more fail with `error`. The
 * bucket of the file and the process's own have three requests each. Returns how many calls there were. */
static size_t do_everything_refused(bool is_old, size_t first, size_t n, int error)
{
    struct rig rig;
    set_up(&rig);
    if (is_old) {
        open_pace(&rig);
        mly_pace_close(rig.pace);
    }
    const size_t n_open = scratch_count_open();

    fail_disk_refuse(first, n, error);
    open_pace(&rig);
    const unsigned n_taken = take_all(&rig);
    mly_pace_close(rig.pace);
    rig.pace = NULL;
    const size_t n_calls = fail_disk_count();
    fail_disk_reset();

    assert_true(n_taken <= 6 && (n_taken > 0 || error == EAGAIN)); /* what is locked for ever takes patience */
    assert_true(rig.n_notes <= 1);
    assert_int_equal(scratch_count_open(), n_open);
    rig.now_ms += 3600000; /* and it can be used afterwards, whatever is left of it */
    rig.n_notes = 0;
    open_pace(&rig);
    assert_int_equal(take_all(&rig), 3);
    assert_int_equal(rig.n_notes, 0);
    tear_down(&rig);
    return n_calls;
}

static void any_call_of_the_system_may_fail(void **state)
{
    (void)state;
    for (int is_old = 0; is_old < 2; is_old++) {
        const size_t n_calls = do_everything_refused(is_old, SIZE_MAX, 0, 0);
        assert_true(n_calls >= 20); /* a take opens, looks at, locks, reads, writes and closes the file */
        for (size_t i = 0; i < COUNT(errors); i++) {
            for (size_t first = 0; first < n_calls; first++) {
                (void)do_everything_refused(is_old, first, 1, errors[i]);
                (void)do_everything_refused(is_old, first, SIZE_MAX / 2, errors[i]); /* from then on, every one */
            }
        }
    }
}

/* Which call of a take fails, and what is then said. */
static void whoever_cannot_use_the_file_says_so_once_and_keeps_the_pace_alone(void **state)
{
    (void)state;
    enum { OPENAT, FSTAT, FCNTL, PREAD, PWRITE, N_CALLS };
    static const struct {
        int error;
        const char *why;
    } cases[] = {{EACCES, "Permission denied"}, {ENOSPC, "No space left"}, {EIO, "Input/output error"}};
    for (size_t call = 0; call < N_CALLS; call++) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct rig rig;
            const bool is_lock = call == FCNTL && cases[i].error == EACCES; /* a lock that somebody holds */
            set_up(&rig);
            open_pace(&rig);
            fail_disk_refuse(call, 1, cases[i].error);
            assert_int_equal(mly_pace_take(rig.pace, usual), is_lock ? LOCKED_MS : 0);
            fail_disk_reset();
            assert_int_equal(rig.n_notes, !is_lock);
            if (!is_lock)
                assert_says(rig.note, call == FSTAT ? "Invalid argument" : cases[i].why);
            fail_disk_refuse(call, 1, cases[i].error);
            (void)mly_pace_take(rig.pace, usual);
            fail_disk_reset();
            assert_int_equal(rig.n_notes, !is_lock);
            tear_down(&rig);
        }
    }
}

static void a_write_that_ends_early_is_a_full_disk(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    open_pace(&rig);
    assert_int_equal(mly_pace_take(rig.pace, usual), 0);
    fail_disk_shorten(7);
    assert_int_equal(mly_pace_take(rig.pace, usual), 0);
    fail_disk_reset();
    assert_int_equal(rig.n_notes, 1);
    assert_says(rig.note, "No space left");
    tear_down(&rig);
}

/* Root may write anywhere, so it becomes somebody else, to whom the folder belongs. */
static int take_from_a_file_without_permission(struct rig *rig)
{
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 2;
    if (mly_pace_open(&rig->options, &rig->pace, NULL) != MLY_OK)
        return 1;
    const unsigned n_taken = take_all(rig);
    return n_taken == 3 && rig->n_notes == 1 && strstr(rig->note, "Permission denied") ? 0 : 1;
}

static void a_file_that_may_not_be_opened_leaves_the_pace_to_the_process(void **state)
{
    (void)state;
    struct rig rig;
    int status = 0;
    set_up(&rig);
    open_pace(&rig);
    mly_pace_close(rig.pace);
    rig.pace = NULL;
    if (geteuid() == 0) {
        assert_int_equal(chmod(rig.scratch.path, 0755), 0);
        assert_int_equal(chown(rig.file.path, 65534, 65534), 0);
        assert_int_equal(chown(rig.folder.path, 65534, 65534), 0);
    }
    assert_int_equal(chmod(rig.file.path, 0), 0);
    const pid_t child = fork();
    if (child == 0)
        _exit(take_from_a_file_without_permission(&rig));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    tear_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_of_the_system_may_fail),
        cmocka_unit_test(whoever_cannot_use_the_file_says_so_once_and_keeps_the_pace_alone),
        cmocka_unit_test(a_write_that_ends_early_is_a_full_disk),
        cmocka_unit_test(a_file_that_may_not_be_opened_leaves_the_pace_to_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
