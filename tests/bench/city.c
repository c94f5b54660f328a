/* SPDX-License-Identifier: MIT */
/* city FOLDER SIDE IMAGES SEQUENCES FEATURES — makes a city of SIDE x SIDE tiles of zoom 14, dense in its middle: the
 * tiles of `mly1_public` and `mly_map_feature_point` in the service's layout, and `counts`, a line for each tile: x, y,
 * images, lines, map features.
 *
 * The same city on every machine: integers, and of the floating point only what IEEE 754 rounds correctly (sums,
 * products, square roots). The tiles have the service's form (API.md 1.3): extent 4096, features before dictionaries,
 * packed lists, positions rounded down, lines cut at the closed border, no buffer. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { WEST = 8576, NORTH = 5536 }; /* of the north-western tile: beside 8.44 E, 50.4 N */
enum { EXTENT = 4096 };
enum { MARGIN = 16 }; /* units at the city's edge where nothing is, so that a box can hold it all and no neighbour */
enum { N_CREATORS = 2000, N_ORGANIZATIONS = 40, N_ANGLES = 36000, N_SCORES = 1000, N_CLASSES = 43 };
enum { NOBODY = -1 };

struct city {
    int32_t side;
    uint32_t n_images, n_sequences, n_features, n_vertices, n_pieces;
    struct image *images;
    struct sequence *sequences;
    struct point *features;
    struct vertex *vertices; /* of all pieces */
    struct piece *pieces;
};

struct sequence {
    char key[23];
    int64_t captured_at; /* of its first image */
    uint64_t image_id;
    int32_t creator, organization; /* NOBODY: not said */
    uint32_t score, n_images;
    bool is_pano;
};

struct image {
    int32_t x, y; /* units, from the city's north-western corner */
    uint32_t sequence, angle;
    uint64_t id;
    int64_t captured_at;
};

struct point {
    int32_t x, y;
    uint32_t class;
    uint64_t id;
    int64_t first_seen_at, last_seen_at;
};

struct vertex {
    int32_t x, y; /* units, from the tile's corner */
};

/* A stretch of a sequence through one tile. */
struct piece {
    uint32_t tile, sequence, first, n;
};

static void *must(void *memory)
{
    if (!memory) {
        fputs("city: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

/* ---- chance ---- */

static uint64_t state = 20240229;

static uint64_t random_bits(void) /* splitmix64 */
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)(random_bits() % n);
}

static double fraction(void)
{
    return (double)(random_bits() >> 11) / 9007199254740992.0;
}

/* About normal, with a deviation of 1. */
static double bell(void)
{
    double sum = -6.0;
    for (int i = 0; i < 12; i++)
        sum += fraction();
    return sum;
}

/* Different for each n below 2^49. */
static uint64_t make_id(uint64_t n, uint64_t seed)
{
    const uint64_t mask = (UINT64_C(1) << 49) - 1;
    return UINT64_C(100000000000000) + ((n * UINT64_C(0x9e3779b97f4a7c15) + seed) & mask);
}

/* ---- places ---- */

static double keep_inside(const struct city *city, double at)
{
    const double least = MARGIN, most = (double)city->side * EXTENT - MARGIN - 1;
    return at < least ? least : at > most ? most : at;
}

/* Half of all around the middle, half anywhere. */
static double random_place(const struct city *city, bool is_central)
{
    const double size = (double)city->side * EXTENT;
    return keep_inside(city, is_central ? size / 2 + bell() * size * 0.115 : fraction() * size);
}

static uint32_t tile_of(const struct city *city, int32_t x, int32_t y)
{
    return (uint32_t)(y / EXTENT * city->side + x / EXTENT);
}

/* ---- sequences ---- */

static void make_sequence(struct sequence *s, uint32_t n)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    for (size_t i = 0; i < sizeof s->key - 1; i++)
        s->key[i] = letters[below(64)];
    for (size_t i = 0; i < 4; i++) /* and no two alike */
        s->key[i] = letters[n >> (6 * i) & 63];
    s->captured_at = INT64_C(1400000000000) + (int64_t)(random_bits() % UINT64_C(300000000000));
    s->creator = below(20) ? (int32_t)below(N_CREATORS) : NOBODY;
    s->organization = below(3) ? NOBODY : (int32_t)below(N_ORGANIZATIONS);
    s->score = below(5) ? below(N_SCORES) : N_SCORES;
    s->is_pano = below(4) == 0;
    s->n_images = 15 + below(121);
}

