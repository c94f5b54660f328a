// SPDX-License-Identifier: MIT
// report.h — the core's errors become GDAL's. The only caller of CPLError and CPLDebug.
// Owner: nothing is kept. Threads: GDAL's error state is the thread's.
#pragma once

#include "core/status.h"

namespace mly
{
// Raises CE_Failure with the core's message.
void ReportError(const mly_error &error);

// Raises CE_Failure for what the user got wrong; never with a secret in it.
void ReportUsage(const char *format, ...) MLY_PRINTF(1, 2);

// Raises CE_Warning. Has the form of mly_debug_fn; `ctx` is not used.
void Warn(void *ctx, const char *text);

// Whether lines for CPL_DEBUG=MAPILLARY may be shown: what is costly to tell need not be found out otherwise.
bool IsDebugging();

// A line under CPL_DEBUG=MAPILLARY. Has the form of mly_debug_fn; `ctx` is not used.
void Debug(void *ctx, const char *text);
}  // namespace mly
