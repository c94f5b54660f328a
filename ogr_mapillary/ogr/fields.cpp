// SPDX-License-Identifier: MIT
#include "fields.h"

#include <cpl_string.h>

namespace mly
{
FieldUse::FieldUse(OGRFeatureDefn *defn, OGRFeatureQuery *query, bool hasSpatialFilter)
{
    const CPLStringList used(query ? query->GetUsedFields() : nullptr);
    int nUsedRegular = 0;
    for (int i = 0; i < defn->GetFieldCount(); i++)
    {
        const bool isIgnored = defn->GetFieldDefn(i)->IsIgnored() != 0;
        const bool isUsed = used.FindString(defn->GetFieldDefn(i)->GetNameRef()) >= 0;
        nUsedRegular += isUsed;
        if (isUsed)
            filtered_.push_back(i);
        if (!isIgnored || isUsed)
            read_.push_back(i);
        if (isIgnored && isUsed)
            filterOnly_.push_back(i);
    }
    // Whatever else a filter uses (OGR_GEOM_AREA, OGR_GEOM_WKT…) may be made from the geometry.
    const bool isUsed = hasSpatialFilter || nUsedRegular < used.Count();
    const bool isIgnored = defn->IsGeometryIgnored() != 0;
    readsGeometry_ = !isIgnored || isUsed;
    filtersGeometry_ = isUsed;
    geometryIsFilterOnly_ = isIgnored && isUsed;
}

FieldUse FieldUse::OnlyFiltered() const
{
    FieldUse use;
    use.read_ = use.filtered_ = filtered_;
    use.readsGeometry_ = use.filtersGeometry_ = filtersGeometry_;
    return use;
}

void FieldUse::DropFilterOnly(OGRFeature *feature) const
{
    for (const int i : filterOnly_)
        feature->UnsetField(i);
    if (geometryIsFilterOnly_)
        feature->SetGeometryDirectly(nullptr);
}
}  // namespace mly
