// SPDX-License-Identifier: MIT
#include "options.h"

#include <cpl_conv.h>
#include <cpl_multiproc.h>
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif
#include <cpl_string.h>
#include <cpl_vsi.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>

#include "core/limits.h"
#include "given.h"
#include "report.h"
#include "selection.h"
#include "version.h"

namespace mly
{
namespace
{
enum class Inline
{
    kAllowed,
    kRefused  // a name may be somebody else's: a project file, a VRT
};

struct Option
{
    const char *name;
    const char *config;  // null: open option only
    const char *type;    // of GDAL's XML
    const char *values;  // of a string-select, with commas between
    const char *fallback;
    double min, max;  // of an int or a float; what an int takes fits a double
    Inline inlined;
    const char *description;
};

constexpr double kMaxMaxTiles = 100'000'000;  // a third of all z14 tiles: beyond it a typing error

constexpr double kMaxCacheSize = 1'000'000;  // a terabyte
constexpr double kMaxCacheTtl = 10.0 * 366 * 86400;

constexpr double kMinRate = 0.01;  // a request in a hundred seconds: slower than that is a typing error
constexpr double kMaxRate = MLY_LIMIT_RATE_MHZ / 1000.0;

constexpr std::array<Option, 28> kOptions{{
    {"ACCESS_TOKEN", "MAPILLARY_ACCESS_TOKEN", "string", nullptr, nullptr, 0, 0, Inline::kRefused,
     "Access token of the Mapillary API"},
    {"ACCESS_TOKEN_FILE", "MAPILLARY_ACCESS_TOKEN_FILE", "string", nullptr, nullptr, 0, 0, Inline::kRefused,
     "File whose first line is the access token"},
    {"TILES_URL", "MAPILLARY_TILES_URL", "string", nullptr, "https://tiles.mapillary.com", 0, 0, Inline::kRefused,
     "Address of the tile service: https://, file://, or http:// on this machine"},
    {"GRAPH_URL", "MAPILLARY_GRAPH_URL", "string", nullptr, "https://graph.mapillary.com", 0, 0, Inline::kRefused,
     "Address of the Graph API: https://, or http:// on this machine"},
    {"MAX_TILES", "MAPILLARY_MAX_TILES", "int", nullptr, "10000", 1, kMaxMaxTiles, Inline::kAllowed,
     "A read that needs more tiles than this fails before its first request"},
    {"MAX_REQUESTS", "MAPILLARY_MAX_REQUESTS", "int", nullptr, "10000", 1, kMaxMaxTiles, Inline::kAllowed,
     "A read that needs more Graph requests than this fails, before its first one where the number of ids tells so. "
     "What "
     "the cache answers does not count once the read goes on"},
    {"CONNECTIONS", "MAPILLARY_CONNECTIONS", "int", nullptr, "16", 1, MLY_LIMIT_CONNECTIONS, Inline::kAllowed,
     "Requests in flight at most"},
    {"RATE", "MAPILLARY_RATE", "float", nullptr, "5", kMinRate, kMaxRate, Inline::kAllowed,
     "Tile requests a second in the long run, of all the user's processes together; not to this machine"},
    {"BURST", "MAPILLARY_BURST", "int", nullptr, "300", 1, MLY_LIMIT_BURST, Inline::kAllowed,
     "Tile requests at full speed before RATE holds"},
    {"CACHE", "MAPILLARY_CACHE", "boolean", nullptr, "YES", 0, 0, Inline::kAllowed, "Keep tiles on disk"},
    {"CACHE_DIR", "MAPILLARY_CACHE_DIR", "string", nullptr, nullptr, 0, 0, Inline::kRefused,
     "Folder of the cache; the user's cache folder if it is not given"},
    {"CACHE_MAX_SIZE", "MAPILLARY_CACHE_MAX_SIZE", "int", nullptr, "1024", 1, kMaxCacheSize, Inline::kAllowed,
     "What the cache may take, in MB; the oldest tiles go first"},
    {"CACHE_TTL", "MAPILLARY_CACHE_TTL", "int", nullptr, "86400", 0, kMaxCacheTtl, Inline::kAllowed,
     "Seconds after which a tile is asked for anew"},
    {"OFFLINE", "MAPILLARY_OFFLINE", "boolean", nullptr, "NO", 0, 0, Inline::kAllowed,
     "Only what the cache holds, of any age; never a request"},
    {"ON_ERROR", nullptr, "string-select", "FAIL,SKIP", "FAIL", 0, 0, Inline::kAllowed,
     "What becomes of a read when a request fails for good: it fails, or goes on without and warns of what is missing"},
    {"PROGRESS", "MAPILLARY_PROGRESS", "boolean", nullptr, "NO", 0, 0, Inline::kAllowed,
     "GDAL's progress bar on the terminal, by tiles, for long reads"},
    {"AOI", nullptr, "string", nullptr, nullptr, 0, 0, Inline::kAllowed,
     "Area of interest: a path to anything OGR reads, well-known text (SRID=…; in front) or GeoJSON; a spatial filter "
     "that is always on"},
    {"GEOMETRY", nullptr, "string-select", "ORIGINAL,COMPUTED", "ORIGINAL", 0, 0, Inline::kAllowed,
     "Positions as the camera gave them, or as computed from the images"},
    {"PRECISION", nullptr, "string-select", "TILE,EXACT", "TILE", 0, 0, Inline::kAllowed,
     "Positions on the grid of the tiles (0.6 m), or exactly as the Graph has them"},
    {"FIELDS", nullptr, "string", nullptr, nullptr, 0, 0, Inline::kAllowed,
     "Extra fields from the Graph, with commas between, or ALL"},
    {"NEAR", nullptr, "string", nullptr, nullptr, 0, 0, Inline::kAllowed,
     "LON,LAT: only what lies around this place, nearest first, with its distance in metres"},
    {"LOOKING_AT", nullptr, "string", nullptr, nullptr, 0, 0, Inline::kAllowed,
     "LON,LAT: only images that look at this place, nearest first"},
    {"RADIUS", nullptr, "float", nullptr, "50", 0, MLY_LIMIT_RADIUS_M, Inline::kAllowed,
     "Metres around the place of NEAR or LOOKING_AT"},
    {"MIN_RADIUS", nullptr, "float", nullptr, "0", 0, MLY_LIMIT_RADIUS_M, Inline::kAllowed,
     "Metres around that place that are left out"},
    {"FOV", nullptr, "float", nullptr, "100", 0, 360, Inline::kAllowed,
     "Degrees that an image sees, half of them on each side of its compass angle; for LOOKING_AT"},
    {"PRUNE", nullptr, "boolean", nullptr, "NO", 0, 0, Inline::kAllowed,
     "Let lines of a lower zoom tell which tiles hold images or sequences; may miss images without a line"},
    {"ZOOM", nullptr, "int", nullptr, "14", 6, MLY_LIMIT_ZOOM, Inline::kAllowed,
     "Zoom of sequences; below 14 the service generalises them"},
    {"STITCH", nullptr, "string-select", "WHOLE,AREA,NO", "WHOLE", 0, 0, Inline::kAllowed,
     "Sequences whole, also beyond the filter; as far as the covered tiles go; or a feature for each tile"},
}};

const Option *FindOption(const std::string &name)
{
    const auto found = std::find_if(kOptions.begin(), kOptions.end(),
                                    [&](const Option &option) { return EQUAL(option.name, name.c_str()); });
    return found == kOptions.end() ? nullptr : &*found;
}
}  // namespace

bool LooksLikeKey(const std::string &key)
{
    return !key.empty() && key.size() <= 40 &&
           std::all_of(key.begin(), key.end(),
                       [](unsigned char c) { return std::isupper(c) || std::islower(c) || c == '_'; });
}

namespace
{
void ReportUnknown(const char *where, const std::string &key)
{
    if (LooksLikeKey(key))
        ReportUsage("%s: there is no option %s; ogrinfo --format MAPILLARY lists them", where, key.c_str());
    else
        ReportUsage("%s: something there is not of the form KEY=VALUE", where);
}

// The next value of an inline list, from `at`: in double quotes with inner ones doubled, or up to the next comma.
bool TakeInlineValue(const std::string &text, size_t &at, std::string &value)
{
    value.clear();
    if (at >= text.size() || text[at] != '"')
    {
        const size_t comma = std::min(text.find(',', at), text.size());
        value = text.substr(at, comma - at);
        at = comma;
        return true;
    }
    for (at++; at < text.size(); at++)
    {
        if (text[at] != '"')
            value += text[at];
        else if (at + 1 < text.size() && text[at + 1] == '"')
            value += text[at++];
        else
            break;
    }
    return at++ < text.size() && (at == text.size() || text[at] == ',');
}

bool AddInline(const std::string &key, const std::string &value, Given &given)
{
    const Option *option = FindOption(key);
    if (!option)
    {
        ReportUnknown("the dataset name", key);
        return false;
    }
    if (option->inlined == Inline::kRefused)
    {
        ReportUsage("%s is not allowed in the dataset name, which others may have made and programs show. Use an open "
                    "option (-oo %s=…), the configuration option or the environment variable %s",
                    option->name, option->name, option->config);
        return false;
    }
    if (EQUAL(option->name, "AOI") && !Aoi::IsAtHand(value))
    {
        ReportUsage("AOI in the dataset name, which others may have made, must be text or a file of this machine; give "
                    "anything else as an open option (-oo AOI=…)");
        return false;
    }
    if (!given.emplace(option->name, value).second)
    {
        ReportUsage("the dataset name: %s stands there twice; give it once", option->name);
        return false;
    }
    return true;
}

bool ReadInline(const char *datasetName, Given &given)
{
    const std::string text = datasetName + strlen(kPrefix);
    for (size_t at = 0; at < text.size(); at++)
    {
        const size_t equals = text.find('=', at);
        const std::string key = text.substr(at, equals == std::string::npos ? equals : equals - at);
        std::string value;
        at = equals + 1;
        if (equals == std::string::npos || !TakeInlineValue(text, at, value))
        {
            ReportUsage("the dataset name: after %s come KEY=VALUE pairs with commas between; a value with a comma "
                        "stands in double quotes",
                        kPrefix);
            return false;
        }
        if (!AddInline(key, value, given))
            return false;
        if (at + 1 == text.size())  // a comma with nothing behind it
        {
            ReportUsage("the dataset name ends with a comma; take it off");
            return false;
        }
    }
    return true;
}

// ogr2ogr, QGIS and fiona send these to every driver; the last one means GDAL itself. A name that begins with @ is not
// meant for the driver if it does not know it; GDAL 3.6 takes the @ off itself.
bool IsForeign(const std::string &key)
{
    const char *const names[] = {"NATIVE_DATA", "LIST_ALL_TABLES", "VALIDATE_OPEN_OPTIONS"};
    return key[0] == '@' ||
           std::any_of(std::begin(names), std::end(names), [&](const char *name) { return EQUAL(key.c_str(), name); });
}

bool ReadOpenOptions(CSLConstList openOptions, Given &given)
{
    for (int i = 0; i < CSLCount(openOptions); i++)
    {
        const char *item = openOptions[i];
        const char *equals = strchr(item, '=');
        const std::string key = equals ? std::string(item, equals) : item;
        const Option *option = FindOption(key);
        if (!option && !IsForeign(key))
        {
            ReportUnknown("open options", key);
            return false;
        }
        if (option && equals)
            given[option->name] = equals + 1;
    }
    return true;
}
}  // namespace

Value Get(const char *name, const Given &given)
{
    const Option *option = FindOption(name);
    const auto found = given.find(name);
    if (found != given.end())
        return {Source::kOpenOption, found->second, true};
    const char *configured = option->config ? CPLGetConfigOption(option->config, nullptr) : nullptr;
    if (configured)
        return {Source::kConfiguration, configured, true};
    return {Source::kDefault, option->fallback ? option->fallback : "", false};
}

bool GetInt(const char *name, const Given &given, GIntBig &out)
{
    const Option *option = FindOption(name);
    const Value value = Get(name, given);
    char *end = nullptr;
    errno = 0;
    const long long number = std::strtoll(value.text.c_str(), &end, 10);
    const bool isNumber = !value.text.empty() && *end == '\0' && errno == 0 && value.text.size() < 20;
    if (!isNumber || static_cast<double>(number) < option->min || static_cast<double>(number) > option->max)
    {
        ReportUsage("%s must be a whole number from %.15g to %.15g", name, option->min, option->max);
        return false;
    }
    out = number;
    return true;
}

// GDAL itself takes any text but a few for "yes"; a typing error should not.
bool GetBool(const char *name, const Given &given, bool &out)
{
    const std::string text = Get(name, given).text;
    const CPLStringList yes(CSLTokenizeString2("YES,TRUE,ON,1", ",", 0));
    const CPLStringList no(CSLTokenizeString2("NO,FALSE,OFF,0", ",", 0));
    out = yes.FindString(text.c_str()) >= 0;
    if (out || no.FindString(text.c_str()) >= 0)
        return true;
    ReportUsage("%s must be YES or NO", name);
    return false;
}

bool GetChoice(const char *name, const Given &given, int &out)
{
    const Option *option = FindOption(name);
    const CPLStringList values(CSLTokenizeString2(option->values, ",", 0));
    out = values.FindString(Get(name, given).text.c_str());
    if (out < 0)
        ReportUsage("%s must be one of %s", name, option->values);
    return out >= 0;
}

bool GetNumber(const char *name, const Given &given, double &out)
{
    const Option *option = FindOption(name);
    const std::string text = Get(name, given).text;
    char *end = nullptr;
    out = CPLStrtod(text.c_str(), &end);
    if (!text.empty() && *end == '\0' && out >= option->min && out <= option->max)
        return true;
    ReportUsage("%s must be a number from %.15g to %.15g", name, option->min, option->max);
    return false;
}

namespace
{
struct FileClose
{
    void operator()(VSILFILE *file) const
    {
        CPL_IGNORE_RET_VAL(VSIFCloseL(file));
    }
};

// The file's first line. The message names the option, not the file's content.
bool ReadTokenFile(const std::string &path, std::string &token)
{
    // A virtual file system could reach the network, and this runs while the dataset is being opened.
    const bool isVirtual = STARTS_WITH(path.c_str(), "/vsi");
    std::unique_ptr<VSILFILE, FileClose> file(isVirtual ? nullptr : VSIFOpenL(path.c_str(), "rb"));
    if (!file)
    {
        // What stands there may be the token itself, set in the wrong place.
        const bool isToken = path.find('|') != std::string::npos || path.find("%7") != std::string::npos ||
                             path.find('/') == std::string::npos;
        ReportUsage("ACCESS_TOKEN_FILE: %s cannot be read%s; name a local file that only you can read, with the token "
                    "in its first line",
                    isToken ? "the file" : path.c_str(), isVirtual ? ", being no local file" : "");
        return false;
    }
    std::string text(MLY_LIMIT_TOKEN + 1, '\0');
    text.resize(VSIFReadL(text.data(), 1, text.size(), file.get()));
    token = CPLString(text.substr(0, text.find_first_of("\r\n"))).Trim();
    return true;
}

// Programs that cut at '|' (QGIS) need the token with %7C; nothing else is printable, plain ASCII and long enough.
bool CleanToken(const char *name, std::string &token)
{
    for (size_t at; (at = token.find("%7C")) != std::string::npos || (at = token.find("%7c")) != std::string::npos;)
        token.replace(at, 3, "|");
    const bool isPlain = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (token.empty() || !isPlain || token.size() > MLY_LIMIT_TOKEN)
    {
        ReportUsage("%s holds no access token: one is a line of at most %d printable characters without spaces", name,
                    MLY_LIMIT_TOKEN);
        return false;
    }
    return true;
}

// Which token may go to the service, if any. A project or VRT file may carry open options that its reader never saw:
// an address given there gets only a token given there, and a file only on this machine, else the address could
// collect the first line of any file of the reader's.
bool ReadToken(const Given &given, Source addressSource, Service &service)
{
    static const char ofEnvironment[] =
        "no access token for this service: the one in the environment or the configuration does not go to an address "
        "that is an open option. Give both in one way: the token as the open option ACCESS_TOKEN, or the address as "
        "MAPILLARY_TILES_URL or MAPILLARY_GRAPH_URL";
    static const char ofFile[] =
        "no access token for this service: the open option ACCESS_TOKEN_FILE does not count for an https:// address "
        "that is an open option too, since whoever wrote both could collect the first line of any file. Give the token "
        "itself as ACCESS_TOKEN, or the address as MAPILLARY_TILES_URL or MAPILLARY_GRAPH_URL";
    const bool isForeign = addressSource == Source::kOpenOption;
    for (const Source source : {Source::kOpenOption, Source::kConfiguration})
    {
        for (const char *name : {"ACCESS_TOKEN", "ACCESS_TOKEN_FILE"})
        {
            const bool isFile = EQUAL(name, "ACCESS_TOKEN_FILE");
            const Value value = Get(name, source == Source::kOpenOption ? given : Given());
            if (!value.isSet || value.source != source || value.text.empty())
                continue;
            const bool isOption = source == Source::kOpenOption;
            if (isForeign && (!isOption || (isFile && service.url.scheme == MLY_SCHEME_HTTPS)))
            {
                service.withheld = isOption || service.withheld == ofFile ? ofFile : ofEnvironment;
                continue;
            }
            service.token = value.text;
            service.withheld = nullptr;
            return (!isFile || ReadTokenFile(value.text, service.token)) && CleanToken(name, service.token);
        }
    }
    return true;
}

bool GetService(const char *name, const Given &given, Service &out)
{
    const Value value = Get(name, given);
    mly_error error{};
    if (mly_url_parse(name, value.text.c_str(), &out.url, &error) < 0)
    {
        ReportError(error);
        return false;
    }
    return out.url.scheme == MLY_SCHEME_FILE || ReadToken(given, value.source, out);
}

std::string FirstConfigured(std::initializer_list<const char *> names)
{
    for (const char *name : names)
    {
        const char *value = CPLGetConfigOption(name, nullptr);
        if (value)
            return value;
    }
    return "";
}

// Seconds or a count, as GDAL takes them: what cannot be read, or is negative, leaves the default.
void ReadNumber(const char *name, double scale, int &out)
{
    const char *text = CPLGetConfigOption(name, nullptr);
    const double value = text ? CPLAtof(text) * scale : -1.0;
    if (value >= 0.0 && value <= 1e9 && std::isfinite(value))
        out = static_cast<int>(value);
}

HttpSettings ReadHttpSettings()
{
    HttpSettings http;
    ReadNumber("GDAL_HTTP_CONNECTTIMEOUT", 1000.0, http.connectTimeoutMs);
    ReadNumber("GDAL_HTTP_TIMEOUT", 1000.0, http.timeoutMs);
    ReadNumber("GDAL_HTTP_LOW_SPEED_TIME", 1.0, http.lowSpeedTimeS);
    ReadNumber("GDAL_HTTP_LOW_SPEED_LIMIT", 1.0, http.lowSpeedBytesS);
    ReadNumber("GDAL_HTTP_MAX_RETRY", 1.0, http.maxRetries);
    ReadNumber("GDAL_HTTP_RETRY_DELAY", 1000.0, http.retryDelayMs);
    http.maxRetries = std::min<int>(http.maxRetries, MLY_LIMIT_RETRIES);
    http.retryDelayMs = std::min<int>(http.retryDelayMs, MLY_LIMIT_RETRY_DELAY_MS);
    http.verifyTls = !CPLTestBool(CPLGetConfigOption("GDAL_HTTP_UNSAFESSL", "NO"));
    http.httpVersion = FirstConfigured({"GDAL_HTTP_VERSION"});
    http.proxy = FirstConfigured({"GDAL_HTTPS_PROXY", "GDAL_HTTP_PROXY"});
    http.proxyUserPassword = FirstConfigured({"GDAL_HTTP_PROXYUSERPWD"});
    http.caBundle = FirstConfigured({"GDAL_CURL_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"});
    http.caPath = FirstConfigured({"GDAL_HTTP_CAPATH", "SSL_CERT_DIR"});
    http.userAgent = FirstConfigured({"GDAL_HTTP_USERAGENT"});
    if (http.userAgent.empty())
        http.userAgent = std::string("ogr_MAPILLARY/" MLY_VERSION " GDAL/") + GDALVersionInfo("RELEASE_NAME");
    return http;
}

// Whether the process has no second thread, as the C library of GNU knows it; others do not tell.
bool IsSingleThreaded()
{
#if __has_include(<sys/single_threaded.h>)
    return __libc_single_threaded != 0;
#else
    return false;
#endif
}

// Whether tiles may be read and opened on other threads than the reader's, as GDAL_NUM_THREADS says. Else where there
// is a processor for them, and threads already, or the network's to come: with the first one, locks and counts of
// references begin to cost something in all of the program, which many a conversion of a folder feels more than what
// this saves.
bool HasThreads(bool isFolder)
{
    const char *given = CPLGetConfigOption("GDAL_NUM_THREADS", nullptr);
    if (given && !EQUAL(given, "ALL_CPUS"))
        return std::strtol(given, nullptr, 10) > 1;
    return CPLGetNumCPUs() > 1 && (given || !isFolder || !IsSingleThreaded());
}

void AddXmlOption(std::string &xml, const Option &option)
{
    char *description = CPLEscapeString(option.description, -1, CPLES_XML_BUT_QUOTES);
    xml += CPLSPrintf("<Option name=\"%s\" type=\"%s\" description=\"%s\"", option.name, option.type, description);
    CPLFree(description);
    if (option.fallback)
        xml += CPLSPrintf(" default=\"%s\"", option.fallback);
    if (option.max > option.min)
        xml += CPLSPrintf(" min=\"%.15g\" max=\"%.15g\"", option.min, option.max);
    xml += ">";
    const CPLStringList values(CSLTokenizeString2(option.values ? option.values : "", ",", 0));
    for (int i = 0; i < values.Count(); i++)
        xml += CPLSPrintf("<Value>%s</Value>", values[i]);
    xml += "</Option>";
}
}  // namespace

std::string OpenOptionList()
{
    std::string xml = "<OpenOptionList>";
    for (const Option &option : kOptions)
        AddXmlOption(xml, option);
    return xml + "</OpenOptionList>";
}

namespace
{
bool ReadLimits(const Given &given, Settings &settings)
{
    GIntBig connections = 0;
    int onError = 0;
    if (!GetInt("MAX_TILES", given, settings.maxTiles) || !GetInt("MAX_REQUESTS", given, settings.maxRequests) ||
        !GetInt("CONNECTIONS", given, connections) || !GetChoice("ON_ERROR", given, onError) ||
        !GetBool("PROGRESS", given, settings.showsProgress))
        return false;
    settings.connections = static_cast<int>(connections);
    settings.skips = onError == 1;
    return true;
}

// Where this user's programs keep what they can do without (XDG Base Directory Specification).
std::string DefaultCacheFolder()
{
    const char *cache = CPLGetConfigOption("XDG_CACHE_HOME", nullptr);
    const char *home = CPLGetConfigOption("HOME", nullptr);
    if (cache && cache[0] == '/')
        return std::string(cache) + "/ogr_mapillary";
    return home && home[0] == '/' ? std::string(home) + "/.cache/ogr_mapillary" : std::string();
}

bool ReadCache(const Given &given, CacheSettings &cache)
{
    GIntBig megabytes = 0;
    GIntBig ttl = 0;
    if (!GetBool("CACHE", given, cache.isOn) || !GetBool("OFFLINE", given, cache.isOffline) ||
        !GetInt("CACHE_MAX_SIZE", given, megabytes) || !GetInt("CACHE_TTL", given, ttl))
        return false;
    cache.folder = Get("CACHE_DIR", given).text;
    if (cache.folder.empty())
        cache.folder = DefaultCacheFolder();
    cache.maxBytes = static_cast<uint64_t>(megabytes) << 20;
    cache.ttlS = static_cast<uint32_t>(ttl);
    if (cache.isOffline && (!cache.isOn || cache.folder.empty()))
    {
        ReportUsage("OFFLINE=YES reads from the cache: it needs CACHE=YES and a CACHE_DIR");
        return false;
    }
    return true;
}

// The pace is the user's: it is kept in the user's own folder also where a read has a cache of its own, or none.
bool ReadPace(const Given &given, PaceSettings &pace)
{
    double rate = 0.0;
    GIntBig burst = 0;
    if (!GetNumber("RATE", given, rate) || !GetInt("BURST", given, burst))
        return false;
    pace.limit = {static_cast<uint32_t>(std::lround(rate * 1000.0)), static_cast<uint32_t>(burst)};
    pace.folders = {DefaultCacheFolder(), Get("CACHE_DIR", given).text};
    return true;
}
}  // namespace

std::optional<Settings> ReadSettings(const char *datasetName, CSLConstList openOptions)
{
    Settings settings;
    Given given;
    if (!ReadInline(datasetName, given) || !ReadOpenOptions(openOptions, given) ||
        !GetService("TILES_URL", given, settings.tiles) || !GetService("GRAPH_URL", given, settings.graph) ||
        !ReadLimits(given, settings) || !ReadCache(given, settings.cache) || !ReadPace(given, settings.pace) ||
        !ReadSelection(given, settings))
        return std::nullopt;
    settings.http = ReadHttpSettings();
    settings.hasThreads = HasThreads(settings.tiles.url.scheme == MLY_SCHEME_FILE);
    return settings;
}
}  // namespace mly
