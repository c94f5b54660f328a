/* SPDX-License-Identifier: MIT */
#include "value.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct mly_value null_value = {.type = MLY_NULL};

/* 2^63 is the first double beyond int64_t. Its negative is inside, but text beyond it reads as the same double. */
static const double int64_end = 9223372036854775808.0;

static struct mly_value integer(enum mly_type type, int64_t i)
{
    return (struct mly_value){.as.i = i, .type = type};
}

static struct mly_value from_real(double r)
{
    return isfinite(r) ? (struct mly_value){.as.r = r, .type = MLY_REAL} : null_value;
}

static bool word_is(struct mly_value raw, const char *word)
{
    return raw.n_bytes == strlen(word) && memcmp(raw.as.text, word, raw.n_bytes) == 0;
}

/* Replaces the first `from` by `to`: C writes and reads decimal points as the host program's locale has them. */
static void change_point(char *text, size_t size, const char *from, const char *to)
{
    char *found = strstr(text, from);
    const size_t n_from = strlen(from), n_to = strlen(to);
    if (!found || strlen(text) - n_from + n_to >= size)
        return;
    memmove(found + n_to, found + n_from, strlen(found + n_from) + 1);
    memcpy(found, to, n_to); // NOLINT(bugprone-not-null-terminated-result): the text behind it is terminated
}

/* `text` has room for MLY_VALUE_SCRATCH + 4 bytes. */
static struct mly_value real_of_text(char *text)
{
    char *end = NULL;
    change_point(text, MLY_VALUE_SCRATCH + 4, ".", localeconv()->decimal_point);
    const double r = strtod(text, &end);
    return *end == '\0' ? from_real(r) : null_value;
}

/* Decimal text as a number: whole, or else real. Ids have more digits than a double holds, so whole ones come first. */
static struct mly_value number_of_text(struct mly_value raw)
{
    char text[MLY_VALUE_SCRATCH + 4];
    if (raw.n_bytes == 0 || raw.n_bytes >= MLY_VALUE_SCRATCH)
        return null_value;
    memcpy(text, raw.as.text, raw.n_bytes);
    text[raw.n_bytes] = '\0';
    if (strspn(text, "+-.0123456789eE") != raw.n_bytes) /* keeps out hexadecimal, "nan", "inf" and white space */
        return null_value;

    char *end = NULL;
    errno = 0;
    const long long i = strtoll(text, &end, 10);
    if (end == text + raw.n_bytes && errno == 0)
        return integer(MLY_INT, i);
    return real_of_text(text);
}

static struct mly_value as_number(struct mly_value raw)
{
    switch (raw.type) {
    case MLY_TEXT:
        return number_of_text(raw);
    case MLY_BOOL:
    case MLY_TIME:
        return integer(MLY_INT, raw.as.i);
    case MLY_REAL:
        return from_real(raw.as.r);
    case MLY_INT:
        return raw;
    default:
        return null_value;
    }
}

static struct mly_value as_integer(struct mly_value raw)
{
    const struct mly_value number = as_number(raw);
    if (number.type != MLY_REAL)
        return number;
    if (number.as.r <= -int64_end || number.as.r >= int64_end || number.as.r != floor(number.as.r))
        return null_value;
    return integer(MLY_INT, (int64_t)number.as.r);
}

static struct mly_value as_real(struct mly_value raw)
{
    const struct mly_value number = as_number(raw);
    return number.type == MLY_INT ? from_real((double)number.as.i) : number;
}

static struct mly_value as_bool(struct mly_value raw)
{
    if (raw.type == MLY_TEXT && word_is(raw, "true"))
        return integer(MLY_BOOL, 1);
    if (raw.type == MLY_TEXT && word_is(raw, "false"))
        return integer(MLY_BOOL, 0);
    const struct mly_value number = as_real(raw);
    return number.type == MLY_NULL ? number : integer(MLY_BOOL, number.as.r < 0.0 || number.as.r > 0.0);
}

/* Reads just so many digits. False: they are not there, or the number is not within the range. */
static bool take_number(const char **at, const char *end, size_t n_digits, int64_t low, int64_t high, int64_t *out)
{
    int64_t value = 0;
    for (size_t i = 0; i < n_digits; i++) {
        if (*at == end || **at < '0' || **at > '9')
            return false;
        value = value * 10 + (*(*at)++ - '0');
    }
    *out = value;
    return value >= low && value <= high;
}

static bool take_char(const char **at, const char *end, char c)
{
    if (*at == end || **at != c)
        return false;
    (*at)++;
    return true;
}

