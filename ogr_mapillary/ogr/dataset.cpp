// SPDX-License-Identifier: MIT
#include "dataset.h"

#include <cpl_conv.h>

#include "core/request.h"
#include "core/retry.h"
#include "domains.h"
#include "io/clock.h"
#include "layer.h"
#include "memory.h"
#include "report.h"

namespace
{
// GDAL's inflater is libdeflate where GDAL has it.
bool Inflate(const void *bytes, size_t n, void *out, size_t nOut)
{
    size_t nWritten = 0;
    char spare = 0;  // an empty stream needs room as well
    void *room = nOut > 0 ? out : &spare;
    return CPLZLibInflate(bytes, n, room, nOut > 0 ? nOut : 1, &nWritten) != nullptr && nWritten == nOut;
}

const char *OrNull(const std::string &text)
{
    return text.empty() ? nullptr : text.c_str();
}

bool IsFolder(const mly::Service &service)
{
    return service.url.scheme == MLY_SCHEME_FILE;
}

mly_curl_service CurlService(const mly::Service &service)
{
    return {OrNull(service.token), service.withheld, service.url.scheme == MLY_SCHEME_HTTP_LOOPBACK};
}

// Datasets share what they have decoded if they keep what they are told in the same place: else one would fill the
// memory, and the other one's folder would stay without it. OFFLINE is about what the cache holds, not about what this
// process has seen.
std::string MakeHoldScope(const mly::Settings &settings)
{
    const mly::CacheSettings &cache = settings.cache;
    return (cache.isOffline ? "offline " : "online ") + std::string(settings.tiles.url.text) + ' ' +
           (cache.isOn ? cache.folder : "");
}

// The pace is for the service out there; a machine may ask itself as it likes. False: there is no memory for it.
bool MakePaceOptions(const mly::Settings &settings, mly_transport_pace_options &out)
{
    out.limit = settings.pace.limit;
    out.clock = mly_clock_system();
    out.mem = mly_mem_system();
    out.debug = mly::Debug;
    if (IsFolder(settings.tiles) || settings.tiles.url.is_loopback)
        return true;
    out.bucket = mly::SharedPace(settings.pace.folders);
    return out.bucket != nullptr;
}

mly_status MakeHttpTransport(const mly::Settings &settings, mly_transport **out, mly_error *error)
{
    const mly::HttpSettings &http = settings.http;
    mly_curl_options options{};
    options.mem = mly::SharedMemory();
    options.inflate = Inflate;
    options.services[MLY_REQUEST_TILE] = CurlService(settings.tiles);
    options.services[MLY_REQUEST_GRAPH] = CurlService(settings.graph);
    options.connections = static_cast<uint32_t>(settings.connections);
    options.connect_timeout_ms = static_cast<uint32_t>(http.connectTimeoutMs);
    options.timeout_ms = static_cast<uint32_t>(http.timeoutMs);
    options.low_speed_time_s = static_cast<uint32_t>(http.lowSpeedTimeS);
    options.low_speed_bytes_s = static_cast<uint32_t>(http.lowSpeedBytesS);
    options.verify_tls = http.verifyTls;
    options.http_version = OrNull(http.httpVersion);
    options.proxy = OrNull(http.proxy);
    options.proxy_user_password = OrNull(http.proxyUserPassword);
    options.ca_bundle = OrNull(http.caBundle);
    options.ca_path = OrNull(http.caPath);
    options.user_agent = OrNull(http.userAgent);

    mly_transport_pace_options pace{};
    mly_transport *curl = nullptr;
    mly_transport *threaded = nullptr;
    mly_transport *paced = nullptr;
    if (!MakePaceOptions(settings, pace))
        return mly_fail(error, MLY_E_NOMEM, "out of memory for the pace");
    mly_status status = mly_transport_curl(&options, &curl, error);
    if (status == MLY_OK)
        status = mly_transport_threaded(curl, mly::SharedMemory(), &threaded, error);
    if (status == MLY_OK)
        status = mly_transport_pace(threaded, &pace, &paced, error);
    if (status < 0)
        return status;
    const mly_retry_policy policy{static_cast<uint32_t>(http.maxRetries), static_cast<uint32_t>(http.retryDelayMs)};
    return mly_retry_new(paced, &policy, mly_clock_system(), mly::SharedMemory(), out, error);
}

mly_status MakeSharedTransport(const mly::Settings &settings, mly_transport **out, mly_error *error)
{
    mly_flights *flights = mly::SharedFlights();
    if (!flights)
        return mly_fail(error, MLY_E_NOMEM, "out of memory for the requests under way");
    mly_transport *retry = nullptr;
    const mly_status status = MakeHttpTransport(settings, &retry, error);
    return status < 0 ? status
                      : mly_transport_share(retry, flights, mly_clock_system(), mly::SharedMemory(), out, error);
}
}  // namespace

