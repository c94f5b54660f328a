// SPDX-License-Identifier: MIT
#include "wkb.h"

#include <cpl_port.h>

#include <cstring>

namespace mly
{
namespace
{
// What stands before each geometry is one byte for the order of bytes and four for its type.
constexpr uint8_t kLittleEndian = 1;
constexpr size_t kHead = 5;
constexpr size_t kCount = 4;

enum WkbType : uint32_t
{
    kPoint = 1,
    kLineString = 2,
    kPolygon = 3,
    kMultiLineString = 5,
    kMultiPolygon = 6
};

static_assert(kWkbPoint == kHead + sizeof(mly_point));

static_assert(sizeof(mly_point) == 2 * sizeof(double), "points are written as they lie");

class Writer
{
  public:
    explicit Writer(uint8_t *out) : out_(out)
    {
    }

    void Head(WkbType type)
    {
        *out_++ = kLittleEndian;
        Number(type);
    }

    void Number(uint32_t number)
    {
        CPL_LSBPTR32(&number);
        Bytes(&number, sizeof number);
    }

    void Points(const mly_point *points, uint32_t n)
    {
#if CPL_IS_LSB
        Bytes(points, n * sizeof *points);
#else
        for (uint32_t i = 0; i < n; i++)
        {
            mly_point point = points[i];
            CPL_LSBPTR64(&point.x);
            CPL_LSBPTR64(&point.y);
            Bytes(&point, sizeof point);
        }
#endif
    }

  private:
    void Bytes(const void *bytes, size_t n)
    {
        if (n > 0)
            memcpy(out_, bytes, n);
        out_ += n;
    }

    uint8_t *out_;
};

// A part or ring: its points, and whether the first is repeated at the end.
struct Ring
{
    const mly_point *points;
    uint32_t n;
    uint32_t nClosing;
};

Ring RingOf(const mly_row &row, uint32_t part)
{
    const uint32_t begin = part > 0 ? row.part_ends[part - 1] : 0;
    const mly_point *points = row.points + begin;
    const uint32_t n = row.part_ends[part] - begin;
    const bool isOpen = n > 1 && (points[0].x != points[n - 1].x || points[0].y != points[n - 1].y);
    return {points, n, isOpen ? 1U : 0U};
}

size_t RingsSize(const mly_row &row, uint32_t begin, uint32_t end)
{
    size_t size = 0;
    for (uint32_t part = begin; part < end; part++)
    {
        const Ring ring = RingOf(row, part);
        size += kCount + (size_t{ring.n} + ring.nClosing) * sizeof(mly_point);
    }
    return size;
}

void WritePolygon(const mly_row &row, uint32_t begin, uint32_t end, Writer &out)
{
    out.Head(kPolygon);
    out.Number(end - begin);
    for (uint32_t part = begin; part < end; part++)
    {
        const Ring ring = RingOf(row, part);
        out.Number(ring.n + ring.nClosing);
        out.Points(ring.points, ring.n);
        out.Points(ring.points, ring.nClosing);
    }
}

void WriteLines(const mly_row &row, Writer &out)
{
    out.Head(kMultiLineString);
    out.Number(row.n_parts);
    for (uint32_t part = 0; part < row.n_parts; part++)
    {
        const Ring line = RingOf(row, part);
        out.Head(kLineString);
        out.Number(line.n);
        out.Points(line.points, line.n);
    }
}

void WritePolygons(const mly_row &row, Writer &out)
{
    out.Head(kMultiPolygon);
    out.Number(row.n_polygons);
    uint32_t begin = 0;
    for (uint32_t i = 0; i < row.n_polygons; begin = row.polygon_ends[i++])
        WritePolygon(row, begin, row.polygon_ends[i], out);
}

void WritePoint(double longitude, double latitude, Writer &out)
{
    const mly_point point{longitude, latitude};
    out.Head(kPoint);
    out.Points(&point, 1);
}
}  // namespace

size_t WkbSize(const mly_row &row, mly_shape shape)
{
    const uint32_t nRings = row.n_polygons > 0 ? row.polygon_ends[row.n_polygons - 1] : 0;
    switch (shape)
    {
        case MLY_LINES:
            return kHead + kCount + row.n_parts * (kHead + kCount) +
                   (row.n_parts > 0 ? size_t{row.part_ends[row.n_parts - 1]} * sizeof(mly_point) : 0);
        case MLY_POLYGONS:
            return row.n_polygons == 0 ? 0
                                       : kHead + kCount + row.n_polygons * (kHead + kCount) + RingsSize(row, 0, nRings);
        case MLY_BOX:
            return kHead + kCount + RingsSize(row, 0, 1);
        default:
            return row.has_position ? kHead + sizeof(mly_point) : 0;
    }
}

void WriteWkb(const mly_row &row, mly_shape shape, uint8_t *out)
{
    Writer writer(out);
    switch (shape)
    {
        case MLY_LINES:
            WriteLines(row, writer);
            break;
        case MLY_POLYGONS:
            WritePolygons(row, writer);
            break;
        case MLY_BOX:
            WritePolygon(row, 0, 1, writer);
            break;
        default:
            WritePoint(row.longitude, row.latitude, writer);
    }
}

void WriteWkbPoints(const double *longitudes, const double *latitudes, size_t n, uint8_t *out)
{
    Writer writer(out);
    for (size_t i = 0; i < n; i++)
        WritePoint(longitudes[i], latitudes[i], writer);
}
}  // namespace mly
