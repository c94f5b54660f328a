/* SPDX-License-Identifier: MIT */
#include "graph.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that json-c 0.16 takes for what begins with this character, measured: an object has a table of 16 places. */
static size_t cost_of(uint8_t c)
{
    switch (c) {
    case '{':
        return 768;
    case '[':
        return 384;
    case ',':
    case ':':
        return 96;
    default:
        return 1;
    }
}

static bool is_affordable(struct mly_span json)
{
    size_t cost = 0;
    for (size_t i = 0; i < json.size; i++)
        cost += cost_of(json.data[i]);
    return cost <= MLY_LIMIT_JSON_MEMORY;
}

/* NULL unless the bytes are one JSON object of at most `limit` bytes, and nothing else. */
static struct json_object *parse(struct mly_span json, size_t limit)
{
    if (json.size == 0 || json.size > limit || json.data[0] != '{') /* no tile begins with this byte */
        return NULL;
    while (json.data[json.size - 1] == '\n' || json.data[json.size - 1] == '\r' || json.data[json.size - 1] == ' ')
        json.size--;
    struct json_tokener *tokener = is_affordable(json) ? json_tokener_new_ex(MLY_LIMIT_JSON_DEPTH) : NULL;
    if (!tokener)
        return NULL;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *root = json_tokener_parse_ex(tokener, (const char *)json.data, (int)json.size);
    if (json_tokener_get_parse_end(tokener) != json.size) {
        json_object_put(root);
        root = NULL;
    }
    json_tokener_free(tokener);
    return root;
}

/* Control characters must not reach a terminal; other bytes pass, so that UTF-8 stays whole. */
static void copy_printable(char *to, size_t size, const char *from)
{
    size_t n = 0;
    for (; *from && n + 1 < size; from++)
        to[n++] = (char)((unsigned char)*from < ' ' || *from == 0x7f ? ' ' : *from);
    to[n] = '\0';
}

static int get_int(struct json_object *object, const char *key)
{
    struct json_object *member = NULL;
    return json_object_object_get_ex(object, key, &member) ? json_object_get_int(member) : 0;
}

bool mly_graph_read_error(struct mly_span json, struct mly_graph_error *out)
{
    *out = (struct mly_graph_error){.code = 0};
    struct json_object *root = parse(json, MLY_LIMIT_ERROR_BODY), *error = NULL, *member = NULL;
    const bool found = json_object_is_type(root, json_type_object) &&
                       json_object_object_get_ex(root, "error", &error) && error;
    if (found && json_object_is_type(error, json_type_object)) {
        out->code = get_int(error, "code");
        out->subcode = get_int(error, "error_subcode");
        if (json_object_object_get_ex(error, "is_transient", &member))
            out->is_transient = json_object_get_boolean(member);
        if (json_object_object_get_ex(error, "message", &member) && json_object_is_type(member, json_type_string))
            copy_printable(out->message, sizeof out->message, json_object_get_string(member));
    } else if (found && json_object_is_type(error, json_type_string)) {
        copy_printable(out->message, sizeof out->message, json_object_get_string(error));
    }
    json_object_put(root);
    return found;
}

/* ---- answers ---- */

/* Answers and entities are json-c's objects under other names: what is opaque needs no struct of its own. json-c takes
 * no const, even where it changes nothing. */
static struct json_object *object_of(const void *answer_or_entity)
{
    return (struct json_object *)answer_or_entity;
}

/* NULL: there is no such member, or no object. */
static struct json_object *member_of(struct json_object *object, const char *name)
{
    struct json_object *member = NULL;
    return json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, name, &member) ? member
                                                                                                             : NULL;
}

/* One step down a path: to a place in an array, or to a member. */
static struct json_object *step(struct json_object *from, const char *name, size_t n)
{
    char text[64];
    if (n >= sizeof text)
        return NULL;
    memcpy(text, name, n);
    text[n] = '\0';
    const bool is_place = n > 0 && strspn(text, "0123456789") == n;
    if (!is_place)
        return member_of(from, text);
    return json_object_is_type(from, json_type_array) ? json_object_array_get_idx(from, strtoul(text, NULL, 10)) : NULL;
}

/* What stands at a path such as image.id; NULL if nothing does. `rest` is what follows a * or # in it, beginning with
 * that sign; else empty. */
static struct json_object *follow(struct json_object *object, const char *path, const char **rest)
{
    while (object && *path && *path != '*' && *path != '#') {
        const size_t n = strcspn(path, ".");
        object = step(object, path, n);
        path += n + (path[n] == '.');
    }
    *rest = path;
    return object;
}

