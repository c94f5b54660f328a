/* SPDX-License-Identifier: MIT */
/* ids.h — a plan of ids, sequences or owners → the ids of their rows, as rows that hold nothing but the id.
 * Owner: whoever called _new, by mly_machine_free; what the source points to is borrowed. Threads: see machine.h.
 * Source: SPEC.md 3, API.md 2.2 and 2.4. */
#ifndef MLY_IDS_H
#define MLY_IDS_H

#include "machine.h"
#include "source.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the order of the values. The service knows no such sequence, name or organization: no rows. MLY_E_REMOTE, after
 * the rows that came: a page that is full (MLY_LIMIT_PAGE) and names no next one, which would look like the end; a next
 * page that was read already, is elsewhere, or that the service does not know; a sequence of which only a page comes.
 * MLY_E_CORRUPT: an element without an id. The rows' `values` are MLY_SCHEMA_MAX_COLUMNS times MLY_NULL. Each id once
 * for each value that names it. */
enum mly_status mly_ids_new(const struct mly_ids_source *source, const struct mly_read_options *options,
                            struct mly_machine **out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
