/* SPDX-License-Identifier: MIT */
#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum mly_status mly_fail(struct mly_error *err, enum mly_status code, const char *format, ...)
{
    if (!err)
        return code;

    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    err->code = code;
    return code;
}

static void append(struct mly_error *err, const char *text)
{
    const size_t used = strlen(err->text), room = sizeof err->text - 1 - used;
    const size_t n = strlen(text) < room ? strlen(text) : room;
    memcpy(err->text + used, text, n);
    err->text[used + n] = '\0';
}

enum mly_status mly_wrap(struct mly_error *err, enum mly_status code, const char *format, ...)
{
    if (!err)
        return code;

    const struct mly_error inner = *err;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    append(err, ": ");
    append(err, inner.text);
    err->code = code;
    return code;
}

const char *mly_status_name(enum mly_status status)
{
    static const struct {
        enum mly_status status;
        const char *name;
    } names[] = {
        {MLY_OK, "ok"},
        {MLY_AGAIN, "again"},
        {MLY_DONE, "done"},
        {MLY_E_NOMEM, "out of memory"},
        {MLY_E_ARG, "bad argument"},
        {MLY_E_LIMIT, "limit reached"},
        {MLY_E_CORRUPT, "corrupt data"},
        {MLY_E_NETWORK, "network failure"},
        {MLY_E_AUTH, "not authorised"},
        {MLY_E_QUOTA, "throttled"},
        {MLY_E_REMOTE, "service failure"},
        {MLY_E_IO, "input or output failure"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].status == status)
            return names[i].name;
    }
    return "unknown";
}