OGRMapillaryDataset::OGRMapillaryDataset(mly::Settings settings)
    : settings_(std::move(settings)), holdScope_(MakeHoldScope(settings_))
{
    for (uint32_t i = 0; const mly_layer *layer = mly_schema_layer(i); i++)
    {
        layers_.push_back(std::make_unique<OGRMapillaryLayer>(this, layer));
        nListed_ += !layer->by_name_only;
    }
    mly_helper *helper = nullptr;
    if (settings_.hasThreads)
        mly_helper_new(mly_mem_system(), &helper, nullptr);  // without one a read takes longer
    helper_.reset(helper);
    for (std::unique_ptr<OGRFieldDomain> &domain : mly::MakeDomains())
    {
        const std::string name = domain->GetName();
        m_oMapFieldDomains[name] = std::move(domain);
    }
}

OGRMapillaryDataset::~OGRMapillaryDataset() = default;

int OGRMapillaryDataset::Identify(GDALOpenInfo *info)
{
    return STARTS_WITH_CI(info->pszFilename, mly::kPrefix);
}

GDALDataset *OGRMapillaryDataset::Open(GDALOpenInfo *info)
{
    if (mly::Aoi::IsBeingRead() && Identify(info))
    {
        mly::ReportUsage("AOI: a MAPILLARY: dataset cannot be its own area; name a file");
        return nullptr;
    }
    if (!Identify(info) || info->eAccess == GA_Update)  // QGIS tries update first and expects no message
        return nullptr;
    std::optional<mly::Settings> settings = mly::ReadSettings(info->pszFilename, info->papszOpenOptions);
    return settings ? new OGRMapillaryDataset(std::move(*settings)) : nullptr;
}

int OGRMapillaryDataset::GetLayerCount() MLY_CONST_SINCE_3_12
{
    return nListed_;
}

mly::LayerPtr OGRMapillaryDataset::GetLayer(int index) MLY_CONST_SINCE_3_12
{
    return index >= 0 && index < nListed_ ? layers_[static_cast<size_t>(index)].get() : nullptr;
}

int OGRMapillaryDataset::TestCapability(const char *) MLY_CONST_SINCE_3_12
{
    return FALSE;
}

OGRLayer *OGRMapillaryDataset::GetLayerByName(const char *name)
{
    for (const auto &layer : layers_)
    {
        if (EQUAL(layer->GetDescription(), name))
            return layer.get();
    }
    return nullptr;
}

// The cache on disk, opened when it is first needed; null when there is none, which costs requests but no rows. Offline
// there is nothing else, and whoever reads is told why: see MakeNetwork().
mly_store *OGRMapillaryDataset::Store()
{
    const mly::CacheSettings &cache = settings_.cache;
    if (storeWasTried_ || !cache.isOn || cache.folder.empty())
        return store_.get();
    storeWasTried_ = true;
    mly_store_options options{};
    options.mem = mly_mem_system();
    options.folder = cache.folder.c_str();
    options.use = cache.isOffline ? MLY_STORE_READ_ONLY : MLY_STORE_SHARED;
    options.max_bytes = cache.maxBytes;
    options.ttl_s = cache.ttlS;
    options.note = mly::Warn;
    mly_store *store = nullptr;
    if (mly_store_open(&options, &store, &whyNoStore_) < 0 && !cache.isOffline)
        mly::Warn(nullptr, (std::string("no cache, so every request is sent anew: ") + whyNoStore_.text +
                            ". Name another folder with CACHE_DIR, or set CACHE=NO")
                               .c_str());
    store_.reset(store);
    return store;
}

