// SPDX-License-Identifier: MIT
// Rows as a batch of columns, one by one or by blocks of a tile: the batch is one that Arrow's specification allows
// (lengths, offsets, counts of NULLs, UTF-8), and holds what the features of the same rows hold.
// Input: numbers that choose the layer, the fields, those that are ignored, and make the rows or the tile.
#include <cpl_error.h>
#include <cpl_string.h>
#include <cpl_time.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/mvt.h"
#include "fuzz.h"
#include "ogr/arrow.h"
#include "unit/support/chance.h"

extern "C" {
#include "unit/support/make_tile.h"
#include "unit/support/random_tile.h"
}

namespace {
constexpr size_t kMaxRows = 40;
constexpr size_t kMaxPoints = 12;
constexpr size_t kMaxText = 40;

void Require(bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "not so: %s\n", what);
    abort();
}

// ---- rows ----

// A row and what it points to.
struct Sample {
    mly_row row{};
    std::array<mly_value, MLY_SCHEMA_MAX_COLUMNS> values{};
    std::array<std::array<char, kMaxText>, MLY_SCHEMA_MAX_COLUMNS> texts{};
    std::array<std::array<int64_t, 4>, MLY_SCHEMA_MAX_COLUMNS> wholes{};
    std::array<std::array<double, 4>, MLY_SCHEMA_MAX_COLUMNS> reals{};
    std::array<mly_point, kMaxPoints> points{};
    std::array<uint32_t, kMaxPoints> partEnds{}, polygonEnds{};
};

double Coordinate(chance *luck)
{
    return static_cast<double>(static_cast<int64_t>(chance_below(luck, 256)) - 128) / 4;
}

mly_value RandomValue(mly_type type, size_t column, Sample &sample, chance *luck)
{
    mly_value value{};
    if (chance_below(luck, 4) == 0)
        return value;
    value.type = type;
    switch (type) {
    case MLY_BOOL:
        value.as.i = static_cast<int64_t>(chance_below(luck, 2));
        break;
    case MLY_TIME:
        value.as.i = 1 + static_cast<int64_t>(chance_next(luck) % MLY_TIME_MAX);
        break;
    case MLY_REAL:
        value.as.r = Coordinate(luck) * 1e3;
        break;
    case MLY_TEXT:
        value.n_bytes = static_cast<uint32_t>(chance_below(luck, kMaxText));
        for (uint32_t i = 0; i < value.n_bytes; i++)
            sample.texts[column][i] = static_cast<char>(chance_below(luck, 256));
        value.as.text = sample.texts[column].data();
        break;
    case MLY_INTS:
        value.n_bytes = static_cast<uint32_t>(chance_below(luck, 5) * sizeof(int64_t));
        for (int64_t &whole : sample.wholes[column])
            whole = static_cast<int64_t>(chance_next(luck));
        value.as.ints = sample.wholes[column].data();
        break;
    case MLY_REALS:
        value.n_bytes = static_cast<uint32_t>(chance_below(luck, 5) * sizeof(double));
        for (double &real : sample.reals[column])
            real = Coordinate(luck);
        value.as.reals = sample.reals[column].data();
        break;
    default:
        value.as.i = static_cast<int64_t>(chance_next(luck));
        break;
    }
    return value;
}

// Parts of some points, and polygons of some parts: ends count up, as machines give them.
void RandomShape(const mly_layer *layer, Sample &sample, chance *luck)
{
    mly_row &row = sample.row;
    const bool isBox = layer->shape == MLY_BOX;
    const size_t nParts = isBox ? 1 : chance_below(luck, 4) + (layer->shape == MLY_LINES ? 1 : 0);
    uint32_t nPoints = 0;
    for (size_t part = 0; part < nParts; part++) {
        nPoints += isBox ? 5 : 1 + static_cast<uint32_t>(chance_below(luck, 3));
        sample.partEnds[part] = nPoints;
    }
    for (mly_point &point : sample.points)
        point = {Coordinate(luck), Coordinate(luck)};
    while (layer->shape == MLY_POLYGONS &&
           (row.n_polygons == 0 ? 0 : sample.polygonEnds[row.n_polygons - 1]) < nParts) {
        const uint32_t begin = row.n_polygons == 0 ? 0 : sample.polygonEnds[row.n_polygons - 1];
        sample.polygonEnds[row.n_polygons++] = begin + 1 + static_cast<uint32_t>(chance_below(luck, nParts - begin));
    }
    row.points = sample.points.data();
    row.part_ends = sample.partEnds.data();
    row.n_parts = static_cast<uint32_t>(nParts);
    row.polygon_ends = sample.polygonEnds.data();
}

