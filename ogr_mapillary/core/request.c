/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum mly_status check_fit(const struct mly_request *request, int n_key, int n_url, struct mly_error *err)
{
    if (n_key < 0 || (size_t)n_key >= sizeof request->key || n_url < 0 || (size_t)n_url >= sizeof request->url)
        return mly_fail(err, MLY_E_LIMIT, "the address of the service is too long; set a shorter one");
    return MLY_OK;
}

enum mly_status mly_request_tile(const char *service, const char *tileset, struct mly_tile tile,
                                 struct mly_request *out, struct mly_error *err)
{
    *out = (struct mly_request){.kind = MLY_REQUEST_TILE, .max_bytes = MLY_LIMIT_BODY};
    const int n_key = snprintf(out->key, sizeof out->key, "%s/%u/%u/%u", tileset, tile.z, tile.x, tile.y);
    const int n_url = snprintf(out->url, sizeof out->url, "%s/maps/vtp/%s/2/%u/%u/%u", service, tileset, tile.z, tile.x,
                               tile.y);
    return check_fit(out, n_key, n_url, err);
}

enum mly_status mly_request_detections(const char *service, int64_t owner_id, struct mly_request *out,
                                       struct mly_error *err)
{
    *out = (struct mly_request){.kind = MLY_REQUEST_GRAPH, .max_bytes = MLY_LIMIT_JSON};
    const int n_key = snprintf(out->key, sizeof out->key, "%" PRId64 "/detections", owner_id);
    const int n_url = snprintf(out->url, sizeof out->url,
                               "%s/%" PRId64 "/detections?fields=created_at,geometry,image,value", service, owner_id);
    return check_fit(out, n_key, n_url, err);
}

/* ---- entities ---- */

/* An address while it is written: what does not fit is not cut but remembered. */
struct text {
    char *at;
    size_t size, n;
    bool is_full;
};

static void put(struct text *text, const char *from, size_t n)
{
    if (n >= text->size - text->n) {
        text->is_full = true;
        return;
    }
    memcpy(text->at + text->n, from, n);
    text->n += n;
    text->at[text->n] = '\0';
}

/* Whether the list, with commas, has this element. */
static bool is_listed(const char *list, const char *name, size_t n)
{
    while (*list) {
        const size_t length = strcspn(list, ",");
        if (length == n && memcmp(list, name, n) == 0)
            return true;
        list += length + (list[length] == ',');
    }
    return false;
}

/* The field that a place in the answer is asked for by: creator brings creator.id and creator.username. The list of
 * fields begins at `first`. */
static void put_field(struct text *url, size_t first, const char *place)
{
    const size_t n = strcspn(place, ".");
    if (is_listed(url->at + first, place, n))
        return;
    if (url->n > first)
        put(url, ",", 1);
    put(url, place, n);
}

static void put_fields(struct text *url, const struct mly_layer *layer, uint64_t columns, const char *geometry,
                       bool with_kind)
{
    const size_t first = url->n;
    for (uint32_t i = 0; i < layer->n_columns; i++) {
        const char *place = layer->columns[i].graph;
        if (place && (columns >> i & 1) && strcmp(place, "id") != 0) /* which always comes, see API.md 2.1 */
            put_field(url, first, place);
    }
    if (geometry)
        put_field(url, first, geometry);
    if (with_kind && (layer->entity == MLY_ENTITY_MAP_FEATURE || layer->entity == MLY_ENTITY_SIGN))
        put_field(url, first, "object_type");
    if (url->n == first)
        put_field(url, first, "id");
}

static const char ids_mark[] = "/?ids=", fields_mark[] = "&fields=";

static void put_ids(struct text *url, const int64_t *ids, uint32_t n_ids)
{
    char digits[MLY_VALUE_SCRATCH];
    for (uint32_t i = 0; i < n_ids; i++) {
        const int n = snprintf(digits, sizeof digits, "%s%" PRId64, i ? "," : "", ids[i]);
        put(url, digits, (size_t)n);
    }
}

