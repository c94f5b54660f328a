// SPDX-License-Identifier: MIT
// options.h — the dataset's name, open options and configuration → settings. One table knows every option.
// Owner: settings own their texts. Threads: values; reading the configuration is as safe as GDAL's.
// Source: SPEC.md 1.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include <cpl_string.h>
#include <gdal_priv.h>

#include "aoi.h"
#include "core/plan.h"
#include "core/url.h"
#include "io/pace.h"

namespace mly
{
constexpr const char *kPrefix = "MAPILLARY:";

// GDAL's own HTTP options, as the transport wants them.
struct HttpSettings
{
    int connectTimeoutMs = 10 * 1000;
    int timeoutMs = 0;
    int lowSpeedTimeS = 60;
    int lowSpeedBytesS = 1;
    int maxRetries = 3;
    int retryDelayMs = 1000;
    bool verifyTls = true;
    std::string httpVersion, proxy, proxyUserPassword, caBundle, caPath, userAgent;
};

struct Service
{
    mly_url url{};
    std::string token;               // empty: none may go there
    const char *withheld = nullptr;  // why, where there is one that may not
};

struct CacheSettings
{
    bool isOn = true;
    bool isOffline = false;  // only what the cache holds, never a request
    std::string folder;      // empty: this user has none
    uint64_t maxBytes = 0;
    uint32_t ttlS = 0;
};

struct PaceSettings
{
    mly_pace_limit limit{};
    std::array<std::string, MLY_PACE_FOLDERS> folders;  // where it may be kept, the best one first; empty: no such one
};

struct Settings
{
    Service tiles, graph;
    GIntBig maxTiles = 0;
    GIntBig maxRequests = 0;
    int connections = 0;
    bool computed = false;
    bool isExact = false;
    bool isPruned = false;
    bool skips = false;  // a read goes on without what fails for good
    bool showsProgress = false;
    bool hasThreads = false;  // tiles are read and opened beside the reader
    CPLStringList fields;     // of the Graph; by the schema's names
    std::optional<mly_near> near;
    uint8_t zoom = 0;  // of sequences
    mly_stitch_mode stitch = MLY_STITCH_WHOLE;
    std::unique_ptr<Aoi> aoi;  // null: none
    HttpSettings http;
    CacheSettings cache;
    PaceSettings pace;
};

// Nothing, and an error that names the option, when something is unknown, malformed or not allowed there.
std::optional<Settings> ReadSettings(const char *datasetName, CSLConstList openOptions);

// GDAL_DMD_OPENOPTIONLIST, made from the table.
std::string OpenOptionList();
}  // namespace mly
