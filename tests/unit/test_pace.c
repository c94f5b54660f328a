/* SPDX-License-Identifier: MIT */
#include "io/pace.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/limits.h"
#include "io/hash.h"
#include "support/chance.h"
#include "support/fail_mem.h"
#include "support/scratch.h"

enum { LOCKED_MS = 5 }; /* the wait for a lock, which no rate here makes */
static const int64_t start_ms = INT64_C(1700000000000);
static const struct mly_pace_limit usual = {.rate_mhz = 5000, .burst = 3};

/* A pace in a folder of its own, on a clock that stands still. */
struct rig {
    struct scratch scratch, folder, file;
    struct fail_mem mem;
    int64_t now_ms;
    struct mly_pace_options options; /* of the next opening */
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

static void begin(struct rig *rig)
{
    *rig = (struct rig){.now_ms = start_ms};
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

static void open_pace(struct rig *rig)
{
    struct mly_error err = {.code = MLY_OK};
    mly_pace_close(rig->pace);
    assert_status(mly_pace_open(&rig->options, &rig->pace, &err), MLY_OK, &err);
}

static void set_up(struct rig *rig)
{
    begin(rig);
    open_pace(rig);
}

static void tear_down(struct rig *rig)
{
    mly_pace_close(rig->pace);
    scratch_remove(&rig->scratch);
    assert_nothing_leaks(&rig->mem);
}

/* How many requests may go out at this moment. */
static unsigned take_all(struct rig *rig, struct mly_pace_limit limit)
{
    unsigned n = 0;
    while (mly_pace_take(rig->pace, limit) == 0)
        n++;
    return n;
}

/* ---- the bucket ---- */

static void after_the_burst_the_rate_holds(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    assert_int_equal(take_all(&rig, usual), 3);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(mly_pace_take(rig.pace, usual), 200);
        rig.now_ms += 199;
        assert_int_equal(mly_pace_take(rig.pace, usual), 1);
        rig.now_ms += 1;
        assert_int_equal(mly_pace_take(rig.pace, usual), 0);
    }
    assert_int_equal(rig.n_notes, 0);
    tear_down(&rig);
}

static void time_without_requests_gives_back_no_more_than_the_burst(void **state)
{
    (void)state;
    static const int64_t pauses_ms[] = {600, 601, 3600000, INT64_C(1000) * 366 * 86400 * 100};
    struct rig rig;
    set_up(&rig);
    assert_int_equal(take_all(&rig, usual), 3);
    for (size_t i = 0; i < COUNT(pauses_ms); i++) {
        rig.now_ms += pauses_ms[i];
        assert_int_equal(take_all(&rig, usual), 3);
    }
    rig.now_ms += 400;
    assert_int_equal(take_all(&rig, usual), 2);
    tear_down(&rig);
}

static void rates_from_one_in_a_thousand_seconds_to_a_thousand_a_second_hold(void **state)
{
    (void)state;
    enum { MUCH = 3000 };
    static const uint32_t rates_mhz[] = {1, 10, 333, 999, 7500, MLY_LIMIT_RATE_MHZ};
    for (size_t i = 0; i < COUNT(rates_mhz); i++) {
        const struct mly_pace_limit limit = {.rate_mhz = rates_mhz[i], .burst = MUCH};
        struct rig rig;
        set_up(&rig);
        assert_int_equal(take_all(&rig, limit), MUCH);
        rig.now_ms += INT64_C(3000000); /* 3,000 seconds */
        const unsigned back = 3 * rates_mhz[i] < MUCH ? 3 * rates_mhz[i] : MUCH;
        assert_int_equal(take_all(&rig, limit), back);
        tear_down(&rig);
    }
}

static void a_wait_is_cut_where_it_is_time_to_look_again(void **state)
{
    (void)state;
    const struct mly_pace_limit slow = {.rate_mhz = 1, .burst = 1};
    struct rig rig;
    set_up(&rig);
    assert_int_equal(mly_pace_take(rig.pace, slow), 0);
    assert_int_equal(mly_pace_take(rig.pace, slow), MLY_PACE_LONGEST_WAIT_MS);
    rig.now_ms += 999999;
    assert_int_equal(mly_pace_take(rig.pace, slow), 1);
    tear_down(&rig);
}

static void a_clock_that_is_set_back_gives_nothing_back_and_counts_on(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    assert_int_equal(take_all(&rig, usual), 3);
    rig.now_ms -= 3600000;
    assert_int_equal(mly_pace_take(rig.pace, usual), 200);
    rig.now_ms += 200;
    assert_int_equal(take_all(&rig, usual), 1);
    rig.now_ms -= 1;
    assert_int_equal(mly_pace_take(rig.pace, usual), 200);
    tear_down(&rig);
}

/* A small burst does not empty what a large one has filled. */
static void whoever_spends_little_waits_for_whoever_spent_much(void **state)
{
    (void)state;
    const struct mly_pace_limit large = {.rate_mhz = 5000, .burst = 10}, small = {.rate_mhz = 5000, .burst = 1};
    struct rig rig;
    set_up(&rig);
    assert_int_equal(take_all(&rig, large), 10);
    assert_int_equal(mly_pace_take(rig.pace, small), 2000);
    assert_int_equal(take_all(&rig, large), 0);
    rig.now_ms += 2000;
    assert_int_equal(take_all(&rig, small), 1);
    assert_int_equal(take_all(&rig, large), 9);
    tear_down(&rig);
}

/* ---- the file ---- */

static void a_later_process_goes_on_where_the_last_one_ended(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    assert_int_equal(mly_pace_take(rig.pace, usual), 0);
    open_pace(&rig);
    assert_int_equal(take_all(&rig, usual), 2);
    open_pace(&rig);
    assert_int_equal(take_all(&rig, usual), 0);
    assert_int_equal(scratch_mode(rig.file.path), 0600);
    assert_int_equal(scratch_mode(rig.folder.path), 0700);
    tear_down(&rig);
}

static void no_descriptor_is_left_open(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig);
    const size_t n_before = scratch_count_open();
    open_pace(&rig);
    (void)take_all(&rig, usual);
    assert_int_equal(scratch_count_open(), n_before + 1);
    mly_pace_close(rig.pace);
    rig.pace = NULL;
    assert_int_equal(scratch_count_open(), n_before);
    tear_down(&rig);
}

