// SPDX-License-Identifier: MIT
#include "waiting.h"

#include <algorithm>

namespace mly
{
const mly_row &WaitingRows::Take()
{
    if (!made_)
        made_ = std::make_unique<Made>();  // zeroed, as rows want it
    if (nMade_ == 0)
    {
        nMade_ = std::min<uint32_t>(block_.n, MLY_ROW_SPACES);
        next_ = 0;
        mly_block_rows(&block_, nMade_, &made_->spaces, made_->rows.data());
    }
    block_.rows++;
    block_.n--;
    nMade_--;
    return made_->rows[next_++];
}
}  // namespace mly