/* Their numbers of images add up. */
static void make_sequences(struct city *city)
{
    city->sequences = must(calloc(city->n_sequences, sizeof *city->sequences));
    const double wanted = (double)city->n_images / city->n_sequences / 75; /* 15 to 135, of themselves */
    int64_t left = city->n_images;
    for (uint32_t i = 0; i < city->n_sequences; i++) {
        struct sequence *s = &city->sequences[i];
        make_sequence(s, i);
        s->n_images = (uint32_t)(s->n_images * wanted) < 3 ? 3 : (uint32_t)(s->n_images * wanted);
        left -= s->n_images;
    }
    for (uint32_t i = 0; left != 0; i = (i + 1) % city->n_sequences) {
        struct sequence *s = &city->sequences[i];
        const int step = left > 0 ? 1 : s->n_images > 2 ? -1 : 0;
        s->n_images += (uint32_t)step;
        left -= step;
    }
}

static void add_vertex(struct city *city, int32_t x, int32_t y)
{
    struct piece *piece = &city->pieces[city->n_pieces - 1];
    const struct vertex *last = &city->vertices[city->n_vertices - (city->n_vertices > 0)];
    if (piece->n > 0 && last->x == x && last->y == y)
        return;
    city->vertices[city->n_vertices++] = (struct vertex){x, y};
    piece->n++;
}

static void begin_piece(struct city *city, uint32_t tile, uint32_t sequence)
{
    if (city->n_pieces > 0 && city->pieces[city->n_pieces - 1].n < 2) { /* no line in that tile */
        city->n_vertices -= city->pieces[city->n_pieces - 1].n;
        city->n_pieces--;
    }
    city->pieces[city->n_pieces++] = (struct piece){.tile = tile, .sequence = sequence, .first = city->n_vertices};
}

/* Steps are shorter than a tile, so a line crosses one border of each direction at most. */
static void cross_border(struct city *city, uint32_t sequence, const struct image *from, const struct image *to,
                         bool is_meridian, int32_t *tile_x, int32_t *tile_y)
{
    const int32_t a = is_meridian ? from->x : from->y, b = is_meridian ? to->x : to->y;
    const int32_t border = (a < b ? b : a) / EXTENT * EXTENT;
    const double t = (double)(border - a) / (b - a);
    const int32_t other = is_meridian ? from->y + (int32_t)(t * (to->y - from->y))
                                      : from->x + (int32_t)(t * (to->x - from->x));
    const int32_t x = is_meridian ? border : other, y = is_meridian ? other : border;
    add_vertex(city, x - *tile_x * EXTENT, y - *tile_y * EXTENT);
    if (is_meridian)
        *tile_x += a < b ? 1 : -1;
    else
        *tile_y += a < b ? 1 : -1;
    begin_piece(city, (uint32_t)(*tile_y * city->side + *tile_x), sequence);
    add_vertex(city, x - *tile_x * EXTENT, y - *tile_y * EXTENT);
}

static double crossing(int32_t a, int32_t b)
{
    const int32_t border = (a < b ? b : a) / EXTENT * EXTENT;
    return a / EXTENT == b / EXTENT ? 2 : (double)(border - a) / (b - a);
}

static void draw_step(struct city *city, uint32_t sequence, const struct image *from, const struct image *to)
{
    int32_t tile_x = from->x / EXTENT, tile_y = from->y / EXTENT;
    const double at_x = crossing(from->x, to->x), at_y = crossing(from->y, to->y);
    const bool x_first = at_x <= at_y;
    if ((x_first ? at_x : at_y) <= 1)
        cross_border(city, sequence, from, to, x_first, &tile_x, &tile_y);
    if ((x_first ? at_y : at_x) <= 1)
        cross_border(city, sequence, from, to, !x_first, &tile_x, &tile_y);
    add_vertex(city, to->x - tile_x * EXTENT, to->y - tile_y * EXTENT);
}

/* A polynomial that looks like a sine; of degrees in [0, 360). */
static double wave(double degrees)
{
    const double half = degrees < 180 ? degrees : degrees - 180;
    const double arc = 4 * half * (180 - half) / (40500 - half * (180 - half));
    return degrees < 180 ? arc : -arc;
}

