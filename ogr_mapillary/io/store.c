/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/transport.h"
#include "folder.h"
#include "hash.h"
#include "sweep.h"

enum { SWEEP_FRACTION = 32 };        /* after this part of the ceiling was written, others' writing is looked at, too */
enum { MAX_TEMPORARY_ATTEMPTS = 8 }; /* the first number is as good as never taken */
enum { CLOCK_TOLERANCE_MS = 60 * 1000 }; /* clocks of machines that share a folder differ by less */

struct mly_store {
    struct mly_store_options options;
    int folder;                     /* its descriptor: where its path leads later does not matter */
    atomic_int_fast64_t budget;     /* bytes that may be written before the next sweep */
    atomic_uint_fast64_t n_numbers; /* given out, so that no two are alike */
    atomic_flag has_noted;
    char path[];
};

/* An entry's file, open for reading. */
struct opened {
    int file;
    uint64_t hash;
    size_t n_head, n_body;
};

/* ---- what the system says ---- */

static int64_t system_now_ms(void *ctx)
{
    struct timespec now;
    (void)ctx;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t mly_store_now(const struct mly_store *store)
{
    return store->options.now_ms(store->options.now_ctx);
}

static void note(struct mly_store *store, const char *what, int error)
{
    char text[MLY_ERROR_TEXT];
    if (!store->options.note || atomic_flag_test_and_set(&store->has_noted))
        return;
    (void)snprintf(text, sizeof text, "the cache in %.*s cannot be %s: %s; the read goes on without it",
                   MLY_ERROR_TEXT / 2, store->path, what, strerror(error));
    store->options.note(store->options.note_ctx, text);
}

/* Differs from process to process and from call to call; nothing depends on its quality. */
static uint64_t unique_number(struct mly_store *store)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t parts[] = {(uint64_t)getpid(), (uint64_t)now.tv_sec, (uint64_t)now.tv_nsec,
                              atomic_fetch_add(&store->n_numbers, 1)};
    return mly_hash_bytes((struct mly_span){.data = (const uint8_t *)parts, .size = sizeof parts});
}

/* ---- bytes in and out ---- */

enum { HEAD, BODY, N_PARTS };

/* Drops what was transferred; returns whether anything is left. */
static bool advance(struct iovec parts[N_PARTS], size_t n)
{
    for (int i = 0; i < N_PARTS && n > 0; i++) {
        const size_t step = n < parts[i].iov_len ? n : parts[i].iov_len;
        if (step > 0) /* else the part may have no address to add to */
            parts[i].iov_base = (uint8_t *)parts[i].iov_base + step;
        parts[i].iov_len -= step;
        n -= step;
    }
    return parts[HEAD].iov_len > 0 || parts[BODY].iov_len > 0;
}

typedef ssize_t transfer_fn(int file, const struct iovec *parts, int n_parts);

/* readv or writev until all is done, which takes one call as a rule. 0 or an error number; ENODATA: the file ended. */
static int transfer(transfer_fn *call, int file, struct iovec parts[N_PARTS])
{
    for (;;) {
        const ssize_t n = call(file, parts, N_PARTS);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n == 0)
            return ENODATA;
        if (n > 0 && !advance(parts, (size_t)n))
            return 0;
    }
}

/* ---- reading ---- */

static void remove_damaged(const struct mly_store *store, uint64_t hash)
{
    if (store->options.use != MLY_STORE_READ_ONLY)
        mly_sweep_remove(store->folder, hash);
}

/* The sizes that the file says. A link, a pipe or a folder of that name is no answer, and is left alone. */
static bool measure(const struct mly_store *store, const struct mly_entry_name *name, struct opened *entry)
{
    struct stat about;
    if (fstat(entry->file, &about) != 0 || !S_ISREG(about.st_mode))
        return false;
    entry->n_head = mly_entry_head_size(name);
    const uint64_t n_bytes = (uint64_t)about.st_size;
    if (n_bytes < entry->n_head || n_bytes - entry->n_head > MLY_LIMIT_BODY) {
        remove_damaged(store, entry->hash);
        return false;
    }
    entry->n_body = (size_t)n_bytes - entry->n_head;
    return true;
}

/* False: it is not there. Else the caller closes the file. */
static bool open_entry(struct mly_store *store, const struct mly_entry_name *name, struct opened *out)
{
    char folder[MLY_ENTRY_FOLDER], file[MLY_ENTRY_FILE], path[MLY_ENTRY_FOLDER + MLY_ENTRY_FILE];
    out->hash = mly_entry_hash(name);
    mly_entry_print_folder(out->hash, folder);
    mly_entry_print_file(out->hash, file);
    (void)snprintf(path, sizeof path, "%s/%s", folder, file);
    out->file = openat(store->folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); /* a pipe must not block */
    if (out->file < 0) {
        if (errno != ENOENT)
            note(store, "read", errno);
        return false;
    }
    if (measure(store, name, out))
        return true;
    (void)close(out->file);
    return false;
}

