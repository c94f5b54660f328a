// SPDX-License-Identifier: MIT
// waiting.h — rows of a block that wait to be handed out, together or one by one.
// Owner: the rows are the reader's, until the next call on it. Threads: the layer's.
#pragma once

#include <array>
#include <memory>

#include "core/block.h"

namespace mly
{
class WaitingRows
{
  public:
    uint32_t Size() const
    {
        return block_.n;
    }

    // All of them.
    const mly_block &Get() const
    {
        return block_;
    }

    // In place of those before.
    void Set(const mly_block &block)
    {
        block_ = block;
        nMade_ = 0;
    }

    void Clear()
    {
        Set({});
    }

    // The first one, which is there. Valid until the next call.
    const mly_row &Take();

  private:
    struct Made
    {
        mly_row_spaces spaces;
        std::array<mly_row, MLY_ROW_SPACES> rows;
    };

    mly_block block_{};
    std::unique_ptr<Made> made_;     // large, and most layers are never read
    uint32_t next_ = 0, nMade_ = 0;  // of the rows in it: the first to be taken; those from there on
};
}  // namespace mly
