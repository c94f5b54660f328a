// SPDX-License-Identifier: MIT
#include "arrow.h"

#include <cpl_conv.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

#include "core/limits.h"
#include "memory.h"
#include "moment.h"
#include "text.h"
#include "wkb.h"

namespace mly
{
namespace
{
// ---- layout ----

// How GDAL's schema spells what a column of each type can be given as.
struct Form
{
    const char *format;  // behind a colon stands a time zone; moments are the same in all of them
    const char *item;    // of lists
    mly_type type;
    ArrowKind kind;
};

constexpr Form kForms[] = {
    {"b", nullptr, MLY_BOOL, ArrowKind::kBits},  {"l", nullptr, MLY_INT, ArrowKind::kWords},
    {"g", nullptr, MLY_REAL, ArrowKind::kWords}, {"tsm:", nullptr, MLY_TIME, ArrowKind::kWords},
    {"u", nullptr, MLY_TEXT, ArrowKind::kText},  {"u", nullptr, MLY_TIME, ArrowKind::kMoment},
    {"+l", "l", MLY_INTS, ArrowKind::kList},     {"+l", "g", MLY_REALS, ArrowKind::kList},
};

bool HasFormat(const ArrowSchema &schema, const char *format)
{
    const size_t n = strlen(format);
    return format[n - 1] == ':' ? strncmp(schema.format, format, n) == 0 : strcmp(schema.format, format) == 0;
}

bool Fits(const ArrowSchema &schema, const Form &form)
{
    return !schema.dictionary && HasFormat(schema, form.format) &&
           (!form.item || (schema.n_children == 1 && HasFormat(*schema.children[0], form.item)));
}

// The layer's columns that GDAL shows, in its order.
std::vector<int> ShownColumns(const Definition &definition)
{
    std::vector<int> shown;
    for (size_t i = 0; i < definition.Columns().size(); i++)
    {
        if (!definition.Get()->GetFieldDefn(static_cast<int>(i))->IsIgnored())
            shown.push_back(definition.Columns()[i]);
    }
    return shown;
}

// ---- memory ----

constexpr size_t kUsualBytes = 24;  // a point takes 21, the id of a sequence 22

class GiveBack
{
  public:
    explicit GiveBack(const mly_mem *mem = nullptr) : mem_(mem)
    {
    }

    void operator()(void *block) const noexcept
    {
        mem_->release(mem_->ctx, block);
    }

  private:
    const mly_mem *mem_;
};
using Block = std::unique_ptr<void, GiveBack>;

// Bytes that grow, aligned and padded as Arrow recommends it. What was not written is not defined.
class Memory
{
  public:
    const uint8_t *Get() const
    {
        return data_;
    }

    uint8_t *Get()
    {
        return data_;
    }

    template <class T> T *As()
    {
        return reinterpret_cast<T *>(data_);  // aligned for all
    }

    size_t Capacity() const
    {
        return capacity_;
    }

    // Room for so many bytes in all, of which the first `nUsed` are kept.
    void Reserve(size_t n, size_t nUsed)
    {
        if (n <= capacity_)
            return;
        const size_t capacity = (n + kAlignment - 1) / kAlignment * kAlignment;
        const mly_mem *mem = SharedMemory();
        Block grown(mem->alloc(mem->ctx, capacity + kAlignment), GiveBack(mem));
        if (!grown)
            throw std::bad_alloc();
        void *data = grown.get();
        size_t room = capacity + kAlignment;
        std::align(kAlignment, capacity, data, room);
        if (nUsed > 0)
            memcpy(data, data_, nUsed);
        block_ = std::move(grown);
        data_ = static_cast<uint8_t *>(data);
        capacity_ = capacity;
    }

  private:
    static constexpr size_t kAlignment = 64;