void RandomSample(const mly_layer *layer, Sample &sample, chance *luck)
{
    for (size_t i = 0; i < layer->n_columns; i++)
        sample.values[i] = RandomValue(layer->columns[i].type, i, sample, luck);
    mly_value &id = sample.values[0];
    sample.row.id = 77;
    if (id.type == MLY_INT && id.as.i <= 0)
        id = mly_value{};
    if (layer->columns[0].type == MLY_INT)
        sample.row.id = id.type == MLY_INT ? id.as.i : -1;
    sample.row.values = sample.values.data();
    sample.row.has_position = chance_below(luck, 4) > 0;
    sample.row.longitude = Coordinate(luck);
    sample.row.latitude = Coordinate(luck);
    if (layer->shape != MLY_POINT)
        RandomShape(layer, sample, luck);
}

// ---- the schema, which is GDAL's to make ----

class Layer final : public OGRLayer
{
  public:
    explicit Layer(const mly::Definition &definition) : definition_(definition) {}

    mly::LayerDefnPtr GetLayerDefn() MLY_CONST_SINCE_3_12 override { return definition_.Get(); }

    void ResetReading() override {}

    OGRFeature *GetNextFeature() override { return nullptr; }

    int TestCapability(const char *) MLY_CONST_SINCE_3_12 override { return FALSE; }

  private:
    const mly::Definition &definition_;
};

// ---- what Arrow's specification says of a column ----

class Column
{
  public:
    Column(const ArrowArray &array, const ArrowSchema &schema) : array_(array), schema_(schema) {}

    int64_t Rows() const { return array_.length; }

    bool IsNull(int64_t row) const { return array_.buffers[0] && !Bit(0, row); }

    bool Bit(int buffer, int64_t row) const { return Bytes(buffer)[row / 8] >> (row % 8) & 1; }

    int64_t Word(int64_t row) const
    {
        int64_t word;
        memcpy(&word, Bytes(1) + row * int64_t{sizeof word}, sizeof word);
        return word;
    }

    int32_t End(int64_t row) const // of the row before
    {
        int32_t end;
        memcpy(&end, Bytes(1) + row * int64_t{sizeof end}, sizeof end);
        return end;
    }

    std::string Piece(int64_t row) const
    {
        const auto n = static_cast<size_t>(End(row + 1) - End(row));
        return n == 0 ? std::string() : std::string(static_cast<const char *>(array_.buffers[2]) + End(row), n);
    }

    Column Items() const { return {*array_.children[0], *schema_.children[0]}; }

    // NOLINTNEXTLINE(misc-no-recursion): the items of a list are no lists
    void Check() const
    {
        int64_t nNull = 0;
        Require(array_.offset == 0 && array_.length >= 0 && array_.release && !array_.dictionary, "a plain column");
        for (int64_t row = 0; row < array_.length; row++)
            nNull += IsNull(row);
        Require(nNull == array_.null_count, "NULLs are counted");
        Require(nNull == 0 || (schema_.flags & ARROW_FLAG_NULLABLE), "NULLs only where they may be");
        Require(array_.n_children == schema_.n_children, "as many children as the schema has");
        switch (schema_.format[0]) {
        case 'u':
        case 'z':
            Require(array_.n_buffers == 3, "texts have three buffers");
            CheckEnds();
            CheckUtf8();
            break;
        case '+':
            Require(array_.n_buffers == 2 && strcmp(schema_.format, "+l") == 0, "a list");
            CheckEnds();
            Items().Check();
            Require(Items().Rows() == (Rows() ? End(Rows()) : Items().Rows()), "a list's items are all there");
            break;
        default:
            Require(array_.n_buffers == 2, "numbers have two buffers");
        }
    }

