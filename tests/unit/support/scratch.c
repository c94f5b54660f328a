/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is done with each thing below a folder; a folder comes after what is in it. */
typedef void visit_fn(void *ctx, const char *path, const struct stat *about);

/* NOLINTNEXTLINE(misc-no-recursion): the folders of a test are a few deep */
static void walk(const char *folder, visit_fn *visit, void *ctx)
{
    DIR *list = opendir(folder);
    const struct dirent *found;
    while (list && (found = readdir(list)) != NULL) {
        struct stat about;
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        const struct scratch at = scratch_at(folder, found->d_name);
        assert_int_equal(lstat(at.path, &about), 0);
        if (S_ISDIR(about.st_mode))
            walk(at.path, visit, ctx);
        visit(ctx, at.path, &about);
    }
    if (list)
        (void)closedir(list);
}

void scratch_make(struct scratch *scratch)
{
    const char *place = getenv("TMPDIR");
    *scratch = scratch_at(place ? place : "/tmp", "mly-test-XXXXXX");
    assert_non_null(mkdtemp(scratch->path));
}

static void remove_one(void *ctx, const char *path, const struct stat *about)
{
    (void)ctx;
    assert_int_equal(S_ISDIR(about->st_mode) ? rmdir(path) : unlink(path), 0);
}

void scratch_remove(const struct scratch *scratch)
{
    walk(scratch->path, remove_one, NULL);
    (void)rmdir(scratch->path);
}

struct scratch scratch_at(const char *folder, const char *name)
{
    struct scratch at;
    const int n = snprintf(at.path, sizeof at.path, "%s/%s", folder, name);
    assert_true(n > 0 && (size_t)n < sizeof at.path);
    return at;
}

void scratch_write(const char *path, struct mly_span content)
{
    struct scratch folder = scratch_at(path, "");
    for (char *slash = strchr(folder.path + 1, '/'); slash && slash[1]; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(folder.path, S_IRWXU) == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (content.size > 0)
        assert_int_equal(fwrite(content.data, 1, content.size, file), content.size);
    assert_int_equal(fclose(file), 0);
}

void scratch_write_text(const char *path, const char *text)
{
    scratch_write(path, (struct mly_span){.data = (const uint8_t *)text, .size = strlen(text)});
}

struct bytes scratch_read(const char *path)
{
    struct bytes bytes = {.data = NULL};
    unsigned char chunk[4096];
    size_t n;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        bytes_append(&bytes, chunk, n);
    (void)fclose(file);
    return bytes;
}

bool scratch_exists(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0;
}

unsigned scratch_mode(const char *path)
{
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    return about.st_mode & 07777;
}

void scratch_set_time(const char *path, int64_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

struct count {
    const char *suffix;
    size_t n;
};

static void count_one(void *ctx, const char *path, const struct stat *about)
{
    struct count *count = ctx;
    const size_t n_path = strlen(path), n_suffix = strlen(count->suffix);
    (void)about;
    if (n_path >= n_suffix && strcmp(path + n_path - n_suffix, count->suffix) == 0)
        count->n++;
}

size_t scratch_count(const char *folder, const char *suffix)
{
    struct count count = {.suffix = suffix};
    walk(folder, count_one, &count);
    return count.n;
}

struct search {
    const char *text;
    bool is_found;
};

static void search_one(void *ctx, const char *path, const struct stat *about)
{
    struct search *search = ctx;
    const size_t n = strlen(search->text);
    if (!S_ISREG(about->st_mode))
        return;
    struct bytes bytes = scratch_read(path);
    for (size_t i = 0; bytes.data && i + n <= bytes.size; i++)
        search->is_found = search->is_found || memcmp(bytes.data + i, search->text, n) == 0;
    bytes_free(&bytes);
}

bool scratch_holds(const char *folder, const char *text)
{
    struct search search = {.text = text};
    walk(folder, search_one, &search);
    return search.is_found;
}

size_t scratch_count_open(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}
