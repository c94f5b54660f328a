/* SPDX-License-Identifier: MIT */
#include "entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/transport.h"
#include "hash.h"

/* Where the fields of the head begin; see the table in the header. */
enum {
    AT_MAGIC = 0,
    AT_HEAD_HASH = 8,
    AT_BODY_HASH = 16,
    AT_FETCHED = 24,
    AT_LENGTH = 32,
    AT_HTTP = 36,
    AT_SCOPE_LENGTH = 38,
    AT_KEY_LENGTH = 40,
    AT_VALIDATOR = 48,
    AT_TEXTS = AT_VALIDATOR + MLY_LIMIT_VALIDATOR
};

/* As in PNG: the line ends and the end-of-file of old systems show a copy that was made as text. */
enum { VERSION = 2 };
static const uint8_t magic[8] = {'M', 'L', 'Y', 'C', '\r', '\n', 0x1a, VERSION};
static const char entry_suffix[] = ".mlyc", temporary_suffix[] = ".mlyt";
enum { FILE_DIGITS = 16, FOLDER_DIGITS = 2 };

static const int64_t last_ms = INT64_C(253402300799999); /* the end of the year 9999, where calendars end */

static void put(uint8_t *at, int n_bytes, uint64_t value)
{
    for (int i = 0; i < n_bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *at, int n_bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < n_bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static bool is_plain_text(const char *text, size_t limit)
{
    size_t n = 0;
    for (; text[n]; n++) {
        if ((unsigned char)text[n] < ' ' || text[n] == 0x7f || n + 1 >= limit)
            return false;
    }
    return n > 0;
}

bool mly_entry_is_name(const struct mly_entry_name *name)
{
    return is_plain_text(name->scope, MLY_LIMIT_ADDRESS) && is_plain_text(name->key, MLY_LIMIT_KEY) &&
           name->key[0] != '/' && !strstr(name->key, "..");
}

/* Scope and key, one behind the other. */
static size_t copy_texts(const struct mly_entry_name *name, uint8_t *to)
{
    const size_t n_scope = strlen(name->scope), n_key = strlen(name->key);
    memcpy(to, name->scope, n_scope);
    memcpy(to + n_scope, name->key, n_key);
    return n_scope + n_key;
}

/* Files of another version have other names, so that programs of different age do not throw out each other's. */
uint64_t mly_entry_hash(const struct mly_entry_name *name)
{
    uint8_t text[MLY_LIMIT_ADDRESS + MLY_LIMIT_KEY + 4];
    put(text, 2, VERSION);
    put(text + 2, 2, strlen(name->scope)); /* "ab" and "c" are not "a" and "bc" */
    const size_t n_texts = copy_texts(name, text + 4);
    return mly_hash_bytes((struct mly_span){.data = text, .size = 4 + n_texts});
}

void mly_entry_print_folder(uint64_t hash, char folder[MLY_ENTRY_FOLDER])
{
    (void)snprintf(folder, MLY_ENTRY_FOLDER, "%02x", (unsigned)(hash >> 56));
}

void mly_entry_print_file(uint64_t hash, char file[MLY_ENTRY_FILE])
{
    (void)snprintf(file, MLY_ENTRY_FILE, "%016" PRIx64 "%s", hash, entry_suffix);
}

void mly_entry_print_temporary(uint64_t number, char file[MLY_ENTRY_FILE])
{
    (void)snprintf(file, MLY_ENTRY_FILE, "%016" PRIx64 "%s", number, temporary_suffix);
}

static bool parse(const char *text, int n_digits, const char *suffix, uint64_t *out)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;
    for (int i = 0; i < n_digits; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *out = value;
    return strcmp(text + n_digits, suffix) == 0;
}

bool mly_entry_parse_folder(const char *text, uint64_t *number)
{
    return parse(text, FOLDER_DIGITS, "", number);
}

bool mly_entry_parse_file(const char *text, uint64_t *hash)
{
    return parse(text, FILE_DIGITS, entry_suffix, hash);
}

bool mly_entry_parse_temporary(const char *text, uint64_t *number)
{
    return parse(text, FILE_DIGITS, temporary_suffix, number);
}

size_t mly_entry_head_size(const struct mly_entry_name *name)
{
    return AT_TEXTS + strlen(name->scope) + strlen(name->key);
}

static uint64_t hash_head(const uint8_t *head, size_t n_head)
{
    return mly_hash_bytes((struct mly_span){.data = head + AT_BODY_HASH, .size = n_head - AT_BODY_HASH});
}

void mly_entry_write_head(const struct mly_entry_name *name, const struct mly_entry *entry,
                          uint8_t head[MLY_ENTRY_HEAD])
{
    memset(head, 0, AT_TEXTS);
    memcpy(head + AT_MAGIC, magic, sizeof magic);
    put(head + AT_BODY_HASH, 8, entry->body_hash);
    put(head + AT_FETCHED, 8, (uint64_t)entry->fetched_ms);
    put(head + AT_LENGTH, 4, entry->n_bytes);
    put(head + AT_HTTP, 2, (uint64_t)entry->http);
    put(head + AT_SCOPE_LENGTH, 2, strlen(name->scope));
    put(head + AT_KEY_LENGTH, 2, strlen(name->key));
    memcpy(head + AT_VALIDATOR, entry->validator, strlen(entry->validator));
    const size_t n_texts = copy_texts(name, head + AT_TEXTS);
    put(head + AT_HEAD_HASH, 8, hash_head(head, AT_TEXTS + n_texts));
}

bool mly_entry_read_head(const struct mly_entry_name *name, const uint8_t *head, struct mly_entry *out)
{
    const size_t n_scope = strlen(name->scope), n_key = strlen(name->key);
    if (memcmp(head + AT_MAGIC, magic, sizeof magic) != 0 || get(head + AT_SCOPE_LENGTH, 2) != n_scope ||
        get(head + AT_KEY_LENGTH, 2) != n_key ||
        get(head + AT_HEAD_HASH, 8) != hash_head(head, AT_TEXTS + n_scope + n_key) ||
        memcmp(head + AT_TEXTS, name->scope, n_scope) != 0 || memcmp(head + AT_TEXTS + n_scope, name->key, n_key) != 0)
        return false;

    const uint64_t fetched_ms = get(head + AT_FETCHED, 8), http = get(head + AT_HTTP, 2);
    if (fetched_ms > (uint64_t)last_ms || http < 100 || http > 999) /* whole, and yet not written by this code */
        return false;
    *out = (struct mly_entry){
        .http = (int)http,
        .fetched_ms = (int64_t)fetched_ms,
        .n_bytes = get(head + AT_LENGTH, 4),
        .body_hash = get(head + AT_BODY_HASH, 8),
    };
    memcpy(out->validator, head + AT_VALIDATOR, sizeof out->validator);
    out->validator[sizeof out->validator - 1] = '\0';
    if (!mly_transport_is_validator(out->validator))
        out->validator[0] = '\0';
    return true;
}
