/* SPDX-License-Identifier: MIT */
/* The bytes of a tile: the fast reader and the plain one accept and refuse the same, and read the same rows.
 * Input: a byte that chooses the layer, and the tile. */
#include <string.h>

#include "fuzz.h"
#include "unit/support/check.h"
#include "unit/support/compare_tile.h"
#include "unit/support/mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const layers[] = {"images", "sequences", "detections", "map_features", "overview"};
    struct compare_tally tally = {.n_tiles = 0};
    if (size == 0)
        return 0;
    const struct mly_span tile = {.data = size > 1 ? data + 1 : NULL, .size = size - 1};
    compare_tile(tile, layers[data[0] % COUNT(layers)], &tally);
    return 0;
}

#ifdef MLY_LIBFUZZER
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* Blind damage is mostly noticed at the outermost frame. Half of the changes are made within the frames. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct chance chance = {.state = seed};
    if (size < 2 || chance_below(&chance, 2))
        return LLVMFuzzerMutate(data, size, max_size);
    struct bytes tile = {.size = 0};
    bytes_append(&tile, data + 1, size - 1);
    mutate_message(&tile, &chance, 1 + (unsigned)chance_below(&chance, 4));
    if (tile.size < max_size) {
        size = tile.size + 1;
        if (tile.size)
            memcpy(data + 1, tile.data, tile.size);
    }
    bytes_free(&tile);
    return size;
}
#endif
