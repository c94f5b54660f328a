/* SPDX-License-Identifier: MIT */
/* inflate zlib|gdal LIST BYTES — the gzipped tiles of LIST, in memory, each to memory of its own; BYTES is what they
 * hold altogether. `gdal` is what the driver uses: GDAL's exported inflater, libdeflate where GDAL has it. */
#include <cpl_conv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "bench.h"

typedef size_t inflate_fn(const struct bench_tile *tile, uint8_t *out, size_t size);

static size_t by_zlib(const struct bench_tile *tile, uint8_t *out, size_t size)
{
    z_stream stream = {.next_in = tile->data, .avail_in = (uInt)tile->size, .next_out = out, .avail_out = (uInt)size};
    if (inflateInit2(&stream, 15 + 16) != Z_OK || inflate(&stream, Z_FINISH) != Z_STREAM_END)
        return 0;
    (void)inflateEnd(&stream);
    return stream.total_out;
}

static size_t by_gdal(const struct bench_tile *tile, uint8_t *out, size_t size)
{
    size_t n = 0;
    return CPLZLibInflate(tile->data, tile->size, out, size, &n) ? n : 0;
}

static size_t promised(const struct bench_tile *tile)
{
    const uint8_t *last = tile->data + tile->size - 4;
    return (size_t)last[0] | (size_t)last[1] << 8 | (size_t)last[2] << 16 | (size_t)last[3] << 24;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: inflate zlib|gdal LIST BYTES\n", stderr);
        return 2;
    }
    inflate_fn *inflate_tile = strcmp(argv[1], "zlib") == 0 ? by_zlib : by_gdal;
    const struct bench_tiles list = bench_read_list(argv[2], true);
    unsigned long long n = 0;
    double seconds = 0, cpu = 0;
    for (size_t i = 0; i < list.n; i++) {
        const double begun = bench_now(), cpu_begun = bench_cpu();
        uint8_t *plain = bench_must(malloc(promised(&list.tiles[i])));
        n += inflate_tile(&list.tiles[i], plain, promised(&list.tiles[i]));
        free(plain);
        seconds += bench_now() - begun;
        cpu += bench_cpu() - cpu_begun;
    }
    bench_expect("bytes", n, strtoull(argv[3], NULL, 10));
    printf("seconds=%.6f cpu=%.6f bytes=%llu\n", seconds, cpu, n);
    return 0;
}