  private:
    const uint8_t *Bytes(int buffer) const { return static_cast<const uint8_t *>(array_.buffers[buffer]); }

    void CheckEnds() const
    {
        Require(array_.length == 0 || End(0) == 0, "the first begins at the beginning");
        for (int64_t row = 0; row < array_.length; row++) {
            Require(End(row) <= End(row + 1), "ends count up");
            Require(!IsNull(row) || End(row) == End(row + 1), "NULL takes no room");
        }
    }

    void CheckUtf8() const
    {
        for (int64_t row = 0; schema_.format[0] == 'u' && row < array_.length; row++) {
            const std::string text = Piece(row);
            Require(CPLIsUTF8(text.data(), static_cast<int>(text.size())), "texts are UTF-8");
        }
    }

    const ArrowArray &array_;
    const ArrowSchema &schema_;
};

// ---- the batch against the features ----

int64_t Milliseconds(const OGRFeature &feature, int field)
{
    int year, month, day, hour, minute, zone;
    float second;
    feature.GetFieldAsDateTime(field, &year, &month, &day, &hour, &minute, &second, &zone);
    struct tm time {
    };
    time.tm_year = year - 1900;
    time.tm_mon = month - 1;
    time.tm_mday = day;
    time.tm_hour = hour;
    time.tm_min = minute;
    return static_cast<int64_t>(CPLYMDHMSToUnixTime(&time)) * 1000 + std::lround(second * 1000);
}

void CheckList(const Column &column, int64_t row, const OGRFeature &feature, int field)
{
    const OGRField *raw = feature.GetRawFieldRef(field);
    const bool isReal = feature.GetDefnRef()->GetFieldDefn(field)->GetType() == OFTRealList;
    const int n = isReal ? raw->RealList.nCount : raw->Integer64List.nCount;
    Require(column.End(row + 1) - column.End(row) == n, "a list has as many items as the field");
    for (int i = 0; i < n; i++) {
        const int64_t word = column.Items().Word(column.End(row) + i);
        const void *expected = isReal ? static_cast<const void *>(&raw->RealList.paList[i])
                                      : &raw->Integer64List.paList[i];
        Require(memcmp(&word, expected, sizeof word) == 0, "the items of a list are those of the field");
    }
}

void CheckField(const Column &column, int64_t row, const OGRFeature &feature, int field)
{
    Require(column.IsNull(row) == !feature.IsFieldSetAndNotNull(field), "NULL is NULL");
    if (column.IsNull(row))
        return;
    const OGRFieldDefn *defn = feature.GetDefnRef()->GetFieldDefn(field);
    double real;
    int64_t word;
    switch (defn->GetType()) {
    case OFTInteger:
        Require(column.Bit(1, row) == (feature.GetFieldAsInteger(field) != 0), "a truth is the field's");
        break;
    case OFTInteger64:
        Require(column.Word(row) == feature.GetFieldAsInteger64(field), "a whole number is the field's");
        break;
    case OFTReal:
        real = feature.GetFieldAsDouble(field);
        memcpy(&word, &real, sizeof word);
        Require(column.Word(row) == word, "a number is the field's");
        break;
    case OFTDateTime: // a float holds the seconds
        Require(std::llabs(column.Word(row) - Milliseconds(feature, field)) <= 1, "a time is the field's");
        break;
    case OFTString:
        Require(column.Piece(row) == feature.GetFieldAsString(field), "a text is the field's");
        break;
    default:
        CheckList(column, row, feature, field);
    }
}