    Block block_;
    uint8_t *data_ = nullptr;  // in it
    size_t capacity_ = 0;
};

// A consumer may have moved a child out, and releases it itself.
struct ReleaseChild
{
    void operator()(ArrowArray *child) const noexcept
    {
        if (child->release)
            child->release(child);
        delete child;
    }
};
using ChildPtr = std::unique_ptr<ArrowArray, ReleaseChild>;

// What an array lives on, until it is released.
struct Held
{
    std::array<Memory, 3> memory;
    std::array<const void *, 3> buffers{};
    std::vector<ChildPtr> children;
    std::vector<ArrowArray *> childPointers;
};

void Release(ArrowArray *array) noexcept
{
    delete static_cast<Held *>(array->private_data);
    array->release = nullptr;
}

// An array that owns what `held` has; its first `nBuffers` pieces of memory are its buffers.
ChildPtr MakeArray(std::unique_ptr<Held> held, int64_t nBuffers, size_t length, int64_t nNull)
{
    for (size_t i = 0; i < held->memory.size(); i++)
        held->buffers[i] = held->memory[i].Get();
    for (const ChildPtr &child : held->children)
        held->childPointers.push_back(child.get());
    ChildPtr array(new ArrowArray{});
    array->length = static_cast<int64_t>(length);
    array->null_count = nNull;
    array->n_buffers = nBuffers;
    array->n_children = static_cast<int64_t>(held->children.size());
    array->buffers = held->buffers.data();
    array->children = held->childPointers.empty() ? nullptr : held->childPointers.data();
    array->release = Release;
    array->private_data = held.release();
    return array;
}
}  // namespace

std::optional<ArrowLayout> MakeArrowLayout(const ArrowSchema &schema, const Definition &definition)
{
    const std::vector<int> shown = ShownColumns(definition);
    const bool hasShape = !definition.Get()->IsGeometryIgnored();
    const int64_t nOthers = schema.n_children - static_cast<int64_t>(shown.size()) - (hasShape ? 1 : 0);
    ArrowSchema **child = schema.children;
    ArrowLayout layout;
    if (nOthers < 0 || nOthers > 1)
        return std::nullopt;
    if (nOthers == 1)
    {
        if (!HasFormat(**child++, "l"))
            return std::nullopt;
        layout.push_back({ArrowKind::kId, 0});
    }
    for (const int column : shown)
    {
        const ArrowSchema &field = **child++;
        const mly_type type = definition.TypeOf(column);
        const Form *form = std::find_if(std::begin(kForms), std::end(kForms),
                                        [&](const Form &each) { return each.type == type && Fits(field, each); });
        if (form == std::end(kForms))
            return std::nullopt;
        layout.push_back({form->kind, column});
    }
    if (hasShape)
    {
        if (!HasFormat(**child, "z"))
            return std::nullopt;
        layout.push_back({ArrowKind::kShape, 0});
    }
    return layout;
}

// ---- columns ----

// A column on its way: memory in the order of Arrow's buffers, but that the values of lists will be a child's.
struct ArrowBatch::Column
{
    ArrowColumn what;
    Memory valid;   // a bit for each row, set but where there is nothing
    Memory values;  // words or bits; of texts, lists and shapes where each begins, and where the last ends
    Memory bytes;   // of texts, lists and shapes
    size_t nBytes = 0;
    int64_t nNull = 0;
};

namespace
{
using Column = ArrowBatch::Column;

void ReserveBits(Memory &bits, size_t rows, size_t used, int fill)
{
    const size_t nUsed = (used + 7) / 8;
    bits.Reserve((rows + 7) / 8, nUsed);
    memset(bits.Get() + nUsed, fill, bits.Capacity() - nUsed);
}

// Room for that many rows in all.
void ReserveRows(Column &column, size_t rows, size_t used)
{
    ReserveBits(column.valid, rows, used, 0xFF);
    switch (column.what.kind)
    {
        case ArrowKind::kBits:
            ReserveBits(column.values, rows, used, 0);
            break;
        case ArrowKind::kId:
        case ArrowKind::kWords:
            column.values.Reserve(rows * sizeof(int64_t), used * sizeof(int64_t));
            break;
        default:
            column.values.Reserve((rows + 1) * sizeof(int32_t), used > 0 ? (used + 1) * sizeof(int32_t) : 0);
            column.bytes.Reserve(rows * kUsualBytes, column.nBytes);
            column.values.As<int32_t>()[0] = 0;
    }
}

void PutNull(Column &column, size_t row)
{
    column.valid.Get()[row / 8] &= static_cast<uint8_t>(~(1U << row % 8));
    column.nNull++;
}

void PutBit(Column &column, size_t row, const mly_value &value)
{
    if (value.type == MLY_NULL)
        PutNull(column, row);
    else if (value.as.i != 0)
        column.values.Get()[row / 8] |= static_cast<uint8_t>(1U << row % 8);
}

void PutWord(Column &column, size_t row, const mly_value &value)
{
    int64_t *word = column.values.As<int64_t>() + row;
    *word = 0;
    if (value.type == MLY_NULL)
        PutNull(column, row);
    else
        memcpy(word, &value.as, sizeof value.as);
}

// Where the next `n` bytes go.
uint8_t *Grow(Column &column, size_t n)
{
    if (n > std::numeric_limits<int32_t>::max() - column.nBytes)
        throw std::length_error(
            "a row is too large for a batch of columns; read row by row (OGR2OGR_USE_ARROW_API=NO)");
    if (n > column.bytes.Capacity() - column.nBytes)
        column.bytes.Reserve(std::max(column.nBytes + n, 2 * column.bytes.Capacity()), column.nBytes);
    uint8_t *at = column.bytes.Get() + column.nBytes;
    column.nBytes += n;
    return at;
}

void PutBytes(Column &column, const void *data, size_t n)
{
    if (n > 0)
        memcpy(Grow(column, n), data, n);
}

void PutEnd(Column &column, size_t row, size_t at)
{
    column.values.As<int32_t>()[row + 1] = static_cast<int32_t>(at);
}

void PutText(Column &column, size_t row, const mly_value &value)
{
    if (value.type == MLY_NULL)
        PutNull(column, row);
    else if (IsPlain(value.as.text, value.n_bytes))
        PutBytes(column, value.as.text, value.n_bytes);
    else
    {
        const std::unique_ptr<char, decltype(&VSIFree)> text(MakeString(value), VSIFree);
        PutBytes(column, text.get(), strlen(text.get()));
    }
    PutEnd(column, row, column.nBytes);
}

void PutMoment(Column &column, size_t row, const mly_value &value)
{
    char text[kMomentText] = "";
    if (value.type == MLY_NULL)
        PutNull(column, row);
    else
        PutBytes(column, text, WriteMoment(value.as.i, text));
    PutEnd(column, row, column.nBytes);
}

void PutList(Column &column, size_t row, const mly_value &value)
{
    if (value.type == MLY_NULL)
        PutNull(column, row);
    else
        PutBytes(column, value.as.ints, value.n_bytes);
    PutEnd(column, row, column.nBytes / sizeof(int64_t));
}

void PutShape(Column &column, size_t row, const mly_row &from, mly_shape shape)
{
    const size_t n = WkbSize(from, shape);
    if (n == 0)
        PutNull(column, row);
    else
        WriteWkb(from, shape, Grow(column, n));
    PutEnd(column, row, column.nBytes);
}

void Put(Column &column, size_t row, const mly_row &from, mly_shape shape)
{
    const mly_value &value = from.values[column.what.column];
    switch (column.what.kind)
    {
        case ArrowKind::kId:
            column.values.As<int64_t>()[row] = from.id;
            break;
        case ArrowKind::kBits:
            PutBit(column, row, value);
            break;
        case ArrowKind::kWords:
            PutWord(column, row, value);
            break;
        case ArrowKind::kText:
            PutText(column, row, value);
            break;
        case ArrowKind::kMoment:
            PutMoment(column, row, value);
            break;
        case ArrowKind::kList:
            PutList(column, row, value);
            break;
        case ArrowKind::kShape:
            PutShape(column, row, from, shape);
            break;
    }
}

// ---- columns of blocks ----

// Numbers, times or booleans of a block's rows.
struct Words
{
    std::array<int64_t, MLY_BLOCK_ROWS> words;
    std::array<bool, MLY_BLOCK_ROWS> areThere;
    uint32_t nThere;
};

void Read(const ArrowColumn &what, const mly_block &block, Words &out)
{
    out.nThere = mly_block_words(&block, static_cast<uint32_t>(what.column), out.words.data(), out.areThere.data());
}

mly_value ValueOf(const Words &words, size_t i, mly_type type)
{
    mly_value value{};
    if (!words.areThere[i])
        return value;
    value.as.i = words.words[i];
    value.type = type;
    return value;
}

void PutWords(Column &column, size_t row, const mly_block &block)
{
    Words words;
    Read(column.what, block, words);
    if (words.nThere == block.n)
    {
        memcpy(column.values.As<int64_t>() + row, words.words.data(), block.n * sizeof(int64_t));
        return;
    }
    for (size_t i = 0; i < block.n; i++)
        PutWord(column, row + i, ValueOf(words, i, MLY_INT));
}

void PutBits(Column &column, size_t row, const mly_block &block)
{
    Words words;
    Read(column.what, block, words);
    for (size_t i = 0; i < block.n; i++)
        PutBit(column, row + i, ValueOf(words, i, MLY_BOOL));
}

void PutMoments(Column &column, size_t row, const mly_block &block)
{
    Words words;
    Read(column.what, block, words);
    for (size_t i = 0; i < block.n; i++)
        PutMoment(column, row + i, ValueOf(words, i, MLY_TIME));
}

void PutTexts(Column &column, size_t row, const mly_block &block)
{
    mly_block_text texts;
    mly_block_texts(&block, static_cast<uint32_t>(column.what.column), &texts);
    for (size_t i = 0; i < block.n; i++)
        PutText(column, row + i, texts.texts[i]);
}

void PutPoints(Column &column, size_t row, const mly_block &block)
{
    std::array<double, MLY_BLOCK_ROWS> longitudes;
    std::array<double, MLY_BLOCK_ROWS> latitudes;
    const size_t begin = column.nBytes;
    mly_block_points(&block, longitudes.data(), latitudes.data());
    WriteWkbPoints(longitudes.data(), latitudes.data(), block.n, Grow(column, block.n * kWkbPoint));
    for (size_t i = 0; i < block.n; i++)
        PutEnd(column, row + i, begin + (i + 1) * kWkbPoint);
}

void PutBlock(Column &column, size_t row, const mly_block &block)
{
    switch (column.what.kind)
    {
        case ArrowKind::kId:
            mly_block_ids(&block, column.values.As<int64_t>() + row);
            break;
        case ArrowKind::kBits:
            PutBits(column, row, block);
            break;
        case ArrowKind::kWords:
            PutWords(column, row, block);
            break;
        case ArrowKind::kText:
            PutTexts(column, row, block);
            break;
        case ArrowKind::kMoment:
            PutMoments(column, row, block);
            break;
        case ArrowKind::kList:  // tiles carry none
            for (size_t i = 0; i < block.n; i++)
                PutList(column, row + i, mly_value{});
            break;
        case ArrowKind::kShape:
            PutPoints(column, row, block);
            break;
    }
}

ChildPtr MoveColumn(Column &column, size_t rows)
{
    auto held = std::make_unique<Held>();
    if (column.nNull > 0)
        held->memory[0] = std::move(column.valid);
    held->memory[1] = std::move(column.values);
    if (column.what.kind == ArrowKind::kList)
    {
        auto items = std::make_unique<Held>();
        items->memory[1] = std::move(column.bytes);
        held->children.push_back(MakeArray(std::move(items), 2, column.nBytes / sizeof(int64_t), 0));
    }
    else
    {
        held->memory[2] = std::move(column.bytes);
    }
    const bool hasThree = column.what.kind == ArrowKind::kText || column.what.kind == ArrowKind::kMoment ||
                          column.what.kind == ArrowKind::kShape;
    return MakeArray(std::move(held), hasThree ? 3 : 2, rows, column.nNull);
}
}  // namespace

// ---- batches ----

// A small result has small columns; of a large one, each batch is as large as the one before.
ArrowBatch::ArrowBatch(const ArrowLayout &layout, mly_shape shape, size_t maxRows, size_t expectedRows)
    : shape_(shape), maxRows_(maxRows)
{
    constexpr size_t kFewRows = 1024;
    for (const ArrowColumn &what : layout)
        columns_.emplace_back().what = what;
    Reserve(std::min(maxRows, std::max(expectedRows, kFewRows)));
}

ArrowBatch::~ArrowBatch() = default;

bool ArrowBatch::IsFull() const
{
    return nRows_ >= maxRows_ || nBytes_ >= size_t{MLY_LIMIT_ARROW_BYTES};
}

void ArrowBatch::Reserve(size_t rows)
{
    for (Column &column : columns_)
        ReserveRows(column, rows, nRows_);
    capacity_ = rows;
}

void ArrowBatch::MakeRoom(size_t n)
{
    if (n > capacity_ - nRows_)
        Reserve(std::min(maxRows_, 2 * capacity_));
}

void ArrowBatch::Count(size_t n)
{
    nRows_ += n;
    nBytes_ = 0;
    for (const Column &column : columns_)
        nBytes_ += column.nBytes;
}

void ArrowBatch::Append(const mly_row &row)
{
    MakeRoom(1);
    for (Column &column : columns_)
        Put(column, nRows_, row, shape_);
    Count(1);
}

void ArrowBatch::Append(const mly_block &block)
{
    MakeRoom(block.n);
    for (Column &column : columns_)
        PutBlock(column, nRows_, block);
    Count(block.n);
}

void ArrowBatch::MoveTo(ArrowArray *out)
{
    auto held = std::make_unique<Held>();
    for (Column &column : columns_)
        held->children.push_back(MoveColumn(column, nRows_));
    columns_.clear();
    const ChildPtr array = MakeArray(std::move(held), 1, nRows_, 0);
    *out = *array;
    array->release = nullptr;  // moved out
}
}  // namespace mly