static double turned(double degrees)
{
    return degrees < 0 ? degrees + 360 : degrees >= 360 ? degrees - 360 : degrees;
}

static void walk_sequence(struct city *city, uint32_t n, uint32_t first)
{
    struct sequence *s = &city->sequences[n];
    const bool is_central = below(2);
    double x = random_place(city, is_central), y = random_place(city, is_central), heading = below(360);
    int64_t now = s->captured_at;
    for (uint32_t i = 0; i < s->n_images; i++) {
        struct image *image = &city->images[first + i];
        *image = (struct image){.x = (int32_t)x, .y = (int32_t)y, .sequence = n, .captured_at = now};
        image->id = make_id(first + i, 1);
        image->angle = (uint32_t)(heading * 100) % N_ANGLES;
        if (i == 0)
            begin_piece(city, tile_of(city, image->x, image->y), n);
        if (i == 0)
            add_vertex(city, image->x % EXTENT, image->y % EXTENT);
        else
            draw_step(city, n, image - 1, image);
        const double step = 6 + 8 * fraction();
        const double next_x = x + step * wave(heading), next_y = y - step * wave(turned(heading + 90));
        if (next_x != keep_inside(city, next_x) || next_y != keep_inside(city, next_y))
            heading = turned(heading + 180);
        x = keep_inside(city, next_x);
        y = keep_inside(city, next_y);
        heading = turned(heading + 8 * bell());
        now += 500 + below(3000);
    }
    s->image_id = city->images[first + s->n_images / 2].id;
}

static void walk_sequences(struct city *city)
{
    city->images = must(calloc(city->n_images, sizeof *city->images));
    city->vertices = must(
        calloc((size_t)city->n_images * 2 + 16, sizeof *city->vertices)); /* few steps cross borders */
    city->pieces = must(calloc((size_t)city->n_images + city->n_sequences + 16, sizeof *city->pieces));
    uint32_t first = 0;
    for (uint32_t i = 0; i < city->n_sequences; i++) {
        walk_sequence(city, i, first);
        first += city->sequences[i].n_images;
    }
    begin_piece(city, UINT32_MAX, 0); /* drops the last one, if it is no line */
    city->n_pieces--;
}

static void make_features(struct city *city)
{
    city->features = must(calloc(city->n_features, sizeof *city->features));
    for (uint32_t i = 0; i < city->n_features; i++) {
        struct point *p = &city->features[i];
        const bool is_central = below(2);
        *p = (struct point){.x = (int32_t)random_place(city, is_central), .y = (int32_t)random_place(city, is_central)};
        p->class = below(N_CLASSES);
        p->id = make_id(i, 3);
        p->first_seen_at = INT64_C(1400000000000) + (int64_t)(random_bits() % UINT64_C(300000000000));
        p->last_seen_at = p->first_seen_at + (int64_t)(random_bits() % UINT64_C(30000000000));
    }
}

/* ---- bytes ---- */

struct bytes {
    uint8_t *data;
    size_t n, room;
};

static void put_bytes(struct bytes *out, const void *data, size_t n)
{
    if (out->room - out->n < n) {
        out->room = (out->n + n) * 2;
        out->data = must(realloc(out->data, out->room));
    }
    if (n > 0)
        memcpy(out->data + out->n, data, n);
    out->n += n;
}

static void put_varint(struct bytes *out, uint64_t v)
{
    uint8_t digits[10];
    size_t n = 0;
    do {
        digits[n++] = (uint8_t)(v > 0x7f ? (v & 0x7f) | 0x80 : v);
        v >>= 7;
    } while (v > 0);
    put_bytes(out, digits, n);
}

static void put_number(struct bytes *out, unsigned field, uint64_t v)
{
    put_varint(out, field << 3);
    put_varint(out, v);
}

static void put_blob(struct bytes *out, unsigned field, const void *data, size_t n)
{
    put_varint(out, field << 3 | 2);
    put_varint(out, n);
    put_bytes(out, data, n);
}

static uint64_t zigzag(int32_t v)
{
    return (uint32_t)v << 1 ^ (v < 0 ? UINT32_MAX : 0);
}

/* ---- layers ---- */

/* What has a number below `n` and is written once for each layer. */
struct shared {
    uint32_t *index; /* in the dictionary, + 1 */
    uint32_t n;
};

