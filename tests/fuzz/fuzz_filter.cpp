// SPDX-License-Identifier: MIT
// Attribute filters as users and project files write them: what the core makes of one never refuses a feature that GDAL
// itself keeps, and the values that it demands are those of all features that pass.
// Input: a byte that chooses the layer, and the filter's text.
#include <cpl_error.h>
#include <cpl_string.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "fuzz.h"
#include "ogr/definition.h"
#include "ogr/filter.h"
#include "ogr/residual.h"
#include "unit/support/chance.h"

namespace {
constexpr int kRows = 12;

void Require(bool holds, const char *what, const std::string &filter)
{
    if (holds)
        return;
    (void)fprintf(stderr, "not so: %s: %s\n", what, filter.c_str());
    abort();
}

mly_value Text(const char *text, size_t n)
{
    mly_value value{};
    value.type = MLY_TEXT;
    value.as.text = text;
    value.n_bytes = static_cast<uint32_t>(n);
    return value;
}

mly_value RandomValue(mly_type type, chance *luck)
{
    static constexpr std::array<int64_t, 9> kWholes{1, 2, 7, 42, -1, 0, 9007199254740993, INT64_MAX, 1000};
    static constexpr std::array<double, 7> kReals{0.0, -0.5, 1.0, 1.5, 359.9, 9007199254740992.0, 1e300};
    static constexpr std::array<int64_t, 5> kTimes{1, 1609459200000, 1609459200500, 1623542400123, MLY_TIME_MAX};
    static constexpr std::array<const char *, 8> kTexts{"a", "A", "ab", "a%", "i", "I", "1", "\xc3\xa9"};
    static constexpr std::array<int64_t, 2> kInts{1, 7};
    static constexpr std::array<double, 2> kFloats{0.5, 1.0};
    mly_value value{};
    if (chance_below(luck, 4) == 0)
        return value;
    value.type = type;
    switch (type) {
    case MLY_BOOL:
        value.as.i = static_cast<int64_t>(chance_below(luck, 2));
        break;
    case MLY_INT:
        value.as.i = kWholes[chance_below(luck, kWholes.size())];
        break;
    case MLY_REAL:
        value.as.r = kReals[chance_below(luck, kReals.size())];
        break;
    case MLY_TIME:
        value.as.i = kTimes[chance_below(luck, kTimes.size())];
        break;
    case MLY_TEXT: {
        const char *text = kTexts[chance_below(luck, kTexts.size())];
        return Text(text, strlen(text));
    }
    case MLY_INTS:
        value.as.ints = kInts.data();
        value.n_bytes = sizeof kInts;
        break;
    case MLY_REALS:
        value.as.reals = kFloats.data();
        value.n_bytes = sizeof kFloats;
        break;
    default:
        break;
    }
    return value;
}

struct Sample {
    mly_row row{};
    std::array<mly_value, MLY_SCHEMA_MAX_COLUMNS> values{};
};

// A row as machines give them: without a usable id, the first column is NULL and the row's id -1.
void RandomSample(const mly_layer *layer, chance *luck, Sample &out)
{
    for (uint32_t i = 0; i < layer->n_columns; i++)
        out.values[i] = RandomValue(layer->columns[i].type, luck);
    mly_value &id = out.values[0];
    out.row.id = 77;
    if (id.type == MLY_INT && id.as.i <= 0)
        id = mly_value{};
    if (layer->columns[0].type == MLY_INT)
        out.row.id = id.type == MLY_INT ? id.as.i : -1;
    out.row.has_position = true;
    out.row.longitude = 8.5;
    out.row.latitude = 50.0;
    out.row.values = out.values.data();
}

bool IsDemanded(const mly_buf &demanded, const mly_value &value)
{
    const auto *values = reinterpret_cast<const mly_value *>(demanded.data);
    for (size_t i = 0; i < demanded.size / sizeof *values; i++) {
        if (values[i].type == MLY_INT && value.type == MLY_INT && values[i].as.i == value.as.i)
            return true;
        if (values[i].type == MLY_TEXT && value.type == MLY_TEXT && values[i].n_bytes == value.n_bytes &&
            EQUALN(values[i].as.text, value.as.text, value.n_bytes))
            return true;
    }
    return false;
}

// Of a column that may bound a read.
class Demand
{
  public:
    Demand(const mly_expr *expr, int column) : column_(column)
    {
        mly_buf_init(&values_, mly_mem_system(), 1 << 20);
        isMade_ = column >= 0 && mly_expr_demand(expr, column, &values_) == MLY_OK;
    }