static enum mly_status check_batch(uint32_t n_ids, struct mly_error *err)
{
    if (n_ids == 0 || n_ids > MLY_LIMIT_BATCH)
        return mly_fail(err, MLY_E_ARG, "a request is about 1 to %d entities, not %u", MLY_LIMIT_BATCH, n_ids);
    return MLY_OK;
}

/* The key, once the address is complete. */
static enum mly_status finish_entities(struct mly_request *out, const struct text *url, const int64_t *ids,
                                       uint32_t n_ids, struct mly_error *err)
{
    int n_key = snprintf(out->key, sizeof out->key, "entities/%" PRId64, ids[0]);
    if (n_ids > 1)
        n_key = snprintf(out->key, sizeof out->key, "entities/%" PRId64 "+%u", ids[0], n_ids - 1);
    return check_fit(out, n_key, url->is_full ? -1 : (int)url->n, err);
}

enum mly_status mly_request_entities(const char *service, const struct mly_layer *layer, const int64_t *ids,
                                     uint32_t n_ids, uint64_t columns, const char *geometry, bool with_kind,
                                     struct mly_request *out, struct mly_error *err)
{
    *out = (struct mly_request){.kind = MLY_REQUEST_GRAPH, .max_bytes = MLY_LIMIT_JSON};
    struct text url = {.at = out->url, .size = sizeof out->url};
    MLY_TRY(check_batch(n_ids, err));
    put(&url, service, strlen(service));
    put(&url, ids_mark, strlen(ids_mark));
    put_ids(&url, ids, n_ids);
    put(&url, fields_mark, strlen(fields_mark));
    put_fields(&url, layer, columns, geometry, with_kind);
    return finish_entities(out, &url, ids, n_ids, err);
}

/* Where the list of ids begins; NULL in other requests. No service's address has a question mark. */
static const char *ids_of(const struct mly_request *request)
{
    const char *at = request->kind == MLY_REQUEST_GRAPH ? strchr(request->url, '?') : NULL;
    if (!at || at == request->url || strncmp(at - 1, ids_mark, strlen(ids_mark)) != 0)
        return NULL;
    return at - 1 + strlen(ids_mark);
}

uint32_t mly_request_read_entities(const struct mly_request *request, int64_t ids[MLY_LIMIT_BATCH], const char **fields)
{
    const char *at = ids_of(request);
    uint32_t n = 0;
    while (at && n < MLY_LIMIT_BATCH) {
        char *end = NULL;
        ids[n++] = strtoll(at, &end, 10);
        at = end;
        if (*at != ',')
            break;
        at++;
    }
    if (!at || strncmp(at, fields_mark, strlen(fields_mark)) != 0)
        return 0;
    *fields = at + strlen(fields_mark);
    return n;
}

enum mly_status mly_request_narrow(const struct mly_request *request, const int64_t *ids, uint32_t n_ids,
                                   struct mly_request *out, struct mly_error *err)
{
    int64_t all[MLY_LIMIT_BATCH];
    const char *fields = NULL;
    MLY_TRY(check_batch(n_ids, err));
    if (mly_request_read_entities(request, all, &fields) == 0)
        return mly_fail(err, MLY_E_ARG, "no request for entities");
    *out = *request;
    struct text url = {.at = out->url, .size = sizeof out->url, .n = (size_t)(ids_of(request) - request->url)};
    put_ids(&url, ids, n_ids);
    put(&url, fields_mark, strlen(fields_mark));
    put(&url, fields, strlen(fields));
    return finish_entities(out, &url, ids, n_ids, err);
}

/* ---- names ---- */

enum {
    ESCAPED = 3 * MLY_LIMIT_NAME + 1,
    HASH_DIGITS = 16,
    KEY_NAME = 56, /* of a name in a key: keys of real sequences have 22 characters, user names up to 30 */
    KEY_START = KEY_NAME - 1 - HASH_DIGITS
};

/* Starts the mark of a page in a key, and the hash in one that is too long: escaped names do not hold it. */
static const char page_mark[] = "/page#";

