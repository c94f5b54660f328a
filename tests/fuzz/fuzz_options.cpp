// SPDX-License-Identifier: MIT
// A dataset's name and its open options, which a project file may bring: settings within their bounds, or one error
// that says nothing secret. Input: lines. The first is what follows the prefix in the name; the others are open
// options. "@T" stands for a token; a last line that begins with "<" is the content of a file of a token's, whose name
// "@F" stands for.
#include <cpl_conv.h>
#include <cpl_error.h>
#include <cpl_string.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/limits.h"
#include "fuzz.h"
#include "ogr/options.h"

namespace {
constexpr const char *kToken = "t0p-s3cret|42";

void Require(bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "not so: %s\n", what);
    abort();
}

struct Said {
    int nFailures = 0;
    std::string text;
};

void CPL_STDCALL Listen(CPLErr type, CPLErrorNum, const char *message)
{
    auto *said = static_cast<Said *>(CPLGetErrorHandlerUserData());
    said->nFailures += type == CE_Failure;
    said->text += message;
    said->text += '\n';
}

// The file of the token, made at the first input and removed at the end.
const std::string &TokenFile()
{
    static const std::string path = [] {
        const char *folder = getenv("TMPDIR");
        std::string name = std::string(folder ? folder : "/tmp") + "/mly-fuzz-XXXXXX";
        const int file = mkstemp(name.data());
        Require(file >= 0, "a file can be made");
        (void)close(file);
        return name;
    }();
    static const int registered = atexit([] { (void)unlink(TokenFile().c_str()); });
    (void)registered;
    return path;
}

void WriteTokenFile(const std::string &content)
{
    FILE *file = fopen(TokenFile().c_str(), "wb");
    Require(file && fwrite(content.data(), 1, content.size(), file) == content.size() && fclose(file) == 0,
            "the file can be written");
}

std::string Replaced(std::string line, const std::string &what, const std::string &by)
{
    for (size_t at = line.find(what); at != std::string::npos; at = line.find(what, at + by.size()))
        line.replace(at, what.size(), by);
    return line;
}

std::vector<std::string> Lines(const std::string &text)
{
    std::vector<std::string> lines(1);
    for (const char c : text) {
        if (c == '\n')
            lines.emplace_back();
        else
            lines.back() += c;
    }
    return lines;
}

bool IsWithinBounds(const mly::Settings &settings)
{
    for (const mly::Service *service : {&settings.tiles, &settings.graph}) {
        if (service->token.size() > MLY_LIMIT_TOKEN || service->token.find_first_of(" \t\r\n") != std::string::npos)
            return false;
    }
    const bool isNear = !settings.near ||
                        (settings.near->min_radius_m >= 0 && settings.near->radius_m <= MLY_LIMIT_RADIUS_M &&
                         settings.near->min_radius_m <= settings.near->radius_m && settings.near->fov_degrees >= 0 &&
                         settings.near->fov_degrees <= 360);
    return isNear && settings.maxTiles >= 1 && settings.maxRequests >= 1 && settings.connections >= 1 &&
           settings.connections <= MLY_LIMIT_CONNECTIONS && settings.zoom >= 6 && settings.zoom <= MLY_LIMIT_ZOOM &&
           (!settings.cache.isOffline || settings.cache.isOn);
}

// These repeat what the user gave, where a token has no business: the path of a file, the name of a field.
bool RepeatsItself(const std::string &input)
{
    const std::string upper = CPLString(input).toupper();
    return upper.find("AOI") != std::string::npos || upper.find("TOKEN_FILE") != std::string::npos;
}

// An area of interest may be anything GDAL can open: that is GDAL's to fuzz, and must not reach a network or a pipe
// here.
bool ReachesOut(const std::string &input)
{
    const std::string lower = CPLString(input).tolower();
    return lower.find("vsi") != std::string::npos || lower.find("/dev") != std::string::npos ||
           lower.find("/proc") != std::string::npos || lower.find("std") != std::string::npos ||
           lower.find("..") != std::string::npos;
}

void Prepare()
{
    // No user's own settings decide here, and no area of interest is searched on a network.
    for (const char *name : {"MAPILLARY_ACCESS_TOKEN", "MAPILLARY_ACCESS_TOKEN_FILE", "MAPILLARY_TILES_URL",
                             "MAPILLARY_GRAPH_URL", "MAPILLARY_OFFLINE", "MAPILLARY_CACHE"})
        (void)unsetenv(name);
    CPLSetConfigOption("HOME", "/nowhere");
    CPLSetConfigOption("XDG_CACHE_HOME", nullptr);
}
} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bool isPrepared = (Prepare(), true);
    std::string input(reinterpret_cast<const char *>(data), size);
    input.erase(std::remove(input.begin(), input.end(), '\0'), input.end()); // no name and no option holds one
    (void)isPrepared;
    if (size > 4096 || ReachesOut(input))
        return 0;
    std::vector<std::string> lines = Lines(input);
    if (!lines.back().empty() && lines.back()[0] == '<') {
        WriteTokenFile(lines.back().substr(1));
        lines.pop_back();
    }
    CPLStringList options;
    std::string name = mly::kPrefix;
    for (size_t i = 0; i < lines.size(); i++) {
        const std::string line = Replaced(Replaced(lines[i], "@T", kToken), "@F", TokenFile());
        if (i == 0)
            name += line;
        else
            options.AddString(line.c_str());
    }

    Said said;
    CPLErrorReset();
    CPLPushErrorHandlerEx(Listen, &said);
    const std::optional<mly::Settings> settings = mly::ReadSettings(name.c_str(), options.List());
    CPLPopErrorHandler();

    Require(settings || said.nFailures > 0, "nothing is refused without a word");
    Require(!settings || said.nFailures == 0 || RepeatsItself(input), "what is accepted raises no error");
    Require(!settings || IsWithinBounds(*settings), "settings are within their bounds");
    if (!RepeatsItself(input))
        Require(said.text.find(kToken) == std::string::npos, "no message holds the token");
    return 0;
}