static void a_file_damaged_at_any_byte_is_a_fresh_bucket(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    for (size_t i = 0; i < 32; i++) {
        (void)take_all(&rig, usual);
        struct bytes content = scratch_read(rig.file.path);
        assert_int_equal(content.size, 32);
        content.data[i] ^= 0x10;
        scratch_write(rig.file.path, bytes_view(&content));
        bytes_free(&content);
        assert_int_equal(take_all(&rig, usual), 3);
    }
    assert_int_equal(rig.n_notes, 0);
    tear_down(&rig);
}

static void a_file_of_any_shorter_length_is_a_fresh_bucket(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    for (size_t n = 0; n < 32; n++) {
        (void)take_all(&rig, usual);
        assert_int_equal(truncate(rig.file.path, (off_t)n), 0);
        assert_int_equal(take_all(&rig, usual), 3);
    }
    tear_down(&rig);
}

static void random_bytes_are_a_fresh_bucket(void **state)
{
    (void)state;
    struct chance chance = {.state = 1};
    struct rig rig;
    set_up(&rig);
    for (unsigned long round = chance_rounds(200); round > 0; round--) {
        uint8_t noise[64];
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)chance_next(&chance);
        scratch_write(rig.file.path, (struct mly_span){.data = noise, .size = chance_below(&chance, sizeof noise)});
        assert_int_equal(take_all(&rig, usual), 3);
    }
    tear_down(&rig);
}

static void write_state(const struct rig *rig, uint64_t at_ms, uint64_t spent)
{
    uint8_t bytes[32] = {'M', 'L', 'Y', 'P', 'A', 'C', 'E', 1};
    for (int i = 0; i < 8; i++) {
        bytes[16 + i] = (uint8_t)(at_ms >> 8 * i);
        bytes[24 + i] = (uint8_t)(spent >> 8 * i);
    }
    const uint64_t hash = mly_hash_bytes((struct mly_span){.data = bytes + 16, .size = 16});
    for (int i = 0; i < 8; i++)
        bytes[8 + i] = (uint8_t)(hash >> 8 * i);
    scratch_write(rig->file.path, (struct mly_span){.data = bytes, .size = sizeof bytes});
}