// A folder is not cached, and reading one leaves no cache behind.
bool OGRMapillaryDataset::Stat(const char *key, mly_stored *out)
{
    const mly_entry_name name{settings_.tiles.url.text, key};
    mly_store_about about{};
    mly_store *store = IsFolder(settings_.tiles) ? nullptr : Store();
    if (!store || mly_store_stat(store, &name, &about) != MLY_OK)
        return false;
    *out = {about.fetched_ms, about.n_bytes, about.is_fresh || settings_.cache.isOffline};
    return true;
}

// A mly_stored_fn: called by C, so nothing may be thrown.
bool OGRMapillaryDataset::Stored(void *dataset, const char *key, mly_stored *out) noexcept
{
    try
    {
        return static_cast<OGRMapillaryDataset *>(dataset)->Stat(key, out);
    }
    catch (...)
    {
        return false;
    }
}

mly_read_options OGRMapillaryDataset::ReadOptions()
{
    mly_read_options options{};
    options.mem = mly::SharedMemory();
    options.tile_service = settings_.tiles.url.text;
    options.graph_service = settings_.graph.url.text;
    options.max_in_flight = static_cast<uint32_t>(settings_.connections);
    options.debug = mly::Debug;
    options.warn = mly::Warn;
    options.stored = Stored;
    options.stored_ctx = this;
    options.hold = mly::SharedTiles();
    options.hold_scope = holdScope_.c_str();
    options.is_folder = IsFolder(settings_.tiles);
    options.clock = mly_clock_system();
    options.worker = helper_ ? mly_helper_worker(helper_.get()) : nullptr;
    options.hold_max_age_ms = IsFolder(settings_.tiles) ? 0 : HoldMaxAgeMs();  // files may change at any time
    return options;
}

uint64_t OGRMapillaryDataset::HoldMaxAgeMs() const
{
    return settings_.cache.isOffline ? UINT64_MAX : uint64_t{settings_.cache.ttlS} * 1000;
}

int64_t OGRMapillaryDataset::CountCached(const mly_plan &plan)
{
    constexpr uint64_t kMost = 10000;  // each is a file to be opened
    if (plan.source != MLY_SOURCE_TILES || IsFolder(settings_.tiles) || plan.cover.n_tiles > kMost ||
        !settings_.cache.isOn)
        return -1;
    int64_t n = 0;
    mly_cover_cursor cursor{};
    mly_tile tile;
    while (mly_cover_next(&plan.cover, &cursor, &tile, nullptr))
    {
        mly_request request;
        mly_stored stored{};
        const bool isNamed = mly_request_tile(settings_.tiles.url.text, plan.tileset, tile, &request, nullptr) ==
                             MLY_OK;
        n += isNamed && Stat(request.key, &stored) && stored.is_fresh;
    }
    return n;
}

// What is stored in front of what is asked for: entities( cache( … ) ). Takes `transport`, NULL when offline.
mly_transport *OGRMapillaryDataset::Cached(mly_transport *transport, mly_store *store, mly_error *error)
{
    const char *scopes[MLY_SERVICES];
    scopes[MLY_REQUEST_TILE] = IsFolder(settings_.tiles) ? nullptr : settings_.tiles.url.text;
    scopes[MLY_REQUEST_GRAPH] = IsFolder(settings_.graph) ? nullptr : settings_.graph.url.text;
    mly_transport *cached = nullptr;
    if (mly_transport_cache(transport, store, scopes, mly::SharedMemory(), &cached, error) < 0)
        return nullptr;
    if (!scopes[MLY_REQUEST_GRAPH])
        return cached;
    mly_transport *entities = nullptr;
    mly_transport_entities(cached, store, scopes[MLY_REQUEST_GRAPH], settings_.cache.isOffline, mly::SharedMemory(),
                           &entities, error);
    return entities;
}

