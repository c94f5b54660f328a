// SPDX-License-Identifier: MIT
#include "filter.h"

#include <ogr_swq.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <optional>

namespace mly
{
namespace
{
constexpr size_t kFidField = 0;  // the first of the fields that every layer has, behind its own (GDAL's SPF_FID)

class Translator
{
  public:
    Translator(const mly_layer *layer, const std::vector<int> &columns, mly_arena *arena)
        : layer_(layer), columns_(columns), arena_(arena)
    {
    }

    const mly_expr *Node(const swq_expr_node *node, int depth) const;

  private:
    std::optional<int> Column(const swq_expr_node *node) const;
    int Identity(int column, mly_op op, const std::vector<mly_literal> &literals) const;
    mly_type TypeOf(int column) const;
    std::optional<mly_literal> Literal(const swq_expr_node *node, int column, mly_op op) const;
    const mly_expr *Unknown(const swq_expr_node *node) const;
    const mly_expr *Combination(const swq_expr_node *node, int depth) const;
    const mly_expr *Comparison(const swq_expr_node *node, mly_op op) const;
    const mly_expr *Constants(const swq_expr_node *node, mly_op op) const;
    const mly_expr *Range(const swq_expr_node *node) const;
    bool IsRealForBoolean(int column, const mly_literal &literal) const;
    const mly_expr *List(const swq_expr_node *node) const;
    const mly_expr *Pattern(const swq_expr_node *node, mly_op op) const;
    const mly_expr *IsNull(const swq_expr_node *node) const;
    const mly_expr *Test(const swq_expr_node *node, const swq_expr_node *column, const swq_expr_node *constant,
                         mly_op op) const;