/* The hash is right, the numbers are not. */
static void numbers_that_cannot_be_are_a_fresh_bucket(void **state)
{
    (void)state;
    static const uint64_t million = 1000000, most = (uint64_t)MLY_LIMIT_BURST * 1000000;
    const uint64_t now = (uint64_t)start_ms;
    const struct {
        uint64_t at_ms, spent;
        unsigned n;
    } cases[] = {
        {now, 2 * million, 1},
        {now, most, 0},
        {now, most + 1, 3},
        {now, UINT64_MAX, 3},
        {0, most, 3}, /* long ago */
        {UINT64_MAX, 3 * million, 3},
        {UINT64_C(253402300800000), 3 * million, 0}, /* a clock that was far ahead */
        {UINT64_C(253402300800001), 3 * million, 3},
    };
    struct rig rig;
    set_up(&rig);
    for (size_t i = 0; i < COUNT(cases); i++) {
        write_state(&rig, cases[i].at_ms, cases[i].spent);
        assert_int_equal(take_all(&rig, usual), cases[i].n);
    }
    tear_down(&rig);
}

static void a_time_far_ahead_does_not_stop_the_bucket(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    write_state(&rig, (uint64_t)start_ms + UINT64_C(86400000) * 365, 3000000);
    assert_int_equal(mly_pace_take(rig.pace, usual), 200);
    rig.now_ms += 200;
    assert_int_equal(mly_pace_take(rig.pace, usual), 0);
    tear_down(&rig);
}

/* ---- where there is no file ---- */

static void the_second_folder_serves_where_the_first_cannot(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig);
    const struct scratch blocked = scratch_at(rig.scratch.path, "blocked");
    const struct scratch inside = scratch_at(blocked.path, "cache");
    scratch_write_text(blocked.path, "a file, not a folder");
    rig.options.folders[0] = inside.path;
    rig.options.folders[1] = rig.folder.path;
    open_pace(&rig);
    assert_int_equal(take_all(&rig, usual), 3);
    assert_int_equal(rig.n_notes, 0);
    assert_true(scratch_exists(rig.file.path));
    tear_down(&rig);
}

static void without_a_folder_the_process_keeps_the_pace_alone_and_says_so_once(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig);
    const struct scratch blocked = scratch_at(rig.scratch.path, "blocked");
    const struct scratch inside = scratch_at(blocked.path, "cache");
    scratch_write_text(blocked.path, "a file, not a folder");
    const char *const folders[] = {NULL, inside.path};
    for (size_t i = 0; i < COUNT(folders); i++) {
        rig.options.folders[0] = folders[i];
        rig.n_notes = 0;
        open_pace(&rig);
        assert_int_equal(take_all(&rig, usual), 3);
        rig.now_ms += 400;
        assert_int_equal(take_all(&rig, usual), 2);
        assert_int_equal(rig.n_notes, 1);
        assert_says(rig.note, "for this process alone");
        assert_says(rig.note, folders[i] ? inside.path : "no folder");
    }
    tear_down(&rig);
}

static void a_link_a_folder_or_a_pipe_in_its_place_is_left_alone(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct rig rig;
        begin(&rig);
        const struct scratch target = scratch_at(rig.scratch.path, "target");
        assert_int_equal(mkdir(rig.folder.path, 0700), 0);
        scratch_write_text(target.path, "somebody's");
        const int made = kind == 0   ? symlink(target.path, rig.file.path)
                         : kind == 1 ? mkdir(rig.file.path, 0700)
                                     : mkfifo(rig.file.path, 0600);
        assert_int_equal(made, 0);
        open_pace(&rig);
        assert_int_equal(take_all(&rig, usual), 3);
        assert_int_equal(rig.n_notes, 1);
        struct bytes content = scratch_read(target.path);
        assert_span(bytes_view(&content), "somebody's", 10);
        bytes_free(&content);
        tear_down(&rig);
    }
}

static void a_folder_that_others_can_write_to_is_not_used(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig);
    assert_int_equal(mkdir(rig.folder.path, 0700), 0);
    assert_int_equal(chmod(rig.folder.path, 0777), 0);
    open_pace(&rig);
    assert_int_equal(take_all(&rig, usual), 3);
    assert_says(rig.note, "can be written by others");
    assert_false(scratch_exists(rig.file.path));
    tear_down(&rig);
}

