// SPDX-License-Identifier: MIT
#include "residual.h"

#include <cpl_string.h>
#include <ogr_swq.h>

#include <algorithm>

#include "report.h"

namespace mly
{
namespace
{
bool IsComparison(const swq_expr_node *node)
{
    if (node->eNodeType != SNT_OPERATION)
        return false;
    switch (node->nOperation)
    {
        case SWQ_EQ:
        case SWQ_NE:
        case SWQ_LT:
        case SWQ_LE:
        case SWQ_GT:
        case SWQ_GE:
        case SWQ_IN:
        case SWQ_BETWEEN:
            return true;
        default:
            return false;
    }
}

// The DateTime field that the node is, or -1.
int DateField(const swq_expr_node *node, const OGRFeatureDefn *defn)
{
    if (node->eNodeType != SNT_COLUMN || node->field_index < 0 || node->field_index >= defn->GetFieldCount() ||
        defn->GetFieldDefn(node->field_index)->GetType() != OFTDateTime)
        return -1;
    return node->field_index;
}

// The DateTime field that a comparison is about, or -1.
int ComparedDate(const swq_expr_node *node, const OGRFeatureDefn *defn)
{
    for (int i = 0; IsComparison(node) && i < node->nSubExprCount; i++)
    {
        const int field = DateField(node->papoSubExpr[i], defn);
        if (field >= 0)
            return field;
    }
    return -1;
}

bool IsNullLiteral(const swq_expr_node *node)
{
    return node->eNodeType == SNT_CONSTANT && node->is_null;
}

// Whether a date is compared with NULL, which is never true.
bool ComparesWithNull(const swq_expr_node *node, const OGRFeatureDefn *defn)
{
    return ComparedDate(node, defn) >= 0 &&
           std::any_of(node->papoSubExpr, node->papoSubExpr + node->nSubExprCount, IsNullLiteral);
}

// NOLINTNEXTLINE(misc-no-recursion): GDAL has bounded the depth of the tree when it compiled the filter
bool HoldsNullComparison(const swq_expr_node *node, const OGRFeatureDefn *defn)
{
    bool holds = node->eNodeType == SNT_OPERATION && ComparesWithNull(node, defn);
    for (int i = 0; node->eNodeType == SNT_OPERATION && i < node->nSubExprCount; i++)
        holds = holds || HoldsNullComparison(node->papoSubExpr[i], defn);
    return holds;
}

// The first literal that a date is compared with and that is no date; null if there is none.
// NOLINTNEXTLINE(misc-no-recursion): GDAL has bounded the depth of the tree when it compiled the filter
const char *UnreadableDate(const swq_expr_node *node, const OGRFeatureDefn *defn)
{
    const bool isAboutDate = ComparedDate(node, defn) >= 0;
    for (int i = 0; node->eNodeType == SNT_OPERATION && i < node->nSubExprCount; i++)
    {
        const swq_expr_node *sub = node->papoSubExpr[i];
        OGRField parsed;
        if (isAboutDate && sub->eNodeType == SNT_CONSTANT && !sub->is_null && sub->string_value &&
            !OGRParseDate(sub->string_value, &parsed, 0))
            return sub->string_value;
        if (const char *text = UnreadableDate(sub, defn))
            return text;
    }
    return nullptr;
}

// The dates that the filter compares with something, a bit for each field.
// NOLINTNEXTLINE(misc-no-recursion): GDAL has bounded the depth of the tree when it compiled the filter
uint64_t ComparedDates(const swq_expr_node *node, const OGRFeatureDefn *defn)
{
    const int field = ComparedDate(node, defn);
    uint64_t dates = field >= 0 ? uint64_t{1} << field : 0;
    for (int i = 0; node->eNodeType == SNT_OPERATION && i < node->nSubExprCount; i++)
        dates |= ComparedDates(node->papoSubExpr[i], defn);
    return dates;
}

swq_expr_node *MakeFalse()
{
    auto *node = new swq_expr_node(SWQ_EQ);
    node->field_type = SWQ_BOOLEAN;
    node->PushSubExpression(new swq_expr_node(1));
    node->PushSubExpression(new swq_expr_node(0));
    return node;
}

// Takes the NULLs out of a list: nothing is equal to them. False: nothing else was in it.
bool DropNullsFromList(swq_expr_node *list)
{
    swq_expr_node **first = list->papoSubExpr;
    swq_expr_node **kept = std::stable_partition(first, first + list->nSubExprCount,
                                                 [](const swq_expr_node *node) { return !IsNullLiteral(node); });
    std::for_each(kept, first + list->nSubExprCount, [](swq_expr_node *node) { delete node; });
    list->nSubExprCount = static_cast<int>(kept - first);
    return list->nSubExprCount > 1;  // the first is the field
}

// Whether a comparison can be true of a row that lacks these dates.
bool CanBeTrue(swq_expr_node *comparison, int field, uint64_t absentDates)
{
    if ((absentDates & (uint64_t{1} << field)) != 0)
        return false;
    if (comparison->nOperation == SWQ_IN)
        return DropNullsFromList(comparison);
    return std::none_of(comparison->papoSubExpr, comparison->papoSubExpr + comparison->nSubExprCount, IsNullLiteral);
}

// NOLINTNEXTLINE(misc-no-recursion): as above, the depth is bounded
void ReplaceComparisons(swq_expr_node *&node, const OGRFeatureDefn *defn, uint64_t absentDates)
{
    const int field = ComparedDate(node, defn);
    if (field >= 0 && node->nOperation != SWQ_NE)
    {
        if (!CanBeTrue(node, field, absentDates))
        {
            delete node;
            node = MakeFalse();
        }
        return;
    }
    for (int i = 0; node->eNodeType == SNT_OPERATION && i < node->nSubExprCount; i++)
        ReplaceComparisons(node->papoSubExpr[i], defn, absentDates);
}

// Which of those dates the row lacks.
uint64_t AbsentDates(const OGRFeature *feature, uint64_t dates)
{
    uint64_t absent = 0;
    for (int i = 0; dates >> i != 0; i++)
    {
        if ((dates >> i & 1) != 0 && !feature->IsFieldSetAndNotNull(i))
            absent |= uint64_t{1} << i;
    }
    return absent;
}

// A query of that tree, which it takes over: as it is, since not every number comes back from its text. Null if GDAL
// does not make one.
std::unique_ptr<OGRFeatureQuery> MakeQuery(std::unique_ptr<swq_expr_node> tree, OGRFeatureDefn *defn)
{
    auto query = std::make_unique<OGRFeatureQuery>();
    if (query->Compile(defn, "1 = 0 OR 1 = 0") != OGRERR_NONE)
        return nullptr;
    auto *root = static_cast<swq_expr_node *>(query->GetSWQExpr());
    if (root->eNodeType != SNT_OPERATION || root->nOperation != SWQ_OR || root->nSubExprCount != 2)
        return nullptr;
    delete root->papoSubExpr[0];
    root->papoSubExpr[0] = tree.release();
    return query;
}
}  // namespace

bool Residual::Set(OGRFeatureQuery *query, OGRFeatureDefn *defn)
{
    query_ = query;
    defn_ = defn;
    withoutDates_.clear();
    comparesWithNull_ = false;
    if (!query)
        return true;
    comparesWithNull_ = HoldsNullComparison(static_cast<const swq_expr_node *>(query->GetSWQExpr()), defn);
    comparedDates_ = ComparedDates(static_cast<const swq_expr_node *>(query->GetSWQExpr()), defn);
    const char *unreadable = UnreadableDate(static_cast<const swq_expr_node *>(query->GetSWQExpr()), defn);
    if (unreadable)
        ReportUsage("the attribute filter compares a date with '%s', which is none; write e.g. '2023/07/01' or "
                    "'2023/07/01 12:00:00'",
                    unreadable);
    return !unreadable;
}

OGRFeatureQuery *Residual::QueryWithout(uint64_t absentDates)
{
    std::unique_ptr<OGRFeatureQuery> &query = withoutDates_[absentDates];
    if (!query)
    {
        auto *node = static_cast<swq_expr_node *>(query_->GetSWQExpr())->Clone();
        ReplaceComparisons(node, defn_, absentDates);
        query = MakeQuery(std::unique_ptr<swq_expr_node>(node), defn_);
    }
    return query ? query.get() : query_;
}

bool Residual::Passes(OGRFeature *feature)
{
    if (!query_)
        return true;
    if (!kSqlKnowsNull)
    {
        const uint64_t absent = AbsentDates(feature, comparedDates_);
        if (absent || comparesWithNull_)
            return QueryWithout(absent)->Evaluate(feature) != 0;
    }
    return query_->Evaluate(feature) != 0;
}
}  // namespace mly