    ~Demand() { mly_buf_fini(&values_); }

    Demand(const Demand &) = delete;
    Demand &operator=(const Demand &) = delete;

    bool Allows(const Sample &sample) const
    {
        return !isMade_ || IsDemanded(values_, sample.values[static_cast<size_t>(column_)]);
    }

  private:
    int column_;
    bool isMade_;
    mly_buf values_{};
};

struct Subject {
    const mly_layer *layer;
    std::unique_ptr<mly::Definition> definition;
};

const Subject &SubjectOf(uint8_t which)
{
    static std::array<std::unique_ptr<Subject>, 4> subjects;
    static constexpr std::array<const char *, 4> kLayers{"images", "sequences", "map_features", "detections"};
    const size_t i = which % kLayers.size();
    if (!subjects[i]) {
        mly::Settings settings;
        settings.fields.AddString("make");
        settings.fields.AddString("altitude");
        settings.fields.AddString("creator_username");
        settings.fields.AddString("camera_parameters");
        settings.fields.AddString("image_ids");
        const mly_layer *layer = mly_schema_find(kLayers[i]);
        subjects[i].reset(new Subject{layer, std::make_unique<mly::Definition>(layer, settings)});
    }
    return *subjects[i];
}

// Only what is a field: GDAL's filter cannot name the others.
uint64_t Known(const Subject &subject)
{
    uint64_t known = 0;
    for (const int column : subject.definition->Columns())
        known |= uint64_t{1} << column;
    return known;
}

void CheckRows(const Subject &subject, OGRFeatureQuery &query, mly::Residual &residual, const mly_expr *expr,
               const std::string &text)
{
    const mly::FieldUse fields(subject.definition->Get(), &query, false);
    const Demand byId(expr, 0);
    const Demand bySequence(expr, mly_schema_column(subject.layer, "sequence_id"));
    chance luck{};
    luck.state = static_cast<uint64_t>(mly_value_hash(0, text.data(), text.size()));
    for (int i = 0; i < kRows; i++) {
        Sample sample;
        RandomSample(subject.layer, &luck, sample);
        const auto feature = subject.definition->MakeFeature(sample.row, fields);
        const mly_truth truth = mly_expr_eval(expr, sample.row.id, sample.row.values, Known(subject));
        const bool isKept = residual.Passes(feature.get());
        Require(!isKept || truth != MLY_NO, "a feature that passes is not refused", text);
        Require(!isKept || !mly_expr_is_never(expr), "a filter that lets a feature pass is not never true", text);
        Require(!isKept || (byId.Allows(sample) && bySequence.Allows(sample)), "what passes is demanded", text);
    }
}
} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 600)
        return 0;
    std::string text(reinterpret_cast<const char *>(data + 1), size - 1);
    text.resize(strlen(text.c_str())); // a filter ends there, for everybody
    const Subject &subject = SubjectOf(data[0]);
    const CPLErrorHandlerPusher quiet(CPLQuietErrorHandler);
    OGRFeatureQuery query;
    mly::Residual residual;
    if (query.Compile(subject.definition->Get(), text.c_str(), true, nullptr) != OGRERR_NONE ||
        !residual.Set(&query, subject.definition->Get()))
        return 0;
    mly_arena arena{};
    mly_arena_init(&arena, mly_mem_system(), 4 << 20);
    const mly_expr *expr = mly::MakeExpr(&query, subject.layer, subject.definition->Columns(), &arena);
    Require(expr != nullptr, "a filter becomes a tree", text);
    CheckRows(subject, query, residual, expr, text);
    mly_arena_fini(&arena);
    return 0;
}
