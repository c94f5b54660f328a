/* SPDX-License-Identifier: MIT */
#include "sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "entry.h"

enum { BLOCK = 4096 };                     /* what a file takes at least: the ceiling bounds the number of files, too */
enum { LEFTOVER_AGE_MS = 60 * 60 * 1000 }; /* no answer takes an hour to write */
enum { MAX_CANDIDATES = 64 << 10 };        /* files that are remembered at once, 24 bytes each, of however many */

struct candidate {
    int64_t written_ns;
    uint64_t hash, cost;
};

struct survey {
    struct mly_buf candidates; /* of struct candidate: the oldest */
    uint64_t cost;             /* of all files */
    bool is_partial;           /* not all of them are candidates */
};

/* ---- folders and files ---- */

/* A link is not followed: what it leads to is not the store's. */
static int open_folder(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static DIR *list_folder(int parent, const char *name)
{
    const int folder = open_folder(parent, name);
    DIR *list = folder < 0 ? NULL : fdopendir(folder);
    if (folder >= 0 && !list)
        (void)close(folder);
    return list;
}

static bool is_file(int folder, const char *name, struct stat *about)
{
    return fstatat(folder, name, about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(about->st_mode);
}

/* Since 1970. File systems know times that do not fit; they are as good as the last that does. */
static int64_t written_ns(const struct stat *about)
{
    const int64_t last_s = INT64_MAX / 1000000000 - 1, seconds = about->st_mtim.tv_sec;
    const int64_t fitting = seconds > last_s ? last_s : seconds < -last_s ? -last_s : seconds;
    return fitting * 1000000000 + about->st_mtim.tv_nsec;
}

uint64_t mly_sweep_cost(uint64_t n_bytes)
{
    return (n_bytes / BLOCK + 1) * BLOCK; /* an empty file is not free: it has a name and an inode */
}

static bool remove_file(int folder, uint64_t hash)
{
    char folder_name[MLY_ENTRY_FOLDER], name[MLY_ENTRY_FILE];
    mly_entry_print_folder(hash, folder_name);
    mly_entry_print_file(hash, name);
    const int subfolder = open_folder(folder, folder_name);
    if (subfolder < 0)
        return errno == ENOENT;
    const bool is_gone = unlinkat(subfolder, name, 0) == 0 || errno == ENOENT;
    (void)close(subfolder);
    return is_gone;
}

void mly_sweep_remove(int folder, uint64_t hash)
{
    (void)remove_file(folder, hash);
}

void mly_sweep_leftovers(int folder, int64_t now_ms)
{
    DIR *list = list_folder(folder, ".");
    const struct dirent *found;
    while (list && (found = readdir(list)) != NULL) {
        uint64_t number = 0;
        struct stat about;
        if (!mly_entry_parse_temporary(found->d_name, &number) || !is_file(folder, found->d_name, &about))
            continue;
        const int64_t age_ms = now_ms - written_ns(&about) / 1000000;
        if (age_ms > LEFTOVER_AGE_MS || age_ms < -LEFTOVER_AGE_MS) /* a clock that was wrong must not keep it forever */
            (void)unlinkat(folder, found->d_name, 0);
    }
    if (list)
        (void)closedir(list);
}

/* ---- the oldest ---- */

static int by_age(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    if (left->written_ns != right->written_ns)
        return left->written_ns < right->written_ns ? -1 : 1;
    return (left->hash > right->hash) - (left->hash < right->hash); /* all sweepers go the same way */
}

static struct candidate *candidates_of(const struct survey *survey, size_t *n)
{
    *n = survey->candidates.size / sizeof(struct candidate);
    return (struct candidate *)(void *)survey->candidates.data;
}

static void sort(const struct survey *survey)
{
    size_t n;
    struct candidate *candidates = candidates_of(survey, &n);
    if (n > 0)
        qsort(candidates, n, sizeof *candidates, by_age);
}

/* When there is no room, the newer half is forgotten. The older half is then what it would be if nothing were. */
static void add(struct survey *survey, struct candidate candidate)
{
    survey->cost += candidate.cost;
    if (survey->candidates.size == survey->candidates.limit) {
        sort(survey);
        survey->candidates.size /= 2;
        survey->is_partial = true;
    }
    if (mly_buf_append(&survey->candidates, &candidate, sizeof candidate) < 0)
        survey->is_partial = true;
}

static void add_subfolder(struct survey *survey, int folder, const char *name, uint64_t number)
{
    DIR *list = list_folder(folder, name);
    const struct dirent *found;
    while (list && (found = readdir(list)) != NULL) {
        uint64_t hash = 0;
        struct stat about;
        if (!mly_entry_parse_file(found->d_name, &hash) || hash >> 56 != number ||
            !is_file(dirfd(list), found->d_name, &about))
            continue;
        const struct candidate candidate = {
            .written_ns = written_ns(&about), .hash = hash, .cost = mly_sweep_cost((uint64_t)about.st_size)};
        add(survey, candidate);
    }
    if (list)
        (void)closedir(list);
}

static void look_around(struct survey *survey, int folder)
{
    DIR *list = list_folder(folder, ".");
    const struct dirent *found;
    while (list && (found = readdir(list)) != NULL) {
        uint64_t number = 0;
        if (mly_entry_parse_folder(found->d_name, &number))
            add_subfolder(survey, folder, found->d_name, number);
    }
    if (list)
        (void)closedir(list);
}

/* Returns how much was removed. */
static uint64_t remove_oldest(const struct survey *survey, int folder, uint64_t too_much)
{
    size_t n;
    uint64_t removed = 0;
    const struct candidate *candidates = candidates_of(survey, &n);
    sort(survey);
    if (survey->is_partial && n > MAX_CANDIDATES / 2)
        n = MAX_CANDIDATES / 2;
    for (size_t i = 0; i < n && removed < too_much; i++) {
        if (remove_file(folder, candidates[i].hash))
            removed += candidates[i].cost;
    }
    return removed;
}

uint64_t mly_sweep_oldest(int folder, uint64_t max_bytes, const struct mly_mem *mem)
{
    const uint64_t low_water = max_bytes - max_bytes / 10;
    uint64_t cost, removed;
    bool has_more;
    do { /* more than once only where there are more files than can be remembered */
        struct survey survey = {.cost = 0};
        mly_buf_init(&survey.candidates, mem, MAX_CANDIDATES * sizeof(struct candidate));
        look_around(&survey, folder);
        cost = survey.cost;
        removed = cost > max_bytes ? remove_oldest(&survey, folder, cost - low_water) : 0;
        has_more = survey.is_partial && cost - removed > max_bytes;
        mly_buf_fini(&survey.candidates);
    } while (has_more && removed > 0);
    return cost - removed;
}
