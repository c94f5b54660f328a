/* SPDX-License-Identifier: MIT */
/* gzip.h — gzip without compression: what any inflater reads, written and read in a page.
 * Owner: the caller frees the bytes it gets. Threads: one. Source: RFC 1951, 3.2.4; RFC 1952. */
#ifndef MLY_TEST_GZIP_H
#define MLY_TEST_GZIP_H

#include "bytes.h"
#include "core/inflate.h"

struct bytes gzip_store(const void *data, size_t n);

/* A mly_inflate_fn that reads what gzip_store writes, and refuses all else. */
bool gzip_unstore(const void *bytes, size_t n, void *out, size_t n_out);

#endif
