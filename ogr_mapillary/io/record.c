/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Digits up to a space, which is taken too. False: there are none, or more than a time has. */
static bool read_time(struct mly_span *rest, int64_t *out)
{
    enum { MOST_DIGITS = 15 }; /* the year 33658 */
    size_t n = 0;
    int64_t time = 0;
    for (; n < rest->size && n <= MOST_DIGITS && rest->data[n] >= '0' && rest->data[n] <= '9'; n++)
        time = time * 10 + (rest->data[n] - '0');
    if (n == 0 || n > MOST_DIGITS || n == rest->size || rest->data[n] != ' ')
        return false;
    *out = time;
    *rest = (struct mly_span){.data = rest->data + n + 1, .size = rest->size - n - 1};
    return true;
}

/* The bytes up to `end`, which is taken too. */
static bool read_until(struct mly_span *rest, uint8_t end, struct mly_span *out)
{
    const uint8_t *found = rest->size ? memchr(rest->data, end, rest->size) : NULL;
    if (!found)
        return false;
    const size_t n = (size_t)(found - rest->data);
    *out = (struct mly_span){.data = rest->data, .size = n};
    *rest = (struct mly_span){.data = found + 1, .size = rest->size - n - 1};
    return true;
}

enum mly_status mly_record_next(struct mly_span *rest, struct mly_record_field *out)
{
    struct mly_span line;
    if (rest->size == 0)
        return MLY_DONE;
    if (!read_until(rest, '\n', &line) || !read_time(&line, &out->fetched_ms) || !read_time(&line, &out->expires_ms) ||
        !read_until(&line, ' ', &out->name) || out->name.size == 0)
        return MLY_E_CORRUPT;
    out->json = line;
    return MLY_OK;
}

enum mly_status mly_record_find(struct mly_span record, struct mly_span name, struct mly_record_field *out)
{
    while (mly_record_next(&record, out) == MLY_OK) {
        if (out->name.size == name.size && memcmp(out->name.data, name.data, name.size) == 0)
            return MLY_OK;
    }
    return MLY_DONE;
}

static bool has_byte(struct mly_span text, uint8_t byte)
{
    return text.size > 0 && memchr(text.data, byte, text.size) != NULL;
}

static enum mly_status append_span(struct mly_buf *record, struct mly_span text)
{
    return mly_buf_append(record, text.data, text.size);
}

enum mly_status mly_record_append(struct mly_buf *record, const struct mly_record_field *field)
{
    char times[48];
    if (field->fetched_ms < 0 || field->expires_ms < 0 || field->name.size == 0 || has_byte(field->name, ' ') ||
        has_byte(field->name, '\n') || has_byte(field->json, '\n'))
        return MLY_E_ARG;
    const int n = snprintf(times, sizeof times, "%" PRId64 " %" PRId64 " ", field->fetched_ms, field->expires_ms);
    const size_t before = record->size;
    enum mly_status status = mly_buf_append(record, times, (size_t)n);
    if (status == MLY_OK)
        status = append_span(record, field->name);
    if (status == MLY_OK)
        status = mly_buf_append(record, " ", 1);
    if (status == MLY_OK)
        status = append_span(record, field->json);
    if (status == MLY_OK)
        status = mly_buf_append(record, "\n", 1);
    if (status < 0)
        record->size = before;
    return status;
}

bool mly_record_next_name(const char **list, struct mly_span *out)
{
    const size_t n = strcspn(*list, ",");
    *out = (struct mly_span){.data = (const uint8_t *)*list, .size = n};
    *list += n + ((*list)[n] == ',');
    return n > 0;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Seconds are 32 bits wide until 2106. */
static int64_t read_hex(struct mly_span text)
{
    enum { MOST_DIGITS = 9 };
    int64_t value = 0;
    for (size_t i = 0; i < text.size && i < MOST_DIGITS && hex_digit(text.data[i]) >= 0; i++)
        value = value * 16 + hex_digit(text.data[i]);
    return value;
}

int64_t mly_record_expiry(struct mly_span json)
{
    static const char name[] = "oe=";
    const size_t n = strlen(name);
    int64_t first_ms = 0;
    for (size_t i = 1; i + n <= json.size; i++) {
        if ((json.data[i - 1] != '?' && json.data[i - 1] != '&') || memcmp(json.data + i, name, n) != 0)
            continue;
        const int64_t ms = 1000 * read_hex((struct mly_span){.data = json.data + i + n, .size = json.size - i - n});
        if (ms > 0 && (first_ms == 0 || ms < first_ms))
            first_ms = ms;
    }
    return first_ms;
}
