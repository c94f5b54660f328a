/* SPDX-License-Identifier: MIT */
/* open_tile.h — a tile opened by core/mvt.c as a test wants it: in a memory that counts, on bytes that end where they
 * end. Owner: _close gives back everything, and checks that nothing leaks. Threads: one. */
#ifndef MLY_TEST_OPEN_TILE_H
#define MLY_TEST_OPEN_TILE_H

#include "bytes.h"
#include "core/mvt.h"
#include "fail_mem.h"

struct open_tile {
    struct fail_mem mem;
    struct mly_arena arena;
    uint8_t *bytes;
    enum mly_status status;
    struct mly_error err;
    struct mly_mvt *mvt; /* NULL when it was refused */
    uint32_t n_rows;     /* 0 when it was refused */
    struct mly_row_space space;
};

/* The tile that all of them are. */
extern const struct mly_tile open_tile_place;

/* `layer` is a layer's name in the schema. */
void open_tile(struct open_tile *open, struct mly_span bytes, const char *layer);

/* As above, with memory that fails as `mem` says, below a ceiling. `mem` stands in `open` already. */
void open_tile_in(struct open_tile *open, struct mly_span bytes, const char *layer, size_t ceiling);

/* Row `index`, valid until the next one is asked for. */
struct mly_row open_tile_row(struct open_tile *open, uint32_t index);

/* The value of a row's column, by the column's name. */
struct mly_value open_tile_value(const char *layer, const struct mly_row *row, const char *column);

void open_tile_close(struct open_tile *open);

#endif