/* RFC 3986, 2.1 and 2.3. `no_path`: no two dots stand side by side, as keys must not look like paths. */
static void escape(struct mly_span name, bool no_path, char to[ESCAPED])
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    char *at = to;
    for (size_t i = 0; i < name.size; i++) {
        const char c = (char)name.data[i];
        const bool is_second_dot = no_path && c == '.' && at > to && at[-1] == '.';
        if (c && strchr(plain, c) && !is_second_dot)
            *at++ = c;
        else
            at += snprintf(at, 4, "%%%02X", (unsigned)name.data[i]);
    }
    *at = '\0';
}

/* A name as it stands in a key: whole, or its beginning and a hash. */
static void print_key_name(struct mly_span name, char to[KEY_NAME + 1])
{
    char escaped[ESCAPED];
    escape(name, true, escaped);
    if (strlen(escaped) <= KEY_NAME)
        memcpy(to, escaped, strlen(escaped) + 1);
    else
        (void)snprintf(to, KEY_NAME + 1, "%.*s#%016" PRIx64, KEY_START, escaped,
                       mly_value_hash(0, name.data, name.size));
}

/* What can be asked about a name. */
struct question {
    const char *what, *folder, *before, *behind; /* in messages; of the key; of the address */
};

static enum mly_status ask(const struct question *question, const char *service, struct mly_span name,
                           struct mly_request *out, struct mly_error *err)
{
    char escaped[ESCAPED], key_name[KEY_NAME + 1];
    *out = (struct mly_request){.kind = MLY_REQUEST_GRAPH, .max_bytes = MLY_LIMIT_JSON};
    if (name.size == 0 || name.size > MLY_LIMIT_NAME)
        return mly_fail(err, MLY_E_ARG, "%s has 1 to %d bytes, not %zu; correct the attribute filter", question->what,
                        MLY_LIMIT_NAME, name.size);
    escape(name, false, escaped);
    print_key_name(name, key_name);
    const int n_key = snprintf(out->key, sizeof out->key, "%s/%s", question->folder, key_name);
    const int n_url = snprintf(out->url, sizeof out->url, "%s%s%s%s", service, question->before, escaped,
                               question->behind);
    return check_fit(out, n_key, n_url, err);
}

enum mly_status mly_request_image_ids(const char *service, struct mly_span sequence, struct mly_request *out,
                                      struct mly_error *err)
{
    static const struct question question = {"a sequence key", "image_ids", "/image_ids?sequence_id=", ""};
    return ask(&question, service, sequence, out, err);
}

enum mly_status mly_request_creator(const char *service, struct mly_span name, struct mly_request *out,
                                    struct mly_error *err)
{
    static const struct question question = {"a user name", "creator",
                                             "/images?creator_username=", "&fields=creator&limit=1"};
    return ask(&question, service, name, out, err);
}

enum mly_status mly_request_images_of_creator(const char *service, struct mly_span name, struct mly_request *out,
                                              struct mly_error *err)
{
    static const struct question question = {"a user name", "images/creator",
                                             "/images?creator_username=", "&fields=id&limit=2000"};
    _Static_assert(MLY_LIMIT_PAGE == 2000, "as the question has it");
    return ask(&question, service, name, out, err);
}

enum mly_status mly_request_images_of_organization(const char *service, int64_t id, struct mly_request *out,
                                                   struct mly_error *err)
{
    *out = (struct mly_request){.kind = MLY_REQUEST_GRAPH, .max_bytes = MLY_LIMIT_JSON};
    const int n_key = snprintf(out->key, sizeof out->key, "images/organization/%" PRId64, id);
    const int n_url = snprintf(out->url, sizeof out->url, "%s/images?organization_id=%" PRId64 "&fields=id&limit=%d",
                               service, id, MLY_LIMIT_PAGE);
    return check_fit(out, n_key, n_url, err);
}

/* ---- pages ---- */

