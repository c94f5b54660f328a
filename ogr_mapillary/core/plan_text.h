/* SPDX-License-Identifier: MIT */
/* plan_text.h — a plan as text, whole: whoever reads it back has the same plan.
 * Owner: the caller's buffer. Threads: pure functions.
 *
 * A line says one thing, its name first; those that say nothing are left out.
 *
 *    layer images                         the layer's name
 *    source tiles                         nowhere, nothing, tiles, entities, trace, owners, listing
 *    tileset mly1_public                  the part of a tile's address that names the tileset
 *    zoom 14                              of the tiles
 *    options computed exact               those that are on
 *    stitch whole                         whole, area, no
 *    limits 10000 tiles 10000 requests    MAX_TILES and MAX_REQUESTS
 *    cover z14 2 tiles                    the tiles, in the order of the rows; then their squares, a few in a line …
 *    square 14/8581/5555 13/4290/2777+    … as zoom/x/y; + marks those that the area holds all of
 *    scout z10 1 tile                     likewise, with PRUNE
 *    near 8.5 50 from 0 to 50 m           the place, and the ring in metres
 *    looking 100 degrees                  with LOOKING_AT: the field of view
 *    ids given                            given, sequences, creators, organizations; then, a few in a line, …
 *    id 7, 300                            … numbers, or texts in quotes
 *    owner image                          image, map_feature
 *    name 'x'                             of creators whose numbers are to be asked first
 *    graph make, model                    columns that the Graph fills
 *    position computed_geometry           the Graph's name of the position that it gives
 *    filter (is_pano = 1 AND NOT value LIKE 'x%')
 *
 * In a filter, UNKNOWN 'SUBSTR' stands for what is left to OGR, and UNKNOWN VALUE for such that is no comparison; times
 * are 2021-06-13T00:00:00.000Z, or two of them with TO between; one that no calendar has, @ and its milliseconds. In
 * texts a quote is doubled, and \x and two digits stand for each byte that is not printable ASCII, and for \ itself. */
#ifndef MLY_PLAN_TEXT_H
#define MLY_PLAN_TEXT_H

#include "plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Appends the lines to `out`, an initialised buffer: each ends with a line feed, and nothing is terminated. What a
 * prelude adds to a plan (`creators`) is left out. MLY_E_NOMEM, MLY_E_LIMIT: `out` refused. */
enum mly_status mly_plan_text_write(const struct mly_plan *plan, struct mly_buf *out);

#ifdef __cplusplus
}
#endif

#endif