bool mly_store_is_fresh(const struct mly_store *store, int http, int64_t fetched_ms)
{
    uint32_t ttl_s = store->options.ttl_s;
    if (http == 404 && ttl_s > MLY_STORE_TTL_404_S)
        ttl_s = MLY_STORE_TTL_404_S;
    const int64_t age_ms = mly_store_now(store) - fetched_ms; /* below 0: a clock was set back, or another one wrote */
    return age_ms > -CLOCK_TOLERANCE_MS && (age_ms < 0 ? 0 : age_ms) < (int64_t)ttl_s * 1000;
}

/* Reads the head, and the body if `body` is not NULL; MLY_DONE, and the file is gone, when they are damaged. */
static enum mly_status read_entry(struct mly_store *store, const struct mly_entry_name *name,
                                  const struct opened *opened, struct mly_store_about *out, uint8_t *body)
{
    uint8_t head[MLY_ENTRY_HEAD];
    struct mly_entry entry = {.http = 0};
    struct iovec parts[N_PARTS] = {[HEAD] = {.iov_base = head, .iov_len = opened->n_head},
                                   [BODY] = {.iov_base = body, .iov_len = body ? opened->n_body : 0}};
    const int error = transfer(readv, opened->file, parts);
    if (error && error != ENODATA) {
        note(store, "read", error);
        return MLY_DONE;
    }
    const struct mly_span bytes = {.data = body, .size = opened->n_body};
    if (error || !mly_entry_read_head(name, head, &entry) || entry.n_bytes != opened->n_body ||
        (body && mly_hash_bytes(bytes) != entry.body_hash)) {
        remove_damaged(store, opened->hash);
        return MLY_DONE;
    }
    *out = (struct mly_store_about){.http = entry.http,
                                    .fetched_ms = entry.fetched_ms,
                                    .n_bytes = entry.n_bytes,
                                    .is_fresh = mly_store_is_fresh(store, entry.http, entry.fetched_ms)};
    memcpy(out->validator, entry.validator, sizeof out->validator);
    return MLY_OK;
}

enum mly_status mly_store_stat(struct mly_store *store, const struct mly_entry_name *name, struct mly_store_about *out)
{
    struct opened opened;
    if (!mly_entry_is_name(name))
        return MLY_E_ARG;
    if (!open_entry(store, name, &opened))
        return MLY_DONE;
    const enum mly_status status = read_entry(store, name, &opened, out, NULL);
    (void)close(opened.file);
    return status;
}

enum mly_status mly_store_get(struct mly_store *store, const struct mly_entry_name *name, struct mly_store_about *out,
                              struct mly_buf *body)
{
    struct opened opened;
    if (!mly_entry_is_name(name))
        return MLY_E_ARG;
    if (!open_entry(store, name, &opened))
        return MLY_DONE;
    enum mly_status status = mly_buf_reserve(body, opened.n_body);
    if (status == MLY_OK)
        status = read_entry(store, name, &opened, out, body->data);
    (void)close(opened.file);
    if (status == MLY_OK)
        body->size = opened.n_body;
    else
        mly_buf_fini(body);
    return status == MLY_E_LIMIT ? MLY_DONE : status;
}

/* ---- writing ---- */

