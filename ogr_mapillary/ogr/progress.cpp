// SPDX-License-Identifier: MIT
#include "progress.h"

#include <gdal.h>

#include <algorithm>
#include <atomic>

namespace mly
{
namespace
{
constexpr uint64_t kFewTiles = 8;      // are read before anybody would look
constexpr double kNearlyDone = 0.999;  // only the end is the end

// GDAL's bar has one state for the whole process, and so has the terminal.
std::atomic<bool> &Terminal()
{
    static std::atomic<bool> isTaken{false};
    return isTaken;
}
}  // namespace

ProgressBar::~ProgressBar()
{
    Stop();
}

mly_progress *ProgressBar::Begin()
{
    Stop();
    progress_ = mly_progress{Tell, this, 0, 0};
    return &progress_;
}

void ProgressBar::Finish()
{
    if (isShown_)
        GDALTermProgress(1.0, nullptr, nullptr);
    Stop();
}

void ProgressBar::Stop()
{
    if (isShown_)
        Terminal() = false;
    isShown_ = false;
    isLate_ = false;
    shown_ = 0.0;
}

// A mly_progress_fn: called by C, and nothing in it throws.
void ProgressBar::Tell(void *bar, uint64_t done, uint64_t total) noexcept
{
    static_cast<ProgressBar *>(bar)->Show(done, total);
}

void ProgressBar::Show(uint64_t done, uint64_t total)
{
    if (isLate_ || (!isShown_ && total <= kFewTiles))
        return;
    if (!isShown_)
        isLate_ = Terminal().exchange(true);
    if (isLate_)
        return;
    isShown_ = true;
    const double now = static_cast<double>(done) / static_cast<double>(std::max(total, done));
    shown_ = std::max(shown_, std::min(now, kNearlyDone));
    GDALTermProgress(shown_, nullptr, nullptr);
}
}  // namespace mly