    const mly_layer *layer_;
    const std::vector<int> &columns_;
    mly_arena *arena_;
};

bool IsConstant(const swq_expr_node *node)
{
    return node->eNodeType == SNT_CONSTANT;
}

bool IsInteger(const swq_expr_node *node)
{
    return node->field_type == SWQ_INTEGER || node->field_type == SWQ_INTEGER64 || node->field_type == SWQ_BOOLEAN;
}

// Fields come first, then what every layer has, of which the FID is the first.
std::optional<int> Translator::Column(const swq_expr_node *node) const
{
    if (node->eNodeType != SNT_COLUMN || node->field_index < 0 || node->table_index != 0)
        return std::nullopt;
    const auto index = static_cast<size_t>(node->field_index);
    if (index < columns_.size())
        return columns_[index];
    return index == columns_.size() + kFidField ? std::optional<int>(MLY_EXPR_FID) : std::nullopt;
}

// Where a row's id is its FID, asking for the one is asking for the other; but only an absent id has the FID -1.
int Translator::Identity(int column, mly_op op, const std::vector<mly_literal> &literals) const
{
    const bool isSame = layer_->shape == MLY_POINT && layer_->entity != MLY_ENTITY_NONE;
    const bool isPlain = std::all_of(literals.begin(), literals.end(),
                                     [](const mly_literal &literal)
                                     { return literal.value.type == MLY_INT && literal.value.as.i > 0; });
    return column == MLY_EXPR_FID && isSame && isPlain && (op == MLY_OP_EQ || op == MLY_OP_IN) ? 0 : column;
}

mly_type Translator::TypeOf(int column) const
{
    return column == MLY_EXPR_FID ? MLY_INT : layer_->columns[column].type;
}

// Days from 1970-01-01 in the Gregorian calendar.
int64_t DaysSince1970(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t inEra = y - era * 400;
    const int64_t inYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + inEra * 365 + inEra / 4 - inEra / 100 + inYear - 719468;
}

// The moments that a date may stand for. GDAL keeps seconds as floats, versions differ in what = makes of fractions,
// and 3.6 takes no notice of time zones.
std::optional<mly_literal> Moment(const char *text, mly_op op)
{
    OGRField parsed;
    if (!OGRParseDate(text, &parsed, 0) || parsed.Date.Year == 0)
        return std::nullopt;
    const auto &date = parsed.Date;
    const int64_t minutes = (DaysSince1970(date.Year, date.Month, date.Day) * 24 + date.Hour) * 60 + date.Minute;
    const int64_t ms = minutes * 60000 + std::llround(static_cast<double>(date.Second) * 1000.0);
    const bool isOrder = op == MLY_OP_LT || op == MLY_OP_LE || op == MLY_OP_GT || op == MLY_OP_GE;
    const bool isPlain = date.TZFlag == 0 && std::floor(date.Second) == date.Second && isOrder;
    int64_t zone = 0;  // ms that local time is ahead of UTC: quarters of an hour, 100 is UTC
    if (date.TZFlag > 1)
        zone = (date.TZFlag - 100) * 15LL * 60000;
    const int64_t slack = date.TZFlag == 1 ? 14LL * 3600000 : isPlain ? 0 : 1;
    mly_literal literal{};
    literal.value.type = MLY_TIME;
    literal.value.as.i = std::min(ms, ms - zone) - slack;
    literal.until = std::max(ms, ms - zone) + slack;
    return literal;
}

std::optional<mly_literal> Translator::Literal(const swq_expr_node *node, int column, mly_op op) const
{
    mly_literal literal{};
    const mly_type type = TypeOf(column);
    if (!IsConstant(node) || node->is_null)
        return std::nullopt;
    if (type == MLY_TIME)
        return node->string_value ? Moment(node->string_value, op) : std::nullopt;
    if (type == MLY_TEXT)
    {
        if (node->field_type != SWQ_STRING || !node->string_value)
            return std::nullopt;
        literal.value.type = MLY_TEXT;
        literal.value.as.text = node->string_value;
        literal.value.n_bytes = static_cast<uint32_t>(strlen(node->string_value));
        return literal;
    }
    if (type != MLY_INT && type != MLY_BOOL && type != MLY_REAL)
        return std::nullopt;
    if (IsInteger(node))
    {
        literal.value.type = MLY_INT;
        literal.value.as.i = node->int_value;
        return literal;
    }
    if (node->field_type != SWQ_FLOAT)
        return std::nullopt;
    literal.value.type = MLY_REAL;
    literal.value.as.r = node->float_value;
    return literal;
}

// GDAL 3.6 makes integers of real numbers that a boolean is held against in lists and ranges, and of some only.
bool Translator::IsRealForBoolean(int column, const mly_literal &literal) const
{
    return TypeOf(column) == MLY_BOOL && literal.value.type == MLY_REAL;
}

// Whether it is true or false, in all versions, whatever it is about.
bool IsCondition(const swq_expr_node *node)
{
    switch (node->nOperation)
    {
        case SWQ_EQ:
        case SWQ_NE:
        case SWQ_LT:
        case SWQ_LE:
        case SWQ_GT:
        case SWQ_GE:
        case SWQ_LIKE:
        case SWQ_ILIKE:
        case SWQ_IN:
        case SWQ_BETWEEN:
        case SWQ_ISNULL:
            return true;
        default:
            return false;
    }
}

const mly_expr *Translator::Unknown(const swq_expr_node *node) const
{
    if (node->eNodeType != SNT_OPERATION)
        return mly_expr_unknown_value(arena_, node->eNodeType == SNT_COLUMN ? "a field by itself" : "a constant");
    const swq_operation *operation = swq_op_registrar::GetOperator(static_cast<swq_op>(node->nOperation));
    const char *label = operation ? operation->pszName : "a function";
    return IsCondition(node) ? mly_expr_unknown(arena_, label) : mly_expr_unknown_value(arena_, label);
}

// What stands between ANDs, or ORs: a long chain of them is a deep tree, but one level of meaning.
std::vector<const swq_expr_node *> Operands(const swq_expr_node *chain)
{
    std::vector<const swq_expr_node *> waiting{chain};
    std::vector<const swq_expr_node *> operands;
    while (!waiting.empty())
    {
        const swq_expr_node *node = waiting.back();
        waiting.pop_back();
        if (node->eNodeType != SNT_OPERATION || node->nOperation != chain->nOperation)
            operands.push_back(node);
        else
            waiting.insert(waiting.end(), std::reverse_iterator(node->papoSubExpr + node->nSubExprCount),
                           std::reverse_iterator(node->papoSubExpr));
    }
    return operands;
}

// Joined in pairs, so that the tree stays shallow.
// NOLINTNEXTLINE(misc-no-recursion): a tree; its depth is bounded
const mly_expr *Translator::Combination(const swq_expr_node *node, int depth) const
{
    std::vector<const mly_expr *> parts;
    for (const swq_expr_node *operand : Operands(node))
        parts.push_back(Node(operand, depth + 1));
    while (parts.size() > 1)
    {
        const size_t half = (parts.size() + 1) / 2;
        for (size_t i = 0; 2 * i + 1 < parts.size(); i++)
        {
            const mly_expr *left = parts[2 * i];
            const mly_expr *right = parts[2 * i + 1];
            parts[i] = node->nOperation == SWQ_AND ? mly_expr_and(arena_, left, right)
                                                   : mly_expr_or(arena_, left, right);
        }
        if (parts.size() % 2 == 1)
            parts[half - 1] = parts.back();
        parts.resize(half);
    }
    return parts.front();
}

mly_op Mirrored(mly_op op)
{
    switch (op)
    {
        case MLY_OP_LT:
            return MLY_OP_GT;
        case MLY_OP_LE:
            return MLY_OP_GE;
        case MLY_OP_GT:
            return MLY_OP_LT;
        case MLY_OP_GE:
            return MLY_OP_LE;
        default:
            return op;
    }
}

const mly_expr *Translator::Test(const swq_expr_node *node, const swq_expr_node *column, const swq_expr_node *constant,
                                 mly_op op) const
{
    const std::optional<int> index = Column(column);
    const std::optional<mly_literal> literal = index ? Literal(constant, *index, op) : std::nullopt;
    return literal ? mly_expr_test(arena_, Identity(*index, op, {*literal}), op, &*literal, 1) : Unknown(node);
}

template <class Number> bool Compare(Number l, mly_op op, Number r)
{
    switch (op)
    {
        case MLY_OP_EQ:
            return l == r;
        case MLY_OP_NE:
            return l != r;
        case MLY_OP_LT:
            return l < r;
        case MLY_OP_LE:
            return l <= r;
        case MLY_OP_GT:
            return l > r;
        default:
            return l >= r;
    }
}

// Programs send 1 = 1 and 0 = 1 for everything and nothing.
const mly_expr *Translator::Constants(const swq_expr_node *node, mly_op op) const
{
    const swq_expr_node *left = node->papoSubExpr[0];
    const swq_expr_node *right = node->papoSubExpr[1];
    const bool areNumbers = !left->is_null && !right->is_null && (IsInteger(left) || left->field_type == SWQ_FLOAT) &&
                            (IsInteger(right) || right->field_type == SWQ_FLOAT);
    if (!areNumbers)
        return Unknown(node);
    if (IsInteger(left) && IsInteger(right))
        return mly_expr_constant(arena_, Compare(left->int_value, op, right->int_value));
    const double l = IsInteger(left) ? static_cast<double>(left->int_value) : left->float_value;
    const double r = IsInteger(right) ? static_cast<double>(right->int_value) : right->float_value;
    return mly_expr_constant(arena_, Compare(l, op, r));
}

const mly_expr *Translator::Comparison(const swq_expr_node *node, mly_op op) const
{
    if (node->nSubExprCount != 2)
        return Unknown(node);
    const swq_expr_node *left = node->papoSubExpr[0];
    const swq_expr_node *right = node->papoSubExpr[1];
    if (IsConstant(left) && IsConstant(right))
        return Constants(node, op);
    return IsConstant(left) ? Test(node, right, left, Mirrored(op)) : Test(node, left, right, op);
}

const mly_expr *Translator::Range(const swq_expr_node *node) const
{
    if (node->nSubExprCount != 3)
        return Unknown(node);
    const std::optional<int> column = Column(node->papoSubExpr[0]);
    const std::optional<mly_literal> low = column ? Literal(node->papoSubExpr[1], *column, MLY_OP_GE) : std::nullopt;
    const std::optional<mly_literal> high = column ? Literal(node->papoSubExpr[2], *column, MLY_OP_LE) : std::nullopt;
    if (!low || !high || IsRealForBoolean(*column, *low) || IsRealForBoolean(*column, *high))
        return Unknown(node);
    return mly_expr_and(arena_, mly_expr_test(arena_, *column, MLY_OP_GE, &*low, 1),
                        mly_expr_test(arena_, *column, MLY_OP_LE, &*high, 1));
}

const mly_expr *Translator::List(const swq_expr_node *node) const
{
    const std::optional<int> column = node->nSubExprCount > 1 ? Column(node->papoSubExpr[0]) : std::nullopt;
    if (!column)
        return Unknown(node);
    std::vector<mly_literal> literals;
    for (int i = 1; i < node->nSubExprCount; i++)
    {
        const std::optional<mly_literal> literal = Literal(node->papoSubExpr[i], *column, MLY_OP_IN);
        if (!literal || IsRealForBoolean(*column, *literal))
            return Unknown(node);
        literals.push_back(*literal);
    }
    return mly_expr_test(arena_, Identity(*column, MLY_OP_IN, literals), MLY_OP_IN, literals.data(),
                         static_cast<uint32_t>(literals.size()));
}

// An ESCAPE makes a third operand.
const mly_expr *Translator::Pattern(const swq_expr_node *node, mly_op op) const
{
    return node->nSubExprCount == 2 ? Test(node, node->papoSubExpr[0], node->papoSubExpr[1], op) : Unknown(node);
}

const mly_expr *Translator::IsNull(const swq_expr_node *node) const
{
    const std::optional<int> column = node->nSubExprCount == 1 ? Column(node->papoSubExpr[0]) : std::nullopt;
    return column ? mly_expr_test(arena_, *column, MLY_OP_IS_NULL, nullptr, 0) : Unknown(node);
}

// NOLINTNEXTLINE(misc-no-recursion): a tree; its depth is bounded
const mly_expr *Translator::Node(const swq_expr_node *node, int depth) const
{
    if (depth > MLY_EXPR_MAX_DEPTH)
        return mly_expr_unknown_value(arena_, "depth");
    if (IsConstant(node) && IsInteger(node) && !node->is_null)
        return mly_expr_constant(arena_, node->int_value != 0);
    if (node->eNodeType != SNT_OPERATION || node->nSubExprCount < 1)
        return Unknown(node);
    switch (node->nOperation)
    {
        case SWQ_AND:
        case SWQ_OR:
            return Combination(node, depth);
        case SWQ_NOT:
            return mly_expr_not(arena_, Node(node->papoSubExpr[0], depth + 1));
        case SWQ_EQ:
            return Comparison(node, MLY_OP_EQ);
        case SWQ_NE:
            return Comparison(node, MLY_OP_NE);
        case SWQ_LT:
            return Comparison(node, MLY_OP_LT);
        case SWQ_LE:
            return Comparison(node, MLY_OP_LE);
        case SWQ_GT:
            return Comparison(node, MLY_OP_GT);
        case SWQ_GE:
            return Comparison(node, MLY_OP_GE);
        case SWQ_BETWEEN:
            return Range(node);
        case SWQ_IN:
            return List(node);
        case SWQ_LIKE:
            return Pattern(node, MLY_OP_LIKE);
        case SWQ_ILIKE:
            return Pattern(node, MLY_OP_ILIKE);
        case SWQ_ISNULL:
            return IsNull(node);
        default:
            return Unknown(node);
    }
}
}  // namespace

const mly_expr *MakeExpr(OGRFeatureQuery *query, const mly_layer *layer, const std::vector<int> &columns,
                         mly_arena *arena)
{
    if (!query)
        return nullptr;
    const Translator translator(layer, columns, arena);
    return translator.Node(static_cast<const swq_expr_node *>(query->GetSWQExpr()), 0);
}
}  // namespace mly
