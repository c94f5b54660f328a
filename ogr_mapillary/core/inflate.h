/* SPDX-License-Identifier: MIT */
/* inflate.h — gzipped answers, whoever compressed them: the server on request, or whoever made a folder of tiles.
 * Owner: the response keeps its body. Threads: as the hook's. */
#ifndef MLY_INFLATE_H
#define MLY_INFLATE_H

#include "transport.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Inflates `n` bytes of gzip into exactly `n_out` bytes, perhaps none; false when they are not that. The host lends it:
 * GDAL brings the fastest inflater that its build knows. */
typedef bool mly_inflate_fn(const void *bytes, size_t n, void *out, size_t n_out);

/* What the body will take: what its trailer promises when it is gzipped, else what it has. Not more than its ceiling
 * and a byte. */
size_t mly_inflate_size(const struct mly_buf *body);

/* If the body is gzipped, replaces it by what was compressed. A stream that is broken, or larger than the body's
 * ceiling, leaves the response with status MLY_E_CORRUPT or MLY_E_LIMIT and `why`, and without a body. */
void mly_inflate_body(mly_inflate_fn *inflate, struct mly_response *response);

#ifdef __cplusplus
}
#endif

#endif
