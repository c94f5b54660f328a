// SPDX-License-Identifier: MIT
// handles.h — the core's handles as C++ values: they end when their scope does.
// Owner: the value. Threads: as the handle's.
#pragma once

#include <unistd.h>

#include <memory>

#include "core/limits.h"
#include "core/reader.h"
#include "io/helper.h"
#include "io/store.h"
#include "io/transports.h"

namespace mly
{
struct ReaderFree
{
    void operator()(mly_reader *reader) const noexcept
    {
        mly_reader_free(reader);
    }
};
using ReaderPtr = std::unique_ptr<mly_reader, ReaderFree>;

// A child of the process that made a transport has no use for it, and leaves it alone: its connections are the
// parent's.
class TransportFree
{
  public:
    bool IsOurs() const noexcept
    {
        return process_ == getpid();
    }

    void operator()(mly_transport *transport) const noexcept
    {
        if (IsOurs())
            mly_transport_free(transport);
    }

  private:
    pid_t process_ = getpid();
};
using TransportPtr = std::unique_ptr<mly_transport, TransportFree>;

struct HelperFree
{
    void operator()(mly_helper *helper) const noexcept
    {
        mly_helper_free(helper);
    }
};
using HelperPtr = std::unique_ptr<mly_helper, HelperFree>;

struct StoreClose
{
    void operator()(mly_store *store) const noexcept
    {
        mly_store_close(store);
    }
};
using StorePtr = std::unique_ptr<mly_store, StoreClose>;

// A plan, and the memory that its filter lies in.
class Plan
{
  public:
    Plan()
    {
        mly_arena_init(&arena_, mly_mem_system(), MLY_LIMIT_SCRATCH_MEMORY);
    }

    Plan(const Plan &) = delete;
    Plan &operator=(const Plan &) = delete;

    ~Plan()
    {
        mly_plan_fini(&plan_);
        mly_arena_fini(&arena_);
    }

    mly_plan *get()
    {
        return &plan_;
    }

    mly_arena *Arena()
    {
        return &arena_;
    }

  private:
    mly_arena arena_{};
    mly_plan plan_{};
};

}  // namespace mly
