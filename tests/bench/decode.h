/* SPDX-License-Identifier: MIT */
/* decode.h — ways to make columns of the layer `image` of a tile. All fill the same columns. */
#ifndef DECODE_H
#define DECODE_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

enum column {
    COLUMN_ID,
    COLUMN_CAPTURED_AT,
    COLUMN_COMPASS_ANGLE,
    COLUMN_SEQUENCE_ID,
    COLUMN_IS_PANO,
    COLUMN_ORGANIZATION_ID,
    COLUMN_CREATOR_ID,
    COLUMN_QUALITY_SCORE,
    N_COLUMNS
};

union word {
    int64_t i;
    double r;
    const char *text; /* borrowed from the tile */
};

#define ABSENT INT64_MIN /* as.i of what an image lacks, whatever its type */

struct columns {
    size_t n;
    double *longitude, *latitude;
    union word *words[N_COLUMNS];
    uint32_t *text_size; /* of sequence_id */
};

typedef void decode_fn(const struct bench_tile *tile, struct columns *out);

extern const char *const decode_names[N_COLUMNS];

void decode_by_hand(const struct bench_tile *tile, struct columns *out);
void decode_by_protobuf_c(const struct bench_tile *tile, struct columns *out);
void decode_by_driver(const struct bench_tile *tile, struct columns *out);

#ifdef __cplusplus
}
#endif

#endif