/* Days from 1970-01-01 in the Gregorian calendar, for years from 0 on: years begin in March, so that a leap day is the
 * last day of its year, and 400 of them have 146097 days. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

/* "Z", "+0000", "+00:00" or nothing: minutes east of Greenwich. */
static bool take_zone(const char **at, const char *end, int64_t *minutes)
{
    int64_t hour = 0, minute = 0;
    *minutes = 0;
    if (*at == end || take_char(at, end, 'Z'))
        return true;
    const bool west = **at == '-';
    if (!take_char(at, end, '+') && !take_char(at, end, '-'))
        return false;
    if (!take_number(at, end, 2, 0, 14, &hour))
        return false;
    (void)take_char(at, end, ':');
    if (!take_number(at, end, 2, 0, 59, &minute))
        return false;
    *minutes = (west ? -1 : 1) * (hour * 60 + minute);
    return true;
}

/* Milliseconds behind the point; what is finer is dropped. Nothing there is 0. */
static bool take_fraction(const char **at, const char *end, int64_t *out)
{
    *out = 0;
    if (!take_char(at, end, '.'))
        return true;
    int64_t unit = 100;
    const char *start = *at;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
        *out += (**at - '0') * unit;
        unit /= 10;
    }
    return *at > start;
}

/* The Graph's times: 2017-08-23T21:32:26+0000 (API.md 2.1); fractions of a second may follow. */
static struct mly_value time_of_text(struct mly_value raw)
{
    static const struct {
        size_t digits;
        int64_t low, high;
        char after;
    } parts[] = {{4, 0, 9999, '-'}, {2, 1, 12, '-'}, {2, 1, 31, 'T'}, {2, 0, 23, ':'}, {2, 0, 59, ':'}, {2, 0, 60, 0}};
    enum { N_PARTS = sizeof parts / sizeof parts[0] };
    if (raw.n_bytes == 0) /* an empty text need not be anywhere */
        return null_value;
    const char *at = raw.as.text, *end = at + raw.n_bytes;
    int64_t v[N_PARTS], fraction = 0, zone = 0;
    for (size_t i = 0; i < N_PARTS; i++) {
        if (!take_number(&at, end, parts[i].digits, parts[i].low, parts[i].high, &v[i]) ||
            (parts[i].after && !take_char(&at, end, parts[i].after)))
            return null_value;
    }
    if (!take_fraction(&at, end, &fraction) || !take_zone(&at, end, &zone) || at != end)
        return null_value;
    if (v[2] > days_since_1970(v[0] + v[1] / 12, v[1] % 12 + 1, 1) - days_since_1970(v[0], v[1], 1))
        return null_value; /* the month has not so many days */
    const int64_t minutes = (days_since_1970(v[0], v[1], v[2]) * 24 + v[3]) * 60 + v[4] - zone;
    return integer(MLY_INT, (minutes * 60 + v[5]) * 1000 + fraction);
}

/* API.md 1.2: captured_at may be 0, and years such as 318857 were seen; neither is a time. */
static struct mly_value time_of_whole(struct mly_value whole)
{
    const bool is_time = whole.type != MLY_NULL && whole.as.i > 0 && whole.as.i <= MLY_TIME_MAX;
    return is_time ? integer(MLY_TIME, whole.as.i) : null_value;
}

static struct mly_value as_time(struct mly_value raw)
{
    const struct mly_value whole = as_integer(raw);
    return time_of_whole(whole.type == MLY_NULL && raw.type == MLY_TEXT ? time_of_text(raw) : whole);
}

static struct mly_value as_text(struct mly_value raw, char scratch[MLY_VALUE_SCRATCH])
{
    if (raw.type == MLY_TEXT)
        return raw.n_bytes ? raw : null_value;

    int n = 0;
    if (raw.type == MLY_BOOL)
        n = snprintf(scratch, MLY_VALUE_SCRATCH, "%s", raw.as.i ? "true" : "false");
    else if (raw.type == MLY_REAL && isfinite(raw.as.r))
        n = snprintf(scratch, MLY_VALUE_SCRATCH, "%.17g", raw.as.r);
    else if (raw.type == MLY_INT || raw.type == MLY_TIME)
        n = snprintf(scratch, MLY_VALUE_SCRATCH, "%" PRId64, raw.as.i);
    if (n <= 0)
        return null_value;
    change_point(scratch, MLY_VALUE_SCRATCH, localeconv()->decimal_point, ".");
    return (struct mly_value){.as.text = scratch, .n_bytes = (uint32_t)strlen(scratch), .type = MLY_TEXT};
}

struct mly_value mly_value_coerce(enum mly_type want, struct mly_value raw, char scratch[MLY_VALUE_SCRATCH])
{
    if (raw.type == MLY_NULL)
        return raw;
    switch (want) {
    case MLY_BOOL:
        return as_bool(raw);
    case MLY_INT:
        return as_integer(raw);
    case MLY_REAL:
        return as_real(raw);
    case MLY_TEXT:
        return as_text(raw, scratch);
    case MLY_TIME:
        return as_time(raw);
    case MLY_INTS:
    case MLY_REALS:
        return raw.type == want ? raw : null_value;
    case MLY_NULL:
        break;
    }
    return null_value;
}

int64_t mly_value_hash(int64_t seed, const void *text, size_t n)
{
    const unsigned char *bytes = text;
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)seed;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return (int64_t)(hash & INT64_MAX);
}