void CheckShape(const Column &column, int64_t row, const OGRFeature &feature)
{
    const OGRGeometry *geometry = feature.GetGeometryRef();
    Require(column.IsNull(row) == !geometry, "a shape is there where the feature has one");
    if (!geometry)
        return;
    std::string wkb(static_cast<size_t>(geometry->WkbSize()), '\0');
    geometry->exportToWkb(wkbNDR, reinterpret_cast<unsigned char *>(wkb.data()), wkbVariantIso);
    Require(column.Piece(row) == wkb, "a shape is the feature's, byte for byte");
}

struct Subject {
    const mly_layer *layer;
    const mly::Definition &definition;
    const ArrowSchema &schema;
};

void CheckBatch(const Subject &subject, const ArrowArray &batch, const std::vector<const mly_row *> &rows)
{
    const OGRFeatureDefn *defn = subject.definition.Get();
    const mly::FieldUse fields(subject.definition.Get(), nullptr, false);
    Require(batch.length == static_cast<int64_t>(rows.size()) && batch.n_children == subject.schema.n_children &&
                batch.null_count == 0 && batch.n_buffers == 1 && batch.offset == 0,
            "a batch has its rows and the schema's columns");
    for (int64_t i = 0; i < batch.n_children; i++) {
        Column(*batch.children[i], *subject.schema.children[i]).Check();
        Require(batch.children[i]->length == batch.length, "columns are as long as the batch");
    }
    for (int64_t row = 0; row < batch.length; row++) {
        const auto feature = subject.definition.MakeFeature(*rows[static_cast<size_t>(row)], fields);
        int64_t child = 0;
        const auto column = [&] {
            const Column next(*batch.children[child], *subject.schema.children[child]);
            child++;
            return next;
        };
        Require(column().Word(row) == feature->GetFID(), "the FID is the feature's");
        for (int field = 0; field < defn->GetFieldCount(); field++) {
            if (!defn->GetFieldDefn(field)->IsIgnored())
                CheckField(column(), row, *feature, field);
        }
        if (!defn->IsGeometryIgnored())
            CheckShape(column(), row, *feature);
        Require(child == batch.n_children, "no column is left over");
    }
}

// ---- ----

void Finish(const Subject &subject, mly::ArrowBatch &batch, const std::vector<const mly_row *> &rows)
{
    Require((batch.Size() == 0) == rows.empty(), "a batch without rows is empty");
    if (rows.empty())
        return;
    ArrowArray array{};
    batch.MoveTo(&array);
    CheckBatch(subject, array, rows);
    ArrowArray moved = *array.children[0]; // a consumer may take out a child and keep it
    array.children[0]->release = nullptr;
    array.release(&array);
    Require(!array.release, "what is released says so");
    moved.release(&moved);
}

void RunRows(const Subject &subject, const mly::ArrowLayout &layout, chance *luck)
{
    std::vector<std::unique_ptr<Sample>> samples;
    std::vector<const mly_row *> rows;
    mly::ArrowBatch batch(layout, subject.layer->shape, 1 + chance_below(luck, kMaxRows), chance_below(luck, 3000));
    while (!batch.IsFull() && luck->n_bytes > 0) {
        samples.push_back(std::make_unique<Sample>());
        RandomSample(subject.layer, *samples.back(), luck);
        batch.Append(samples.back()->row);
        rows.push_back(&samples.back()->row);
    }
    Finish(subject, batch, rows);
}

// Some rows of the tile, in some order, as one block or one by one, until the batch or the luck ends.
void AppendTile(const mly_mvt *mvt, mly::ArrowBatch &batch, std::vector<std::unique_ptr<mly_row>> &rows,
                std::vector<std::unique_ptr<mly_row_space>> &spaces, chance *luck)
{
    std::array<uint32_t, MLY_BLOCK_ROWS> numbers{};
    while (!batch.IsFull() && luck->n_bytes > 0 && mly_mvt_count(mvt) > 0) {
        mly_block block{};
        block.mvt = mvt;
        block.rows = numbers.data();
        block.n = static_cast<uint32_t>(1 + chance_below(luck, batch.Room()));
        for (uint32_t i = 0; i < block.n; i++)
            numbers[i] = static_cast<uint32_t>(chance_below(luck, mly_mvt_count(mvt)));
        const bool isWhole = chance_below(luck, 4) > 0;
        if (isWhole)
            batch.Append(block);
        for (uint32_t i = 0; i < block.n; i++) {
            spaces.push_back(std::make_unique<mly_row_space>());
            rows.push_back(std::make_unique<mly_row>());
            mly_block_row(&block, i, spaces.back().get(), rows.back().get());
            if (!isWhole)
                batch.Append(*rows.back());
        }
    }
}

