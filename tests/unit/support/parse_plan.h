/* SPDX-License-Identifier: MIT */
/* parse_plan.h — reads back what core/plan_text.h writes; shares nothing with it but the words.
 * Owner: what is read lives in the caller's arena, but for the plan's buffers; see core/plan.h. Threads: one. */
#ifndef MLY_TEST_PARSE_PLAN_H
#define MLY_TEST_PARSE_PLAN_H

#include "core/plan.h"

/* The plan of a text, which must be one. To be finished with mly_plan_fini; it and the arena die together. */
struct mly_plan parse_plan(struct mly_span text, struct mly_arena *arena);

#endif