struct layer {
    const char *name;
    struct bytes features, values, feature, tags, geometry;
    uint32_t n_features, n_values;
    struct shared sequences, angles, creators, organizations, scores, panos, classes;
};

static void forget(struct shared *shared)
{
    memset(shared->index, 0, shared->n * sizeof *shared->index);
}

static struct shared make_shared(uint32_t n)
{
    return (struct shared){.index = must(calloc(n, sizeof(uint32_t))), .n = n};
}

static void begin_layer(struct layer *layer, const char *name)
{
    struct shared *all[] = {&layer->sequences, &layer->angles, &layer->creators, &layer->organizations,
                            &layer->scores,    &layer->panos,  &layer->classes};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        forget(all[i]);
    layer->name = name;
    layer->features.n = layer->values.n = 0;
    layer->n_features = layer->n_values = 0;
}

static void put_tag(struct layer *layer, unsigned key, uint32_t value)
{
    put_varint(&layer->tags, key);
    put_varint(&layer->tags, value);
}

static void put_value(struct layer *layer, unsigned key, const struct bytes *value)
{
    put_blob(&layer->values, 4, value->data, value->n);
    put_tag(layer, key, layer->n_values++);
}

/* True: the value is new, and put_value is to come. */
static bool is_new(struct layer *layer, unsigned key, struct shared *shared, uint32_t n)
{
    if (shared->index[n] > 0) {
        put_tag(layer, key, shared->index[n] - 1);
        return false;
    }
    shared->index[n] = layer->n_values + 1;
    return true;
}

static void put_value_number(struct layer *layer, unsigned key, unsigned field, uint64_t v)
{
    static struct bytes value;
    value.n = 0;
    put_number(&value, field, v);
    put_value(layer, key, &value);
}

static void put_value_double(struct layer *layer, unsigned key, double v)
{
    static struct bytes value;
    uint64_t bits;
    uint8_t little[8];
    memcpy(&bits, &v, sizeof bits);
    for (unsigned i = 0; i < 8; i++)
        little[i] = (uint8_t)(bits >> (8 * i));
    value.n = 0;
    put_varint(&value, 3 << 3 | 1);
    put_bytes(&value, little, sizeof little);
    put_value(layer, key, &value);
}

static void put_value_text(struct layer *layer, unsigned key, const char *text)
{
    static struct bytes value;
    value.n = 0;
    put_blob(&value, 1, text, strlen(text));
    put_value(layer, key, &value);
}

static void end_feature(struct layer *layer, unsigned type)
{
    layer->feature.n = 0;
    put_number(&layer->feature, 1, layer->n_features++);
    put_blob(&layer->feature, 2, layer->tags.data, layer->tags.n);
    put_number(&layer->feature, 3, type);
    put_blob(&layer->feature, 4, layer->geometry.data, layer->geometry.n);
    put_blob(&layer->features, 2, layer->feature.data, layer->feature.n);
    layer->tags.n = layer->geometry.n = 0;
}

static void put_position(struct layer *layer, int32_t x, int32_t y)
{
    put_varint(&layer->geometry, 1 << 3 | 1);
    put_varint(&layer->geometry, zigzag(x));
    put_varint(&layer->geometry, zigzag(y));
}

/* The attributes that images and sequences share, from key `k` on. */
static void put_owner(struct layer *layer, unsigned k, const struct sequence *s)
{
    if (is_new(layer, k, &layer->panos, s->is_pano))
        put_value_number(layer, k, 7, s->is_pano);
    if (s->organization != NOBODY && is_new(layer, k + 1, &layer->organizations, (uint32_t)s->organization))
        put_value_number(layer, k + 1, 4, UINT64_C(1000000000000000) + (uint64_t)s->organization);
    if (s->creator != NOBODY && is_new(layer, k + 2, &layer->creators, (uint32_t)s->creator))
        put_value_number(layer, k + 2, 4, UINT64_C(100000000000000) + (uint64_t)s->creator * 7919);
    if (s->score < N_SCORES && is_new(layer, k + 3, &layer->scores, s->score))
        put_value_double(layer, k + 3, s->score / 1000.0);
}

static const char *const image_keys[] = {"id",      "sequence_id",     "captured_at", "compass_angle",
                                         "is_pano", "organization_id", "creator_id",  "quality_score"};