/* Likewise, for paths without these signs, or what stands before them. */
static struct json_object *at_path(struct json_object *object, const char *path)
{
    const char *rest = NULL;
    return follow(object, path, &rest);
}

/* A next page has a text for its address: one that cannot be followed must not look like the end of the list. */
static bool is_list(struct json_object *root)
{
    struct json_object *next = at_path(root, "paging.next");
    return json_object_is_type(at_path(root, "data"), json_type_array) &&
           (!next || json_object_get_string_len(next) > 0);
}

static enum mly_status open_answer(struct mly_span json, const char *what, struct json_object **out,
                                   struct mly_error *err)
{
    if (json.size > MLY_LIMIT_JSON)
        return mly_fail(err, MLY_E_LIMIT,
                        "the answer is larger than the ceiling of %d bytes for JSON; please report it", MLY_LIMIT_JSON);
    *out = parse(json, MLY_LIMIT_JSON);
    if (!*out)
        return mly_fail(err, MLY_E_CORRUPT, "these %zu bytes are no %s%s", json.size, what,
                        is_affordable(json) ? "" : ", or one with more brackets than any answer has");
    return MLY_OK;
}

enum mly_status mly_graph_open(struct mly_span json, struct mly_graph **out, struct mly_error *err)
{
    struct json_object *root = NULL;
    MLY_TRY(open_answer(json, "JSON object", &root, err));
    *out = (struct mly_graph *)root;
    return MLY_OK;
}

enum mly_status mly_graph_open_list(struct mly_span json, struct mly_graph **out, struct mly_error *err)
{
    struct json_object *root = NULL;
    MLY_TRY(open_answer(json, "list of entities", &root, err));
    if (!is_list(root)) {
        json_object_put(root);
        return mly_fail(err, MLY_E_CORRUPT, "these %zu bytes are no list of entities", json.size);
    }
    *out = (struct mly_graph *)root;
    return MLY_OK;
}

void mly_graph_free(struct mly_graph *answer)
{
    json_object_put(object_of(answer));
}

/* ---- entities ---- */

static const struct mly_graph_entity *entity_of(struct json_object *object)
{
    return json_object_is_type(object, json_type_object) ? (const struct mly_graph_entity *)object : NULL;
}

const struct mly_graph_entity *mly_graph_root(const struct mly_graph *answer)
{
    return entity_of(object_of(answer));
}

size_t mly_graph_count(const struct mly_graph *list)
{
    return json_object_array_length(at_path(object_of(list), "data"));
}

const struct mly_graph_entity *mly_graph_at(const struct mly_graph *list, size_t index)
{
    return entity_of(json_object_array_get_idx(at_path(object_of(list), "data"), index));
}

struct mly_span mly_graph_next(const struct mly_graph *list)
{
    struct json_object *next = at_path(object_of(list), "paging.next");
    if (!json_object_is_type(next, json_type_string))
        return (struct mly_span){.data = NULL};
    return (struct mly_span){.data = (const uint8_t *)json_object_get_string(next),
                             .size = (size_t)json_object_get_string_len(next)};
}

const struct mly_graph_entity *mly_graph_get(const struct mly_graph *entities, int64_t id)
{
    char key[MLY_VALUE_SCRATCH];
    (void)snprintf(key, sizeof key, "%" PRId64, id);
    return entity_of(member_of(object_of(entities), key));
}

/* ---- JSON again ---- */

/* Borrowed from the object. */
static enum mly_status print(struct json_object *object, struct mly_span *out, struct mly_error *err)
{
    size_t n = 0;
    const char *text = json_object_to_json_string_length(object,
                                                         JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);
    if (!text)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for an answer's text");
    *out = (struct mly_span){.data = (const uint8_t *)text, .size = n};
    return MLY_OK;
}

enum mly_status mly_graph_member(const struct mly_graph_entity *entity, const char *name, struct mly_span *json,
                                 struct mly_error *err)
{
    struct json_object *member = NULL;
    *json = (struct mly_span){.data = NULL};
    if (!entity || !json_object_object_get_ex(object_of(entity), name, &member))
        return MLY_OK;
    return print(member, json, err); /* json-c prints its null, which is a NULL pointer, as null */
}

/* Appends, unless something before has failed. */
static void put(struct mly_buf *to, enum mly_status *status, struct mly_span text)
{
    if (*status == MLY_OK)
        *status = mly_buf_append(to, text.data, text.size);
}

