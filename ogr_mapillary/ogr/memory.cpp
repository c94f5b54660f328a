// SPDX-License-Identifier: MIT
#include "memory.h"

#include <pthread.h>

#include <map>
#include <memory>
#include <mutex>

#include "core/limits.h"
#include "io/pages.h"
#include "io/transports.h"
#include "report.h"

// GCC says it by a macro, clang by a feature.
#if defined(__SANITIZE_ADDRESS__)
#define MLY_ADDRESS_SANITIZER true
#elif defined(__has_feature)
#define MLY_ADDRESS_SANITIZER __has_feature(address_sanitizer)
#else
#define MLY_ADDRESS_SANITIZER false
#endif

namespace mly
{
namespace
{
struct HoldFree
{
    void operator()(mly_hold *hold) const noexcept
    {
        mly_hold_free(hold);
    }
};

struct PaceClose
{
    void operator()(mly_pace *pace) const noexcept
    {
        mly_pace_close(pace);
    }
};

struct FlightsFree
{
    void operator()(mly_flights *flights) const noexcept
    {
        mly_flights_free(flights);
    }
};

// What the process shares is a global by its nature; it is made when it is first needed.
struct Shared
{
    std::mutex making;
    mly_pages *pages = nullptr;  // never freed: whoever ends last may still give something back
    std::mutex inUse;
    bool hasNetwork = false;
    std::unique_ptr<mly_hold, HoldFree> hold;
    std::unique_ptr<mly_flights, FlightsFree> flights;
    std::map<std::array<std::string, MLY_PACE_FOLDERS>, std::unique_ptr<mly_pace, PaceClose>> paces;
};

Shared &TheShared();

// A child has its parent's memory and not its threads: what another one of them had locked would stay so for ever.
void BeforeFork()
{
    Shared &shared = TheShared();
    shared.making.lock();
    shared.inUse.lock();
    if (shared.flights)
        mly_flights_before_fork(shared.flights.get());
    for (const auto &pace : shared.paces)
        mly_pace_before_fork(pace.second.get());
    if (shared.pages)
        mly_pages_before_fork(shared.pages);
}

void AfterFork()
{
    Shared &shared = TheShared();
    if (shared.pages)
        mly_pages_after_fork(shared.pages);
    for (const auto &pace : shared.paces)
        mly_pace_after_fork(pace.second.get());
    if (shared.flights)
        mly_flights_after_fork(shared.flights.get());
    shared.inUse.unlock();
    shared.making.unlock();
}

// Never destroyed: programs close datasets, and unload drivers, in handlers of their own that run after ours would.
Shared &TheShared()
{
    static Shared &shared = *new Shared;
    static const bool isTold = pthread_atfork(BeforeFork, AfterFork, AfterFork) == 0;
    CPL_IGNORE_RET_VAL(isTold);
    return shared;
}

void Lock(void *mutex)
{
    static_cast<std::mutex *>(mutex)->lock();
}

void Unlock(void *mutex)
{
    static_cast<std::mutex *>(mutex)->unlock();
}

// With the lock closed. The address sanitizer watches what malloc gives, and would not see these pages.
const mly_mem *MemoryOf(Shared &shared)
{
    constexpr bool kIsWatched = MLY_ADDRESS_SANITIZER;
    if (!shared.pages && !kIsWatched)
        mly_pages_new(MLY_LIMIT_PAGES_BYTES, &shared.pages, nullptr);
    return shared.pages ? mly_pages_mem(shared.pages) : mly_mem_system();
}
}  // namespace

const mly_mem *SharedMemory()
{
    Shared &shared = TheShared();
    const std::lock_guard<std::mutex> guard(shared.making);
    return MemoryOf(shared);
}

mly_hold *SharedTiles()
{
    Shared &shared = TheShared();
    const std::lock_guard<std::mutex> guard(shared.making);
    if (!shared.hold)
    {
        mly_hold_options options{};
        options.mem = MemoryOf(shared);
        options.max_bytes = MLY_LIMIT_DECODED_BYTES;
        options.lock = {Lock, Unlock, &shared.inUse};
        mly_hold *hold = nullptr;
        mly_hold_new(&options, &hold, nullptr);
        shared.hold.reset(hold);
    }
    return shared.hold.get();
}

namespace
{
std::unique_ptr<mly_pace, PaceClose> OpenPace(const std::array<std::string, MLY_PACE_FOLDERS> &folders)
{
    mly_pace_options options{};
    options.mem = mly_mem_system();
    for (size_t i = 0; i < folders.size(); i++)
        options.folders[i] = folders[i].empty() ? nullptr : folders[i].c_str();
    options.note = Debug;
    mly_pace *made = nullptr;
    mly_pace_open(&options, &made, nullptr);
    return std::unique_ptr<mly_pace, PaceClose>(made);
}
}  // namespace

// Opened without the lock: what it notes can reach a program's handler, and that can come back here.
mly_pace *SharedPace(const std::array<std::string, MLY_PACE_FOLDERS> &folders)
{
    Shared &shared = TheShared();
    {
        const std::lock_guard<std::mutex> guard(shared.making);
        const auto found = shared.paces.find(folders);
        if (found != shared.paces.end())
            return found->second.get();
    }
    std::unique_ptr<mly_pace, PaceClose> made = OpenPace(folders);
    if (!made)
        return nullptr;
    const std::lock_guard<std::mutex> guard(shared.making);
    return shared.paces.emplace(folders, std::move(made)).first->second.get();
}

bool BeginNetwork(mly_error *error)
{
    Shared &shared = TheShared();
    const std::lock_guard<std::mutex> guard(shared.making);
    shared.hasNetwork = shared.hasNetwork || mly_transport_curl_global(error) == MLY_OK;
    return shared.hasNetwork;
}

mly_flights *SharedFlights()
{
    Shared &shared = TheShared();
    const std::lock_guard<std::mutex> guard(shared.making);
    if (!shared.flights)
    {
        mly_flights_options options{};
        options.mem = MemoryOf(shared);
        mly_flights *flights = nullptr;
        mly_flights_new(&options, &flights, nullptr);
        shared.flights.reset(flights);
    }
    return shared.flights.get();
}

void ForgetShared()
{
    Shared &shared = TheShared();
    const std::lock_guard<std::mutex> guard(shared.making);
    shared.hold.reset();
    shared.paces.clear();
    shared.flights.reset();
    if (shared.pages)
        mly_pages_trim(shared.pages);
}
}  // namespace mly