static void add_image(struct layer *layer, const struct city *city, const struct image *image)
{
    const struct sequence *s = &city->sequences[image->sequence];
    put_value_number(layer, 0, 4, image->id);
    if (is_new(layer, 1, &layer->sequences, image->sequence))
        put_value_text(layer, 1, s->key);
    put_value_number(layer, 2, 4, (uint64_t)image->captured_at);
    if (is_new(layer, 3, &layer->angles, image->angle))
        put_value_double(layer, 3, image->angle / 100.0);
    put_owner(layer, 4, s);
    put_position(layer, image->x % EXTENT, image->y % EXTENT);
    end_feature(layer, 1);
}

static const char *const sequence_keys[] = {"id",         "captured_at",  "image_id", "is_pano", "organization_id",
                                            "creator_id", "quality_score"};

static void put_part(struct layer *layer, const struct vertex *v, uint32_t n, struct vertex *at)
{
    for (uint32_t i = 0; i < n; i++) {
        if (i < 2)
            put_varint(&layer->geometry, i == 0 ? 1 << 3 | 1 : (n - 1) << 3 | 2);
        put_varint(&layer->geometry, zigzag(v[i].x - at->x));
        put_varint(&layer->geometry, zigzag(v[i].y - at->y));
        *at = v[i];
    }
}

/* The pieces of one sequence in one tile; returns how many. */
static uint32_t add_line(struct layer *layer, const struct city *city, const struct piece *pieces, uint32_t n_left)
{
    const struct sequence *s = &city->sequences[pieces->sequence];
    uint32_t n = 0;
    put_value_text(layer, 0, s->key);
    put_value_number(layer, 1, 4, (uint64_t)s->captured_at);
    put_value_number(layer, 2, 4, s->image_id);
    put_owner(layer, 3, s);
    struct vertex at = {0, 0};
    for (; n < n_left && pieces[n].sequence == pieces->sequence; n++)
        put_part(layer, city->vertices + pieces[n].first, pieces[n].n, &at);
    end_feature(layer, 2);
    return n;
}

static const char *const point_keys[] = {"id", "value", "first_seen_at", "last_seen_at"};

static void add_point(struct layer *layer, const struct point *p)
{
    char class[64];
    put_value_number(layer, 0, 4, p->id);
    if (is_new(layer, 1, &layer->classes, p->class)) {
        snprintf(class, sizeof class, "object--street-thing-%u", p->class);
        put_value_text(layer, 1, class);
    }
    put_value_number(layer, 2, 4, (uint64_t)p->first_seen_at);
    put_value_number(layer, 3, 4, (uint64_t)p->last_seen_at);
    put_position(layer, p->x % EXTENT, p->y % EXTENT);
    end_feature(layer, 1);
}

/* A layer without features is left out, as the service does. */
static void end_layer(struct layer *layer, const char *const *keys, size_t n_keys, struct bytes *tile)
{
    static struct bytes body;
    if (layer->n_features == 0)
        return;
    body.n = 0;
    put_blob(&body, 1, layer->name, strlen(layer->name));
    put_bytes(&body, layer->features.data, layer->features.n);
    for (size_t i = 0; i < n_keys; i++)
        put_blob(&body, 3, keys[i], strlen(keys[i]));
    put_bytes(&body, layer->values.data, layer->values.n);
    put_number(&body, 5, EXTENT);
    put_number(&body, 15, 2);
    put_blob(tile, 3, body.data, body.n);
}

/* ---- files ---- */

static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0777);
        *slash = '/';
    }
}

/* What is empty has no file. */
static void write_tile(const char *folder, const char *tileset, uint32_t x, uint32_t y, const struct bytes *tile)
{
    char path[4096];
    if (tile->n == 0)
        return;
    snprintf(path, sizeof path, "%s/maps/vtp/%s/2/14/%u/%u", folder, tileset, WEST + x, NORTH + y);
    make_folders(path);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(tile->data, 1, tile->n, file) != tile->n || fclose(file) != 0) {
        fprintf(stderr, "city: %s: %s\n", path, strerror(errno));
        exit(1);
    }
}

/* ---- order by tile ---- */

struct order {
    uint32_t *begin; /* for each tile, and one behind the last */
    uint32_t *items;
};

typedef uint32_t tile_fn(const struct city *city, uint32_t i);

static uint32_t tile_of_image(const struct city *city, uint32_t i)
{
    return tile_of(city, city->images[i].x, city->images[i].y);
}

