// SPDX-License-Identifier: MIT
// handles.h — the core's handles as C++ values: they end when their scope does.
// Owner: the value. Threads: as the handle's.
#pragma once

#include <memory>

#include "core/reader.h"
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

struct TransportFree
{
    void operator()(mly_transport *transport) const noexcept
    {
        mly_transport_free(transport);
    }
};
using TransportPtr = std::unique_ptr<mly_transport, TransportFree>;

struct StoreClose
{
    void operator()(mly_store *store) const noexcept
    {
        mly_store_close(store);
    }
};
using StorePtr = std::unique_ptr<mly_store, StoreClose>;

class Plan
{
  public:
    Plan() = default;
    Plan(const Plan &) = delete;
    Plan &operator=(const Plan &) = delete;

    ~Plan()
    {
        mly_plan_fini(&plan_);
    }

    mly_plan *get()
    {
        return &plan_;
    }

  private:
    mly_plan plan_{};
};

}  // namespace mly
