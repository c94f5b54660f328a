// SPDX-License-Identifier: MIT
#include "report.h"

#include <cpl_conv.h>
#include <cpl_error.h>
#include <cpl_string.h>

#include <algorithm>
#include <cstdarg>
#include <cstring>

namespace mly
{
namespace
{
// What scripts can tell apart by GDAL's error numbers.
CPLErrorNum NumberOf(mly_status code)
{
    switch (code)
    {
        case MLY_E_NOMEM:
            return CPLE_OutOfMemory;
        case MLY_E_ARG:
            return CPLE_IllegalArg;
        case MLY_E_NETWORK:
            return CPLE_HttpResponse;
        case MLY_E_IO:
            return CPLE_FileIO;
        default:
            return CPLE_AppDefined;
    }
}

// What to do about what only its place in the core knows the facts of. Messages of other codes say it themselves.
const char *AdviceOn(mly_status code)
{
    switch (code)
    {
        case MLY_E_NOMEM:
            return ". Read a smaller area, or one layer at a time";
        case MLY_E_CORRUPT:
            return ". Repeat the read; if that does not help, please report this message";
        case MLY_E_NETWORK:
            return ". Check the network and the proxy (GDAL_HTTP_PROXY), then repeat the read";
        default:
            return "";
    }
}
}  // namespace

void ReportError(const mly_error &error)
{
    CPLError(CE_Failure, NumberOf(error.code), "MAPILLARY: %s%s", error.text, AdviceOn(error.code));
}

void ReportUsage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mly_error error{MLY_E_ARG, ""};
    (void)vsnprintf(error.text, sizeof error.text, format, args);
    va_end(args);
    ReportError(error);
}

void Warn(void *, const char *text) noexcept
{
    try
    {
        CPLError(CE_Warning, CPLE_AppDefined, "MAPILLARY: %s", text);
    }
    catch (...)
    {
    }
}

namespace
{
bool IsDebugging(const char *category)
{
    const char *categories = CPLGetConfigOption("CPL_DEBUG", "OFF");
    return CPLTestBool(categories) || strstr(categories, category) != nullptr;
}
}  // namespace

bool IsDebugging()
{
    return IsDebugging("MAPILLARY");
}

bool IsDebuggingPlans()
{
    return IsDebugging("MAPILLARY_PLAN");
}

void DebugPlan(const char *text, size_t n)
{
    constexpr size_t kMostLines = 100;
    constexpr int kMostBytes = 2000;  // of a line; GDAL cuts it at some other place
    const char *end = text + n;
    size_t nLines = 0;
    for (const char *at = text; at < end; nLines++)
    {
        const char *next = std::find(at, end, '\n');
        const auto nBytes = static_cast<int>(std::min<ptrdiff_t>(next - at, kMostBytes));
        if (nLines < kMostLines)
            CPLDebug("MAPILLARY_PLAN", "%.*s%s", nBytes, at, next - at > nBytes ? " …" : "");
        at = next + 1;
    }
    if (nLines > kMostLines)
        CPLDebug("MAPILLARY_PLAN", "and %zu lines more", nLines - kMostLines);
}

void Debug(void *, const char *text) noexcept
{
    try
    {
        CPLDebug("MAPILLARY", "%s", text);
    }
    catch (...)
    {
    }
}

ErrorCount::ErrorCount(int &nFailures) : nFailures_(nFailures)
{
    CPLPushErrorHandlerEx(Hear, this);
    CPLSetCurrentErrorHandlerCatchDebug(FALSE);
}

ErrorCount::~ErrorCount()
{
    CPLPopErrorHandler();
    for (const Message &message : heard_)
        CPLError(message.type, message.number, "%s", message.text.c_str());
}

// A CPLErrorHandler: nothing may be thrown. A message that finds no memory counts all the same.
void ErrorCount::Hear(CPLErr type, CPLErrorNum number, const char *text)
{
    ErrorCount *count = static_cast<ErrorCount *>(CPLGetErrorHandlerUserData());
    count->nFailures_ += type == CE_Failure;
    try
    {
        count->heard_.push_back({type, number, text});
    }
    catch (...)
    {
    }
}
}  // namespace mly
