/* SPDX-License-Identifier: MIT */
#include <ogr_recordbatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"

/* Bytes of the buffers of an array behind the bits of validity, by its format (Arrow's C data interface). */
static size_t offset_size(const char *format)
{
    switch (format[0]) {
    case 'u':
    case 'z':
        return 4;
    case 'U':
    case 'Z':
        return 8;
    case '+':
        return format[1] == 'l' ? 4 : format[1] == 'L' ? 8 : 0;
    default:
        return 0;
    }
}

/* In bits. */
static size_t fixed_size(const char *format)
{
    switch (format[0]) {
    case 'b':
        return 1;
    case 'c':
    case 'C':
        return 8;
    case 's':
    case 'S':
        return 16;
    case 'i':
    case 'I':
    case 'f':
        return 32;
    case 't':
        return format[1] == 'd' && format[2] == 'D' ? 32 : 64;
    case 'w':
        return 8 * (size_t)atoi(format + 2);
    case 'l':
    case 'L':
    case 'g':
        return 64;
    default:
        fprintf(stderr, "bench: an Arrow column has the unknown format '%s'\n", format);
        exit(1);
    }
}

static uint64_t touch(const void *data, size_t n)
{
    const unsigned char *bytes = data;
    uint64_t sum = 0, word;
    size_t i = 0;
    for (; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        sum += word;
    }
    for (; i < n; i++)
        sum += bytes[i];
    return sum;
}

static size_t last_offset(const void *offsets, size_t size, size_t n)
{
    int32_t small;
    int64_t large;
    memcpy(&small, (const char *)offsets + 4 * n, sizeof small);
    if (size == 4)
        return (size_t)small;
    memcpy(&large, (const char *)offsets + 8 * n, sizeof large);
    return (size_t)large;
}

static uint64_t touch_array(const struct ArrowSchema *schema, const struct ArrowArray *array)
{
    const size_t n = (size_t)(array->length + array->offset), offsets = offset_size(schema->format);
    uint64_t sum = 0;
    if (array->n_buffers > 0 && array->buffers[0])
        sum += touch(array->buffers[0], (n + 7) / 8);
    for (int64_t i = 0; i < array->n_children; i++)
        sum += touch_array(schema->children[i], array->children[i]);
    if (array->dictionary)
        sum += touch_array(schema->dictionary, array->dictionary);
    if (offsets > 0) {
        sum += touch(array->buffers[1], (n + 1) * offsets);
        if (array->n_buffers > 2)
            sum += touch(array->buffers[2], last_offset(array->buffers[1], offsets, n));
    } else if (array->n_buffers > 1) {
        sum += touch(array->buffers[1], (n * fixed_size(schema->format) + 7) / 8);
    }
    return sum;
}

void read_stream(OGRLayerH layer, struct reading *reading)
{
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    if (!OGR_L_GetArrowStream(layer, &stream, NULL) || stream.get_schema(&stream, &schema) != 0) {
        fputs("bench: no Arrow stream\n", stderr);
        exit(1);
    }
    for (;;) {
        struct ArrowArray array;
        if (stream.get_next(&stream, &array) != 0) {
            fputs("bench: the Arrow stream broke\n", stderr);
            exit(1);
        }
        if (!array.release)
            break;
        if (reading->first_at == 0)
            reading->first_at = bench_now();
        reading->rows += (unsigned long long)array.length;
        reading->sum += touch_array(&schema, &array);
        array.release(&array);
    }
    schema.release(&schema);
    stream.release(&stream);
}
