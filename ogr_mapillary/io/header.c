/* SPDX-License-Identifier: MIT */
#include "header.h"

#include <ctype.h>
#include <stdio.h>

#include "pace.h"

/* What stands behind `name`, which ends with a colon; NULL data when the line is another header's. */
static struct mly_span value_of(struct mly_span line, const char *name)
{
    size_t at = 0;
    for (; name[at]; at++) {
        if (at == line.size || tolower(line.data[at]) != name[at])
            return (struct mly_span){.data = NULL};
    }
    while (at < line.size && line.data[at] == ' ')
        at++;
    return (struct mly_span){.data = line.data + at, .size = line.size - at};
}

/* Seconds; the form with a date is left alone, the growing delay serves. */
static uint32_t read_seconds(struct mly_span value)
{
    enum { LONGEST_S = 4000000 }; /* 46 days: in milliseconds they fit 32 bits, and nobody waits so long */
    uint32_t seconds = 0;
    for (size_t i = 0; i < value.size && isdigit(value.data[i]) && seconds < LONGEST_S / 10; i++)
        seconds = seconds * 10 + (uint32_t)(value.data[i] - '0');
    return seconds;
}

static bool ends_line(uint8_t c)
{
    return c == '\n' || c == '\r';
}

/* Keeps the header line that asks about this answer later. */
static void keep_validator(struct mly_response *response, const char *name, struct mly_span value)
{
    char *validator = response->validator;
    while (value.size > 0 && ends_line(value.data[value.size - 1]))
        value.size--;
    const int size = value.size < MLY_LIMIT_VALIDATOR ? (int)value.size : MLY_LIMIT_VALIDATOR;
    const int n = snprintf(validator, MLY_LIMIT_VALIDATOR, "%s: %.*s", name, size, (const char *)value.data);
    if (n < 0 || n >= MLY_LIMIT_VALIDATOR || !mly_transport_is_validator(validator))
        validator[0] = '\0';
}

void mly_header_read(struct mly_span line, struct mly_response *response)
{
    const struct mly_span delay = value_of(line, "retry-after:");
    const struct mly_span usage = value_of(line, "x-app-usage:");
    const struct mly_span etag = value_of(line, "etag:");
    const struct mly_span modified = value_of(line, "last-modified:");
    if (delay.data)
        response->retry_after_ms = read_seconds(delay) * 1000;
    if (usage.data)
        response->usage = mly_pace_read_usage(usage);
    if (etag.data) /* the sharper one, see RFC 9110, 13.1.3 */
        keep_validator(response, "If-None-Match", etag);
    if (modified.data && !response->validator[0])
        keep_validator(response, "If-Modified-Since", modified);
}
