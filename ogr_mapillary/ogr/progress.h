// SPDX-License-Identifier: MIT
// progress.h — GDAL's terminal progress bar for a long read (PROGRESS=YES).
// Owner: the layer; a bar must outlive the reads that it is given to. Threads: a bar is its layer's; all bars of the
// process share one terminal, which is the first one's until its read is over.
#pragma once

#include "core/progress.h"

namespace mly
{
class ProgressBar
{
  public:
    ProgressBar() = default;
    ProgressBar(const ProgressBar &) = delete;
    ProgressBar &operator=(const ProgressBar &) = delete;
    ~ProgressBar();

    // For the next read's options. The bar appears once that proves long.
    mly_progress *Begin();

    // The read came to its end.
    void Finish();

    // The read is over, but not at its end: the bar stays where it is. Harmless after Finish, and when repeated.
    void Stop();

  private:
    static void Tell(void *bar, uint64_t done, uint64_t total) noexcept;
    void Show(uint64_t done, uint64_t total);

    mly_progress progress_{};
    bool isShown_ = false;
    bool isLate_ = false;  // another one had the terminal when this one would have appeared
    double shown_ = 0.0;   // GDAL's bar begins anew when it is told of less
};
}  // namespace mly
