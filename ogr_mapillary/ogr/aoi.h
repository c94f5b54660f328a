// SPDX-License-Identifier: MIT
// aoi.h — an area of interest: the polygons of anything that OGR reads, as a spatial filter that is always on.
// Owner: a value behind a pointer. Threads: constant once read; GEOS's prepared geometries are not for two at once.
// Source: SPEC.md 1, AOI.
#pragma once

#include <memory>
#include <string>

#include "compat.h"

namespace mly
{
class Aoi
{
  public:
    // Whether to read it asks nobody but this machine: text, or a file of its own.
    static bool IsAtHand(const std::string &text);

    // `text` is well-known text, GeoJSON, or a path to anything OGR reads. Null, with an error that names the option,
    // when it cannot be read or holds no polygon.
    static std::unique_ptr<Aoi> Read(const std::string &text);

    // Whether this thread is reading an area just now: a MAPILLARY dataset behind it would never end.
    static bool IsBeingRead();

    ~Aoi();
    Aoi(const Aoi &) = delete;
    Aoi &operator=(const Aoi &) = delete;

    const OGREnvelope &Envelope() const
    {
        return envelope_;
    }

    OGRPreparedGeometry *Prepared() const
    {
        return prepared_;
    }

    // Whether they share a point. No geometry meets nothing.
    bool Meets(const OGRGeometry *geometry) const;

  private:
    explicit Aoi(std::unique_ptr<OGRGeometry> area);

    std::unique_ptr<OGRGeometry> area_;
    OGREnvelope envelope_;
    OGRPreparedGeometry *prepared_;
};
}  // namespace mly
