/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/request.h"
#include "io/transports.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/gzip.h"

static const char *const levels[] = {"/maps",
                                     "/maps/vtp",
                                     "/maps/vtp/mly1_public",
                                     "/maps/vtp/mly1_public/2",
                                     "/maps/vtp/mly1_public/2/14",
                                     "/maps/vtp/mly1_public/2/14/8574"};

/* A folder with the service's layout, and a transport over it. */
struct rig {
    char folder[256];
    struct fail_mem mem;
    struct mly_transport *dir;
};

static const char *path_of(const struct rig *rig, const char *rest)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s%s", rig->folder, rest);
    return path;
}

static void make_folder(struct rig *rig)
{
    const char *parent = getenv("TMPDIR");
    (void)snprintf(rig->folder, sizeof rig->folder, "%s/mly-unit-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(rig->folder));
    for (size_t i = 0; i < COUNT(levels); i++)
        assert_int_equal(mkdir(path_of(rig, levels[i]), 0700), 0);
}

static void remove_folder(struct rig *rig)
{
    for (size_t i = COUNT(levels); i-- > 0;)
        assert_int_equal(rmdir(path_of(rig, levels[i])), 0);
    assert_int_equal(rmdir(rig->folder), 0);
}

static void set_up(struct rig *rig)
{
    struct mly_error err = {.code = MLY_OK};
    make_folder(rig);
    fail_mem_init(&rig->mem);
    assert_status(mly_transport_dir(rig->folder, gzip_unstore, &rig->mem.mem, &rig->dir, &err), MLY_OK, &err);
}

static void tear_down(struct rig *rig)
{
    mly_transport_free(rig->dir);
    assert_nothing_leaks(&rig->mem);
    remove_folder(rig);
}

static void write_file(const struct rig *rig, const char *rest, const void *data, size_t n)
{
    FILE *file = fopen(path_of(rig, rest), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const struct rig *rig, const char *rest)
{
    assert_int_equal(unlink(path_of(rig, rest)), 0);
}

/* Asks for the tile 14/8574/y. */
static void send(const struct rig *rig, uint32_t y, uint64_t ticket, size_t max_bytes)
{
    struct mly_request request;
    struct mly_error err = {.code = MLY_OK};
    const struct mly_tile tile = {.x = 8574, .y = y, .z = 14};
    assert_status(mly_request_tile(rig->folder, "mly1_public", tile, &request, &err), MLY_OK, &err);
    request.ticket = ticket;
    request.max_bytes = max_bytes;
    assert_status(rig->dir->vtbl->submit(rig->dir, &request, &err), MLY_OK, &err);
}

static enum mly_status poll(const struct rig *rig, struct mly_response *out)
{
    struct mly_error err = {.code = MLY_OK};
    return rig->dir->vtbl->poll(rig->dir, 1000, out, &err);
}

static struct mly_response ask(const struct rig *rig, uint32_t y, size_t max_bytes)
{
    struct mly_response response;
    send(rig, y, 1, max_bytes);
    assert_status(poll(rig, &response), MLY_OK, NULL);
    return response;
}

static void a_file_is_an_answer(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    write_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735", "a tile", 6);

    struct mly_response response = ask(&rig, 5735, 1000);

    assert_status(response.status, MLY_OK, NULL);
    assert_int_equal(response.http, 200);
    assert_int_equal(response.attempts, 1);
    assert_span(mly_buf_view(&response.body), "a tile", 6);
    mly_transport_fini_response(&response);
    remove_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735");
    tear_down(&rig);
}

static void a_large_file_comes_whole(void **state)
{
    (void)state;
    static unsigned char large[300001];
    struct rig rig;
    set_up(&rig);
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (unsigned char)(i * 7 + (i >> 9));
    write_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735", large, sizeof large);

    struct mly_response response = ask(&rig, 5735, sizeof large);

    assert_span(mly_buf_view(&response.body), large, sizeof large);
    mly_transport_fini_response(&response);
    remove_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735");
    tear_down(&rig);
}

static void a_missing_file_or_folder_is_404(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    struct mly_response file = ask(&rig, 1, 1000);
    assert_int_equal(rmdir(path_of(&rig, levels[5])), 0);
    struct mly_response folder = ask(&rig, 1, 1000);
    write_file(&rig, levels[5], "", 0); /* a file where a folder should be */
    struct mly_response not_a_folder = ask(&rig, 1, 1000);

    assert_status(file.status, MLY_OK, NULL);
    assert_int_equal(file.http, 404);
    assert_int_equal(file.body.size, 0);
    assert_int_equal(folder.http, 404);
    assert_int_equal(not_a_folder.http, 404);
    remove_file(&rig, levels[5]);
    assert_int_equal(mkdir(path_of(&rig, levels[5]), 0700), 0);
    tear_down(&rig);
}

static void a_folder_where_a_file_should_be_is_an_error(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    assert_int_equal(mkdir(path_of(&rig, "/maps/vtp/mly1_public/2/14/8574/5735"), 0700), 0);

    struct mly_response response = ask(&rig, 5735, 1000);

    assert_status(response.status, MLY_E_IO, NULL);
    assert_says(response.why, "8574/5735");
    mly_transport_fini_response(&response);
    assert_int_equal(rmdir(path_of(&rig, "/maps/vtp/mly1_public/2/14/8574/5735")), 0);
    tear_down(&rig);
}

static void a_pipe_where_a_file_should_be_is_an_error_and_nothing_is_waited_for(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    assert_int_equal(mkfifo(path_of(&rig, "/maps/vtp/mly1_public/2/14/8574/5735"), 0700), 0);
    (void)alarm(30); /* a test that hangs is killed */

    struct mly_response response = ask(&rig, 5735, 1000);

    (void)alarm(0);
    assert_status(response.status, MLY_E_IO, NULL);
    assert_says(response.why, "8574/5735");
    assert_says(response.why, "it is no file");
    mly_transport_fini_response(&response);
    remove_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735");
    tear_down(&rig);
}

static void a_file_that_may_not_be_read_is_an_error_and_no_empty_tile(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        print_message("skipped: root may read everything\n");
        skip();
    }
    struct rig rig;
    set_up(&rig);
    write_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735", "a tile", 6);
    assert_int_equal(chmod(path_of(&rig, "/maps/vtp/mly1_public/2/14/8574/5735"), 0), 0);

    struct mly_response response = ask(&rig, 5735, 1000);

    assert_status(response.status, MLY_E_IO, NULL);
    mly_transport_fini_response(&response);
    remove_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735");
    tear_down(&rig);
}

static void a_gzipped_file_is_inflated(void **state)
{
    (void)state;
    struct bytes gzip = gzip_store("a tile", 6);
    struct rig rig;
    set_up(&rig);
    write_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735", gzip.data, gzip.size);

    struct mly_response response = ask(&rig, 5735, 1000);

    assert_status(response.status, MLY_OK, NULL);
    assert_span(mly_buf_view(&response.body), "a tile", 6);
    mly_transport_fini_response(&response);
    bytes_free(&gzip);
    remove_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735");
    tear_down(&rig);
}

static void a_gzipped_file_that_is_cut_is_corrupt(void **state)
{
    (void)state;
    struct bytes gzip = gzip_store("a tile", 6);
    struct rig rig;
    set_up(&rig);
    write_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735", gzip.data, gzip.size - 1);

    struct mly_response response = ask(&rig, 5735, 100000);

    assert_status(response.status, MLY_E_CORRUPT, NULL);
    mly_transport_fini_response(&response);
    bytes_free(&gzip);
    remove_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735");
    tear_down(&rig);
}

static void a_file_beyond_the_ceiling_is_refused(void **state)
{
    (void)state;
    static const unsigned char large[100000];
    struct rig rig;
    set_up(&rig);
    write_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735", large, sizeof large);

    struct mly_response too_large = ask(&rig, 5735, sizeof large - 1);
    assert_status(too_large.status, MLY_E_LIMIT, NULL);
    assert_says(too_large.why, "8574/5735");
    mly_transport_fini_response(&too_large);
    struct mly_response fits = ask(&rig, 5735, sizeof large);

    assert_status(fits.status, MLY_OK, NULL);
    mly_transport_fini_response(&fits);
    remove_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735");
    tear_down(&rig);
}

static void an_empty_file_is_an_empty_answer(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    write_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735", "", 0);

    struct mly_response response = ask(&rig, 5735, 1000);

    assert_int_equal(response.http, 200);
    assert_int_equal(response.body.size, 0);
    mly_transport_fini_response(&response);
    remove_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735");
    tear_down(&rig);
}

static void answers_come_as_they_were_asked_for_and_then_none_is_owed(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up(&rig);
    assert_status(poll(&rig, &response), MLY_DONE, NULL);
    for (uint64_t ticket = 10; ticket < 15; ticket++)
        send(&rig, 1, ticket, 1000);

    for (uint64_t ticket = 10; ticket < 15; ticket++) {
        assert_status(poll(&rig, &response), MLY_OK, NULL);
        assert_int_equal(response.ticket, ticket);
        mly_transport_fini_response(&response);
    }

    assert_status(poll(&rig, &response), MLY_DONE, NULL);
    tear_down(&rig);
}

static void reset_drops_what_was_asked_for(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up(&rig);
    send(&rig, 1, 1, 1000);
    send(&rig, 2, 2, 1000);

    rig.dir->vtbl->reset(rig.dir);

    assert_status(poll(&rig, &response), MLY_DONE, NULL);
    send(&rig, 3, 3, 1000);
    assert_status(poll(&rig, &response), MLY_OK, NULL);
    assert_int_equal(response.ticket, 3);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void ending_it_with_requests_waiting_leaks_nothing(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    send(&rig, 1, 1, 1000);
    send(&rig, 2, 2, 1000);

    tear_down(&rig);
}

static void a_mistaken_path_is_an_error_not_an_empty_world(void **state)
{
    (void)state;
    struct mly_transport *dir = NULL;
    struct mly_error err = {.code = MLY_OK};
    struct rig rig;
    make_folder(&rig);
    fail_mem_init(&rig.mem);

    assert_status(mly_transport_dir("/nowhere/at/all", gzip_unstore, &rig.mem.mem, &dir, &err), MLY_E_IO, NULL);
    assert_says(err.text, "/nowhere/at/all");
    assert_status(mly_transport_dir(path_of(&rig, "/maps"), gzip_unstore, &rig.mem.mem, &dir, &err), MLY_E_IO, NULL);
    assert_says(err.text, "maps/vtp");

    assert_null(dir);
    assert_nothing_leaks(&rig.mem);
    remove_folder(&rig);
}

static void a_file_of_the_folder_s_name_is_no_folder(void **state)
{
    (void)state;
    struct mly_transport *dir = NULL;
    struct mly_error err = {.code = MLY_OK};
    struct rig rig;
    set_up(&rig);
    assert_int_equal(mkdir(path_of(&rig, "/other"), 0700), 0);
    assert_int_equal(mkdir(path_of(&rig, "/other/maps"), 0700), 0);
    write_file(&rig, "/other/maps/vtp", "", 0);

    assert_status(mly_transport_dir(path_of(&rig, "/other"), gzip_unstore, &rig.mem.mem, &dir, &err), MLY_E_IO, NULL);

    assert_null(dir);
    remove_file(&rig, "/other/maps/vtp");
    assert_int_equal(rmdir(path_of(&rig, "/other/maps")), 0);
    assert_int_equal(rmdir(path_of(&rig, "/other")), 0);
    tear_down(&rig);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    struct rig rig;
    make_folder(&rig);
    write_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735", "a tile", 6);
    bool has_failed = true;
    for (size_t k = 0; has_failed; k++) {
        struct mly_response response = {.ticket = 0};
        struct mly_request request;
        fail_mem_init_failing(&rig.mem, k, 1);
        rig.dir = NULL;
        const struct mly_tile tile = {.x = 8574, .y = 5735, .z = 14};
        assert_status(mly_request_tile(rig.folder, "mly1_public", tile, &request, NULL), MLY_OK, NULL);

        enum mly_status status = mly_transport_dir(rig.folder, gzip_unstore, &rig.mem.mem, &rig.dir, NULL);
        if (status == MLY_OK)
            status = rig.dir->vtbl->submit(rig.dir, &request, NULL);
        if (status == MLY_OK && poll(&rig, &response) == MLY_OK)
            status = response.status;

        has_failed = rig.mem.n_failed > 0;
        assert_status(status, has_failed ? MLY_E_NOMEM : MLY_OK, NULL);
        mly_transport_fini_response(&response);
        mly_transport_free(rig.dir);
        assert_nothing_leaks(&rig.mem);
    }
    remove_file(&rig, "/maps/vtp/mly1_public/2/14/8574/5735");
    remove_folder(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_an_answer),
        cmocka_unit_test(a_large_file_comes_whole),
        cmocka_unit_test(a_missing_file_or_folder_is_404),
        cmocka_unit_test(a_folder_where_a_file_should_be_is_an_error),
        cmocka_unit_test(a_pipe_where_a_file_should_be_is_an_error_and_nothing_is_waited_for),
        cmocka_unit_test(a_file_that_may_not_be_read_is_an_error_and_no_empty_tile),
        cmocka_unit_test(a_gzipped_file_is_inflated),
        cmocka_unit_test(a_gzipped_file_that_is_cut_is_corrupt),
        cmocka_unit_test(a_file_beyond_the_ceiling_is_refused),
        cmocka_unit_test(an_empty_file_is_an_empty_answer),
        cmocka_unit_test(answers_come_as_they_were_asked_for_and_then_none_is_owed),
        cmocka_unit_test(reset_drops_what_was_asked_for),
        cmocka_unit_test(ending_it_with_requests_waiting_leaks_nothing),
        cmocka_unit_test(a_mistaken_path_is_an_error_not_an_empty_world),
        cmocka_unit_test(a_file_of_the_folder_s_name_is_no_folder),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