void RunTile(const Subject &subject, const mly::ArrowLayout &layout, chance *luck)
{
    bytes tile{};
    mly_arena arena{};
    mly_mvt *mvt = nullptr;
    mly_error error{};
    std::vector<std::unique_ptr<mly_row>> owned;
    std::vector<std::unique_ptr<mly_row_space>> spaces;
    std::vector<const mly_row *> rows;
    mly::ArrowBatch batch(layout, subject.layer->shape, 1 + chance_below(luck, kMaxRows), chance_below(luck, 3000));
    random_tile_layer(&tile, subject.layer->tile_layer, SHAPE_POINT, luck);
    mly_arena_init(&arena, mly_mem_system(), 16 << 20);
    const mly_status status = mly_mvt_open(bytes_view(&tile), {8574, 5735, 14}, subject.layer, &arena, &mvt, &error);
    Require(status == MLY_OK, "a tile that was made well is read");
    AppendTile(mvt, batch, owned, spaces, luck);
    rows.reserve(owned.size());
    for (const auto &row : owned)
        rows.push_back(row.get());
    Finish(subject, batch, rows);
    mly_arena_fini(&arena);
    bytes_free(&tile);
}

void Run(const Subject &subject, chance *luck)
{
    const std::optional<mly::ArrowLayout> layout = mly::MakeArrowLayout(subject.schema, subject.definition);
    Require(layout.has_value(), "GDAL's schema of a layer can be filled");
    if (subject.layer->shape == MLY_POINT && subject.layer->tile_layer && chance_below(luck, 2))
        RunTile(subject, *layout, luck);
    else
        RunRows(subject, *layout, luck);
}

mly::Settings RandomSettings(const mly_layer *layer, chance *luck)
{
    mly::Settings settings;
    const uint64_t fields = chance_next(luck);
    for (uint32_t i = 0; i < layer->n_columns; i++) {
        if (layer->columns[i].origin == MLY_FROM_GRAPH && fields >> i & 1)
            settings.fields.AddString(layer->columns[i].name);
    }
    if (chance_below(luck, 2)) {
        settings.near.emplace();
        settings.near->is_looking = chance_below(luck, 2);
    }
    return settings;
}
} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 24)
        return 0;
    chance luck{};
    luck.bytes = data;
    luck.n_bytes = size;
    const mly_layer *layer = mly_schema_layer(static_cast<uint32_t>(chance_below(&luck, mly_schema_count())));
    const mly::Definition definition(layer, RandomSettings(layer, &luck));
    Layer source(definition);
    ArrowArrayStream stream{};
    ArrowSchema schema{};
    CPLStringList ignored;
    const uint64_t which = chance_next(&luck);
    for (int i = 0; i < definition.Get()->GetFieldCount(); i++) {
        if (which >> i & which >> 32 & 1)
            ignored.AddString(definition.Get()->GetFieldDefn(i)->GetNameRef());
    }
    if (which >> 60 == 1)
        ignored.AddString("OGR_GEOMETRY");
    Require(source.SetIgnoredFields(const_cast<mly::IgnoredFields>(ignored.List())) == OGRERR_NONE,
            "fields are ignored");
    Require(source.GetArrowStream(&stream, nullptr) && stream.get_schema(&stream, &schema) == 0, "there is a schema");
    Run({layer, definition, schema}, &luck);
    schema.release(&schema);
    stream.release(&stream);
    return 0;
}
