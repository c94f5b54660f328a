// SPDX-License-Identifier: MIT
// arrow.h — rows as batches of columns, in the form of Arrow's C data interface: what GetArrowStream() gives without
// an OGRFeature in between. The schema is GDAL's own, of whatever version, and says how the columns have to lie.
// Owner: a batch owns its columns until MoveTo(); then the array does, which may be released at any time, its children
// apart, after the stream, the layer and the dataset. Threads: one batch, one thread; an array, any one at a time.
// Errors: std::bad_alloc, or std::length_error where a row is too large for a batch; the batch is then of no use.
#pragma once

#include <ogr_recordbatch.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "core/block.h"
#include "definition.h"

namespace mly
{
enum class ArrowKind
{
    kId,     // the row's id: GDAL's column for the FID
    kBits,   // booleans
    kWords,  // 64 bits: whole numbers, real ones, milliseconds
    kText,
    kMoment,  // a time as text, where GDAL's schema wants it so
    kList,    // of 64 bits each
    kShape    // well-known binary
};

struct ArrowColumn
{
    ArrowKind kind;
    int column;  // of the row's values, where it is one of them
};

using ArrowLayout = std::vector<ArrowColumn>;

// Nothing when the schema, which GDAL made of the definition, has columns of a form that is not known here, as options
// of newer versions can bring them.
std::optional<ArrowLayout> MakeArrowLayout(const ArrowSchema &schema, const Definition &definition);

class ArrowBatch
{
  public:
    // `expectedRows` is how many there may be: a guess, which costs memory or copies where it is wrong.
    ArrowBatch(const ArrowLayout &layout, mly_shape shape, size_t maxRows, size_t expectedRows);
    ~ArrowBatch();
    ArrowBatch(const ArrowBatch &) = delete;
    ArrowBatch &operator=(const ArrowBatch &) = delete;

    // After `maxRows` rows, or sooner when they are large.
    bool IsFull() const;

    size_t Size() const
    {
        return nRows_;
    }

    // How many rows still fit into it, MLY_BLOCK_ROWS at most.
    uint32_t Room() const
    {
        return static_cast<uint32_t>(std::min<size_t>(maxRows_ - nRows_, MLY_BLOCK_ROWS));
    }

    void Append(const mly_row &row);

    // Rows of points, not more than there is room for.
    void Append(const mly_block &block);

    // Leaves the batch without columns.
    void MoveTo(ArrowArray *out);

    struct Column;

  private:
    void Reserve(size_t rows);
    void MakeRoom(size_t n);
    void Count(size_t n);

    std::vector<Column> columns_;
    const mly_shape shape_;
    const size_t maxRows_;
    size_t capacity_ = 0;
    size_t nRows_ = 0;
    size_t nBytes_ = 0;  // of texts, lists and shapes
};
}  // namespace mly
