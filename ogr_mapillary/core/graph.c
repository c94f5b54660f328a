/* SPDX-License-Identifier: MIT */
#include "graph.h"

#include <json-c/json.h>
#include <stdint.h>
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

/* ---- lists ---- */

/* A list is json-c's tree under another name: what is opaque needs no struct of its own. */
static struct json_object *root_of(const struct mly_graph_list *list)
{
    return (struct json_object *)list;
}

/* The member at a path such as image.id; NULL if there is none. */
static struct json_object *at_path(struct json_object *object, const char *path)
{
    char name[64];
    while (object && *path) {
        const size_t n = strcspn(path, ".");
        struct json_object *member = NULL;
        if (n >= sizeof name)
            return NULL;
        memcpy(name, path, n);
        name[n] = '\0';
        if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, name, &member))
            return NULL;
        object = member;
        path += n + (path[n] == '.');
    }
    return object;
}

static struct json_object *entity(const struct mly_graph_list *list, size_t index)
{
    return json_object_array_get_idx(at_path(root_of(list), "data"), index);
}

enum mly_status mly_graph_list_open(struct mly_span json, struct mly_graph_list **out, struct mly_error *err)
{
    if (json.size > MLY_LIMIT_JSON)
        return mly_fail(err, MLY_E_LIMIT, "the answer is larger than the ceiling of %d bytes for JSON", MLY_LIMIT_JSON);
    struct json_object *root = parse(json, MLY_LIMIT_JSON);
    if (!json_object_is_type(at_path(root, "data"), json_type_array)) {
        json_object_put(root);
        return mly_fail(err, MLY_E_CORRUPT, "these %zu bytes are no list of entities%s", json.size,
                        is_affordable(json) ? "" : ", or one with more brackets than any list has");
    }
    if (at_path(root, "paging.next")) {
        json_object_put(root);
        return mly_fail(err, MLY_E_REMOTE, "the service gives this list in pages, of which only the first was read");
    }
    *out = (struct mly_graph_list *)root;
    return MLY_OK;
}

size_t mly_graph_list_count(const struct mly_graph_list *list)
{
    return json_object_array_length(at_path(root_of(list), "data"));
}

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
        return (struct mly_value){.type = MLY_NULL};
    }
}

void mly_graph_list_values(const struct mly_graph_list *list, size_t index, const struct mly_layer *layer,
                           struct mly_value *values, char (*digits)[MLY_VALUE_SCRATCH])
{
    for (uint32_t i = 0; i < layer->n_columns; i++) {
        const char *path = layer->columns[i].graph;
        struct json_object *member = path ? at_path(entity(list, index), path) : NULL;
        values[i] = mly_value_coerce(layer->columns[i].type, value_of(member), digits[i]);
    }
}

struct mly_span mly_graph_list_text(const struct mly_graph_list *list, size_t index, const char *path)
{
    const struct mly_value value = value_of(at_path(entity(list, index), path));
    if (value.type != MLY_TEXT)
        return (struct mly_span){.data = NULL};
    return (struct mly_span){.data = (const uint8_t *)value.as.text, .size = value.n_bytes};
}

void mly_graph_list_free(struct mly_graph_list *list)
{
    json_object_put(root_of(list));
}