static char to_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Scheme and host are the same in any letter case; nothing else is. */
static bool begins_with(const char *text, const char *service)
{
    const char *host = strstr(service, "://");
    const size_t n_any_case = host ? (size_t)(host - service) + 3 + strcspn(host + 3, "/") : 0;
    for (size_t i = 0; service[i]; i++) {
        const bool is_same = i < n_any_case ? to_lower(text[i]) == to_lower(service[i]) : text[i] == service[i];
        if (!is_same)
            return false;
    }
    return true;
}

static const char image_search[] = "/images?";

/* The query of an address that is one of the service's pages, terminated like it; NULL if it is another. */
static const char *query_of(const char *service, const char *url)
{
    if (!begins_with(url, service) || strncmp(url + strlen(service), image_search, strlen(image_search)) != 0)
        return NULL;
    for (const char *c = url; *c; c++) {
        if (*c <= ' ' || *c >= 0x7f || *c == '#')
            return NULL;
    }
    return url + strlen(service) + strlen(image_search);
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, to_lower(c)) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* Whether a parameter's name means access_token, in any spelling. */
static bool is_token(const char *parameter, size_t n)
{
    static const char name[] = "access_token";
    size_t at = 0;
    for (size_t i = 0; i < n && parameter[i] != '='; i++) {
        char c = parameter[i];
        const int high = c == '%' && n - i > 2 ? hex_digit(parameter[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(parameter[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (at == sizeof name - 1 || to_lower(c) != name[at++])
            return false;
    }
    return at == sizeof name - 1;
}

/* Appends the parameters but for tokens. Some services take ; for &. */
static void put_query(struct text *url, const char *query)
{
    const size_t first = url->n;
    const char *separator = "";
    while (*query) {
        const size_t n = strcspn(query, "&;");
        if (n > 0 && !is_token(query, n)) {
            if (url->n > first)
                put(url, separator, 1);
            put(url, query, n);
        }
        separator = query + n;
        query += n + (query[n] != '\0');
    }
}

/* Each page's key is made from the one before it, so that no two pages of a list share one. `query` is without tokens.
 */
static void print_page_key(const char *previous, const char *query, char to[MLY_LIMIT_KEY])
{
    enum { ROOM = MLY_LIMIT_KEY - sizeof page_mark - HASH_DIGITS };
    const char *mark = strstr(previous, page_mark);
    const size_t n = mark ? (size_t)(mark - previous) : strlen(previous);
    const int64_t hash = mly_value_hash(mly_value_hash(0, previous, strlen(previous)), query, strlen(query));
    (void)snprintf(to, MLY_LIMIT_KEY, "%.*s%s%016" PRIx64, (int)(n < ROOM ? n : ROOM), previous, page_mark, hash);
}

enum mly_status mly_request_page(const char *service, struct mly_span next, const struct mly_request *previous,
                                 struct mly_request *out, struct mly_error *err)
{
    char text[MLY_LIMIT_URL], previous_key[MLY_LIMIT_KEY];
    if (next.size >= sizeof text)
        return mly_fail(err, MLY_E_LIMIT, "the address of the service's next page is too long; please report it");
    memcpy(text, next.data, next.size);
    text[next.size] = '\0';
    const char *query = strlen(text) == next.size ? query_of(service, text) : NULL;
    if (!query)
        return mly_fail(
            err, MLY_E_REMOTE,
            "the service's next page leads elsewhere than to its own images, and was not followed; please report it");

    memcpy(previous_key, previous->key, sizeof previous_key); /* `out` may be `previous` */
    *out = (struct mly_request){.kind = MLY_REQUEST_GRAPH, .max_bytes = MLY_LIMIT_JSON};
    struct text url = {.at = out->url, .size = sizeof out->url};
    put(&url, service, strlen(service));
    put(&url, image_search, strlen(image_search));
    const size_t first = url.n;
    put_query(&url, query);
    print_page_key(previous_key, out->url + first, out->key);
    return check_fit(out, 0, url.is_full ? -1 : (int)url.n, err);
}
