/* SPDX-License-Identifier: MIT */
/* store.h — a folder of answers, shared by any number of processes: an answer is there whole, or it is not there.
 * Owner: whoever called _open. Threads: any number may use one store at once; `note` is called on whichever it is.
 * The disk never fails a read: what cannot be read is missing, what cannot be written is not kept. */
#ifndef MLY_STORE_H
#define MLY_STORE_H

#include "core/buf.h"
#include "entry.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_store;

/* Called once in a store's life: the first time that the disk refuses something. Never a secret. */
typedef void mly_store_note_fn(void *ctx, const char *text);

enum mly_store_use {
    MLY_STORE_SHARED,   /* the folder is made if it is missing; it must be the user's, and nobody else's to write to */
    MLY_STORE_READ_ONLY /* a folder as somebody made it: whose it is does not matter, and nothing in it is changed */
};

struct mly_store_options {
    const struct mly_mem *mem; /* borrowed for the store's life */
    const char *folder;        /* copied */
    enum mly_store_use use;
    uint64_t max_bytes;           /* of all files, in blocks of 4096; writers that write at once may pass it a little */
    uint32_t ttl_s;               /* how long an answer is fresh; a 404 not longer than MLY_STORE_TTL_404_S */
    int64_t (*now_ms)(void *ctx); /* since 1970, UTC; NULL: the system's clock */
    void *now_ctx;
    mly_store_note_fn *note; /* may be NULL */
    void *note_ctx;
};

enum { MLY_STORE_TTL_404_S = 600 }; /* tiles were seen to be missing for a while and to have data later (API.md 1.4) */

struct mly_store_about {
    int http;                            /* status of the answer */
    int64_t fetched_ms;                  /* since 1970, UTC */
    size_t n_bytes;                      /* 0: the service has nothing there */
    bool is_fresh;                       /* younger than it may be */
    char validator[MLY_LIMIT_VALIDATOR]; /* see core/transport.h; empty: none */
};

/* Removes what writers that died left behind. MLY_E_IO: there can be no store here; the message says why, and the
 * caller goes on without. */
enum mly_status mly_store_open(const struct mly_store_options *options, struct mly_store **out, struct mly_error *err);

/* Accepts NULL. */
void mly_store_close(struct mly_store *store);

/* What is known of an answer, by its head only. MLY_DONE: it is not there. MLY_E_ARG: nothing can have that name. */
enum mly_status mly_store_stat(struct mly_store *store, const struct mly_entry_name *name, struct mly_store_about *out);

/* Reads an answer of any age into `body`, which is empty and stays so unless this is MLY_OK. MLY_DONE: it is not there,
 * or larger than the body's ceiling. MLY_E_ARG as above; MLY_E_NOMEM. A damaged file is removed. */
enum mly_status mly_store_get(struct mly_store *store, const struct mly_entry_name *name, struct mly_store_about *out,
                              struct mly_buf *body);

/* Keeps an answer in place of the one that is there. Callers may ignore a failure: MLY_E_ARG, MLY_E_LIMIT (too large
 * for the store) or MLY_E_IO; what was there stays. */
enum mly_status mly_store_put(struct mly_store *store, const struct mly_entry_name *name, int http,
                              struct mly_span body);

/* The same with the answer's validator, which is not kept if it is none. */
enum mly_status mly_store_put_validated(struct mly_store *store, const struct mly_entry_name *name, int http,
                                        const char *validator, struct mly_span body);

/* Whether an answer of that age may serve; of one that was read, about->is_fresh says so. And the store's clock. */
bool mly_store_is_fresh(const struct mly_store *store, int http, int64_t fetched_ms);
int64_t mly_store_now(const struct mly_store *store);

/* Forgets an answer. */
void mly_store_remove(struct mly_store *store, const struct mly_entry_name *name);

#ifdef __cplusplus
}
#endif

#endif
