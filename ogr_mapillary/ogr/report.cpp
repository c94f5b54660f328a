// SPDX-License-Identifier: MIT
#include "report.h"

#include <cpl_conv.h>
#include <cpl_error.h>
#include <cpl_string.h>

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

void Warn(void *, const char *text)
{
    CPLError(CE_Warning, CPLE_AppDefined, "MAPILLARY: %s", text);
}

bool IsDebugging()
{
    const char *categories = CPLGetConfigOption("CPL_DEBUG", "OFF");
    return CPLTestBool(categories) || strstr(categories, "MAPILLARY") != nullptr;
}

void Debug(void *, const char *text)
{
    CPLDebug("MAPILLARY", "%s", text);
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