static void when_the_folder_goes_the_process_goes_on_with_what_it_knows(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    assert_int_equal(mly_pace_take(rig.pace, usual), 0);
    assert_int_equal(unlink(rig.file.path), 0);
    assert_int_equal(rmdir(rig.folder.path), 0);
    assert_int_equal(take_all(&rig, usual), 2);
    assert_int_equal(take_all(&rig, usual), 0);
    assert_int_equal(rig.n_notes, 1);
    tear_down(&rig);
}

static void any_of_its_allocations_may_fail(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_error err = {.code = MLY_OK};
    begin(&rig);
    fail_mem_init_failing(&rig.mem, 0, 1);
    assert_status(mly_pace_open(&rig.options, &rig.pace, &err), MLY_E_NOMEM, &err);
    tear_down(&rig);
}

static void without_a_clock_of_the_callers_the_systems_serves(void **state)
{
    (void)state;
    const struct mly_pace_limit slow = {.rate_mhz = 1, .burst = 2};
    struct rig rig;
    begin(&rig);
    rig.options.now_ms = NULL;
    open_pace(&rig);
    assert_int_equal(take_all(&rig, slow), 2);
    struct bytes content = scratch_read(rig.file.path);
    int64_t at_ms = 0;
    for (size_t i = 24; i-- > 16;)
        at_ms = at_ms << 8 | content.data[i];
    const uintmax_t now = (uintmax_t)time(NULL); /* ticks a little after the clock that is tested */
    assert_in_range(at_ms / 1000, now - 60, now + 1);
    bytes_free(&content);
    tear_down(&rig);
}

/* ---- many at once ---- */

enum { BURST = 5000 }; /* so many that those who take them meet */
static const struct mly_pace_limit once = {.rate_mhz = 1, .burst = BURST};

/* What one of many gets; a wait for the lock is no refusal. */
static unsigned take_share(struct mly_pace *pace)
{
    unsigned n = 0;
    for (;;) {
        const uint32_t wait_ms = mly_pace_take(pace, once);
        if (wait_ms == 0)
            n++;
        else if (wait_ms != LOCKED_MS)
            return n;
    }
}

/* A child that takes its share once `gate` is closed, and writes it to `out`. */
static void be_one_of_many(struct rig *rig, bool inherits, const int gate[2], int out)
{
    struct mly_pace *pace = rig->pace;
    char byte;
    (void)close(gate[1]);
    if (!inherits && mly_pace_open(&rig->options, &pace, NULL) < 0)
        _exit(1);
    if (read(gate[0], &byte, 1) != 0)
        _exit(1);
    const unsigned share = take_share(pace);
    _exit(rig->n_notes == 0 && write(out, &share, sizeof share) == (ssize_t)sizeof share ? 0 : 1);
}

