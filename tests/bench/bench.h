/* SPDX-License-Identifier: MIT */
/* bench.h — what the benchmarks' programs share: clock, memory, the list of tiles, the line of results.
 * Each program prints one line, "name=value name=value …", and fails when it has not read what it should. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

double bench_now(void);         /* seconds, by the clock */
double bench_cpu(void);         /* seconds, of all processors that worked for this process */
long bench_peak_kb(void);       /* the most memory that the process ever had */
void *bench_must(void *memory); /* ends the program without any */

struct bench_tile {
    uint32_t x, y; /* of zoom 14 */
    char *path;
    uint8_t *data;
    size_t size;
};

struct bench_tiles {
    struct bench_tile *tiles;
    size_t n, n_bytes;
};

/* Lines of "x y path"; the files are read, too, when `with_data`. Ends the program when it cannot. */
struct bench_tiles bench_read_list(const char *path, bool with_data);

/* Ends the program unless both are the same. */
void bench_expect(const char *what, unsigned long long found, unsigned long long expected);

#ifdef __cplusplus
}
#endif

#endif