// entities( cache( share( retry( pace( threaded( curl ) ) ) ) ) ), for both services.
mly_transport *OGRMapillaryDataset::MakeNetwork(mly_error *error)
{
    mly_transport *transport = nullptr;
    mly_store *store = Store();
    if (settings_.cache.isOffline && !store)
    {
        mly_fail(error, MLY_E_IO,
                 "OFFLINE=YES: there is no cache to read: %s. Name its folder with CACHE_DIR, or read without OFFLINE",
                 whyNoStore_.text);
        return nullptr;
    }
    if (!settings_.cache.isOffline &&
        (!mly::BeginNetwork(error) || MakeSharedTransport(settings_, &transport, error) < 0))
        return nullptr;
    return store ? Cached(transport, store, error) : transport;
}

// A mly_transport_make_fn: called by C, so nothing may be thrown.
mly_status OGRMapillaryDataset::MakeNetworkLate(void *dataset, mly_transport **out, mly_error *error) noexcept
{
    try
    {
        mly_error why{};
        *out = static_cast<OGRMapillaryDataset *>(dataset)->MakeNetwork(&why);
        return *out ? MLY_OK : mly_fail(error, why.code, "%s", why.text);
    }
    catch (...)
    {
        return mly_fail(error, MLY_E_NOMEM, "out of memory for the transport");
    }
}

// Files are read, and inflated, on a thread of its own where there may be one.
mly_transport *OGRMapillaryDataset::MakeFolder(mly_error *error) const
{
    mly_transport *folder = nullptr;
    if (mly_transport_dir(settings_.tiles.url.text, Inflate, mly::SharedMemory(), &folder, error) < 0)
        return nullptr;
    mly_transport *threaded = nullptr;
    if (settings_.hasThreads)
        mly_transport_threaded(folder, mly::SharedMemory(), &threaded, error);
    return settings_.hasThreads ? threaded : folder;
}

// A folder takes the place of one service, or of both. Beside it the network is made only if it is really asked: most
// reads of a folder are not to open a socket, nor a cache.
mly_transport *OGRMapillaryDataset::MakeTransport(mly_error *error)
{
    static const char whyNot[] =
        "GRAPH_URL: this comes from the Graph API, which no folder can stand in for; give an https:// address or none";
    mly_transport *graph = nullptr;
    mly_transport *fork = nullptr;
    if (!IsFolder(settings_.tiles) && !IsFolder(settings_.graph))
        return MakeNetwork(error);
    mly_transport *tiles = IsFolder(settings_.tiles) ? MakeFolder(error) : MakeNetwork(error);
    if (!tiles)
        return nullptr;
    if (!IsFolder(settings_.graph) && mly_transport_late(MakeNetworkLate, this, mly::SharedMemory(), &graph, error) < 0)
    {
        mly_transport_free(tiles);
        return nullptr;
    }
    mly_transport_fork(tiles, graph, whyNot, mly::SharedMemory(), &fork, error);
    return fork;
}

mly::TransportPtr OGRMapillaryDataset::BorrowTransport()
{
    while (!idle_.empty())
    {
        mly::TransportPtr transport = std::move(idle_.back());
        idle_.pop_back();
        if (transport.get_deleter().IsOurs())
            return transport;
    }
    mly_error error{};
    mly::TransportPtr transport(MakeTransport(&error));
    if (!transport)
        mly::ReportError(error);
    return transport;
}

// At rest there is no thread of ours.
void OGRMapillaryDataset::GiveBack(mly::TransportPtr transport) noexcept
{
    try
    {
        if (transport)
            idle_.push_back(std::move(transport));
    }
    catch (...)  // without memory to keep it, the next read opens connections of its own
    {
    }
    if (helper_)
        mly_helper_rest(helper_.get());
}
