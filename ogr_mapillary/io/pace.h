/* SPDX-License-Identifier: MIT */
/* pace.h — the pace of tile requests, kept by all processes of a user together: a token bucket in a file. After a burst
 * at full speed, requests may go out at a rate.
 * Owner: whoever called _open. Threads: any number may use one pace at once; `note` is called on whichever it is.
 * A disk that refuses costs no read: the process then keeps the pace for itself. Source: SPEC.md 1 (RATE, BURST).
 *
 * The file, tiles.mlyp, holds what was spent, whatever the rates and bursts of those who spend. Numbers are
 * little-endian.
 *
 *    0  8  magic; its last byte is the version of this form
 *    8  8  hash of the 16 bytes behind it
 *   16  8  when, in ms since 1970, UTC
 *   24  8  what was spent and has not come back until then, in millionths of a request */
#ifndef MLY_PACE_H
#define MLY_PACE_H

#include "core/mem.h"
#include "core/span.h"
#include "core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_pace;

/* Called once in a pace's life: the first time that the file cannot serve. Never a secret. */
typedef void mly_pace_note_fn(void *ctx, const char *text);

enum { MLY_PACE_FOLDERS = 2 };

struct mly_pace_options {
    const struct mly_mem *mem;             /* borrowed for the pace's life */
    const char *folders[MLY_PACE_FOLDERS]; /* where the file may lie, the best one first; NULL: no such folder. Read
                                              during the call of _open */
    int64_t (*now_ms)(void *ctx);          /* since 1970, UTC; NULL: the system's clock */
    void *now_ctx;
    mly_pace_note_fn *note; /* may be NULL */
    void *note_ctx;
};

struct mly_pace_limit {
    uint32_t rate_mhz; /* requests in a thousand seconds, from 1 to MLY_LIMIT_RATE_MHZ */
    uint32_t burst;    /* requests at full speed, from 1 to MLY_LIMIT_BURST */
};

enum { MLY_PACE_LONGEST_WAIT_MS = 60 * 1000 }; /* then it is time to look again */

/* Opens the file in the first folder that can be used, which is made if it is missing; without any, the pace is this
 * object's alone. MLY_E_NOMEM. */
enum mly_status mly_pace_open(const struct mly_pace_options *options, struct mly_pace **out, struct mly_error *err);

/* Accepts NULL. */
void mly_pace_close(struct mly_pace *pace);

/* 0: a request was counted and may go out now. Else none was: after so many ms, at most MLY_PACE_LONGEST_WAIT_MS, it is
 * worth asking again. Never blocks. */
uint32_t mly_pace_take(struct mly_pace *pace, struct mly_pace_limit limit);

/* The process forks between these two: nobody else is in the middle of something then. */
void mly_pace_before_fork(struct mly_pace *pace);
void mly_pace_after_fork(struct mly_pace *pace);

/* The largest per cent that a header X-App-Usage tells, {"call_volume":28,"cpu_time":4} (API.md 2.9); 0 if it tells
 * none. No more than 1000. */
uint32_t mly_pace_read_usage(struct mly_span value);

#ifdef __cplusplus
}
#endif

#endif