/* Returns its descriptor, or -1 with errno. */
static int create_temporary(struct mly_store *store, char name[MLY_ENTRY_FILE])
{
    int file = -1;
    for (int i = 0; i < MAX_TEMPORARY_ATTEMPTS && file < 0; i++) {
        mly_entry_print_temporary(unique_number(store), name);
        file = openat(store->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (file < 0 && errno != EEXIST)
            return -1;
    }
    return file;
}

/* The folder that the entry lies in, made if it is missing; a link in its place is not followed. -1 with errno. */
static int open_subfolder(const struct mly_store *store, uint64_t hash)
{
    char name[MLY_ENTRY_FOLDER];
    mly_entry_print_folder(hash, name);
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const int folder = openat(store->folder, name, flags);
    if (folder >= 0 || errno != ENOENT)
        return folder;
    if (mkdirat(store->folder, name, S_IRWXU) != 0 && errno != EEXIST)
        return -1;
    return openat(store->folder, name, flags);
}

/* 0 or an error number. */
static int move_into_place(const struct mly_store *store, const char *temporary, uint64_t hash)
{
    char file[MLY_ENTRY_FILE];
    mly_entry_print_file(hash, file);
    const int folder = open_subfolder(store, hash);
    if (folder < 0)
        return errno;
    const int error = renameat(store->folder, temporary, folder, file) == 0 ? 0 : errno;
    (void)close(folder);
    return error;
}

/* Writes beside and renames, so that readers see the old answer or the new one. Nothing is forced out to the disk: what
 * a power cut leaves half written shows in its hashes. 0 or an error number. */
static int write_entry(struct mly_store *store, uint64_t hash, struct iovec parts[N_PARTS])
{
    char temporary[MLY_ENTRY_FILE];
    const int file = create_temporary(store, temporary);
    if (file < 0)
        return errno;
    int error = transfer(writev, file, parts);
    if (close(file) != 0 && !error) /* some file systems tell only now that there is no space */
        error = errno;
    if (!error)
        error = move_into_place(store, temporary, hash);
    if (error)
        (void)unlinkat(store->folder, temporary, 0);
    return error;
}

static uint64_t sweep_step(const struct mly_store *store)
{
    return store->options.max_bytes / SWEEP_FRACTION + 1;
}

/* A sweep looks at every file, so it waits until enough was written that it may find something. */
static void account(struct mly_store *store, uint64_t cost)
{
    if (atomic_fetch_sub(&store->budget, (int64_t)cost) > (int64_t)cost)
        return;
    const uint64_t step = sweep_step(store), max_bytes = store->options.max_bytes;
    const uint64_t used = mly_sweep_oldest(store->folder, max_bytes, store->options.mem);
    const uint64_t room = used < max_bytes ? max_bytes - used
                                           : step; /* full still: it could not remove what it should */
    atomic_store(&store->budget, (int64_t)(room < step ? room : step));
}

enum mly_status mly_store_put(struct mly_store *store, const struct mly_entry_name *name, int http,
                              struct mly_span body)
{
    return mly_store_put_validated(store, name, http, "", body);
}

enum mly_status mly_store_put_validated(struct mly_store *store, const struct mly_entry_name *name, int http,
                                        const char *validator, struct mly_span body)
{
    if (!mly_entry_is_name(name) || http < 100 || http > 999 || store->options.use == MLY_STORE_READ_ONLY)
        return MLY_E_ARG;
    const size_t n_head = mly_entry_head_size(name);
    if (body.size > MLY_LIMIT_BODY || mly_sweep_cost(n_head + body.size) > store->options.max_bytes / 2)
        return MLY_E_LIMIT; /* it would push out all others */

    uint8_t head[MLY_ENTRY_HEAD];
    struct mly_entry entry = {
        .http = http, .fetched_ms = mly_store_now(store), .n_bytes = body.size, .body_hash = mly_hash_bytes(body)};
    if (mly_transport_is_validator(validator))
        (void)snprintf(entry.validator, sizeof entry.validator, "%s", validator);
    mly_entry_write_head(name, &entry, head);
    struct iovec parts[N_PARTS] = {
        [HEAD] = {.iov_base = head, .iov_len = n_head}, [BODY] = {.iov_base = (void *)body.data, .iov_len = body.size}};
    const int error = write_entry(store, mly_entry_hash(name), parts);
    if (error) {
        note(store, "written", error);
        return MLY_E_IO;
    }
    account(store, mly_sweep_cost(n_head + body.size));
    return MLY_OK;
}

void mly_store_remove(struct mly_store *store, const struct mly_entry_name *name)
{
    if (mly_entry_is_name(name) && store->options.use != MLY_STORE_READ_ONLY)
        mly_sweep_remove(store->folder, mly_entry_hash(name));
}

/* ---- opening ---- */

static enum mly_status open_read_only(const char *path, int *out, struct mly_error *err)
{
    *out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *out < 0 ? mly_fail(err, MLY_E_IO, "%s: %s", path, strerror(errno)) : MLY_OK;
}

static void init(struct mly_store *store, const struct mly_store_options *options)
{
    store->options = *options;
    store->options.folder = store->path;
    if (!options->now_ms)
        store->options.now_ms = system_now_ms;
    atomic_flag_clear(&store->has_noted);
    atomic_init(&store->n_numbers, 0);
    /* Somewhere in the first step, so that many processes that write little sweep as often as one that writes much. */
    atomic_init(&store->budget, (int64_t)(unique_number(store) % sweep_step(store)));
}

enum mly_status mly_store_open(const struct mly_store_options *options, struct mly_store **out, struct mly_error *err)
{
    const struct mly_mem *mem = options->mem;
    size_t n = 0;
    MLY_TRY(mly_folder_measure(options->folder, &n, err));
    struct mly_store *store = mem->alloc(mem->ctx, sizeof *store + n + 1);
    if (!store)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the cache");
    memcpy(store->path, options->folder, n);
    store->path[n] = '\0';
    const bool is_shared = options->use == MLY_STORE_SHARED;
    const enum mly_status status = is_shared ? mly_folder_open(store->path, &store->folder, err)
                                             : open_read_only(store->path, &store->folder, err);
    if (status < 0) {
        mem->release(mem->ctx, store);
        return status;
    }
    init(store, options);
    if (is_shared)
        mly_sweep_leftovers(store->folder, mly_store_now(store));
    *out = store;
    return MLY_OK;
}

void mly_store_close(struct mly_store *store)
{
    if (!store)
        return;
    const struct mly_mem *mem = store->options.mem;
    (void)close(store->folder);
    mem->release(mem->ctx, store);
}
