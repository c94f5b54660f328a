/* SPDX-License-Identifier: MIT */
/* decode WAY LIST EXPECTED — the tiles of LIST, in memory, to columns; EXPECTED is their number of images.
 * All ways print the same `sum`, or they have not read the same. */
#include "decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IMAGES = 1 << 20 }; /* in a tile */

const char *const decode_names[N_COLUMNS] = {"id",      "captured_at",     "compass_angle", "sequence_id",
                                             "is_pano", "organization_id", "creator_id",    "quality_score"};

static const struct {
    const char *name;
    decode_fn *fn;
} ways[] = {
    {"hand", decode_by_hand},
    {"protobuf-c", decode_by_protobuf_c},
    {"driver", decode_by_driver},
};

static struct columns make_columns(size_t n)
{
    struct columns columns = {.n = 0};
    columns.longitude = bench_must(calloc(n, sizeof(double)));
    columns.latitude = bench_must(calloc(n, sizeof(double)));
    columns.text_size = bench_must(calloc(n, sizeof(uint32_t)));
    for (size_t i = 0; i < N_COLUMNS; i++)
        columns.words[i] = bench_must(calloc(n, sizeof(union word)));
    return columns;
}

static uint64_t mix(uint64_t sum, uint64_t word)
{
    return (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15) + (sum >> 29);
}

/* To 1e-9 degrees: ways differ in the last bits. */
static uint64_t add_columns(uint64_t sum, const struct columns *columns)
{
    for (size_t i = 0; i < columns->n; i++) {
        sum = mix(sum, (uint64_t)(int64_t)(columns->longitude[i] * 1e9 + 0.5));
        sum = mix(sum, (uint64_t)(int64_t)(columns->latitude[i] * 1e7 + 0.5));
        for (size_t c = 0; c < N_COLUMNS; c++) {
            const union word word = columns->words[c][i];
            if (c != COLUMN_SEQUENCE_ID || word.i == ABSENT)
                sum = mix(sum, (uint64_t)word.i);
            else
                for (uint32_t k = 0; k < columns->text_size[i]; k++)
                    sum = mix(sum, (uint64_t)word.text[k]);
        }
    }
    return sum;
}

static const struct bench_tile *largest_of(const struct bench_tiles *list)
{
    const struct bench_tile *largest = &list->tiles[0];
    for (size_t i = 1; i < list->n; i++) {
        if (list->tiles[i].size > largest->size)
            largest = &list->tiles[i];
    }
    return largest;
}

int main(int argc, char **argv)
{
    decode_fn *decode = NULL;
    for (size_t i = 0; argc == 4 && i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(argv[1], ways[i].name) == 0)
            decode = ways[i].fn;
    }
    if (!decode) {
        fputs("usage: decode hand|protobuf-c|driver LIST EXPECTED\n", stderr);
        return 2;
    }
    const struct bench_tiles list = bench_read_list(argv[2], true);
    struct columns columns = make_columns(MAX_IMAGES);
    unsigned long long rows = 0;
    uint64_t sum = 0;
    double seconds = 0, cpu = 0;
    decode(largest_of(&list), &columns); /* touches the columns' memory, and grows what grows */
    for (size_t i = 0; i < list.n; i++) {
        const double begun = bench_now(), cpu_begun = bench_cpu();
        decode(&list.tiles[i], &columns);
        seconds += bench_now() - begun;
        cpu += bench_cpu() - cpu_begun;
        rows += columns.n;
        sum = add_columns(sum, &columns);
    }
    bench_expect("images", rows, strtoull(argv[3], NULL, 10));
    printf("seconds=%.6f cpu=%.6f rows=%llu bytes=%zu peak_kb=%ld sum=%016llx\n", seconds, cpu, rows, list.n_bytes,
           bench_peak_kb(), (unsigned long long)sum);
    return 0;
}