static struct mly_span words(const char *text)
{
    return (struct mly_span){.data = (const uint8_t *)text, .size = strlen(text)};
}

enum mly_status mly_graph_print_list(const struct mly_graph *list, const char *next, struct mly_buf *out,
                                     struct mly_error *err)
{
    struct mly_span elements = {.data = NULL}, address = elements;
    MLY_TRY(print(at_path(object_of(list), "data"), &elements, err));
    struct json_object *text = next ? json_object_new_string(next) : NULL;
    enum mly_status status = next && !text ? MLY_E_NOMEM : MLY_OK;
    if (text)
        status = print(text, &address, NULL);
    put(out, &status, words("{\"data\":"));
    put(out, &status, elements);
    if (text) {
        put(out, &status, words(",\"paging\":{\"next\":"));
        put(out, &status, address);
        put(out, &status, words("}"));
    }
    put(out, &status, words("}"));
    json_object_put(text);
    return status < 0 ? mly_fail(err, status, "no room for the text of a list") : MLY_OK;
}

/* ---- values ---- */

static const struct mly_value null_value = {.type = MLY_NULL};

/* Every element takes two bytes of the answer, a comma among them, and eight of a list. */
_Static_assert(MLY_LIMIT_JSON / 2 < UINT32_MAX / sizeof(int64_t), "a list's bytes fit a value's count");

/* json-c gives the nearest end for what 64 bits do not hold: that is another number. */
static struct mly_value int_value(int64_t i)
{
    return (struct mly_value){.as.i = i, .type = i == INT64_MAX || i == INT64_MIN ? MLY_NULL : MLY_INT};
}

static struct mly_value value_of(struct json_object *member)
{
    switch (json_object_get_type(member)) {
    case json_type_boolean:
        return (struct mly_value){.as.i = json_object_get_boolean(member) != 0, .type = MLY_BOOL};
    case json_type_int:
        return int_value(json_object_get_int64(member));
    case json_type_double:
        return (struct mly_value){.as.r = json_object_get_double(member), .type = MLY_REAL};
    case json_type_string:
        return (struct mly_value){.as.text = json_object_get_string(member),
                                  .n_bytes = (uint32_t)json_object_get_string_len(member),
                                  .type = MLY_TEXT};
    default:
        return null_value;
    }
}

/* What a path leads to, as a column of this type has it; no lists. */
static struct mly_value scalar_at(struct json_object *object, const char *path, enum mly_type type,
                                  char scratch[MLY_VALUE_SCRATCH])
{
    const char *rest = NULL;
    struct json_object *found = follow(object, path, &rest);
    if (*rest == '\0')
        return mly_value_coerce(type, value_of(found), scratch);
    if (strcmp(rest, "#") != 0 || !json_object_is_type(found, json_type_array))
        return null_value;
    return mly_value_coerce(type, int_value((int64_t)json_object_array_length(found)), scratch);
}

static enum mly_status copy_text(const char *text, size_t n, struct mly_arena *arena, struct mly_value *out,
                                 struct mly_error *err)
{
    char *copy = mly_arena_alloc(arena, n);
    if (!copy)
        return mly_arena_fail(arena, "a text of the answer", err);
    memcpy(copy, text, n);
    *out = (struct mly_value){.as.text = copy, .n_bytes = (uint32_t)n, .type = MLY_TEXT};
    return MLY_OK;
}

/* A number as the service spells it, which json-c remembers of doubles. It takes numbers for one beyond 64 bits whose
 * digits it has lost, and NaN for a number. */
static enum mly_status spell_number(struct json_object *number, struct mly_arena *arena, struct mly_value *out,
                                    struct mly_error *err)
{
    *out = null_value;
    if (json_object_is_type(number, json_type_int) &&
        (json_object_get_int64(number) == INT64_MIN || json_object_get_uint64(number) == UINT64_MAX))
        return MLY_OK;
    const char *text = json_object_get_string(number);
    if (!text)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a number");
    const size_t n = strlen(text);
    return strspn(text, "+-.0123456789eE") == n ? copy_text(text, n, arena, out, err) : MLY_OK;
}