static void wait_for(pid_t child)
{
    int status = 0;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Each opens the file itself, or all have it from their parent. */
static void processes_together_get_one_burst(void **state)
{
    (void)state;
    for (int inherits = 0; inherits < 2; inherits++) {
        pid_t children[4];
        int gate[2], shares[2];
        unsigned n = 0, share = 0;
        struct rig rig;
        set_up(&rig);
        assert_int_equal(pipe(gate), 0);
        assert_int_equal(pipe(shares), 0);
        for (size_t i = 0; i < COUNT(children); i++) {
            children[i] = fork();
            if (children[i] == 0)
                be_one_of_many(&rig, inherits, gate, shares[1]);
        }
        (void)close(gate[0]);
        (void)close(gate[1]);
        (void)close(shares[1]);
        for (size_t i = 0; i < COUNT(children); i++)
            wait_for(children[i]);
        while (read(shares[0], &share, sizeof share) == (ssize_t)sizeof share)
            n += share;
        (void)close(shares[0]);
        assert_int_equal(n, BURST);
        assert_int_equal(take_all(&rig, once), 0);
        tear_down(&rig);
    }
}

struct taker {
    struct mly_pace *pace;
    pthread_barrier_t *gate;
    unsigned share;
};

static void *take_in_thread(void *ctx)
{
    struct taker *taker = ctx;
    (void)pthread_barrier_wait(taker->gate);
    taker->share = take_share(taker->pace);
    return NULL;
}

static void threads_together_get_one_burst(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct taker takers[COUNT(threads)];
    pthread_barrier_t gate;
    unsigned n = 0;
    struct rig rig;
    set_up(&rig);
    assert_int_equal(pthread_barrier_init(&gate, NULL, COUNT(threads)), 0);
    for (size_t i = 0; i < COUNT(threads); i++) {
        takers[i] = (struct taker){.pace = rig.pace, .gate = &gate};
        assert_int_equal(pthread_create(&threads[i], NULL, take_in_thread, &takers[i]), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        n += takers[i].share;
    }
    assert_int_equal(pthread_barrier_destroy(&gate), 0);
    assert_int_equal(n, BURST);
    tear_down(&rig);
}

/* A child that holds the lock until it is killed, or nobody is left to do so: until `life` ends. Returns when it does
 * hold it. */
static pid_t lock_in_child(const struct rig *rig, const int life[2])
{
    int locked[2];
    char byte = 0;
    assert_int_equal(pipe(locked), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        const int file = open(rig->file.path, O_RDWR);
        (void)close(life[1]);
        if (fcntl(file, F_SETLK, &lock) == 0 && write(locked[1], "x", 1) == 1)
            (void)read(life[0], &byte, 1);
        _exit(0);
    }
    (void)close(locked[1]);
    assert_int_equal(read(locked[0], &byte, 1), 1);
    (void)close(locked[0]);
    return child;
}

static void whoever_is_stopped_with_the_lock_does_not_stop_others(void **state)
{
    (void)state;
    int life[2];
    struct rig rig;
    set_up(&rig);
    assert_int_equal(mly_pace_take(rig.pace, usual), 0);
    assert_int_equal(pipe(life), 0);
    const pid_t child = lock_in_child(&rig, life);

    const struct mly_pace_limit slow = {.rate_mhz = 1, .burst = 3}; /* nothing comes back while it waits */
    int64_t waited_ms = 0;
    while (mly_pace_take(rig.pace, slow) == LOCKED_MS) {
        rig.now_ms += LOCKED_MS;
        waited_ms += LOCKED_MS;
    }

    assert_in_range(waited_ms, 1000, 5000); /* it gives the other one some time */
    assert_int_equal(take_all(&rig, slow), 1);
    assert_int_equal(rig.n_notes, 1);
    assert_says(rig.note, "another process");
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(life[0]);
    (void)close(life[1]);
    assert_int_equal(take_all(&rig, slow), 2); /* the file's own count, which the lock kept as it was */
    tear_down(&rig);
}

_Noreturn static void take_for_ever(struct rig *rig)
{
    for (;; rig->now_ms += 200)
        (void)mly_pace_take(rig->pace, usual);
}

static void a_process_killed_at_any_time_leaves_a_bucket_that_counts(void **state)
{
    (void)state;
    struct chance chance = {.state = 7};
    struct rig rig;
    set_up(&rig);
    for (unsigned long round = chance_rounds(30); round > 0; round--) {
        const struct timespec a_while = {.tv_nsec = (long)chance_below(&chance, 3000000)};
        const pid_t child = fork();
        if (child == 0)
            take_for_ever(&rig);
        (void)nanosleep(&a_while, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        struct bytes content = scratch_read(rig.file.path);
        bool is_whole = content.size == 0; /* killed before its first request */
        if (content.size == 32) {
            uint64_t hash = 0;
            for (size_t i = 16; i-- > 8;)
                hash = hash << 8 | content.data[i];
            is_whole = hash == mly_hash_bytes((struct mly_span){.data = content.data + 16, .size = 16});
        }
        assert_true(is_whole);
        bytes_free(&content);
        assert_int_not_equal(mly_pace_take(rig.pace, usual), LOCKED_MS);
    }
    tear_down(&rig);
}

/* ---- what the service says ---- */

static void usage_is_the_largest_number_in_the_header(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t usage;
    } cases[] = {
        {"{\"call_volume\":28}", 28},
        {"{\"call_count\":96,\"total_cputime\":25,\"total_time\":12}\r\n", 96},
        {"{\"call_count\": 5, \"total_time\": 100}", 100},
        {"{\"call_volume\":97.9}", 97},
        {"{\"call_volume\":99999999999999999999}", 1000},
        {"{\"call_volume\":1000}", 1000},
        {"{\"call_volume\":-5}", 0},
        {"{\"call_volume\":\"97\"}", 0},
        {"{\"call_volume97\":}", 0},
        {"97", 0},
        {":", 0},
        {"", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct mly_span value = {.data = (const uint8_t *)cases[i].text, .size = strlen(cases[i].text)};
        assert_int_equal(mly_pace_read_usage(value), cases[i].usage);
    }
}

struct crowd {
    struct mly_pace *pace;
    atomic_bool is_over;
};

static void *take_all_the_time(void *ctx)
{
    struct crowd *crowd = ctx;
    while (!atomic_load(&crowd->is_over))
        (void)mly_pace_take(crowd->pace, usual);
    return NULL;
}

static void a_child_finds_no_lock_that_nobody_will_open(void **state)
{
    (void)state;
    const struct mly_pace_options options = {.mem = mly_mem_system()};
    struct crowd crowd = {.pace = NULL};
    pthread_t other;
    assert_status(mly_pace_open(&options, &crowd.pace, NULL), MLY_OK, NULL);
    assert_int_equal(pthread_create(&other, NULL, take_all_the_time, &crowd), 0);
    for (int i = 0; i < 50; i++) {
        int status = -1;
        mly_pace_before_fork(crowd.pace);
        const pid_t child = fork();
        mly_pace_after_fork(crowd.pace);
        if (child == 0) {
            (void)alarm(30); /* one that hangs is killed */
            (void)mly_pace_take(crowd.pace, usual);
            _exit(0);
        }
        assert_true(child > 0 && waitpid(child, &status, 0) == child);
        assert_true(WIFEXITED(status));
    }
    atomic_store(&crowd.is_over, true);
    assert_int_equal(pthread_join(other, NULL), 0);
    mly_pace_close(crowd.pace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_the_burst_the_rate_holds),
        cmocka_unit_test(time_without_requests_gives_back_no_more_than_the_burst),
        cmocka_unit_test(rates_from_one_in_a_thousand_seconds_to_a_thousand_a_second_hold),
        cmocka_unit_test(a_wait_is_cut_where_it_is_time_to_look_again),
        cmocka_unit_test(a_clock_that_is_set_back_gives_nothing_back_and_counts_on),
        cmocka_unit_test(whoever_spends_little_waits_for_whoever_spent_much),
        cmocka_unit_test(a_later_process_goes_on_where_the_last_one_ended),
        cmocka_unit_test(no_descriptor_is_left_open),
        cmocka_unit_test(a_file_damaged_at_any_byte_is_a_fresh_bucket),
        cmocka_unit_test(a_file_of_any_shorter_length_is_a_fresh_bucket),
        cmocka_unit_test(random_bytes_are_a_fresh_bucket),
        cmocka_unit_test(numbers_that_cannot_be_are_a_fresh_bucket),
        cmocka_unit_test(a_time_far_ahead_does_not_stop_the_bucket),
        cmocka_unit_test(the_second_folder_serves_where_the_first_cannot),
        cmocka_unit_test(without_a_folder_the_process_keeps_the_pace_alone_and_says_so_once),
        cmocka_unit_test(a_link_a_folder_or_a_pipe_in_its_place_is_left_alone),
        cmocka_unit_test(a_folder_that_others_can_write_to_is_not_used),
        cmocka_unit_test(when_the_folder_goes_the_process_goes_on_with_what_it_knows),
        cmocka_unit_test(any_of_its_allocations_may_fail),
        cmocka_unit_test(without_a_clock_of_the_callers_the_systems_serves),
        cmocka_unit_test(processes_together_get_one_burst),
        cmocka_unit_test(threads_together_get_one_burst),
        cmocka_unit_test(whoever_is_stopped_with_the_lock_does_not_stop_others),
        cmocka_unit_test(a_process_killed_at_any_time_leaves_a_bucket_that_counts),
        cmocka_unit_test(usage_is_the_largest_number_in_the_header),
        cmocka_unit_test(a_child_finds_no_lock_that_nobody_will_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
