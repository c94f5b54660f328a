// SPDX-License-Identifier: MIT
#include "owners.h"

#include <ogr_swq.h>

#include <algorithm>
#include <iterator>

namespace mly
{
namespace
{
using Ids = std::vector<int64_t>;

constexpr int kMaxDepth = 64;  // deeper trees than people and programs write demand nothing that we see

bool IsField(const swq_expr_node *node, int field)
{
    return node->eNodeType == SNT_COLUMN && node->field_index == field;
}

// OGR SQL turns whole numbers into real ones at times.
std::optional<int64_t> WholeNumber(const swq_expr_node *node)
{
    constexpr double kExact = 9007199254740992.0;  // 2^53: beyond it a double is no longer the number that was written
    if (node->eNodeType != SNT_CONSTANT || node->is_null)
        return std::nullopt;
    if (node->field_type == SWQ_INTEGER || node->field_type == SWQ_INTEGER64)
        return node->int_value;
    const bool isWhole = node->field_type == SWQ_FLOAT && node->float_value >= -kExact && node->float_value <= kExact &&
                         static_cast<double>(static_cast<int64_t>(node->float_value)) == node->float_value;
    return isWhole ? std::optional<int64_t>(static_cast<int64_t>(node->float_value)) : std::nullopt;
}

void Add(Ids &ids, int64_t id)
{
    if (std::find(ids.begin(), ids.end(), id) == ids.end())
        ids.push_back(id);
}

Ids Intersection(const Ids &a, const Ids &b)
{
    Ids both;
    std::copy_if(a.begin(), a.end(), std::back_inserter(both),
                 [&](int64_t id) { return std::find(b.begin(), b.end(), id) != b.end(); });
    return both;
}

std::optional<Ids> OfEquality(const swq_expr_node *node, int field)
{
    const swq_expr_node *left = node->papoSubExpr[0];
    const swq_expr_node *right = node->papoSubExpr[1];
    const swq_expr_node *constant = IsField(left, field) ? right : IsField(right, field) ? left : nullptr;
    const std::optional<int64_t> id = constant ? WholeNumber(constant) : std::nullopt;
    return id ? std::optional<Ids>(Ids{*id}) : std::nullopt;
}

std::optional<Ids> OfList(const swq_expr_node *node, int field)
{
    Ids ids;
    if (!IsField(node->papoSubExpr[0], field))
        return std::nullopt;
    for (int i = 1; i < node->nSubExprCount; i++)
    {
        const std::optional<int64_t> id = WholeNumber(node->papoSubExpr[i]);
        if (!id)
            return std::nullopt;
        Add(ids, *id);
    }
    return ids;
}

// NOLINTNEXTLINE(misc-no-recursion): a tree; its depth is bounded
std::optional<Ids> OfNode(const swq_expr_node *node, int field, int depth)
{
    if (node->eNodeType != SNT_OPERATION || node->nSubExprCount < 2 || depth > kMaxDepth)
        return std::nullopt;
    if (node->nOperation == SWQ_EQ)
        return OfEquality(node, field);
    if (node->nOperation == SWQ_IN)
        return OfList(node, field);
    if (node->nOperation != SWQ_AND && node->nOperation != SWQ_OR)
        return std::nullopt;

    const bool isAnd = node->nOperation == SWQ_AND;
    std::optional<Ids> ids;
    for (int i = 0; i < node->nSubExprCount; i++)
    {
        const std::optional<Ids> more = OfNode(node->papoSubExpr[i], field, depth + 1);
        if (!more && !isAnd)
            return std::nullopt;
        if (!more)
            continue;
        if (!ids)
            ids = more;
        else if (isAnd)
            ids = Intersection(*ids, *more);
        else
            std::for_each(more->begin(), more->end(), [&](int64_t id) { Add(*ids, id); });
    }
    return ids;
}
}  // namespace

std::optional<std::vector<int64_t>> DemandedIds(OGRFeatureQuery *query, int field)
{
    return query ? OfNode(static_cast<const swq_expr_node *>(query->GetSWQExpr()), field, 0) : std::nullopt;
}
}  // namespace mly