static enum mly_status text_at(struct json_object *object, const char *path, struct mly_arena *arena,
                               struct mly_value *out, struct mly_error *err)
{
    const char *rest = NULL;
    char scratch[MLY_VALUE_SCRATCH];
    struct json_object *found = follow(object, path, &rest);
    const bool is_number = json_object_is_type(found, json_type_int) || json_object_is_type(found, json_type_double);
    if (is_number && *rest == '\0')
        return spell_number(found, arena, out, err);
    *out = scalar_at(object, path, MLY_TEXT, scratch);
    return out->type == MLY_TEXT && out->as.text == scratch ? copy_text(scratch, out->n_bytes, arena, out, err)
                                                            : MLY_OK;
}

/* The elements of an array, or what a further path leads to from each of them. */
static enum mly_status list_at(struct json_object *object, const char *path, enum mly_type type,
                               struct mly_arena *arena, struct mly_value *out, struct mly_error *err)
{
    const char *rest = NULL;
    char scratch[MLY_VALUE_SCRATCH];
    struct json_object *array = follow(object, path, &rest);
    *out = null_value;
    if (!json_object_is_type(array, json_type_array) || *rest == '#' || (*rest && rest[1] && rest[1] != '.'))
        return MLY_OK;
    rest += *rest ? 1 + (rest[1] == '.') : 0;

    const size_t n = json_object_array_length(array);
    int64_t *ints = mly_arena_array(arena, n, sizeof *ints);
    double *reals = (double *)(void *)ints;
    _Static_assert(sizeof *ints == sizeof *reals, "one or the other in the same place");
    if (!ints)
        return mly_arena_fail(arena, "a list of the answer", err);
    for (size_t i = 0; i < n; i++) {
        const struct mly_value value = scalar_at(json_object_array_get_idx(array, i), rest,
                                                 type == MLY_INTS ? MLY_INT : MLY_REAL, scratch);
        if (value.type == MLY_NULL)
            return MLY_OK;
        if (type == MLY_INTS)
            ints[i] = value.as.i;
        else
            reals[i] = value.as.r;
    }
    *out = (struct mly_value){.n_bytes = (uint32_t)(n * sizeof *ints), .type = type};
    if (type == MLY_INTS)
        out->as.ints = ints;
    else
        out->as.reals = reals;
    return MLY_OK;
}

static enum mly_status value_at(struct json_object *object, const struct mly_column *column, struct mly_arena *arena,
                                struct mly_value *out, struct mly_error *err)
{
    char scratch[MLY_VALUE_SCRATCH];
    if (column->type == MLY_INTS || column->type == MLY_REALS)
        return list_at(object, column->graph, column->type, arena, out, err);
    if (column->type == MLY_TEXT)
        return text_at(object, column->graph, arena, out, err);
    *out = scalar_at(object, column->graph, column->type, scratch);
    return MLY_OK;
}

enum mly_status mly_graph_values(const struct mly_graph_entity *entity, const struct mly_layer *layer, uint64_t columns,
                                 struct mly_arena *arena, struct mly_value *values, struct mly_error *err)
{
    for (uint32_t i = 0; i < layer->n_columns; i++) {
        if (layer->columns[i].graph && (columns >> i & 1))
            MLY_TRY(value_at(object_of(entity), &layer->columns[i], arena, &values[i], err));
    }
    return MLY_OK;
}

struct mly_value mly_graph_int(const struct mly_graph_entity *entity, const char *path)
{
    char scratch[MLY_VALUE_SCRATCH];
    return scalar_at(object_of(entity), path, MLY_INT, scratch);
}

struct mly_value mly_graph_text(const struct mly_graph_entity *entity, const char *path)
{
    const char *rest = NULL;
    struct json_object *found = follow(object_of(entity), path, &rest);
    const struct mly_value value = value_of(found);
    return value.type == MLY_TEXT && value.n_bytes > 0 && *rest == '\0' ? value : null_value;
}

bool mly_graph_point(const struct mly_graph_entity *entity, const char *name, double *longitude, double *latitude)
{
    char scratch[MLY_VALUE_SCRATCH];
    struct json_object *point = at_path(object_of(entity), name);
    const struct mly_value type = value_of(at_path(point, "type"));
    const struct mly_value x = scalar_at(point, "coordinates.0", MLY_REAL, scratch);
    const struct mly_value y = scalar_at(point, "coordinates.1", MLY_REAL, scratch);
    if (type.type != MLY_TEXT || type.n_bytes != 5 || memcmp(type.as.text, "Point", 5) != 0)
        return false;
    if (x.type != MLY_REAL || y.type != MLY_REAL || x.as.r < -180 || x.as.r > 180 || y.as.r < -90 || y.as.r > 90)
        return false;
    *longitude = x.as.r;
    *latitude = y.as.r;
    return true;
}
