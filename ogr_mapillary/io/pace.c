/* SPDX-License-Identifier: MIT */
/* For locks that belong to an open file, where the system has them. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the system names it so */

#include "pace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/limits.h"
#include "folder.h"
#include "hash.h"

enum { ONE = 1000000 };                          /* a request, in the units of what is spent */
enum { FILE_BYTES = 32 };                        /* see pace.h */
enum { LOCKED_WAIT_MS = 5 };                     /* others hold the lock for some microseconds */
enum { MAX_LOCKED = 100, MAX_LOCKED_MS = 2000 }; /* after both, whoever holds the lock has been stopped */

static const char file_name[] = "tiles.mlyp";
static const uint8_t magic[8] = {'M', 'L', 'Y', 'P', 'A', 'C', 'E', 1};
static const int64_t end_of_time_ms = INT64_C(253402300800000); /* the year 10000 */

/* What is spent comes back with time, and not below zero. */
struct bucket {
    int64_t at_ms;  /* since 1970 */
    uint64_t spent; /* at that time */
};

struct mly_pace {
    struct mly_pace_options options;
    pthread_mutex_t mutex; /* a lock on the file is the whole process's */
    int folder;            /* descriptor; below 0: none */
    struct bucket bucket;  /* as it was last seen in the file: what counts where that cannot be used */
    unsigned n_locked;     /* attempts in a row that found the file locked */
    int64_t locked_ms;     /* when the first of them did */
    bool has_noted;
};

static int64_t system_now_ms(void *ctx)
{
    struct timespec now;
    (void)ctx;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Not while the mutex is held: whoever listens may do anything. */
static void note(struct mly_pace *pace, const char *why)
{
    char text[MLY_ERROR_TEXT];
    (void)snprintf(text, sizeof text, "the pace is kept for this process alone: %.*s", MLY_ERROR_TEXT - 64, why);
    if (pace->options.note)
        pace->options.note(pace->options.note_ctx, text);
}

/* ---- the bucket ---- */

/* A clock that was set back gives nothing back, and counts on from where it is. */
static void recover(struct bucket *bucket, uint32_t rate_mhz, int64_t now_ms)
{
    const uint64_t most_ms = (uint64_t)MLY_LIMIT_BURST * ONE; /* empties any bucket at any rate */
    const uint64_t past_ms = now_ms > bucket->at_ms ? (uint64_t)(now_ms - bucket->at_ms) : 0;
    const uint64_t back = (past_ms < most_ms ? past_ms : most_ms) * rate_mhz; /* below 2^63, see limits.h */
    bucket->spent -= back < bucket->spent ? back : bucket->spent;
    bucket->at_ms = now_ms;
}

static uint32_t take(struct bucket *bucket, struct mly_pace_limit limit, int64_t now_ms)
{
    recover(bucket, limit.rate_mhz, now_ms);
    const uint64_t wanted = bucket->spent + ONE, allowed = (uint64_t)limit.burst * ONE;
    if (wanted <= allowed) {
        bucket->spent = wanted;
        return 0;
    }
    const uint64_t wait_ms = (wanted - allowed + limit.rate_mhz - 1) / limit.rate_mhz;
    return wait_ms < MLY_PACE_LONGEST_WAIT_MS ? (uint32_t)wait_ms : MLY_PACE_LONGEST_WAIT_MS;
}

/* ---- the file ---- */

static uint64_t get_number(const uint8_t *bytes)
{
    uint64_t number = 0;
    for (int i = 7; i >= 0; i--)
        number = number << 8 | bytes[i];
    return number;
}

static void put_number(uint8_t *bytes, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
}

static uint64_t hash_of(const uint8_t bytes[FILE_BYTES])
{
    return mly_hash_bytes((struct mly_span){.data = bytes + 16, .size = FILE_BYTES - 16});
}

/* False: nothing that _write has written. */
static bool read_bucket(const uint8_t bytes[FILE_BYTES], struct bucket *out)
{
    const uint64_t at_ms = get_number(bytes + 16), spent = get_number(bytes + 24);
    if (memcmp(bytes, magic, sizeof magic) != 0 || get_number(bytes + 8) != hash_of(bytes) ||
        at_ms > (uint64_t)end_of_time_ms || spent > (uint64_t)MLY_LIMIT_BURST * ONE)
        return false;
    *out = (struct bucket){.at_ms = (int64_t)at_ms, .spent = spent};
    return true;
}

static void write_bucket(const struct bucket *bucket, uint8_t bytes[FILE_BYTES])
{
    memcpy(bytes, magic, sizeof magic);
    put_number(bytes + 16, (uint64_t)bucket->at_ms);
    put_number(bytes + 24, bucket->spent);
    put_number(bytes + 8, hash_of(bytes));
}

/* A link, a pipe or a folder of that name is not our file. -1 with errno. */
static int open_file(int folder)
{
    struct stat about;
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const int file = openat(folder, file_name, flags, S_IRUSR | S_IWUSR);
    if (file < 0)
        return -1;
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode))
        return file;
    (void)close(file);
    errno = EINVAL;
    return -1;
}

/* Of the whole file, until it is closed or the process ends. Does not wait. */
static int lock_file(int file)
{
#ifdef F_OFD_SETLK /* POSIX.1-2024; older locks are the process's, and two paces in one do not exclude each other */
    const int set = F_OFD_SETLK;
#else
    const int set = F_SETLK;
#endif
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(file, set, &lock) == 0)
        return 0;
    return errno == EACCES ? EAGAIN : errno; /* systems say either */
}

