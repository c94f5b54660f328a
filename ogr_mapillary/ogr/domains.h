// SPDX-License-Identifier: MIT
// domains.h — what values a field can take, for programs that offer or explain them (GDAL's field domains).
// Owner: what is made is the caller's. Threads: constant tables. Source: API.md 1.2, 2.2.
#pragma once

#include <memory>
#include <vector>

#include <ogr_feature.h>

#include "core/schema.h"

namespace mly
{
// The name of the domain of a layer's column; null if it has none.
const char *DomainOf(const mly_layer *layer, const mly_column &column);

// All domains that layers name.
std::vector<std::unique_ptr<OGRFieldDomain>> MakeDomains();
}  // namespace mly
