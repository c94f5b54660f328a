// SPDX-License-Identifier: MIT
#include "memory.h"

#include <memory>
#include <mutex>

#include "core/limits.h"

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

// What the process shares is a global by its nature; it is made when it is first needed.
struct Shared
{
    std::mutex making;
    std::mutex inUse;
    std::unique_ptr<mly_hold, HoldFree> hold;
};

Shared &TheShared()
{
    static Shared shared;
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
}  // namespace

mly_hold *SharedTiles()
{
    Shared &shared = TheShared();
    const std::lock_guard<std::mutex> guard(shared.making);
    if (!shared.hold)
    {
        mly_hold_options options{};
        options.mem = mly_mem_system();
        options.max_bytes = MLY_LIMIT_DECODED_BYTES;
        options.lock = {Lock, Unlock, &shared.inUse};
        mly_hold *hold = nullptr;
        mly_hold_new(&options, &hold, nullptr);
        shared.hold.reset(hold);
    }
    return shared.hold.get();
}

void ForgetSharedTiles()
{
    Shared &shared = TheShared();
    const std::lock_guard<std::mutex> guard(shared.making);
    shared.hold.reset();
}
}  // namespace mly