/* The file's turn, while it is locked. 0 or an error number. What is damaged is a fresh bucket. */
static int take_from_file(struct mly_pace *pace, int file, struct mly_pace_limit limit, uint32_t *wait_ms)
{
    uint8_t bytes[FILE_BYTES] = {0};
    struct bucket bucket = {.spent = 0};
    const int error = lock_file(file);
    if (error)
        return error;
    const ssize_t n = pread(file, bytes, sizeof bytes, 0);
    if (n < 0)
        return errno;
    if (n < (ssize_t)sizeof bytes || !read_bucket(bytes, &bucket))
        bucket = (struct bucket){.spent = 0};
    *wait_ms = take(&bucket, limit, pace->options.now_ms(pace->options.now_ctx));
    write_bucket(&bucket, bytes);
    const ssize_t n_written = pwrite(file, bytes, sizeof bytes, 0);
    if (n_written < (ssize_t)sizeof bytes)
        return n_written < 0 ? errno : ENOSPC;
    pace->bucket = bucket;
    return 0;
}

/* 0 or an error number. The file is opened each time: it may have been removed, and a fork must not share its lock. */
static int take_shared(struct mly_pace *pace, struct mly_pace_limit limit, uint32_t *wait_ms)
{
    if (pace->folder < 0)
        return ENOENT;
    const int file = open_file(pace->folder);
    if (file < 0)
        return errno;
    const int error = take_from_file(pace, file, limit, wait_ms);
    (void)close(file);
    return error;
}

/* Counts an attempt that found the file locked; true when it was one too many. */
static bool is_stuck(struct mly_pace *pace)
{
    const int64_t now_ms = pace->options.now_ms(pace->options.now_ctx);
    if (pace->n_locked++ == 0 || now_ms < pace->locked_ms) /* a clock that was set back */
        pace->locked_ms = now_ms;
    return pace->n_locked > MAX_LOCKED && now_ms - pace->locked_ms > MAX_LOCKED_MS;
}

uint32_t mly_pace_take(struct mly_pace *pace, struct mly_pace_limit limit)
{
    uint32_t wait_ms = LOCKED_WAIT_MS;
    (void)pthread_mutex_lock(&pace->mutex);
    const int error = take_shared(pace, limit, &wait_ms);
    const bool is_locked = error == EAGAIN;
    const bool is_alone = is_locked ? is_stuck(pace) : error != 0;
    if (!is_locked)
        pace->n_locked = 0;
    const bool is_news = is_alone && !pace->has_noted;
    if (is_alone)
        wait_ms = take(&pace->bucket, limit, pace->options.now_ms(pace->options.now_ctx));
    pace->has_noted = pace->has_noted || is_news;
    (void)pthread_mutex_unlock(&pace->mutex);
    if (is_news)
        note(pace, is_locked ? "another process holds its file" : strerror(error));
    return wait_ms;
}

/* ---- life ---- */

/* The folder's descriptor, if the file can be had there; else -1, and `why` says why. */
static int open_in(const char *path, struct mly_error *why)
{
    char trimmed[MLY_FOLDER_PATH];
    size_t n = 0;
    int folder = -1;
    if (mly_folder_measure(path, &n, why) < 0)
        return -1;
    (void)snprintf(trimmed, sizeof trimmed, "%.*s", (int)n, path);
    if (mly_folder_open(trimmed, &folder, why) < 0)
        return -1;
    const int file = open_file(folder);
    if (file >= 0) {
        (void)close(file);
        return folder;
    }
    (void)mly_fail(why, MLY_E_IO, "%s/%s: %s", trimmed, file_name, strerror(errno));
    (void)close(folder);
    return -1;
}

enum mly_status mly_pace_open(const struct mly_pace_options *options, struct mly_pace **out, struct mly_error *err)
{
    const struct mly_mem *mem = options->mem;
    struct mly_error why = {.text = "there is no folder for its file"};
    struct mly_pace *pace = mem->alloc(mem->ctx, sizeof *pace);
    if (!pace)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the pace");
    *pace = (struct mly_pace){.options = *options, .folder = -1};
    if (!options->now_ms)
        pace->options.now_ms = system_now_ms;
    if (pthread_mutex_init(&pace->mutex, NULL) != 0) {
        mem->release(mem->ctx, pace);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the pace");
    }
    for (size_t i = 0; i < MLY_PACE_FOLDERS && pace->folder < 0; i++) {
        if (options->folders[i])
            pace->folder = open_in(options->folders[i], &why);
        pace->options.folders[i] = NULL;
    }
    pace->has_noted = pace->folder < 0;
    if (pace->has_noted)
        note(pace, why.text);
    *out = pace;
    return MLY_OK;
}

void mly_pace_before_fork(struct mly_pace *pace)
{
    (void)pthread_mutex_lock(&pace->mutex);
}

void mly_pace_after_fork(struct mly_pace *pace)
{
    (void)pthread_mutex_unlock(&pace->mutex);
}

void mly_pace_close(struct mly_pace *pace)
{
    if (!pace)
        return;
    const struct mly_mem *mem = pace->options.mem;
    if (pace->folder >= 0)
        (void)close(pace->folder);
    (void)pthread_mutex_destroy(&pace->mutex);
    mem->release(mem->ctx, pace);
}

/* ---- what the service says of it ---- */

uint32_t mly_pace_read_usage(struct mly_span value)
{
    enum { MOST = 1000 };
    uint32_t most = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] != ':')
            continue;
        uint32_t number = 0;
        while (i + 1 < value.size && value.data[i + 1] == ' ')
            i++;
        for (; i + 1 < value.size && value.data[i + 1] >= '0' && value.data[i + 1] <= '9'; i++)
            number = number < MOST ? number * 10 + (uint32_t)(value.data[i + 1] - '0') : MOST;
        number = number < MOST ? number : MOST;
        most = number > most ? number : most;
    }
    return most;
}
