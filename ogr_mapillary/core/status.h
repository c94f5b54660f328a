/* SPDX-License-Identifier: MIT */
/* status.h — how every function that can fail answers.
 * Owner: error objects live on the caller's stack and own nothing. Threads: nothing is shared. */
#ifndef MLY_STATUS_H
#define MLY_STATUS_H

#if defined(__GNUC__)
#define MLY_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define MLY_PRINTF(text, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Positive values are flow, negative ones are failures: `status < 0` is the only failure test. */
enum mly_status {
    MLY_OK = 0,
    MLY_AGAIN = 1,      /* nothing yet: feed me an answer, or wait */
    MLY_DONE = 2,       /* nothing ever again */
    MLY_E_NOMEM = -1,   /* the allocator gave nothing */
    MLY_E_ARG = -2,     /* the caller, or the user behind it, asked for what cannot be */
    MLY_E_LIMIT = -3,   /* a bound was reached: limits.h, or an option such as MAX_TILES */
    MLY_E_CORRUPT = -4, /* bytes from outside break their format */
    MLY_E_NETWORK = -5, /* no answer: DNS, TLS, time-out, a connection lost */
    MLY_E_AUTH = -6,    /* the token is missing, expired or refused */
    MLY_E_QUOTA = -7,   /* the service limits this caller; asking again makes it worse */
    MLY_E_REMOTE = -8,  /* the service answered, with a failure */
    MLY_E_IO = -9       /* the local disk */
};

enum { MLY_ERROR_TEXT = 640 }; /* a sentence or three with a file name in it; longer text is cut at its end */

struct mly_error {
    enum mly_status code;
    char text[MLY_ERROR_TEXT]; /* for a person: what happened, where, what to do; never a secret */
};

/* Writes the message where the fact is known and returns `code`. `err` may be NULL. */
enum mly_status mly_fail(struct mly_error *err, enum mly_status code, const char *format, ...) MLY_PRINTF(3, 4);

/* Puts context in front of the message that is there, on the way up: users read from the outside in. */
enum mly_status mly_wrap(struct mly_error *err, enum mly_status code, const char *format, ...) MLY_PRINTF(3, 4);

/* A word for a code; "unknown" for a value that is none. */
const char *mly_status_name(enum mly_status status);

/* Returns from the calling function when `call` fails. Only where the function owns nothing yet. */
#define MLY_TRY(call)                                                                                                  \
    do {                                                                                                               \
        const enum mly_status mly_try_status = (call);                                                                 \
        if (mly_try_status < 0)                                                                                        \
            return mly_try_status;                                                                                     \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
