/* SPDX-License-Identifier: MIT */
/* plain_sql.h — SQL once more: attribute filters as trees of their own, by chance, and a plain evaluator for them that
 * speaks the dialects of GDAL's versions. What core/expr.c says of a row is held against it.
 * Owner: values; a tree lies in its forest. Threads: values. */
#ifndef MLY_TEST_PLAIN_SQL_H
#define MLY_TEST_PLAIN_SQL_H

#include "chance.h"
#include "core/expr.h"

enum {
    PLAIN_WHOLE,
    PLAIN_REAL,
    PLAIN_TRUTH,
    PLAIN_TEXT,
    PLAIN_TIME,
    PLAIN_LIST,
    PLAIN_KEY,
    PLAIN_NAME,
    PLAIN_N_COLUMNS
};
enum { PLAIN_MAX_LITERALS = 6, PLAIN_MAX_NODES = 64, PLAIN_N_DIALECTS = 12 };
enum { PLAIN_ALL_KNOWN = (1 << PLAIN_N_COLUMNS) - 1 };

enum plain_word {
    PLAIN_WORD_CONSTANT,
    PLAIN_WORD_UNKNOWN,
    PLAIN_WORD_TEST,
    PLAIN_WORD_NOT,
    PLAIN_WORD_AND,
    PLAIN_WORD_OR
};

struct plain_node {
    enum plain_word word;
    bool truth;
    unsigned number; /* of an unknown */
    bool is_value;   /* likewise: it is no comparison */
    int column;
    enum mly_op op;
    struct mly_literal literals[PLAIN_MAX_LITERALS];
    uint32_t n_literals;
    const struct plain_node *l, *r;
};

/* VOID is what old versions make of a NULL that is no comparison's: AND and OR of it are FALSE. */
enum plain_result { PLAIN_SAYS_FALSE, PLAIN_SAYS_TRUE, PLAIN_SAYS_NULL, PLAIN_SAYS_VOID };

struct plain_dialect {
    bool knows_null;         /* since GDAL 3.10 */
    bool like_ignores_case;  /* OGR_SQL_LIKE_AS_ILIKE */
    bool has_strict_end;     /* 'a' does not match 'a%%' */
    bool is_turkish;         /* I is not the upper case of i */
    bool folds_beyond_ascii; /* some bytes, in some way */
    bool fid_is_null;        /* of a row without an id; else it is -1 */
    bool lists_are_uniform;  /* one real number in a list makes all of them real */
    int moment;              /* of an interval: in hundredths of its length */
    uint64_t whim;           /* what unknowns and odd comparisons say */
};

struct plain_sample {
    int64_t fid;
    struct mly_value values[PLAIN_N_COLUMNS];
};

struct plain_forest {
    struct plain_node nodes[PLAIN_MAX_NODES];
    size_t n;
    const struct plain_node *root;
    bool is_plain;  /* no unknowns, no texts: what can be exact */
    bool is_typed;  /* literals compare with their column */
    bool is_narrow; /* most tests choose values for one column */
    int column;
};

struct plain_dialect plain_random_dialect(struct chance *chance);
struct plain_sample plain_random_sample(struct chance *chance);

/* A tree by chance: forest->root. What kind of tree, the forest's other members say. */
void plain_plant(struct plain_forest *forest, struct chance *chance);

/* The same tree as the core has it; NULL: the arena refused. */
const struct mly_expr *plain_build(struct mly_arena *arena, const struct plain_node *node);

enum plain_result plain_say(const struct plain_dialect *dialect, const struct plain_node *node,
                            const struct plain_sample *sample);

/* False: these do not compare. */
bool plain_compare(const struct plain_dialect *dialect, struct mly_value value, const struct mly_literal *literal,
                   bool as_reals, int *sign);

/* Values of the columns that are not known become none that the code could look at. */
struct plain_sample plain_hide(struct plain_sample sample, uint64_t known);

/* What was said of a row of which some columns are known holds in every dialect, whatever the others are. */
void plain_check_law(const struct plain_node *root, const struct plain_sample *sample, uint64_t known,
                     enum mly_truth truth, struct chance *chance);

/* Of what mly_expr_demand gives. */
bool plain_is_among(const struct plain_dialect *dialect, struct mly_value value, const struct mly_buf *demanded);
void plain_check_each_once(const struct mly_buf *demanded);

#endif
