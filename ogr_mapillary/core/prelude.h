/* SPDX-License-Identifier: MIT */
/* prelude.h — what has to be known before a plan can be read: first a machine that finds it out, then the machine that
 * reads the plan with what was found.
 * Owner: whoever called _new, by mly_machine_free. Threads: see machine.h. */
#ifndef MLY_PRELUDE_H
#define MLY_PRELUDE_H

#include "machine.h"
#include "plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes the machine that reads a plan; both must outlive it. */
typedef enum mly_status mly_make_fn(const struct mly_plan *plan, const struct mly_read_options *options,
                                    struct mly_machine **out, struct mly_error *err);

/* The part that finds out. `self` is the prelude's, to be ended by it. */
struct mly_prelude_part {
    void *self;
    enum mly_status (*want)(void *self, struct mly_request *out, struct mly_error *err);
    enum mly_status (*feed)(void *self, struct mly_response *response, struct mly_error *err);
    /* MLY_AGAIN: want and feed first. MLY_DONE: no answer is owed any more, and `*plan`, the part's own, says what is
     * to be read. */
    enum mly_status (*step)(void *self, const struct mly_plan **plan, struct mly_error *err);
    void (*destroy)(void *self);
};

/* Owns the part from the call on, also when it fails. */
enum mly_status mly_prelude_new(const struct mly_prelude_part *part, const struct mly_read_options *options,
                                mly_make_fn *make, struct mly_machine **out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