static uint32_t tile_of_point(const struct city *city, uint32_t i)
{
    return tile_of(city, city->features[i].x, city->features[i].y);
}

static uint32_t tile_of_piece(const struct city *city, uint32_t i)
{
    return city->pieces[i].tile;
}

/* Things of one tile keep their order. */
static struct order sort_by_tile(const struct city *city, uint32_t n, tile_fn *tile)
{
    const uint32_t n_tiles = (uint32_t)(city->side * city->side);
    struct order order = {.begin = must(calloc(n_tiles + 2, sizeof(uint32_t))),
                          .items = must(calloc(n + 1, sizeof(uint32_t)))};
    for (uint32_t i = 0; i < n; i++)
        order.begin[tile(city, i) + 2]++;
    for (uint32_t i = 2; i < n_tiles + 2; i++)
        order.begin[i] += order.begin[i - 1];
    for (uint32_t i = 0; i < n; i++)
        order.items[order.begin[tile(city, i) + 1]++] = i;
    return order;
}

static struct piece *sort_pieces(const struct city *city, const struct order *order)
{
    struct piece *sorted = must(calloc(city->n_pieces + 1, sizeof *sorted));
    for (uint32_t i = 0; i < city->n_pieces; i++)
        sorted[i] = city->pieces[order->items[i]];
    return sorted;
}

/* ---- the city ---- */

static void write_city(const struct city *city, const char *folder, FILE *counts)
{
    struct layer layer = {.sequences = make_shared(city->n_sequences),
                          .angles = make_shared(N_ANGLES),
                          .creators = make_shared(N_CREATORS),
                          .organizations = make_shared(N_ORGANIZATIONS),
                          .scores = make_shared(N_SCORES),
                          .panos = make_shared(2),
                          .classes = make_shared(N_CLASSES)};
    struct bytes tile = {.n = 0};
    const struct order images = sort_by_tile(city, city->n_images, tile_of_image);
    const struct order points = sort_by_tile(city, city->n_features, tile_of_point);
    const struct order lines = sort_by_tile(city, city->n_pieces, tile_of_piece);
    const struct piece *pieces = sort_pieces(city, &lines);
    for (uint32_t t = 0; t < (uint32_t)(city->side * city->side); t++) {
        const uint32_t x = t % (uint32_t)city->side, y = t / (uint32_t)city->side;
        fprintf(counts, "%u %u", WEST + x, NORTH + y);
        tile.n = 0;
        begin_layer(&layer, "sequence");
        for (uint32_t i = lines.begin[t]; i < lines.begin[t + 1];)
            i += add_line(&layer, city, pieces + i, lines.begin[t + 1] - i);
        end_layer(&layer, sequence_keys, 7, &tile);
        const uint32_t n_lines = layer.n_features;
        begin_layer(&layer, "image");
        for (uint32_t i = images.begin[t]; i < images.begin[t + 1]; i++)
            add_image(&layer, city, &city->images[images.items[i]]);
        end_layer(&layer, image_keys, 8, &tile);
        fprintf(counts, " %u %u", layer.n_features, n_lines);
        write_tile(folder, "mly1_public", x, y, &tile);
        tile.n = 0;
        begin_layer(&layer, "point");
        for (uint32_t i = points.begin[t]; i < points.begin[t + 1]; i++)
            add_point(&layer, &city->features[points.items[i]]);
        end_layer(&layer, point_keys, 4, &tile);
        fprintf(counts, " %u\n", layer.n_features);
        write_tile(folder, "mly_map_feature_point", x, y, &tile);
    }
}

int main(int argc, char **argv)
{
    char path[4096];
    if (argc != 6) {
        fputs("usage: city FOLDER SIDE IMAGES SEQUENCES FEATURES\n", stderr);
        return 2;
    }
    struct city city = {.side = atoi(argv[2]),
                        .n_images = (uint32_t)atoi(argv[3]),
                        .n_sequences = (uint32_t)atoi(argv[4]),
                        .n_features = (uint32_t)atoi(argv[5])};
    snprintf(path, sizeof path, "%s/counts", argv[1]);
    make_folders(path);
    FILE *counts = must(fopen(path, "w"));
    make_sequences(&city);
    walk_sequences(&city);
    make_features(&city);
    write_city(&city, argv[1], counts);
    return fclose(counts) == 0 ? 0 : 1;
}
