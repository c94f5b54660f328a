// SPDX-License-Identifier: MIT
// report.h — the core's errors become GDAL's. The only caller of CPLError and CPLDebug.
// Owner: nothing is kept. Threads: GDAL's error state is the thread's.
#pragma once

#include <cpl_error.h>

#include <string>
#include <vector>

#include "core/status.h"

namespace mly
{
// Raises CE_Failure with the core's message.
void ReportError(const mly_error &error);

// Raises CE_Failure for what the user got wrong; never with a secret in it.
void ReportUsage(const char *format, ...) MLY_PRINTF(1, 2);

// Raises CE_Warning. Has the form of mly_debug_fn; `ctx` is not used. C calls it, so what a program's handler throws
// ends here.
void Warn(void *ctx, const char *text) noexcept;

// Whether lines for CPL_DEBUG=MAPILLARY may be shown: what is costly to tell need not be found out otherwise.
bool IsDebugging();

// A line under CPL_DEBUG=MAPILLARY, likewise.
void Debug(void *ctx, const char *text) noexcept;

// Likewise of CPL_DEBUG=MAPILLARY_PLAN, which has more lines: whether they may be shown, and a text of some, of which
// the first are shown and the others counted.
bool IsDebuggingPlans();
void DebugPlan(const char *text, size_t n);

// Counts the failures that GDAL reports in its life, and passes everything on at its end: the last error alone does not
// tell, since a warning after it hides a failure.
class ErrorCount
{
  public:
    explicit ErrorCount(int &nFailures);
    ~ErrorCount();
    ErrorCount(const ErrorCount &) = delete;
    ErrorCount &operator=(const ErrorCount &) = delete;

  private:
    struct Message
    {
        CPLErr type;
        CPLErrorNum number;
        std::string text;
    };
    static void CPL_STDCALL Hear(CPLErr type, CPLErrorNum number, const char *text);
    int &nFailures_;
    std::vector<Message> heard_;
};
}  // namespace mly
