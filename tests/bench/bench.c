/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

double bench_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double bench_cpu(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

long bench_peak_kb(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

void *bench_must(void *memory)
{
    if (!memory)
        die("memory", "there is no more");
    return memory;
}

void bench_expect(const char *what, unsigned long long found, unsigned long long expected)
{
    if (found == expected)
        return;
    fprintf(stderr, "bench: %llu %s where %llu are right\n", found, what, expected);
    exit(1);
}

static void read_tile(struct bench_tile *tile)
{
    FILE *file = fopen(tile->path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        die(tile->path, "cannot be read");
    const long size = ftell(file);
    rewind(file);
    tile->size = (size_t)size;
    tile->data = bench_must(malloc(tile->size + 1));
    if (fread(tile->data, 1, tile->size, file) != tile->size)
        die(tile->path, "cannot be read");
    (void)fclose(file);
}

struct bench_tiles bench_read_list(const char *path, bool with_data)
{
    enum { LONGEST = 4096 };
    struct bench_tiles list = {.n = 0};
    char text[LONGEST];
    FILE *file = fopen(path, "r");
    if (!file)
        die(path, "cannot be read");
    struct bench_tile tile = {.data = NULL};
    while (fscanf(file, "%u %u %4095s", &tile.x, &tile.y, text) == 3) {
        list.tiles = bench_must(realloc(list.tiles, (list.n + 1) * sizeof *list.tiles));
        tile.path = bench_must(malloc(strlen(text) + 1));
        memcpy(tile.path, text, strlen(text) + 1);
        if (with_data)
            read_tile(&tile);
        list.n_bytes += tile.size;
        list.tiles[list.n++] = tile;
    }
    (void)fclose(file);
    if (list.n == 0)
        die(path, "lists no tiles");
    return list;
}
