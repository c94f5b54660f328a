// SPDX-License-Identifier: MIT
// memory.h — decoded tiles that all datasets of the process share, so that panning back asks nothing, and features that
// were just read are found by their id.
// Owner: the process, until GDAL lets go of the driver. Threads: any.
#pragma once

#include "core/hold.h"

namespace mly
{
// Null when there is no memory for it.
mly_hold *SharedTiles();

// The end: no dataset of the driver is open any more.
void ForgetSharedTiles();
}  // namespace mly
