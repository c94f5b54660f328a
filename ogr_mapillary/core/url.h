/* SPDX-License-Identifier: MIT */
/* url.h — which service addresses are allowed. A token travels to them, so the parser is strict rather than clever.
 * Owner: the struct owns its text. Threads: pure functions. Source: SPEC.md 1, TILES_URL. */
#ifndef MLY_URL_H
#define MLY_URL_H

#include <stdbool.h>

#include "limits.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mly_scheme {
    MLY_SCHEME_HTTPS,
    MLY_SCHEME_HTTP_LOOPBACK, /* this machine only: 127.0.0.0/8, [::1], localhost */
    MLY_SCHEME_FILE
};

struct mly_url {
    enum mly_scheme scheme;
    bool is_loopback;             /* the host is this machine, whatever the scheme; false of a file address */
    char text[MLY_LIMIT_ADDRESS]; /* as given, without slashes at its end; of a file address the absolute folder */
};

/* Per cent escapes are decoded in file addresses only. `name` is the option's, for the message. MLY_E_ARG: another
 * scheme, plain http to another machine, user names, queries, fragments, white space, or too long. The message does not
 * repeat the address: it may hold a secret. */
enum mly_status mly_url_parse(const char *name, const char *text, struct mly_url *out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
