/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/transports.h"

/* A request that waits for its poll. */
struct waiting {
    struct waiting *next;
    struct mly_request request;
};

struct dir {
    struct mly_transport base;
    const struct mly_mem *mem;
    mly_inflate_fn *inflate;
    struct waiting *first, **last;
};

static enum mly_status submit(struct mly_transport *t, const struct mly_request *req, struct mly_error *err)
{
    struct dir *dir = (struct dir *)t;
    struct waiting *waiting = dir->mem->alloc(dir->mem->ctx, sizeof *waiting);
    if (!waiting)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a request");
    *waiting = (struct waiting){.request = *req};
    *dir->last = waiting;
    dir->last = &waiting->next;
    return MLY_OK;
}

static void fail(struct mly_response *response, enum mly_status status, const char *path, const char *why)
{
    response->status = status;
    (void)snprintf(response->why, sizeof response->why,
                   "%.*s cannot be read: %s; check the folder that TILES_URL names", MLY_ERROR_TEXT - 192, path, why);
}

static enum mly_status append_all(FILE *file, struct mly_buf *body)
{
    unsigned char chunk[64 << 10];
    struct stat about;
    size_t n;
    if (fstat(fileno(file), &about) == 0 && about.st_size > 0)
        MLY_TRY(mly_buf_expect(body, (size_t)about.st_size));
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        MLY_TRY(mly_buf_append(body, chunk, n));
    return MLY_OK;
}

static void read_all(FILE *file, const char *path, struct mly_response *out)
{
    const enum mly_status status = append_all(file, &out->body);
    if (status == MLY_E_LIMIT)
        fail(out, status, path, "with more than 64 MiB it is no tile");
    else if (status < 0)
        fail(out, status, path, "out of memory");
    else if (ferror(file))
        fail(out, MLY_E_IO, path, strerror(errno));
}

/* To open a pipe would wait for whoever writes to it, perhaps for ever. NULL: `errno` says why; 0: it is no file. */
static FILE *open_file(const char *path)
{
    struct stat about;
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    FILE *file = NULL;
    errno = 0;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
        file = fdopen(fd, "rb");
    if (!file) {
        const int why = errno;
        (void)close(fd);
        errno = why;
    }
    return file;
}

/* The URL of a request to a folder is a path: folder and address, side by side. */
static void read_file(const struct dir *dir, const struct mly_request *req, struct mly_response *out)
{
    *out = (struct mly_response){.ticket = req->ticket, .http = 200, .attempts = 1};
    mly_buf_init(&out->body, dir->mem, req->max_bytes);
    FILE *file = open_file(req->url);
    if (!file && (errno == ENOENT || errno == ENOTDIR)) {
        out->http = 404;
        return;
    }
    if (!file) {
        fail(out, MLY_E_IO, req->url, errno != 0 ? strerror(errno) : "it is no file");
        return;
    }
    read_all(file, req->url, out);
    (void)fclose(file);
    mly_inflate_body(dir->inflate, out);
}

static enum mly_status poll(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err)
{
    struct dir *dir = (struct dir *)t;
    struct waiting *waiting = dir->first;
    (void)timeout_ms; /* a file is there or not */
    (void)err;
    if (!waiting)
        return MLY_DONE;
    dir->first = waiting->next;
    if (!dir->first)
        dir->last = &dir->first;
    read_file(dir, &waiting->request, out);
    dir->mem->release(dir->mem->ctx, waiting);
    return MLY_OK;
}

static void reset(struct mly_transport *t)
{
    struct dir *dir = (struct dir *)t;
    while (dir->first) {
        struct waiting *next = dir->first->next;
        dir->mem->release(dir->mem->ctx, dir->first);
        dir->first = next;
    }
    dir->last = &dir->first;
}

static void destroy(struct mly_transport *t)
{
    struct dir *dir = (struct dir *)t;
    reset(t);
    dir->mem->release(dir->mem->ctx, dir);
}

enum mly_status mly_transport_dir(const char *folder, mly_inflate_fn *inflate, const struct mly_mem *mem,
                                  struct mly_transport **out, struct mly_error *err)
{
    static const struct mly_transport_vtbl vtbl = {.submit = submit, .poll = poll, .reset = reset, .destroy = destroy};
    char tiles[MLY_LIMIT_URL];
    struct stat about;
    (void)snprintf(tiles, sizeof tiles, "%.*s/maps/vtp", (int)MLY_LIMIT_ADDRESS, folder);
    if (stat(tiles, &about) != 0)
        return mly_fail(err, MLY_E_IO, "%s: %s; a folder of tiles has the layout maps/vtp/TILESET/2/Z/X/Y", tiles,
                        strerror(errno));
    if (!S_ISDIR(about.st_mode))
        return mly_fail(err, MLY_E_IO, "%s is no folder; a folder of tiles has the layout maps/vtp/TILESET/2/Z/X/Y",
                        tiles);

    struct dir *dir = mem->alloc(mem->ctx, sizeof *dir);
    if (!dir)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the transport");
    *dir = (struct dir){.base = {.vtbl = &vtbl}, .mem = mem, .inflate = inflate};
    dir->last = &dir->first;
    *out = &dir->base;
    return MLY_OK;
}
